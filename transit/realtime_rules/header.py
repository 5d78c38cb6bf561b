"""Rules of the header, alone and against that of the feed before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from transit.realtime_rules.finding import Finding

__all__ = ["check_header"]

_VERSIONS = ("1.0", "2.0")
_REFRESH_S = 35
_OLD_S = 65


def check_header(feed: Any, previous: Any, now_s: float | None) -> Iterator[Finding]:
    """Yield what is wrong with the header of a feed."""
    header = feed.header
    second = header.gtfs_realtime_version not in {"1.0", ""}
    if header.gtfs_realtime_version not in _VERSIONS:
        yield Finding("E038", "", repr(header.gtfs_realtime_version))
    if second and not header.HasField("incrementality"):
        yield Finding("E049", "", "none")
    if header.incrementality == header.FULL_DATASET:
        for entity in feed.entity:
            if entity.HasField("is_deleted"):
                yield Finding("E039", entity.id, f"is_deleted {entity.is_deleted}")
    if header.timestamp == 0:
        yield Finding("E048" if second else "W001", "", "no header timestamp")
        return
    if now_s is not None and now_s - header.timestamp > _OLD_S:
        yield Finding("W008", "", f"{now_s - header.timestamp:.0f} s")
    if previous is not None and previous.header.timestamp:
        yield from _against(feed, previous)


def _against(feed: Any, previous: Any) -> Iterator[Finding]:
    since_s = feed.header.timestamp - previous.header.timestamp
    if since_s == 0 and feed != previous:
        yield Finding("E017", "", f"{feed.header.timestamp} twice")
    elif since_s < 0:
        yield Finding("E018", "", f"{since_s} s")
    elif since_s > _REFRESH_S:
        yield Finding("W007", "", f"{since_s} s")

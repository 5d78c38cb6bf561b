"""Rules of times: timestamps of all entities, and predicted times from stop to stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from transit.realtime_rules.finding import Finding

__all__ = ["check_times"]

_LEAST_S, _MOST_S = 1_104_537_600, 4_102_444_800  # 2005 and 2100
_FUTURE_S = 60


def check_times(feed: Any, now_s: float | None) -> Iterator[Finding]:
    """Yield what is wrong with times."""
    header_s = feed.header.timestamp
    if header_s:
        yield from _stamp("", "header", header_s, now_s)
    for entity in feed.entity:
        for name in ("trip_update", "vehicle"):
            if entity.HasField(name):
                yield from _entity(entity.id, getattr(entity, name).timestamp, header_s, now_s)
        if entity.HasField("trip_update"):
            yield from _predictions(entity.id, entity.trip_update)
        if entity.HasField("alert"):
            yield from _periods(entity)


def _is_posix(seconds: int) -> bool:
    return _LEAST_S <= seconds <= _MOST_S


def _stamp(entity: str, name: str, stamp_s: int, now_s: float | None) -> Iterator[Finding]:
    if not _is_posix(stamp_s):
        yield Finding("E001", entity, f"{name} timestamp {stamp_s}")
    elif now_s is not None and stamp_s - now_s > _FUTURE_S:
        yield Finding("E050", entity, f"{name} timestamp {stamp_s - now_s:.0f} s from now")


def _entity(entity: str, stamp_s: int, header_s: int, now_s: float | None) -> Iterator[Finding]:
    if stamp_s == 0:
        yield Finding("W001", entity, "no timestamp")
        return
    if header_s and stamp_s > header_s:
        yield Finding("E012", entity, f"{stamp_s - header_s} s after the header")
    yield from _stamp(entity, "entity", stamp_s, now_s)


def _predictions(entity: str, trip_update: Any) -> Iterator[Finding]:
    before: dict[str, int] = {}
    for update in trip_update.stop_time_update:
        place = f"stop_sequence {update.stop_sequence}, stop_id {update.stop_id!r}"
        times = {
            name: getattr(update, name).time
            for name in ("arrival", "departure")
            if update.HasField(name) and getattr(update, name).HasField("time")
        }
        for name, time_s in times.items():
            if not _is_posix(time_s):
                yield Finding("E001", entity, f"{name} {time_s} at {place}")
            if any(time_s <= earlier for earlier in before.values()):
                yield Finding("E022", entity, f"{name} {time_s} at {place}")
        if "arrival" in times and "departure" in times and times["departure"] < times["arrival"]:
            yield Finding("E025", entity, f"{times['departure'] - times['arrival']} s at {place}")
        before |= times


def _periods(entity: Any) -> Iterator[Finding]:
    for period in entity.alert.active_period:
        for name in ("start", "end"):
            if period.HasField(name) and not _is_posix(getattr(period, name)):
                yield Finding("E001", entity.id, f"active_period.{name} {getattr(period, name)}")

"""Rules of GTFS-Realtime, by their numbers in the public validator: what a feed must keep, by itself and with a timetable.

`finding` lists the rules; `header`, `times`, `trips`, `updates` and `vehicles` check them against the look-ups of `schedule`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transit.realtime_rules.finding import RULES, Finding
from transit.realtime_rules.header import check_header
from transit.realtime_rules.schedule import schedule_of
from transit.realtime_rules.times import check_times
from transit.realtime_rules.trips import check_alerts, check_trips
from transit.realtime_rules.updates import check_stops, check_updates
from transit.realtime_rules.vehicles import check_pairs, check_vehicles

if TYPE_CHECKING:
    from transit.timetable import Timetable

__all__ = ["RULES", "Finding", "check"]


def check(
    feed: Any, timetable: Timetable, previous: Any = None, *, beside: Any = None, now_s: float | None = None
) -> list[Finding]:
    """Return what is wrong with a feed, by rule.

    Parameters
    ----------
    feed
        A ``FeedMessage``.
    previous
        The one that was published before it.
    beside
        The one of positions that is published beside one of updates, or the other way round.
    now_s
        POSIX seconds; without it nobody can say whether the feed is old, or of the future.
    """
    schedule = schedule_of(timetable)
    entities = [*feed.entity, *(beside.entity if beside is not None else ())]
    found = [
        *check_header(feed, previous, now_s),
        *check_times(feed, now_s),
        *check_trips(feed, schedule),
        *check_updates(feed, schedule),
        *check_stops(feed, schedule),
        *check_vehicles(feed, schedule),
        *check_alerts(feed, schedule),
        *check_pairs(entities, schedule),
    ]
    return sorted(found, key=lambda finding: finding.rule)

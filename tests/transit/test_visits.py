"""Stop visits: which of them are over at a time."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from transit.visits import StopVisits

ZONE = "Asia/Almaty"
MONDAY = (date(2026, 11, 23) - date(1970, 1, 1)).days


def at_s(day: int, hour: int, minute: int = 0) -> float:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo(ZONE)).timestamp()


def test_before_a_time_are_earlier_service_days_as_far_as_they_are_over() -> None:
    """Half past midnight of Tuesday, in Almaty and not in Greenwich; Monday's last bus comes at one."""
    visits = StopVisits.of(
        ZONE,
        6,
        day=[MONDAY, MONDAY, MONDAY, MONDAY, MONDAY + 1, MONDAY + 2],
        scheduled_arrival_s=[at_s(23, 22), at_s(24, 0, 20), at_s(24, 0, 50), np.nan, at_s(24, 0, 10), np.nan],
        arrival_s=[at_s(23, 22), at_s(24, 0, 40), np.nan, np.nan, at_s(24, 0, 10), np.nan],
        sequence=range(6),
    )
    assert visits.before(at_s(24, 0, 30)).sequence.tolist() == [0, 3]
    assert visits.before(at_s(25, 0)).sequence.tolist() == [0, 1, 2, 3, 4]
    assert len(visits.before(at_s(23, 23))) == 0

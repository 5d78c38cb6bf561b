"""Taps read from files: what is right is kept, what is wrong is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from traffic.errors import InputError
from transit.problems import Severity
from transit.tap_files import TapColumns, Taps, read_taps

PLAIN = """time,card,vehicle,route,stop
2026-11-27 08:00:00,9f3a,v1,32,A
2026-11-27 08:01:30+05:00,9f3a,,32,B
soon,77,v1,,
2026-11-27 08:02:00,,v1,,
2026-11-27 08:03:00,4400430112345678,v1,,
2026-11-27 08:04:00,9f3a,,32,
"""
TIDES = """transaction_id,service_date,event_timestamp,amount,fare_action,stop_id,vehicle_id,token_id,fare_capped
1,2026-11-27,2026-11-27T08:00:00+05:00,120,Enter,A,v1,9f3a,false
2,2026-11-27,2026-11-27T08:20:00+05:00,0,Exit,C,v1,9f3a,false
3,2026-11-27,2026-11-27T08:25:00+05:00,0,Transfer entrance,C,v2,9f3a,false
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_that_are_right_are_kept_and_the_others_told(tmp_path: Path) -> None:
    found = read_taps(write(tmp_path / "taps.csv", PLAIN), zone="Asia/Almaty")
    taps = found.taps
    eight = 1_795_748_400.0  # 8 o'clock in Almaty on 27 November 2026
    assert (taps.time_s - eight).tolist() == [0.0, 90.0, 120.0, 180.0]
    assert taps.card.texts() == ["9f3a", "9f3a", None, "4400430112345678"]
    assert taps.vehicle.texts() == ["v1", None, "v1", "v1"]
    assert taps.row.tolist() == [2, 3, 5, 6]
    told = {(problem.line, problem.field): problem.severity for problem in found.problems}
    assert told == {
        (4, "time"): Severity.ERROR,
        (6, "card"): Severity.WARNING,
        (7, "vehicle"): Severity.ERROR,
    }


def test_of_tides_those_count_that_enter(tmp_path: Path) -> None:
    taps = read_taps(write(tmp_path / "fare_transactions.csv", TIDES)).taps
    assert taps.vehicle.texts() == ["v1", "v2"]
    assert np.diff(taps.time_s).tolist() == [1500.0]


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    text = "when,who,bus\n2026-11-27 08:00:00,a,v\n"
    taps = read_taps(write(tmp_path / "taps.csv", text), columns=TapColumns("when", "who", "bus")).taps
    assert (taps.card[0], taps.vehicle[0], len(taps)) == ("a", "v", 1)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("card,vehicle\n1,v\n", "time of each tap"),
        ("time,card,route\n2026-11-27 08:00:00,a,32\n", "where taps were"),
    ],
)
def test_a_file_of_which_nothing_can_be_used_is_refused(tmp_path: Path, text: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        read_taps(write(tmp_path / "taps.csv", text))


def test_taps_without_a_time_cannot_be() -> None:
    from transit.coded import Coded

    none = Coded.none(1)
    with pytest.raises(InputError, match="time_s"):
        Taps(np.array([np.nan]), none, Coded.of(["v"]), none, none, np.array([1]))

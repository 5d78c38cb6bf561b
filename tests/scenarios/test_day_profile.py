"""Profiles of a day."""

from __future__ import annotations

import pytest

from scenarios.day_profile import read_profile
from traffic.errors import InputError

HOURS = [f"{k:02d}:00" for k in range(24)]


def written(folder, column, rows):
    path = folder / "day.csv"
    path.write_text("\n".join([f"from,{column}", *(f"{a},{b}" for a, b in rows)]) + "\n", encoding="utf-8")
    return str(path)


def test_the_typical_day_has_two_peaks_and_shares_of_a_whole():
    scales = read_profile("typical")
    assert len(scales) == 24
    assert max(scales) == 1.0 == scales[17]
    assert scales[7] > scales[10] < scales[17]
    assert sum(scales) * 7.6 == pytest.approx(100.0)  # the busiest hour has 7.6 % of the day


def test_scales_are_taken_as_they_are_and_shares_by_the_busiest_interval(tmp_path):
    quarters = [(f"{k // 4}:{k % 4 * 15:02d}", 0.5 + k % 2) for k in range(96)]
    assert read_profile(written(tmp_path, "scale", quarters)) == (0.5, 1.5) * 48
    assert read_profile(written(tmp_path, "share", [(t, 2 + (t == "08:00") * 2) for t in HOURS]))[7:9] == (
        0.5,
        1,
    )


@pytest.mark.parametrize(
    ("column", "rows", "field", "rule"),
    [
        ("scale", [(t, 1) for t in HOURS[1:]], "from", "equal steps"),
        ("scale", [(t, 1) for t in [*HOURS[:5], "04:30", *HOURS[6:]]], "from, row 7", "equal steps"),
        ("scale", [(f"{k // 6:02d}:{k % 6 * 10:02d}", 1) for k in range(144)], "from", "equal steps"),
        ("scale", [], "from", "equal steps"),
        ("scale", [(t, 11) for t in HOURS], "row 2: scale", "10 or less"),
        ("share", [(t, -1) for t in HOURS], "row 2: share", "0 or more"),
        ("share", [(t, 0) for t in HOURS], "share", "more than 0"),
        ("share", [("24:00", 1)], "row 2: from", "23:59"),
        ("part", [(t, 1) for t in HOURS], "header", "columns from, scale"),
    ],
)
def test_wrong_profiles_are_refused_with_field_and_rule(tmp_path, column, rows, field, rule):
    with pytest.raises(InputError, match=rule) as refused:
        read_profile(written(tmp_path, column, rows))
    assert refused.value.field == field
    assert refused.value.file is not None


def test_a_profile_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="exists") as refused:
        read_profile("monday.csv")
    assert "typical" in (refused.value.hint or "")

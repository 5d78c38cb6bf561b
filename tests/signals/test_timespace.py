from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.timespace import (
    Band,
    bandwidth,
    common_period,
    coordinated_sections,
    green_bands,
    through_windows,
)
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

Greens = list[list[tuple[int, int]]]


def test_ideal_offset_gives_the_whole_green() -> None:
    # 500 m at 12.5 m/s: 40 s; the second junction starts green 40 s later.
    greens = [[(0.0, 30.0)], [(40.0, 70.0)]]
    assert bandwidth(greens, [0.0, 40.0], 90.0) == 30.0
    assert through_windows(greens, [0.0, 40.0], 90.0) == ((0.0, 30.0),)


@pytest.mark.parametrize(
    ("offset", "width"),
    [(40, 30.0), (45, 25.0), (33, 23.0), (60, 10.0), (70, 0.0), (80, 0.0), (10, 0.0), (15, 5.0)],
)
def test_an_offset_that_is_off_by_some_seconds_costs_these_seconds(offset: int, width: float) -> None:
    assert bandwidth([[(0, 30)], [(offset, offset + 30)]], [0, 40], 90) == width


def test_backward_band_of_half_the_cycle_between_equal_halves() -> None:
    # Journey of half a cycle and offset of half a cycle: both directions keep all of the green.
    forward = [[(0, 45)], [(45, 90)]]
    assert bandwidth(forward, [0, 45], 90) == 45.0
    assert bandwidth(forward[::-1], [0, 45], 90) == 45.0


def test_sum_of_both_directions_between_two_junctions() -> None:
    # Equal greens g, travel t both ways, offset d: widths g - |t - d| and g - |t + d| on the circle.
    for offset in range(90):
        greens = [[(0, 40)], [(offset, offset + 40)]]
        ahead, back = (20 - offset) % 90, (20 + offset) % 90
        expected = [max(0, 40 - min(gap, 90 - gap)) for gap in (ahead, back)]
        assert [bandwidth(greens, [0, 20], 90), bandwidth(greens[::-1], [0, 20], 90)] == expected


def test_window_over_the_end_of_the_cycle_is_one_window() -> None:
    greens = [[(70, 110)], [(80, 120)]]
    assert through_windows(greens, [0, 10], 90) == ((70, 110),)


def test_junction_that_is_always_green_does_not_narrow() -> None:
    greens = [[(10, 40)], [(0, 90)], [(30, 60)]]
    assert through_windows(greens, [0, 7, 20], 90) == ((10, 40),)
    assert through_windows([[(0, 90)], [(45, 135)]], [0, 10], 90) == ((0, 90),)


def test_no_green_no_band() -> None:
    assert through_windows([[(0, 30)], []], [0, 10], 60) == ()
    assert bandwidth([[(0, 30)], []], [0, 10], 60) == 0.0


def test_double_cycle_repeats_its_green_in_the_period() -> None:
    # 45 s and 90 s cycles share 90 s: the first junction's second green meets red.
    greens = [[(0, 20), (45, 65)], [(10, 40)]]
    assert through_windows(greens, [0, 10], 90) == ((0, 20),)


def test_bands_share_the_links_among_them() -> None:
    greens = [[(0, 30)], [(0, 30)], [(10, 40)], [(70, 85)]]
    bands = green_bands(greens, [0, 10, 20, 30], 90, least_s=6)
    assert bands == (Band(0, 2, ((0, 20),)),)
    bands = green_bands([*greens[:3], [(20, 34)]], [0, 10, 20, 30], 90, least_s=6)
    assert bands == (Band(0, 2, ((0, 20),)), Band(2, 3, ((10, 24),)))


def test_periods_and_sections() -> None:
    assert common_period([90, 45]) == 90
    assert common_period([80, 90]) is None
    assert coordinated_sections([90, 45, 90, 80, 40, 60]) == ((0, 2), (3, 5))
    assert coordinated_sections([90, 45, 90, 80, 40, 60], limit_s=200) == ((0, 2), (3, 4), (5, 5))
    assert coordinated_sections([]) == ()


@pytest.mark.parametrize(
    ("greens", "arrival", "period", "field"),
    [
        ([[(0, 30)]], [0], 0, "period_s"),
        ([[(0, 30)]], [0, 1], 60, "arrival_s"),
        ([[(0, 30)]], [float("nan")], 60, "arrival_s"),
        ([[(30, 10)]], [0], 60, "greens"),
        ([[(0, float("inf"))]], [0], 60, "greens"),
    ],
)
def test_bad_input_is_named(greens: Greens, arrival: list[float], period: float, field: str) -> None:
    with pytest.raises(InputError) as caught:
        through_windows(greens, arrival, period)
    assert caught.value.field == field


@st.composite
def _problems(draw: st.DrawFn) -> tuple[Greens, list[int], int]:
    period = draw(st.integers(10, 40))
    size = draw(st.integers(1, 5))
    greens: Greens = []
    for _ in range(size):
        count = draw(st.integers(0, 2))
        starts = [draw(st.integers(0, period - 1)) for _ in range(count)]
        greens.append([(start, start + draw(st.integers(1, period))) for start in starts])
    return greens, [draw(st.integers(0, 100)) for _ in range(size)], period


def _green_seconds(greens: Greens, arrival: Sequence[int], period: int) -> list[bool]:
    """Whether a departure in second t meets green everywhere; plain reference."""

    def lit(windows: list[tuple[int, int]], second: int) -> bool:
        return any((second - start) % period < end - start for start, end in windows)

    return [
        all(lit(windows, t + travel) for windows, travel in zip(greens, arrival, strict=True))
        for t in range(period)
    ]


def _longest_run(flags: list[bool]) -> int:
    best = run = 0
    for flag in flags * 2:
        run = run + 1 if flag else 0
        best = max(best, run)
    return min(best, len(flags))


@given(_problems())
def test_band_is_what_second_by_second_search_finds(problem: tuple[Greens, list[int], int]) -> None:
    greens, arrival, period = problem
    flags = _green_seconds(greens, arrival, period)
    assert bandwidth(greens, arrival, period) == _longest_run(flags)
    found = [False] * period
    for start, end in through_windows(greens, arrival, period):
        assert 0 <= start < period
        assert start < end <= start + period
        for second in range(int(start), int(end)):
            found[second % period] = True
    assert found == flags


@given(_problems(), st.integers(-200, 200))
def test_band_does_not_change_when_all_clocks_are_set_on(
    problem: tuple[Greens, list[int], int], shift: int
) -> None:
    greens, arrival, period = problem
    later = [[(start + shift, end + shift) for start, end in windows] for windows in greens]
    assert bandwidth(later, arrival, period) == bandwidth(greens, arrival, period)


@given(_problems(), st.integers(1, 10))
def test_drawn_bands_go_as_far_as_they_can(problem: tuple[Greens, list[int], int], least: int) -> None:
    greens, arrival, period = problem
    covered: set[int] = set()
    for band in green_bands(greens, arrival, period, least_s=least):
        links = set(range(band.first, band.last))
        assert not links & covered
        covered |= links
        part = slice(band.first, band.last + 1)
        travel = [t - arrival[band.first] for t in arrival[part]]
        assert max(end - start for start, end in band.windows) == bandwidth(greens[part], travel, period)
        if band.last + 1 < len(greens):
            longer = slice(band.first, band.last + 2)
            travel = [t - arrival[band.first] for t in arrival[longer]]
            assert bandwidth(greens[longer], travel, period) < least
    for link in set(range(len(greens) - 1)) - covered:
        travel = [0, arrival[link + 1] - arrival[link]]
        assert bandwidth(greens[link : link + 2], travel, period) < least

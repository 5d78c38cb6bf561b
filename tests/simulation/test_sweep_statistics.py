"""Intervals of sweeps against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from simulation.sweep_statistics import differences, estimate, groups


def row(
    method: str, demand_seed: int | None, delay: float, optimizer_seed: int | None = None, scale: float = 1.0
):
    return {
        "scenario": "city",
        "scale": scale,
        "method": method,
        "demand_seed": demand_seed,
        "optimizer_seed": optimizer_seed,
        "delay": delay,
    }


def test_the_interval_of_five_values():
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (found.units, found.mean) == (5, 3.0)
    assert found.sd == pytest.approx(2.5**0.5)
    half = 2.776445 * (2.5 / 5) ** 0.5  # t of 4 degrees of freedom, from a printed table
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), rel=1e-6)


def test_one_value_has_no_interval():
    found = estimate([7.0])
    assert (found.units, found.mean, found.sd, found.low, found.high) == (1, 7.0, None, None, None)


def test_intervals_cover_the_mean_as_often_as_they_say():
    draws = np.random.default_rng(5).normal(10.0, 3.0, size=(4000, 6))
    covered = [found.low <= 10.0 <= found.high for found in map(estimate, draws)]
    assert np.mean(covered) == pytest.approx(0.95, abs=3.3 * (0.95 * 0.05 / 4000) ** 0.5)


def test_optimizer_seeds_under_one_demand_are_no_independent_draws():
    rows = [row("optimize", d, 10.0 * d + s, s) for d in (1, 2, 3) for s in (0, 1)]
    (group,) = groups(rows, ["delay"])
    assert (group.runs, group.estimate.units) == (6, 3)
    assert group.estimate.sd == pytest.approx(10.0)


def test_optimizer_seeds_are_the_units_where_there_is_one_demand():
    (group,) = groups([row("optimize", None, 10.0 + s, s) for s in range(4)], ["delay"])
    assert group.estimate == estimate([10.0, 11.0, 12.0, 13.0])


def test_paired_differences_leave_out_what_the_demand_does():
    rows = [row("old", d, 100.0 * d) for d in (1, 2, 3, 4)]
    rows += [row("new", d, 100.0 * d - 5.0 + 0.1 * d) for d in (2, 3, 4, 5)]
    (found,) = differences(rows, ["delay"])
    assert (found.method, found.reference, found.estimate.units) == ("new", "old", 3)
    assert found.estimate.mean == pytest.approx(-4.7)
    assert found.estimate.sd == pytest.approx(0.1)
    assert found.estimate.high < 0


def test_groups_and_pairs_keep_to_their_scale():
    rows = [row(m, d, 1.0, scale=s) for s in (0.6, 1.0) for m in ("a", "b", "c") for d in (1, 2)]
    assert [(g.scale, g.method) for g in groups(rows, ["delay"])] == [
        (s, m) for s in (0.6, 1.0) for m in "abc"
    ]
    pairs = [(d.scale, d.method, d.reference) for d in differences(rows, ["delay"])]
    assert pairs == [(s, m, r) for s in (0.6, 1.0) for m, r in (("b", "a"), ("c", "a"), ("c", "b"))]
    assert differences([row("a", 1, 1.0), row("b", 2, 1.0)], ["delay"]) == []

"""Matching against its slow plain twin, on short random ways with noise, jumps and pauses."""

from __future__ import annotations

import numpy as np
import pytest

from tests.transit.driven import Line, Planned, driven, positions, timetable
from tests.transit.ref_matching import ref_match
from transit.matching import Fate, MatchRules, match

RULES = MatchRules(reorder_s=0.0)


def random_trips(rng: np.random.Generator) -> list[Planned]:
    """Two trips of one block, there and back on a bent street, and one of another block on a part of it."""
    bends = np.cumsum(rng.uniform(-400.0, 900.0, (4, 2)), axis=0)
    line = Line(tuple(map(tuple, bends.tolist())), ())
    stops = np.sort(rng.uniform(0.1, 0.9, 3)) * line.length_m
    line = Line(line.points, (0.0, *stops.tolist(), line.length_m))
    start = 28_800.0
    back = start + line.length_m / 8.0 + 200.0
    return [
        Planned("a", line, start),
        Planned("b", line.back(), back),
        Planned("c", line, start + 300.0, block="c"),
    ]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("block", ["b", None])
def test_the_best_of_all_hypotheses_is_kept(seed: int, block: str | None) -> None:
    """Without a beam and a window the answer is the same: what is given up early is never the best in the end."""
    rng = np.random.default_rng(seed)
    trips = random_trips(rng)
    time, xy = driven(trips[:2], every_s=30.0, dwell_s=20.0, late_s=float(rng.uniform(-60.0, 200.0)))
    xy = xy + rng.normal(0.0, 8.0, xy.shape)
    jumps = rng.choice(len(time), 2, replace=False)
    xy[jumps] += rng.normal(0.0, 800.0, (2, 2))
    table, made = timetable(trips), positions(time, xy, block=block)
    expected = ref_match(table, made, RULES, block)
    found = match(table, made, RULES).positions
    assert found.trip.tolist() == [-1 if place is None else place[0] for place in expected]
    matched = found.fate == Fate.MATCHED
    s = [place[1] for place in expected if place is not None]
    assert matched.sum() == len(s) > 0.7 * len(time)
    np.testing.assert_allclose(found.distance_m[matched], s, rtol=0, atol=1e-6)

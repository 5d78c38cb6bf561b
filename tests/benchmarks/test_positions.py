"""The stream of positions: as many as were asked for, in the order of time, nearly all on their trips."""

from __future__ import annotations

import numpy as np

from benchmarks.positions import STOPS, city, matched, stream


def test_a_short_day_of_a_small_city() -> None:
    made = city(lines=3, trips=2)
    assert made.buses == 15
    parts = list(stream(made, 1_000_000, trips=2))
    time_s = np.concatenate([part.time_s for part in parts])
    assert (np.diff(time_s) >= 0.0).all()
    found = matched(made, iter(parts))
    assert found.positions == len(time_s)
    assert found.on_trips / found.positions > 0.95
    assert found.visits == 15 * 2 * STOPS
    assert sum(len(part) for part in stream(made, 1000, trips=2)) == 1000

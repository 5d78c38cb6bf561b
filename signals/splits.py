"""Splits: how the cycle of each junction divides over its stages, by least delay.

Every stage gets the least duration that is safe. The rest of the cycle goes, parcel by parcel, to the stage where
it saves most; then seconds change hands between pairs of stages while that pays. The cost is that of the
cyclic profile model at the junction: uniform, random and oversaturation delay, stops and overflowing queues. Above
saturation the oversaturation term governs, so green goes where it discharges most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.profile import Timings
from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.profile import ProfileModel

__all__ = ["Split", "delay_splits", "shortest_cycles"]

Split = tuple[Timings, "NDArray[np.float64]"]


def delay_splits(
    model: ProfileModel,
    cycle_s: NDArray[np.integer],
    *,
    base: Timings | None = None,
    only: NDArray[np.bool_] | None = None,
    choices: int = 2,
    retried: float = 0.1,
) -> Split:
    """Return timings with the best splits for the given cycles under uniform arrivals, and the junctions' costs.

    Parameters
    ----------
    model
        The profile model; its timings in hand change.
    cycle_s
        Cycle of each junction; made longer or shorter where a junction's bounds or stages need it.
    base
        Timings whose stage sequences are kept where they fit, and whose splits are stretched.
    choices
        Without `base`: the best of the first so many sequences of each junction; later ones where none fits.
    retried
        Share of the junctions, the costliest ones, for which all sequences are tried.
    only
        Junctions to look at; the others cost 0 and have no durations.
    """
    count = len(model.junctions)
    cycles = _within_bounds(model, np.asarray(cycle_s, dtype=np.int64))
    best = _plain(model, cycles, 0)
    best_cost = np.full(count, np.inf)
    if only is not None:
        best_cost[~only] = 0.0
    if base is not None:
        _take_better(model, cycles, base, best, best_cost, np.isinf(best_cost))
    sizes = np.array([len(several) for several in model.sequences])
    for place in range(int(sizes.max(initial=1))):
        wanted = np.isinf(best_cost)
        if base is None and place < choices:
            wanted |= True if only is None else only
        wanted &= place < sizes
        if wanted.any():
            _take_better(model, cycles, _plain(model, cycles, place), best, best_cost, wanted)
    _settle_stuck(model, cycles, base, best, best_cost)
    costly = best_cost > np.quantile(best_cost, 1.0 - retried)
    for place in range(0 if base is not None else choices, int(sizes.max(initial=1))):
        wanted = costly & (place < sizes)
        if wanted.any():
            _take_better(model, cycles, _plain(model, cycles, place), best, best_cost, wanted)
    return best, best_cost


def _settle_stuck(
    model: ProfileModel,
    cycles: NDArray[np.int64],
    base: Timings | None,
    best: Timings,
    best_cost: NDArray[np.float64],
) -> None:
    """Leave junctions that no sequence fits at their cycle, as by their greatest greens, as they are in `base`."""
    stuck = np.flatnonzero(~np.isfinite(best_cost))
    if base is not None:
        for name in ("period_s", "repeats", "sequence", "offset_s", "duration_s"):
            getattr(best, name)[stuck] = getattr(base, name)[stuck]
        best_cost[stuck] = 0.0
    elif stuck.size:
        j = int(stuck[0])
        rule = f"no stage sequence fits into a cycle of {int(cycles[j])} s"
        raise InputError(rule, field=f"junction {model.junctions[j].key}")


def _take_better(
    model: ProfileModel,
    cycles: NDArray[np.int64],
    begin: Timings,
    best: Timings,
    best_cost: NDArray[np.float64],
    wanted: NDArray[np.bool_],
) -> None:
    """Split the cycles of the `wanted` junctions, beginning from `begin`; write what is better into `best`."""
    trial = _plain(model, cycles, 0)
    trial.sequence[:] = begin.sequence
    trial.duration_s[:] = begin.duration_s
    model.load(trial)
    model.start_uniform()
    rows = np.flatnonzero(wanted)
    cost = model.split(rows, warm=bool(begin.duration_s.any()))
    cost[cost < 0] = np.inf
    better = cost < best_cost[rows] * (1.0 - 1e-9)
    found, rows = model.timings(), rows[better]
    best_cost[rows] = cost[better]
    best.sequence[rows] = found.sequence[rows]
    best.duration_s[rows] = found.duration_s[rows]


def _within_bounds(model: ProfileModel, cycles: NDArray[np.int64]) -> NDArray[np.int64]:
    least = shortest_cycles(model)
    longest = np.array([junction.cycle_max_s for junction in model.junctions], dtype=np.int64)
    return np.minimum(np.maximum(cycles, least), longest)


def shortest_cycles(model: ProfileModel) -> NDArray[np.int64]:
    """Return the shortest cycle of each junction in which one of its stage sequences fits."""
    least = [
        max(junction.cycle_min_s, min(int(s.planned_durations_s().sum()) for s in several))
        for junction, several in zip(model.junctions, model.sequences, strict=True)
    ]
    return np.array(least, dtype=np.int64)


def _plain(model: ProfileModel, cycles: NDArray[np.int64], place: int) -> Timings:
    """Return timings without splits, with sequence number `place` (the last one where there are fewer)."""
    count = len(model.junctions)
    first = np.cumsum([0, *(len(several) for several in model.sequences)])[:-1]
    last = np.array([len(several) - 1 for several in model.sequences], dtype=np.int64)
    return Timings(
        period_s=cycles.astype(np.int32),
        repeats=np.ones(count, dtype=np.int32),
        sequence=(first + np.minimum(place, last)).astype(np.int32),
        offset_s=np.zeros(count, dtype=np.int32),
        duration_s=np.zeros((count, model.net.stages), dtype=np.int32),
    )

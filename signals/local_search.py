"""Local search in the profile model: moves of one junction at a time, evaluated with what they reach downstream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals._kernels_search import improve_orders, improve_timings
from traffic.arrays import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.profile import ProfileModel, Timings

__all__ = ["LocalSearch"]

_EPSILON = 0.02
_PROBE = 6  # evaluations after which a change must have paid to be followed further
_LIMIT = 40
_MOST_STAGES = 10


def _offset_moves(steps: Sequence[int]) -> list[tuple[int, int, int, int]]:
    return [(0, 0, 0, sign * step) for step in steps for sign in (1, -1)]


def _boundary_moves(steps: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """Return moves of the start of one stage; that of stage 0 moves the offset."""
    moves = []
    for step in steps:
        moves += [(-1, 0, step, -step), (0, -1, step, step)]
        for k in range(1, _MOST_STAGES):
            moves += [(k - 1, k, step, 0), (k, k - 1, step, 0)]
    return moves


def _exchange_moves(steps: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """Exchanges between stages that are not neighbours."""
    far = [(a, b) for a in range(6) for b in range(6) if abs(a - b) > 1]
    return [(a, b, step, 0) for step in steps for a, b in far]


class LocalSearch:
    """Improves the timings in hand of a profile model.

    Parameters
    ----------
    model
        The profile model, evaluated.
    free
        True for the junctions that may change; shape (junctions,).
    """

    def __init__(self, model: ProfileModel, free: NDArray[np.bool_]) -> None:
        self.model = model
        self.free = np.flatnonzero(free)
        self.coarse = _table(_offset_moves((20, 7, 2)) + _boundary_moves((6, 2)))
        self.fine = _table(_offset_moves((4, 1)) + _boundary_moves((3, 1)) + _exchange_moves((2,)))
        self._kept = np.zeros(3 + model.net.stages, dtype=np.int32)

    def timings(self, junctions: NDArray[np.int64], *, fine: bool = False) -> float:
        """Visit `junctions` in order and move offsets and stage boundaries; return the change of the cost."""
        model = self.model
        return float(
            improve_timings(
                model.net,
                model.plan,
                model.state,
                model.journal,
                frozen(model.nodes[junctions], np.int32),
                self.fine if fine else self.coarse,
                _EPSILON,
                _PROBE,
                _LIMIT,
                self._tolerance(),
            )
        )

    def orders(self, junctions: NDArray[np.int64], *, halving: bool = True) -> float:
        """Visit `junctions` in order, try other stage sequences and half cycles; return the change of the cost."""
        model = self.model
        return float(
            improve_orders(
                model.net,
                model.plan,
                model.state,
                model.journal,
                self._kept,
                frozen(model.nodes[junctions], np.int32),
                halving,
                _EPSILON,
                _PROBE,
                _LIMIT,
                self._tolerance(),
            )
        )

    def _tolerance(self) -> float:
        return 1e-6 * max(self.model.cost, 1.0)

    def order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the junctions that may change, in a random order."""
        return rng.permutation(self.free)

    def descend(self, rng: np.random.Generator, *, passes: int, costly: float, fine: bool = False) -> float:
        """Make up to `passes` rounds over all junctions; return the cost.

        Each begins with the stage sequences of the `costly` part of the junctions that cost most.
        """
        for turn in range(passes):
            before = self.model.cost
            cost = self.model.state.node_cost[self.model.nodes[self.free]]
            number = int(np.ceil(costly * len(self.free)))
            self.orders(self.free[np.argsort(-cost, kind="stable")[:number]])
            self.timings(self.order(rng), fine=fine or turn > 0)
            self.model.refresh(epsilon=_EPSILON)
            if self.model.cost > before * (1.0 - 1e-4):
                break
        return self.model.cost

    def kick(self, timings: Timings, rng: np.random.Generator, *, size: int) -> NDArray[np.int64]:
        """Shift the offsets of about `size` neighbouring junctions in `timings`; return them and their neighbours."""
        if not len(self.free):
            return self.free
        centre = int(rng.choice(self.free))
        network = self.model.network
        x, y = network.nodes.x_m[self.model.nodes], network.nodes.y_m[self.model.nodes]
        near = np.argsort(np.hypot(x - x[centre], y - y[centre]), kind="stable")
        allowed = near[np.isin(near, self.free)]
        moved = allowed[:size]
        cycle = timings.period_s[moved] // timings.repeats[moved]
        shift = int(rng.integers(3, max(int(cycle.max()) // 2, 4)))
        sign = 1 if rng.random() < 0.5 else -1
        timings.offset_s[moved] = (timings.offset_s[moved] + sign * shift) % cycle
        return allowed[: 3 * size]


def _table(moves: Sequence[tuple[int, int, int, int]]) -> NDArray[np.int32]:
    return frozen(np.array(moves, dtype=np.int64), np.int32)

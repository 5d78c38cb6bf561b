"""User equilibrium on plain arrays: who travels how, when nobody gains by another path.

The graph knows nothing of roads: costs lie on its *elements*, the vertices (paid on arrival) and the arcs.
`traffic.assignment` makes one whose vertices are links and whose arcs are movements, so that banned turns are
simply not there.

The method is gradient projection over path sets with column generation (Jayakrishnan, Tsai, Prashker and
Rajadhyaksha 1994, Transportation Research Record 1443, 75-83): each iteration finds one shortest tree per
origin, adds the paths that are cheaper than the known ones, and then moves flow within each trip to its
cheapest known path by Newton steps on the difference of cost, in a fixed order, each step seeing the costs
that the last one left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from traffic import _kernels_assignment as kernels
from traffic.arrays import frozen, require, require_finite, require_index
from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.progress import Progress

__all__ = ["AssignmentGraph", "CostFunction", "Equilibrium"]

_INNER_SHARE = 0.02
_INNER_SWEEPS = 40
_IDLE_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class AssignmentGraph:
    """A directed graph.

    Attributes
    ----------
    vertices
        Number of vertices.
    tail, head
        Vertices that the arcs lead from and to; arcs are sorted by tail.
    """

    vertices: int
    tail: NDArray[np.int32]
    head: NDArray[np.int32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "tail", frozen(self.tail, np.int32))
        object.__setattr__(self, "head", frozen(self.head, np.int32))
        if len(self.tail) != len(self.head):
            raise InputError(f"must have {len(self.tail)} rows", field="graph.head", value=len(self.head))
        require_index("graph.tail", self.tail, self.vertices)
        require_index("graph.head", self.head, self.vertices)
        ordered = np.r_[True, np.diff(self.tail) >= 0][: len(self.tail)]
        require(ordered, "graph.tail", "arcs must be sorted by tail", self.tail)

    @property
    def elements(self) -> int:
        """Number of vertices and arcs."""
        return self.vertices + len(self.tail)

    def arrays(self) -> kernels.Graph:
        """Return the graph as its kernels take it."""
        begin = np.searchsorted(self.tail, np.arange(self.vertices + 1))
        return kernels.Graph(self.vertices, frozen(begin, np.int32), self.tail, self.head)


@dataclass(frozen=True, eq=False)
class CostFunction:
    """What it costs to use each element, as a function of its flow v; non-decreasing.

    With x = v / capacity the cost is, in seconds::

        free_s + rise_s x^power + queue_s [(x - 1) + sqrt((x - 1)^2 + randomness x)]

    The second term with ``rise_s = 0.15 free_s`` and ``power = 4`` is the function of the Bureau of Public
    Roads (Traffic Assignment Manual, 1964); with power 1 it is affine. The third is Akcelik's time-dependent
    form of Davidson's function (Akcelik 1991, Australian Road Research 21(3), 49-59): ``queue_s`` is a
    quarter of the flow period T and ``randomness = 8 J / (capacity T)`` with his delay parameter J; beyond
    capacity it is the mean delay in a queue that grows all through the period.

    Attributes
    ----------
    free_s, rise_s, queue_s, randomness
        Zero or more; shape (elements,). Where `queue_s` is positive, so is `randomness`.
    capacity
        Positive, in the unit of the flow; shape (elements,).
    power
        One or more; shape (elements,).
    """

    free_s: NDArray[np.float64]
    capacity: NDArray[np.float64]
    rise_s: NDArray[np.float64]
    power: NDArray[np.float64]
    queue_s: NDArray[np.float64]
    randomness: NDArray[np.float64]

    def __post_init__(self) -> None:
        for field in ("free_s", "capacity", "rise_s", "power", "queue_s", "randomness"):
            values = frozen(getattr(self, field), np.float64)
            object.__setattr__(self, field, values)
            require_finite(field, values)
            require(values >= 0, field, "must be 0 or more", values)
            if values.shape != self.free_s.shape:
                raise InputError(f"must have {len(self.free_s)} rows", field=field, value=len(values))
        require(self.capacity > 0, "capacity", "must be more than 0", self.capacity)
        require(self.power >= 1, "power", "must be 1 or more", self.power)
        noisy = (self.queue_s == 0) | (self.randomness > 0)
        require(noisy, "randomness", "must be more than 0 where queue_s is", self.randomness)

    def __len__(self) -> int:
        return len(self.free_s)

    @classmethod
    def affine(cls, free_s: NDArray[np.float64], slope_s: NDArray[np.float64]) -> CostFunction:
        """Return the costs ``free_s + slope_s v``."""
        one, zero = np.ones(len(free_s)), np.zeros(len(free_s))
        return cls(free_s, one, slope_s, one, zero, zero)

    def arrays(self) -> kernels.CostTable:
        """Return the table as its kernels take it."""
        return kernels.CostTable(
            len(self), self.free_s, self.capacity, self.rise_s, self.power, self.queue_s, self.randomness
        )

    def evaluate(self, flow: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the cost of every element at `flow`, seconds."""
        cost, slope = np.empty(len(self)), np.empty(len(self))
        kernels.evaluate(self.arrays(), frozen(flow, np.float64), cost, slope)
        return cost


class Equilibrium:
    """Path flows that approach user equilibrium; may be solved again from where they stand.

    Parameters
    ----------
    graph, cost
        Where trips go and what it costs.
    origin, destination
        Vertices of each trip, sorted by origin and then destination; shape (trips,).
    flow
        Flow of each trip, more than 0; shape (trips,).
    """

    def __init__(
        self,
        graph: AssignmentGraph,
        cost: CostFunction,
        origin: NDArray[np.int32],
        destination: NDArray[np.int32],
        flow: NDArray[np.float64],
    ) -> None:
        if len(cost) != graph.elements:
            rule = f"must have {graph.elements} rows, one for each vertex and arc"
            raise InputError(rule, field="cost", value=len(cost))
        self.graph = graph
        self._graph = graph.arrays()
        self._trip_origin = frozen(origin, np.int32)
        self._trips = self._checked_trips(destination, flow)
        size = graph.elements
        self.flow = np.zeros(size)
        self.relative_gaps: list[float] = []
        self._cost, self._slope = np.empty(size), np.empty(size)
        self._work = kernels.Work(size, *(np.zeros(size, dtype=np.int32) for _ in range(4)))
        self._pool = _new_pool(len(self._trips.flow), 2 * len(self._trips.flow) + 64, 4096)
        self.set_cost(cost)

    def _checked_trips(self, destination: NDArray[np.int32], flow: NDArray[np.float64]) -> kernels.Trips:
        flow = frozen(flow, np.float64)
        require_finite("trips.flow", flow)
        require(flow > 0, "trips.flow", "must be more than 0", flow)
        require_index("trips.origin", self._trip_origin, self.graph.vertices)
        require_index("trips.destination", np.asarray(destination), self.graph.vertices)
        ordered = np.r_[True, np.diff(self._trip_origin) >= 0][: len(flow)]
        require(ordered, "trips.origin", "trips must be sorted by origin", self._trip_origin)
        origins, begin = np.unique(self._trip_origin, return_index=True)
        return kernels.Trips(
            frozen(origins, np.int32),
            frozen(np.r_[begin, len(flow)], np.int32),
            frozen(destination, np.int32),
            flow,
        )

    def set_cost(self, cost: CostFunction) -> None:
        """Replace the cost functions; the path flows stay as they are."""
        self.cost_function = cost
        self._table = cost.arrays()
        kernels.evaluate(self._table, self.flow, self._cost, self._slope)

    def scale(self, factor: float) -> None:
        """Multiply all trips, and the path flows that carry them, by `factor` (more than 0)."""
        self._trips = self._trips._replace(flow=frozen(self._trips.flow * factor, np.float64))
        self._pool.flow[: self._pool.size[0]] *= factor
        self._compact()

    def unreachable(self) -> NDArray[np.intp]:
        """Return the trips that have no path; known once `solve` has searched."""
        return np.flatnonzero(self._pool.first < 0)

    @property
    def cost(self) -> NDArray[np.float64]:
        """Cost of every element at the present flow, seconds."""
        return self._cost.copy()

    def solve(self, gap: float, max_iterations: int, *, progress: Progress | None = None) -> float:
        """Iterate until the relative gap is `gap` or less; return the gap that was reached.

        The relative gap is (total cost - cost of all trips on their shortest paths) / total cost, all at the
        same flows. `relative_gaps` collects it, one value per iteration; as trees see the flows that the trees
        before them have moved, it is first taken as it was met on the way, and at one set of flows where that
        value says that the end is near. The last value, which is returned, is always of that kind. Stops
        early, at the first search, where a trip cannot be made (see `unreachable`).
        """
        self.relative_gaps = []
        if not len(self._trips.flow):
            return 0.0
        if self._pool.size[0] == 0:
            self._search(improve=False)
            self._compact()
            if len(self.unreachable()):
                return float("inf")
        reached, near = 1.0, max_iterations <= 1
        for iteration in range(max_iterations):
            last = iteration == max_iterations - 1
            exact = near or last
            reached = self._gap(improve=not exact, tolerance=_IDLE_SHARE * reached)
            self.relative_gaps.append(reached)
            if progress is not None:
                progress(iteration + 1, max_iterations, f"assignment: relative gap {reached:.1e}")
            if last or (exact and reached <= gap):
                break
            self._sweep(reached)
            near = reached <= 2.0 * gap
        return reached

    def _gap(self, *, improve: bool, tolerance: float) -> float:
        """Search, and return the relative gap that the search met."""
        total = float(self._cost @ self.flow)
        found = self._search(improve=improve, tolerance=tolerance)
        excess = found if improve else total - found
        return max(0.0, excess / total) if total > 0 else 0.0

    def _sweep(self, reached: float) -> None:
        """Move flow among the known paths until little of the gap is left to gain there."""
        for _ in range(_INNER_SWEEPS):
            excess = self._project(_IDLE_SHARE * reached)
            if excess <= _INNER_SHARE * reached * float(self._cost @ self.flow):
                break
        self._compact()

    def _unmark(self) -> None:
        """Take all marks back before they run out of numbers."""
        if self._pool.size[2] > np.iinfo(np.int32).max // 2:
            self._pool.size[2] = 0
            self._work.mark_best[:] = 0
            self._work.mark_path[:] = 0

    def _project(self, tolerance: float) -> float:
        self._unmark()
        arguments = (self._graph, self._table, self._trips, self._pool, self.flow, self._cost, self._slope)
        return kernels.project(*arguments, self._work, tolerance)

    def _search(self, *, improve: bool, tolerance: float = 0.0) -> float:
        origins = len(self._trips.origin)
        result = np.zeros(origins)
        reached = 0
        while True:
            self._unmark()
            problem = (self._graph, self._table, self._trips, self._pool)
            state = (self.flow, self._cost, self._slope, result)
            reached = kernels.search(*problem, *state, self._work, reached, improve, tolerance)
            if reached == origins:
                return float(result.sum())
            self._pool = _grown(self._pool)

    def _compact(self) -> None:
        old = self._pool
        self._pool = _new_pool(len(self._trips.flow), len(old.flow), len(old.arc))
        kernels.compact(self._graph, self._trips, old, self._pool, self.flow)
        kernels.evaluate(self._table, self.flow, self._cost, self._slope)

    def paths(self) -> list[tuple[int, float, NDArray[np.int32]]]:
        """Return every used path: its trip, its flow and its arcs."""
        pool, found = self._pool, []
        for trip in range(len(self._trips.flow)):
            path = int(pool.first[trip])
            while path >= 0:
                arcs = pool.arc[pool.begin[path] : pool.end[path]].copy()
                found.append((trip, float(pool.flow[path]), arcs))
                path = int(pool.following[path])
        return found

    def path_cost(self, arcs: NDArray[np.int32]) -> float:
        """Return the cost of a path at the present flow, seconds."""
        return float(self._cost[self.graph.vertices + arcs].sum() + self._cost[self.graph.head[arcs]].sum())


def _new_pool(trips: int, paths: int, arcs: int) -> kernels.PathPool:
    following, begin, end = (np.zeros(paths, dtype=np.int32) for _ in range(3))
    first = np.full(trips, -1, dtype=np.int32)
    arc, size = np.zeros(arcs, dtype=np.int32), np.zeros(3, dtype=np.int32)
    rest = np.zeros(trips, dtype=np.int32)
    return kernels.PathPool(first, rest, following, begin, end, np.zeros(paths), arc, size)


def _grown(pool: kernels.PathPool) -> kernels.PathPool:
    """Return a copy of `pool` with at least twice the room for arcs, and for paths where they need it."""
    paths = len(pool.flow) * (2 if pool.size[0] >= len(pool.flow) else 1)
    larger = _new_pool(len(pool.first), paths, 2 * len(pool.arc))
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = list(zip(pool, larger, strict=True))
    for old, new in pairs:
        new[: len(old)] = old
    return larger

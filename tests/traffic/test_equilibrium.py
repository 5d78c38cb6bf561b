from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traffic.ref_assignment import akcelik, all_or_nothing, frank_wolfe
from traffic.equilibrium import AssignmentGraph, CostFunction, Equilibrium
from traffic.errors import InputError


def on_arcs(vertices, **columns):
    """Cost functions with the given values on the arcs and none on the vertices."""
    base = {"free_s": 0.0, "capacity": 1.0, "rise_s": 0.0, "power": 1.0, "queue_s": 0.0, "randomness": 0.0}
    arcs = max(len(np.atleast_1d(values)) for values in columns.values())
    return CostFunction(
        **{
            field: np.r_[np.full(vertices, none), np.broadcast_to(columns.get(field, none), arcs)]
            for field, none in base.items()
        }
    )


def problem(graph, cost, *trips):
    origin, destination, flow = (np.array(part) for part in zip(*trips, strict=True))
    return Equilibrium(graph, cost, origin, destination, flow.astype(float))


BRAESS = [(0, 1, 0.0, 10.0), (0, 2, 50.0, 1.0), (1, 2, 10.0, 1.0), (1, 3, 50.0, 1.0), (2, 3, 0.0, 10.0)]


def braess(*, with_link):
    arcs = [arc for arc in BRAESS if with_link or arc[:2] != (1, 2)]
    tail, head, free, slope = map(np.array, zip(*arcs, strict=True))
    graph = AssignmentGraph(4, tail, head)
    zero = np.zeros(4)
    return problem(graph, CostFunction.affine(np.r_[zero, free], np.r_[zero, slope]), (0, 3, 6.0))


@pytest.mark.parametrize(("with_link", "cost", "paths"), [(True, 92.0, 3), (False, 83.0, 2)])
def test_braess(with_link, cost, paths):
    solver = braess(with_link=with_link)
    assert solver.solve(1e-13, 100) <= 1e-13
    found = solver.paths()
    assert len(found) == paths
    for _, flow, arcs in found:
        assert solver.path_cost(arcs) == pytest.approx(cost, abs=1e-9)
        assert flow == pytest.approx(6.0 / paths, abs=1e-9)


def test_two_routes_affine():
    # t1 = 10 + 4 v1, t2 = 22 + 2 v2, q = 5: equal at 10 + 4 v = 22 + 2 (5 - v), so v1 = 11/3
    graph = AssignmentGraph(2, [0, 0], [1, 1])
    solver = problem(graph, on_arcs(2, free_s=[10.0, 22.0], rise_s=[4.0, 2.0]), (0, 1, 5.0))
    solver.solve(1e-13, 50)
    assert solver.flow[2:] == pytest.approx([11 / 3, 4 / 3], abs=1e-10)
    assert solver.cost[2:] == pytest.approx([74 / 3, 74 / 3], abs=1e-10)


def test_unused_route_stays_unused():
    # the second route costs more empty than the first one full
    graph = AssignmentGraph(2, [0, 0], [1, 1])
    solver = problem(graph, on_arcs(2, free_s=[10.0, 31.0], rise_s=[4.0, 2.0]), (0, 1, 5.0))
    assert solver.solve(0.0, 5) == 0.0
    assert solver.flow[2:].tolist() == [5.0, 0.0]


def test_two_routes_bpr():
    # equal costs at v1 = 4 and v2 = 2: 10 (1 + 0.15 (4/2)^4) = 34 = 20 (1 + 0.7 (2/2)^4)
    graph = AssignmentGraph(2, [0, 0], [1, 1])
    cost = on_arcs(2, free_s=[10.0, 20.0], capacity=2.0, rise_s=[1.5, 14.0], power=4.0)
    solver = problem(graph, cost, (0, 1, 6.0))
    solver.solve(1e-12, 50)
    assert solver.flow[2:] == pytest.approx([4.0, 2.0], abs=1e-9)
    assert solver.cost[2:] == pytest.approx([34.0, 34.0], abs=1e-8)


def test_cost_of_a_growing_queue():
    # far beyond capacity a queue that grows for T costs T / 2 (x - 1) on average
    cost = on_arcs(1, capacity=[0.5], queue_s=900.0, randomness=1e-9)
    assert cost.evaluate(np.array([0.0, 1.0]))[1] == pytest.approx(1800.0, abs=1e-3)


@given(
    x=st.floats(0.0, 3.0),
    rise=st.sampled_from([0.0, 20.0]),
    power=st.sampled_from([1.0, 2.5, 4.0]),
    queue=st.sampled_from([0.0, 225.0]),
)
def test_cost_is_the_formula_and_rises(x, rise, power, queue):
    cost = on_arcs(1, free_s=[7.0], capacity=0.4, rise_s=rise, power=power, queue_s=queue, randomness=0.01)
    value = cost.evaluate(np.array([0.0, 0.4 * x]))[1]
    assert value == pytest.approx(akcelik(cost, 1, 0.4 * x), rel=1e-12, abs=1e-11)
    assert cost.evaluate(np.array([0.0, 0.4 * x + 1e-3]))[1] >= value >= 7.0


def random_problem(seed):
    rng = np.random.default_rng(seed)
    vertices = 6
    pairs = [(i, j) for i in range(vertices) for j in range(vertices) if i != j and rng.random() < 0.5]
    pairs += [(i, (i + 1) % vertices) for i in range(vertices)]
    tail, head = np.array(sorted(set(pairs))).T
    graph = AssignmentGraph(vertices, tail, head)
    size = graph.elements
    cost = CostFunction(
        free_s=rng.uniform(5.0, 30.0, size),
        capacity=rng.uniform(0.5, 2.0, size),
        rise_s=rng.uniform(0.0, 5.0, size) * (rng.random(size) < 0.5),
        power=rng.choice([1.0, 2.0, 4.0], size),
        queue_s=rng.uniform(10.0, 60.0, size) * (rng.random(size) < 0.5),
        randomness=rng.uniform(0.05, 0.5, size),
    )
    trips = [(o, d, rng.uniform(0.2, 1.5)) for o in (0, 2) for d in (3, 5)]
    return graph, cost, trips


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_frank_wolfe(seed):
    graph, cost, trips = random_problem(seed)
    solver = problem(graph, cost, *trips)
    assert solver.solve(1e-11, 200) <= 1e-11
    reference = np.array(frank_wolfe(graph, cost, trips, gap=1e-5))
    # costs at equilibrium are unique where they are rising; flows need not be
    slow = cost.evaluate(reference)
    assert float(solver.cost @ solver.flow) == pytest.approx(float(slow @ reference), rel=1e-4)
    # slow @ (reference - any flow) is at most what the reference is above its shortest paths, and the same holds for
    # the solver. So the sum of (difference of cost) * (difference of flow), whose terms are all positive as costs
    # rise, is at most the sum of the two.
    total, (_, best) = float(slow @ reference), all_or_nothing(graph, slow.tolist(), trips)
    apart = (slow - solver.cost) * (reference - solver.flow)
    assert apart.min() >= -1e-12
    assert apart.sum() <= max(total - best, 0.0) + 2e-11 * total


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_equilibrium_conditions_and_conservation(seed):
    graph, cost, trips = random_problem(seed)
    solver = problem(graph, cost, *trips)
    assert solver.solve(1e-12, 400) <= 1e-10
    routes = {}
    for trip, flow, arcs in solver.paths():
        routes.setdefault(trip, []).append((flow, solver.path_cost(arcs), arcs))
    rebuilt = np.zeros(graph.elements)
    for trip, (origin, destination, amount) in enumerate(trips):
        flows, costs, paths = zip(*routes[trip], strict=True)
        assert sum(flows) == pytest.approx(amount, rel=1e-12)
        heavy = [c for f, c in zip(flows, costs, strict=True) if f > 1e-4]
        assert max(heavy) <= min(costs) * (1 + 1e-5)
        for flow, path in zip(flows, paths, strict=True):
            assert graph.tail[path[0]] == origin
            assert graph.head[path[-1]] == destination
            assert (graph.head[path[:-1]] == graph.tail[path[1:]]).all()
            rebuilt[graph.vertices + path] += flow
            rebuilt[graph.head[path]] += flow
    assert solver.flow == pytest.approx(rebuilt, abs=1e-12)
    entering = np.bincount(graph.head, solver.flow[graph.vertices :], minlength=graph.vertices)
    leaving = np.bincount(graph.tail, solver.flow[graph.vertices :], minlength=graph.vertices)
    for origin, destination, amount in trips:
        entering[origin] += amount
        leaving[destination] += amount
    assert entering == pytest.approx(leaving, abs=1e-9)


def test_same_bytes_again():
    flows = []
    for _ in range(2):
        solver = problem(*random_problem(3)[:2], *random_problem(3)[2])
        solver.solve(1e-9, 100)
        flows.append(solver.flow.tobytes())
    assert flows[0] == flows[1]


def test_scaled_problem_reaches_the_same_equilibrium():
    graph, cost, trips = random_problem(5)
    warm = problem(graph, cost, *trips)
    warm.solve(1e-3, 50)
    warm.scale(1.7)
    warm.solve(1e-12, 400)
    cold = problem(graph, cost, *[(o, d, 1.7 * q) for o, d, q in trips])
    cold.solve(1e-12, 400)
    assert float(warm.cost @ warm.flow) == pytest.approx(float(cold.cost @ cold.flow), rel=1e-9)


def test_paths_outgrow_the_first_pool():
    # a ladder of 3000 arcs in a row does not fit into the pool's first 4096 arcs twice
    length = 3000
    tail = np.repeat(np.arange(length), 2)
    graph = AssignmentGraph(length + 1, tail, tail + 1)
    free = np.tile([1.0, 2.0], length)
    solver = problem(graph, on_arcs(length + 1, free_s=free, rise_s=1.0), (0, length, 3.0))
    assert solver.solve(1e-6, 100) <= 1e-6
    # 1 + v1 = 2 + v2 with v1 + v2 = 3, on every rung
    assert solver.flow[length + 1 :].reshape(-1, 2).sum(axis=1) == pytest.approx(np.full(length, 3.0))


def test_unreachable_trip_is_reported():
    graph = AssignmentGraph(3, [0], [1])
    solver = problem(graph, on_arcs(3, free_s=[1.0]), (0, 1, 1.0), (0, 2, 1.0))
    assert solver.solve(1e-6, 5) == np.inf
    assert solver.unreachable().tolist() == [1]


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"free_s": [-1.0]}, "free_s[1]"),
        ({"free_s": [np.nan]}, "free_s[1]"),
        ({"capacity": [0.0]}, "capacity[1]"),
        ({"power": [0.5]}, "power[1]"),
        ({"queue_s": [1.0]}, "randomness[1]"),
    ],
)
def test_bad_costs_are_refused(columns, field):
    with pytest.raises(InputError) as caught:
        on_arcs(1, **columns)
    assert caught.value.field == field


def test_bad_problems_are_refused():
    with pytest.raises(InputError, match="sorted by tail"):
        AssignmentGraph(2, [1, 0], [0, 1])
    graph = AssignmentGraph(2, [0], [1])
    with pytest.raises(InputError, match="more than 0"):
        problem(graph, on_arcs(2, free_s=[1.0]), (0, 1, 0.0))
    with pytest.raises(InputError, match="one for each vertex and arc"):
        problem(graph, on_arcs(3, free_s=[1.0]), (0, 1, 1.0))

"""The cyclic profile model: closed forms on one and two signals, conservation, incremental evaluation."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.build import build_junctions
from signals.hcm import incremental_delay_s
from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from signals.plan import Plan, PlanSet, Stage, StageSequence
from signals.profile import ProfileModel, Timings
from signals.profile_parameters import ProfileParameters, Weights, mean_demand
from signals.splits import delay_splits
from signals.stages import stage_sequences
from tests.signals.junctions import crossroads, network_of
from tests.traffic.small_networks import Group, Road, demand, movement, network
from traffic.assemble import assemble
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.flow import FlowParameters
from traffic.network import RoadClass, RoadNetwork
from traffic.specs import JunctionSpec, LinkSpec, NodeSpec

PLAIN = ProfileParameters(
    flow=FlowParameters(start_loss_s=0.0, yellow_use_s=0.0), dispersion=0.0, randomness=0.0
)
"""Effective green is green, platoons keep their shape, arrivals are deterministic."""


def street(signals: int, *, link_s: int = 20, saturation: float = 0.8) -> RoadNetwork:
    """A one-way street; link i ends at signal i, the last one at the end of the street."""
    points = [(300.0 * k, 0.0) for k in range(signals + 2)]
    roads = [Road(k, k + 1, 15.0 * link_s, (Group((k + 1,), saturation=saturation),)) for k in range(signals)]
    roads.append(Road(signals, signals + 1))
    return network(points, roads, signals=range(1, signals + 1))


def street_junction(net: RoadNetwork, row: int) -> Junction:
    """The street's signal and a walk across it, 5 s apart both ways."""
    conflict = np.array([[0, Conflict.FULL], [Conflict.FULL, 0]])
    groups = (
        SignalGroup("A", GroupKind.VEHICLE, (movement(net, row, row + 1),), (), 5, None, 0, 3, 0),
        SignalGroup("P", GroupKind.PEDESTRIAN, (), (), 5, None, 0, 0, 0),
    )
    key = net.junctions.key[row]
    return Junction(row, key, key, groups, conflict, np.array([[0, 5], [5, 0]]), 30, 120)


def street_plan(junction: Junction, *, cycle: int = 60, green: int = 30, offset: int = 0) -> Plan:
    """Green from the offset on."""
    stages = (Stage(frozenset((0,))), Stage(frozenset((1,))))
    return Plan(junction, cycle, offset % cycle, stages, (green + 5, cycle - green - 5))


def street_model(
    plans: list[Plan], net: RoadNetwork, flow_veh_s: float, *, parameters: ProfileParameters = PLAIN
) -> tuple[ProfileModel, PlanSet]:
    """Return the model of the street with vehicles that enter at its start, evaluated."""
    junctions = [plan.junction for plan in plans]
    sequences = [(plan.sequence,) for plan in plans]
    model = ProfileModel(net, junctions, sequences, demand(net, {0: flow_veh_s}), parameters=parameters)
    plan_set = PlanSet("test", net.name, tuple(plans))
    model.evaluate(model.from_plans(plan_set))
    return model, plan_set


def one_signal(
    flow_veh_s: float,
    *,
    cycle: int = 60,
    green: int = 30,
    offset: int = 0,
    parameters: ProfileParameters = PLAIN,
) -> ProfileModel:
    net = street(1)
    plan = street_plan(street_junction(net, 0), cycle=cycle, green=green, offset=offset)
    return street_model([plan], net, flow_veh_s, parameters=parameters)[0]


@pytest.mark.parametrize("offset", [0, 1, 17, 45, 59])
def test_uniform_delay_at_one_signal(offset: int) -> None:
    # q = 0.2, s = 0.8 veh/s, C = 60, g = 30: 6 vehicles at the end of red, gone 10 s into green.
    model = one_signal(0.2, offset=offset)
    figures = model.figures()
    assert model.cost / 0.2 == pytest.approx(10.0, abs=1e-9)
    assert figures.flow_veh_s[0] == pytest.approx(0.2, abs=1e-12)
    assert figures.capacity_veh_s[0] == pytest.approx(0.4, abs=1e-12)
    expected = np.roll([0.8] * 10 + [0.2] * 20 + [0.0] * 30, offset)
    assert model.departures(0) == pytest.approx(expected, abs=1e-9)


def test_stops_at_one_signal() -> None:
    # All who come in the 30 s of red and the 10 s until the queue has gone stop: 8 of 12 vehicles. Of the
    # first bin of red all stop too, though they find no queue; the last bin finds 0.6 vehicles.
    assert one_signal(0.2).figures().stops_veh_s[0] == pytest.approx(8.0 / 60.0, abs=1e-9)


@pytest.mark.xfail(
    strict=True, reason="the back of the queue leaves out the vehicles that the last second discharged: 7.2"
)
def test_back_of_queue_at_one_signal() -> None:
    # The queue stands still from the stop line to the vehicle that stops last, 40 s after the start of red.
    assert one_signal(0.2).figures().back_veh[0] == pytest.approx(8.0, abs=1e-9)


def test_start_loss_and_use_of_the_yellow_shift_the_effective_green() -> None:
    flow = FlowParameters(start_loss_s=2.0, yellow_use_s=1.0)
    parameters = ProfileParameters(flow=flow, dispersion=0.0, randomness=0.0)
    model = one_signal(0.2, parameters=parameters)
    assert model.figures().capacity_veh_s[0] == pytest.approx(0.8 * 29.0 / 60.0, abs=1e-12)
    served = model.departures(0)
    assert served[:2].tolist() == [0.0, 0.0]
    assert served[30] == pytest.approx(0.2, abs=1e-9)
    assert served[31:].tolist() == [0.0] * 29


@pytest.mark.parametrize("flow", [0.1, 0.3, 0.38])
def test_random_delay_is_that_of_the_capacity_manual(flow: float) -> None:
    parameters = ProfileParameters(flow=PLAIN.flow, dispersion=0.0, randomness=4.0, period_s=900.0)
    model = one_signal(flow, parameters=parameters)
    per_vehicle = incremental_delay_s(flow / 0.4, 0.4 * 3600.0, 0.25)
    assert model.figures().overflow_veh[0] / flow == pytest.approx(per_vehicle, rel=1e-9)


def test_oversaturated_signal_discharges_its_capacity() -> None:
    model = one_signal(0.5)
    figures = model.figures()
    assert model.departures(0) == pytest.approx(np.array([0.8] * 30 + [0.0] * 30), abs=1e-9)
    assert figures.flow_veh_s[0] == pytest.approx(0.5, abs=1e-12)
    # A queue that grows by 0.1 veh/s for an hour waits 180 vehicles on average; with X = 1.25 those served
    # wait 0.5 T (X - 1) each.
    assert figures.overflow_veh[0] == pytest.approx(0.4 * 0.5 * 3600.0 * 0.25, rel=1e-9)


def test_weights_of_delay_and_stops() -> None:
    net = street(1)
    plan = street_plan(street_junction(net, 0))
    weights = Weights(delay=np.array([3.0, 1.0]), stop_s=np.array([7.0, 0.0]))
    model = ProfileModel(
        net, [plan.junction], [(plan.sequence,)], demand(net, {0: 0.2}), weights=weights, parameters=PLAIN
    )
    cost = model.evaluate(model.from_plans(PlanSet("test", net.name, (plan,))))
    assert cost == pytest.approx(3.0 * 2.0 + 7.0 * model.figures().stops_veh_s[0], abs=1e-9)


@pytest.mark.parametrize(("late", "queueing_veh"), [(0, 0.0), (3, 0.42)])
def test_platoon_at_the_second_signal(late: int, queueing_veh: float) -> None:
    # The platoon, 10 s of 0.8 and 20 s of 0.2 veh/s, comes 20 s later. Where green starts 3 s after it, 2.4
    # vehicles wait for 7 s more and leave within 4 s: 25.2 veh s in a cycle of 60 s.
    net = street(2)
    plans = [street_plan(street_junction(net, row), offset=(0, 20 + late)[row]) for row in range(2)]
    model, _ = street_model(plans, net, 0.2)
    assert model.figures().uniform_veh[1] == pytest.approx(queueing_veh, abs=1e-9)
    assert model.cost == pytest.approx(2.0 + queueing_veh, abs=1e-9)


def test_no_platoon_survives_between_different_periods() -> None:
    net = street(2)
    junctions = [street_junction(net, row) for row in range(2)]
    model, _ = street_model(
        [street_plan(junctions[0], cycle=50, green=20), street_plan(junctions[1])], net, 0.2
    )
    assert model.figures().uniform_veh[1] == pytest.approx(2.0, abs=1e-9)


def test_half_of_the_period_repeats_the_green() -> None:
    # C = 30, g = 15 at the second signal: 10 s of 0.8 and 20 s of 0.2 veh/s meet greens [0, 15) and [30, 45).
    net = street(2)
    junctions = [street_junction(net, row) for row in range(2)]
    both = PlanSet(
        "test",
        net.name,
        (street_plan(junctions[0]), street_plan(junctions[1], cycle=30, green=15, offset=20)),
    )
    sequences = [(plan.sequence,) for plan in both]
    model = ProfileModel(net, junctions, sequences, demand(net, {0: 0.2}), parameters=PLAIN)
    timings = model.from_plans(both)
    timings.period_s[:], timings.repeats[:] = 60, [1, 2]
    model.evaluate(timings)
    # Who comes in the last 15 s of the platoon, 3 vehicles, waits until 30 s and leaves at 0.8 veh/s; at full
    # seconds 3, 2.2, 1.4, 0.6 and no vehicles are left.
    area = 0.5 * 15.0 * 3.0 + 0.5 * 3.0 + 2.2 + 1.4 + 0.6
    assert model.figures().capacity_veh_s[1] == pytest.approx(0.4, abs=1e-12)
    assert model.figures().uniform_veh[1] == pytest.approx(area / 60.0, abs=1e-9)


def _two_crossroads() -> tuple[RoadNetwork, FlowDemand]:
    """Two signalised crossroads, 300 m apart, that trade traffic both ways."""
    at = [(0.0, 0.0), (300.0, 0.0), (-250.0, 0.0), (550.0, 0.0)]
    at += [(x, y) for x in (0.0, 300.0) for y in (250.0, -250.0)]
    nodes = [NodeSpec(*at[k], junction=JunctionSpec(f"j{k}", f"J{k}")) for k in range(2)]
    nodes += [NodeSpec(*point, gateway=True) for point in at[2:]]
    pairs = [(0, 1), (2, 0), (3, 1), (4, 0), (5, 0), (6, 1), (7, 1)]
    links = [
        LinkSpec(a, b, np.array([at[a], at[b]]), 15.0, 1, RoadClass.PRIMARY, crossing=False)
        for one, other in pairs
        for a, b in ((one, other), (other, one))
    ]
    net = assemble("pair", "EPSG:32643", nodes, links)
    entries = {i: 0.06 + 0.005 * k for k, i in enumerate(i for i in range(14) if links[i].from_node >= 2)}
    return net, demand(net, entries)


@pytest.fixture(scope="module")
def pair_model() -> tuple[ProfileModel, Timings]:
    net, flows = _two_crossroads()
    junctions = build_junctions(net)
    model = ProfileModel(net, junctions, [stage_sequences(j) for j in junctions], flows)
    timings, _ = delay_splits(model, np.array([60, 60]))
    model.evaluate(timings)
    return model, timings


def _changed(model: ProfileModel, timings: Timings, rng: np.random.Generator) -> tuple[Timings, int]:
    """Return the timings with one junction's offset and, where that is safe, durations changed."""
    trial, row = timings.copy(), int(rng.integers(len(model.junctions)))
    cycle = int(trial.period_s[row] // trial.repeats[row])
    trial.offset_s[row] = rng.integers(cycle)
    sequence = model.all_sequences[trial.sequence[row]]
    if len(sequence) > 1:
        giver, taker = rng.choice(len(sequence), 2, replace=False)
        trial.duration_s[row, giver] -= 2
        trial.duration_s[row, taker] += 2
        if not sequence.feasible(trial.duration_s[row, : len(sequence)]):
            trial.duration_s[row] = timings.duration_s[row]
    return trial, row


def test_vehicles_are_conserved(pair_model: tuple[ProfileModel, Timings]) -> None:
    model, timings = pair_model
    model.evaluate(timings, epsilon=0.0)
    figures, links = model.figures(), model.network.lane_groups.link
    served = np.array([model.departures(g).mean() for g in range(len(links))])
    arriving = np.bincount(links, weights=figures.flow_veh_s, minlength=len(model.network.links))
    inner = model.demand.exit_share < 1.0
    assert (figures.flow_veh_s < figures.capacity_veh_s)[inner[links]].all()
    assert served[inner[links]] == pytest.approx(figures.flow_veh_s[inner[links]], abs=1e-9)
    assert arriving[inner] == pytest.approx(model.demand.link_veh_s[inner], abs=1e-9)


def test_incremental_evaluation_equals_the_full_one(pair_model: tuple[ProfileModel, Timings]) -> None:
    model, timings = pair_model
    rng = np.random.default_rng(5)
    current = timings.copy()
    model.evaluate(current, epsilon=0.0)
    costs = set()
    for _ in range(6):
        current, row = _changed(model, current, rng)
        model.load(current)
        model.update(model.nodes[[row]], epsilon=0.0)
        incremental, figures = model.cost, model.figures()
        assert model.evaluate(current, epsilon=0.0) == pytest.approx(incremental, abs=1e-9)
        for field in fields(figures):
            full = getattr(model.figures(), field.name)
            assert getattr(figures, field.name) == pytest.approx(full, abs=1e-9), field.name
        costs.add(round(incremental, 6))
    assert len(costs) > 3  # the changes do change something


def test_same_timings_give_the_same_bytes(pair_model: tuple[ProfileModel, Timings]) -> None:
    model, timings = pair_model
    model.evaluate(timings)
    once = (model.state.result.tobytes(), model.state.node_cost.tobytes(), model.state.depart.tobytes())
    other, _ = _changed(model, timings, np.random.default_rng(1))
    model.evaluate(other)
    assert model.state.result.tobytes() != once[0]
    model.evaluate(timings)
    again = (model.state.result.tobytes(), model.state.node_cost.tobytes(), model.state.depart.tobytes())
    assert again == once


def test_common_shift_of_all_offsets_changes_nothing(pair_model: tuple[ProfileModel, Timings]) -> None:
    model, timings = pair_model
    before = model.evaluate(timings, epsilon=0.0)
    shifted = timings.copy()
    shifted.offset_s[:] = (shifted.offset_s + 23) % shifted.period_s
    assert model.evaluate(shifted, epsilon=0.0) == pytest.approx(before, abs=1e-9)


def test_plans_and_timings_are_two_forms_of_one_thing(pair_model: tuple[ProfileModel, Timings]) -> None:
    model, timings = pair_model
    plans = model.to_plans(timings, name="test")
    again = model.from_plans(plans)
    for field in fields(Timings):
        assert np.array_equal(getattr(again, field.name), getattr(timings, field.name)), field.name
    assert model.to_plans(again, name="other", keep=plans).plans == plans.plans


def test_splits_cost_no_more_than_other_safe_ones(pair_model: tuple[ProfileModel, Timings]) -> None:
    model, timings = pair_model
    model.load(timings)
    model.start_uniform()
    best = model.junction_costs()
    for row in range(2):
        sequence = model.all_sequences[timings.sequence[row]]
        count, tried = len(sequence), 0
        for giver in range(count):
            for taker in range(count):
                trial = timings.copy()
                trial.duration_s[row, giver] -= 1
                trial.duration_s[row, taker] += 1
                if giver != taker and sequence.feasible(trial.duration_s[row, :count]):
                    tried += 1
                    model.load(trial)
                    assert model.junction_costs()[row] >= best[row] - 1e-9
        assert tried > 0


@settings(max_examples=20)
@given(cycle=st.integers(30, 120), green=st.integers(5, 110))
def test_splits_are_safe(cycle: int, green: int) -> None:
    """Any cycle gives a plan; a green that does not fit gives none."""
    net = street(1)
    junction = street_junction(net, 0)
    sequence = StageSequence.of(junction, (Stage(frozenset((0,))), Stage(frozenset((1,)))))
    model = ProfileModel(net, [junction], [(sequence,)], demand(net, {0: 0.2}), parameters=PLAIN)
    timings, cost = delay_splits(model, np.array([cycle]))
    (plan,) = model.to_plans(timings, name="test")
    assert (plan.cycle_s, plan.durations_s[1]) == (cycle, 10)  # all that the walk leaves
    assert np.isfinite(cost).all()
    timings.duration_s[0] = green + 5, cycle - green - 5
    model.load(timings)
    assert model.feasible() == (cycle - green - 5 >= 10)


def test_period_beyond_the_longest_cycle_is_refused() -> None:
    model = one_signal(0.2)
    timings = model.timings()
    timings.period_s[0] = 121
    with pytest.raises(InputError, match=r"timings\.period_s: must be at most 120 s"):
        model.evaluate(timings)


def test_plan_with_another_sequence_is_refused() -> None:
    net = network_of(crossroads(crossing=False))
    (junction,) = build_junctions(net)
    one, other = stage_sequences(junction)[:2]
    model = ProfileModel(net, [junction], [(one,)], demand(net, {0: 0.1}))
    foreign = ProfileModel(net, [junction], [(other,)], demand(net, {0: 0.1}))
    plans = foreign.to_plans(delay_splits(foreign, np.array([60]))[0], name="test")
    with pytest.raises(InputError, match="must use a stage sequence of the model"):
        model.from_plans(plans)


def test_model_needs_a_sequence_for_each_junction() -> None:
    net = street(1)
    junction = street_junction(net, 0)
    flows = demand(net, {0: 0.2})
    with pytest.raises(InputError, match="sequences: must have 1 rows"):
        ProfileModel(net, [junction], [], flows)
    with pytest.raises(InputError, match="a junction needs a stage sequence"):
        ProfileModel(net, [junction], [()], flows)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize(
    "name", ["dispersion", "period_s", "randomness", "stop_queue_veh", "overflow_weight"]
)
def test_refuses_bad_parameters(name: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"ProfileParameters\.{name}: must be"):
        ProfileParameters(**{name: value})


def test_mean_demand_weighs_the_periods_by_their_length() -> None:
    net = street(2)
    flows = demand(net, {0: [0.1, 0.4]}, period_s=900.0)
    # 900 s at 0.1, then 2700 s at 0.4 veh/s.
    mean = mean_demand(net, flows, 3600.0)
    assert mean.link_veh_s == pytest.approx(np.full(3, 0.325), abs=1e-12)
    assert mean_demand(net, flows, 600.0).link_veh_s == pytest.approx(np.full(3, 0.1), abs=1e-12)
    with pytest.raises(InputError, match="duration_s: must be more than 0 s"):
        mean_demand(net, flows, 0.0)


@pytest.mark.xfail(
    strict=True,
    reason="above saturation the cyclic queue of a lane group that gives way depends on the cycle zero",
)
@pytest.mark.parametrize("shift", [1, 29])
def test_cycle_zero_does_not_matter_above_saturation(shift: int) -> None:
    net = network_of(crossroads(crossing=False))
    (junction,) = build_junctions(net)
    entries = np.flatnonzero(net.links.to_node == 0).tolist()
    flows = demand(net, {link: 0.16 * (1.0 + 0.3 * k) for k, link in enumerate(entries)})
    model = ProfileModel(net, [junction], [stage_sequences(junction)], flows)
    timings, _ = delay_splits(model, np.array([60]))
    before = model.evaluate(timings, epsilon=0.0)
    timings.offset_s[0] += shift
    assert model.evaluate(timings, epsilon=0.0) == pytest.approx(before, abs=1e-9)

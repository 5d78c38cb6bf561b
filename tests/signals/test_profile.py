"""The cyclic profile model: closed forms, a slow twin, the flow model, and invariants."""

from __future__ import annotations

import numpy as np
import pytest

from signals.greens import movement_greens
from signals.local_search import LocalSearch
from signals.profile import ProfileModel, Timings
from signals.profile_parameters import ProfileParameters, mean_demand
from signals.sequence import StageSequence
from signals.splits import delay_splits
from signals.stages import stage_sequences
from tests.signals.ref_profile import Stream, play
from tests.signals.small_cities import grid_city, road_of_signals, two_stage_sequence, two_stages
from tests.traffic.small_networks import crossroads, demand, movement
from traffic.errors import InputError
from traffic.flow import FlowModel, FlowParameters

PLAIN = ProfileParameters(
    flow=FlowParameters(start_loss_s=0.0, yellow_use_s=0.0), dispersion=0.0, randomness=0.0
)


def timings(model: ProfileModel, cycle: int, offsets: list[int], durations: list[list[int]]) -> Timings:
    count = len(model.junctions)
    table = np.zeros((count, model.net.stages), dtype=np.int32)
    for row, values in enumerate(durations):
        table[row, : len(values)] = values
    return Timings(
        period_s=np.full(count, cycle, dtype=np.int32),
        repeats=np.ones(count, dtype=np.int32),
        sequence=np.arange(count, dtype=np.int32),
        offset_s=np.array(offsets, dtype=np.int32),
        duration_s=table,
    )


def road_model(count: int, entry: float, parameters: ProfileParameters = PLAIN) -> ProfileModel:
    net = road_of_signals(count)
    junctions = [two_stages(k, [movement(net, k, k + 1)]) for k in range(count)]
    sequences: list[list[StageSequence]] = [[two_stage_sequence(j, 1)] for j in junctions]
    return ProfileModel(net, junctions, sequences, demand(net, {0: entry}), parameters=parameters)


def test_uniform_arrivals_wait_as_in_the_closed_form():
    # D/D/1: q = 0.2, s = 0.8 veh/s, C = 60, g = 30: 10 s a vehicle, 6 vehicles at the end of red, cleared in 10 s.
    # The queue reaches back 8 vehicles: the 2 that join while it discharges stop behind the 6.
    model = road_model(1, 0.2)
    model.evaluate(timings(model, 60, [0], [[34, 26]]))
    figures = model.figures()
    assert figures.uniform_veh[0] / 0.2 == pytest.approx(10.0, abs=1e-9)
    assert figures.capacity_veh_s[0] == pytest.approx(0.4, abs=1e-12)
    assert figures.stops_veh_s[0] * 60 == pytest.approx(8.0, abs=1e-9)
    assert figures.back_veh[0] == pytest.approx(8.0, abs=1e-9)


def test_departures_are_saturated_then_pass_freely():
    model = road_model(1, 0.2)
    model.evaluate(timings(model, 60, [0], [[34, 26]]))
    expected = np.r_[np.full(10, 0.8), np.full(20, 0.2), np.zeros(30)]
    np.testing.assert_allclose(model.departures(0), expected, atol=1e-9)


def test_a_full_stream_departs_at_capacity_and_pays_for_its_growing_queue():
    model = road_model(1, 0.5)
    model.evaluate(timings(model, 60, [0], [[34, 26]]))
    figures = model.figures()
    assert model.departures(0).sum() == pytest.approx(24.0, abs=1e-9)
    # the queue grows by 0.1 veh/s for an hour: 180 vehicles on average
    assert figures.overflow_veh[0] == pytest.approx(180.0, rel=1e-9)


def test_random_delay_is_that_of_the_highway_capacity_manual():
    parameters = ProfileParameters(flow=PLAIN.flow, dispersion=0.0, randomness=4.0, period_s=900.0)
    model = road_model(1, 0.36, parameters)
    model.evaluate(timings(model, 60, [0], [[34, 26]]))
    x = 0.36 / 0.4
    d2 = 225.0 * ((x - 1.0) + np.sqrt((x - 1.0) ** 2 + 4.0 * x / (0.4 * 900.0)))
    assert model.figures().overflow_veh[0] == pytest.approx(0.36 * d2, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.35])
@pytest.mark.parametrize("offsets", [[0, 0, 0], [0, 21, 47]])
def test_a_road_is_as_its_slow_twin_plays_it(alpha, offsets):
    parameters = ProfileParameters(flow=PLAIN.flow, dispersion=alpha, randomness=0.0)
    model = road_model(3, 0.25, parameters)
    durations = [[34, 26], [30, 30], [38, 22]]
    model.evaluate(timings(model, 60, offsets, durations))
    beta = 1.0 / (1.0 + alpha)
    streams = [
        Stream(
            entry=0.25 if k == 0 else 0.0,
            travel=beta * 20.0,
            share=1.0 / (1.0 + alpha * beta * 20.0),
            green=np.roll(np.arange(60) < durations[k][0] - 4, offsets[k]).astype(float),
            saturation=0.8,
        )
        for k in range(3)
    ]
    departures, queues = play(streams)
    for k in range(3):
        np.testing.assert_allclose(model.departures(k), departures[k], atol=1e-9)
        assert model.figures().uniform_veh[k] == pytest.approx(queues[k], abs=1e-9)


def test_a_green_wave_costs_nothing_behind_the_first_signal():
    model = road_model(3, 0.2)
    model.evaluate(timings(model, 60, [0, 20, 40], [[34, 26]] * 3))
    np.testing.assert_allclose(model.figures().uniform_veh[1:3], 0.0, atol=1e-12)
    np.testing.assert_allclose(model.figures().stops_veh_s[1:3], 0.0, atol=1e-12)


@pytest.mark.parametrize("turns", ["RTL", "RT+L"])
def test_turns_that_give_way_leave_as_in_the_flow_model(turns):
    """Uniform arrivals at one junction: the flow model's last cycles are the profile."""
    groups = (("RTL", 1, None),) if turns == "RTL" else (("RT", 1, None), ("L", 1, 60.0))
    net = crossroads(groups=groups)
    at = [[m for m in range(len(net.movements)) if net.movements.in_link[m] % 2 == way] for way in (0, 1)]
    yields = [
        (movement(net, a, 4 + (a + 3) % 4), movement(net, b, 4 + (b + step) % 4))
        for a in range(4)
        for b in [(a + 2) % 4]
        for step in (1, 2)
    ]
    junction = two_stages(0, at[0], at[1], yields=yields)
    sequence = two_stage_sequence(junction, len(at[0]))
    shares = {
        (a, 4 + (a + step) % 4): part for a in range(4) for step, part in ((1, 0.2), (2, 0.6), (3, 0.2))
    }
    flows = demand(net, {0: 0.08, 1: 0.1, 2: 0.09, 3: 0.07}, shares)
    parameters = ProfileParameters(dispersion=0.0, randomness=0.0)
    model = ProfileModel(net, [junction], [[sequence]], flows, parameters=parameters)
    plan = timings(model, 80, [0], [[42, 38]])
    model.evaluate(plan)
    links = [0, 1, 2, 3]
    greens = movement_greens(net, model.to_plans(plan, name="test"))
    result = FlowModel(net, flows).run(greens, 80 * 30, curves=links)
    for link in links:
        left = np.diff(result.curves.outflow_veh[link])[-80:]
        rows = np.flatnonzero(net.lane_groups.link == link)
        seen = sum(model.departures(int(row)) for row in rows)
        np.testing.assert_allclose(np.cumsum(seen), np.cumsum(left), atol=2e-3)
        assert seen.sum() == pytest.approx(left.sum(), abs=1e-6)


@pytest.fixture(scope="module")
def city():
    net, junctions, flows = grid_city(3, 3, 0.12)
    return net, junctions, [stage_sequences(j, limit=3) for j in junctions], flows


def spread_out(model: ProfileModel, cycle: int, seed: int = 3) -> Timings:
    plan, _ = delay_splits(model, np.full(len(model.junctions), cycle))
    plan.offset_s[:] = np.random.default_rng(seed).integers(0, cycle, len(model.junctions))
    return plan


def test_what_arrives_departs(city):
    net, junctions, sequences, flows = city
    model = ProfileModel(net, junctions, sequences, flows)
    model.evaluate(spread_out(model, 80))
    figures = model.figures()
    below = np.flatnonzero(
        (figures.capacity_veh_s > 0) & (figures.flow_veh_s < 0.98 * figures.capacity_veh_s)
    )
    assert len(below) > 20
    for group in below.tolist():
        departed = model.departures(group).mean()
        assert departed == pytest.approx(figures.flow_veh_s[group], abs=1e-4)


def test_a_common_shift_of_all_offsets_changes_nothing(city):
    net, junctions, sequences, flows = city
    model = ProfileModel(net, junctions, sequences, flows)
    plan = spread_out(model, 80)
    cost = model.evaluate(plan, epsilon=1e-9)
    plan.offset_s[:] = (plan.offset_s + 29) % 80
    assert model.evaluate(plan, epsilon=1e-9) == pytest.approx(cost, rel=2e-3)


def test_incremental_evaluation_equals_the_full_one(city):
    net, junctions, sequences, flows = city
    model = ProfileModel(net, junctions, sequences, flows)
    model.evaluate(spread_out(model, 80), epsilon=0.0)
    rng = np.random.default_rng(1)
    for _ in range(4):
        row = int(rng.integers(len(junctions)))
        model.set_offset(row, int(rng.integers(80)))
        model.update(model.nodes[[row]], epsilon=0.0)
    incremental = model.state.node_cost.copy()
    model.refresh(epsilon=0.0)
    np.testing.assert_allclose(incremental, model.state.node_cost, atol=1e-9)
    full = ProfileModel(net, junctions, sequences, flows)
    full.evaluate(model.timings(), epsilon=0.0)
    np.testing.assert_allclose(incremental, full.state.node_cost, atol=1e-9)


def test_half_a_cycle_twice_is_the_whole_cycle(city):
    net, junctions, sequences, flows = city
    model = ProfileModel(net, junctions, sequences, flows.scaled(0.4))
    plan = spread_out(model, 50)
    assert (plan.period_s == 50).all()
    alone = model.evaluate(plan, epsilon=1e-9)
    plan.period_s[:], plan.repeats[:] = 100, 2
    assert model.evaluate(plan, epsilon=1e-9) == pytest.approx(alone, rel=2e-3)


def test_plans_come_back_as_they_went(city):
    net, junctions, sequences, flows = city
    model = ProfileModel(net, junctions, sequences, flows)
    plan = spread_out(model, 80)
    again = model.from_plans(model.to_plans(plan, name="there"))
    for name in ("period_s", "repeats", "sequence", "offset_s", "duration_s"):
        np.testing.assert_array_equal(getattr(again, name), getattr(plan, name))


def test_weights_scale_the_cost(city):
    net, junctions, sequences, flows = city
    model = ProfileModel(net, junctions, sequences, flows, parameters=ProfileParameters(overflow_weight=0.0))
    plan = spread_out(model, 80)
    cost = model.evaluate(plan)
    model.reweigh(np.full(len(net.lane_groups), 3.0))
    assert model.evaluate(plan) == pytest.approx(3.0 * cost, rel=1e-9)
    model.reweigh(None)
    assert model.evaluate(plan) == pytest.approx(cost, rel=1e-12)


def test_mean_demand_weighs_periods_by_their_length():
    net = road_of_signals(1)
    mean = mean_demand(net, demand(net, {0: [0.1, 0.4]}, period_s=600.0), 900.0)
    assert mean.entry_veh_s[0] == pytest.approx(0.2, rel=1e-12)
    np.testing.assert_allclose(mean.link_veh_s, 0.2, rtol=1e-9)


def test_bad_parameters_and_periods_are_refused(city):
    net, junctions, sequences, flows = city
    with pytest.raises(InputError, match="dispersion"):
        ProfileParameters(dispersion=float("nan"))
    with pytest.raises(InputError, match="period_s"):
        ProfileParameters(period_s=0.0)
    with pytest.raises(InputError, match="rows"):
        ProfileModel(net, junctions[:2], sequences[:2], flows)
    model = ProfileModel(net, junctions, sequences, flows)
    plan = spread_out(model, 80)
    plan.period_s[:] = 500
    with pytest.raises(InputError, match="longest cycle"):
        model.evaluate(plan)


def test_what_is_kept_from_visit_to_visit_changes_nothing(city):
    net, junctions, sequences, flows = city
    model = ProfileModel(net, junctions, sequences, flows)
    model.evaluate(spread_out(model, 80), epsilon=0.02)
    LocalSearch(model, np.ones(len(junctions), dtype=bool)).timings(np.arange(len(junctions)))
    model.refresh(epsilon=np.inf)
    kept = model.state.node_cost.copy(), model.state.depart.copy()
    model.state.came[:] = 1
    model.state.shown[:] = 0
    model.refresh(epsilon=np.inf)
    np.testing.assert_array_equal(model.state.node_cost, kept[0])
    np.testing.assert_array_equal(model.state.depart, kept[1])

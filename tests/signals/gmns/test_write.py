"""Plans as GMNS signal tables: read again, they say the same."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scenarios.loader import build, load
from signals.build import build_junctions
from signals.gmns.read import read_signals
from signals.gmns.write import plans_to_gmns
from signals.plan import Plan, PlanSet
from signals.sequence import Stage
from signals.stages import stage_sequences
from simulation.rivals import isolated_webster
from tests.signals.gmns.told import told
from tests.traffic.gmns.hand_tables import crossroads_gmns
from tests.traffic.gmns.same import differences
from tests.traffic.hand_networks import crossroads
from traffic.errors import InputError
from traffic.gmns.cells import rows_of
from traffic.gmns.records import read_gmns, write_gmns
from traffic.gmns.roads import road_network


def read_back(network, *plans):
    gmns = road_network(plans_to_gmns(network, PlanSet("plans", network.name, plans)))
    assert differences(network, gmns.network) == []
    signals = read_signals(gmns)
    assert signals.refused == {}
    return signals.plans


@pytest.mark.parametrize("scenario", ["corridor", "grid", "almaty"])
def test_plans_of_scenarios_come_back(tmp_path, scenario):
    city = build(load(scenario), scale=0.5)
    webster = isolated_webster(city.network, city.junctions, city.demand)
    plans = webster.with_plans(plan.with_offset((7 * k + 3) % plan.cycle_s) for k, plan in enumerate(webster))
    folder = plans_to_gmns(city.network, plans)
    write_gmns(folder, tmp_path / "out")
    again = read_gmns(tmp_path / "out")
    assert again == folder
    gmns = road_network(again)
    assert differences(city.network, gmns.network) == []
    back = read_signals(gmns)
    assert back.refused == {}
    assert [plan.junction.key for plan in back.plans] == [plan.junction.key for plan in plans]
    for plan, found in zip(plans, back.plans, strict=True):
        assert told(found) == told(plan)


def test_a_plan_from_gmns_comes_back():
    gmns = road_network(crossroads_gmns())
    plan = read_signals(gmns).plans[0]
    (found,) = read_back(gmns.network, plan)
    assert told(found) == told(plan)
    (twice,) = read_back(gmns.network, found)
    assert (told(twice), twice.junction.digest) == (told(found), found.junction.digest)


@settings(max_examples=25)
@given(data=st.data())
def test_any_safe_plan_comes_back(data):
    network = crossroads()
    junction = build_junctions(network)[0]
    sequence = data.draw(st.sampled_from(list(stage_sequences(junction, limit=12))))
    extra = data.draw(
        st.lists(st.integers(0, 15), min_size=len(sequence.stages), max_size=len(sequence.stages))
    )
    durations = [
        least + more for least, more in zip(sequence.least_durations_s().tolist(), extra, strict=True)
    ]
    durations[0] += max(junction.cycle_min_s - sum(durations), 0)
    assume(sum(durations) <= junction.cycle_max_s)
    cycle = sum(durations)
    plan = Plan(junction, cycle, data.draw(st.integers(0, cycle - 1)), sequence.stages, tuple(durations))
    (found,) = read_back(network, plan)
    assert told(found) == told(plan)


def test_each_stage_is_a_phase_of_one_ring():
    network = crossroads()
    junction = build_junctions(network)[0]
    pairs = [("E-L", "W-L"), ("E-TR", "W-TR", "P-N", "P-S"), ("N-L", "S-L"), ("N-TR", "S-TR", "P-E", "P-W")]
    stages = tuple(Stage(frozenset(map(junction.group_index, names))) for names in pairs)
    plan = Plan(junction, 100, 33, stages, (20, 32, 18, 30))
    folder = plans_to_gmns(network, PlanSet("plans", network.name, (plan,)))
    phases = rows_of(folder, "signal_timing_phase")
    assert [row.whole("signal_phase_num") for row in phases] == [1, 2, 3, 4]
    assert [row.whole("max_green") + row.whole("clearance") for row in phases] == [20, 32, 18, 30]
    assert {(row.text("ring"), row.text("barrier")) for row in phases} == {("1", "1")}
    assert [bool(row.text("walk_time")) for row in phases] == [False, True, False, True]
    (coordination,) = rows_of(folder, "signal_coordination")
    assert (coordination.whole("offset"), coordination.text("coord_ref_to")) == (33, "begin_of_green")
    served = rows_of(folder, "signal_phase_mvmt")
    first = {
        row.text("mvmt_id")
        for row in served
        if row.text("timing_phase_id") == phases[0].text("timing_phase_id")
    }
    movements = {row.text("mvmt_id"): row.text("type") for row in rows_of(folder, "movement")}
    assert {movements[key] for key in first} == {"left"}
    assert len(first) == 2


def test_plans_of_another_network_are_refused():
    network = crossroads()
    with pytest.raises(InputError, match="must be plans for the 1 junctions of 'crossroads'"):
        plans_to_gmns(network, PlanSet("none", "crossroads", ()))

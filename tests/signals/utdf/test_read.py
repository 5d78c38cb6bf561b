from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from signals.junction import Conflict
from signals.utdf.read import read_signals
from tests.traffic.utdf.hand_files import crossroads_utdf
from traffic.errors import InputError
from traffic.utdf.records import UtdfFile, UtdfSection, read_utdf, write_utdf
from traffic.utdf.roads import road_network

_FREE = -1
_SIDE = {"N-LTR", "S-LTR", "P-E", "P-W"}


def signals_of(**changes):
    return read_signals(road_network(crossroads_utdf(**changes), name="hand"))


def plan_of(**changes):
    signals = signals_of(**changes)
    assert not signals.refused, signals.refused
    return signals.plans[0]


def refusal(**changes):
    signals = signals_of(**changes)
    assert not signals.plans
    return str(signals.refused["utdf:1"])


def names(plan):
    return [set(stage) for stage in plan.sequence.names()]


def windows(plan):
    """Greens of each group, in seconds after the start of stage 0."""
    groups = (group.name for group in plan.junction.groups)
    return dict(zip(groups, plan.green_windows(), strict=True))


def test_a_leading_and_a_lagging_left_turn():
    plan = plan_of()
    assert names(plan) == [{"E-L", "E-TR"}, {"E-TR", "W-TR"}, {"W-TR", "W-L"}, _SIDE]
    assert plan.durations_s == (15, 10, 20, 35)
    assert (plan.cycle_s, plan.offset_s) == (80, 10)
    # yellow and all-red take 5 s off each split, don't walk 11 s more off the walk
    assert windows(plan) == {
        "E-L": ((0, 10),),
        "E-TR": ((0, 20),),
        "W-TR": ((15, 40),),
        "W-L": ((25, 40),),
        "N-LTR": ((45, 75),),
        "S-LTR": ((45, 75),),
        "P-E": ((45, 64),),
        "P-W": ((45, 64),),
    }


@pytest.mark.parametrize(
    ("referenced_to", "offset"),
    [
        (3, 10),  # first green: phase 6 at 0 s of the first barrier
        (0, 75),  # last green: phase 2 at 15 s
        (1, 70),  # first yellow: phase 6 at 20 s
        (2, 65),  # first end: phase 6 at 25 s
        (4, 70),  # first flashing don't walk; without a walk, as its yellow
    ],
)
def test_offsets_from_each_reference(referenced_to, offset):
    assert plan_of(timeplans={"Referenced To": referenced_to}).offset_s == offset


def test_the_stages_begin_with_the_reference_phase():
    plan = plan_of(timeplans={"Reference Phase": 2})
    assert names(plan)[0] == {"E-TR", "W-TR"}
    assert plan.durations_s == (10, 20, 35, 15)
    assert plan.offset_s == 10


def test_a_stage_that_began_before_the_reference_phase_begins_the_plan_early():
    # phases 1 and 5 lead together with the left turns' own lanes; 2 and 6 follow
    phases = {"BRP": {5: 121, 6: 122}, "MaxGreen": {5: 10, 6: 25}}
    plan = plan_of(phases=phases, lanes={"Phase1": {"EBL": 6, "WBL": 2}, "PermPhase1": {"EBL": 6, "WBL": 2}})
    assert names(plan) == [{"E-L", "E-TR", "W-L", "W-TR"}, _SIDE]
    assert plan.offset_s == 10
    assert plan.durations_s == (30, 50)


def test_a_walk_that_must_end_early_ends_at_a_change_of_its_own():
    # phase 6 runs from 0 to 25 s; its don't walk begins at 9 s, before phase 2 begins at 15 s
    plan = plan_of(phases={"Walk": {6: 7}, "DontWalk": {6: 11}})
    assert plan.durations_s == (9, 6, 10, 20, 35)
    assert names(plan)[:2] == [{"E-L", "E-TR", "P-N"}, {"E-L", "E-TR"}]
    assert windows(plan)["P-N"] == ((0, 9),)
    assert windows(plan)["E-L"] == ((0, 10),)
    assert plan.offset_s == 10


def test_conflicts_come_from_geometry_and_rings():
    junction = plan_of().junction
    at = {group.name: g for g, group in enumerate(junction.groups)}

    def relation(one, other):
        return Conflict(int(junction.conflict[at[one], at[other]]))

    assert relation("E-L", "W-TR") == Conflict.FULL
    assert relation("N-LTR", "S-LTR") == Conflict.YIELD
    assert relation("S-LTR", "P-E") == Conflict.YIELD  # NB traffic turns right over the eastern crossing
    assert relation("E-TR", "P-E") == Conflict.FULL
    # both lead away from the junction side by side, but ring 2 never runs phases 6 and 5 together
    assert relation("E-TR", "W-L") == Conflict.FULL
    assert junction.intergreen_s[at["E-L"], at["W-TR"]] == 5
    assert junction.intergreen_s[at["P-E"], at["E-TR"]] == 16
    assert junction.intergreen_s[at["E-TR"], at["P-E"]] == 5


def test_a_left_turn_with_a_permitted_phase_yields_and_stays_green():
    plan = plan_of(lanes={"PermPhase1": {"EBL": 2}})
    assert names(plan)[1:3] == [{"E-TR", "W-TR", "W-L"}, {"W-TR", "W-L"}]
    groups = plan.junction.groups
    at = {group.name: g for g, group in enumerate(groups)}
    assert plan.junction.conflict[at["W-L"], at["E-TR"]] == Conflict.YIELD
    assert windows(plan)["W-L"] == ((15, 40),)


def test_yellow_and_all_red_are_rounded_up():
    change = {"Yellow": {4: 3.6, 8: 3.6}, "AllRed": {4: 1.9, 8: 1.9}, "MaxGreen": {4: 29.5, 8: 29.5}}
    plan = plan_of(phases=change)
    group = plan.junction.groups[plan.junction.group_index("N-LTR")]
    assert group.yellow_s == 4
    assert windows(plan)["N-LTR"] == ((45, 74),)


def test_a_hold_without_green_belongs_to_the_intergreens_before_it():
    phases = {"BRP": {12: 311, 16: 321}, "MinGreen": {12: 4, 16: 4}, "MaxGreen": {12: 7, 16: 7}}
    phases |= {"Yellow": {12: 2, 16: 2}, "AllRed": {12: 1, 16: 1}}
    plan = plan_of(phases=phases, timeplans={"Cycle Length": 90})
    assert plan.durations_s == (15, 10, 20, 45)
    assert windows(plan)["N-LTR"] == ((45, 75),)
    assert windows(plan)["P-E"] == ((45, 64),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timeplans": {"Control Type": 7}}, r"Control Type: must be from 0 to 3 \(got 7\)"),
        ({"timeplans": {"Cycle Length": 90}}, r"Cycle Length: must be the 80 s .* \(got 90\)"),
        ({"timeplans": {"Cycle Length": 0}}, "must be from 1 to 600 s"),
        ({"timeplans": {"Reference Phase": 3}}, r"must be phases of the junction: 1, 2, 4, 5, 6, 8"),
        ({"timeplans": {"Referenced To": 9}}, "must be from 0 to 4"),
        ({"timeplans": {"Offset": 2.5}}, "at a whole second"),
        ({"timeplans": {"Node 1": 44}}, r"Node 1: must be 0: one controller of several nodes .* \(got 44\)"),
        ({"phases": {"MaxGreen": {2: 24}}}, r"\(barrier 1\) \(got 'ring 1: 44 s, ring 2: 45 s'\)"),
        ({"phases": {"MaxGreen": {1: 9.5}}}, r"MaxGreen, D1: must be whole seconds"),
        ({"phases": {"Yellow": {1: -4}}}, "Yellow, D1: must be 0 s or more"),
        ({"phases": {"BRP": {1: 112}}}, "BRP, D2: must be barrier, ring and position"),
        ({"phases": {"BRP": {1: "1x1"}}}, "BRP, D1: must be barrier, ring and position"),
        ({"phases": {"Start": {2: 26}}}, r"Start, D2: must be 25, where .* \(got 26.0\)"),
        ({"phases": {"MinGreen": {1: 11}}}, r"group E-L: green must be at least 11 s \(got 10\)"),
        ({"phases": {"Walk": {4: 20}}}, r"group P-E: green must be at least 20 s \(got 19\)"),
        ({"lanes": {"Phase1": {"EBT": 3}}}, r"EBT: must be phases with a split \(got '3'\)"),
        ({"lanes": {"PermPhase1": {"EBR": 6}}}, "must share a phase with the turns in its lane"),
        ({"lanes": {"Phase1": {"NBT": 8}, "PermPhase1": {"NBL": 8, "EBL": 4}}}, "in full conflict"),
        ({"lanes": {"PermPhase1": {"WBL": 6}}}, r"E-L must not end while W-TR.* \(yellow trap\)"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(changes, message):
    text = refusal(**changes)
    assert text.startswith("hand.csv: ")
    assert re.search(message, text), text


def test_one_bad_plan_does_not_keep_the_others_out():
    signals = signals_of(copies=3, timeplans={"Cycle Length": 81})
    assert list(signals.refused) == ["utdf:1"]
    assert [plan.junction.key for plan in signals.plans] == ["utdf:11", "utdf:21"]
    assert [plan.junction.index for plan in signals.plans] == [1, 2]


def test_tempe(shared_data, tmp_path):
    """The timing plans of a whole city load, or are refused each with its reason."""
    packed = shared_data / "synchro" / "tempe_UTDF.csv.gz"
    if not packed.is_file():
        pytest.skip("Tempe's UTDF file is not here: it is not Jasyl's to hand on")
    path = tmp_path / "tempe.csv"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    file = read_utdf(path)
    write_utdf(file, tmp_path / "again.csv")
    assert read_utdf(tmp_path / "again.csv") == file
    roads = road_network(file, name="tempe")
    signals = read_signals(roads)
    assert len(roads.network.junctions) == len(signals.plans) + len(signals.refused) == 243
    assert len(signals.plans) >= 150
    assert all(error.rule and error.field for error in signals.refused.values())
    # one controller for several nodes: 16 clusters of two
    clusters = [key for key, e in signals.refused.items() if "controller of several" in f"{e.rule}{e.hint}"]
    assert len(clusters) == 32
    told = {f"utdf:{intid}": table for intid, table in roads.tables.timeplans.items()}
    for plan in signals.plans:
        assert plan.cycle_s == told[plan.junction.key].whole("Cycle Length", "DATA")
        _require_own_greens(roads, plan)
    assert np.nansum(roads.volume_veh_h) > 0


def _require_own_greens(roads, plan):
    """No vehicle group is green while the file's own Start and End have none of its phases running."""
    intid = roads.intid[int(roads.network.junctions.node[plan.junction.index])]
    lanes, phases = roads.tables.lanes[intid], roads.tables.phases[intid]
    for group, greens in zip(plan.junction.groups, plan.green_windows(), strict=True):
        running = np.zeros(plan.cycle_s, dtype=bool)
        for movement in group.movements:
            own = roads.columns[movement]
            found = [
                (*lanes.numbered("Phase", c), *lanes.numbered("PermPhase", c)) for c in (own, f"{own[:2]}T")
            ]
            for phase in found[0] or found[1]:  # a turn without phases goes with the through traffic
                if phase != _FREE:
                    start, end = (phases.whole(name, f"D{phase}") for name in ("Start", "End"))
                    seconds = (end - start) % plan.cycle_s or plan.cycle_s
                    running[np.arange(start, start + seconds) % plan.cycle_s] = True
        for start, end in greens if group.movements else ():
            shown = np.arange(start, end) + plan.offset_s
            assert running[shown % plan.cycle_s].all(), (plan.junction.key, group.name)


_NASTY = (
    "",
    "x",
    "-1",
    "0",
    "1",
    "3",
    "1.5",
    "1e300",
    "-1e300",
    "nan",
    "1_0",
    "99999999999",
    "*2",
    "206",
    "111",
)


@settings(max_examples=300)
@given(data=st.data())
def test_a_wrong_cell_is_refused_or_read_but_never_a_crash(data):
    file = crossroads_utdf(phases={"Walk": {2: 7, 6: 7}, "DontWalk": {2: 11, 6: 11}})
    sections = list(file.sections)
    which = data.draw(st.integers(0, len(sections) - 1))
    section = sections[which]
    rows = [list(row) for row in section.rows]
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(section.columns) - 1))
    rows[row][column] = data.draw(st.sampled_from(_NASTY))
    assume(any(rows[row]))
    sections[which] = UtdfSection(section.name, section.title, section.columns, tuple(map(tuple, rows)))
    changed = UtdfFile(tuple(sections), "hand.csv")
    problem, refused = _refusals(changed)
    for error in [*problem, *refused]:
        assert error.file == "hand.csv"
        assert error.field
        assert error.rule


def _refusals(file):
    """Return why the file was refused, or why plans of it were."""
    try:
        signals = read_signals(road_network(file, name="hand"))
    except InputError as error:
        return [error], []
    return [], list(signals.refused.values())

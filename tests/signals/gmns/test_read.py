"""Plans from GMNS signal tables: rings and barriers, offsets, and what is refused."""

from __future__ import annotations

import pytest

from signals.gmns.read import read_signals
from signals.junction import Conflict
from tests.traffic.gmns.hand_tables import GREEN, changed, crossroads_gmns, with_table, without
from traffic.errors import InputError
from traffic.gmns.records import GmnsTable, read_gmns
from traffic.gmns.roads import road_network

PHASES = "signal_timing_phase"


def signals_of(folder):
    return read_signals(road_network(folder))


def plan_of(folder):
    signals = signals_of(folder)
    assert not signals.refused, signals.refused
    return signals.plans[0]


def names(plan):
    return [set(stage) for stage in plan.sequence.names()]


def windows(plan):
    return dict(zip((group.name for group in plan.junction.groups), plan.green_windows(), strict=True))


def test_eight_phases_in_two_rings():
    plan = plan_of(crossroads_gmns())
    main, side = {"E-TR", "W-TR", "P-N", "P-S"}, {"N-TR", "S-TR", "P-E", "P-W"}
    assert names(plan) == [main, {"N-L", "S-L"}, side, {"E-L", "W-L"}]
    assert plan.durations_s == (34, 16, 24, 16)
    assert (plan.cycle_s, plan.offset_s, plan.name) == (90, 30, "am")
    # clearance takes 5 s off each split, flashing don't walk 12 s more off the walk
    assert windows(plan) == {
        "E-TR": ((0, 29),),
        "W-TR": ((0, 29),),
        "N-L": ((34, 45),),
        "S-L": ((34, 45),),
        "N-TR": ((50, 69),),
        "S-TR": ((50, 69),),
        "E-L": ((74, 85),),
        "W-L": ((74, 85),),
        "P-N": ((0, 17),),
        "P-S": ((0, 17),),
        "P-E": ((50, 57),),
        "P-W": ((50, 57),),
    }


def test_the_groups_have_the_times_of_their_phases():
    junction = plan_of(crossroads_gmns()).junction
    groups = {group.name: group for group in junction.groups}
    assert groups["E-TR"].min_green_s == 6
    assert groups["P-N"].min_green_s == 7
    # 50 km/h and 7 mph on top of it: 1 + 17.0 / 6.1 = 3.8 s
    assert groups["E-TR"].yellow_s == 4
    one, other = junction.group_index("E-L"), junction.group_index("W-TR")
    assert junction.conflict[one, other] == Conflict.FULL
    assert junction.intergreen_s[one, other] == 5


def test_a_yellow_of_its_own():
    folder = crossroads_gmns()
    old = folder.table(PHASES)
    rows = [(*row, "3.5") for row in old.rows]
    junction = plan_of(with_table(folder, GmnsTable.of(PHASES, (*old.columns, "yellow"), rows))).junction
    assert {group.yellow_s for group in junction.groups if group.movements} == {4}
    assert {group.yellow_s for group in junction.groups if group.crossings} == {0}


@pytest.mark.parametrize(
    ("reference", "offset"), [("begin_of_green", 30), ("begin_of_yellow", 1), ("begin_of_red", 87), ("", 30)]
)
def test_offsets_from_each_reference(reference, offset):
    # the yellow is 4 s and ends 1 s before the split of 34 s
    plan = plan_of(changed(crossroads_gmns(), "signal_coordination", "coord_ref_to", reference))
    assert plan.offset_s == offset


def test_the_stages_begin_with_the_phase_that_is_coordinated():
    plan = plan_of(changed(crossroads_gmns(), "signal_coordination", "coord_phase", "4"))
    assert names(plan)[0] == {"N-TR", "S-TR", "P-E", "P-W"}
    assert plan.durations_s == (24, 16, 34, 16)
    assert plan.offset_s == 30


def test_without_coordination_the_first_phase_begins_at_0():
    plan = plan_of(without(crossroads_gmns(), "signal_coordination"))
    assert names(plan)[0] == {"E-L", "W-L"}
    assert plan.offset_s == 0


def test_an_offset_may_count_from_that_of_another_controller():
    folder = crossroads_gmns()
    old = folder.table("signal_coordination")
    rows = [
        ("1", "am", "C", "far", 2, "begin_of_green", 30),
        ("2", "am", "far", "far", 2, "begin_of_green", 25),
    ]
    folder = with_table(folder, GmnsTable.of("signal_controller", ("controller_id",), [("C",), ("far",)]))
    signals = signals_of(with_table(folder, GmnsTable.of(old.name, old.columns, rows)))
    assert signals.plans[0].offset_s == 55


def test_a_fixed_time_phase_has_its_green_in_min_green():
    folder = crossroads_gmns()
    old = folder.table(PHASES)
    at = [old.columns.index(name) for name in ("min_green", "max_green", "signal_phase_num")]
    rows = [list(row) for row in old.rows]
    for row in rows:
        row[at[0]], row[at[1]] = str(GREEN[int(row[at[2]])]), ""
    plan = plan_of(with_table(folder, GmnsTable.of(PHASES, old.columns, rows)))
    assert plan.durations_s == (34, 16, 24, 16)


def test_a_permitted_left_turn_yields():
    folder = crossroads_gmns()
    served = folder.table("signal_phase_mvmt")
    left = [row for row in served.rows if row[2].endswith("-L") and row[2][0] in "EW"]
    rows = [row for row in served.rows if row not in left]
    rows += [
        (f"p{k}", "am6" if row[2] == "E-L" else "am2", row[2], "", "permitted") for k, row in enumerate(left)
    ]
    phases = folder.table(PHASES)
    kept = [row for row in phases.rows if row[2] not in {"1", "5"}]
    folder = with_table(folder, GmnsTable.of(PHASES, phases.columns, kept))
    folder = with_table(folder, GmnsTable.of(served.name, served.columns, rows))
    plan = plan_of(changed(folder, "signal_timing_plan", "cycle_length", "74"))
    assert names(plan)[0] == {"E-TR", "W-TR", "E-L", "W-L", "P-N", "P-S"}
    one, other = plan.junction.group_index("E-L"), plan.junction.group_index("W-TR")
    assert plan.junction.conflict[one, other] == Conflict.YIELD


def refusal(folder, key="gmns:C, timing plan am"):
    signals = signals_of(folder)
    assert not signals.plans
    return signals.refused[key]


@pytest.mark.parametrize(
    ("table", "column", "value", "row", "rule"),
    [
        ("signal_timing_plan", "cycle_length", "", 0, "must be given: a plan without a cycle is actuated"),
        (
            "signal_timing_plan",
            "cycle_length",
            "91",
            0,
            "must be the 90 s that the splits of the longest rings add up to",
        ),
        ("signal_timing_plan", "cycle_length", "0", 0, "must be from 1 to 600 s"),
        (PHASES, "max_green", "12", 0, "must be the same in all rings between two barriers (barrier 1)"),
        (PHASES, "max_green", "11.5", 0, "must be whole seconds with clearance, 1 or more"),
        (PHASES, "clearance", "", 0, "must be given"),
        (PHASES, "clearance", "-5", 0, "must be from 0 to 600 s"),
        (PHASES, "signal_phase_num", "2", 0, "must be the only phase 2 of timing plan am"),
        (PHASES, "position", "2", 0, "must be a place of its own: row 2 has the same ring and barrier"),
        (PHASES, "walk_time", "", 1, "must be more than 0 s, as crosswalk xS has phase 2"),
        ("signal_coordination", "coord_phase", "9", 0, "must be a phase of the plan: 1, 2, 3, 4, 5, 6, 7, 8"),
        (
            "signal_coordination",
            "coord_ref_to",
            "end",
            0,
            "must be one of begin_of_green, begin_of_yellow, begin_of_red",
        ),
        (
            "signal_coordination",
            "coord_contr_id",
            "D",
            0,
            "must be a controller with an offset of its own in timing plan am",
        ),
        ("signal_coordination", "offset", "0.5", 0, "must begin the green of the phase at a whole second"),
        ("signal_phase_mvmt", "mvmt_id", "", 0, "must have a phase"),
        ("signal_phase_mvmt", "protection", "rtor", 0, "must have a phase"),
    ],
)
def test_a_plan_is_refused_with_its_reason(table, column, value, row, rule):
    error = refusal(changed(crossroads_gmns(), table, column, value, row=row))
    assert error.rule.startswith(rule)
    assert error.file.startswith("hand/")
    assert error.field
    assert error.hint


def test_an_unsafe_plan_is_refused():
    # the crosswalk over the eastern leg walks while the traffic runs that crosses it
    error = refusal(changed(crossroads_gmns(), "signal_phase_mvmt", "timing_phase_id", "am6", row=14))
    assert "conflict" in str(error).lower()
    # a walk of 7 s and 25 s of flashing don't walk do not fit into 29 s
    table = crossroads_gmns().table(PHASES)
    row = [cells[2] for cells in table.rows].index("2")
    error = refusal(changed(crossroads_gmns(), PHASES, "ped_clearance", "25", row=row))
    assert "P-S" in str(error)


def test_movements_in_one_lane_must_share_a_phase():
    folder = changed(crossroads_gmns(), "signal_phase_mvmt", "timing_phase_id", "am4", row=1)
    error = refusal(folder)
    assert error.rule == "must share a phase with the movements in its lane"


def test_one_controller_of_several_nodes_is_refused():
    folder = changed(crossroads_gmns(), "signal_timing_plan", "controller_id", "box")
    folder = changed(folder, "signal_controller", "controller_id", "box")
    assert plan_of(without(folder, "signal_coordination")).cycle_s == 90  # one node: that of its movements
    served = folder.table("signal_phase_mvmt")
    none = GmnsTable.of(served.name, served.columns, [row for row in served.rows if not row[2]])
    error = refusal(
        without(with_table(folder, none), "signal_coordination"), "controller box, timing plan am"
    )
    assert error.rule == "must govern one node: one controller of several nodes is not read"


def test_a_junction_without_a_timing_plan_is_told():
    folder = without(
        crossroads_gmns(), *[t.name for t in crossroads_gmns().tables if t.name.startswith("signal")]
    )
    assert refusal(folder, "gmns:C").rule == "must have a timing plan"


def test_phases_of_other_nodes_are_no_part_of_the_rings():
    folder = crossroads_gmns()
    movements, phases, served = (folder.table(name) for name in ("movement", PHASES, "signal_phase_mvmt"))
    far = ("far", "E", "CE", 1, "", "EC", "uturn", "signal")
    folder = with_table(folder, GmnsTable.of("movement", movements.columns, [*movements.rows, far]))
    second = ("am2far", *phases.rows[1][1:])
    folder = with_table(folder, GmnsTable.of(PHASES, phases.columns, [*phases.rows, second]))
    assert "must be the only phase 2" in refusal(folder).rule  # it serves nothing: nobody knows whose it is
    rows = [*served.rows, ("99", "am2far", "far", "", "protected")]
    folder = with_table(folder, GmnsTable.of(served.name, served.columns, rows))
    assert plan_of(folder).durations_s == (34, 16, 24, 16)


def test_of_several_timing_plans_one_is_chosen():
    folder = crossroads_gmns()
    phases, served = folder.table(PHASES), folder.table("signal_phase_mvmt")
    green = phases.columns.index("max_green")
    more = [
        (row[0].replace("am", "pm"), "pm", *row[2:green], int(row[green]) + 2, *row[green + 1 :])
        for row in phases.rows
    ]
    folder = with_table(folder, GmnsTable.of(PHASES, phases.columns, [*phases.rows, *more]))
    also = [(f"pm{row[0]}", row[1].replace("am", "pm"), *row[2:]) for row in served.rows]
    folder = with_table(folder, GmnsTable.of(served.name, served.columns, [*served.rows, *also]))
    rows = [("am", "C", 90), ("pm", "C", 98)]
    folder = with_table(
        folder, GmnsTable.of("signal_timing_plan", ("timing_plan_id", "controller_id", "cycle_length"), rows)
    )
    signals = signals_of(folder)
    assert [(plan.name, plan.cycle_s) for plan in signals.plans] == [("am", 90), ("pm", 98)]
    assert [plan.name for plan in signals.first()] == ["am"]
    assert [plan.name for plan in signals.first("pm")] == ["pm"]
    assert signals.first("night") == ()


@pytest.mark.parametrize(
    ("table", "column", "value", "rule"),
    [
        (PHASES, "timing_plan_id", "night", "must be a timing_plan_id of signal_timing_plan.csv"),
        ("signal_phase_mvmt", "timing_phase_id", "x", "must be a timing_phase_id of signal_timing_phase.csv"),
        ("signal_phase_mvmt", "mvmt_id", "x", "must be a mvmt_id of movement.csv"),
        ("signal_phase_mvmt", "protection", "sometimes", "must be one of protected, permitted, rtor"),
        ("signal_timing_plan", "controller_id", "x", "must be a controller_id of signal_controller.csv"),
        ("signal_coordination", "timing_plan_id", "x", "must be a timing_plan_id of signal_timing_plan.csv"),
    ],
)
def test_tables_that_do_not_hang_together_are_refused(table, column, value, rule):
    gmns = road_network(changed(crossroads_gmns(), table, column, value))
    with pytest.raises(InputError) as caught:
        read_signals(gmns)
    error = caught.value
    assert (error.rule, error.file, error.field) == (rule, f"hand/{table}.csv", f"row 2, {column}")


def test_why_the_plans_of_the_examples_are_refused(shared_data):
    archive = shared_data / "gmns" / "gmns_examples.zip"
    arlington = signals_of(read_gmns(archive, inside="Arlington_Signals"))
    assert arlington.plans == ()
    found = {key: error.rule for key, error in arlington.refused.items()}
    assert found["gmns:6, timing plan 0"].startswith("must be given: a plan without a cycle is actuated")
    assert found["gmns:7, timing plan 3"] == "must be the only phase 2 of timing plan 3"  # of two controllers
    assert len(found) == 8
    cambridge = signals_of(read_gmns(archive, inside="Cambridge_Intersection"))
    assert [str(error.field) for error in cambridge.refused.values()] == [
        "row 4, min_green",
        "node 7",
        "node 22",
    ]

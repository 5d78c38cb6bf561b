"""Plans as JSON and timing sheets as CSV: there and back, and everything that is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from signals.build import build_junctions
from signals.junction import Junction
from signals.plan import Plan, PlanSet
from signals.stages import stage_sequences
from signals.timing_sheet import read_timing_sheet, write_timing_sheet
from signals.webster_plans import flow_ratios, webster_plan
from signals.wire import plans_from_dict, plans_to_dict, read_plans, write_plans
from tests.signals.junctions import crossroads, network_of
from tests.signals.small_cities import corridor_city, even_demand, locked
from traffic.errors import InputError


def _plan(junction: Junction, offset_s: int = 12) -> Plan:
    sequence = stage_sequences(junction)[0]
    durations = (sequence.least_durations_s() + 10).tolist()
    return Plan(junction, sum(durations), offset_s, sequence.stages, tuple(durations), name="peak", version=3)


def _before(file: Path, junctions: Sequence[Junction]) -> PlanSet:
    """The plans of a sheet that holds every junction."""
    network = network_of(crossroads())
    before, left_out = read_timing_sheet(file, network, junctions, even_demand(network, 0.1))
    assert left_out == 0
    return before


@pytest.fixture
def junctions() -> tuple[Junction, ...]:
    return build_junctions(network_of(crossroads()))


@pytest.fixture
def plans(junctions: tuple[Junction, ...]) -> PlanSet:
    return PlanSet("morning", "test", (_plan(junctions[0]),))


def test_json_there_and_back(tmp_path: Path, plans: PlanSet, junctions: tuple[Junction, ...]) -> None:
    file = tmp_path / "plans.json"
    write_plans(plans, file)
    first = file.read_bytes()
    assert read_plans(file, junctions) == plans
    write_plans(read_plans(file, junctions), file)
    assert file.read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["plans.json"]


def test_json_says_what_a_person_can_read(plans: PlanSet) -> None:
    document = plans_to_dict(plans)
    (plan,) = document.pop("plans")
    assert document == {"format": "jasyl-plans", "format_version": 1, "name": "morning", "network": "test"}
    assert plan == {
        "junction": "centre",
        "digest": plans[0].junction.digest,
        "name": "peak",
        "version": 3,
        "cycle_s": plans[0].cycle_s,
        "offset_s": 12,
        "stages": [
            {"groups": ["S-LTR", "N-LTR", "P-E", "P-W"], "duration_s": plans[0].durations_s[0]},
            {"groups": ["E-LTR", "W-LTR", "P-N", "P-S"], "duration_s": plans[0].durations_s[1]},
        ],
    }


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d.update(format="plans"), "format: must be 'jasyl-plans'"),
        (lambda d: d.update(format_version=2), "format_version: must be 1"),
        (lambda d: d.update(format_version=1.0), "format_version: must be 1"),
        (lambda d: d.pop("network"), "must have the key 'network'"),
        (lambda d: d.update(netwrok="x"), r"must be a known key \(got 'netwrok'\). Did you mean 'network'"),
        (lambda d: d.update(name=None), "name: must be text"),
        (lambda d: d.update(plans={}), "plans: must be a list"),
        (lambda d: d.update(plans=[]), r"must hold a plan for every junction \(got 'centre'\)"),
        (lambda d: d["plans"].append(d["plans"][0]), r"plans\[1\].junction: must be the only plan"),
        (lambda d: d["plans"].__setitem__(0, 5), r"plans\[0\]: plan: must be an object"),
        (lambda d: d["plans"][0].update(junction="center"), r"must be the key.*Did you mean 'centre'"),
        (lambda d: d["plans"][0].update(junction=["centre"]), "must be the key of a junction"),
        (lambda d: d["plans"][0].update(digest="0" * 16), "digest: was made for other data of this junction"),
        (lambda d: d["plans"][0].update(name=3), "name: must be text"),
        (lambda d: d["plans"][0].update(version="1"), "version: must be a whole number"),
        (lambda d: d["plans"][0].update(cycle_s=48.0), "cycle_s: must be a whole number"),
        (lambda d: d["plans"][0].update(cycle_s=500), "cycle_s: must be from 40 to 120 s"),
        (lambda d: d["plans"][0].update(offset_s=None), "offset_s: must be a whole number"),
        (lambda d: d["plans"][0].update(ofset_s=1), "Did you mean 'offset_s'"),
        (lambda d: d["plans"][0].update(stages=[]), "junction centre"),
        (lambda d: d["plans"][0]["stages"][0].update(duration=1), "Did you mean 'duration_s'"),
        (lambda d: d["plans"][0]["stages"][0].update(duration_s=True), "durations_s: must be a whole number"),
        (lambda d: d["plans"][0]["stages"][0]["groups"].append("E-LTR"), "groups in full conflict must not"),
        (lambda d: d["plans"][0]["stages"][0]["groups"].append("N-LTR"), "must not name a group twice"),
        (lambda d: d["plans"][0]["stages"][0]["groups"].append("N-T"), "must be a signal group"),
        (lambda d: d["plans"][0]["stages"][0]["groups"].append({}), "must be a signal group"),
        (lambda d: d["plans"][0]["stages"][0].update(groups="N-LTR"), "groups: must be a list"),
        (lambda d: d["plans"][0]["stages"][0].update(groups=[]), "a stage needs a signal group"),
        (lambda d: d["plans"][0]["stages"].pop(), "junction centre"),
    ],
)
def test_json_that_is_refused(
    plans: PlanSet, junctions: tuple[Junction, ...], change: Change, sentence: str
) -> None:
    document = json.loads(json.dumps(plans_to_dict(plans)))
    change(document)
    with pytest.raises(InputError, match=sentence):
        plans_from_dict(document, junctions)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"offset_s": 12', '"offset_s": NaN', r"offset_s: must be a whole number \(got nan\)"),
        ('"offset_s": 12', '"offset_s": Infinity', r"offset_s: must be a whole number \(got inf\)"),
        ('"offset_s": 12', '"offset_s": 12, "offset_s": 13', "offset_s: must not give a key twice"),
        ('"offset_s": 12', '"offset_s": 12,,', "line .*must be JSON"),
        ('"name": "morning"', '"name": "\\ud800"', None),
    ],
)
def test_files_that_are_refused(
    tmp_path: Path,
    plans: PlanSet,
    junctions: tuple[Junction, ...],
    old: str,
    new: str,
    sentence: str | None,
) -> None:
    file = tmp_path / "plans.json"
    write_plans(plans, file)
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    if sentence is None:  # odd text in a name is no danger
        assert read_plans(file, junctions)[0] == plans[0]
        return
    with pytest.raises(InputError, match=sentence) as error:
        read_plans(file, junctions)
    assert error.value.file == str(file)


def test_missing_and_unreadable_files(tmp_path: Path, junctions: tuple[Junction, ...]) -> None:
    with pytest.raises(InputError, match="must be a file that exists"):
        read_plans(tmp_path / "none.json", junctions)
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(InputError, match="must be a readable file in UTF-8"):
        read_plans(tmp_path / "bad.json", junctions)
    with pytest.raises(InputError, match="must be a file that exists"):
        _before(tmp_path / "none.csv", junctions)


def test_timing_sheet_there_and_back(tmp_path: Path, plans: PlanSet, junctions: tuple[Junction, ...]) -> None:
    file = tmp_path / "before.csv"
    write_timing_sheet(plans, file)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "junction,stage,groups,duration_s,cycle_s,offset_s"
    assert lines[1].startswith("centre,1,S-LTR N-LTR P-E P-W,")
    before = _before(file, junctions)
    assert (before.name, before.network_name) == ("before", network_of(crossroads()).name)
    assert (before[0].stages, before[0].durations_s) == (plans[0].stages, plans[0].durations_s)
    assert (before[0].cycle_s, before[0].offset_s) == (plans[0].cycle_s, 12)


GOOD = """\
junction,stage,groups,duration_s,cycle_s,offset_s
centre,1,S-LTR N-LTR P-E P-W,30,60,5
centre,2,E-LTR W-LTR P-N P-S,30,60,5
"""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("offset_s\n", "offset\n", "row 1: must have the columns junction, stage"),
        ("centre,1", "center,1", r"row 2, junction: must be the key of a junction of the network"),
        ("centre,2", "centre,3", r"row 3, stage: stages must be numbered in order; 2 comes here"),
        ("N-LTR P-E", "N-T P-E", r"row 2, groups: must be a signal group"),
        ("S-LTR N-LTR P-E P-W", "", r"row 2, groups: a stage needs a signal group"),
        ("P-W,30", "P-W,30.5", r"row 2, duration_s: must be a whole number \(got '30.5'\)"),
        ("P-W,30", "P-W,nan", r"row 2, duration_s: must be a whole number"),
        ("P-W,30", "P-W,31", r"rows 2 to 3, junction centre, durations_s: must add up to the cycle"),
        ("P-S,30,60,5", "P-S,30,61,5", r"row 3, cycle_s: must be the same in all rows"),
        ("60,5", "60,60", r"rows 2 to 3, junction centre, offset_s: must be from 0 to 59 s"),
        ("P-S,30,60,5", "P-S,30,60", r"row 3: must have 6 values"),
        ("P-S,30,60,5", "P-S,30,60,5,1", r"row 3: must have 6 values"),
        ("S-LTR N-LTR", "S-LTR E-LTR", r"rows 2 to 3, junction centre, stage 1: groups in full conflict"),
    ],
)
def test_timing_sheets_that_are_refused(
    tmp_path: Path, junctions: tuple[Junction, ...], old: str, new: str, sentence: str
) -> None:
    file = tmp_path / "before.csv"
    file.write_text(GOOD, encoding="utf-8")
    assert _before(file, junctions)[0].durations_s == (30, 30)
    assert old in GOOD
    file.write_text(GOOD.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=sentence) as error:
        _before(file, junctions)
    assert error.value.file == str(file)


def test_timing_sheet_without_rows(tmp_path: Path, junctions: tuple[Junction, ...]) -> None:
    file = tmp_path / "before.csv"
    file.write_text(GOOD.splitlines()[0] + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"junction: must hold at least one junction \(got 'no rows'\)"):
        _before(file, junctions)


def test_timing_sheet_of_some_junctions(tmp_path: Path) -> None:
    network, junctions, demand = corridor_city(3, 0.1)
    flows = demand.movement_veh_s(network, 0)
    webster = [
        webster_plan(junction, stage_sequences(junction, flows=ratio, limit=1), ratio, None, "Webster")
        for junction, ratio in zip(junctions, flow_ratios(network, junctions, flows), strict=True)
    ]
    file = tmp_path / "before.csv"
    second = _plan(junctions[1])
    write_timing_sheet(PlanSet("x", network.name, (webster[0], second, webster[2])), file)
    kept = [line for line in file.read_text(encoding="utf-8").splitlines() if junctions[1].key in line]
    file.write_text("\n".join([GOOD.splitlines()[0], *kept]), encoding="utf-8")
    before, left_out = read_timing_sheet(file, network, junctions, demand)
    assert left_out == 2
    assert (before.name, before.network_name) == ("before", network.name)
    assert [plan.durations_s for plan in before] == [
        webster[0].durations_s,
        second.durations_s,
        webster[2].durations_s,
    ]
    assert [plan.name for plan in before] == ["Webster", "before", "Webster"]
    with pytest.raises(InputError, match="must hold every locked junction"):
        read_timing_sheet(file, network, locked(junctions, {2}), demand)


def test_timing_sheet_with_a_yellow_trap_is_refused(tmp_path: Path, junctions: tuple[Junction, ...]) -> None:
    rows = ("1,S-LTR N-LTR,25", "2,S-LTR P-E P-W,20", "3,E-LTR W-LTR P-N P-S,25")
    file = tmp_path / "before.csv"
    file.write_text(
        "\n".join((GOOD.splitlines()[0], *(f"centre,{row},70,0" for row in rows))), encoding="utf-8"
    )
    with pytest.raises(
        InputError, match="N-LTR must not end while S-LTR, to which it gives way, stays green"
    ) as error:
        _before(file, junctions)
    assert error.value.field == "rows 2 to 4, junction centre, stage 1"

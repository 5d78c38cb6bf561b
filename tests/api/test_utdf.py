"""`jasyl utdf`: a city to Synchro and back, and files that must be refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from api.cli import run
from signals.plan import PlanSet
from signals.utdf.read import read_signals
from signals.utdf.write import plans_to_utdf
from signals.wire import plan_from_dict, read_plans
from tests.traffic.utdf.hand_files import crossroads_utdf
from traffic.counts import read_turning_counts
from traffic.errors import InputError
from traffic.store import load_network
from traffic.utdf.records import read_utdf, write_utdf
from traffic.utdf.roads import road_network


@pytest.fixture
def hand_file(tmp_path):
    write_utdf(crossroads_utdf(copies=2, timeplans={"Cycle Length": 81}), tmp_path / "hand.csv")
    return tmp_path / "hand.csv"


def stages(plan):
    return [set(names) for names in plan.sequence.names()]


def test_import_writes_network_plans_and_counts_and_says_what_was_refused(hand_file, tmp_path, capsys):
    outputs = [tmp_path / name for name in ("out/net.npz", "out/plans.json", "out/counts.csv")]
    arguments = ["-o", str(outputs[0]), "--plans", str(outputs[1]), "--counts", str(outputs[2])]
    assert run(["utdf", "import", str(hand_file), *arguments, "--name", "hand", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["nodes"], told["junctions"], told["plans"], told["plans_refused"]) == (10, 2, 1, 1)
    assert told["reasons"] == [
        {
            "junction": "utdf:1",
            "field": "[Timeplans], INTID 1, Cycle Length",
            "value": "81",
            "rule": "must be the 80 s that the splits of the longest rings add up to",
            "hint": "Correct a split (MaxGreen, Yellow, AllRed) or the cycle",
        }
    ]
    network = load_network(outputs[0])
    assert network.name == "hand"
    document = json.loads(outputs[1].read_text(encoding="utf-8"))
    plan = read_signals(road_network(read_utdf(hand_file), name="hand")).plans[0]
    assert [plan_from_dict(row, {plan.junction.key: plan.junction}) for row in document["plans"]] == [plan]
    rows = outputs[2].read_text(encoding="utf-8").splitlines()
    assert rows[0] == "junction,from,to,start,count"
    assert sorted(float(row.split(",")[-1]) for row in rows[1:]) == [25.0] * 20 + [100.0] * 4


def test_the_counts_are_those_that_a_scenario_reads(hand_file, tmp_path):
    counts = tmp_path / "counts.csv"
    assert (
        run(["utdf", "import", str(hand_file), "-o", str(tmp_path / "n.npz"), "--counts", str(counts)]) == 0
    )
    roads = road_network(read_utdf(hand_file), name="hand")
    found, own = read_turning_counts(counts, roads.network), roads.counts()
    np.testing.assert_array_equal(found.movement, own.movement)
    np.testing.assert_allclose(found.vehicles * 4, own.vehicles)


def test_plans_of_a_city_are_the_same_when_they_come_back(small_city, city_files):
    city, _, _ = small_city
    plans = read_plans(city_files / "plans.json", city.junctions)
    moved = plans.with_plans(plan.with_offset(7 * k + 3) for k, plan in enumerate(plans))
    file = plans_to_utdf(city.network, moved, city.demand.movement_veh_s(city.network))
    write_utdf(file, city_files / "city.csv")
    again = read_utdf(city_files / "city.csv")
    assert again == file
    roads = road_network(again, name=city.network.name)
    back = read_signals(roads)
    assert back.refused == {}
    assert len(back.plans) == len(moved)
    for plan, found in zip(moved, back.plans, strict=True):
        assert found.junction.key == f"utdf:{city.network.junctions.node[plan.junction.index] + 1}"
        assert (found.cycle_s, found.offset_s) == (plan.cycle_s, plan.offset_s)
        assert found.durations_s == plan.durations_s
        assert stages(found) == stages(plan)
    old, new = city.network, roads.network
    np.testing.assert_allclose(new.nodes.x_m, old.nodes.x_m)
    for name in ("links", "movements", "lane_groups", "connections", "crossings"):
        assert len(getattr(new, name)) == len(getattr(old, name))
    np.testing.assert_allclose(np.sort(new.links.length_m), np.sort(old.links.length_m))
    np.testing.assert_allclose(
        np.sort(new.lane_groups.length_m), np.sort(old.lane_groups.length_m), rtol=1e-9
    )
    counted = np.isfinite(roads.volume_veh_h)
    flow = city.demand.movement_veh_s(old) * 3600
    assert roads.volume_veh_h[counted].sum() == pytest.approx(flow.sum())


def test_export_and_import_commands(city_files, capsys):
    city, plans, out = (str(city_files / name) for name in ("city.toml", "plans.json", "city.csv"))
    assert run(["utdf", "export", city, "--plans", plans, "-o", out, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["junctions"], told["plans"]) == (4, 4)
    assert run(["utdf", "import", out, "-o", str(city_files / "net.npz"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["plans"], told["plans_refused"], told["warnings"]) == (4, 0, [])


def test_plans_of_another_network_are_refused():
    roads = road_network(crossroads_utdf(), name="hand")
    flow = np.zeros(len(roads.network.movements))
    with pytest.raises(InputError, match="must be plans for the 1 junctions of 'hand'"):
        plans_to_utdf(roads.network, PlanSet("none", "hand", ()), flow)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("no,utdf\n", "must begin with a section such as [Network]"),
        ("[Network]\nNetwork Settings\nRECORDNAME,DATA\nMetric,0\n", "must have the section"),
    ],
)
def test_bad_files_are_refused_and_nothing_is_written(refused, tmp_path, text, rule):
    (tmp_path / "city.csv").write_text(text, encoding="utf-8")
    problem = refused("utdf", "import", "city.csv", "-o", "net.npz", "--plans", "plans.json")
    assert problem["rule"] == rule
    assert problem["file"].endswith("city.csv")


def test_an_output_must_not_replace_the_file(refused, hand_file):
    problem = refused("utdf", "import", hand_file.name, "-o", "net.npz", "--plans", hand_file.name)
    assert problem["rule"] == "must not replace an input"


@pytest.mark.parametrize("crs", ["nonsense", "EPSG:4326", "EPSG:999999"])
def test_a_coordinate_system_must_be_projected(refused, hand_file, crs):
    problem = refused("utdf", "import", hand_file.name, "-o", "net.npz", "--crs", crs)
    assert problem["rule"] == "must be a projected coordinate system"
    assert problem["value"] == crs


def test_a_network_keeps_the_coordinate_system(hand_file, tmp_path):
    output = tmp_path / "net.npz"
    assert run(["utdf", "import", str(hand_file), "-o", str(output), "--crs", "EPSG:32612"]) == 0
    assert load_network(output).crs == "EPSG:32612"


def test_help_shows_examples(capsys):
    for arguments in (["utdf"], ["utdf", "import"], ["utdf", "export"]):
        assert run([*arguments, "--help"]) == 0
        assert "Example" in capsys.readouterr().out

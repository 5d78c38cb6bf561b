from __future__ import annotations

import importlib
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from scenarios.loader import build, load
from signals.aspects import Aspect
from signals.plan import Plan, PlanSet
from signals.stages import stage_sequences
from simulation.sumo.executables import environment, sumo_program
from simulation.sumo.export import SumoFiles, _check, export
from tests.signals.hand_plans import crossroads_plans
from tests.simulation.sumo.test_departures import crossroads_demand
from tests.traffic.hand_networks import crossroads
from traffic.errors import InputError, JasylError
from traffic.network import Junctions
from traffic.sumo.layout import lay_out

if TYPE_CHECKING:
    from pathlib import Path

    from signals.junction import Junction
    from traffic.network import RoadNetwork


def _has_sumo() -> bool:
    try:
        return sumo_program("sumo").is_file() and sumo_program("netconvert").is_file()
    except InputError:
        return False


needs_sumo = pytest.mark.skipif(not _has_sumo(), reason="SUMO is not found: pip install jasyl[sumo]")

_OFFSET_S = 23
_LETTERS = {
    Aspect.RED: "r",
    Aspect.RED_AMBER: "u",
    Aspect.GREEN: "Gg",
    Aspect.FLASHING_GREEN: "Gg",
    Aspect.YELLOW: "y",
}


def parse(path: Path) -> ET.Element:
    return ET.parse(path).getroot()  # noqa: S314 - SUMO's own file


def run_sumo(
    files: SumoFiles, output: Path, *, end_s: int, signals: tuple[str, ...] = (), inside: bool = True
) -> str:
    """Run the exported folder and return what SUMO had to say; `inside`: look for collisions in junctions."""
    events = "".join(
        f'<timedEvent type="SaveTLSStates" source="{s}" dest="{output}/tls.xml"/>' for s in signals
    )
    watch = output / "watch.add.xml"
    watch.write_text(f"<additional>{events}</additional>")
    command = [str(sumo_program("sumo")), "-c", str(files.config), "--no-step-log", "--end", str(end_s)]
    command += ["-a", str(watch), "--tripinfo-output", str(output / "trips.xml")]
    command += ["--tripinfo-output.write-unfinished", "--statistic-output", str(output / "statistics.xml")]
    command += ["--duration-log.disable", f"--collision.check-junctions={str(inside).lower()}"]
    done = subprocess.run(command, cwd=output, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SumoFiles:
    folder = tmp_path_factory.mktemp("export") / "city"
    demand = crossroads_demand(300)
    plans = crossroads_plans(offset_s=_OFFSET_S)
    return export(crossroads(), demand, folder, plans=plans, seed=1, duration_s=600)


@pytest.fixture(scope="module")
def output(files: SumoFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("output")
    said = run_sumo(files, folder, end_s=900, signals=("centre",))
    assert said == ""
    return folder


@needs_sumo
def test_netconvert_has_nothing_to_complain_about(files: SumoFiles) -> None:
    assert files.warnings == ()


@needs_sumo
def test_all_vehicles_of_a_low_demand_arrive(files: SumoFiles, output: Path) -> None:
    trips = parse(output / "trips.xml")
    assert files.vehicles > 150
    assert len(trips) == files.vehicles
    assert all(float(trip.get("arrival", "-1")) > 0 for trip in trips)


@needs_sumo
def test_no_collisions_teleports_or_emergencies(output: Path) -> None:
    statistics = parse(output / "statistics.xml")
    found = {e.tag: e.attrib for e in statistics}
    assert found["teleports"]["total"] == "0"
    safety = {
        k: v for k, v in found["safety"].items() if k in {"collisions", "emergencyStops", "emergencyBraking"}
    }
    assert safety == {"collisions": "0", "emergencyStops": "0", "emergencyBraking": "0"}


@needs_sumo
def test_sumo_shows_what_the_plan_shows(output: Path) -> None:
    """Every second of 900, every movement: the letter of its group's aspect, shifted by the offset."""
    plan = crossroads_plans(offset_s=_OFFSET_S)[0]
    shown = plan.expand()
    states = parse(output / "tls.xml")
    assert len(states) == 900
    for element in states:
        second = int(float(element.get("time", "-1")))
        state = element.get("state", "")
        for group, member in enumerate(plan.junction.groups[:4]):
            aspect = Aspect(shown[group, (second - plan.offset_s) % plan.cycle_s])
            assert {state[m] for m in member.movements} <= set(_LETTERS[aspect]), second


@needs_sumo
def test_movements_obey_their_own_index(files: SumoFiles) -> None:
    net = parse(files.network)
    found = {
        (e.get("from"), e.get("to")): int(e.get("linkIndex", "-1"))
        for e in net.iter("connection")
        if e.get("tl")
    }
    network = crossroads()
    expected = {
        (f"e{i}", f"e{o}"): m
        for m, (i, o) in enumerate(zip(network.movements.in_link, network.movements.out_link, strict=True))
    }
    assert found == expected


@needs_sumo
def test_configuration_is_what_scorers_read(files: SumoFiles) -> None:
    options = {e.tag: e.get("value") for e in parse(files.config).iter() if e.get("value") is not None}
    assert options["net-file"] == files.network.name
    assert options["route-files"] == files.routes.name
    assert (options["begin"], options["end"], options["time-to-teleport"]) == ("0", "600", "300")


@needs_sumo
def test_same_seed_same_bytes(files: SumoFiles, tmp_path: Path) -> None:
    plans = crossroads_plans(offset_s=_OFFSET_S)
    again = export(crossroads(), crossroads_demand(300), tmp_path / "a", plans=plans, seed=1, duration_s=600)
    first = {f.relative_to(files.folder): f.read_bytes() for f in files.folder.rglob("*") if f.is_file()}
    second = {f.relative_to(again.folder): f.read_bytes() for f in again.folder.rglob("*") if f.is_file()}
    assert first == second
    assert len(first) == 7
    assert str(files.folder).encode() not in b"".join(first.values())


@needs_sumo
def test_export_without_plans_replaces_an_earlier_one(tmp_path: Path) -> None:
    folder = tmp_path / "city"
    network, demand = crossroads(), crossroads_demand(200)
    export(network, demand, folder, plans=crossroads_plans(), seed=1, duration_s=120)
    files = export(network, demand, folder, plans=None, seed=1, duration_s=120)
    assert [f.name for f in tmp_path.iterdir()] == ["city"]
    assert not (folder / "plain" / "city.tll.xml").exists()
    assert run_sumo(files, tmp_path, end_s=120) == ""


@needs_sumo
def test_awkward_key_and_merging_lanes(tmp_path: Path) -> None:
    """A key with blanks and ampersands, exits with a single lane, bays that fill their links."""
    network = narrow_exits()
    files = export(
        network, crossroads_demand(300), tmp_path / "a", plans=crossroads_plans(), seed=1, duration_s=600
    )
    # Through lanes that drift to the left brush the drawn outline of a waiting left-turner.
    said = run_sumo(files, tmp_path, end_s=900, inside=False)
    assert said == ""
    statistics = {e.tag: e.attrib for e in parse(tmp_path / "statistics.xml")}
    assert statistics["safety"]["collisions"] == "0"
    assert all(float(t.get("arrival", "-1")) > 0 for t in parse(tmp_path / "trips.xml"))


def narrow_exits() -> RoadNetwork:
    network = crossroads(bay_m=180.0)
    links, groups = network.links, network.lane_groups
    exits = np.arange(8) >= 4
    old = network.junctions
    return replace(
        network,
        links=replace(
            links,
            lanes=np.where(exits, 1, links.lanes),
            running_lanes=np.where(exits, 1, links.running_lanes),
        ),
        lane_groups=replace(groups, lanes=np.ones(len(groups), dtype=int)),
        junctions=Junctions(old.node, old.kind, ("Абай & 2",), old.name, old.osm_nodes),
    )


@needs_sumo
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'<connection from="e0" to="e7"', b'<connection from="e1" to="e7"', "did not keep connection"),
        (b'linkIndex="3"', b'linkIndex="4"', r"did not keep connection \('e1', '0', 'e6', '0'\)"),
        (b'<edge id="e4"', b'<edge id="e9"', "did not keep edge e4 with its 2 lanes"),
        (b'<lane id="e5_1"', b'<line id="e5_1"', "did not keep edge e5 with its 2 lanes"),
        (b'<edge id="e4"', b'<edge id="e9"/><edge id="e4"', "added e9"),
    ],
)
def test_losses_of_netconvert_are_found(
    files: SumoFiles, tmp_path: Path, old: bytes, new: bytes, message: str
) -> None:
    content = files.network.read_bytes()
    assert old in content
    if old.startswith(b"<lane"):
        start = content.index(old)
        content = content[:start] + content[content.index(b"\n", start) :]
    net = tmp_path / "city.net.xml"
    net.write_bytes(content.replace(old, new))
    with pytest.raises(JasylError, match=message):
        _check(crossroads(), lay_out(crossroads()), net, with_plans=True)


@needs_sumo
@pytest.mark.slow
@pytest.mark.parametrize("name", ["corridor", "grid 3x3"])
def test_scenarios_run_clean(name: str, tmp_path: Path) -> None:
    """At a fifth of the demand the simplest safe plans of a scenario run without any trouble for 10 minutes."""
    city = build(load(name))
    plans = PlanSet("shortest", city.network.name, tuple(shortest_plan(j) for j in city.junctions))
    files = export(city.network, city.demand.scaled(0.2), tmp_path / "a", plans=plans, seed=1, duration_s=600)
    assert files.vehicles > 50
    assert run_sumo(files, tmp_path, end_s=600, inside=False) == ""
    statistics = {e.tag: e.attrib for e in parse(tmp_path / "statistics.xml")}
    assert statistics["teleports"]["total"] == "0"
    assert statistics["safety"]["collisions"] == "0"
    assert statistics["vehicles"]["waiting"] == "0"


def shortest_plan(junction: Junction) -> Plan:
    """Every stage as short as allowed, the rest of the shortest cycle to the first."""
    sequence = stage_sequences(junction)[0]
    durations = sequence.min_stage_s.tolist()
    durations[0] += max(junction.cycle_min_s - sum(durations), 0)
    return Plan(junction, sum(durations), 0, sequence.stages, tuple(durations))


def test_without_sumo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    monkeypatch.setenv("SUMO_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"needs SUMO.*pip install 'eclipse-sumo.*SUMO_HOME"):
        export(crossroads(), crossroads_demand(1), tmp_path / "a", plans=None, seed=1, duration_s=60)
    assert not list(tmp_path.iterdir())


def _program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\n", encoding="utf-8")
    file.chmod(0o755)
    return file


def test_where_sumo_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, packaged, on_path = (tmp_path / part for part in ("own", "packaged", "path"))
    monkeypatch.setitem(sys.modules, "sumo", SimpleNamespace(SUMO_HOME=str(packaged)))
    monkeypatch.setenv("SUMO_HOME", str(own))
    monkeypatch.setenv("PATH", str(on_path))
    with pytest.raises(InputError, match="needs SUMO") as caught:
        sumo_program("netconvert")
    assert (caught.value.field, caught.value.value) == ("netconvert", str(own))
    # each one that is put there comes before those above it
    for folder in (on_path, packaged / "bin", own / "bin"):
        file = _program(folder, "netconvert")
        assert sumo_program("netconvert") == file
    monkeypatch.delenv("SUMO_HOME")
    assert sumo_program("netconvert") == packaged / "bin" / "netconvert"


def test_a_program_gets_the_data_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUMO_HOME", "elsewhere")
    program = _program(tmp_path / "sumo" / "bin", "netconvert")
    assert environment(program)["SUMO_HOME"] == "elsewhere"  # as where a distribution keeps them apart
    (tmp_path / "sumo" / "data").mkdir()
    assert environment(program)["SUMO_HOME"] == str(tmp_path / "sumo")


@needs_sumo
def test_an_export_with_sumo_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same files come out when SUMO is found by its folder instead of its package."""
    demand, plans = crossroads_demand(100), crossroads_plans()
    one = export(crossroads(), demand, tmp_path / "a", plans=plans, seed=1, duration_s=60)
    home = sumo_program("netconvert").parent.parent
    monkeypatch.setenv("SUMO_HOME", str(home))
    monkeypatch.setitem(sys.modules, "sumo", SimpleNamespace())
    two = export(crossroads(), demand, tmp_path / "b", plans=plans, seed=1, duration_s=60)
    assert one.network.read_bytes() == two.network.read_bytes()
    assert one.routes.read_bytes() == two.routes.read_bytes()


@needs_sumo
def test_nothing_is_left_of_a_refused_export(tmp_path: Path) -> None:
    demand = crossroads_demand(100)
    with pytest.raises(InputError, match="duration_s"):
        export(crossroads(), demand, tmp_path / "a", plans=None, seed=1, duration_s=0)
    plans = replace(crossroads_plans(), network_name="elsewhere")
    with pytest.raises(InputError, match="must be plans of"):
        export(crossroads(), demand, tmp_path / "a", plans=plans, seed=1, duration_s=60)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="must be a folder"):
        export(crossroads(), demand, tmp_path / "file", plans=None, seed=1, duration_s=60)

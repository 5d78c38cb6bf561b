"""A SUMO configuration as a city: demand, clock, and plans that SUMO loads unchanged."""

import re
import subprocess
from itertools import groupby

import numpy as np
import pytest

from signals.greens import group_states
from signals.sumo.lights import states
from simulation.sumo.city import read_city, write_programs
from simulation.sumo.config import read_config
from simulation.sumo.executables import environment, sumo_program
from simulation.sumo.optimize import optimize_city
from simulation.sumo.run import run, run_seeds, summary
from tests.simulation.sumo.nets import PROGRAM, ROUTES, crossing, logic, needs_sumo
from tests.simulation.sumo.test_offsets import road
from traffic.errors import InputError
from traffic.greens import SignalState
from traffic.network import Turn
from traffic.sumo.nema import fixed_time
from traffic.sumo.net_file import read_net
from traffic.sumo.records import records
from traffic.sumo.routes import Departure, by_car

pytestmark = needs_sumo
BEGIN = 130


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    later = ROUTES.replace('begin="0"', f'begin="{BEGIN}"').replace('end="600"', f'end="{BEGIN + 600}"')
    later = later.replace('end="300"', f'end="{BEGIN + 300}"')
    later = later.replace('depart="30"', f'depart="{BEGIN + 30}"').replace(
        'depart="500"', f'depart="{BEGIN + 500}"'
    )
    folder = tmp_path_factory.mktemp("crossing")
    return crossing(folder, phases=PROGRAM, offset=12, routes=later, begin=BEGIN, end=BEGIN + 600)


@pytest.fixture(scope="module")
def city(folder):
    return read_city(read_config(folder))


def shown_by_sumo(folder, tmp_path, *, plans=None):
    """Return the states that SUMO shows, second by second."""
    watch = tmp_path / "watch.add.xml"
    out = tmp_path / "states.xml"
    watch.write_text(
        f'<additional><timedEvent type="SaveTLSStates" source="X" dest="{out}"/></additional>',
        encoding="utf-8",
    )
    sumo = sumo_program("sumo")
    files = [str(watch)] if plans is None else [str(plans), str(watch)]
    command = [
        str(sumo),
        "-c",
        str(folder / "run.sumocfg"),
        "-a",
        ",".join(files),
        "--no-step-log",
        "--no-warnings",
    ]
    subprocess.run(command, env=environment(sumo), check=True, capture_output=True)
    rows = [(float(row.get("time")), row.get("state")) for row in records(out, "tlsStates")]
    assert rows[0][0] == BEGIN
    return [state for _, state in rows]


def test_the_network(city):
    network = city.roads.network
    assert len(network.links) == 8
    assert sorted(np.bincount(network.movements.turn, minlength=4).tolist()) == [0, 4, 4, 4]
    assert city.roads.edge[int(network.movements.in_link[0])] == network_edge(city, 0)
    groups = network.lane_groups
    assert groups.lanes.tolist() == [1] * 8 + [2] * 4 or sum(groups.lanes) == 16
    straight = network.movements.turn == Turn.THROUGH
    assert (network.movements.saturation_factor[straight] == 1.0).all()
    assert (network.movements.saturation_factor[~straight] < 0.95).all()


def network_edge(city, movement):
    return city.roads.connections[movement][0].from_edge


def test_all_vehicles_are_due_where_and_when_they_enter(city):
    demand, roads = city.demand, city.roads
    of_edge = {roads.edge[link]: k for k, link in enumerate(demand.entry_link.tolist())}
    vehicles = demand.entry_veh_s * demand.period_s
    assert vehicles[:, of_edge["Win"]].sum() == pytest.approx(100 + 1)
    assert vehicles[:, of_edge["Nin"]].sum() == pytest.approx(40)
    assert vehicles[5:, of_edge["Nin"]].sum() == pytest.approx(0)
    assert vehicles[8, of_edge["Sin"]] == pytest.approx(1)
    left = roads.movement_of["Win", "Nout"]
    # on its way at 30 s, 300 m from the stop line, so there within the first minute
    assert demand.movement_share[0, left] > 0
    assert demand.movement_share[1:, left].sum() == 0
    demand.check(roads.network)


def test_the_mean_vehicle(city):
    vans, cars = 2, 140
    assert city.following.length_m == pytest.approx((5.0 * cars + 6.5 * vans) / (cars + vans))
    assert city.parameters.jam_density_veh_m == pytest.approx(1 / city.following.space_m)


def test_the_clock_is_that_of_sumo(city, folder, tmp_path):
    """What the flow model takes a place to show is what SUMO shows, in every second."""
    (light,) = city.lights
    shown = shown_by_sumo(folder, tmp_path)
    plan = light.plan
    ours = states(light, plan)
    assert [ours[(t - plan.offset_s) % plan.cycle_s] for t in range(len(shown))] == shown
    model = group_states(plan)
    green = np.array([[state[place] in "Gg" for state in shown[: plan.cycle_s]] for place in (0, 4)])
    np.testing.assert_array_equal(np.isin(model[:2], [SignalState.PERMISSIVE, SignalState.PROTECTED]), green)


def test_a_plan_is_shown_by_sumo_as_it_was_meant(city, folder, tmp_path):
    found = optimize_city(city, steps=3, seed=2)
    write_programs(city, found.plans, tmp_path / "tls.add.xml")
    (plan,), (light,) = found.plans, city.lights
    assert plan.durations_s != light.plan.durations_s
    shown = shown_by_sumo(folder, tmp_path, plans=tmp_path / "tls.add.xml")
    ours = states(light, plan)
    assert [ours[(t - plan.offset_s) % plan.cycle_s] for t in range(len(shown))] == shown


@pytest.mark.parametrize("stages", ["kept", "free"])
def test_plans_are_better_in_sumo_too_and_the_same_for_the_same_seed(city, tmp_path, stages):
    found = optimize_city(city, stages=stages, steps=6, seed=1)
    again = optimize_city(city, stages=stages, steps=6, seed=1)
    for name, plans in (("a", found.plans), ("b", again.plans)):
        write_programs(city, plans, tmp_path / f"{name}.add.xml")
    assert (tmp_path / "a.add.xml").read_bytes() == (tmp_path / "b.add.xml").read_bytes()
    seeds = range(1, 4)
    before = summary(run_seeds(city.config, seeds))["mean"]
    after = summary(run_seeds(city.config, seeds, plans=[tmp_path / "a.add.xml"]))["mean"]
    assert after["delay_per_veh"] < before["delay_per_veh"]
    assert after["collisions"] == after["teleports"] == 0


def test_kept_stages_are_kept(city):
    found = optimize_city(city, steps=4, seed=1)
    assert [plan.stages for plan in found.plans] == [light.plan.stages for light in city.lights]


@pytest.mark.parametrize(
    ("routes", "match"),
    [
        ("<routes/>", "No route input specified"),
        (
            '<routes><trip id="a" depart="5" from="gone" to="Eout"/></routes>',
            "duarouter refuses the routes: .*gone",
        ),
        ("<routes><trip", "cannot be read as XML"),
    ],
)
def test_routes_that_lead_nowhere(tmp_path, routes, match):
    with pytest.raises(InputError, match=match):
        read_city(read_config(crossing(tmp_path, routes=routes)))


def test_a_program_of_an_additional_file_takes_the_place_of_the_networks(tmp_path):
    folder = crossing(tmp_path)
    (folder / "tls.add.xml").write_text(
        f"<add>{logic(PROGRAM, offset=9, program='day')}</add>", encoding="utf-8"
    )
    text = (folder / "run.sumocfg").read_text(encoding="utf-8")
    text = text.replace("</input>", '<additional-files value="tls.add.xml"/></input>')
    (folder / "run.sumocfg").write_text(text, encoding="utf-8")
    (light,) = read_city(read_config(folder)).lights
    assert (light.plan.cycle_s, light.plan.offset_s) == (54, 9)


def with_states_of_b(folder, change):
    """Write the road with three lights, the states of the second one changed."""
    file = road(folder) / "net.net.xml"
    text = file.read_text(encoding="utf-8")
    start = text.index('<tlLogic id="B"')
    stop = text.index("</tlLogic>", start)
    changed = re.sub('state="([^"]*)"', lambda state: f'state="{change(state[1])}"', text[start:stop])
    file.write_text(text[:start] + changed + text[stop:], encoding="utf-8")
    return folder


def written_lights(city, plans, folder):
    write_programs(city, plans, folder / "tls.add.xml")
    return [row.get("id") for row in records(folder / "tls.add.xml")]


def test_a_light_without_yellow_keeps_its_program_and_is_named(tmp_path):
    city = read_city(read_config(with_states_of_b(tmp_path, lambda state: state.replace("y", "r"))))
    assert city.warnings == ("light B keeps its program: in phase 0 the green of link 0 ends without yellow",)
    found = optimize_city(city, steps=4, seed=1)
    assert found.plans[1].durations_s == city.shipped()[1].durations_s
    assert found.plans[1].offset_s == city.shipped()[1].offset_s
    assert written_lights(city, found.plans, tmp_path) == ["A", "C"]


@pytest.mark.parametrize("letter", ["o", "O", "y"])
def test_a_light_that_is_off_or_flashes_is_left_alone_and_named(tmp_path, letter):
    city = read_city(read_config(with_states_of_b(tmp_path, lambda state: letter * len(state))))
    assert [light.junction.key for light in city.lights] == ["A", "C"]
    assert city.warnings == ("lights that are off or only flash stay as they are: B",)
    found = optimize_city(city, steps=2, seed=1)
    assert written_lights(city, found.plans, tmp_path) == ["A", "C"]
    score = run(city.config, 1, plans=[tmp_path / "tls.add.xml"])
    assert score["scheduled"] == sum(round(departure.vehicles) for departure in city.departures)


def test_a_network_whose_only_light_flashes(tmp_path):
    with pytest.raises(InputError, match="traffic light that governs cars"):
        read_city(read_config(crossing(tmp_path, phases=[(2, "y" * 16), (2, "r" * 16)])))


def test_where_no_light_can_be_planned(tmp_path):
    folder = crossing(tmp_path, phases=[PROGRAM[0], PROGRAM[3]])
    with pytest.raises(
        InputError, match=r"light that can be planned .*light X keeps its program: in phase 0"
    ):
        read_city(read_config(folder))


def test_sumo_finds_the_yellow_of_a_nema_light(tmp_path):
    """SUMO warns of programs without."""
    folder = crossing(tmp_path, options=("--tls.default-type=NEMA", "--tls.layout=opposites"))
    city = read_city(read_config(folder))
    assert city.roads.net.programs()["X"].kind == "NEMA"
    found = optimize_city(city, steps=4, seed=1)
    write_programs(city, found.plans, tmp_path / "tls.add.xml")
    sumo = sumo_program("sumo")
    command = [
        str(sumo),
        "-c",
        str(folder / "run.sumocfg"),
        "-a",
        str(tmp_path / "tls.add.xml"),
        "--end",
        "5",
    ]
    told = subprocess.run(command, env=environment(sumo), check=True, capture_output=True, text=True)
    assert "yellow" not in told.stderr


def test_the_rings_of_a_nema_light_show_what_sumo_shows(tmp_path):
    options = ("--tls.default-type=NEMA", "--tls.layout=opposites")
    folder = crossing(tmp_path, begin=BEGIN, end=BEGIN + 300, options=options)
    shown = shown_by_sumo(folder, tmp_path)
    program = fixed_time(read_net(folder / "net.net.xml").programs()["X"])
    assert {phase.state for phase in program.phases} == set(shown)
    # SUMO decides how long greens are; yellow and red last as long as here
    lengths = {phase.state: phase.duration_s for phase in program.phases if not set(phase.state) & {"G", "g"}}
    runs = [(state, sum(1 for _ in part)) for state, part in groupby(shown)][1:-1]
    assert all(seconds == lengths[state] for state, seconds in runs if state in lengths)
    assert lengths.keys() <= {state for state, _ in runs}


def test_who_goes_where_cars_may_not_is_left_out_and_told(city):
    roads = city.roads
    ways = [("Win", "Eout"), ("Win", "track"), ("Win", "Nin"), ("track",)]
    kept, left_out = by_car(roads, [Departure(0.0, 0.0, 2.0, way) for way in ways])
    assert [departure.edges for departure in kept] == [("Win", "Eout")]
    assert left_out == 6.0
    assert city.warnings == ()


def test_a_network_without_lights(tmp_path):
    folder = crossing(tmp_path)
    text = (folder / "net.net.xml").read_text(encoding="utf-8")
    start, stop = text.index("<tlLogic"), text.index("</tlLogic>") + len("</tlLogic>")
    (folder / "net.net.xml").write_text(text[:start] + text[stop:], encoding="utf-8")
    with pytest.raises(InputError, match="traffic light that governs cars"):
        read_city(read_config(folder))

"""Offsets on a SUMO network: three lights in a row, where both models have closed forms."""

import subprocess
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from simulation.sumo.city import read_city, write_programs
from simulation.sumo.config import read_config
from simulation.sumo.executables import environment, sumo_program
from simulation.sumo.offsets import (
    coordinate,
    delays,
    offset_tables,
    random_offsets,
    with_shifts,
    zero_offsets,
)
from simulation.sumo.refine import MicroscopicJudge
from simulation.sumo.run import run
from tests.simulation.sumo.nets import PROGRAM, crossing, needs_sumo

pytestmark = needs_sumo

_LIGHTS = "ABC"


def road(folder):
    """Write a road with three lights 300 m apart, most of its traffic from west to east."""
    nodes = '<node id="W" x="-300" y="0"/><node id="E" x="900" y="0"/>'
    edges = []
    for k, light in enumerate(_LIGHTS):
        x = 300 * k
        nodes += f'<node id="{light}" x="{x}" y="0" type="traffic_light"/>'
        nodes += f'<node id="N{light}" x="{x}" y="300"/><node id="S{light}" x="{x}" y="-300"/>'
        edges += [(f"N{light}", light), (light, f"N{light}"), (f"S{light}", light), (light, f"S{light}")]
    row = ["W", *_LIGHTS, "E"]
    edges += [pair for a, b in pairwise(row) for pair in ((a, b), (b, a))]
    (folder / "n.nod.xml").write_text(f"<nodes>{nodes}</nodes>", encoding="utf-8")
    lines = "".join(f'<edge id="{a}-{b}" from="{a}" to="{b}" numLanes="1" speed="13.89"/>' for a, b in edges)
    (folder / "n.edg.xml").write_text(f"<edges>{lines}</edges>", encoding="utf-8")
    program = sumo_program("netconvert")
    command = [str(program), "-n", "n.nod.xml", "-e", "n.edg.xml", "-o", "net.net.xml"]
    command += ["--no-turnarounds=true", "--tls.cycle.time=60", "--tls.left-green.time=0"]
    subprocess.run(command, cwd=folder, env=environment(program), check=True, capture_output=True)
    flows = [("W-A", "C-E", 500), ("E-C", "A-W", 120)]
    flows += [(f"N{light}-{light}", f"{light}-S{light}", 150) for light in _LIGHTS]
    text = "".join(
        f'<flow id="{a}" begin="0" end="900" vehsPerHour="{volume}" from="{a}" to="{b}"/>'
        for a, b, volume in flows
    )
    (folder / "demand.rou.xml").write_text(f"<routes>{text}</routes>", encoding="utf-8")
    (folder / "run.sumocfg").write_text(
        '<configuration><input><net-file value="net.net.xml"/><route-files value="demand.rou.xml"/></input>'
        '<time><begin value="0"/><end value="900"/></time></configuration>',
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return read_city(read_config(road(tmp_path_factory.mktemp("road"))))


@pytest.fixture(scope="module")
def tables(city):
    return offset_tables(city, city.shipped(), sweeps=2)


@pytest.fixture(scope="module")
def solved(tables):
    return coordinate(tables, seed=0, merges=10)


def test_locked_lights_keep_their_offsets(tables):
    free = tables.plans
    locked = replace(free[1].with_offset(17), junction=replace(free[1].junction, locked=True))
    plans = free.with_plans([free[0], locked, free[2]])
    moved = with_shifts(plans, tables.models, [np.array([5, 6, 7])], name="moved")
    for found in (zero_offsets(plans), random_offsets(plans, np.random.default_rng(0)), moved):
        assert found[1].offset_s == 17
    assert moved[2].offset_s == (free[2].offset_s + 7) % free[2].cycle_s


def test_splits_cycles_and_intergreens_stay(city, solved):
    """SUMO gets the same phases, letter by letter and second by second; only their start moves."""
    shipped = city.programs(city.shipped())
    for found in solved:
        shown = city.programs(found.plans)
        assert [(p.signal, p.phases) for p in shown] == [(p.signal, p.phases) for p in shipped]
        assert [p.offset_s for p in shown] != [p.offset_s for p in shipped]
        for plan, own in zip(found.plans, city.shipped(), strict=True):
            assert (plan.cycle_s, plan.stages, plan.durations_s) == (own.cycle_s, own.stages, own.durations_s)
            assert 0 <= plan.offset_s < plan.cycle_s


def test_on_a_road_the_pairwise_solution_is_the_least_of_every_pair(tables, solved):
    (pairs,) = tables.models
    assert {tuple(pair) for pair in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)} == {
        (0, 1),
        (1, 2),
    }
    assert tables.bound == pytest.approx(pairs.cost.min(axis=1).sum(), rel=1e-9)
    assert solved[0].ratio == pytest.approx(1.0, abs=1e-9)
    assert 0.0 < solved[0].ratio <= 1.0
    assert tables.ratio(solved[0].plans) == solved[0].ratio


def test_on_a_road_the_sinusoidal_bound_is_the_sum_of_the_amplitudes(tables, solved):
    (pairs,) = tables.models
    found = solved[1]
    harmonic = 2.0 / pairs.period_s * np.fft.fft(pairs.cost, axis=1)[:, 1]
    later = np.array(
        [plan.offset_s - own.offset_s for plan, own in zip(found.plans, tables.plans, strict=True)]
    )
    turn = 2.0 * np.pi * (later[pairs.first] - later[pairs.second]) / pairs.period_s
    gain = -(harmonic * np.exp(1j * turn)).real.sum()
    assert found.ratio == pytest.approx(gain / np.abs(harmonic).sum(), rel=1e-6)
    assert 0.98 < found.ratio <= 1.0  # what whole seconds lose


def test_each_is_best_in_its_own_model(tables, solved):
    ratio = tables.ratio(solved[1].plans)
    assert ratio is not None
    assert ratio <= solved[0].ratio


def test_random_offsets_gain_nothing_on_average(tables):
    """All relative offsets of an outer light to its neighbour, one pair at a time: the mean is what ratios start from."""
    (pairs,) = tables.models
    names = range(pairs.period_s)
    ratios = [
        tables.ratio(with_shifts(tables.plans, tables.models, [np.array([a, 0, b])], name="moved"))
        for a in names
        for b in names
    ]
    assert np.mean(ratios) == pytest.approx(0.0, abs=1e-9)
    assert max(ratios) == pytest.approx(1.0, abs=1e-9)


def test_zero_and_random_offsets(tables):
    plans = tables.plans
    assert [plan.offset_s for plan in zero_offsets(plans)] == [0, 0, 0]
    rng = np.random.default_rng(3)
    drawn = np.array([[plan.offset_s for plan in random_offsets(plans, rng)] for _ in range(200)])
    cycle = plans[0].cycle_s
    assert drawn.min() >= 0
    assert cycle - 5 < drawn.max() < cycle
    assert len({tuple(row) for row in drawn.tolist()}) > 190
    assert [plan.durations_s for plan in random_offsets(plans, rng)] == [plan.durations_s for plan in plans]


def test_sumo_and_our_model_both_tell_a_green_wave_from_a_red_one(city, solved, tmp_path):
    wave = solved[0].plans
    against = wave.with_plans([wave[1].with_offset(wave[1].offset_s + wave[1].cycle_s // 2)], name="against")
    good, bad = delays(city, [wave, against], [1, 2])
    assert good.sumo_s.shape == good.model_s.shape == (2,)
    assert good.sumo_s.max() < bad.sumo_s.min()
    assert good.model_s.max() < bad.model_s.min()
    file = tmp_path / "wave.add.xml"
    write_programs(city, wave, file)
    assert good.sumo_s[1] == run(city.config, 2, plans=[file])["delay_per_veh"]
    assert good.model_s[1] == MicroscopicJudge(city, seeds=[2], teleport_s=0.0).value(wave)


def test_one_light_has_no_offsets(tmp_path):
    city = read_city(read_config(crossing(tmp_path, phases=PROGRAM)))
    tables = offset_tables(city, city.shipped())
    assert tables.models == ()
    for found in coordinate(tables, seed=0):
        assert found.ratio is None
        assert [plan.offset_s for plan in found.plans] == [plan.offset_s for plan in city.shipped()]

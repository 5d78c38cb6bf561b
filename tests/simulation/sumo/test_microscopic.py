"""Our microscopic model beside SUMO, and the search in it."""

from __future__ import annotations

import numpy as np
import pytest

from signals.aspects import Aspect
from signals.plan import PlanSet
from simulation.sumo.city import SumoCity, read_city, write_programs
from simulation.sumo.config import read_config
from simulation.sumo.driven import driven_routes
from simulation.sumo.microscopic import _read_s, lights_of_plans, microscopic_model
from simulation.sumo.refine import MicroscopicJudge, refine
from simulation.sumo.run import run_seeds, summary
from tests.simulation.sumo.nets import crossing, needs_sumo
from traffic.errors import InputError
from traffic.microscopic import _kernels_tables as t

pytestmark = needs_sumo


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> SumoCity:
    return read_city(read_config(crossing(tmp_path_factory.mktemp("crossing"))))


def with_durations(city: SumoCity, *durations: int) -> PlanSet:
    shipped = city.shipped()
    return shipped.with_plans([shipped[0].with_durations(durations)])


@pytest.mark.parametrize("durations", [None, (20, 45), (45, 20), (60, 60)])
def test_delay_is_that_of_sumo(city, tmp_path, durations):
    """Plans of a crossing with left turns through gaps: within a tenth, or 1.5 s where there is little delay."""
    plans = city.shipped() if durations is None else with_durations(city, *durations)
    write_programs(city, plans, tmp_path / "tls.add.xml")
    theirs = summary(run_seeds(city.config, range(1, 6), plans=[tmp_path / "tls.add.xml"]))["mean"]
    ours = MicroscopicJudge(city, seeds=range(1, 6), teleport_s=0.0).value(plans)
    assert ours == pytest.approx(theirs["delay_per_veh"], rel=0.1, abs=1.5)


def test_lights_show_what_sumo_is_given(city):
    plans = with_durations(city, 20, 45)
    lights, (light,) = lights_of_plans(city, plans), city.lights
    assert lights.period_s.tolist() == [plans[0].cycle_s]
    shown = lights.code.reshape(plans[0].cycle_s, -1)
    assert shown.shape[1] == light.places
    expanded = plans[0].expand()
    for place, group in enumerate(light.group[: light.places].tolist()):
        green = np.roll(expanded[group] == Aspect.GREEN, plans[0].offset_s)
        assert ((shown[:, place] >= t.GAPS) == green).all()
        yellow = np.roll(expanded[group] == Aspect.YELLOW, plans[0].offset_s)
        assert ((shown[:, place] == t.YELLOW) == yellow).all()


def test_a_search_is_never_worse_than_its_starts_and_repeats(city):
    bad = with_durations(city, 15, 75)
    judge = MicroscopicJudge(city)
    found = refine(city, [bad, city.shipped()], steps=25, seed=4)
    again = refine(city, [bad, city.shipped()], steps=25, seed=4)
    assert found.plans == again.plans
    assert found.objective_before_s == judge.value(bad)
    assert found.objective_after_s == judge.value(found.plans) <= judge.value(city.shipped())
    plain = MicroscopicJudge(city, seeds=range(1, 5), teleport_s=0.0)
    assert found.delay_before_s == pytest.approx(plain.value(bad), rel=1e-12)
    assert found.delay_after_s == pytest.approx(plain.value(found.plans), rel=1e-12)
    assert found.tried > 0
    none = refine(city, [bad], steps=0)
    assert none.plans is bad
    stopped = refine(city, [bad], steps=25, should_stop=lambda: True)
    assert stopped.tried == 0


def test_plans_that_do_worse_at_once_are_not_run_to_the_end(city):
    judge = MicroscopicJudge(city)
    good, costs = judge.judge(city.shipped())
    assert len(costs) == len(judge.seeds)
    assert good.value == pytest.approx(np.mean(costs)) == judge.value(city.shipped())
    assert good.link_cost.shape == (len(city.roads.network.links),)
    bad, first = judge.judge(with_durations(city, 10, 90), costs)
    assert len(first) == 1
    assert bad.value > good.value
    same, again = judge.judge(city.shipped(), costs)
    assert (same.value, again) == (good.value, costs)


def test_more_demand_is_more_vehicles(city):
    counts = [len(microscopic_model(city, seed=seed, scale=1.5).vehicles) for seed in range(20)]
    assert np.mean(counts) == pytest.approx(1.5 * 142, rel=0.05)
    assert len(microscopic_model(city, scale=1.0).vehicles) == 142
    judge = MicroscopicJudge(city, seeds=(1, 2, 3), scales=(1.0, 1.5))
    assert [len(m.vehicles) > 142 for m in judge.models] == [False, True, False]


def test_vehicles_without_routes_take_those_that_they_drive(tmp_path):
    config = read_config(crossing(tmp_path))
    driven = driven_routes(config)
    assert driven["turn"] == (("Win", "Nout"), True)
    city = read_city(config)
    assert {d.edges for d in city.departures} >= {("Win", "Eout"), ("Sin", "Nout"), ("Win", "Nout")}
    model = microscopic_model(city)
    assert len(model.vehicles) == 100 + 40 + 2
    assert [d.chooses for d in city.departures].count(True) == len(driven)
    text = '<routes><vehicle id="a" depart="0"><route edges="Win Eout"/></vehicle></routes>'
    for file in config.routes:
        file.write_text(text, encoding="utf-8")
    assert driven_routes(config) == {}


def test_routes_are_chosen_when_sumo_reads_the_vehicles():
    """All of the next 200 s and one more at once; the next ones in the second in which the last of them departs."""
    times = np.array([0.0, 150.0, 201.4, 202.5, 401.9, 402.0, 402.1])
    assert _read_s(times, 200.0).tolist() == [0.0, 0.0, 0.0, 202.0, 202.0, 202.0, 402.0]
    assert not _read_s(times, np.inf).any()
    assert len(_read_s(np.empty(0), 200.0)) == 0


@pytest.mark.parametrize(("text", "ahead_s"), [(None, 200.0), ("60", 60.0), ("0", np.inf), ("-1", np.inf)])
def test_how_far_ahead_sumo_reads_is_in_its_configuration(tmp_path, text, ahead_s):
    file = crossing(tmp_path) / "run.sumocfg"
    if text is not None:
        old = file.read_text(encoding="utf-8")
        option = f'<input><route-steps value="{text}"/>'
        file.write_text(old.replace("<input>", option), encoding="utf-8")
    assert read_config(file).read_ahead_s == ahead_s


def test_an_unreadable_look_ahead_is_refused(tmp_path):
    file = crossing(tmp_path) / "run.sumocfg"
    old = file.read_text(encoding="utf-8")
    file.write_text(old.replace("<input>", '<input><route-steps value="soon"/>'), encoding="utf-8")
    with pytest.raises(InputError, match="route-steps"):
        read_config(file)


def test_the_better_half_of_the_starts_goes_on(city):
    judge = MicroscopicJudge(city, seeds=range(1, 9))
    plans = [
        with_durations(city, *durations) for durations in ((10, 80), (20, 45), (25, 25), (70, 20), (90, 15))
    ]
    rounds = list(judge.best_first(plans))
    assert [len(ranked) for ranked in rounds] == [5, 3, 2, 1]
    assert [len(ranked[0][1]) for ranked in rounds] == [1, 2, 4, 8]
    (best, costs) = rounds[-1][0]
    assert best.value == pytest.approx(np.mean(costs)) == judge.value(best.plans)
    assert best.value <= min(judge.value(p) for p in plans) + 1.0


def test_what_is_found_is_judged_with_all_seeds_at_the_end(city):
    found = refine(city, [city.shipped()], steps=10, seed=2)
    judge = MicroscopicJudge(city)
    assert len(judge.seeds) == 24
    assert found.objective_after_s == pytest.approx(judge.value(found.plans), rel=1e-12)


@pytest.mark.parametrize(
    ("seconds", "threads", "seeds"), [(5.9, 1, 5), (2.0, 3, 6), (0.1, 1, 2), (99.0, 1, 8)]
)
def test_in_little_time_fewer_seeds_are_run(city, seconds, threads, seeds):
    judge = MicroscopicJudge(city, seeds=range(1, 9), threads=threads)
    now = iter(range(100))
    judge.keep_to(seconds, city.shipped(), lambda: float(next(now)))
    assert len(judge.seeds) == len(judge.models) == seeds
    assert len(judge.costs(city.shipped())) == seeds


def test_a_search_whose_time_is_over_takes_what_is_best_so_far(city):
    bad = city.shipped().with_plans([city.shipped()[0].with_offset(7)])
    now = [0.0]

    def clock():
        now[0] += 1.0
        return now[0]

    found = refine(city, [bad, city.shipped()], seconds=0.5, clock=clock)
    assert found.tried == 1
    assert found.objective_after_s <= found.objective_before_s

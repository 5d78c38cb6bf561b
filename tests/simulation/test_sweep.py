"""What a sweep is, its runs, and its results whatever interrupts it."""

from __future__ import annotations

import pickle
import signal
from dataclasses import replace

import pytest

from scenarios.loader import build, load
from signals.greens import movement_greens
from signals.wire import write_plans
from simulation.rivals import isolated_webster
from simulation.sweep import OPTIMIZE, WEBSTER, Method, Sweep, check, evaluate
from simulation.sweep_results import FIGURES, partial_path, read_results, write_results
from simulation.sweep_run import carry_out, opened
from tests.api.conftest import HEAD, TRIPS
from tests.simulation.test_cluster import workers
from traffic.errors import InputError
from traffic.flow import simulate


@pytest.fixture
def city(tmp_path):
    """A scenario of four junctions and 10 minutes, with plans."""
    (tmp_path / "city.toml").write_text(HEAD + TRIPS + "\n[run]\nduration_s = 600\nreport_s = 600\n")
    made = build(load(str(tmp_path / "city.toml")))
    write_plans(isolated_webster(made.network, made.junctions, made.demand), tmp_path / "plans.json")
    return tmp_path


def sweep_of(folder, **changes) -> Sweep:
    plans = Method.of_file(folder / "plans.json")
    return replace(
        Sweep(scenarios=(str(folder / "city.toml"),), methods=(plans, Method(WEBSTER)), demand_seeds=(1, 2)),
        **changes,
    )


def test_runs_are_the_product_of_the_factors(city):
    methods = (Method.of_file(city / "plans.json"), Method(OPTIMIZE, steps=1))
    sweep = sweep_of(city, methods=methods, scales=(0.6, 1.0), optimizer_seeds=(0, 1, 2))
    runs = sweep.runs()
    assert len(runs) == 2 * 2 * (1 + 3)
    assert len({run.key for run in runs}) == len(runs)
    assert {run.planned_scale for run in runs if run.method.plans} == {1.0}
    assert all(run.planned_scale == run.scale for run in runs if run.method.name == OPTIMIZE)
    assert sweep_of(city, scales=(1.0, 1.0)).runs() == sweep_of(city).runs()


def test_a_key_follows_from_contents_and_not_from_where_files_lie(city, tmp_path_factory):
    run = sweep_of(city).runs()[0]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("city.toml", "plans.json"):
        (elsewhere / name).write_bytes((city / name).read_bytes())
    moved = sweep_of(elsewhere).runs()[0]
    assert moved.source != run.source
    assert moved.inputs == run.inputs
    assert (
        replace(moved, scenario=run.scenario, method=replace(moved.method, name=run.method.name)).key
        == run.key
    )
    (city / "plans.json").write_text((city / "plans.json").read_text().replace("\n", "\n "))
    assert sweep_of(city).runs()[0].key != run.key


def test_a_run_gives_the_figures_of_the_flow_model(city):
    run = sweep_of(city, scales=(0.8,), demand_seeds=(7,)).runs()[1]
    assert run.method.name == WEBSTER
    made = build(load(str(city / "city.toml")), seed=7, scale=0.8)
    plans = isolated_webster(made.network, made.junctions, made.demand)
    result = simulate(
        made.network, made.demand, movement_greens(made.network, plans), duration_s=600, report_s=600
    )
    figures = evaluate(pickle.loads(pickle.dumps(run)))  # noqa: S301 - as workers get it
    assert figures == {**result.summary(), "objective_s_per_veh": made.objective.judge(made.network, result)}
    assert tuple(figures) == FIGURES


def test_optimised_plans_are_no_worse_than_their_start(city):
    methods = (Method(WEBSTER), Method(OPTIMIZE, steps=1))
    webster, optimised = sweep_of(city, methods=methods, demand_seeds=(3,)).runs()
    best = evaluate(optimised)
    assert best["objective_s_per_veh"] <= evaluate(webster)["objective_s_per_veh"]
    assert best == evaluate(optimised)


def test_64_runs_on_2_workers_one_of_them_killed(city, tmp_path):
    sweep = sweep_of(city, scales=(0.8, 1.0), demand_seeds=tuple(range(1, 17)))
    runs = sweep.runs()
    check(runs)
    ledger = opened(runs, tmp_path / "results.parquet", resume=False)
    killed = []

    def kill_one(done: float, total: float, note: str = "") -> None:
        del total, note
        if done == 20:
            killed.append(workers()[0])
            killed[0].send_signal(signal.SIGKILL)

    carry_out(ledger, workers=2, progress=kill_one)
    assert not killed[0].is_running()
    rows = read_results(tmp_path / "results.parquet")
    assert [row["key"] for row in rows] == [run.key for run in runs]
    assert len({row["key"] for row in rows}) == 64
    for position in (0, 31, 63):
        assert {name: rows[position][name] for name in FIGURES} == evaluate(runs[position])
    assert not partial_path(tmp_path / "results.parquet").exists()
    assert not workers()


def test_an_interrupted_sweep_goes_on(city, tmp_path):
    path = tmp_path / "results.parquet"
    runs = sweep_of(city, demand_seeds=(1, 2, 3, 4)).runs()

    def interrupt(done: float, total: float, note: str = "") -> None:
        del total, note
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(opened(runs, path, resume=False), workers=1, progress=interrupt)
    assert not path.exists()
    assert len(read_results(partial_path(path))) == 3
    assert not workers()
    with pytest.raises(InputError, match="--resume"):
        opened(runs, path, resume=False)

    ledger = opened(runs, path, resume=True)
    assert (ledger.resumed, len(ledger.open_runs())) == (3, 5)
    carry_out(ledger, workers=1)
    assert [row["key"] for row in read_results(path)] == [run.key for run in runs]
    assert not partial_path(path).exists()

    again = opened(runs, path, resume=True)
    assert not again.open_runs()
    narrower = opened(runs[:3], path, resume=True)
    assert (narrower.resumed, narrower.dropped) == (3, 5)


def test_results_are_read_as_they_were_written(city, tmp_path):
    run = sweep_of(city, methods=(Method(OPTIMIZE, steps=1),)).runs()[0]
    row = {**run.factors(), **dict.fromkeys(FIGURES, 0.1)}
    write_results([row], tmp_path / "r.parquet")
    assert read_results(tmp_path / "r.parquet") == [row]
    assert read_results(tmp_path / "none.parquet") == []


def test_a_file_that_changes_under_the_sweep_is_refused(city):
    run = sweep_of(city).runs()[0]
    (city / "plans.json").write_text((city / "plans.json").read_text() + " ")
    with pytest.raises(InputError, match="started with"):
        evaluate(run)


def test_sweeps_that_make_no_sense_are_refused(city):
    with pytest.raises(InputError, match=r"scenarios: must hold at least one"):
        sweep_of(city, scenarios=())
    with pytest.raises(InputError, match=r"scales: must hold at least one"):
        sweep_of(city, scales=())
    with pytest.raises(InputError, match="more than 0"):
        sweep_of(city, scales=(float("nan"),))
    with pytest.raises(InputError, match="either steps or seconds"):
        Method(OPTIMIZE, steps=1, seconds=1.0)
    with pytest.raises(InputError, match="once"):
        sweep_of(city, methods=(Method(OPTIMIZE, steps=1), Method(OPTIMIZE, steps=2)))
    with pytest.raises(InputError, match="another name"):
        Method(WEBSTER, plans="plans.json")
    with pytest.raises(InputError, match="100000 runs"):
        sweep_of(city, demand_seeds=tuple(range(50_001))).runs()
    with pytest.raises(InputError, match="exists"):
        sweep_of(city, scenarios=("nowhere",)).runs()


def test_demand_seeds_need_generated_demand(city):
    (city / "flows.csv").write_text("origin,destination,veh_h\n1,2,100\n2,1,100\n")
    (city / "od.toml").write_text(HEAD + '\n[demand]\nkind = "od"\nfile = "flows.csv"\nzones = 2\n')
    sweep = sweep_of(city, scenarios=(str(city / "od.toml"),), methods=(Method(WEBSTER),))
    with pytest.raises(InputError, match="not generated"):
        sweep.runs()
    assert [run.demand_seed for run in replace(sweep, demand_seeds=()).runs()] == [None]


def test_a_data_file_of_the_scenario_is_part_of_the_key(city):
    (city / "flows.csv").write_text("origin,destination,veh_h\n1,2,100\n2,1,100\n")
    (city / "od.toml").write_text(HEAD + '\n[demand]\nkind = "od"\nfile = "flows.csv"\nzones = 2\n')
    sweep = sweep_of(city, scenarios=(str(city / "od.toml"),), methods=(Method(WEBSTER),), demand_seeds=())
    key = sweep.runs()[0].key
    assert sweep.runs()[0].key == key
    (city / "flows.csv").write_text("origin,destination,veh_h\n1,2,100\n2,1,101\n")
    assert sweep.runs()[0].key != key

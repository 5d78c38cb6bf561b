"""What the report measures, on networks of our own: stored entry by entry, gone on with, and what is missing."""

from __future__ import annotations

import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from benchmarks import report, report_offsets, report_plans, report_ranking, report_speed
from benchmarks.report_networks import Networks
from benchmarks.report_results import machine, read_section
from benchmarks.report_store import Store
from benchmarks.sumo_search import changed, search
from scenarios.loader import build, load
from simulation.sumo.city import read_city
from simulation.sumo.config import read_config
from tests.benchmarks import entries as made
from tests.simulation.sumo.nets import PROGRAM, crossing, needs_sumo
from traffic.errors import InputError


def store(folder, name, *, resume=False, quick=True):
    return Store(folder, name, quick=quick, resume=resume, made=made.MADE)


class TestStore:
    def test_what_is_stored_is_not_measured_again(self, tmp_path):
        first = store(tmp_path, "speed")
        first.measure("a", lambda: made.evaluation(450, 1.0, 2.0))
        with pytest.raises(ZeroDivisionError):
            first.measure("b", lambda: 1 / 0)
        again = store(tmp_path, "speed", resume=True)
        again.measure("a", lambda: 1 / 0)
        again.measure("b", lambda: made.evaluation(64, 1.0, 2.0))
        assert [entry.key for entry in read_section(tmp_path / "speed.json").entries] == ["a", "b"]

    def test_without_resume_it_begins_anew(self, tmp_path):
        store(tmp_path, "speed").measure("a", lambda: made.evaluation(450, 1.0, 2.0))
        store(tmp_path, "speed")
        assert read_section(tmp_path / "speed.json").entries == ()

    def test_a_quick_run_is_not_gone_on_with_as_a_full_one(self, tmp_path):
        store(tmp_path, "speed")
        with pytest.raises(InputError, match="Run with --quick, or without --resume"):
            store(tmp_path, "speed", resume=True, quick=False)

    def test_a_network_that_is_there_now_is_missing_no_more(self, tmp_path):
        store(tmp_path, "plans").missing("cologne1", "not there")
        assert read_section(tmp_path / "plans.json").missing == {"cologne1": "not there"}
        store(tmp_path, "plans", resume=True)
        assert read_section(tmp_path / "plans.json").missing == {}


class TestNetworks:
    def test_folders_and_packed_ones_are_found(self, tmp_path):
        folder, source = tmp_path / "given", tmp_path / "source" / "one"
        source.mkdir(parents=True)
        (source / "run.sumocfg").write_text("<configuration/>")
        (folder / "plain").mkdir(parents=True)
        with tarfile.open(folder / "one.tar.gz", "w:gz") as archive:
            archive.add(source, "one")
        with zipfile.ZipFile(folder / "two.zip", "w") as archive:
            archive.write(source / "run.sumocfg", "two/run.sumocfg")
        networks = Networks(folder, tmp_path / "scratch")
        (tmp_path / "scratch").mkdir()
        assert networks.path("plain") == folder / "plain"
        for name in ("one", "two"):
            assert (networks.path(name) / "run.sumocfg").is_file()
        assert networks.path("three") is None
        assert not (folder / "one").exists()

    def test_a_broken_or_empty_one_is_refused(self, tmp_path):
        (tmp_path / "one.tar.gz").write_bytes(b"no archive")
        with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
            archive.writestr("other/run.sumocfg", "<configuration/>")
        networks = Networks(tmp_path, tmp_path / "scratch")
        with pytest.raises(InputError, match=r"one\.tar\.gz: cannot be unpacked"):
            networks.path("one")
        with pytest.raises(InputError, match=r"two\.zip: must hold a folder two"):
            networks.path("two")

    def test_missing_networks_are_stored_as_such(self, tmp_path):
        networks = Networks(tmp_path, tmp_path)
        report_plans.measure(store(tmp_path, "plans"), networks, report_plans.FULL)
        assert set(read_section(tmp_path / "plans.json").missing) == {
            case.network for case in report_plans.FULL
        }
        report_ranking.measure(store(tmp_path, "ranking"), networks, report_ranking.FULL)
        assert read_section(tmp_path / "ranking.json").missing["grid4x4"].startswith("the network is not in")
        report_offsets.measure(store(tmp_path, "offsets"), networks, (), report_offsets.FULL_NETWORKS)
        assert len(read_section(tmp_path / "offsets.json").missing) == len(report_offsets.FULL_NETWORKS)


class TestCommand:
    @pytest.fixture(autouse=True)
    @staticmethod
    def _one_core(monkeypatch):
        for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            monkeypatch.setenv(name, "1")

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_sections_without_their_networks_are_written_as_such(self, tmp_path, jobs):
        empty, results, target = tmp_path / "empty", tmp_path / "results", tmp_path / "page.md"
        empty.mkdir()
        arguments = ["plans", "ranking", "--quick", "--jobs", jobs, "--networks", str(empty)]
        arguments += ["--results", str(results), "--page", str(target)]
        assert report.main(arguments) == 0
        assert sorted(file.name for file in results.iterdir()) == ["plans.json", "ranking.json"]
        assert all(read_section(file).quick for file in results.iterdir())
        text = target.read_text(encoding="utf-8")
        assert text.count("Not measured: cologne1: the network is not in the folder of SUMO networks.") == 2
        assert str(tmp_path) not in text

    def test_a_section_beside_others_that_fails_is_named(self, tmp_path, capfd):
        results = tmp_path / "results"
        results.mkdir()
        (results / "ranking.json").write_text("{", encoding="utf-8")
        arguments = ["ranking", "plans", "--quick", "--resume", "--jobs", "2", "--networks", str(tmp_path)]
        assert report.main([*arguments, "--results", str(results), "--page", str(tmp_path / "page.md")]) == 2
        assert "section: must be measured to its end (got 'ranking')" in (said := capfd.readouterr().err)
        assert "ranking.json" in said
        assert not (tmp_path / "page.md").exists()

    def test_a_folder_that_is_not_there_is_refused(self, tmp_path, capsys):
        results, target = tmp_path / "results", tmp_path / "page.md"
        arguments = ["plans", "--networks", str(tmp_path / "gone"), "--results", str(results)]
        assert report.main([*arguments, "--page", str(target)]) == 2
        assert "gone: --networks: must be a folder" in capsys.readouterr().err
        assert not results.exists()
        assert not target.exists()

    def test_a_section_of_another_name_is_refused(self, capsys):
        with pytest.raises(SystemExit) as ended:
            report.main(["offset"])
        assert ended.value.code == 2
        assert "choose from plans, ranking, offsets, speed" in capsys.readouterr().err


class TestMachine:
    def test_it_tells_versions_and_no_path(self):
        made_here = machine()
        assert made_here.cores >= 1
        assert made_here.numba == metadata.version("numba")
        assert str(Path(__file__).parent.parent) not in made_here.model_dump_json()


class TestDemand:
    def test_a_tenth_of_the_pairs_changes_by_half(self):
        city = build(load("corridor"))
        before, after, changed_pairs, pairs = report_speed.changed_demand(city, 1)
        assert changed_pairs == round(0.1 * pairs)
        entered = [demand.entry_veh_s.sum() for demand in (before, after)]
        # every change is half of its pair, up or down
        assert entered[1] != pytest.approx(entered[0], rel=1e-6)
        assert entered[1] == pytest.approx(entered[0], rel=0.06)
        again = report_speed.changed_demand(city, 1)[1]
        np.testing.assert_array_equal(again.entry_veh_s, after.entry_veh_s)
        other = report_speed.changed_demand(city, 2)[1]
        assert not np.array_equal(other.entry_veh_s, after.entry_veh_s)

    def test_the_demand_before_is_that_of_the_scenario(self):
        city = build(load("corridor"))
        before = report_speed.changed_demand(city, 1)[0]
        np.testing.assert_allclose(before.entry_veh_s.sum(), city.demand.entry_veh_s.sum(), rtol=1e-6)


SMALL = report_speed.QUICK._replace(
    evaluated=("corridor",),
    repetitions=3,
    fast_s=0.5,
    long_s=0.5,
    long_seeds=1,
    planned_s=0.5,
    same_time=("crossing",),
    same_time_s=1.0,
)


class TestSpeed:
    def test_every_part_is_measured_and_shown(self, tmp_path):
        networks = Networks(tmp_path, tmp_path)
        report_speed.measure(store(tmp_path, "speed"), networks, SMALL)
        section = read_section(tmp_path / "speed.json")
        assert section.missing == {"crossing": "the network is not in the folder of SUMO networks"}
        assert [entry.key.split("/")[0] for entry in section.entries] == [
            "evaluation",
            *["city"] * 4,
            "replan",
        ]
        methods = [entry.plan.method for entry in section.entries[1:5]]
        assert methods == ["0.5 s", "0.5 s", "green waves", "random restart"]
        replanned = section.entries[-1]
        assert replanned.replan.objective_s <= replanned.old.objective_s
        assert report.main(["--page-only", "--results", str(tmp_path), "--page", str(tmp_path / "p.md")]) == 0
        text = (tmp_path / "p.md").read_text(encoding="utf-8")
        for part in (
            "### Evaluation",
            "### A city from nothing",
            "### Planning anew",
            "Not measured: crossing",
        ):
            assert part in text


@needs_sumo
class TestWithSumo:
    @pytest.fixture(scope="class")
    @staticmethod
    def networks(tmp_path_factory):
        folder = tmp_path_factory.mktemp("networks")
        (folder / "crossing").mkdir()
        crossing(folder / "crossing", phases=PROGRAM)
        return Networks(folder, folder)

    def test_plans_in_both_tracks(self, tmp_path, networks):
        case = report_plans.Case("crossing", 0.5, 1, 2)
        report_plans.measure(store(tmp_path, "plans"), networks, [case])
        section = read_section(tmp_path / "plans.json")
        assert [(entry.track, entry.seed) for entry in section.entries] == [
            ("shipped", 0),
            ("kept", 1),
            ("free", 1),
        ]
        for entry in section.entries:
            assert [score.seed for score in entry.runs] == [100, 101]
            assert entry.made == made.MADE

    def test_ranking(self, tmp_path, networks):
        case = report_ranking.Case("crossing", 5, 1)
        report_ranking.measure(store(tmp_path, "ranking"), networks, [case])
        (entry,) = read_section(tmp_path / "ranking.json").entries
        assert len(entry.model_s) == len(entry.sumo_s) == 5
        assert -1.0 <= entry.spearman <= 1.0

    def test_offsets_of_a_scenario_and_of_one_light(self, tmp_path, networks):
        scenario = report_offsets.ScenarioCase("corridor", 60, 1, 1)
        light = report_offsets.NetworkCase("crossing", 1, 0)
        report_offsets.measure(store(tmp_path, "offsets"), networks, [scenario], [light])
        corridor, single = read_section(tmp_path / "offsets.json").entries
        assert corridor.lights == 10
        assert all(row.ratio == pytest.approx(1.0, abs=1e-3) for row in corridor.certified)  # a tree
        kinds = [row.offsets for row in corridor.delays]
        assert kinds == ["pairwise", "sinusoidal", "as they are", "zero", "random"]
        assert (single.lights, single.delays) == (1, ())

    def test_the_same_time_for_both_searches(self, tmp_path, networks):
        settings = SMALL._replace(evaluated=(), replan_seeds=0, fast_seeds=0, long_seeds=0)
        kept = store(tmp_path, "speed")
        for method in ("green waves/0", "random restart/1"):
            kept.measure(f"city/corridor/rival/{method}", lambda: made.city("rival", 1.0))
        report_speed.measure(kept, networks, settings)
        found = {e.method: e for e in read_section(tmp_path / "speed.json").entries if e.kind == "same time"}
        assert set(found) == {"shipped", "SUMO in the loop", "Jasyl"}
        assert found["SUMO in the loop"].tried >= 2
        assert found["SUMO in the loop"].taken_s >= 1.0


@needs_sumo
class TestSearch:
    @pytest.fixture(scope="class")
    @staticmethod
    def city(tmp_path_factory):
        return read_city(read_config(crossing(tmp_path_factory.mktemp("crossing"), phases=PROGRAM)))

    def test_it_never_ends_with_more_delay_than_it_began_with(self, city):
        found = search(city, seconds=2.0, seed=1)
        begun = search(city, seconds=0.0, seed=1)
        assert begun.tried == 1
        plan, shipped = begun.plans[0], city.shipped()[0]
        assert (plan.stages, plan.durations_s, plan.offset_s) == (
            shipped.stages,
            shipped.durations_s,
            shipped.offset_s,
        )
        assert found.tried > 1
        assert found.delay_s <= begun.delay_s

    def test_changes_keep_the_stages_and_reach_cycles_greens_and_offsets(self, city):
        rng = np.random.default_rng(3)
        shipped = city.shipped()
        tried = [changed(shipped, rng)[0] for _ in range(60)]
        assert {plan.stages for plan in tried} == {shipped[0].stages}
        assert len({plan.cycle_s for plan in tried}) > 3
        assert len({plan.offset_s for plan in tried}) > 5
        same = [plan for plan in tried if plan.cycle_s == shipped[0].cycle_s]
        assert len({plan.durations_s for plan in same}) > 3

    def test_greens_are_shared_out_as_before_at_another_cycle(self, city):
        plan = city.shipped()[0]
        rng = np.random.default_rng(0)
        longer = next(
            p for _ in range(200) if (p := changed(city.shipped(), rng)[0]).cycle_s >= 2 * plan.cycle_s
        )
        least = plan.sequence.planned_durations_s()
        before, after = (np.array(p.durations_s) - least for p in (plan, longer))
        np.testing.assert_allclose(after / after.sum(), before / before.sum(), atol=1.0 / after.sum())

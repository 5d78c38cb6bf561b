"""The page of benchmarks, from results made by hand."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.report_page import page, write_page
from benchmarks.report_plots import bars, scatter
from benchmarks.report_results import OffsetDelay, read_section, write_section
from tests.benchmarks import entries as made
from traffic.errors import InputError

PROJECT = Path(__file__).resolve().parents[2]


def written(*sections):
    return page({section.section: section for section in sections}, "plots")


def row(text, start):
    """Return the cells of the one row that begins so."""
    found = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    assert len(found) == 1, found
    return [cell.strip() for cell in found[0].strip("|").split("|")]


def shapes(svg):
    """Return the elements of a plot."""
    return list(ET.fromstring(svg).iter())  # noqa: S314 - our own


class TestPlans:
    def text(self, *entries):
        return written(made.section("plans", *entries))[0]

    def test_the_spread_is_over_searches_and_the_goal_is_the_best_of_others(self):
        kept = [made.plans("kept", k, made.run(d - 1), made.run(d + 1)) for k, d in ((1, 30.0), (2, 32.0))]
        text = self.text(made.plans("shipped", 0, made.run(42.0), made.run(44.0)), *kept)
        cells = row(text.split("### Free")[0], "cologne1 (1)")
        assert cells[1] == "42.9 (here 43.0 ± 1.4)"
        assert cells[5:] == ["37.1", "31.0 ± 1.4", "37.1", "met"]

    def test_a_plan_worse_than_the_search_with_sumo_falls_short(self):
        text = self.text(made.plans("kept", 1, made.run(37.2)), made.plans("free", 1, made.run(27.9)))
        assert row(text.split("### Free")[0], "cologne1 (1)")[-2:] == ["37.1", "**falls short**"]
        assert row(text.split("### Free")[1], "cologne1 (1)")[1:5] == [
            "28.0",
            "27.9",
            "26.6",
            "**falls short**",
        ]

    def test_shipped_programs_measured_here_count_where_nothing_else_is_known(self):
        entries = [made.plans("shipped", 0, made.run(50.0), network="new")]
        text = self.text(*entries, made.plans("kept", 1, made.run(51.0), network="new"))
        assert row(text.split("### Free")[0], "new (1)")[-3:] == ["51.0", "50.0", "**falls short**"]

    def test_without_a_search_with_sumo_plans_are_to_be_15_percent_below_the_best(self):
        text = self.text(*(made.plans("kept", k, made.run(121.8), network="ingolstadt21") for k in (1, 2)))
        assert row(text.split("### Free")[0], "ingolstadt21 (1)")[-2:] == ["121.9", "met"]

    @pytest.mark.parametrize("count", ["teleports", "braking", "collisions"])
    def test_more_danger_than_with_the_shipped_programs_falls_short(self, count):
        kept = made.plans("kept", 1, made.run(20, **{count: 2}))
        free = made.plans("free", 1, made.run(20, **{count: 1}))
        text = self.text(made.plans("shipped", 0, made.run(42, **{count: 1})), kept, free)
        safety = text.split("### Safety")[1]
        marks = {line.split("|")[2].strip(): line.split("|")[-2].strip() for line in safety.splitlines()[4:7]}
        assert marks == {"shipped": "", "kept": "**falls short**", "free": "met"}


class TestSpeed:
    def text(self, *entries):
        return written(made.section("speed", *entries))[0]

    def test_goals_are_for_450_junctions(self):
        text = self.text(made.evaluation(450, 3.1, 19.0), made.evaluation(64, 9.0, 90.0))
        assert row(text, "grid of 450")[1:6] == ["450", "3.10", "**falls short**", "19", "met"]
        assert row(text, "grid of 64")[3] == ""

    @pytest.mark.parametrize(("ms", "said"), [(36.0, "met"), (36.9, "**falls short**")])
    def test_growth_to_ten_times_as_many_junctions(self, ms, said):
        text = self.text(made.evaluation(450, 3.0, 10.0), made.evaluation(4500, ms, 15.0, 11.0))
        assert f"{ms / 3:.1f} times as long (goal 12): {said}; a move 1.5 times" in text

    @pytest.mark.parametrize(
        ("objective_s", "taken_s", "said"),
        [(100.9, 9.9, "met"), (101.1, 9.9, "**falls short**"), (100.0, 10.1, "**falls short**")],
    )
    def test_a_city_in_time_and_close_to_the_best_of_others(self, objective_s, taken_s, said):
        others = made.city("long", 104.0, method="long"), made.city("rival", 100.0, method="green waves")
        text = self.text(made.city("fast", objective_s, taken_s=taken_s), *others)
        assert f"| {objective_s:.2f} | {objective_s - 100:+.2f} % | {said} |" in text

    @pytest.mark.parametrize(
        ("objective_s", "taken_s", "said"),
        [(100.9, 1.0, "met"), (101.5, 1.0, "**falls short**"), (99.0, 1.2, "**falls short**")],
    )
    def test_a_replan_in_time_and_close_to_one_from_scratch(self, objective_s, taken_s, said):
        cells = row(self.text(made.replanned(objective_s, taken_s=taken_s)).split("anew")[-2], "almaty")
        assert cells[2:4] == ["10 of 100", "120.00"]
        assert cells[-1] == said

    @pytest.mark.parametrize(("ours", "said"), [(37.0, "met"), (37.6, "**falls short**")])
    def test_less_delay_than_the_search_with_sumo(self, ours, said):
        text = self.text(made.same_time("SUMO in the loop", 37.0, 38.0), made.same_time("Jasyl", ours))
        assert f"| Jasyl | 1 | 60 | - | {ours:.1f} | {said} |" in text
        assert "| SUMO in the loop | 1 | 60 | 40 | 37.5 ± 0.7 |  |" in text


class TestOffsetsAndRanking:
    def test_each_model_has_its_goal(self):
        text, _ = written(made.section("offsets", made.offsets_of_scenario(0.975, 0.985)))
        assert "| pairwise cost | 10.0 | 9.0 | 0.9750 | 0.97 | met |" in text
        assert "| sinusoidal gain | 10.0 | 9.0 | 0.9850 | 0.99 | **falls short** |" in text

    def test_delays_of_a_network_and_of_one_light(self):
        delay = OffsetDelay(
            offsets="sinusoidal", certified=0.98, pairwise=0.5, sumo_s=(30.0, 31.0), model_s=(29.0,)
        )
        network = made.offsets_of_network("cologne8", 8, delay)
        text, plots = written(made.section("offsets", network, made.offsets_of_network("cologne1", 1)))
        line = "| cologne8 (8) | sinusoidal | 0.9800 | 0.5000 | 30.50 ± 0.71 | 29.00 | - | **falls short** |"
        assert line in text
        assert "One light alone has nothing to be coordinated with: cologne1." in text
        assert set(plots) == {"offsets.svg"}

    def test_a_plot_for_every_ranked_network(self):
        text, plots = written(made.section("ranking", made.ranked()))
        assert "| cologne1 | 3 | 2 | 1.000 | 0.50 | 4.2 % |" in text
        assert "(plots/ranking-cologne1.svg)" in text
        circles = [e for e in shapes(plots["ranking-cologne1.svg"]) if e.tag.endswith("circle")]
        assert len(circles) == 3


class TestPage:
    def test_the_head_tells_where_it_was_measured(self):
        text, _ = written(made.section("plans", made.plans("kept", 1, made.run(30))))
        assert "| commit | abc123 |" in text
        assert "| machine | A processor, 2 cores |" in text
        assert "| programs | Python 3.11.7, numba 0.61, SUMO 1.28.0 |" in text
        assert "| measured in | 1 minutes |" in text

    def test_what_is_missing_is_said(self):
        text, _ = written(made.section("plans", missing={"grid4x4": "the network is not there"}))
        assert "Not measured: grid4x4: the network is not there." in text
        assert text.count("Not measured yet.") == 4

    def test_a_quick_look_is_called_one(self):
        entry = made.plans("kept", 1, made.run(30))
        assert "A quick look" in written(made.section("plans", entry, quick=True))[0]
        assert "A quick look" not in written(made.section("plans", entry))[0]

    def test_the_page_of_the_project_is_that_of_its_results(self):
        results = PROJECT / "docs" / "benchmarks"
        found = {file.stem: read_section(file) for file in results.glob("*.json")}
        text, plots = page(found, "benchmarks")
        assert (PROJECT / "docs" / "benchmarks.md").read_text(encoding="utf-8") == text
        assert {file.name for file in results.glob("*.svg")} == set(plots)
        for name, svg in plots.items():
            assert (results / name).read_text(encoding="utf-8") == svg


class TestPlots:
    def test_bars_have_lengths_in_proportion(self):
        svg = bars("a < b", {"one": {"x": 10.0, "y": 5.0}, "two": {"x": 2.5}}, shared=True)
        drawn = [e for e in shapes(svg) if e.tag.endswith("rect")][1:]
        widths = [float(e.get("width", "nan")) for e in drawn]
        assert widths[0] == pytest.approx(2 * widths[1])
        assert widths[0] == pytest.approx(4 * widths[2])
        assert drawn[0].get("fill") == drawn[2].get("fill") != drawn[1].get("fill")

    def test_groups_of_their_own_scale_have_equal_longest_bars(self):
        svg = bars("t", {"one": {"x": 400.0, "y": 100.0}, "two": {"x": 20.0, "y": 0.0}})
        widths = [float(e.get("width", "nan")) for e in shapes(svg) if e.tag.endswith("rect")][1:]
        assert widths == [460.0, 115.0, 460.0, 0.0]

    def test_the_same_plan_in_both_lies_on_the_diagonal(self):
        svg = scatter("n", [10.0, 40.0], [10.0, 40.0], spearman=1.0, best_quarter=1.0)
        for circle in (e for e in shapes(svg) if e.tag.endswith("circle")):
            assert float(circle.get("cx", "nan")) == pytest.approx(
                360 - float(circle.get("cy", "nan")), abs=0.11
            )


class TestFiles:
    def test_results_come_back_as_they_were(self, tmp_path):
        section = made.section(
            "speed", made.evaluation(450, 3.0, 20.0), made.city("fast", 1.0), made.replanned(2.0)
        )
        write_section(section, tmp_path / "speed.json")
        assert read_section(tmp_path / "speed.json") == section

    def test_page_only_writes_page_and_plots(self, tmp_path):
        results, target = tmp_path / "docs" / "r", tmp_path / "docs" / "page.md"
        write_section(made.section("ranking", made.ranked()), results / "ranking.json")
        assert report.main(["--page-only", "--results", str(results), "--page", str(target)]) == 0
        text = target.read_text(encoding="utf-8")
        assert "(r/ranking-cologne1.svg)" in text
        assert (results / "ranking-cologne1.svg").is_file()
        before = (results / "ranking-cologne1.svg").read_bytes()
        write_page(results, target)
        assert (results / "ranking-cologne1.svg").read_bytes() == before
        assert target.read_text(encoding="utf-8") == text

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"regret": "none"}, "regret"),
            ({"regret": float("nan")}, "regret"),
            ({"model_s": [1.0]}, "model_s"),
            ({"colour": "red"}, "colour"),
            ({"kind": "rank"}, "entries.0"),
        ],
    )
    def test_a_broken_entry_is_refused_by_file_and_field(self, tmp_path, change, field, capsys):
        raw = json.loads(made.section("ranking", made.ranked()).model_dump_json())
        raw["entries"][0] |= change
        file = tmp_path / "ranking.json"
        file.write_text(json.dumps(raw), encoding="utf-8")
        with pytest.raises(InputError, match="Measure the section anew") as told:
            read_section(file)
        assert told.value.file == str(file)
        assert field in str(told.value.field)
        target = tmp_path / "page.md"
        assert report.main(["--page-only", "--results", str(tmp_path), "--page", str(target)]) == 2
        assert str(file) in capsys.readouterr().err
        assert not target.exists()

    def test_a_file_cut_off_or_of_another_section_is_refused(self, tmp_path):
        file = tmp_path / "plans.json"
        write_section(made.section("ranking", made.ranked()), file)
        with pytest.raises(InputError, match="must be 'plans', as the file is called"):
            read_section(file)
        file.write_text(file.read_text(encoding="utf-8")[:40], encoding="utf-8")
        with pytest.raises(InputError, match="cannot be read as JSON"):
            read_section(file)

"""Section 4 of the page: speed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import mean

from benchmarks.report_plots import bars
from benchmarks.report_results import CityPlan, Entry, Evaluation, Replanned, SameTime
from benchmarks.report_tables import Part, mark, spread, table

__all__ = ["part"]

EVALUATION_MS, MOVE_US, GROWTH, GAP = 3.0, 20.0, 12.0, 0.01
_SIZE = 450
_GOAL = f"""\
Goals, at {_SIZE} junctions: a full evaluation of the cyclic profile model in {EVALUATION_MS:g} ms, a move \
with its propagation in {MOVE_US:g} µs; both grow at most {GROWTH:g} times to ten times as many junctions. A \
city from nothing in 10 s within 1 % of the best of long starts and of two other algorithms; a re-plan in 1 s, \
after a tenth of the demand has changed, within 1 % of planning from scratch. Less delay in SUMO than a search \
with SUMO in the loop in the same time."""


def part(entries: Iterable[Entry]) -> Part:
    """Return the section."""
    found = list(entries)
    parts = (
        _evaluations([entry for entry in found if isinstance(entry, Evaluation)]),
        _cities([entry for entry in found if isinstance(entry, CityPlan)]),
        _replans([entry for entry in found if isinstance(entry, Replanned)]),
        _same_time([entry for entry in found if isinstance(entry, SameTime)]),
    )
    blocks = [block for some in parts for block in some.blocks]
    return Part(_GOAL, blocks, [plot for some in parts for plot in some.plots])


def _evaluations(found: Sequence[Evaluation]) -> Part:
    if not found:
        return Part("")
    rows = []
    for entry in found:
        judged = ["", ""]
        if entry.junctions == _SIZE:
            judged = [
                mark(met=entry.evaluation_ms <= EVALUATION_MS),
                mark(met=entry.move_us <= MOVE_US),
            ]
        rows.append(
            [
                entry.scenario,
                str(entry.junctions),
                f"{entry.evaluation_ms:.2f}",
                judged[0],
                f"{entry.move_us:.0f}",
                judged[1],
                f"{entry.flow_s:.2f}",
            ]
        )
    columns = (
        "network",
        "junctions",
        "full evaluation, ms",
        "",
        "a move, µs",
        "",
        "hour of the flow model, s",
    )
    blocks = ["### Evaluation", table(columns, rows), *_growth(found)]
    drawn = {entry.scenario: {"full evaluation": entry.evaluation_ms} for entry in found}
    title = "Full evaluation of the profile model, ms"
    return Part("", blocks, [("speed-evaluation.svg", title, bars(title, drawn, digits=2, shared=True))])


def _growth(found: Sequence[Evaluation]) -> list[str]:
    """Return a sentence on each ten-fold network beside the one of a tenth of its junctions."""
    told = []
    for small in found:
        for large in found:
            if large.junctions != 10 * small.junctions:
                continue
            times = large.evaluation_ms / small.evaluation_ms
            move, flow = large.move_us / small.move_us, large.flow_s / small.flow_s
            told.append(
                f"From {small.junctions} to {large.junctions} junctions a full evaluation takes {times:.1f} times as long "
                f"(goal {GROWTH:g}): {mark(met=times <= GROWTH)}; a move {move:.1f} times, "
                f"an hour of the flow model {flow:.1f} times."
            )
    return told


def _cities(found: Sequence[CityPlan]) -> Part:
    fast = [entry for entry in found if entry.group == "fast"]
    others = [entry for entry in found if entry.group != "fast"]
    if not fast or not others:
        return Part("")
    best = min(entry.plan.objective_s for entry in others)
    rows = []
    for entry in found:
        plan = entry.plan
        gap = plan.objective_s / best - 1.0
        said = ""
        if entry.group == "fast":
            said = mark(met=gap <= GAP and plan.taken_s <= plan.budget_s)
        name = {"fast": "Jasyl", "long": "Jasyl, long", "rival": plan.method}[entry.group]
        figures = [f"{plan.taken_s:.1f}", f"{plan.objective_s:.2f}", f"{100 * gap:+.2f} %", said]
        rows.append([entry.scenario, name, str(plan.seed), f"{plan.budget_s:g}", *figures])
    columns = ("city", "method", "seed", "time given, s", "taken, s", "objective, s/veh", "over the best", "")
    told = (
        "Objective: delay and 5 s for every stop, judged by the flow model. The best is that of the long starts and of the other "
        "algorithms (green waves at the best common cycle, random restart), never of the short runs. Searches are asked for "
        "9/10 of the time, as they finish the step in hand; kernels are compiled beforehand."
    )
    drawn = dict[str, dict[str, float]]()
    for entry, row in zip(found, rows, strict=True):
        name = f"{row[1]}, {row[3]} s, seed {row[2]}"
        drawn.setdefault(entry.scenario, {})[name] = entry.plan.objective_s
    title = "Objective of the plans for a city, s/veh"
    plot = ("speed-city.svg", title, bars(title, drawn))
    return Part("", ["### A city from nothing", table(columns, rows, text=2), told], [plot])


def _replans(found: Sequence[Replanned]) -> Part:
    if not found:
        return Part("")
    rows = []
    for entry in found:
        gap = entry.replan.objective_s / entry.scratch.objective_s - 1.0
        met = gap <= GAP and entry.replan.taken_s <= entry.replan.budget_s
        rows.append(
            [
                entry.scenario,
                str(entry.seed),
                f"{entry.changed_pairs} of {entry.pairs}",
                f"{entry.old.objective_s:.2f}",
                f"{entry.replan.objective_s:.2f}",
                f"{entry.replan.taken_s:.2f}",
                f"{entry.scratch.objective_s:.2f}",
                f"{entry.scratch.taken_s:.1f}",
                f"{100 * gap:+.2f} %",
                mark(met=met),
            ]
        )
    columns = (
        "city",
        "seed",
        "pairs of zones changed",
        "old plans, s/veh",
        "re-plan, s/veh",
        "taken, s",
        "from scratch, s/veh",
        "taken, s",
        "over scratch",
        "",
    )
    told = (
        "A tenth of the pairs of zones with trips, drawn at random, gets half or one and a half times its trips, and the "
        "demand is assigned anew; that is not in the time. The re-plan starts from the old plans and has their stages at hand. "
        "All plans are judged under the changed demand."
    )
    return Part("", ["### Planning anew after a change of demand", table(columns, rows), told])


def _same_time(found: Sequence[SameTime]) -> Part:
    if not found:
        return Part("")
    delay = {(entry.network, entry.method): [run.delay_s for run in entry.runs] for entry in found}
    rows = []
    for entry in found:
        own, rival = (delay.get((entry.network, method), []) for method in (entry.method, "SUMO in the loop"))
        said = mark(met=mean(own) < mean(rival)) if entry.method == "Jasyl" and rival else ""
        tried = str(entry.tried) if entry.tried else "-"
        figures = [str(entry.seed), f"{entry.taken_s:.0f}", tried, spread(own), said]
        rows.append([entry.network, entry.method, *figures])
    columns = ("network", "method", "seed", "taken, s", "plans run in SUMO", "SUMO s/veh", "")
    told = (
        "With the shipped stages. The search with SUMO in the loop (`benchmarks/sumo_search.py`) changes greens, offsets and the "
        "common cycle at random and runs each plan with two seeds; both are scored with other seeds, "
        "and the spread is over these."
    )
    networks = dict.fromkeys(entry.network for entry in found)
    drawn: dict[str, dict[str, float]] = {
        n: {entry.method: mean(delay[n, entry.method]) for entry in found if entry.network == n}
        for n in networks
    }
    title = "Delay in SUMO after the same time, s/veh"
    plot = ("speed-same-time.svg", title, bars(title, drawn))
    return Part(
        "", ["### Against SUMO in the loop, in the same time", table(columns, rows, text=2), told], [plot]
    )

"""Section 1 of the page: plans in SUMO beside what others reach."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean

from benchmarks.report_plots import bars
from benchmarks.report_results import Entry, PlanScore
from benchmarks.report_tables import Part, mark, spread, table

__all__ = ["part"]

_ANCHORS = Path(__file__).with_name("report_anchors.json")
_SAME_STAGES = ("shipped", "shipped, 60 s", "Webster", "Webster and waves", "SUMO in the loop")
_ADAPTIVE = ("actuated, shipped stages", "actuated, new stages", "delay-based", "max pressure")
_COUNTS = ("teleports", "collisions", "emergency_braking", "backlog")
_KEPT = ("network (signals)", *_SAME_STAGES, "Jasyl, same stages", "goal", "")
_FREE = ("network (signals)", "rebuild", "Jasyl, free stages", "goal", "", *_ADAPTIVE)
_SAFETY = ("network", "plans", "teleports", "collisions", "emergency braking", "still outside", "")
_GOAL = """\
`delay_per_veh` of `jasyl sumo run`: time loss and wait to enter, seconds for each vehicle due. Plans are \
searched in Jasyl's own models, never in SUMO. Goals: with the shipped stages, less delay than the search with \
SUMO in the loop finds, and where there is none, 15 % less than the best fixed-time plans; with free stages, \
5 % less than the rebuild, and 35 % less than shipped on cologne1 and 30 % on cologne8; no more teleports, \
collisions and emergency braking than with the shipped programs."""
_SPREAD = """\
Spread is over seeds of the search, each plan run with several seeds of SUMO that no search has used."""
_LESS_THAN_BEST, _LESS_THAN_REBUILD = 0.85, 0.95
_LESS_THAN_SHIPPED = {"cologne1": 0.65, "cologne8": 0.70}


def part(entries: Iterable[Entry]) -> Part:
    """Return the section."""
    plans = [entry for entry in entries if isinstance(entry, PlanScore)]
    found = json.loads(_ANCHORS.read_text(encoding="utf-8"))
    anchors: dict[str, dict[str, float]] = found["networks"]
    networks = list(dict.fromkeys(entry.network for entry in plans))
    kept = table(_KEPT, [_kept(n, plans, anchors.get(n, {})) for n in networks])
    free = table(_FREE, [_free(n, plans, anchors.get(n, {})) for n in networks])
    safety = table(_SAFETY, [row for n in networks for row in _safety(n, plans)], text=2)
    drawn = {n: _bars(n, plans, anchors.get(n, {})) for n in networks}
    plots = [("plans.svg", "Delay in SUMO by network", bars("Delay in SUMO, s/veh", drawn))] if drawn else []
    return Part(
        _GOAL,
        [
            "### Same stages",
            kept,
            "### Free stages, and adaptive control for orientation",
            free,
            f"The other columns: {found['source']}",
            _SPREAD,
            "### Safety, a run",
            safety,
            _searched(plans),
        ],
        plots,
    )


def _of(network: str, track: str, plans: Sequence[PlanScore]) -> list[PlanScore]:
    return [entry for entry in plans if entry.network == network and entry.track == track]


def _delays(network: str, track: str, plans: Sequence[PlanScore]) -> list[float]:
    """Return the delay of each search, the mean over the runs; of the shipped programs that of each run."""
    found = _of(network, track, plans)
    if track == "shipped":
        return [run.delay_s for entry in found for run in entry.runs]
    return [mean(run.delay_s for run in entry.runs) for entry in found]


def _name(network: str, plans: Sequence[PlanScore]) -> str:
    lights = next(entry.lights for entry in plans if entry.network == network)
    return f"{network} ({lights})"


def _kept_goal(network: str, plans: Sequence[PlanScore], anchors: dict[str, float]) -> float | None:
    """Return the goal; where nothing else is known, the delay of the shipped programs."""
    if "SUMO in the loop" in anchors:
        return anchors["SUMO in the loop"]
    known = [anchors[name] for name in _SAME_STAGES if name in anchors]
    if known:
        return _LESS_THAN_BEST * min(known)
    shipped = _delays(network, "shipped", plans)
    return mean(shipped) if shipped else None


def _free_goal(network: str, anchors: dict[str, float]) -> float | None:
    goals = [_LESS_THAN_REBUILD * anchors["rebuild"]] if "rebuild" in anchors else []
    if network in _LESS_THAN_SHIPPED and "shipped" in anchors:
        goals.append(_LESS_THAN_SHIPPED[network] * anchors["shipped"])
    return min(goals, default=None)


def _judged(values: Sequence[float], goal: float | None) -> tuple[str, str]:
    """Return the goal and its mark."""
    if goal is None:
        return "-", ""
    return f"{goal:.1f}", mark(met=mean(values) < goal) if values else ""


def _cell(anchors: dict[str, float], name: str) -> str:
    return f"{anchors[name]:.1f}" if name in anchors else "-"


def _kept(network: str, plans: Sequence[PlanScore], anchors: dict[str, float]) -> list[str]:
    others = [_cell(anchors, name) for name in _SAME_STAGES]
    own = _delays(network, "shipped", plans)
    if own:
        others[0] = f"{others[0]} (here {spread(own)})"
    ours = _delays(network, "kept", plans)
    return [_name(network, plans), *others, spread(ours), *_judged(ours, _kept_goal(network, plans, anchors))]


def _free(network: str, plans: Sequence[PlanScore], anchors: dict[str, float]) -> list[str]:
    ours = _delays(network, "free", plans)
    adaptive = [_cell(anchors, name) for name in _ADAPTIVE]
    return [
        _name(network, plans),
        _cell(anchors, "rebuild"),
        spread(ours),
        *_judged(ours, _free_goal(network, anchors)),
        *adaptive,
    ]


def _safety(network: str, plans: Sequence[PlanScore]) -> list[list[str]]:
    """Return a row for each track: means over all runs, marked where one of the first three is more than shipped."""
    rows, shipped = [], dict[str, float]()
    for track in ("shipped", "kept", "free"):
        runs = [run for entry in _of(network, track, plans) for run in entry.runs]
        if not runs:
            continue
        counts = {name: mean(float(getattr(run, name)) for run in runs) for name in _COUNTS}
        if track == "shipped":
            shipped = counts
        said = ""
        if track != "shipped" and shipped:
            said = mark(met=all(counts[name] <= shipped[name] for name in _COUNTS[:3]))
        rows.append([network, track, *(f"{counts[name]:.1f}" for name in _COUNTS), said])
    return rows


def _bars(network: str, plans: Sequence[PlanScore], anchors: dict[str, float]) -> dict[str, float]:
    found = {"same stages": _delays(network, "kept", plans), "free stages": _delays(network, "free", plans)}
    values = {f"Jasyl, {name}": mean(delays) for name, delays in found.items() if delays}
    values |= {name: anchors[name] for name in ("shipped", "SUMO in the loop", "rebuild") if name in anchors}
    adaptive = [anchors[name] for name in _ADAPTIVE if name in anchors]
    return values | ({"best adaptive": min(adaptive)} if adaptive else {})


def _searched(plans: Sequence[PlanScore]) -> str:
    """Return how long searches took, and with which seeds."""
    told = []
    for network in dict.fromkeys(entry.network for entry in plans):
        own = [entry for entry in plans if entry.network == network and entry.seed]
        if own:
            seeds = sorted({entry.seed for entry in own})
            runs = [run.seed for run in own[0].runs]
            told.append(
                f"{network} {mean(entry.search_s for entry in own):.0f} s, seeds {_range(seeds)}, SUMO {_range(runs)}"
            )
    return f"Searches took, in the mean: {'; '.join(told)}." if told else ""


def _range(seeds: Sequence[int]) -> str:
    return f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]}-{seeds[-1]}"

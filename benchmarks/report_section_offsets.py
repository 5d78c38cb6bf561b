"""Section 3 of the page: certified ratios of offsets, and what they cost in SUMO."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean

from benchmarks.report_plots import bars
from benchmarks.report_results import Certified, Entry, OffsetDelay, OffsetsNetwork, OffsetsScenario
from benchmarks.report_tables import Part, mark, spread, table

__all__ = ["part"]

GOALS = {"pairwise": 0.97, "sinusoidal": 0.99}
_GOAL = f"""\
The improvement over random offsets as a part of what a certified bound allows; a constant in the costs \
changes nothing ([offsets](offsets.md)). Goals: {GOALS["sinusoidal"]} in the sinusoidal model and \
{GOALS["pairwise"]} in the pairwise one. Which model is nearer to the truth is for SUMO to say: delay of both \
solutions, of the offsets of the search or as they are, of offsets of zero, and of random ones."""
_CERTIFIED = ("network", "junctions", "pairs", "cycle s", "model", "found", "bound", "ratio", "goal", "")
_DELAYS = (
    "network",
    "offsets",
    "certified",
    "in the pairwise model",
    "SUMO s/veh",
    "our model s/veh",
    "teleports",
    "",
)


def part(entries: Iterable[Entry]) -> Part:
    """Return the section."""
    found = [entry for entry in entries if isinstance(entry, OffsetsScenario | OffsetsNetwork)]
    scenarios = [entry for entry in found if isinstance(entry, OffsetsScenario)]
    certified = [_certified(entry, row) for entry in scenarios for row in entry.certified]
    delays = [row for entry in found for row in _delays(entry)]
    single = [entry.network for entry in found if not entry.delays and entry.lights < 2]
    blocks = ["### Scenarios, in their models", table(_CERTIFIED, certified)] if certified else []
    blocks += ["### In SUMO, and SUMO networks", table(_DELAYS, delays, text=2)] if delays else []
    if single:
        blocks.append(f"One light alone has nothing to be coordinated with: {', '.join(single)}.")
    drawn = {
        entry.network: {row.offsets: mean(row.sumo_s) for row in entry.delays}
        for entry in found
        if entry.delays
    }
    title = "Delay in SUMO by offsets, s/veh"
    return Part(_GOAL, blocks, [("offsets.svg", title, bars(title, drawn))] if drawn else [])


def _certified(entry: OffsetsScenario, row: Certified) -> list[str]:
    kind = row.model.split()[0]
    return [
        entry.network,
        str(entry.lights),
        str(entry.pairs),
        str(entry.cycle_s),
        row.model,
        f"{row.found:.1f}",
        f"{row.bound:.1f}",
        f"{row.ratio:.4f}",
        f"{GOALS[kind]:g}",
        mark(met=row.ratio >= GOALS[kind]),
    ]


def _delays(entry: OffsetsScenario | OffsetsNetwork) -> list[list[str]]:
    return [
        [
            f"{entry.network} ({entry.lights})",
            row.offsets,
            _figure(row.certified),
            _figure(row.pairwise),
            spread(row.sumo_s, 2),
            spread(row.model_s, 2),
            "-" if row.teleports is None else f"{row.teleports:.0f}",
            _said(row),
        ]
        for row in entry.delays
    ]


def _figure(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.4f}"


def _said(row: OffsetDelay) -> str:
    if row.certified is None or row.offsets not in GOALS:
        return ""
    return mark(met=row.certified >= GOALS[row.offsets])

"""The page of the report, written from stored results."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import (
    report_section_offsets,
    report_section_plans,
    report_section_ranking,
    report_section_speed,
)
from benchmarks.report_results import Section, read_section
from benchmarks.report_tables import Part
from traffic.files import replacing

__all__ = ["SECTIONS", "page", "write_page"]

SECTIONS = {
    "plans": report_section_plans.part,
    "ranking": report_section_ranking.part,
    "offsets": report_section_offsets.part,
    "speed": report_section_speed.part,
}
_TITLES = {
    "plans": "1. Plans in SUMO",
    "ranking": "2. Plans ranked as SUMO ranks them",
    "offsets": "3. Offsets with certified ratios",
    "speed": "4. Speed, on one core",
}
_INTRODUCTION = """\
<!-- Written by `make bench-report` from the results in docs/benchmarks; changes by hand are lost. -->
# Benchmarks

Written by `make bench-report`; [how](development.md#the-report-of-benchmarks). What misses a goal is marked **falls short**. \
Mean ± standard deviation over seeds."""


def page(sections: dict[str, Section], plots: str) -> tuple[str, dict[str, str]]:
    """Return the page (Markdown), and its plots (SVG) by the name of their file.

    Parameters
    ----------
    plots
        Where the page finds the plots: a folder, seen from the page.
    """
    blocks, drawn = [_INTRODUCTION, _made(sections.values())], dict[str, str]()
    for name, write in SECTIONS.items():
        blocks.append(f"## {_TITLES[name]}")
        section = sections.get(name, Section(section=name, quick=False))
        found: Part = write(section.entries)
        blocks.append(found.goal)
        if section.quick:
            blocks.append("**A quick look: small networks, little time. Not the figures of the report.**")
        blocks += found.blocks if section.entries else ["Not measured yet."]
        blocks += [f"![{title}]({plots}/{file})" for file, title, _ in found.plots]
        drawn |= {file: svg for file, _, svg in found.plots}
        blocks += [f"Not measured: {what}: {why}." for what, why in sorted(section.missing.items())]
    return "\n\n".join(blocks) + "\n", drawn


def write_page(results: Path, target: Path) -> None:
    """Write the page of the sections stored in the folder `results`, and the plots beside these.

    Raises
    ------
    InputError
        Where a section cannot be read; nothing is written then.
    """
    sections = {name: read_section(file) for name in SECTIONS if (file := results / f"{name}.json").is_file()}
    folder = Path(os.path.relpath(results, target.parent)).as_posix()
    text, plots = page(sections, folder)
    results.mkdir(parents=True, exist_ok=True)
    for name, svg in plots.items():
        with replacing(results / name) as draft:
            draft.write_text(svg, encoding="utf-8")
    with replacing(target) as draft:
        draft.write_text(text, encoding="utf-8")


def _made(sections: Iterable[Section]) -> str:
    """Return where and when the entries were measured, with how much time in all."""
    entries = [entry for section in sections for entry in section.entries]
    made = [entry.made for entry in entries if entry.made is not None]
    if not made:
        return "Nothing has been measured yet."
    dates = sorted({m.date for m in made})
    machines = sorted({f"{m.cpu}, {m.cores} cores" for m in made})
    programs = sorted({f"Python {m.python}, numba {m.numba}, SUMO {m.sumo}" for m in made})
    lines: Sequence[tuple[str, str]] = (
        ("date", dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"),
        ("commit", ", ".join(sorted({m.commit for m in made}))),
        ("machine", "; ".join(machines)),
        ("programs", "; ".join(programs)),
        ("measured in", f"{sum(entry.seconds for entry in entries) / 60:.0f} minutes"),
    )
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in lines)])

"""Crash ledger: kill -9 of the service, of Redis and of controllers under load; what was answered is there, once.

    python -m benchmarks.crash_ledger --rounds 50 --seed 1
    python -m benchmarks.crash_ledger --rounds 50 --seed 2 --cuts 20 --json
    python -m benchmarks.crash_ledger --rounds 20 --replicas 2

A real `jasyl serve` with its Redis, a fleet of virtual controllers, and people who publish all the time, each in a process
of its own. Clients write down what they are answered. At the end all of it is compared with what the service has, and every
second that a controller has shown with what was published and activated. The exit code is 1 on anything that is lost, there
twice, unsafe, or not published.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.random import Generator

from benchmarks.crash.compare import Row, compared_answers, compared_reports, require_chain, versions_rise
from benchmarks.crash.shown import Shown, compared_shown, incomplete_groups, remembered
from benchmarks.crash.stored import Cuts, power_cuts, stored_reports
from benchmarks.crash.world import Plan, World, running_world

__all__ = ["Found", "crash_ledger"]

_VICTIMS = (
    (("service",), 0.3),
    (("redis",), 0.25),
    (("fleet",), 0.15),
    (("service", "redis"), 0.1),
    (("redis", "fleet"), 0.1),
    (("service", "redis", "fleet"), 0.1),
)
_SETTLE_S = 180.0


@dataclass
class Found:
    """What has come of all rounds."""

    rounds: int
    seed: int
    replicas: int
    seconds: float = 0.0
    kills: dict[str, int] = field(default_factory=dict)
    restart_s: list[float] = field(default_factory=list)
    entries: int = 0
    rows: list[Row] = field(default_factory=list)
    shown: Shown = field(default_factory=Shown)
    fleet: dict[str, Any] = field(default_factory=dict)
    cuts: Cuts | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        """Whether anything is not as it must be."""
        shown = self.shown
        wrong = [*self.problems, *shown.unsafe, *shown.unpublished, *shown.out_of_order]
        return bool(wrong or any(row.bad for row in self.rows) or (self.cuts and self.cuts.problems))


def crash_ledger(
    plan: Plan,
    rounds: int,
    folder: Path,
    *,
    cuts: int = 0,
    pause_s: float = 4.0,
    victims: Sequence[Sequence[str]] = (),
    tell: Callable[[str], None] = print,
) -> Found:
    """Run the rounds and compare.

    Parameters
    ----------
    pause_s
        For how long at most work goes on between two kills, after there has been some.
    victims
        Who is killed in each round; without them, by chance.
    """
    found = Found(rounds, plan.seed, plan.replicas)
    began, chance = time.monotonic(), np.random.default_rng(plan.seed)
    with running_world(plan, folder) as world:
        for number in range(1, rounds + 1):
            chosen = victims[number - 1] if victims else _victims(world, chance)
            _round(world, chance, chosen, pause_s)
            tell(f"round {number}: killed {', '.join(chosen)}")
        world.stop_people()
        found.problems += _settled(world)
        world.stop_fleet()
        entries = world.entries()
        found.entries = len(entries)
        verified = world.ask("GET", "/ledger/verification")
        found.problems += require_chain(entries) + versions_rise(entries) + incomplete_groups(entries)
        if verified["entries"] < len(entries):
            found.problems.append(f"{verified['entries']} entries were verified of {len(entries)}")
        world.stop_services(redis=False)
        stored = stored_reports(world)
        world.stop_services()
        found.rows = [*compared_answers(entries, folder), compared_reports(stored, folder)]
        found.shown = compared_shown(entries, folder)
        found.kills, found.restart_s = dict(sorted(world.kills.items())), world.away_s
        found.fleet = json.loads((folder / "fleet_summary.json").read_text(encoding="utf-8"))
        if cuts:
            found.cuts = power_cuts(world, entries, cuts, folder)
    found.seconds = round(time.monotonic() - began, 1)
    return found


def _round(world: World, chance: Generator, victims: Sequence[str], pause_s: float) -> None:
    """Kill at a random moment after work has gone on, then start what must be started by hand."""
    journals = [world.folder / "people.jsonl", world.folder / "fleet.jsonl"]
    before = [journal.stat().st_size for journal in journals]
    wanted = int(chance.integers(1, 6)) * 400
    deadline = time.monotonic() + 120
    while sum(journal.stat().st_size for journal in journals) < sum(before) + wanted:
        if time.monotonic() > deadline:
            raise RuntimeError("Nothing has been answered for 120 s")
        time.sleep(0.05)
    time.sleep(float(chance.uniform(0.0, pause_s)))
    world.kill(*victims)
    world.restart()


def _victims(world: World, chance: Generator) -> tuple[str, ...]:
    names = [victims for victims, _ in _VICTIMS]
    victims = names[int(chance.choice(len(names), p=[share for _, share in _VICTIMS]))]
    if world.plan.replicas and "service" in victims:
        place = int(chance.integers(1, world.plan.replicas + 1))
        other = "service" if place == 1 else f"service{place}"
        return tuple(other if name == "service" else name for name in victims)
    return victims


def _settled(world: World) -> list[str]:
    """Wait until every controller has on disk what the service wants of it, and return what is missing."""
    deadline = time.monotonic() + _SETTLE_S
    while True:
        wrong = _not_yet(world)
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(0.5)


def _not_yet(world: World) -> list[str]:
    now, wrong = datetime.now(UTC), []
    for row in world.ask("GET", "/junctions?limit=1000")["junctions"]:
        key = row["junction"]
        held = remembered(world.folder / "controllers" / quote(key, safe="") / "memory.json")
        for slot, content in row["slots"].items():
            current = content["current"]
            if content["pending"] is not None:
                wrong.append(f"{key}: version {content['pending']['version']} is still pending")
            ended = current and current["until"] and datetime.fromisoformat(current["until"]) <= now
            if current and not ended and held.get(current["version"]) is not True:
                wrong.append(f"{key}: {slot} {current['version']} has not come, {held} have")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--city", default="grid 5x4")
    parser.add_argument("--replicas", type=int, default=0, help="Services on one Redis that is not theirs.")
    parser.add_argument("--pause", type=float, default=4.0, help="Longest time between kills, in s.")
    parser.add_argument("--cuts", type=int, default=0, help="Power cuts of copies of the folder, at the end.")
    parser.add_argument("--poll", action="store_true", help="Controllers poll; default: the service pushes.")
    parser.add_argument(
        "--folder", type=Path, default=None, help="Where to leave everything; default: nowhere."
    )
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    plan = Plan(options.city, options.seed, options.replicas, push=not options.poll)
    tell = _to_errors if options.as_json else print
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        how = {"cuts": options.cuts, "pause_s": options.pause}
        found = crash_ledger(plan, options.rounds, folder, **how, tell=tell)
    if options.as_json:
        print(json.dumps(_document(found), indent=1))
    else:
        _print(found)
    sys.exit(1 if found.bad else 0)


def _document(found: Found) -> dict[str, Any]:
    """Return what was found as plain values; `asdict` does not keep a Counter what it is."""
    by_source = found.shown.by_source
    document = asdict(replace(found, shown=replace(found.shown, by_source=Counter())))
    document["shown"]["by_source"] = dict(by_source)
    return document


def _to_errors(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(found: Found) -> None:
    print(
        f"\n{found.rounds} rounds in {found.seconds:.0f} s, seed {found.seed}, {found.entries} entries in the ledger"
    )
    print("killed: " + ", ".join(f"{name} {times}" for name, times in found.kills.items()))
    print(
        f"\n{'':24}{'answered':>9}{'once':>7}{'lost':>6}{'double':>8}{'unknown':>9}{'declined':>10}{'anyway':>8}"
    )
    for row in found.rows:
        print(
            f"{row.name:24}{row.acknowledged:9}{row.once:7}{row.lost:6}{row.double:8}{row.unknown:9}"
            f"{row.declined:10}{row.anyway:8}"
        )
    shown = found.shown
    print(
        f"\nseconds shown: {shown.seconds} ({', '.join(f'{k} {n}' for k, n in shown.by_source.most_common())})"
    )
    print(
        f"unsafe {len(shown.unsafe)}, not published {len(shown.unpublished)}, after a newer one {len(shown.out_of_order)}"
    )
    late = f", late by up to {max(shown.late_s):.0f} s: {len(shown.late_s)} members" if shown.late_s else ""
    print(f"seconds in which a controller had heard nothing for its backup time: {shown.backup}")
    print(f"groups that switched: {shown.groups}, of them in one second: {shown.together}{late}")
    if found.cuts is not None:
        cuts = found.cuts
        print(f"power cuts: {cuts.cuts}, within a record {cuts.within}, answers before them {cuts.answered}")
    problems = [*found.problems, *shown.unsafe, *shown.unpublished, *shown.out_of_order]
    problems += [example for row in found.rows if row.bad for example in row.examples]
    problems += found.cuts.problems if found.cuts else []
    for problem in problems[:40]:
        print(f"WRONG: {problem}")


if __name__ == "__main__":
    main()

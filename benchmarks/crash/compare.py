"""What clients wrote down against what the service has: each answered thing is there once, and nothing that was declined."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.crash.journal import read_journal

__all__ = ["Row", "compared_answers", "compared_reports", "require_chain", "versions_rise"]

_FACTS = {
    "draft": ("plan_set.drafted",),
    "check": ("plan_set.checked",),
    "approve": ("plan_set.approved",),
    "publish": ("plan_set.published",),
    "roll_back": ("plan_set.drafted", "plan_set.published"),
    "end": ("plan_set.ended",),
    "hold": ("junction.held",),
    "order": ("junction.ordered",),
    "release": ("junction.released",),
}
"""What each request enters, once each; a withdrawal enters one of several."""
_WITHDRAWN = ("plan_set.withdrawn", "group.kept")
_ACKNOWLEDGED = {
    "accepted": "junction.accepted",
    "refused": "junction.refused",
    "in_force": "junction.running",
}
_GENESIS = "0" * 64

Entry = Mapping[str, Any]


@dataclass
class Row:
    """A line of the table.

    Attributes
    ----------
    acknowledged, once, lost, double
        How many were answered; of those how many are there once, not at all, and more than once.
    unknown
        Never answered, and there or not.
    declined, anyway
        Answered with a refusal; of those, how many are there all the same.
    """

    name: str
    acknowledged: int = 0
    once: int = 0
    lost: int = 0
    double: int = 0
    unknown: int = 0
    declined: int = 0
    anyway: int = 0
    examples: list[str] = field(default_factory=list)

    def count(self, what: str, times: int) -> None:
        """Count something that was answered, and is there so many times."""
        self.acknowledged += 1
        if times == 1:
            self.once += 1
        else:
            self.lost += times == 0
            self.double += times > 1
            self.examples.append(f"{what}: {times} times")

    @property
    def bad(self) -> int:
        """How many are not as they must be."""
        return self.lost + self.double + self.anyway


def compared_answers(entries: Sequence[Entry], folder: Path, *, up_to: int | None = None) -> list[Row]:
    """Compare the ledger with what people and controllers were answered.

    Parameters
    ----------
    up_to
        Only what had been answered when the append-only file had this size.
    """
    return [*_people(entries, folder / "people.jsonl", up_to), *_controllers(entries, folder, up_to)]


def _within(record: Mapping[str, Any], up_to: int | None) -> bool:
    return up_to is None or (record["aof"] is not None and record["aof"] <= up_to)


def _people(entries: Sequence[Entry], journal: Path, up_to: int | None) -> list[Row]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        found[entry["why"]][entry["kind"]] += 1
    asked: dict[str, str] = {}
    rows = {kind: Row(kind) for kind in (*_FACTS, "withdraw", "unsafe")}
    answered = set()
    for record in read_journal(journal):
        if "asked" in record:
            asked[record["asked"]] = record["kind"]
        elif "answered" in record and _within(record, up_to):
            operation, row = record["answered"], rows[record["kind"]]
            answered.add(operation)
            if record["status"] < 300:
                row.count(operation, _times(record["kind"], found[operation]))
            else:
                row.declined += 1
                if found[operation]:
                    row.anyway += 1
                    row.examples.append(f"{operation}: {record['status']}, and {dict(found[operation])}")
    for operation, kind in asked.items():
        if operation not in answered:
            rows[kind].unknown += 1
            if any(times > 1 for name, times in found[operation].items() if name in _FACTS.get(kind, ())):
                rows[kind].double += 1
                rows[kind].examples.append(f"{operation}: {dict(found[operation])}, not answered")
    return list(rows.values())


def _times(kind: str, facts: Counter[str]) -> int:
    """Return how many times a request was carried out, as its entries show."""
    if kind == "withdraw":
        return min(1, sum(facts[name] for name in _WITHDRAWN))
    counts = {facts[name] for name in _FACTS.get(kind, ("none",))}
    return counts.pop() if len(counts) == 1 else max(2, *counts)


def _controllers(entries: Sequence[Entry], folder: Path, up_to: int | None) -> list[Row]:
    found: Counter[tuple[str, str, int]] = Counter()
    for entry in entries:
        if entry["kind"] in _ACKNOWLEDGED.values():
            data = entry["data"]
            found[entry["kind"], data["junction"], data["version"]] += 1
    rows = {result: Row(f"controller: {result}") for result in _ACKNOWLEDGED}
    seen = set()
    for record in read_journal(folder / "fleet.jsonl"):
        if "acknowledged" in record and _within(record, up_to):
            junction, version, result = record["acknowledged"]
            key = (_ACKNOWLEDGED[result], junction, version)
            if key not in seen:
                seen.add(key)
                rows[result].count(f"{junction} {version}", found[key])
    names = {kind: result for result, kind in _ACKNOWLEDGED.items()}
    for key, times in found.items():
        if key not in seen:
            row = rows[names[key[0]]]
            row.unknown += 1
            row.double += times > 1
    return list(rows.values())


def compared_reports(
    stored: Iterable[tuple[str, int, str]], folder: Path, *, up_to: int | None = None
) -> Row:
    """Compare the stored reports (junction, number, fingerprint) with those that controllers were answered for."""
    there: dict[tuple[str, int], list[str]] = defaultdict(list)
    for junction, number, seal in stored:
        there[junction, number].append(seal)
    row, seen = Row("controller: reports"), set()
    for record in read_journal(folder / "fleet.jsonl"):
        if "reported" not in record or not _within(record, up_to):
            continue
        for number, seal in record["reports"]:
            key = (record["reported"], number)
            if key in seen:
                continue
            seen.add(key)
            row.count(f"report {key}", len(there[key]))
            if there[key] and there[key][0] != seal:
                row.lost += 1
                row.examples.append(f"report {key}: another one is stored")
    row.unknown = sum(key not in seen for key, seals in there.items() if seals)
    row.double += sum(len(seals) > 1 for key, seals in there.items() if key not in seen)
    return row


def require_chain(entries: Sequence[Entry]) -> list[str]:
    """Return what is wrong with the chain: numbers without gaps, and each with the hash of the one before."""
    problems, previous = [], _GENESIS
    for number, entry in enumerate(entries, 1):
        rest = {name: value for name, value in entry.items() if name != "hash"}
        text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if entry["seq"] != number or entry["previous"] != previous:
            problems.append(f"entry {number} does not follow on")
        if hashlib.sha256(text.encode()).hexdigest() != entry["hash"]:
            problems.append(f"entry {number} has another hash")
        previous = entry["hash"]
    return problems


def versions_rise(entries: Sequence[Entry]) -> list[str]:
    """Return where a version of a junction does not come after the one before it."""
    last: Counter[str] = Counter()
    problems = []
    for entry in entries:
        if entry["kind"] == "plan_set.published":
            for key, row in entry["data"]["versions"].items():
                if row["version"] != last[key] + 1:
                    problems.append(f"{key}: version {row['version']} after {last[key]}")
                last[key] = row["version"]
    return problems

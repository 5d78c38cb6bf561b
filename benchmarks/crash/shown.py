"""What controllers have shown against the ledger: only what was published and activated, not before, and groups as a whole."""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.crash.journal import read_journal
from benchmarks.crash.lamps import Lamps
from simulation.controller.commissioning import read_folder
from simulation.controller.memory import unsealed

__all__ = ["Shown", "compared_shown", "incomplete_groups", "remembered"]

_SLOTS = ("base", "event", "incident")


@dataclass
class Shown:
    """What has come of it.

    Attributes
    ----------
    seconds
        Seconds of all controllers together.
    by_source, backup
        How many of them by what was run, and in how many nothing had been heard for the backup time.
    unsafe, unpublished, out_of_order
        What must not be: seconds that break a rule, versions that are not activated (yet), a version after a newer one.
    groups, together
        Groups that were activated and seen to switch; of those, how many in one second of the clock.
    late_s
        Of the members of the others, how long after the first second of the activation they began.
    """

    seconds: int = 0
    by_source: Counter[str] = field(default_factory=Counter)
    backup: int = 0
    unsafe: list[str] = field(default_factory=list)
    unpublished: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    groups: int = 0
    together: int = 0
    late_s: list[float] = field(default_factory=list)
    versions: int = 0


@dataclass
class _Decided:
    """What the ledger has decided on one version of a junction."""

    slot: str
    plan_set: str
    active_s: float | None = None
    until_s: float | None = None


def compared_shown(entries: Sequence[Mapping[str, Any]], folder: Path) -> Shown:
    """Compare every second that was shown with the ledger."""
    decided, orders, groups = _decided(entries)
    lamps = {one.junction: Lamps(one) for one in read_folder(folder / "tables")}
    shown, junctions = Shown(), []
    first: dict[tuple[str, int], int] = {}
    newest: Counter[tuple[str, str]] = Counter()
    for record in read_journal(folder / "seconds.jsonl"):
        if "start" in record:
            junctions = record["start"]
            for key in junctions:
                lamps[key] = Lamps(lamps[key].tables, broken=lamps[key].broken)
            continue
        shown.backup += record["backup"]
        for key, own, row, (source, version) in zip(
            junctions, record["own"], record["rows"], record["shown"], strict=True
        ):
            shown.seconds += 1
            shown.by_source[source] += 1
            lamps[key].see(own, bytes.fromhex(row))
            _judge(shown, key, record["s"], source, version, decided, orders)
            if version is not None:
                first.setdefault((key, version), record["s"])
                if version < newest[key, source]:
                    shown.out_of_order.append(f"{key}: {source} {version} after {newest[key, source]}")
                newest[key, source] = max(newest[key, source], version)
    shown.unsafe += [text for one in lamps.values() for text in one.broken]
    shown.versions = len(first)
    _groups(shown, groups, first)
    return shown


def _judge(
    shown: Shown,
    key: str,
    second: int,
    source: str,
    version: int | None,
    decided: Mapping[tuple[str, int], _Decided],
    orders: Mapping[str, list[tuple[float, float]]],
) -> None:
    if source == "fault":
        shown.unsafe.append(f"{key}, {second}: the conflict monitor has latched flash")
    elif source == "order":
        # An order ends when it expires; a changeover that had begun is finished first.
        if not any(given - 1 <= second for given, _ in orders[key]):
            shown.unpublished.append(f"{key}, {second}: an order that nobody has given")
    elif source in _SLOTS:
        found = None if version is None else decided.get((key, version))
        if found is None or found.active_s is None or found.slot != source:
            shown.unpublished.append(f"{key}, {second}: {source} {version}, which is not activated")
        elif second < int(found.active_s):
            shown.unpublished.append(f"{key}, {second}: {source} {version} before {found.active_s}")


def _decided(
    entries: Sequence[Mapping[str, Any]],
) -> tuple[
    dict[tuple[str, int], _Decided], dict[str, list[tuple[float, float]]], list[tuple[float, dict[str, int]]]
]:
    """Return versions, orders (from, until), and groups (when, versions by member)."""
    decided: dict[tuple[str, int], _Decided] = {}
    orders: dict[str, list[tuple[float, float]]] = defaultdict(list)
    groups: list[tuple[float, dict[str, int]]] = []
    slots: dict[str, str] = {}
    pending: dict[str, dict[str, int]] = {}
    for entry in entries:
        kind, data = entry["kind"], entry["data"]
        if kind == "plan_set.drafted":
            slots[data["plan_set"]] = data["slot"]
        elif kind == "plan_set.published":
            made = data["plan_set"]
            pending[made] = {key: row["version"] for key, row in data["versions"].items()}
            for key, version in pending[made].items():
                decided[key, version] = _Decided(slots[made], made)
        elif kind == "group.activated":
            members = {key: pending[data["plan_set"]][key] for key in data["activations"]}
            at = _posix(data["activate_at"])
            groups.append((at, members))
            for key, version in members.items():
                decided[key, version].active_s = at
        elif kind == "junction.ordered":
            orders[data["junction"]].append((_posix(entry["at"]), _posix(data["expires_at"])))
    return decided, orders, groups


def remembered(path: Path) -> dict[int, bool]:
    """Return the versions that a controller has on disk, and whether each is activated."""
    try:
        content = unsealed(path.read_bytes())
    except FileNotFoundError:
        return {}
    return {_payload(plan)["version"]: activation is not None for plan, activation in content["plans"]}


def _payload(token: str) -> dict[str, Any]:
    """Return what a signed word says; whether it is signed well is for the controller to judge."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def incomplete_groups(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return groups that were activated before every member had accepted, or not with every member."""
    members: dict[tuple[str, str], set[str]] = {}
    accepted: dict[tuple[str, str], set[str]] = defaultdict(set)
    problems = []
    for entry in entries:
        kind, data = entry["kind"], entry["data"]
        if kind == "plan_set.drafted":
            members |= {(data["plan_set"], name): set(keys) for name, keys in data["groups"].items()}
        elif kind == "junction.accepted":
            accepted[data["plan_set"], data["group"]].add(data["junction"])
        elif kind == "group.activated":
            group = (data["plan_set"], data["group"])
            if not members[group] == accepted[group] == set(data["activations"]):
                problems.append(
                    f"group {group} was activated with {sorted(accepted[group])} of {members[group]}"
                )
    return problems


def _groups(
    shown: Shown, groups: Sequence[tuple[float, dict[str, int]]], first: Mapping[tuple[str, int], int]
) -> None:
    """Count how groups switched: all members, or, where something newer came or controllers were dead, those that could."""
    for at, members in groups:
        begun = [first[key, version] for key, version in members.items() if (key, version) in first]
        if len(begun) < 2:
            continue
        shown.groups += 1
        if len(begun) == len(members) and max(begun) == min(begun):
            shown.together += 1
        else:
            shown.late_s += [second - at for second in begun if second - at > 2]


def _posix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()

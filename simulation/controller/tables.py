"""The controller's own tables: what it was told of its junction when it was commissioned.

A JSON file::

    {"format": "jasyl-controller-tables", "format_version": 1, "junction": "osm:1", "digest": "...",
     "time_zone": "Asia/Almaty", "backup_s": 300, "cycle_min_s": 40, "cycle_max_s": 120,
     "groups": [{"name": "N-TR", "kind": "vehicle", "min_green_s": 7, "max_green_s": null, "flashing_green_s": 3,
                 "yellow_s": 3, "red_amber_s": 2}, ...],
     "conflict": [[0, 2], [2, 0]], "intergreen_s": [[0, 5], [5, 0]],
     "schedule": {"plans": [...], "day_types": [...]}, "keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "...", "x": "..."}]}

Plans and day types are those of the files of plans and schedules. The tables are all that the last gate and the conflict
monitor go by: they are never changed by what the service sends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from simulation.controller.reading import choice, items, json_value, record, text, whole
from traffic.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["FORMAT", "FORMAT_VERSION", "FULL", "YIELD", "Group", "Kind", "Tables", "read_tables", "time_zone"]

FORMAT = "jasyl-controller-tables"
FORMAT_VERSION = 1
YIELD, FULL = 1, 2
"""Conflicts: the row's group gives way to the column's; the two are never green together."""

_KEYS = (
    "format",
    "format_version",
    "junction",
    "digest",
    "time_zone",
    "backup_s",
    "cycle_min_s",
    "cycle_max_s",
    "groups",
    "conflict",
    "intergreen_s",
    "schedule",
    "keys",
)
_TIMES = ("min_green_s", "max_green_s", "flashing_green_s", "yellow_s", "red_amber_s")

Matrix = tuple[tuple[int, ...], ...]


class Kind(StrEnum):
    """Who looks at the signal."""

    VEHICLE = "vehicle"
    PEDESTRIAN = "pedestrian"


@dataclass(frozen=True)
class Group:
    """Signals that switch together.

    Attributes
    ----------
    min_green_s, max_green_s
        Bounds of one green, of pedestrians the walk; no upper bound: `None`.
    flashing_green_s
        At the end of the green, and a part of it.
    yellow_s, red_amber_s
        After and before the green.
    """

    name: str
    kind: Kind
    min_green_s: int
    max_green_s: int | None
    flashing_green_s: int
    yellow_s: int
    red_amber_s: int

    def __post_init__(self) -> None:
        text(self.name, "groups, name")
        object.__setattr__(self, "kind", Kind(choice(self.kind, tuple(Kind), f"group {self.name}, kind")))
        for name in ("flashing_green_s", "yellow_s", "red_amber_s"):
            whole(getattr(self, name), f"group {self.name}, {name}")
        whole(self.min_green_s, f"group {self.name}, min_green_s", low=1)
        if self.max_green_s is not None:
            whole(self.max_green_s, f"group {self.name}, max_green_s", low=self.min_green_s)
        if self.flashing_green_s > self.min_green_s:
            rule = f"must fit into the minimum green of {self.min_green_s} s"
            field_name = f"group {self.name}, flashing_green_s"
            raise InputError(rule, field=field_name, value=self.flashing_green_s)

    @property
    def dark_s(self) -> int:
        """Least seconds from the end of one green to the start of the next."""
        return max(self.yellow_s + self.red_amber_s, 1)


@dataclass(frozen=True)
class Tables:
    """What one controller knows of its junction; rows of matrices end, or yield, columns start.

    Attributes
    ----------
    digest
        Of the junction's data, as plans name it.
    conflict
        0, `YIELD` or `FULL`.
    intergreen_s
        Least seconds from the end of green of the row's group to the start of the column's.
    backup_s
        Seconds without a word from the service, after which the local schedule is run.
    plans, day_types
        The local schedule, as plain values; `simulation.controller.days` checks it by the gate.
    keys
        Public keys (JWK) by which what comes from the service must be signed.
    needed_s
        `intergreen_s` with the dark time of each group on the diagonal.
    """

    junction: str
    digest: str
    groups: tuple[Group, ...]
    conflict: Matrix
    intergreen_s: Matrix
    cycle_min_s: int
    cycle_max_s: int
    time_zone: str
    backup_s: int
    plans: tuple[Mapping[str, Any], ...] = ()
    day_types: tuple[Mapping[str, Any], ...] = ()
    keys: tuple[Mapping[str, Any], ...] = ()
    needed_s: Matrix = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("junction", "digest"):
            text(getattr(self, name), name)
        for name in ("plans", "day_types", "keys"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        time_zone(self.time_zone, "time_zone")
        whole(self.backup_s, "backup_s", low=1)
        whole(self.cycle_max_s, "cycle_max_s", low=1)
        whole(self.cycle_min_s, "cycle_min_s", low=1, high=self.cycle_max_s)
        self._check_groups()
        self._check_matrices()
        needed = [list(row) for row in self.intergreen_s]
        for position, group in enumerate(self.groups):
            needed[position][position] = group.dark_s
        object.__setattr__(self, "needed_s", tuple(map(tuple, needed)))

    def _check_groups(self) -> None:
        object.__setattr__(self, "groups", tuple(self.groups))
        if not self.groups:
            raise InputError("must have a signal group", field="groups", value=[])
        names = self.names
        for name in names:
            if names.count(name) > 1:
                raise InputError("must have names that differ", field="groups", value=name)

    def _check_matrices(self) -> None:
        size = len(self.groups)
        for name, most in (("conflict", FULL), ("intergreen_s", None)):
            rows = tuple(tuple(row) for row in getattr(self, name))
            if len(rows) != size or any(len(row) != size for row in rows):
                value = [len(row) for row in rows]
                raise InputError(f"must be {size} x {size}", field=name, value=value)
            for row in rows:
                for value in row:
                    whole(value, name, high=most)
            object.__setattr__(self, name, rows)
        for i, one in enumerate(self.groups):
            for j, other in enumerate(self.groups):
                self._check_pair(i, j, f"from {one.name} to {other.name}")

    def _check_pair(self, i: int, j: int, pair: str) -> None:
        one, other, value = self.groups[i], self.groups[j], self.conflict[i][j]
        where, seconds = f"conflict, {pair}", self.intergreen_s[i][j]
        if i == j and value:
            raise InputError("must be 0: no group conflicts with itself", field=where, value=value)
        if value == FULL and self.conflict[j][i] != FULL:
            raise InputError("must be full both ways", field=where, value=self.conflict[j][i])
        if value == YIELD and one.kind == Kind.PEDESTRIAN:
            raise InputError("must not be 1: pedestrians never yield at a signal", field=where, value=value)
        least = max(one.yellow_s, other.red_amber_s)
        if value == FULL and seconds < least:
            rule = f"must be {least} s or more: the yellow of the one and the red-amber of the other"
            raise InputError(rule, field=f"intergreen_s, {pair}", value=seconds)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the groups, in their order."""
        return tuple(group.name for group in self.groups)

    @property
    def clearance_s(self) -> int:
        """Seconds of all red after which everybody is out of everybody's way."""
        return max(seconds for row in self.needed_s for seconds in row)

    def gives_way(self, i: int, j: int) -> bool:
        """Return whether vehicles of group `i` give way to vehicles of group `j`."""
        vehicles = self.groups[i].kind == self.groups[j].kind == Kind.VEHICLE
        return vehicles and self.conflict[i][j] == YIELD

    def to_dict(self) -> dict[str, Any]:
        """Return the tables as plain values."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "junction": self.junction,
            "digest": self.digest,
            "time_zone": self.time_zone,
            "backup_s": self.backup_s,
            "cycle_min_s": self.cycle_min_s,
            "cycle_max_s": self.cycle_max_s,
            "groups": [
                {"name": g.name, "kind": str(g.kind), **{name: getattr(g, name) for name in _TIMES}}
                for g in self.groups
            ],
            "conflict": [list(row) for row in self.conflict],
            "intergreen_s": [list(row) for row in self.intergreen_s],
            "schedule": {"plans": list(self.plans), "day_types": list(self.day_types)},
            "keys": list(self.keys),
        }

    @classmethod
    def from_dict(cls, document: object) -> Tables:
        """Return the tables that plain values describe, or raise `InputError`."""
        values = record(document, _KEYS, "file")
        if values["format"] != FORMAT:
            hint = "Give a file that `jasyl controller commission` has written"
            raise InputError(f"must be {FORMAT!r}", field="format", value=values["format"], hint=hint)
        whole(values["format_version"], "format_version", low=FORMAT_VERSION, high=FORMAT_VERSION)
        schedule = record(values["schedule"], ("plans", "day_types"), "schedule")
        return cls(
            junction=values["junction"],
            digest=values["digest"],
            groups=tuple(_group(row, k) for k, row in enumerate(items(values["groups"], "groups"))),
            conflict=_matrix(values["conflict"], "conflict"),
            intergreen_s=_matrix(values["intergreen_s"], "intergreen_s"),
            cycle_min_s=values["cycle_min_s"],
            cycle_max_s=values["cycle_max_s"],
            time_zone=values["time_zone"],
            backup_s=values["backup_s"],
            plans=tuple(items(schedule["plans"], "schedule, plans")),
            day_types=tuple(items(schedule["day_types"], "schedule, day_types")),
            keys=tuple(record(key, (), "keys", others=True) for key in items(values["keys"], "keys")),
        )


def time_zone(name: object, where: str) -> ZoneInfo:
    """Return the time zone of this name."""
    try:
        return ZoneInfo(text(name, where))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        rule, hint = "must be the name of a time zone", "As in the IANA database: Asia/Almaty"
        raise InputError(rule, field=where, value=name, hint=hint) from None


def read_tables(path: str | os.PathLike[str]) -> Tables:
    """Read a file of tables; errors name it."""
    document = json_value(path)
    try:
        return Tables.from_dict(document)
    except InputError as error:
        raise InputError(
            error.rule, file=path, field=error.field, value=error.value, hint=error.hint
        ) from error


def _group(value: object, position: int) -> Group:
    values = record(value, ("name", "kind", *_TIMES), f"groups[{position}]")
    return Group(**values)


def _matrix(value: object, where: str) -> Matrix:
    return tuple(tuple(items(row, where)) for row in items(value, where))

"""The junction under control: signal groups, conflicts and intergreen times.

A `Junction` holds everything that makes a plan safe or unsafe. It is built once from the road network
(`signals.conflicts`, `signals.clearance`) and the engineer's overrides, and a plan cannot exist without one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from traffic.arrays import frozen, require
from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Conflict", "GroupKind", "Junction", "SignalGroup"]

_DIGEST_LENGTH = 16


class Conflict(IntEnum):
    """Relation of the row's group to the column's group."""

    NONE = 0
    YIELD = 1  # may be green together; the row's traffic gives way to the column's
    FULL = 2


class GroupKind(IntEnum):
    """Who looks at the signal."""

    VEHICLE = 0
    PEDESTRIAN = 1


@dataclass(frozen=True)
class SignalGroup:
    """Signals that switch together.

    Attributes
    ----------
    name
        Unique within the junction, e.g. ``"N-TR"`` (northern approach, through and right) or ``"P-E"``.
    movements, crossings
        Indices into the network's `Movements` and `Crossings`.
    min_green_s, max_green_s
        Bounds of one green; for pedestrians the green is the walk time. No upper bound: `None`.
    flashing_green_s
        Flashing green at the end of, and part of, the green (0 where the country has none).
    yellow_s, red_amber_s
        Aspects after and before the green, outside of it; 0 for pedestrians.
    """

    name: str
    kind: GroupKind
    movements: tuple[int, ...]
    crossings: tuple[int, ...]
    min_green_s: int
    max_green_s: int | None
    flashing_green_s: int
    yellow_s: int
    red_amber_s: int

    def __post_init__(self) -> None:
        for field in ("min_green_s", "flashing_green_s", "yellow_s", "red_amber_s"):
            value = getattr(self, field)
            if value < 0:
                raise InputError("must be 0 s or more", field=f"{self.name}.{field}", value=value)
        if self.min_green_s < 1:
            field = f"{self.name}.min_green_s"
            raise InputError("must be 1 s or more", field=field, value=self.min_green_s)
        if self.flashing_green_s > self.min_green_s:
            rule = f"must fit into the minimum green of {self.min_green_s} s"
            raise InputError(rule, field=f"{self.name}.flashing_green_s", value=self.flashing_green_s)
        if self.max_green_s is not None and self.max_green_s < self.min_green_s:
            rule = f"must be at least the minimum green of {self.min_green_s} s"
            raise InputError(rule, field=f"{self.name}.max_green_s", value=self.max_green_s)


@dataclass(frozen=True, eq=False)
class Junction:
    """One signal controller's junction.

    Attributes
    ----------
    index
        Row in the network's `Junctions`.
    key, name
        Stable key and readable name.
    groups
        Signal groups; all matrices are indexed by their position.
    conflict
        `Conflict` values; shape (groups, groups). FULL is symmetric. Two groups yield to each other where
        both have left turns in shared lanes.
    intergreen_s
        Least seconds from the end of green of the row's group to the start of green of the column's; it
        holds for yielding pairs too where one starts after the other ended; 0 where they do not conflict;
        shape (groups, groups).
    cycle_min_s, cycle_max_s
        Bounds of the cycle time.
    fixed_order
        Where the engineer has fixed the stages: their groups, in order, by name; else `None`.
    locked
        True where the engineer forbids any change of the plan in force.
    stage_shown_s
        For how long plans that are made must show each stage alone, after the yellow of the one before
        (`signals.sequence.StageSequence.planned_stage_s`).
    """

    index: int
    key: str
    name: str
    groups: tuple[SignalGroup, ...]
    conflict: NDArray[np.uint8]
    intergreen_s: NDArray[np.int32]
    cycle_min_s: int
    cycle_max_s: int
    fixed_order: tuple[tuple[str, ...], ...] | None = None
    locked: bool = False
    stage_shown_s: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "conflict", frozen(self.conflict, np.uint8))
        object.__setattr__(self, "intergreen_s", frozen(self.intergreen_s, np.int32))
        self._check_groups()
        self._check_matrices()
        if not 1 <= self.cycle_min_s <= self.cycle_max_s:
            rule = f"must be from 1 to cycle_max_s, {self.cycle_max_s}"
            raise InputError(rule, field=f"{self.key}.cycle_min_s", value=self.cycle_min_s)

    def _check_groups(self) -> None:
        if not self.groups:
            raise InputError("a junction needs a signal group", field=f"{self.key}.groups")
        names = [group.name for group in self.groups]
        movements = [m for group in self.groups for m in group.movements]
        checks: tuple[tuple[str, list[object]], ...] = (("name", [*names]), ("movements", [*movements]))
        for field, values in checks:
            if len(set(values)) != len(values):
                rule = "must not appear in two signal groups"
                twice = next(v for v in values if values.count(v) > 1)
                raise InputError(rule, field=f"{self.key}.groups.{field}", value=twice)

    def _check_matrices(self) -> None:
        size = len(self.groups)
        for field in ("conflict", "intergreen_s"):
            shape = getattr(self, field).shape
            if shape != (size, size):
                raise InputError(f"must be {size} x {size}", field=f"{self.key}.{field}", value=shape)
        conflict, field = self.conflict, f"{self.key}.conflict"
        require(conflict <= max(Conflict), field, "must be a Conflict", conflict)
        require(np.diag(conflict) == 0, field, "a group cannot conflict with itself", np.diag(conflict))
        full = conflict == Conflict.FULL
        require(full == full.T, field, "a full conflict must hold both ways", conflict)
        walks = np.array([group.kind == GroupKind.PEDESTRIAN for group in self.groups])[:, None]
        rule = "pedestrians never yield at a signal"
        require(~walks | (conflict != Conflict.YIELD), field, rule, conflict)
        intergreen, field = self.intergreen_s, f"{self.key}.intergreen_s"
        require(intergreen >= 0, field, "must be 0 s or more", intergreen)
        yellow = np.array([group.yellow_s for group in self.groups])[:, None]
        rule = "must be at least the yellow of the group that ends"
        require(~full | (intergreen >= yellow), field, rule, intergreen)
        red_amber = np.array([group.red_amber_s for group in self.groups])[None, :]
        rule = "must be at least the red-amber of the group that starts"
        require(~full | (intergreen >= red_amber), field, rule, intergreen)

    def group_index(self, name: str) -> int:
        """Return the position of the group called `name`."""
        for position, group in enumerate(self.groups):
            if group.name == name:
                return position
        known = ", ".join(group.name for group in self.groups)
        raise InputError(
            "must be a signal group of the junction",
            field=f"{self.key}.groups",
            value=name,
            hint=f"It has {known}",
        )

    @property
    def digest(self) -> str:
        """Hash of everything that decides whether a plan is safe; plans are stored with it.

        The first half is that of what does not depend on the demand. Indices of movements and crossings are
        left out: they change with every import, also where the junction does not.
        """
        layout = self._layout_digest()
        everything = layout.encode() + self.conflict.tobytes() + self.intergreen_s.tobytes()
        return f"{layout}-{hashlib.sha256(everything).hexdigest()[:_DIGEST_LENGTH]}"

    def require_digest(self, digest: object, field: str) -> None:
        """Raise `InputError` unless `digest` is that of this junction, and say what has changed."""
        if digest == self.digest:
            return
        if str(digest).startswith(f"{self._layout_digest()}-"):
            raise InputError(
                "was made for this junction under another demand: other left turns are protected",
                field=field,
                value=digest,
                hint="Give the scale of the demand that it was made for as --planned-scale, or optimise again",
            )
        raise InputError(
            f"was made for other data of this junction (now {self.digest})",
            field=field,
            value=digest,
            hint="Optimise again for the network as it is now",
        )

    def _layout_digest(self) -> str:
        """Hash of what stays the same when other left turns are protected."""
        groups = [
            (
                group.name,
                int(group.kind),
                len(group.movements),
                len(group.crossings),
                group.min_green_s,
                group.max_green_s,
                group.flashing_green_s,
                group.yellow_s,
                group.red_amber_s,
            )
            for group in self.groups
        ]
        digest = hashlib.sha256(repr((self.key, groups, self.cycle_min_s, self.cycle_max_s)).encode())
        meet = (self.conflict > 0) | (self.conflict.T > 0)
        # Times after people hold only for vehicles that do not give way to them, so they are not in it.
        vehicles = [group.kind == GroupKind.VEHICLE for group in self.groups]
        digest.update(meet.tobytes() + self.intergreen_s[vehicles].tobytes())
        return digest.hexdigest()[:_DIGEST_LENGTH]

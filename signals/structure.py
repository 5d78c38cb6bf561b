"""What the stages of a junction depend on, and what can be told of them without a solver."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from signals.junction import Conflict, GroupKind
from signals.sequence import walking_stage_s
from signals.yellow_traps import gives_way
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from signals.junction import Junction
    from signals.sequence import Stage

__all__ = ["RATIO_UNIT", "WALK_WEIGHT", "Reduced", "Structure"]

RATIO_UNIT = 90_000
"""Parts in which flow ratios are counted."""

WALK_WEIGHT = 1
"""Of a second of intergreen after a pedestrian group."""

_MOST_SETS = 200
_LOST_WEIGHT = 10_000_000
_CHANGE_WEIGHT = 1_000_000
_DESIGN_CYCLE_S = 90

_RATIO_STEP = 1_800  # flow ratios are rounded to 0.02, so that like junctions share their stages


class Structure:
    """A junction as far as its stages depend on it; equal structures share their stages."""

    def __init__(self, junction: Junction, ratios: tuple[int, ...], key: bytes) -> None:
        self.junction = junction
        self.ratios = ratios
        self.key = key
        self.vehicles = [group.kind == GroupKind.VEHICLE for group in junction.groups]
        self.full = junction.conflict == Conflict.FULL
        self.gives_way = gives_way(junction)
        self.intergreen_s: list[list[int]] = junction.intergreen_s.tolist()

    @classmethod
    def of(cls, junction: Junction, flows: NDArray[np.float64] | None) -> Structure:
        """Return the structure of a junction; `flows` are flow ratios of its groups."""
        size = len(junction.groups)
        values = np.zeros(size) if flows is None else np.asarray(flows, dtype=np.float64)
        if values.shape != (size,) or not np.isfinite(values).all() or (values < 0).any():
            rule = f"must be {size} finite flow ratios, 0 or more"
            raise InputError(rule, field=f"junction {junction.key}, flows", value=values.tolist())
        steps = np.rint(np.minimum(values, 1.0) * (RATIO_UNIT / _RATIO_STEP)).astype(np.int64)
        ratios = tuple((steps * _RATIO_STEP).tolist())
        timing = [(g.kind, g.min_green_s, g.max_green_s, g.yellow_s, g.red_amber_s) for g in junction.groups]
        text = repr((timing, ratios, junction.cycle_min_s, junction.cycle_max_s)).encode()
        return cls(junction, ratios, text + junction.conflict.tobytes() + junction.intergreen_s.tobytes())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self.key == other.key

    @cached_property
    def protected(self) -> Structure:
        """The same with vehicles that give way to each other kept apart, so that no yellow trap can arise."""
        apart = Structure(self.junction, self.ratios, b"protected" + self.key)
        apart.full = self.full | self.gives_way | self.gives_way.T
        apart.gives_way = np.zeros_like(self.gives_way)
        return apart

    @cached_property
    def reduced(self) -> tuple[Reduced, list[list[int]]]:
        """The structure with equal groups joined, and the groups behind each of its rows."""
        return Reduced.of(self)

    def lost_s(self, stages: tuple[Stage, ...]) -> int:
        """Return `StageSequence.lost_s` of stages that need not make a sequence."""
        times = self.intergreen_s
        total = 0
        for stage, following in zip(stages, stages[1:] + stages[:1], strict=True):
            starting = following.groups - stage.groups
            vehicles = [g for g in stage.groups if self.vehicles[g]]
            gaps = (times[g][h] for g in vehicles if g not in following.groups for h in starting)
            total += max(gaps, default=0) + (0 if vehicles else walking_stage_s(self.junction))
        return total


@dataclass(frozen=True)
class Reduced:
    """A structure whose groups of equal full conflicts are one.

    Such groups are in the same stages, since every stage holds all groups that fit into it. Matrices are in
    rows; intergreens are the longest of the groups that were joined. `gives_way` tells of each row whether a
    vehicle group of it gives way to one of another row.
    """

    full: tuple[tuple[bool, ...], ...]
    gives_way: tuple[tuple[bool, ...], ...]
    vehicle_s: tuple[tuple[int, ...], ...]
    walk_s: tuple[tuple[int, ...], ...]
    vehicles: tuple[bool, ...]
    ratios: tuple[int, ...]
    walking_stage_s: int

    @classmethod
    def of(cls, structure: Structure) -> tuple[Reduced, list[list[int]]]:
        """Return the reduced structure and the groups behind each of its rows."""
        joined: dict[bytes, list[int]] = {}
        for group, row in enumerate(structure.full):
            joined.setdefault(row.tobytes(), []).append(group)
        sets = list(joined.values())
        first = [members[0] for members in sets]
        vehicle = np.array(structure.vehicles)
        order = [g for members in sets for g in members]
        begin = np.cumsum([0, *(len(members) for members in sets[:-1])])

        def longest(mask: NDArray[np.bool_]) -> tuple[tuple[int, ...], ...]:
            times = np.where(mask[:, None], structure.junction.intergreen_s, 0)[order][:, order]
            times = np.maximum.reduceat(np.maximum.reduceat(times, begin, axis=0), begin, axis=1)
            return tuple(map(tuple, times.tolist()))

        yields = structure.gives_way[order][:, order]
        yields = np.logical_or.reduceat(np.logical_or.reduceat(yields, begin, axis=0), begin, axis=1)
        np.fill_diagonal(yields, val=False)
        reduced = cls(
            full=tuple(map(tuple, structure.full[np.ix_(first, first)].tolist())),
            gives_way=tuple(map(tuple, yields.tolist())),
            vehicle_s=longest(vehicle),
            walk_s=longest(~vehicle),
            vehicles=tuple(bool(vehicle[members].any()) for members in sets),
            ratios=tuple(
                max(structure.ratios[g] if structure.vehicles[g] else 0 for g in members) for members in sets
            ),
            walking_stage_s=walking_stage_s(structure.junction),
        )
        return reduced, sets

    @property
    def second_weight(self) -> int:
        """Weight of a lost second: where flows are known, its share of a cycle, as they are."""
        return RATIO_UNIT // _DESIGN_CYCLE_S if any(self.ratios) else _LOST_WEIGHT

    @property
    def change_weight(self) -> int:
        """Weight of a change from one stage to another."""
        return self.second_weight // 10 if any(self.ratios) else _CHANGE_WEIGHT

    @cached_property
    def largest_sets(self) -> tuple[int, ...]:
        """Sets of rows without conflict to which no row can be added, as bits: every stage is one."""
        return tuple(self._sets()) if self.is_large else self._first_sets

    @property
    def is_large(self) -> bool:
        """Whether there are too many such sets to choose stages from, as where a light governs many crossroads."""
        return len(self._first_sets) > _MOST_SETS

    @cached_property
    def _first_sets(self) -> tuple[int, ...]:
        return tuple(islice(self._sets(), _MOST_SETS + 1))

    def _sets(self) -> Iterator[int]:
        """Yield the largest sets (Bron-Kerbosch)."""
        size = len(self.full)
        friends = [
            sum(1 << other for other in range(size) if other != row and not self.full[row][other])
            for row in range(size)
        ]

        def extend(chosen: int, allowed: int, seen: int) -> Iterator[int]:
            if not allowed | seen:
                yield chosen
                return
            rest = allowed & ~friends[_lowest(allowed | seen)]
            while rest:
                row = _lowest(rest)
                yield from extend(chosen | 1 << row, allowed & friends[row], seen & friends[row])
                rest, allowed, seen = (bits ^ 1 << row for bits in (rest, allowed, seen))

        yield from extend(0, (1 << size) - 1, 0)

    def can_be_served(self, count: int, without: tuple[bool, ...] | None = None) -> bool:
        """Whether some `count` stages serve all rows, none of which holds all rows of `without`."""
        banned = sum(1 << row for row, held in enumerate(without or ()) if held)
        stages = [rows for rows in self.largest_sets if not banned or rows & banned != banned]

        def served(missing: int, left: int) -> bool:
            if not missing:
                return True
            first = missing & -missing
            return left > 0 and any(rows & first and served(missing & ~rows, left - 1) for rows in stages)

        return served((1 << len(self.full)) - 1, count)

    def fewest_stages(self) -> int:
        """Return the least number of stages that serve all rows."""
        return next(count for count in range(1, len(self.full) + 1) if self.can_be_served(count))


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1

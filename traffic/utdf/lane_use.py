"""Lanes of an approach from its columns in [Lanes]: how many each turn has, and what they share.

`Lanes` counts the lanes of a turn; those that two turns share belong to the through column, else to the left. `Shared`
of a column says with whom its outer lanes are shared: 1 with the turn to its left, 2 with that to its right, 3 both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from traffic.errors import InputError
from traffic.utdf.tables import TURNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traffic.utdf.tables import UtdfRecords

__all__ = ["ApproachLanes", "approach_lanes"]

_LEFT_SIDE = frozenset(("L", "L2", "U"))
_MOST_LANES = 12


@dataclass(frozen=True)
class ApproachLanes:
    """The lanes at a stop line from the right.

    Attributes
    ----------
    turns
        Columns that each lane serves.
    bay_m
        Length of each lane that is a turn bay; 0 for lanes that run along the link.
    """

    turns: tuple[frozenset[str], ...]
    bay_m: tuple[float, ...]


def approach_lanes(records: UtdfRecords, direction: str, metre: float) -> ApproachLanes:
    """Return the lanes of the approach `direction`; without any turn it has none.

    Parameters
    ----------
    records
        What [Lanes] says of the node.
    metre
        Metres in a unit of length of the file.
    """
    count: dict[str, int] = {}
    for turn in TURNS:
        count[turn] = records.whole("Lanes", direction + turn, 0)
        if not 0 <= count[turn] <= _MOST_LANES:
            field = f"{records.where}, Lanes, {direction}{turn}"
            rule = f"must be from 0 to {_MOST_LANES}"
            raise InputError(
                rule, file=records.file, field=field, value=count[turn], hint="Correct the lanes"
            )
    home = [turn for turn in TURNS for _ in range(count[turn])]
    lanes = [{turn} for turn in home]
    for turn in TURNS:
        _share(lanes, home, turn, _shared(records, direction + turn), _offered(records, direction))
    served = set().union(*lanes)
    for turn in TURNS:
        if turn not in served and _wanted(records, direction + turn):
            _squeeze_in(lanes, home, turn)
    return ApproachLanes(tuple(map(frozenset, lanes)), _bays(records, direction, home, metre))


def _shared(records: UtdfRecords, column: str) -> int:
    code = records.whole("Shared", column, 0)
    if not 0 <= code <= 3:
        rule = "must be 0 (none), 1 (with left), 2 (with right) or 3 (both)"
        raise InputError(rule, file=records.file, field=f"{records.where}, Shared, {column}", value=code)
    return code


def _offered(records: UtdfRecords, direction: str) -> Mapping[str, bool]:
    """Whether each turn has somewhere to go."""
    return {turn: records.whole("Dest Node", direction + turn, 0) > 0 for turn in TURNS}


def _share(lanes: list[set[str]], home: list[str], turn: str, code: int, offered: Mapping[str, bool]) -> None:
    """Add the neighbour turns to the outer lanes of `turn`."""
    own = [lane for lane, name in enumerate(home) if name == turn]
    place = TURNS.index(turn)
    sides = ((2, own[:1], TURNS[:place][::-1]), (1, own[-1:], TURNS[place + 1 :]))
    for bit, outer, others in sides:
        partner = next((other for other in others if offered[other]), None)
        if code & bit and outer and partner is not None:
            lanes[outer[0]].add(partner)


def _wanted(records: UtdfRecords, column: str) -> bool:
    """Whether a turn without a lane is made nevertheless: it has traffic or a phase."""
    phases = (*records.numbered("Phase", column), *records.numbered("PermPhase", column))
    return records.whole("Dest Node", column, 0) > 0 and (
        records.number("Volume", column, 0.0) > 0 or bool(phases)
    )


def _squeeze_in(lanes: list[set[str]], home: list[str], turn: str) -> None:
    """Let a turn without lanes of its own use the outer lane on its side."""
    if not lanes:
        lanes.append(set())
        home.append(turn)
    if turn in _LEFT_SIDE:
        lanes[-1].add(turn)
    elif turn == "T":
        lefts = [lane for lane, name in enumerate(home) if name in _LEFT_SIDE]
        lanes[lefts[0] if lefts else -1].add(turn)
    else:
        lanes[0].add(turn)


def _bays(records: UtdfRecords, direction: str, home: list[str], metre: float) -> tuple[float, ...]:
    bay_m = [0.0] * len(home)
    for turn in TURNS:
        own = [lane for lane, name in enumerate(home) if name == turn]
        stored = min(records.whole("StLanes", direction + turn, 0), len(own))
        length_m = records.number("Storage", direction + turn, 0.0) * metre
        outer = own[-stored:] if turn in _LEFT_SIDE else own[:stored]
        for lane in outer if stored > 0 else []:
            bay_m[lane] = max(length_m, 0.0)
    if bay_m and all(bay_m):
        bay_m[home.index("T") if "T" in home else 0] = 0.0  # one lane has to bring the traffic
    return tuple(bay_m)

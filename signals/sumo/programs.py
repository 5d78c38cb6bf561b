"""Plans as programs of SUMO's traffic lights.

A program repeats what `Plan.expand` shows, second by second, joined into phases of equal states; it starts
with the green of stage 0, and SUMO's offset is the plan's: both say how many seconds after time 0 the
program's first second comes. The letters:

- ``G`` green (flashing too), and no other vehicle has to be let through;
- ``g`` green, but others go first: a left turn or U-turn while vehicles that its group yields to have green,
  and a lane that has to merge into its neighbour inside the junction;
- ``y`` yellow, ``r`` red, ``u`` red with amber;
- ``o`` no signal of the plan governs the movement: it gives way.

Turning vehicles do not wait for pedestrians, whom the export leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import numpy as np

from signals.aspects import Aspect
from signals.junction import Conflict, GroupKind
from traffic.errors import InputError
from traffic.network import Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.plan import Plan, PlanSet
    from traffic.network import RoadNetwork
    from traffic.sumo.layout import SumoLayout

__all__ = ["SumoPhase", "SumoProgram", "additional_xml", "programs", "traffic_lights_xml"]

_LETTER = {
    Aspect.RED: "r",
    Aspect.RED_AMBER: "u",
    Aspect.GREEN: "G",
    Aspect.FLASHING_GREEN: "G",
    Aspect.YELLOW: "y",
}
_ALPHABET = np.array([_LETTER[aspect] for aspect in Aspect])


@dataclass(frozen=True)
class SumoPhase:
    """Seconds during which nothing changes, and the state of every link index."""

    duration_s: int
    state: str


@dataclass(frozen=True)
class SumoProgram:
    """The program of one traffic light."""

    signal: str
    offset_s: int
    phases: tuple[SumoPhase, ...]


def programs(network: RoadNetwork, plans: PlanSet, layout: SumoLayout) -> tuple[SumoProgram, ...]:
    """Return the program of every junction that has a controlled movement.

    Parameters
    ----------
    network
        The network of the plans.
    plans
        One plan for each junction.
    layout
        Node ids and link indices, from `traffic.sumo.layout.lay_out`.
    """
    if plans.network_name != network.name or len(plans) != len(network.junctions):
        rule = f"must be plans of the {len(network.junctions)} junctions of {network.name!r}"
        found = f"{len(plans)} plans of {plans.network_name!r}"
        raise InputError(rule, field="plans", value=found, hint="Optimise this network first")
    turn = network.movements.turn
    found_programs = []
    for plan, places, node in zip(plans, layout.signals, network.junctions.node.tolist(), strict=True):
        if places:
            phases = tuple(_phases(_states(plan, places, turn)))
            found_programs.append(SumoProgram(layout.node_id[node], plan.offset_s, phases))
    return tuple(found_programs)


def traffic_lights_xml(found: Sequence[SumoProgram], layout: SumoLayout, *, program: str = "0") -> str:
    """Return the ``.tll.xml`` for netconvert: programs, and the link index of every connection."""
    lines = _logic_lines(found, program)
    for c in layout.connections:
        if c.link_index >= 0:
            lanes = f'from="{c.from_edge}" to="{c.to_edge}" fromLane="{c.from_lane}" toLane="{c.to_lane}"'
            lines.append(f'    <connection {lanes} tl={quoteattr(c.signal)} linkIndex="{c.link_index}"/>')
    return _document("tlLogics", lines)


def additional_xml(found: Sequence[SumoProgram], *, program: str) -> str:
    """Return an additional file for SUMO that replaces the programs of an exported network.

    `program` must differ from the ids of all programs that are loaded before it.
    """
    return _document("additional", _logic_lines(found, program))


def _document(root: str, lines: Sequence[str]) -> str:
    body = "".join(f"{line}\n" for line in lines)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>\n{body}</{root}>\n'


def _logic_lines(found: Sequence[SumoProgram], program: str) -> list[str]:
    lines = []
    for one in found:
        ids = f'id={quoteattr(one.signal)} type="static" programID={quoteattr(program)}'
        lines.append(f'    <tlLogic {ids} offset="{one.offset_s}">')
        lines += [f'        <phase duration="{p.duration_s}" state="{p.state}"/>' for p in one.phases]
        lines.append("    </tlLogic>")
    return lines


def _states(plan: Plan, places: Sequence[tuple[int, bool]], turn: NDArray[np.uint8]) -> NDArray[np.str_]:
    """Return the letter of every link index in every second from the start of stage 0."""
    shown = plan.expand()
    groups = plan.junction.groups
    green = (shown == Aspect.GREEN) | (shown == Aspect.FLASHING_GREEN)
    vehicles = np.array([group.kind is GroupKind.VEHICLE for group in groups])
    yields = (plan.junction.conflict == Conflict.YIELD) & vehicles
    gives_way = green & ((yields.astype(np.int32) @ green.astype(np.int32)) > 0)
    letters = _ALPHABET[shown]
    across = (turn == Turn.LEFT) | (turn == Turn.U_TURN)
    group_of = {movement: g for g, group in enumerate(groups) for movement in group.movements}
    states = np.full((len(places), plan.cycle_s), "o")
    for row, (movement, merges) in zip(states, places, strict=True):
        group = group_of.get(movement)
        if group is not None:
            row[:] = letters[group]
            row[gives_way[group] & across[movement] | (green[group] & merges)] = "g"
    return states


def _phases(states: NDArray[np.str_]) -> list[SumoPhase]:
    columns = ("".join(column) for column in states.T.tolist())
    return [SumoPhase(len(list(seconds)), state) for state, seconds in groupby(columns)]

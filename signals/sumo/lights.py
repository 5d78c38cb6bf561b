"""SUMO's traffic lights as junctions and plans, and plans as programs that SUMO loads in their place.

A program is read as it stands: its stages, the yellow of every signal group, and the seconds between the end of green of
one group and the start of green of another. What no change of its stages shows is taken from what the light has most.

- A phase with yellow leads from one stage to the next. So does one in which nothing is green but what is green before and
  after it: a clearance, however long.
- A *place* is a letter in SUMO's states. Places of one edge that are green in the same stages, and whose lanes hang
  together, are a signal group.
- Two places conflict where SUMO's right-of-way matrix says so. Where the program never shows both green they are in full
  conflict; where it does, the one that SUMO lets give way yields.
- Places that are never green (right turns on red, ``s``; switched off, ``o``) belong to no group and keep their letter.
- ``s`` is shown beside those groups beside which the program shows it, else red.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from signals.aspects import Aspect
from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from signals.plan import Plan, PlanSet
from signals.sequence import Stage
from signals.sumo.program_parts import (
    LEAST_GREEN_S,
    LEAST_WALK_S,
    Program,
    Times,
    beside_whom,
    conflicts_of,
    dark_letter,
    end_without_yellow,
    groups_of,
    intergreens_of,
    shortest_green_s,
    shown_giving_way,
    times_of,
    turns_on_red,
)
from signals.sumo.programs import SumoPhase, SumoProgram
from signals.yellow_traps import yellow_trap
from traffic.sumo.logics import NetLogic
from traffic.sumo.nema import NEMA, fixed_time
from traffic.sumo.right_of_way import Places, places_of
from traffic.sumo.road import SumoRoads

__all__ = ["SumoLight", "light_of", "lights_of", "programs_of", "shipped_plans"]

_CYCLES_S = (30, 150)


@dataclass(frozen=True, eq=False)
class SumoLight:
    """A traffic light: its junction, its program as a plan, and what its letters stand for.

    Attributes
    ----------
    junction, plan
        What Jasyl plans with, and the program of the network file.
    group
        Signal group of each place; -1 where no group governs it.
    letter
        What such a place shows all the time; of others what they show in red: ``r``, or ``s`` for a turn on red.
    turn_on_red
        Beside whom a place may show ``s`` (`signals.sumo.program_parts.beside_whom`); shape (places, groups + 2).
    gives_way
        Whether a place (row) gives way to another (column); shape (places, places).
    places
        How many places SUMO's states have; one more is `Program.unseen`.
    kept
        Why the light keeps its own program, which is not written then; empty where it is planned.
    """

    junction: Junction
    plan: Plan
    group: NDArray[np.int64]
    letter: tuple[str, ...]
    gives_way: NDArray[np.bool_]
    turn_on_red: NDArray[np.bool_]
    places: int
    kept: str = ""

    def with_stages_shown(self) -> SumoLight:
        """Return the light with stages that plans show for at least as long as a green, or as its program does."""
        shown_s = np.array(self.plan.durations_s) - self.plan.sequence.stage_changes_s()
        least_s = int(shown_s.min(where=shown_s > 0, initial=LEAST_GREEN_S))
        junction = replace(self.junction, stage_shown_s=least_s)
        return replace(self, junction=junction, plan=replace(self.plan, junction=junction))


def lights_of(roads: SumoRoads, *, begin_s: float = 0.0) -> tuple[SumoLight, ...]:
    """Return the traffic lights of a network in the order of its junctions.

    Parameters
    ----------
    begin_s
        SUMO's time at the cycle zero of the plans, seconds.
    """
    logics = roads.net.programs()
    keys = roads.network.junctions.key
    return tuple(light_of(roads, logics[key], index, begin_s=begin_s) for index, key in enumerate(keys))


def shipped_plans(roads: SumoRoads, lights: Sequence[SumoLight]) -> PlanSet:
    """Return the programs of the network file as plans."""
    return PlanSet("shipped", roads.network.name, tuple(light.plan for light in lights))


def light_of(roads: SumoRoads, logic: NetLogic, index: int, *, begin_s: float = 0.0) -> SumoLight:
    """Return the traffic light with the program `logic`; `index` is the row of its junction."""
    logic, kept = _planned(roads, logic)
    places = places_of(roads, logic.light, len(logic.phases[0].state))
    program = Program.of(logic, frozenset(place for place, edge in enumerate(places.edge) if edge))
    if program.unseen:
        places = places.with_unseen()
    places = replace(places, gives_way=places.gives_way | shown_giving_way(program, places))
    rows = groups_of(program, places)
    group = np.full(len(program.letters[0]), -1, dtype=np.int64)
    for row, members in enumerate(rows):
        group[list(members)] = row
    walks = np.array([all(not places.movements[place] for place in members) for members in rows])
    conflict = conflicts_of(program, places, rows)
    conflict[walks[:, None] & (conflict == Conflict.YIELD)] = Conflict.NONE
    times = times_of(program, rows)
    junction = _junction(program, places, rows, walks, conflict, times, index)
    stages = tuple(
        Stage(frozenset(g for g, members in enumerate(rows) if stage & members)) for stage in program.stages
    )
    junction = replace(_without_traps(junction, stages), locked=bool(kept))
    return SumoLight(
        junction=junction,
        plan=_plan(junction, stages, program, round(begin_s)),
        group=group,
        letter=tuple(
            dark_letter(program, place) if group[place] >= 0 else _constant(program, place)
            for place in range(len(group))
        ),
        gives_way=places.gives_way,
        turn_on_red=turns_on_red(program, rows),
        places=len(logic.phases[0].state),
        kept=kept,
    )


def _planned(roads: SumoRoads, logic: NetLogic) -> tuple[NetLogic, str]:
    """Return the program to plan from and why it has to stay; no reason where it may change."""
    if logic.kind == NEMA:
        found = fixed_time(logic)
        if found is None:
            return logic, "its rings and barriers do not say which phases go together, with which yellow"
        logic = found
    places = places_of(roads, logic.light, len(logic.phases[0].state))
    sudden = end_without_yellow(logic, places)
    if sudden is None:
        return logic, ""
    phase, place = sudden
    return logic, f"in phase {phase} the green of link {place} ends without yellow"


def _constant(program: Program, place: int) -> str:
    """Return what a place without a group shows: what it always does, else its red."""
    shown = {state[place] for state in program.letters}
    return shown.pop() if len(shown) == 1 else dark_letter(program, place)


def _junction(
    program: Program,
    places: Places,
    rows: Sequence[frozenset[int]],
    walks: NDArray[np.bool_],
    conflict: NDArray[np.uint8],
    times: Times,
    index: int,
) -> Junction:
    key = program.logic.light
    owner: dict[int, int] = {}
    for row, members in enumerate(rows):
        for place in sorted(members):
            for movement in places.movements[place]:
                owner.setdefault(movement, row)
    groups = []
    for row, members in enumerate(rows):
        least = LEAST_GREEN_S
        if walks[row]:  # who is unseen needs all the time that he has
            least = program.cycle_s if program.unseen and members == {len(places.edge) - 1} else LEAST_WALK_S
        movements = tuple(sorted(m for m, own in owner.items() if own == row))
        groups.append(
            SignalGroup(
                name=_name(places, members),
                kind=GroupKind.PEDESTRIAN if walks[row] else GroupKind.VEHICLE,
                movements=movements,
                crossings=(),
                min_green_s=min(least, shortest_green_s(program, members)),
                max_green_s=None,
                flashing_green_s=0,
                yellow_s=int(times.yellow_s[row]),
                red_amber_s=int(times.red_amber_s[row]),
            )
        )
    cycle = program.cycle_s
    return Junction(
        index=index,
        key=key,
        name=key,
        groups=tuple(groups),
        conflict=conflict,
        intergreen_s=intergreens_of(conflict, times, walks),
        cycle_min_s=min(_CYCLES_S[0], cycle),
        cycle_max_s=max(_CYCLES_S[1], cycle),
    )


def _name(places: Places, members: frozenset[int]) -> str:
    """Return the edge and its places: ``"north 0-3"``."""
    rows = sorted(members)
    span = (
        f"{rows[0]}-{rows[-1]}"
        if len(rows) == rows[-1] - rows[0] + 1 and len(rows) > 1
        else "+".join(map(str, rows))
    )
    return f"{places.edge[rows[0]]} {span}"


def _without_traps(junction: Junction, stages: tuple[Stage, ...]) -> Junction:
    """Return the junction without the give-way rules that its own stages break (yellow traps, as they are)."""
    conflict = np.array(junction.conflict)
    while (trap := yellow_trap(junction, stages)) is not None:
        _, ends, stays = trap
        conflict[ends, stays] = Conflict.NONE
        junction = replace(junction, conflict=conflict.copy())
    return junction


def _plan(junction: Junction, stages: tuple[Stage, ...], program: Program, begin_s: int) -> Plan:
    starts, cycle = program.starts_s, program.cycle_s
    durations = [(b - a) % cycle or cycle for a, b in zip(starts, (*starts[1:], starts[0]), strict=True)]
    offset = (round(program.logic.offset_s) + starts[0] - begin_s) % cycle
    return Plan(junction, cycle, offset, stages, tuple(durations), name="shipped")


def programs_of(
    lights: Sequence[SumoLight], plans: PlanSet, *, begin_s: float = 0.0
) -> tuple[SumoProgram, ...]:
    """Return the programs of `plans` for SUMO, whose time is `begin_s` at the cycle zero; none of lights that are kept."""
    begin = round(begin_s)
    return tuple(
        SumoProgram(light.junction.key, (plan.offset_s + begin) % plan.cycle_s, tuple(_phases(light, plan)))
        for light, plan in zip(lights, plans, strict=True)
        if not light.kept
    )


def states(light: SumoLight, plan: Plan) -> tuple[str, ...]:
    """Return SUMO's letters in every second from the start of the first stage."""
    shown = plan.expand()
    governed = light.group >= 0
    letters = np.array([list(light.letter)] * plan.cycle_s).T
    of_place = shown[light.group[governed]]
    lit = ((Aspect.GREEN, "G"), (Aspect.YELLOW, "y"), (Aspect.RED_AMBER, "u"))
    letters[governed] = np.select(
        [of_place == aspect for aspect, _ in lit], [letter for _, letter in lit], letters[governed]
    )
    if "s" in light.letter:
        letters[(letters == "s") & _stop_at_red(light, shown)] = "r"
    moving = np.isin(letters, ["G", "g", "y"])
    yields = (light.gives_way.astype(np.int32) @ moving.astype(np.int32)) > 0
    letters[(letters == "G") & yields & governed[:, None]] = "g"
    return tuple("".join(column) for column in letters[: light.places].T)


def _stop_at_red(light: SumoLight, shown: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return when each place must not let anybody turn on red; shape (places, seconds)."""
    green = np.isin(shown, [Aspect.GREEN, Aspect.FLASHING_GREEN])
    beside = beside_whom(green, shown == Aspect.YELLOW)
    return (~light.turn_on_red).astype(np.int32) @ beside.astype(np.int32) > 0


def _phases(light: SumoLight, plan: Plan) -> list[SumoPhase]:
    return [SumoPhase(sum(1 for _ in part), state) for state, part in groupby(states(light, plan))]

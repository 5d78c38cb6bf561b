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
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from signals.aspects import Aspect
from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from signals.plan import Plan, PlanSet
from signals.sequence import Stage, yellow_trap
from signals.sumo.programs import SumoPhase, SumoProgram
from traffic.errors import InputError
from traffic.sumo.net_file import NetLogic
from traffic.sumo.right_of_way import Places, places_of
from traffic.sumo.road import SumoRoads

__all__ = ["SumoLight", "light_of", "lights_of", "programs_of", "shipped_plans"]

_GREEN = frozenset("Gg")
_YELLOW = frozenset("yY")
_LEAST_YELLOW_S = 3
_LEAST_GREEN_S = 5
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
    gives_way
        Whether a place (row) gives way to another (column); shape (places, places).
    """

    junction: Junction
    plan: Plan
    group: NDArray[np.int64]
    letter: tuple[str, ...]
    gives_way: NDArray[np.bool_]


def lights_of(roads: SumoRoads) -> tuple[SumoLight, ...]:
    """Return the traffic lights of a network in the order of its junctions."""
    logics = roads.net.programs()
    return tuple(light_of(roads, logics[key], index) for index, key in enumerate(roads.network.junctions.key))


def shipped_plans(roads: SumoRoads, lights: Sequence[SumoLight]) -> PlanSet:
    """Return the programs of the network file as plans."""
    return PlanSet("shipped", roads.network.name, tuple(light.plan for light in lights))


def light_of(roads: SumoRoads, logic: NetLogic, index: int) -> SumoLight:
    """Return the traffic light with the program `logic`; `index` is the row of its junction."""
    places = places_of(roads, logic.light, len(logic.phases[0].state))
    program = _Program.of(logic, frozenset(place for place, edge in enumerate(places.edge) if edge))
    rows = _groups(program, places)
    group = np.full(len(program.letters[0]), -1, dtype=np.int64)
    for row, members in enumerate(rows):
        group[list(members)] = row
    conflict = _conflicts(program, places, rows)
    between = _between(program, rows)
    junction = _junction(program, places, rows, conflict, between, index)
    stages = tuple(
        Stage(frozenset(g for g, members in enumerate(rows) if stage & members)) for stage in program.stages
    )
    junction = _without_traps(junction, stages)
    return SumoLight(
        junction=junction,
        plan=_plan(junction, stages, program),
        group=group,
        letter=tuple(
            _dark(program, place) if group[place] >= 0 else program.letters[0][place]
            for place in range(len(group))
        ),
        gives_way=places.gives_way,
    )


@dataclass(frozen=True, eq=False)
class _Program:
    """A program: its letters second by second, its stages and when each begins."""

    logic: NetLogic
    letters: tuple[str, ...]
    stages: tuple[frozenset[int], ...]
    starts_s: tuple[int, ...]

    @staticmethod
    def of(logic: NetLogic, used: frozenset[int]) -> _Program:
        """Return the program as the places in `used` see it."""
        lengths = [max(round(phase.duration_s), 0) for phase in logic.phases]
        begin = np.cumsum([0, *lengths])
        letters = tuple(
            phase.state for phase, length in zip(logic.phases, lengths, strict=True) for _ in range(length)
        )
        green = [_places(phase.state, _GREEN) & used for phase in logic.phases]
        steady = [
            k
            for k, phase in enumerate(logic.phases)
            if lengths[k] and green[k] and not _places(phase.state, _YELLOW)
        ]
        kept = [k for n, k in enumerate(steady) if not _is_clearance(green, steady, n)]
        if not kept:
            rule = "must have a phase with green and without yellow"
            raise InputError(rule, field=f"tlLogic {logic.light}", value=[p.state for p in logic.phases])
        stages: list[frozenset[int]] = []
        starts: list[int] = []
        for k in kept:
            if not stages or green[k] != stages[-1]:
                stages.append(green[k])
                starts.append(int(begin[k]))
        if len(stages) > 1 and stages[0] == stages[-1]:
            del stages[0], starts[0]
        return _Program(logic, letters, tuple(stages), tuple(starts))

    @property
    def cycle_s(self) -> int:
        return len(self.letters)


def _places(state: str, letters: frozenset[str]) -> frozenset[int]:
    return frozenset(place for place, letter in enumerate(state) if letter in letters)


def _is_clearance(green: Sequence[frozenset[int]], steady: Sequence[int], position: int) -> bool:
    """Whether a phase without yellow only lets go on what is green before and after it."""
    if len(steady) < 3:
        return False
    before, own, after = (green[steady[(position + k) % len(steady)]] for k in (-1, 0, 1))
    return own <= before and own <= after and own not in (before, after)


def _groups(program: _Program, places: Places) -> tuple[frozenset[int], ...]:
    """Return the places of each signal group, in the order of their first."""
    by_signal: dict[tuple[str, tuple[bool, ...], str], list[int]] = defaultdict(list)
    for place, edge in enumerate(places.edge):
        shown = tuple(place in stage for stage in program.stages)
        if edge and any(shown):
            by_signal[edge, shown, _dark(program, place)].append(place)
    found = [part for members in by_signal.values() for part in _by_lanes(members, places.lanes)]
    return tuple(sorted(found, key=min))


def _dark(program: _Program, place: int) -> str:
    """Return what a place shows in red."""
    return "s" if any(state[place] == "s" for state in program.letters) else "r"


def _by_lanes(members: Sequence[int], lanes: Sequence[frozenset[int]]) -> list[frozenset[int]]:
    """Divide places of one edge into those whose lanes, or movements over lanes, hang together."""
    parts: list[tuple[frozenset[int], set[int]]] = []
    for place in members:
        own, joined = lanes[place], {place}
        rest = []
        for shared, part in parts:
            if own & shared:
                own, joined = own | shared, joined | part
            else:
                rest.append((shared, part))
        parts = [*rest, (own, joined)]
    return [frozenset(part) for _, part in parts]


def _conflicts(program: _Program, places: Places, rows: Sequence[frozenset[int]]) -> NDArray[np.uint8]:
    size = len(rows)
    together = np.zeros_like(places.foes)
    for stage in program.stages:
        members = sorted(stage)
        together[np.ix_(members, members)] = True
    conflict = np.zeros((size, size), dtype=np.uint8)
    for one in range(size):
        for other in range(size):
            if one == other:
                continue
            pair = np.ix_(sorted(rows[one]), sorted(rows[other]))
            if (places.foes[pair] & ~together[pair]).any():
                conflict[one, other] = Conflict.FULL
            elif (places.gives_way[pair] & together[pair]).any():
                conflict[one, other] = Conflict.YIELD
    full = (conflict == Conflict.FULL) | (conflict == Conflict.FULL).T
    conflict[full] = Conflict.FULL
    return conflict


@dataclass(frozen=True, eq=False)
class _Between:
    """Seconds between greens as the program has them.

    Attributes
    ----------
    yellow_s
        Yellow of each group.
    seen_s
        From the end of green of a group (row) to the start of green of another that begins next; -1 where the program
        does not show it.
    """

    yellow_s: NDArray[np.int64]
    seen_s: NDArray[np.int64]


def _between(program: _Program, rows: Sequence[frozenset[int]]) -> _Between:
    letters = np.array([list(state) for state in program.letters])
    green = np.isin(letters, list(_GREEN))
    yellow = np.isin(letters, list(_YELLOW))
    cycle, size = program.cycle_s, len(rows)
    shown = np.array([green[:, sorted(members)].any(axis=1) for members in rows])
    after = np.array([yellow[:, sorted(members)].any(axis=1) for members in rows])
    yellow_s = np.full(size, -1, dtype=np.int64)
    ends: list[list[int]] = []
    begins: list[list[int]] = []
    for row in range(size):
        ends.append(np.flatnonzero(shown[row] & ~np.roll(shown[row], -1)).tolist())
        begins.append(np.flatnonzero(shown[row] & ~np.roll(shown[row], 1)).tolist())
        for end in ends[row]:
            length = 0
            while length < cycle and after[row, (end + 1 + length) % cycle]:
                length += 1
            yellow_s[row] = max(yellow_s[row], length)
    known = yellow_s[yellow_s > 0]
    yellow_s[yellow_s < 0] = int(known.max()) if len(known) else _LEAST_YELLOW_S
    seen = np.full((size, size), -1, dtype=np.int64)
    for one in range(size):
        for other in range(size):
            for end in ends[one]:
                gaps = [(begin - end - 1) % cycle for begin in begins[other]]
                gap = min(gaps, default=cycle)
                if gap <= _next_stage(program, end):
                    seen[one, other] = gap if seen[one, other] < 0 else min(seen[one, other], gap)
    return _Between(yellow_s, seen)


def _next_stage(program: _Program, end: int) -> int:
    """Return the seconds from the second after `end` to the start of the next stage."""
    return min((start - end - 1) % program.cycle_s for start in program.starts_s)


def _junction(
    program: _Program,
    places: Places,
    rows: Sequence[frozenset[int]],
    conflict: NDArray[np.uint8],
    between: _Between,
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
        walks = all(not places.movements[place] for place in members)
        movements = tuple(sorted(m for m, own in owner.items() if own == row))
        groups.append(
            SignalGroup(
                name=_name(places, members),
                kind=GroupKind.PEDESTRIAN if walks else GroupKind.VEHICLE,
                movements=movements,
                crossings=(),
                min_green_s=min(_LEAST_GREEN_S, _shortest_green_s(program, members)),
                max_green_s=None,
                flashing_green_s=0,
                yellow_s=int(between.yellow_s[row]),
                red_amber_s=0,
            )
        )
    cycle = program.cycle_s
    return Junction(
        index=index,
        key=key,
        name=key,
        groups=tuple(groups),
        conflict=conflict,
        intergreen_s=_intergreens(conflict, between),
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


def _shortest_green_s(program: _Program, members: frozenset[int]) -> int:
    green = np.array([any(state[place] in _GREEN for place in members) for state in program.letters])
    if green.all():
        return _LEAST_GREEN_S
    begin = int(np.flatnonzero(~green)[0])
    runs = [sum(1 for _ in part) for shown, part in groupby(np.roll(green, -begin).tolist()) if shown]
    return max(min(runs), 1)


def _intergreens(conflict: NDArray[np.uint8], between: _Between) -> NDArray[np.int32]:
    full = conflict == Conflict.FULL
    yields = (conflict == Conflict.YIELD) | (conflict == Conflict.YIELD).T
    cleared = between.seen_s - between.yellow_s[:, None]
    seen = full & (between.seen_s >= 0)
    all_red = max(int(cleared[seen].max()) if seen.any() else 0, 0)
    needed = np.where(seen, between.seen_s, between.yellow_s[:, None] + all_red)
    needed = np.maximum(needed, between.yellow_s[:, None])
    return np.where(full | yields, needed, 0).astype(np.int32)


def _without_traps(junction: Junction, stages: tuple[Stage, ...]) -> Junction:
    """Return the junction without the give-way rules that its own stages break (yellow traps, as they are)."""
    conflict = np.array(junction.conflict)
    while (trap := yellow_trap(junction, stages)) is not None:
        _, ends, stays = trap
        conflict[ends, stays] = Conflict.NONE
        junction = replace(junction, conflict=conflict.copy())
    return junction


def _plan(junction: Junction, stages: tuple[Stage, ...], program: _Program) -> Plan:
    starts, cycle = program.starts_s, program.cycle_s
    durations = [(b - a) % cycle or cycle for a, b in zip(starts, (*starts[1:], starts[0]), strict=True)]
    offset = (round(program.logic.offset_s) + starts[0]) % cycle
    return Plan(junction, cycle, offset, stages, tuple(durations), name="shipped")


def programs_of(lights: Sequence[SumoLight], plans: PlanSet) -> tuple[SumoProgram, ...]:
    """Return the programs of `plans` for SUMO."""
    return tuple(
        SumoProgram(light.junction.key, plan.offset_s, tuple(_phases(light, plan)))
        for light, plan in zip(lights, plans, strict=True)
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
    moving = np.isin(letters, ["G", "g", "y"])
    yields = (light.gives_way.astype(np.int32) @ moving.astype(np.int32)) > 0
    letters[(letters == "G") & yields & governed[:, None]] = "g"
    return tuple("".join(column) for column in letters.T)


def _phases(light: SumoLight, plan: Plan) -> list[SumoPhase]:
    return [SumoPhase(sum(1 for _ in part), state) for state, part in groupby(states(light, plan))]

"""A SUMO program taken apart: stages, signal groups, conflicts, and the seconds between greens."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from signals.junction import Conflict
from traffic.errors import InputError
from traffic.sumo.logics import NetLogic
from traffic.sumo.right_of_way import Places

__all__ = [
    "Program",
    "Times",
    "beside_whom",
    "conflicts_of",
    "dark_letter",
    "end_without_yellow",
    "groups_of",
    "intergreens_of",
    "shortest_green_s",
    "shown_giving_way",
    "times_of",
    "turns_on_red",
    "whole_seconds",
]

_GREEN = frozenset("Gg")
_YELLOW = frozenset("yY")
_LEAST_YELLOW_S = 3
LEAST_GREEN_S = 5
LEAST_WALK_S = 7
_LONGEST_CLEARANCE_S = 5
_NOTHING_S = 1e-6


@dataclass(frozen=True, eq=False)
class Program:
    """A program: its letters second by second, its stages and when each begins.

    A red for all that is longer than a clearance serves somebody whom the network does not have, people on foot as a
    rule. It is kept as a stage: then there is one place more, the last, which is green in it (`unseen`).
    """

    logic: NetLogic
    unseen: bool
    letters: tuple[str, ...]
    stages: tuple[frozenset[int], ...]
    starts_s: tuple[int, ...]

    @staticmethod
    def of(logic: NetLogic, used: frozenset[int]) -> Program:
        """Return the program as the places in `used` see it."""
        phases = [phase for phase in logic.phases if phase.duration_s > 0.0]
        shown = [phase.state for phase in phases]
        dark = [
            phase.duration_s > _LONGEST_CLEARANCE_S and not _places(phase.state, _GREEN | _YELLOW)
            for phase in phases
        ]
        if any(dark):
            used |= {len(shown[0])}
            shown = [state + ("G" if red else "r") for state, red in zip(shown, dark, strict=True)]
        green = [_places(state, _GREEN) & used for state in shown]
        steady = [k for k, state in enumerate(shown) if green[k] and not _places(state, _YELLOW)]
        kept = [k for n, k in enumerate(steady) if not _is_clearance(green, steady, n)]
        if not kept:
            rule = "must have a phase with green and without yellow"
            raise InputError(rule, field=f"tlLogic {logic.light}", value=[p.state for p in logic.phases])
        gives = [k for k in kept if not _clears(shown[k - 1], shown[k])]
        lengths = whole_seconds([phase.duration_s for phase in phases], gives or kept)
        begin = np.cumsum([0, *lengths]).tolist()
        letters = tuple(state for state, length in zip(shown, lengths, strict=True) for _ in range(length))
        stages: list[frozenset[int]] = []
        starts: list[int] = []
        for k, before in zip(kept, (kept[-1], *kept), strict=False):
            if not stages or green[k] != stages[-1]:
                stages.append(green[k])
                # Where nothing starts, the stage begins as soon as the others end, and their yellow is in it.
                starts.append(begin[before + 1 if green[k] < green[before] else k])
        if len(stages) > 1 and stages[0] == stages[-1]:
            del stages[0], starts[0]
        return Program(logic, any(dark), letters, tuple(stages), tuple(starts))

    @property
    def cycle_s(self) -> int:
        """Length of the program."""
        return len(self.letters)


def _places(state: str, letters: frozenset[str]) -> frozenset[int]:
    return frozenset(place for place, letter in enumerate(state) if letter in letters)


def _clears(before: str, state: str) -> bool:
    """Whether a green ends without yellow where a phase begins, as that of people on foot: they need its time."""
    return not _places(before, _GREEN) <= _places(state, _GREEN | _YELLOW)


def whole_seconds(durations_s: Sequence[float], gives: Sequence[int]) -> list[int]:
    """Return how many seconds each phase has, so that none but those of `gives` is shorter than it was.

    These make up for it: the sum is that of all durations, rounded, as long as each of them keeps a second.
    """
    lengths = [math.ceil(duration - _NOTHING_S) for duration in durations_s]
    for k in gives:
        lengths[k] = max(round(durations_s[k]), 1)
    longer = {k: lengths[k] - durations_s[k] for k in gives}
    surplus = sum(lengths) - round(sum(durations_s))
    while surplus:
        step = 1 if surplus > 0 else -1
        able = [k for k in gives if lengths[k] > step]
        if not able:
            break
        most = max(able, key=lambda k: (step * longer[k], durations_s[k]))
        lengths[most] -= step
        longer[most] -= step
        surplus -= step
    return lengths


def _is_clearance(green: Sequence[frozenset[int]], steady: Sequence[int], position: int) -> bool:
    """Whether a phase without yellow only lets go on what is green before and after it."""
    if len(steady) < 3:
        return False
    before, own, after = (green[steady[(position + k) % len(steady)]] for k in (-1, 0, 1))
    return own <= before and own <= after and own not in (before, after)


def end_without_yellow(logic: NetLogic, places: Places) -> tuple[int, int] | None:
    """Return a phase and a place in it whose green ends without yellow; `None` where all have some.

    People on foot have none.
    """
    phases = [(k, phase.state) for k, phase in enumerate(logic.phases) if phase.duration_s > 0.0]
    driven = [k for k, edge in enumerate(places.edge) if edge and not edge.startswith(":")]
    for (k, state), (_, following) in zip(phases, (*phases[1:], phases[0]), strict=True):
        for place in driven:
            if state[place] in _GREEN and following[place] not in _GREEN | _YELLOW:
                return k, place
    return None


def groups_of(program: Program, places: Places) -> tuple[frozenset[int], ...]:
    """Return the places of each signal group, in the order of their first."""
    by_signal: dict[tuple[str, tuple[bool, ...], str], list[int]] = defaultdict(list)
    for place, edge in enumerate(places.edge):
        shown = tuple(place in stage for stage in program.stages)
        if edge and any(shown):
            by_signal[edge, shown, dark_letter(program, place)].append(place)
    found = [part for members in by_signal.values() for part in _hanging_together(members, places)]
    return tuple(sorted(found, key=min))


def dark_letter(program: Program, place: int) -> str:
    """Return what a place shows in red."""
    return "s" if any(state[place] == "s" for state in program.letters) else "r"


def turns_on_red(program: Program, rows: Sequence[frozenset[int]]) -> NDArray[np.bool_]:
    """Return beside whom places show ``s`` in some second; see `beside_whom`; shape (places, groups + 2)."""
    letters = np.array([list(state) for state in program.letters])
    green, yellow = (np.isin(letters, list(lit)) for lit in (_GREEN, _YELLOW))
    lit = [np.array([shown[:, sorted(members)].any(axis=1) for members in rows]) for shown in (green, yellow)]
    at_s = (letters == "s").T
    return np.array([[(place & row).any() for row in beside_whom(*lit)] for place in at_s], dtype=bool)


def beside_whom(green: NDArray[np.bool_], yellow: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return when each group has green or yellow, when none has green, and when none has either; (groups + 2, seconds).

    Parameters
    ----------
    green, yellow
        When each group has them; shape (groups, seconds).
    """
    moving = green | yellow
    return np.vstack([moving, ~green.any(axis=0), ~moving.any(axis=0)])


def _hanging_together(members: Sequence[int], places: Places) -> list[frozenset[int]]:
    """Divide places of one edge into those that share lanes or movements."""
    parts: list[tuple[set[tuple[str, int]], set[int]]] = []
    for place in members:
        own = {("lane", lane) for lane in places.lanes[place]}
        own |= {("movement", movement) for movement in places.movements[place]}
        joined, rest = {place}, []
        for shared, part in parts:
            if own & shared:
                own, joined = own | shared, joined | part
            else:
                rest.append((shared, part))
        parts = [*rest, (own, joined)]
    return [frozenset(part) for _, part in parts]


def conflicts_of(program: Program, places: Places, rows: Sequence[frozenset[int]]) -> NDArray[np.uint8]:
    """Return the `Conflict` of every pair of groups; shape (groups, groups)."""
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
class Times:
    """Seconds between greens as the program has them.

    Attributes
    ----------
    yellow_s, red_amber_s
        Yellow after and red-amber before the greens of each group; the longest.
    seen_s
        From the end of green of a group (row) to the start of green of another that begins next; -1 where the program
        does not show it.
    gap_s
        The least from the end of green of a group (row) to the next start of another, whatever comes between.
    """

    yellow_s: NDArray[np.int64]
    red_amber_s: NDArray[np.int64]
    seen_s: NDArray[np.int64]
    gap_s: NDArray[np.int64]


def times_of(program: Program, rows: Sequence[frozenset[int]]) -> Times:
    """Return the seconds before, after and between the greens of the groups in `rows`."""
    letters = np.array([list(state) for state in program.letters])
    green = np.isin(letters, list(_GREEN))
    yellow = np.isin(letters, list(_YELLOW))
    cycle, size = program.cycle_s, len(rows)
    shown = np.array([green[:, sorted(members)].any(axis=1) for members in rows])
    after = np.array([yellow[:, sorted(members)].any(axis=1) for members in rows])
    soon = np.array([(letters[:, sorted(members)] == "u").any(axis=1) for members in rows])
    yellow_s = np.full(size, -1, dtype=np.int64)
    red_amber_s = np.zeros(size, dtype=np.int64)
    ends: list[list[int]] = []
    begins: list[list[int]] = []
    for row in range(size):
        ends.append(np.flatnonzero(shown[row] & ~np.roll(shown[row], -1)).tolist())
        begins.append(np.flatnonzero(shown[row] & ~np.roll(shown[row], 1)).tolist())
        for end in ends[row]:
            yellow_s[row] = max(yellow_s[row], _run(np.roll(after[row], -end - 1)))
        for begin in begins[row]:
            red_amber_s[row] = max(red_amber_s[row], _run(np.roll(soon[row], -begin)[::-1]))
    known = yellow_s[yellow_s > 0]
    yellow_s[yellow_s < 0] = int(known.max()) if len(known) else _LEAST_YELLOW_S
    seen = np.full((size, size), -1, dtype=np.int64)
    least = np.full((size, size), cycle, dtype=np.int64)
    for one in range(size):
        for other in range(size):
            for end in ends[one]:
                gaps = [(begin - end - 1) % cycle for begin in begins[other]]
                gap = min(gaps, default=cycle)
                least[one, other] = min(least[one, other], gap)
                if gap <= _next_stage(program, end):
                    seen[one, other] = gap if seen[one, other] < 0 else min(seen[one, other], gap)
    return Times(yellow_s, red_amber_s, seen, least)


def _run(shown: NDArray[np.bool_]) -> int:
    """Return for how many seconds from the first a thing is shown."""
    return len(shown) if shown.all() else int(np.argmin(shown))


def _next_stage(program: Program, end: int) -> int:
    """Return the seconds from the second after `end` to the start of the next stage."""
    return min((start - end - 1) % program.cycle_s for start in program.starts_s)


def shortest_green_s(program: Program, members: frozenset[int]) -> int:
    """Return the shortest green of the places in `members`, seconds."""
    green = np.array([any(state[place] in _GREEN for place in members) for state in program.letters])
    if green.all():
        return LEAST_GREEN_S
    begin = int(np.flatnonzero(~green)[0])
    runs = [sum(1 for _ in part) for shown, part in groupby(np.roll(green, -begin).tolist()) if shown]
    return max(min(runs), 1)


def intergreens_of(conflict: NDArray[np.uint8], times: Times, walks: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the intergreen matrix, seconds.

    Where the program shows no change from one vehicle group to another, that is yellow and its longest all-red. People on
    foot have the least time that the program leaves them before anybody whose way they cross: their clearance.

    Parameters
    ----------
    walks
        Whether each group is one of people on foot.
    """
    full = conflict == Conflict.FULL
    yields = (conflict == Conflict.YIELD) | (conflict == Conflict.YIELD).T
    cleared = times.seen_s - times.yellow_s[:, None]
    seen = full & (times.seen_s >= 0)
    driven = seen & ~walks[:, None]
    all_red = max(int(cleared[driven].max()) if driven.any() else 0, 0)
    unseen = times.yellow_s + all_red
    clearance = np.where(full, times.gap_s, np.iinfo(np.int64).max).min(axis=1)
    needed = np.where(seen, times.seen_s, np.where(walks, clearance, unseen)[:, None])
    needed = np.minimum(needed, np.where(yields, times.gap_s, np.iinfo(np.int64).max))
    needed = np.maximum(needed, np.where(full, times.red_amber_s[None, :], 0))
    needed = np.maximum(needed, times.yellow_s[:, None])
    return np.where(full | yields, needed, 0).astype(np.int32)


def shown_giving_way(program: Program, places: Places) -> NDArray[np.bool_]:
    """Return who gives way to whom by the letters: ``g`` while another has green, where the matrix does not tell."""
    size = len(places.edge)
    found = np.zeros((size, size), dtype=bool)
    for state in set(program.letters):
        weak = np.array([letter == "g" for letter in state])
        green = np.array([letter in _GREEN for letter in state])
        found |= weak[:, None] & green[None, :]
    return found & places.foes & (places.untold[:, None] | places.untold[None, :])

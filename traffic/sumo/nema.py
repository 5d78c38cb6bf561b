"""Programs of SUMO's NEMA controllers (``type="NEMA"``) as programs of fixed time.

A phase of such a program is a movement of a ring, not a stage: it holds the letters of its own greens; its yellow and
all-red are attributes. Two rings run side by side, and wait for each other at the barriers
(https://sumo.dlr.de/docs/Simulation/NEMA.html).

Here every phase has its greatest green, as where all detectors are occupied; the last one of a ring before a barrier
lasts until the other ring has come there too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from traffic.sumo.logics import NetLogic, NetPhase

__all__ = ["NEMA", "fixed_time"]

NEMA = "NEMA"

_RINGS = ("ring1", "ring2")
_BARRIERS = (("barrierPhases",), ("barrier2Phases", "coordinatePhases"))
_OVER = "GgysuOor"
"""Of two rings that light one place, the letter that comes first here is shown."""


def fixed_time(logic: NetLogic) -> NetLogic | None:
    """Return the program with a phase for every state that the rings show; `None` where its rings do not say.

    That is so where a ring or a barrier is missing, where the rings do not come to the same barrier, and where a phase has no
    yellow.
    """
    sides = _sides(logic)
    if not sides:
        return None
    states: list[str] = []
    for side in sides:
        length_s = max(sum(_length_s(phase) for phase in ring) for ring in side)
        shown = [_shown(ring, length_s) for ring in side]
        states += [_over(*letters) for letters in zip(*shown, strict=True)]
    phases = tuple(NetPhase(float(sum(1 for _ in part)), state) for state, part in groupby(states))
    return replace(logic, phases=phases)


def _sides(logic: NetLogic) -> list[tuple[list[NetPhase], list[NetPhase]]]:
    """Return what each ring has between two barriers; nothing where that is not told."""
    phase_of = {phase.name: phase for phase in logic.phases}
    ends = [_barrier(logic, names) for names in _BARRIERS]
    rings = [[name for name in _listed(logic, ring) if name != "0"] for ring in _RINGS]
    if {name for ring in rings for name in ring} != set(phase_of) or not all(map(_is_sound, logic.phases)):
        return []
    cuts: list[tuple[list[NetPhase], list[NetPhase], int]] = []
    for number, ring in enumerate(rings):
        at = [k for k, name in enumerate(ring) if any(name == pair[number] for pair in ends)]
        if len(at) != len(ends) or at[-1] != len(ring) - 1:
            return []
        found = [phase_of[name] for name in ring]
        first = next(k for k, pair in enumerate(ends) if pair[number] == ring[at[0]])
        cuts.append((found[: at[0] + 1], found[at[0] + 1 :], first))
    (one, other, first), (beside, after, same) = cuts
    return [(one, beside), (other, after)] if first == same else []


def _listed(logic: NetLogic, name: str) -> list[str]:
    return logic.params.get(name, "").replace(" ", "").split(",")


def _barrier(logic: NetLogic, names: Sequence[str]) -> tuple[str, str]:
    """Return the phases of both rings that end at a barrier; empty names where it is not given."""
    given = next((found for name in names if len(found := _listed(logic, name)) == len(_RINGS)), ["", ""])
    return given[0], given[1]


def _is_sound(phase: NetPhase) -> bool:
    known = set(phase.state) <= set(_OVER)
    return known and phase.max_s >= 1.0 and phase.yellow_s > 0.0 and phase.red_s >= 0.0


def _length_s(phase: NetPhase) -> int:
    return round(phase.max_s) + math.ceil(phase.yellow_s) + math.ceil(phase.red_s)


def _shown(ring: Sequence[NetPhase], length_s: int) -> list[str]:
    """Return the states of a ring from one barrier to the next, second by second."""
    states: list[str] = []
    spare_s = length_s - sum(_length_s(phase) for phase in ring)
    for number, phase in enumerate(ring, start=1):
        green_s = round(phase.max_s) + (spare_s if number == len(ring) else 0)
        states += [phase.state] * green_s
        states += [_ending(phase.state, "y")] * math.ceil(phase.yellow_s)
        states += [_ending(phase.state, "r")] * math.ceil(phase.red_s)
    return states


def _ending(state: str, letter: str) -> str:
    """Return what follows a green: `letter` where it was, red elsewhere."""
    return "".join(letter if shown in "Gg" else "r" for shown in state)


def _over(one: str, other: str) -> str:
    return "".join(min(pair, key=_OVER.index) for pair in zip(one, other, strict=True))

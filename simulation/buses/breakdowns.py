"""Vehicles that break down: which, when and for how long. They are luck, the same for every policy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from simulation.buses.service import Service

__all__ = ["Breakdown", "drawn_breakdowns"]


class Breakdown(NamedTuple):
    """A vehicle stops where it is; its passengers must change.

    Attributes
    ----------
    duty
        Whose duty it runs, as planned.
    at_s
        POSIX seconds.
    out_s
        How long it is out; inf: for the rest of the day.
    """

    duty: int
    at_s: float
    out_s: float = math.inf


def drawn_breakdowns(
    service: Service, count: int, rng: np.random.Generator, *, out_s: float = math.inf
) -> tuple[Breakdown, ...]:
    """Return breakdowns of as many vehicles, each at any moment of its duty alike."""
    if not 0 <= count <= len(service.duties):
        rule = f"must be from 0 to {len(service.duties)}, the vehicles of the day"
        raise InputError(rule, field="breakdowns", value=count)
    chosen = np.sort(rng.choice(len(service.duties), count, replace=False)).tolist()
    shares = rng.random(count).tolist()
    found = []
    for duty, share in zip(chosen, shares, strict=True):
        trips = service.duties[duty]
        begin_s = float(service.departure_s[service.first[trips[0]]])
        end_s = float(service.arrival_s[service.first[trips[-1] + 1] - 1])
        found.append(Breakdown(duty, begin_s + share * (end_s - begin_s), out_s))
    return tuple(found)

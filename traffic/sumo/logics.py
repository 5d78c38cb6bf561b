"""Programs of SUMO's traffic lights (``tlLogic``) as plain records, nothing interpreted yet."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from traffic.errors import InputError
from traffic.sumo.records import number_of, records, text_of

__all__ = ["NetLogic", "NetPhase", "read_logic", "read_logics"]


@dataclass(frozen=True)
class NetPhase:
    """Seconds during which nothing changes, and the letter of every place.

    Attributes
    ----------
    name, max_s, yellow_s, red_s
        Of a NEMA phase: its number, its greatest green, and the yellow and red that follow it.
    """

    duration_s: float
    state: str
    name: str = ""
    max_s: float = 0.0
    yellow_s: float = 0.0
    red_s: float = 0.0


@dataclass(frozen=True)
class NetLogic:
    """A program of a traffic light."""

    light: str
    program: str
    kind: str
    offset_s: float
    phases: tuple[NetPhase, ...]
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def cycle_s(self) -> float:
        """Sum of all phases."""
        return sum(phase.duration_s for phase in self.phases)

    @property
    def controls(self) -> bool:
        """Whether some phase has green and no yellow; not where the light is off or flashes."""
        shown = [set(phase.state) for phase in self.phases if phase.duration_s > 0.0]
        return any(letters & {"G", "g"} and not letters & {"y", "Y"} for letters in shown)


def read_logics(path: str | os.PathLike[str]) -> tuple[NetLogic, ...]:
    """Return the programs of an additional file."""
    return tuple(read_logic(row, Path(path)) for row in records(path) if row.tag == "tlLogic")


def read_logic(element: ET.Element, path: Path) -> NetLogic:
    """Return the program that a ``<tlLogic>`` describes."""
    phases = tuple(_phase(phase, path) for phase in element.iter("phase"))
    light = text_of(element, "id", path)
    where = f"tlLogic {light}"
    if not phases or sum(phase.duration_s for phase in phases) <= 0:
        raise InputError("must have a phase that lasts", file=path, field=where)
    if len({len(phase.state) for phase in phases}) > 1:
        rule, value = "must have states of one length", [phase.state for phase in phases]
        raise InputError(rule, file=path, field=where, value=value)
    return NetLogic(
        light=light,
        program=element.get("programID", "0"),
        kind=element.get("type", "static"),
        offset_s=number_of(element, "offset", path, "0"),
        phases=phases,
        params={row.get("key", ""): row.get("value", "") for row in element.iter("param")},
    )


def _phase(element: ET.Element, path: Path) -> NetPhase:
    duration_s = number_of(element, "duration", path)
    return NetPhase(
        duration_s=duration_s,
        state=text_of(element, "state", path),
        name=element.get("name", ""),
        max_s=number_of(element, "maxDur", path, str(duration_s)),
        yellow_s=number_of(element, "yellow", path, "0"),
        red_s=number_of(element, "red", path, "0"),
    )

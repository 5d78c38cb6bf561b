"""How SUMO's vehicles follow each other, and what a lane can carry for it.

The saturation flow and the lost time of SUMO's default car-following model (Krauss) were measured on a queue at a signal,
for speeds from 6.5 to 19.4 m/s, straight on and turning, with SUMO 1.28 (`docs/sumo-optimize.md` has the table): a vehicle
follows every ``tau + (length + minGap) / speed + 0.16 + 0.4 sigma`` seconds, and the lost time is that of speeding up.
"""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from traffic.errors import InputError
from traffic.sumo.net_file import records

__all__ = ["DEFAULT_TYPE", "CarFollowing", "mean_following", "read_vehicle_types"]

DEFAULT_TYPE = "DEFAULT_VEHTYPE"
"""SUMO's id of the type of vehicles that name none."""

_REACTION_S = 0.16
_DAWDLE_S = 0.4
_BY_CLASS = {  # length, minGap, accel of the classes that differ from a passenger car
    "bus": (12.0, 2.5, 1.2),
    "coach": (14.0, 2.5, 2.0),
    "truck": (7.1, 2.5, 1.3),
    "trailer": (16.5, 2.5, 1.1),
    "delivery": (6.5, 2.5, 2.6),
    "motorcycle": (2.2, 2.5, 6.0),
    "moped": (2.1, 2.5, 1.1),
    "bicycle": (1.6, 0.5, 1.2),
    "emergency": (6.5, 2.5, 2.6),
}


@dataclass(frozen=True)
class CarFollowing:
    """A vehicle type, or the mean of some.

    Attributes
    ----------
    length_m, min_gap_m
        Of a vehicle, and of the gap to the one before it in a queue.
    tau_s
        Headway that drivers want, without the vehicle.
    sigma
        How far drivers fail to be perfect, from 0 to 1.
    accel_m_s2
        Acceleration.
    """

    length_m: float = 5.0
    min_gap_m: float = 2.5
    tau_s: float = 1.0
    sigma: float = 0.5
    accel_m_s2: float = 2.6

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0.0 if field.name in {"sigma", "min_gap_m"} else 0.01
            if not (math.isfinite(value) and value >= least):
                raise InputError(f"must be {least:g} or more", field=f"vType.{field.name}", value=value)

    @property
    def space_m(self) -> float:
        """Room of a vehicle in a queue."""
        return self.length_m + self.min_gap_m

    def saturation_veh_s(self, speed_m_s: float) -> float:
        """Return the saturation flow of a lane that is passed at `speed_m_s`."""
        return 1.0 / (self.tau_s + self.space_m / speed_m_s + _REACTION_S + _DAWDLE_S * self.sigma)


def read_vehicle_types(path: str | os.PathLike[str]) -> dict[str, CarFollowing]:
    """Return the vehicle types of a route or additional file by id."""
    return {
        element.get("id", ""): _type(element, Path(path))
        for element in records(path)
        if element.tag == "vType"
    }


def _type(element: ET.Element, path: Path) -> CarFollowing:
    standard = CarFollowing()
    length, gap, accel = _BY_CLASS.get(
        element.get("vClass", "passenger"), (standard.length_m, standard.min_gap_m, standard.accel_m_s2)
    )
    given = {"length": length, "minGap": gap, "tau": standard.tau_s, "sigma": standard.sigma, "accel": accel}
    values = []
    for name, default in given.items():
        text = element.get(name)
        try:
            values.append(default if text is None else float(text))
        except ValueError as error:
            field = f"vType {element.get('id', '')}, {name}"
            raise InputError("must be a number", file=path, field=field, value=text) from error
    return CarFollowing(*values)


def mean_following(types: Mapping[str, CarFollowing], used: Iterable[tuple[str, float]]) -> CarFollowing:
    """Return the mean of the types of vehicles; `used` holds a type and how many vehicles have it."""
    total, sums = 0.0, [0.0] * len(fields(CarFollowing))
    for name, vehicles in used:
        own = types.get(name, CarFollowing())
        total += vehicles
        sums = [s + vehicles * getattr(own, f.name) for s, f in zip(sums, fields(CarFollowing), strict=True)]
    return CarFollowing(*(value / total for value in sums)) if total > 0 else CarFollowing()

"""How SUMO's vehicles follow each other, and what a lane can carry for it.

The saturation flow and the lost time of SUMO's default car-following model (Krauss) were measured on a queue at a signal,
for speeds from 6.5 to 19.4 m/s, straight on and turning, with SUMO 1.28 (`docs/sumo-optimize.md` has the table): a vehicle
follows every ``tau + (length + minGap) / speed + 0.16 + 0.4 sigma`` seconds, and the lost time is that of speeding up.
"""

from __future__ import annotations

import math
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from traffic.errors import InputError
from traffic.sumo.records import records

__all__ = ["DEFAULT_TYPE", "CarFollowing", "mean_following", "read_vehicle_types"]

DEFAULT_TYPE = "DEFAULT_VEHTYPE"
"""SUMO's id of the type of vehicles that name none."""

_REACTION_S = 0.16
_DAWDLE_S = 0.4
_BY_CLASS = {  # length, minGap, accel, decel, maxSpeed of the classes that differ from a passenger car
    "bus": (12.0, 2.5, 1.2, 4.0, 85.0 / 3.6),
    "coach": (14.0, 2.5, 2.0, 4.0, 100.0 / 3.6),
    "truck": (7.1, 2.5, 1.3, 4.0, 130.0 / 3.6),
    "trailer": (16.5, 2.5, 1.1, 4.0, 130.0 / 3.6),
    "delivery": (6.5, 2.5, 2.6, 4.5, 200.0 / 3.6),
    "motorcycle": (2.2, 2.5, 6.0, 10.0, 200.0 / 3.6),
    "moped": (2.1, 2.5, 1.1, 7.0, 60.0 / 3.6),
    "bicycle": (1.6, 0.5, 1.2, 3.0, 50.0 / 3.6),
    "emergency": (6.5, 2.5, 2.6, 4.5, 200.0 / 3.6),
}
_NAMES = ("length", "minGap", "accel", "decel", "maxSpeed")
_DISTRIBUTION = re.compile(r"normc?\(\s*([^,()]+),\s*([^,()]+)[^()]*\)")


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
    accel_m_s2, decel_m_s2
        Acceleration, and deceleration in comfort.
    fastest_m_s
        What the vehicle can go at all.
    speed_factor, speed_dev
        Mean and standard deviation, over drivers, of the speed chosen as a share of the limit.
    """

    length_m: float = 5.0
    min_gap_m: float = 2.5
    tau_s: float = 1.0
    sigma: float = 0.5
    accel_m_s2: float = 2.6
    decel_m_s2: float = 4.5
    fastest_m_s: float = 200.0 / 3.6
    speed_factor: float = 1.0
    speed_dev: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0.0 if field.name in {"sigma", "min_gap_m", "speed_dev"} else 0.01
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
    car = (
        standard.length_m,
        standard.min_gap_m,
        standard.accel_m_s2,
        standard.decel_m_s2,
        standard.fastest_m_s,
    )
    by_class = _BY_CLASS.get(element.get("vClass", "passenger"), car)
    length, gap, accel, decel, fastest = (
        _number(element, name, default, path) for name, default in zip(_NAMES, by_class, strict=True)
    )
    factor, deviation = _speed_factor(element, standard, path)
    return CarFollowing(
        length_m=length,
        min_gap_m=gap,
        tau_s=_number(element, "tau", standard.tau_s, path),
        sigma=_number(element, "sigma", standard.sigma, path),
        accel_m_s2=accel,
        decel_m_s2=decel,
        fastest_m_s=fastest,
        speed_factor=factor,
        speed_dev=deviation,
    )


def _speed_factor(element: ET.Element, standard: CarFollowing, path: Path) -> tuple[float, float]:
    """Return mean and deviation of ``speedFactor``, a number or ``norm(MEAN, DEVIATION)``, and ``speedDev``."""
    given = _DISTRIBUTION.fullmatch(element.get("speedFactor", "").strip())
    if given is not None:
        mean, deviation = (_as_number(text, element, "speedFactor", path) for text in given.groups())
        return mean, deviation
    mean = _number(element, "speedFactor", standard.speed_factor, path)
    return mean, _number(element, "speedDev", standard.speed_dev, path)


def _number(element: ET.Element, name: str, default: float, path: Path) -> float:
    text = element.get(name)
    return default if text is None else _as_number(text, element, name, path)


def _as_number(text: str, element: ET.Element, name: str, path: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        field = f"vType {element.get('id', '')}, {name}"
        raise InputError("must be a number", file=path, field=field, value=text) from error


def mean_following(types: Mapping[str, CarFollowing], used: Iterable[tuple[str, float]]) -> CarFollowing:
    """Return the mean of the types of vehicles; `used` holds a type and how many vehicles have it."""
    total, sums = 0.0, [0.0] * len(fields(CarFollowing))
    for name, vehicles in used:
        own = types.get(name, CarFollowing())
        total += vehicles
        sums = [s + vehicles * getattr(own, f.name) for s, f in zip(sums, fields(CarFollowing), strict=True)]
    return CarFollowing(*(value / total for value in sums)) if total > 0 else CarFollowing()

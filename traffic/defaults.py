"""What is assumed of a road whose tags say nothing: lanes and speed by highway class and country.

Lanes in one direction
----------------------
Nearest whole number to the median of the 3,184 ways of central Porto Alegre (OSM, 2020) that carry a
``lanes`` tag, except that one-way residential streets count one lane, since the second is mostly used for
parking; and motorways and trunk roads, of which there are too few to count, by the usual cross section of
urban expressways.

=============== ======= =======
class           two-way one-way
=============== ======= =======
motorway, trunk 2       3
primary         2       3
secondary       2       3
tertiary        1       2
others, ramps   1       1
=============== ======= =======

Free speed
----------
The legal limit in built-up areas where one holds for the class, else a usual running speed. Kazakhstan and
Russia: 60 km/h in towns, 20 km/h in residential zones (road traffic rules, section on speed). Brazil: 80
km/h on rapid roads, 60 on arterial, 40 on collector and 30 on local roads (Código de Trânsito Brasileiro,
article 61). Others: 50 km/h (Vienna Convention practice). Streets of the lowest classes are driven more
slowly than the limit allows, 40 km/h.

Saturation flows by class are in `traffic.lanes`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from traffic.errors import InputError
from traffic.network import RoadClass

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "COUNTRIES",
    "HIGHWAY_CLASS",
    "default_lanes",
    "default_speed_km_h",
    "zone_speed_km_h",
]

HIGHWAY_CLASS: Mapping[str, RoadClass] = MappingProxyType(
    {
        "motorway": RoadClass.MOTORWAY,
        "trunk": RoadClass.TRUNK,
        "primary": RoadClass.PRIMARY,
        "secondary": RoadClass.SECONDARY,
        "tertiary": RoadClass.TERTIARY,
        "motorway_link": RoadClass.MOTORWAY,
        "trunk_link": RoadClass.TRUNK,
        "primary_link": RoadClass.PRIMARY,
        "secondary_link": RoadClass.SECONDARY,
        "tertiary_link": RoadClass.TERTIARY,
        "unclassified": RoadClass.UNCLASSIFIED,
        "road": RoadClass.UNCLASSIFIED,
        "residential": RoadClass.RESIDENTIAL,
        "living_street": RoadClass.RESIDENTIAL,
        "service": RoadClass.SERVICE,
    }
)
"""Class of each drivable ``highway`` value."""

_LANES_TWO_WAY = {
    RoadClass.MOTORWAY: 2,
    RoadClass.TRUNK: 2,
    RoadClass.PRIMARY: 2,
    RoadClass.SECONDARY: 2,
}
_LANES_ONE_WAY = {
    RoadClass.MOTORWAY: 3,
    RoadClass.TRUNK: 3,
    RoadClass.PRIMARY: 3,
    RoadClass.SECONDARY: 3,
    RoadClass.TERTIARY: 2,
}

_ELSEWHERE = ""
_SPEED_KM_H: Mapping[str, Mapping[str, float]] = {
    _ELSEWHERE: {
        "motorway": 100.0,
        "trunk": 70.0,
        "primary": 50.0,
        "secondary": 50.0,
        "tertiary": 50.0,
        "unclassified": 40.0,
        "residential": 40.0,
        "living_street": 20.0,
        "service": 20.0,
        "ramp": 40.0,
    },
    "KZ": {"motorway": 110.0, "trunk": 80.0, "primary": 60.0, "secondary": 60.0, "tertiary": 60.0},
    "RU": {"motorway": 110.0, "trunk": 80.0, "primary": 60.0, "secondary": 60.0, "tertiary": 60.0},
    "BR": {
        "motorway": 80.0,
        "trunk": 80.0,
        "primary": 60.0,
        "secondary": 60.0,
        "tertiary": 40.0,
        "unclassified": 40.0,
        "residential": 30.0,
    },
}

COUNTRIES = tuple(sorted(code for code in _SPEED_KM_H if code))
"""Countries with speeds of their own, as ISO 3166-1 codes."""

_SLOW_ZONES = {"living_street": 20.0, "walk": 7.0, "zone20": 20.0, "zone30": 30.0, "zone:30": 30.0}
_ZONES_KM_H: Mapping[str, Mapping[str, float]] = {
    _ELSEWHERE: {"urban": 50.0, "rural": 90.0, "trunk": 90.0, "motorway": 110.0},
    "KZ": {"urban": 60.0},
    "RU": {"urban": 60.0},
    "BY": {"urban": 60.0},
    "KG": {"urban": 60.0},
    "BR": {"urban": 60.0, "rural": 80.0},
}


def default_lanes(highway: str, *, one_way: bool) -> int:
    """Return the lanes in one direction of a road of a drivable ``highway`` value."""
    if highway.endswith("_link"):
        return 1
    table = _LANES_ONE_WAY if one_way else _LANES_TWO_WAY
    return table.get(HIGHWAY_CLASS[highway], 1)


def default_speed_km_h(highway: str, country: str | None = None) -> float:
    """Return the free speed of a road of a drivable ``highway`` value.

    Parameters
    ----------
    country
        ISO 3166-1 code of the country (`COUNTRIES`); `None` for the table of other countries.
    """
    table = _table(country)
    if highway.endswith("_link"):
        return _SPEED_KM_H[_ELSEWHERE]["ramp"]
    key = "unclassified" if highway == "road" else highway
    return table.get(key, _SPEED_KM_H[_ELSEWHERE][key])


def zone_speed_km_h(zone: str) -> float | None:
    """Return the limit meant by a ``maxspeed`` such as ``"RU:urban"``; `None` where it is unknown."""
    country, _, kind = zone.partition(":")
    kind = kind.lower()
    if kind in _SLOW_ZONES:
        return _SLOW_ZONES[kind]
    return _ZONES_KM_H.get(country.upper(), {}).get(kind, _ZONES_KM_H[_ELSEWHERE].get(kind))


def _table(country: str | None) -> Mapping[str, float]:
    if country is None:
        return _SPEED_KM_H[_ELSEWHERE]
    if country.upper() not in COUNTRIES:
        raise InputError(
            f"must be one of {', '.join(COUNTRIES)}",
            field="country",
            value=country,
            hint="Leave it out to use the speeds of other countries",
        )
    return _SPEED_KM_H[country.upper()]

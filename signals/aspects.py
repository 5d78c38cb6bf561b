"""What a signal shows, country by country, and the timing rules that stand behind it.

The presets are in `COUNTRIES`. Sources of the figures:

- ITE, *Guidelines for Determining Traffic Signal Change and Clearance Intervals* (2020): the kinematic
  yellow and the all-red time ``(W + L) / V``, perception time 1.0 s, deceleration 10 ft/s^2 = 3.05 m/s^2,
  vehicle of 20 ft, and 7 mph above the posted speed where the 85th percentile is not measured.
- MUTCD, 11th edition, sections 4F.17 (yellow 3 to 6 s) and 4I.06 (walk of 7 s, walking speed 3.5 ft/s).
- Highway Capacity Manual 2000, chapter 10, appendix A: when a left turn needs protection.
- Signal Timing Manual, 2nd edition (NCHRP 812), chapters 5 and 6: minimum greens, cycle limits.
- RiLSA 2015, section 2: red-amber of 1 s, entering time deducted at 40 km/h or more, vehicle of 6 m, clearing speed of turning
  vehicles 7 m/s, walking speed 1.2 m/s.
- Kazakhstan and its neighbours: green flashes for the last 3 s, yellow of 3 s, red with amber up to 2 s. No
  national figure was found for the rest, so that RiLSA's are taken.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from traffic.errors import InputError
from traffic.units import KM_H, MILE

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COUNTRIES", "Aspect", "CountryAspects", "SignalSettings"]

_FOOT_M = MILE / 5280.0
_MPH_M_S = MILE / 3600.0


class Aspect(IntEnum):
    """What a signal group shows in one second."""

    RED = 0
    RED_AMBER = 1
    GREEN = 2
    FLASHING_GREEN = 3
    YELLOW = 4


@dataclass(frozen=True)
class CountryAspects:
    """Seconds that a country's signals show between green and red.

    Attributes
    ----------
    flashing_green_s
        Flashing at the end of, and part of, the green, for vehicles and pedestrians.
    yellow_s
        Least yellow; a longer one comes from the ITE formula.
    red_amber_s
        Red with amber before the green of vehicles.
    """

    flashing_green_s: int
    yellow_s: int
    red_amber_s: int


@dataclass(frozen=True)
class SignalSettings:
    """Rules from which groups, intergreens and bounds of every junction are made.

    Attributes
    ----------
    country
        ISO 3166 code, for the record; `SignalSettings.of` returns the settings of one.
    aspects
        Flashing green, least yellow and red-amber.
    cycle_min_s, cycle_max_s
        Bounds of the cycle time.
    min_green_s, max_green_s
        Bounds of a vehicle green, flashing green included; no upper bound: `None`.
    walk_min_s
        Least walk of pedestrians, flashing green included, clearance not.
    walking_speed_m_s
        Speed for the pedestrian clearance time.
    perception_s, deceleration_m_s2, vehicle_length_m
        Driver and vehicle in the ITE formulas.
    speed_margin_m_s
        What the 85th percentile of approach speeds lies above the link's speed; the yellow is made for it.
    deducts_entering_time
        Whether the way of the first vehicle to enter is taken off the clearing time of vehicles against
        vehicles (conflict points); else the clearing time is the plain ``(W + L) / V``.
    entering_speed_m_s
        Least speed at which the first vehicle enters: slower roads have no more time deducted than this leaves.
    turning_speed_m_s
        Speed at which turning vehicles clear the junction.
    all_red_min_s
        Least time from the end of yellow to a conflicting green.
    lane_width_m
        Width of a lane in the junction's geometry.
    conflict_distance_m
        Vehicle paths whose centre lines come closer than this conflict.
    crossing_depth_m
        Depth of a pedestrian crossing along the road, with its distance to the stop line.
    left_yields_to_pedestrians
        Whether a left turn may have green together with the crossing of its exit leg.
    protected_left_veh_h
        A left turn of this flow or more is protected.
    protected_left_products
        Product of left and opposing flows ((veh/h)^2) from which a left turn is protected, against 1, 2, and
        3 or more opposing through lanes.
    protected_left_opposing_lanes, protected_left_lanes, protected_left_speed_m_s
        Opposing through lanes, own left lanes, and opposing speed from which a left turn is protected.
    """

    country: str = "KZ"
    aspects: CountryAspects = CountryAspects(flashing_green_s=3, yellow_s=3, red_amber_s=2)
    cycle_min_s: int = 40
    cycle_max_s: int = 120
    min_green_s: int = 7
    max_green_s: int | None = None
    walk_min_s: int = 7
    walking_speed_m_s: float = 1.2
    perception_s: float = 1.0
    deceleration_m_s2: float = 3.05
    vehicle_length_m: float = 6.0
    speed_margin_m_s: float = 0.0
    deducts_entering_time: bool = True
    entering_speed_m_s: float = 40.0 * KM_H
    turning_speed_m_s: float = 7.0
    all_red_min_s: int = 1
    lane_width_m: float = 3.25
    conflict_distance_m: float = 2.8
    crossing_depth_m: float = 5.0
    left_yields_to_pedestrians: bool = True
    protected_left_veh_h: float = 240.0
    protected_left_products: tuple[float, float, float] = (50_000.0, 90_000.0, 110_000.0)
    protected_left_opposing_lanes: int = 4
    protected_left_lanes: int = 2
    protected_left_speed_m_s: float = 20.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not (isfinite(value) and value >= 0):
                raise InputError("must be a finite number, 0 or more", field=field.name, value=value)
        for name in (
            "cycle_min_s",
            "min_green_s",
            "walk_min_s",
            "walking_speed_m_s",
            "deceleration_m_s2",
            "turning_speed_m_s",
            "entering_speed_m_s",
            "all_red_min_s",
            "lane_width_m",
        ):
            if not getattr(self, name) > 0:
                raise InputError("must be more than 0", field=name, value=getattr(self, name))
        if self.cycle_max_s < self.cycle_min_s:
            rule = f"must be cycle_min_s, {self.cycle_min_s}, or more"
            raise InputError(rule, field="cycle_max_s", value=self.cycle_max_s)
        if self.aspects.flashing_green_s > min(self.min_green_s, self.walk_min_s):
            rule = "must fit into the least green and the least walk"
            raise InputError(rule, field="aspects.flashing_green_s", value=self.aspects.flashing_green_s)

    @classmethod
    def of(cls, country: str, **changes: Any) -> SignalSettings:
        """Return the settings of `country` (a key of `COUNTRIES`), with `changes` of single fields."""
        preset = COUNTRIES.get(country.upper())
        if preset is None:
            known = ", ".join(COUNTRIES)
            hint = f"Known are {known}; elsewhere take the nearest of them and change what differs"
            raise InputError("must be a known country", field="country", value=country, hint=hint)
        for name in changes:
            if name not in cls.__dataclass_fields__:
                raise InputError("must be a field of SignalSettings", field=name)
        return replace(preset, **changes)


COUNTRIES: Mapping[str, SignalSettings] = MappingProxyType(
    {
        preset.country: preset
        for preset in (
            SignalSettings(),
            SignalSettings(
                country="BR", aspects=CountryAspects(flashing_green_s=0, yellow_s=3, red_amber_s=0)
            ),
            SignalSettings(
                country="US",
                aspects=CountryAspects(flashing_green_s=0, yellow_s=3, red_amber_s=0),
                walking_speed_m_s=3.5 * _FOOT_M,
                deceleration_m_s2=10.0 * _FOOT_M,
                vehicle_length_m=20.0 * _FOOT_M,
                speed_margin_m_s=7.0 * _MPH_M_S,
                deducts_entering_time=False,
            ),
            SignalSettings(
                country="DE", aspects=CountryAspects(flashing_green_s=0, yellow_s=3, red_amber_s=1)
            ),
        )
    }
)
"""Settings by ISO 3166 country code."""

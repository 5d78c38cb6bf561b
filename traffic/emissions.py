"""Fuel and carbon dioxide from distance, delay and stops.

The elemental model of TRANSYT-7F (Wallace et al., TRANSYT-7F Users Manual, University of Florida for FHWA; also used by
Synchro)::

    F = K1 TT + K2 D + K3 S
    K1 = 0.075283 - 0.0015892 V + 0.000015066 V^2    gallons per vehicle-mile
    K2 = 0.7329                                      gallons per vehicle-hour of delay
    K3 = 0.0000061411 V^2                            gallons per stop

with travel TT (vehicle-miles), delay D (vehicle-hours), stops S and cruise speed V (mile/h). It stands for the cars of
its time: use it to compare plans, not as an inventory. Carbon dioxide: 8.887 kg a US gallon of petrol (US EPA,
Greenhouse Gas Equivalencies).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traffic.units import MILE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CO2_KG_L", "fuel_l"]

_GALLON_L = 3.785411784
_MILE_H = MILE / 3600.0

CO2_KG_L = 8.887 / _GALLON_L
"""Carbon dioxide from a litre of petrol, kilograms."""


def fuel_l(
    distance_m: NDArray[np.float64] | float,
    delay_s: NDArray[np.float64] | float,
    stops: NDArray[np.float64] | float,
    speed_m_s: NDArray[np.float64] | float,
) -> NDArray[np.float64]:
    """Return the fuel burnt, litres, element by element.

    Parameters
    ----------
    distance_m
        Distance travelled, vehicle-metres.
    delay_s
        Delay, vehicle-seconds.
    stops
        Number of stops.
    speed_m_s
        Cruise (free) speed.
    """
    speed = np.asarray(speed_m_s, dtype=np.float64) / _MILE_H
    cruise = (0.075283 - 0.0015892 * speed + 0.000015066 * speed**2) * np.asarray(distance_m) / MILE
    idle = 0.7329 * np.asarray(delay_s) / 3600.0
    stopping = 0.0000061411 * speed**2 * np.asarray(stops)
    litres: NDArray[np.float64] = _GALLON_L * (cruise + idle + stopping)
    return litres

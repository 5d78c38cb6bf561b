"""Degrees as metres, near a place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["flat"]

_SQUARED = 0.00669437999014  # eccentricity of the ellipsoid, squared
_RADIUS_M = 6378137.0


def flat(
    lon: NDArray[np.float64], lat: NDArray[np.float64], middle: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return metres east and north of the middle, on the plane that touches the ellipsoid (WGS 84) there."""
    sine = np.sin(np.radians(middle[1]))
    root = np.sqrt(1.0 - _SQUARED * sine * sine)
    east_m = _RADIUS_M / root * np.cos(np.radians(middle[1]))
    north_m = _RADIUS_M * (1.0 - _SQUARED) / root**3
    return np.radians(lon - middle[0]) * east_m, np.radians(lat - middle[1]) * north_m

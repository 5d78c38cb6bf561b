"""Generated demand: a doubly constrained gravity model over zones.

Trips fall off with distance by a gamma function (Tanner 1961), which is 0 at distance 0 and so makes no trips
from one carriageway of a road to the other at the edge of the area; rows and columns are balanced to the trip
ends of the zones by Furness's method (Ortuzar and Willumsen, Modelling Transport, 4th edition, section 5.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traffic.arrays import require, require_finite
from traffic.errors import InputError
from traffic.od import ODMatrix
from traffic.zones import reachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from traffic.network import RoadNetwork
    from traffic.zones import Zones

__all__ = ["furness", "gravity", "trip_ends"]

_TOLERANCE = 1e-12
_SWEEPS = 2000
_LEAST_FACTOR = 1e-12


def furness(
    seed: NDArray[np.float64], productions: NDArray[np.float64], attractions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Scale rows and columns of `seed` so that they sum to `productions` and `attractions`.

    Where the zeros of `seed` do not allow both, the productions are kept and the attractions come out as near
    as the last sweep brought them. The total of the result is that of the productions to rounding error.

    Parameters
    ----------
    seed
        Zero or more; shape (n, n).
    productions, attractions
        Zero or more, of the same total; a positive one needs a positive seed in its row or column.
    """
    for field, values in (("seed", seed), ("productions", productions), ("attractions", attractions)):
        require_finite(field, values)
        require(values >= 0, field, "must be 0 or more", values)
    empty = (seed @ (attractions > 0) == 0) & (productions > 0)
    require(~empty, "productions", "must be 0 where no trip can be made", productions)
    empty = ((productions > 0) @ seed == 0) & (attractions > 0)
    require(~empty, "attractions", "must be 0 where no trip can be made", attractions)
    attractions = attractions * (productions.sum() / attractions.sum())
    row, column = np.ones(len(productions)), np.where(attractions > 0, 1.0, 0.0)
    for _ in range(_SWEEPS):
        row = _ratio(productions, seed @ column)
        reached = column * (row @ seed)
        if np.abs(reached - attractions).max() <= _TOLERANCE * attractions.max():
            break
        column = _ratio(attractions, row @ seed)
        # Where both sums cannot be had, the factors would grow without end.
        column = np.where(attractions > 0, np.maximum(column / column.max(), _LEAST_FACTOR), 0.0)
    row = _ratio(productions, seed @ column)
    matrix: NDArray[np.float64] = row[:, None] * seed * column[None, :]
    return matrix


def _ratio(target: NDArray[np.float64], present: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = present > 0
    return np.where(positive, target / np.where(positive, present, 1.0), 0.0)


def trip_ends(
    zones: Zones, *, total_veh_h: float, gateway_share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Divide `total_veh_h` among origins and among destinations by the zones' weights.

    Gateways get `gateway_share` of the trip ends where there are inner zones, too.
    """
    weight = np.zeros(len(zones))
    inner = ~zones.gateway
    for part, share in ((zones.gateway, gateway_share), (inner, 1.0 - gateway_share)):
        total = zones.weight[part].sum()
        if total > 0:
            weight[part] = zones.weight[part] / total * share
    ends = []
    for begin in (zones.entry_begin, zones.exit_begin):
        able = np.where(np.diff(begin) > 0, weight, 0.0)
        if able.sum() <= 0:
            rule = "needs zones of positive weight with entries and with exits"
            raise InputError(rule, field="zones.weight", value=float(zones.weight.sum()))
        ends.append(able / able.sum() * total_veh_h)
    return ends[0], ends[1]


def gravity(
    network: RoadNetwork,
    zones: Zones,
    *,
    total_veh_h: float,
    rng: np.random.Generator,
    gateway_share: float = 0.4,
    distance_scale_m: float = 3000.0,
    variation: float = 0.3,
    profile: Sequence[float] = (1.0,),
    period_s: float = 3600.0,
) -> ODMatrix:
    """Generate a matrix, labelled as generated.

    Parameters
    ----------
    total_veh_h
        Vehicles per hour of all trips; kept to 1e-9.
    rng
        Draws the variation: the same state, the same matrix.
    gateway_share
        Share of the trip ends at gateways.
    distance_scale_m
        The distance d0 in the deterrence ``(d / d0) exp(-d / d0)``, d as the crow flies.
    variation
        Standard deviation of the logarithm of a random factor on each zone's weight and each pair of zones.
    """
    for field, value in (
        ("total_veh_h", total_veh_h),
        ("distance_scale_m", distance_scale_m),
        ("period_s", period_s),
    ):
        if not (np.isfinite(value) and value > 0):
            raise InputError("must be more than 0", field=field, value=value)
    if not 0 <= gateway_share <= 1:
        raise InputError("must be from 0 to 1", field="gateway_share", value=gateway_share)
    if not (np.isfinite(variation) and variation >= 0):
        raise InputError("must be 0 or more", field="variation", value=variation)
    ends = trip_ends(zones, total_veh_h=total_veh_h, gateway_share=gateway_share)
    size = len(zones)
    noise = np.exp(variation * rng.standard_normal((size + 2, size)))
    distance = np.hypot(zones.x_m[:, None] - zones.x_m, zones.y_m[:, None] - zones.y_m) / distance_scale_m
    seed = distance * np.exp(-distance) * noise[2:]
    seed[~reachable(network, zones)] = 0.0
    np.fill_diagonal(seed, 0.0)
    productions, attractions = _possible(seed, ends[0] * noise[0], ends[1] * noise[1])
    trips = furness(seed, productions * (total_veh_h / productions.sum()), attractions)
    return ODMatrix(trips, np.asarray(profile, dtype=np.float64), period_s, "generated")


def _possible(
    seed: NDArray[np.float64], productions: NDArray[np.float64], attractions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the trip ends without those of zones that no trip can leave or reach."""
    while True:
        leaves = seed @ (attractions > 0) > 0
        reached = (productions > 0) @ seed > 0
        lost = ((productions > 0) & ~leaves).any() or ((attractions > 0) & ~reached).any()
        productions, attractions = np.where(leaves, productions, 0.0), np.where(reached, attractions, 0.0)
        if productions.sum() <= 0 or attractions.sum() <= 0:
            raise InputError("no zone can be reached from another", field="zones", value=len(seed))
        if not lost:
            return productions, attractions

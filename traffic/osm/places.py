"""Settlements and quarters of an extract, as poles of generated demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyproj import Transformer

from traffic.network import Places

if TYPE_CHECKING:
    from traffic.osm.extract import OsmExtract

__all__ = ["PLACE_WEIGHT", "network_places"]

PLACE_WEIGHT = {
    "city": 100_000.0,
    "town": 20_000.0,
    "borough": 20_000.0,
    "suburb": 10_000.0,
    "quarter": 4_000.0,
    "neighbourhood": 2_000.0,
    "village": 1_000.0,
    "hamlet": 200.0,
    "city_block": 200.0,
}
"""Weight of a place without a ``population`` tag: people, by order of magnitude of the kind."""


def network_places(extract: OsmExtract, crs: str) -> Places:
    """Return the places of an extract; their weight is the population, tagged or by kind."""
    places = extract.places
    if not len(places):
        return Places.none()
    x_m, y_m = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(places.lon, places.lat)
    by_kind = np.array([PLACE_WEIGHT.get(kind, 0.0) for kind in places.kind])
    tagged = places.population.astype(np.float64)
    near = np.isfinite(x_m) & np.isfinite(y_m)
    return Places(
        x_m=np.asarray(x_m)[near],
        y_m=np.asarray(y_m)[near],
        weight=np.where(tagged > 0, tagged, by_kind)[near],
        name=tuple(name for name, keep in zip(places.name, near, strict=True) if keep),
    )

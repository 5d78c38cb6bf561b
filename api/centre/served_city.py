"""The city that the service serves: its junctions, and who is whose neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from traffic.errors import InputError, UnknownError

if TYPE_CHECKING:
    from signals.junction import Junction

__all__ = ["ServedCity", "load_city"]


@dataclass(frozen=True)
class ServedCity:
    """Junctions of a scenario.

    Attributes
    ----------
    label
        What must be shown with every figure: "schematic", "OpenStreetMap" and so on.
    junctions
        By key, in the order of the network.
    neighbours
        Pairs of keys.
    """

    name: str
    label: str
    junctions: Mapping[str, Junction]
    neighbours: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the keys of the junctions."""
        return sha256("\n".join(sorted(self.junctions)).encode()).hexdigest()

    def junction(self, key: str) -> Junction:
        """Return a junction by its key."""
        if key not in self.junctions:
            raise UnknownError("must be a junction of the city", field="junction", value=key)
        return self.junctions[key]


def load_city(name: str) -> ServedCity:
    """Build the city of a scenario; takes seconds the first time."""
    from scenarios.loader import build, load  # noqa: PLC0415 - heavy, and not needed for --help
    from signals.coordinated import neighbours  # noqa: PLC0415

    city = build(load(name))
    keys = [junction.key for junction in city.junctions]
    if not keys:
        raise InputError("must have a junction with signals", field="city", value=name)
    return ServedCity(
        name,
        city.label,
        {junction.key: junction for junction in city.junctions},
        tuple((keys[one], keys[other]) for one, other in neighbours(city.network)),
    )

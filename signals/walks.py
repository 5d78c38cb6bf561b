"""Walks of people on foot: how far from one place of safety to the next, by the map or as the engineer measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.junction import GroupKind
from traffic.errors import InputError
from traffic.lanes import LANE_WIDTH_M

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from signals.junction import SignalGroup
    from traffic.network import RoadNetwork
    from traffic.overrides import JunctionOverride

__all__ = ["longest_walks_m", "overridden_walks_m"]

NARROWEST_LANE_M = 2.5
"""No lane of a road is narrower: a measured walk below that is a slip."""


def longest_walks_m(
    network: RoadNetwork, drawn_m: NDArray[np.float64], refuge: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """Return the longest walk of each pedestrian crossing without a place to wait, metres; shape (crossings,).

    A refuge stands between the two directions of a leg, so that the wider carriageway decides. Without one,
    and where the leg has one direction only, it is the whole crossing, a median in it included.

    Parameters
    ----------
    drawn_m
        Width of each crossing as drawn from the carriageways, from kerb to kerb; shape (crossings,).
    refuge
        Whether people can wait in the middle; default: what the network says; shape (crossings,).
    """
    crossings, links = network.crossings, network.links
    refuge = crossings.refuge if refuge is None else refuge
    divided = refuge & _both_ways(network)
    walks: NDArray[np.float64] = np.maximum(crossings.length_m, drawn_m)
    wider = np.maximum(
        links.lanes[crossings.in_link[divided]], links.running_lanes[crossings.out_link[divided]]
    )
    walks[divided] = wider * LANE_WIDTH_M
    return walks


def overridden_walks_m(
    network: RoadNetwork,
    drawn_m: NDArray[np.float64],
    groups: Sequence[Sequence[SignalGroup]],
    wishes: Mapping[str, JunctionOverride],
) -> NDArray[np.float64]:
    """Return `longest_walks_m` with the refuges and the measured walks of the engineer; shape (crossings,).

    Parameters
    ----------
    groups
        Signal groups of each junction.
    wishes
        Overrides by key of the junction.

    Raises
    ------
    InputError
        For a group that is none of people on foot, for a refuge in a road of one direction, and for a walk shorter
        than the lanes are wide.
    """
    refuge = network.crossings.refuge.copy()
    both_ways = _both_ways(network)
    measured: dict[int, float] = {}
    for key, made in zip(network.junctions.key, groups, strict=True):
        wish = wishes.get(key)
        if wish is None:
            continue
        for name, wanted in wish.refuge.items():
            rows = _crossings(made, name, f"signals.{key}.refuge")
            if wanted and not both_ways[rows].all():
                rule = "must be a crossing over both directions of a road: between them a refuge stands"
                raise InputError(rule, field=f"signals.{key}.refuge", value=name, hint="Give walk_m instead")
            refuge[rows] = wanted
        for name, metres in wish.walk_m.items():
            rows = _crossings(made, name, f"signals.{key}.walk_m")
            _require_plausible(network, rows, refuge, metres, f"signals.{key}.walk_m.{name}")
            measured |= dict.fromkeys(rows, metres)
    walks = longest_walks_m(network, drawn_m, refuge)
    walks[list(measured)] = list(measured.values())
    return walks


def _require_plausible(
    network: RoadNetwork, rows: list[int], refuge: NDArray[np.bool_], metres: float, field: str
) -> None:
    """Refuse a walk that is shorter than the lanes to cross are wide at the least."""
    crossings, links = network.crossings, network.links
    for row in rows:
        into, out_of = int(crossings.in_link[row]), int(crossings.out_link[row])
        lanes = [int(links.lanes[into])] * (into >= 0) + [int(links.running_lanes[out_of])] * (out_of >= 0)
        count = max(lanes) if refuge[row] else sum(lanes)
        if metres < count * NARROWEST_LANE_M:
            rule = f"must be {count * NARROWEST_LANE_M:g} m or more: {count} lanes of {NARROWEST_LANE_M:g} m"
            hint = "Correct the lanes of the way, or say that there is a refuge"
            raise InputError(rule, field=field, value=metres, hint=hint)


def _crossings(groups: Iterable[SignalGroup], name: str, field: str) -> list[int]:
    on_foot = {group.name: group for group in groups if group.kind == GroupKind.PEDESTRIAN}
    if name not in on_foot:
        known = ", ".join(on_foot) or "none"
        rule = "must be a pedestrian group of the junction"
        raise InputError(rule, field=field, value=name, hint=f"It has {known}")
    return list(on_foot[name].crossings)


def _both_ways(network: RoadNetwork) -> NDArray[np.bool_]:
    both: NDArray[np.bool_] = (network.crossings.in_link >= 0) & (network.crossings.out_link >= 0)
    return both

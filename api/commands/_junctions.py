"""What `jasyl scenario show` tells of junctions: all that a timing sheet, counts and overrides name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from signals.junction import GroupKind
from signals.optimize import usable_sequences
from traffic.errors import InputError
from traffic.network import JunctionKind, Turn
from traffic.turning_counts import compass_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scenarios.loader import City
    from signals.junction import Junction, SignalGroup
    from signals.sequence import StageSequence
    from traffic.network import RoadNetwork

__all__ = ["describe", "find_junction", "summary"]

_SOME = 5


def find_junction(junctions: Sequence[Junction], name: str) -> Junction:
    """Return the junction with this key, index or name, or the only one whose name holds it."""
    for junction in junctions:
        if name in {junction.key, str(junction.index)}:
            return junction
    wanted = name.casefold()
    exact = [junction for junction in junctions if junction.name.casefold() == wanted]
    found = exact or [junction for junction in junctions if wanted in junction.name.casefold()]
    if len(found) == 1:
        return found[0]
    rule = "must be the key, the index or the name of one junction"
    if found:
        some = ", ".join(f"{junction.key} ({junction.name})" for junction in found[:_SOME])
        hint = f"{len(found)} have this name: {some}{', ...' if len(found) > _SOME else ''}"
    else:
        close = get_close_matches(name, [n for j in junctions for n in (j.key, j.name)], n=_SOME)
        meant = f"Did you mean {', '.join(close)}? " if close else ""
        hint = f"{meant}List them with: jasyl scenario show SCENARIO --junctions"
    raise InputError(rule, field="--junction", value=name, hint=hint)


def summary(network: RoadNetwork, junction: Junction) -> dict[str, Any]:
    """Return a junction in one row."""
    row = junction.index
    return {
        "index": row,
        "key": junction.key,
        "name": junction.name,
        "kind": JunctionKind(network.junctions.kind[row]).name.lower(),
        "approaches": int((network.links.to_node == network.junctions.node[row]).sum()),
        "groups": len(junction.groups),
        "cycle_min_s": junction.cycle_min_s,
        "cycle_max_s": junction.cycle_max_s,
        "locked": junction.locked,
    }


def describe(city: City, junction: Junction) -> dict[str, Any]:
    """Return a junction with its legs, its signal groups and its stage sequences, the best or the present one first."""
    network = city.network
    sequences = usable_sequences(network, (junction,), city.demand, start=city.before)[0]
    return {
        **summary(network, junction),
        "osm_nodes": list(network.junctions.osm_nodes[junction.index]),
        "legs": _legs(network, junction),
        "signal_groups": [_group(network, group) for group in junction.groups],
        "stage_sequences": [_sequence(sequence) for sequence in sequences],
    }


def _legs(network: RoadNetwork, junction: Junction) -> list[dict[str, Any]]:
    """Return the links that arrive and leave, by the side on which turning counts look for them."""
    links, node = network.links, network.junctions.node[junction.index]
    legs = []
    for direction, ends in (("arrives", links.to_node), ("leaves", links.from_node)):
        for link in np.flatnonzero(ends == node).tolist():
            arrives = direction == "arrives"
            name = int(links.name[link])
            legs.append(
                {
                    "side": compass_side(network, link, at_end=arrives),
                    "traffic": direction,
                    "link": link,
                    "street": network.names[name] if name >= 0 else "",
                    "lanes": int(links.lanes[link] if arrives else links.running_lanes[link]),
                    "osm_way": int(links.osm_way[link]) or None,
                }
            )
    return legs


def _group(network: RoadNetwork, group: SignalGroup) -> dict[str, Any]:
    return {
        "group": group.name,
        "kind": "pedestrians" if group.kind == GroupKind.PEDESTRIAN else "vehicles",
        "min_green_s": group.min_green_s,
        "max_green_s": group.max_green_s,
        "yellow_s": group.yellow_s,
        "movements": [_movement(network, movement) for movement in group.movements],
    }


def _movement(network: RoadNetwork, movement: int) -> dict[str, Any]:
    moves = network.movements
    start, end = int(moves.in_link[movement]), int(moves.out_link[movement])
    return {
        "from": compass_side(network, start, at_end=True),
        "to": compass_side(network, end, at_end=False),
        "turn": Turn(moves.turn[movement]).name.lower().replace("_", "-"),
        "in_link": start,
        "out_link": end,
    }


def _sequence(sequence: StageSequence) -> dict[str, Any]:
    """Return the groups of each stage and small durations that are safe, which add up to the least cycle."""
    least = sequence.least_durations_s().tolist()
    stages = [
        {"stage": position, "groups": list(groups), "least_s": seconds}
        for position, (groups, seconds) in enumerate(zip(sequence.names(), least, strict=True), start=1)
    ]
    return {"least_cycle_s": max(sum(least), sequence.junction.cycle_min_s), "stages": stages}

"""Turning counts that contradict each other: more is counted at one end of a link than the other end lets pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.counts import BalanceSettings
    from traffic.network import RoadNetwork

__all__ = ["LinkCounts", "refuse_contradictions"]


@dataclass(frozen=True, eq=False)
class LinkCounts:
    """Counts of one interval as the links see them.

    Attributes
    ----------
    counted
        True for movements that were counted; shape (movements,).
    vehicles
        Vehicles in the interval, 0 where not counted; shape (movements,).
    open_start, open_end
        True for links on which any number may appear or vanish: gateways and dead ends; shape (links,).
    source
        Name of the file.
    """

    counted: NDArray[np.bool_]
    vehicles: NDArray[np.float64]
    open_start: NDArray[np.bool_]
    open_end: NDArray[np.bool_]
    source: str


def refuse_contradictions(network: RoadNetwork, counts: LinkCounts, settings: BalanceSettings) -> None:
    """Raise `InputError` where more is counted at one end of a link than the counts at its other end let pass.

    What passes there at most is known where all its movements there are counted, or those of the links beyond a
    node without counts; on each link beyond, a `mid_link_share` may come on top.
    """
    moves, links = network.movements, len(network.links)
    into, out_of = moves.out_link, moves.in_link
    worst = -1.0
    for upstream in (False, True):
        near, far = (out_of, into) if upstream else (into, out_of)
        open_side = counts.open_start if upstream else counts.open_end
        seen = np.bincount(near, counts.vehicles, links)
        most = _most(far, near, counts, open_side, 1.0 + settings.mid_link_share)
        bound = (settings.mid_link_share + settings.max_change) * seen + settings.allowance_veh
        excess = seen - most - bound
        link = int(excess.argmax())
        if excess[link] > max(worst, 0.0):
            worst = float(excess[link])
            beyond = _beyond(link, far, near, counts, most)
            ends = (beyond, link) if upstream else (link, beyond)
            whole = bool(counts.counted[near == link].all())
            shown = f"{seen[link]:.0f} vehicles" + ("" if whole else " or more")
            limit = f"{most[link]:.0f} vehicles" + ("" if beyond == link else " at most")
            told = (limit, shown) if upstream else (shown, limit)
            gap = f"a difference of {seen[link] - most[link]:.0f} where {bound[link]:.0f} may be"
    if worst > 0:
        start, end = (
            _name(network, network.links.from_node[ends[0]]),
            _name(network, network.links.to_node[ends[1]]),
        )
        rule = f"the counts cannot be balanced: {told[0]} leave {start} for {end} and {told[1]} arrive there, {gap}"
        hint = "Check the two counts and their times; to have one estimated instead, leave out all rows of its movements"
        raise InputError(rule, file=counts.source, field="count", hint=hint)


def _most(
    far: NDArray[np.int32],
    near: NDArray[np.int32],
    counts: LinkCounts,
    open_side: NDArray[np.bool_],
    growth: float,
) -> NDArray[np.float64]:
    """Return how many vehicles can be on each link at most by what is counted beyond it; shape (links,).

    `far` has the link itself for each of the movements there, `near` the link on their other side.
    """
    most = np.full(len(open_side), np.inf)
    for _ in range(len(most)):
        passing = np.where(counts.counted, counts.vehicles, growth * most[near])
        before, most = most, np.where(open_side, np.inf, np.bincount(far, passing, len(most)))
        if (most == before).all():
            break
    return most


def _beyond(
    link: int, far: NDArray[np.int32], near: NDArray[np.int32], counts: LinkCounts, most: NDArray[np.float64]
) -> int:
    """Return the link from `link` on at whose end all movements are counted, on the way that most can take."""
    while len(open_ways := near[(far == link) & ~counts.counted]):
        link = int(open_ways[most[open_ways].argmax()])
    return link


def _name(network: RoadNetwork, node: int) -> str:
    row = np.flatnonzero(network.junctions.node == node)
    if len(row):
        key, name = network.junctions.key[row[0]], network.junctions.name[row[0]]
        return f"junction {key}" + (f" ({name})" if name else "")
    return f"node {node}"

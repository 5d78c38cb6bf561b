"""Demand as single vehicles with routes, as SUMO takes it.

Vehicles enter with the entry flows of a `FlowDemand`. Each walks from link to link: at the end of every link
one draw decides, by the link's exit share and turning shares, whether it leaves or which movement it makes.
The shares are those of the demand period in which it would get there at free speed.

Who leaves from a link that leads on, to park or into a yard, does so anywhere along it, with equal chances:
at its very end all of them would have to queue at a signal that is not for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork
    from traffic.sumo.layout import SumoLayout

    F1 = NDArray[np.float64]
    I1 = NDArray[np.int64]

__all__ = ["Departures", "Trips", "routes_xml", "sample_trips"]

Departures = Literal["poisson", "even"]
"""Departures at random (a Poisson process for each entry link) or at equal headways."""

_MAX_LINKS = 10_000
_BRAKING_M_S2 = 4.5  # SUMO's passenger car
_SHORTEST_M = 10.0  # of a trip that ends on its first edge: SUMO's car takes up 5 m when it enters


@dataclass(frozen=True, eq=False)
class Trips:
    """Vehicles in the order of their departures.

    Attributes
    ----------
    depart_s
        When they are due to enter; shape (vehicles,).
    begin, link
        Vehicle v drives along ``link[begin[v]:begin[v + 1]]``.
    last_part
        How far it drives along its last link, as a part of the link: 1 where the link leads nowhere; shape
        (vehicles,).
    """

    depart_s: F1
    begin: I1
    link: I1
    last_part: F1

    def __len__(self) -> int:
        return len(self.depart_s)

    def route(self, vehicle: int) -> I1:
        """Return the links of one vehicle."""
        return self.link[self.begin[vehicle] : self.begin[vehicle + 1]]


def sample_trips(
    network: RoadNetwork,
    demand: FlowDemand,
    *,
    seed: int,
    duration_s: float,
    departures: Departures = "poisson",
) -> Trips:
    """Draw the vehicles that are due to enter from 0 to `duration_s`.

    Parameters
    ----------
    network, demand
        Where, how many and where to.
    seed
        Same seed, same vehicles.
    duration_s
        End of the departures, seconds.
    departures
        ``"poisson"``: headways of each entry link are exponential. ``"even"``: they are equal as long as the
        flow is, and the first vehicle comes at a random moment of the first headway, so that the expected
        numbers hold for small flows too.
    """
    demand.check(network)
    if not (np.isfinite(duration_s) and duration_s > 0):
        raise InputError("must be more than 0 s", field="duration_s", value=duration_s)
    rng = np.random.default_rng(seed)
    depart, entry = _departures(demand, rng, float(duration_s), departures)
    order = np.lexsort((entry, depart))
    depart, entry = depart[order], entry[order]
    vehicles, links = _walk(network, demand, rng, depart, entry)
    begin = np.r_[0, np.cumsum(np.bincount(vehicles, minlength=len(depart)))]
    link = links[np.argsort(vehicles, kind="stable")]
    leads_on = np.isin(link[begin[1:] - 1], network.movements.in_link)
    last_part = np.where(leads_on, rng.random(len(depart)), 1.0)
    return Trips(depart_s=depart, begin=begin, link=link, last_part=last_part)


def routes_xml(network: RoadNetwork, trips: Trips, layout: SumoLayout, length_m: Mapping[str, float]) -> str:
    """Return the ``.rou.xml``: SUMO's passenger car with its defaults, and every vehicle with its route.

    Vehicles enter at free speed, but on a short edge no faster than they could stop at its end: SUMO does not
    look further when it lets a vehicle in.

    Parameters
    ----------
    network, trips, layout
        The vehicles, and the edges of their links.
    length_m
        Length of each edge as `netconvert` drew it.
    """
    speed = [
        _entry_speed(float(free), length_m[edges[0]])
        for free, edges in zip(network.links.speed_m_s, layout.link_edges, strict=True)
    ]
    lines = ['    <vType id="car" vClass="passenger"/>\n']
    for vehicle, depart in enumerate(trips.depart_s.tolist()):
        *way, last = links = trips.route(vehicle).tolist()
        edges = [edge for link in way for edge in layout.link_edges[link]]
        part, arrival = float(trips.last_part[vehicle]), ""
        ends = layout.link_edges[last]
        if part < 1:
            ends, position_m = _arrival(ends, part, length_m)
            least_m = 0.0 if edges or len(ends) > 1 else _SHORTEST_M
            arrival = f' arrivalPos="{max(position_m, least_m):.2f}"'
        enters = f'depart="{depart:.2f}" departLane="best" departSpeed="{speed[links[0]]}"'
        route = f'<route edges="{" ".join((*edges, *ends))}"/>'
        lines.append(f'    <vehicle id="v{vehicle}" type="car" {enters}{arrival}>{route}</vehicle>\n')
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<routes>\n{"".join(lines)}</routes>\n'


def _entry_speed(free_m_s: float, edge_m: float) -> str:
    stopping_m_s = float(np.sqrt(2 * _BRAKING_M_S2 * edge_m))
    return "max" if stopping_m_s >= free_m_s else f"{stopping_m_s:.2f}"


def _arrival(
    edges: tuple[str, ...], part: float, length_m: Mapping[str, float]
) -> tuple[tuple[str, ...], float]:
    """Return the edges of a link up to a part of its length, and the position on the last of them."""
    rest_m = part * sum(length_m[edge] for edge in edges)
    for count, edge in enumerate(edges[:-1], start=1):
        if rest_m <= length_m[edge]:
            return edges[:count], rest_m
        rest_m -= length_m[edge]
    return edges, rest_m


def _departures(
    demand: FlowDemand, rng: np.random.Generator, duration_s: float, departures: Departures
) -> tuple[F1, I1]:
    """Draw the times and entry links of all vehicles."""
    inner = np.arange(1, demand.periods) * demand.period_s
    times = np.r_[0.0, inner[inner < duration_s], duration_s]
    rate = demand.entry_veh_s[: len(times) - 1]
    due = np.vstack([np.zeros(len(demand.entry_link)), np.cumsum(rate * np.diff(times)[:, None], axis=0)])
    found: list[F1] = []
    for column in due.T:
        # In units of expected vehicles the process has rate 1, whatever the flow does.
        if departures == "even":
            count = np.arange(int(column[-1]) + 1) + rng.random()
        else:
            count = np.cumsum(rng.standard_exponential(int(column[-1] + 10 * np.sqrt(column[-1]) + 20)))
        found.append(np.interp(count[count < column[-1]], column, times))
    entry = np.repeat(demand.entry_link.astype(np.int64), [len(one) for one in found])
    depart = np.concatenate(found) if found else np.empty(0)
    return depart, entry


def _walk(
    network: RoadNetwork, demand: FlowDemand, rng: np.random.Generator, depart: F1, entry: I1
) -> tuple[I1, I1]:
    """Return vehicle and link of every step of every route, in the order of the steps."""
    links, movements = network.links, network.movements
    free_s = links.length_m / links.speed_m_s
    ladder = _ladder(network, demand)
    leaves = demand.exit_share + (_onward(network, demand) <= 0)
    vehicle: I1 = np.arange(len(depart))
    link, clock = entry, depart
    steps: list[tuple[I1, I1]] = []
    while len(vehicle):
        if len(steps) == _MAX_LINKS:
            rule = f"must let every vehicle leave within {_MAX_LINKS} links"
            hint = "Give a link on the way an exit share"
            raise InputError(rule, field="exit_share", value=f"link {int(link[0])}", hint=hint)
        steps.append((vehicle, link))
        clock = clock + free_s[link]
        period = np.minimum(clock // demand.period_s, demand.periods - 1).astype(np.int64)
        draw = rng.random(len(vehicle))
        stays = draw >= leaves[period, link]
        vehicle, link, period = vehicle[stays], link[stays], period[stays]
        clock, draw = clock[stays], draw[stays]
        exits = leaves[period, link]
        target = link + np.minimum((draw - exits) / (1 - exits), np.nextafter(1.0, 0.0))
        movement = np.empty(len(vehicle), dtype=np.int64)
        for p in np.unique(period).tolist():
            chosen = period == p
            movement[chosen] = np.searchsorted(ladder[p], target[chosen], side="right")
        link = movements.out_link[movement].astype(np.int64)
    vehicles = np.concatenate([v for v, _ in steps]) if steps else np.empty(0, dtype=np.int64)
    return vehicles, np.concatenate([i for _, i in steps]) if steps else np.empty(0, dtype=np.int64)


def _onward(network: RoadNetwork, demand: FlowDemand) -> NDArray[np.float64]:
    """Return the sum of the movement shares of each link; shape (periods, links)."""
    onward = np.zeros_like(demand.exit_share)
    for period, share in enumerate(demand.movement_share):
        np.add.at(onward[period], network.movements.in_link, share)
    return onward


def _ladder(network: RoadNetwork, demand: FlowDemand) -> NDArray[np.float64]:
    """Return the running sum of the shares within each link, scaled to 1, plus the index of the link.

    A draw of ``link + part`` falls to the first movement above it. Shape (periods, movements).
    """
    in_link = network.movements.in_link
    onward = _onward(network, demand)[:, in_link]
    running = np.cumsum(demand.movement_share, axis=1)
    first = np.searchsorted(in_link, in_link)
    before = np.where(first > 0, running[:, np.maximum(first - 1, 0)], 0.0)
    part = (running - before) / np.where(onward > 0, onward, 1.0)
    last = np.searchsorted(in_link, in_link, side="right") - 1
    top = part[:, last]
    reached: NDArray[np.float64] = np.where(part >= top, 1.0, part)
    ladder: NDArray[np.float64] = in_link + reached
    return ladder

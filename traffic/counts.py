"""Turning counts: reading them, balancing them between junctions, and the demand that they show.

Counts of different days and observers do not agree: what leaves one junction is not what arrives at the next.
`balance` finds the flows that conserve vehicles on every link and change the counts least; between junctions
a stated share of the flow may appear or vanish (car parks, side streets).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array

from traffic.arrays import require_index
from traffic.assignment import shares
from traffic.balancing import nearest_balanced
from traffic.contradictions import LinkCounts, refuse_contradictions
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.network import Turn
from traffic.turning_counts import TurningCounts, read_turning_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["BalanceSettings", "BalancedCounts", "TurningCounts", "balance", "read_turning_counts"]

_ROUNDS = 30
_SETTLED = 1e-6
_LANE_VEH_S = 2000 / 3600  # most that a lane brings to a junction
_AT_LIMIT = 1 - 1e-6
_TURN_PRIOR = {Turn.RIGHT: 0.15, Turn.THROUGH: 0.7, Turn.LEFT: 0.15, Turn.U_TURN: 0.01}


@dataclass(frozen=True)
class BalanceSettings:
    """How far counts may be bent.

    Attributes
    ----------
    mid_link_share
        Share of a link's flow that may appear or vanish on it.
    max_change
        Share of a link's flow by which, beyond that, counts at its two ends may disagree.
    allowance_veh
        Vehicles in an interval by which they may disagree in any case.
    uncounted_weight
        Weight of the guess for an uncounted movement against a count of the same size.
    """

    mid_link_share: float = 0.10
    max_change: float = 0.20
    allowance_veh: float = 10.0
    uncounted_weight: float = 0.01

    def __post_init__(self) -> None:
        for field in ("mid_link_share", "max_change", "allowance_veh"):
            if not (np.isfinite(getattr(self, field)) and getattr(self, field) >= 0):
                raise InputError("must be 0 or more", field=field, value=getattr(self, field))
        if not 0 < self.uncounted_weight <= 1:
            raise InputError("must be in (0, 1]", field="uncounted_weight", value=self.uncounted_weight)


@dataclass(frozen=True, eq=False)
class BalancedCounts:
    """What balancing made of turning counts.

    Attributes
    ----------
    demand
        The demand that they show.
    rounds
        Rounds in which uncounted movements were guessed, in the interval that took most.
    last_change_veh
        By how much the last round still changed a flow, vehicles in an interval, in the interval where most.
    change_veh
        Balanced less counted vehicles of each counted movement in each interval; shape (intervals, counts).
    full_links
        Links into the area whose uncounted traffic was estimated at all that their lanes can bring, which is
        where the estimate ends and counts have to give way; shape (full links,).
    """

    demand: FlowDemand
    rounds: int
    last_change_veh: float
    change_veh: NDArray[np.float64]
    full_links: NDArray[np.intp]

    @property
    def largest_change(self) -> tuple[int, int]:
        """Interval and count (row and column of `change_veh`) that changed most."""
        row, column = np.unravel_index(int(np.abs(self.change_veh).argmax()), self.change_veh.shape)
        return int(row), int(column)


class _Balancer:
    """The balance equations of one network and one set of counted movements."""

    def __init__(self, counts: TurningCounts, network: RoadNetwork, settings: BalanceSettings) -> None:
        require_index("counts.movement", counts.movement, len(network.movements))
        self.counts, self.network, self.settings = counts, network, settings
        self.links, self.movements = len(network.links), len(network.movements)
        moves = network.movements
        self.counted = np.zeros(self.movements, dtype=bool)
        self.counted[counts.movement] = True
        ways_in = np.bincount(moves.out_link, minlength=self.links)
        ways_out = np.bincount(moves.in_link, minlength=self.links)
        gateway = network.nodes.gateway
        self.open_start = (ways_in == 0) | gateway[network.links.from_node]
        self.open_end = (ways_out == 0) | gateway[network.links.to_node]
        # variables: movements, then what appears on each link, then what vanishes there
        rows = np.r_[moves.out_link, moves.in_link, np.arange(self.links), np.arange(self.links)]
        columns = np.r_[np.arange(self.movements), np.arange(self.movements)]
        columns = np.r_[columns, self.movements + np.arange(2 * self.links)]
        ones = np.ones(self.movements)
        data = np.r_[ones, -ones, np.ones(self.links), -np.ones(self.links)]
        shape = (self.links, self.movements + 2 * self.links)
        self.matrix = csc_array((data, (rows, columns)), shape=shape)
        prior = np.array([_TURN_PRIOR[turn] for turn in Turn])[moves.turn]
        self.turn_share = prior / self._sum(moves.in_link, prior)[moves.in_link]

    def _sum(self, link: NDArray[np.int32], values: NDArray[np.generic]) -> NDArray[np.float64]:
        total = np.bincount(link, weights=values.astype(np.float64), minlength=self.links)
        return total.astype(np.float64)

    def refuse_contradictions(self, vehicles: NDArray[np.float64]) -> None:
        """Raise `InputError` where counts of one interval contradict each other by more than the bound."""
        count = np.zeros(self.movements)
        count[self.counts.movement] = vehicles
        seen = LinkCounts(self.counted, count, self.open_start, self.open_end, self.counts.source)
        refuse_contradictions(self.network, seen, self.settings)

    def solve(self, vehicles: NDArray[np.float64]) -> tuple[NDArray[np.float64], int, float]:
        """Return balanced flows of all variables, vehicles in the interval; the rounds, and the last one's change."""
        prior = np.zeros(self.matrix.shape[1])
        typical = max(float(vehicles.mean()), 1.0)
        prior[: self.movements] = typical * self.turn_share
        prior[self.counts.movement] = vehicles
        prior[self.movements : self.movements + self.links][self.open_start] = typical
        prior[self.movements + self.links :][self.open_end] = typical
        flow, rounds, change = prior, 0, np.inf
        limit = self.entry_limit(vehicles)
        while rounds < _ROUNDS and change > _SETTLED * typical:
            before = flow
            flow = nearest_balanced(self.matrix, *self._problem(prior, flow, limit))
            prior = self._guess(flow, vehicles)
            rounds, change = rounds + 1, float(np.abs(flow - before).max())
        return flow, rounds, change

    def entry_limit(self, vehicles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the most vehicles that may come into the area on each link in an interval; shape (links,).

        Without it what nobody counted at a gateway grows from round to round where a count needs more of it than
        its usual share. It is infinite where all is counted, and at least what the counts there show.
        """
        in_link = self.network.movements.in_link
        count = np.zeros(self.movements)
        count[self.counts.movement] = vehicles
        usual = self._sum(in_link, np.where(self.counted, self.turn_share, 0.0))
        shown = self._sum(in_link, count) / np.where(usual > 0, usual, 1.0)
        lanes = self.network.links.running_lanes * _LANE_VEH_S * self.counts.interval_s
        some_uncounted = self._sum(in_link, ~self.counted) > 0
        return np.where(self.open_start & some_uncounted, np.maximum(lanes, shown), np.inf)

    def _problem(
        self, prior: NDArray[np.float64], flow: NDArray[np.float64], limit: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return prior, weight and upper bound of all variables."""
        settings, moves = self.settings, self.network.movements
        weight = 1.0 / np.maximum(prior, 1.0)
        weight[: self.movements][~self.counted] *= settings.uncounted_weight
        upper = np.full(len(prior), np.inf)
        through = np.maximum(
            self._sum(moves.out_link, flow[: self.movements]),
            self._sum(moves.in_link, flow[: self.movements]),
        )
        allowed = settings.mid_link_share * through
        for part, free, most in ((0, self.open_start, limit), (1, self.open_end, np.inf)):
            span = slice(self.movements + part * self.links, self.movements + (part + 1) * self.links)
            spread = np.maximum(allowed / 2.0, 1.0)
            weight[span] = np.where(free, settings.uncounted_weight * weight[span], 1.0 / spread**2)
            upper[span] = np.where(free, most, allowed)
        return prior, weight, upper

    def _guess(self, flow: NDArray[np.float64], vehicles: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the priors for the next round: counts, and shares of what now uses the links."""
        moves = self.network.movements
        part = flow[: self.movements]
        prior = np.zeros_like(flow)
        using = self._sum(moves.in_link, part)
        rest = np.where(self.counted, 0.0, self.turn_share)
        rest_total = self._sum(moves.in_link, rest)[moves.in_link]
        uncounted = using - self._sum(moves.in_link, np.where(self.counted, part, 0.0))
        guess = np.where(rest_total > 0, rest / np.maximum(rest_total, 1e-12), 0.0) * uncounted[moves.in_link]
        prior[: self.movements] = guess
        prior[self.counts.movement] = vehicles
        appear = slice(self.movements, self.movements + self.links)
        vanish = slice(self.movements + self.links, None)
        prior[appear] = np.where(self.open_start, flow[appear], 0.0)
        prior[vanish] = np.where(self.open_end, flow[vanish], 0.0)
        return prior


def balance(
    counts: TurningCounts, network: RoadNetwork, *, settings: BalanceSettings | None = None
) -> BalancedCounts:
    """Return the demand that turning counts show, and how far they were bent.

    For each interval the flows x of all movements, and what appears and vanishes on each link, minimise
    ``sum (x - c)^2 / c`` over the counts c subject to conservation on every link (generalised least squares
    with a variance proportional to the count: Cascetta 1984, Transportation Research B 18, 289-299). Gateways
    are free up to what their lanes can bring (2,000 veh/h each). Uncounted movements are guessed, with little
    weight, as usual turning shares of what uses their link, in rounds until the guess settles. What appears or
    vanishes between junctions enters with a standard deviation of half its bound.

    Raises
    ------
    InputError
        Where more is counted at one end of a link than the counts at its other end let pass, by more than
        `settings` allow: names both junctions, the difference and the bound.
    """
    balancer = _Balancer(counts, network, settings or BalanceSettings())
    for row in counts.vehicles:
        balancer.refuse_contradictions(row)
    flows, rounds, changes = zip(*(balancer.solve(row) for row in counts.vehicles), strict=True)
    balanced = np.stack(flows)
    demand = _demand(network, balanced / counts.interval_s, counts.interval_s)
    appear = balanced[:, balancer.movements : balancer.movements + balancer.links]
    limits = np.stack([balancer.entry_limit(row) for row in counts.vehicles])
    return BalancedCounts(
        demand,
        max(rounds),
        max(changes),
        balanced[:, counts.movement] - counts.vehicles,
        np.flatnonzero((appear >= _AT_LIMIT * limits).any(axis=0)),
    )


def _demand(network: RoadNetwork, flow: NDArray[np.float64], interval_s: float) -> FlowDemand:
    """Return balanced flows of all variables (veh/s; shape (intervals, variables)) as a demand."""
    flow = np.where(flow < 1e-9, 0.0, flow)
    moves, links, movements = network.movements, len(network.links), len(network.movements)
    part, appear, vanish = np.split(flow, [movements, movements + links], axis=1)
    movement_share, exit_share = np.empty_like(part), np.empty_like(vanish)
    link_veh_s = appear.copy()
    for period in range(len(flow)):
        movement_share[period], exit_share[period] = shares(network, part[period], vanish[period])
        link_veh_s[period] += np.bincount(moves.out_link, weights=part[period], minlength=links)
    entries = np.flatnonzero(appear.any(axis=0))
    return FlowDemand(
        period_s=interval_s,
        entry_link=entries.astype(np.int32),
        entry_veh_s=appear[:, entries],
        movement_share=movement_share,
        exit_share=exit_share,
        link_veh_s=link_veh_s,
        source="turning counts",
    )

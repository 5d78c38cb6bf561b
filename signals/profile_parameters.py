"""What the cyclic profile model takes besides network and plans: parameters, weights, mean demand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError
from traffic.flow import FlowParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.demand import FlowDemand
    from traffic.network import RoadNetwork

__all__ = ["MeanDemand", "ProfileParameters", "Weights", "mean_demand"]

_FLOW_ROUNDS = 2000


@dataclass(frozen=True)
class ProfileParameters:
    """Parameters of the cyclic profile model.

    Attributes
    ----------
    flow
        Start-up loss, use of the yellow, gap acceptance and jam density, as in the flow model.
    dispersion
        Robertson's alpha. Platoons travel so that their mean takes the free travel time:
        beta = 1 / (1 + alpha).
    period_s
        Analysis period T of the random and oversaturation term.
    randomness
        8 k I of HCM 2000, equation 16-12: 4 for random arrivals at pretimed signals, 0 for none.
    stop_queue_veh
        A vehicle that finds a shorter queue counts as a part of a stop.
    overflow_weight
        Seconds of delay per second for each vehicle of a queue beyond the storage of its lanes.
    """

    flow: FlowParameters = field(default_factory=FlowParameters)
    dispersion: float = 0.1
    period_s: float = 3600.0
    randomness: float = 1.0
    stop_queue_veh: float = 0.1
    overflow_weight: float = 10.0

    def __post_init__(self) -> None:
        for name in ("dispersion", "period_s", "randomness", "stop_queue_veh", "overflow_weight"):
            value = getattr(self, name)
            positive = name in {"period_s", "stop_queue_veh"}
            if not np.isfinite(value) or value < 0 or (positive and value == 0):
                rule = "must be more than 0" if positive else "must be 0 or more"
                raise InputError(rule, field=f"ProfileParameters.{name}", value=value)


class Weights(NamedTuple):
    """What a second of delay and a stop cost on each link; shape (links,)."""

    delay: NDArray[np.float64]
    stop_s: NDArray[np.float64]


class MeanDemand(NamedTuple):
    """Demand averaged over the analysis period.

    Attributes
    ----------
    entry_veh_s, link_veh_s, exit_share
        Entering flow, total flow and share that ends, of each link; shape (links,).
    movement_share
        Share of the vehicles at the end of the in-link; shape (movements,).
    """

    entry_veh_s: NDArray[np.float64]
    link_veh_s: NDArray[np.float64]
    exit_share: NDArray[np.float64]
    movement_share: NDArray[np.float64]


def mean_demand(network: RoadNetwork, demand: FlowDemand, duration_s: float) -> MeanDemand:
    """Return the mean demand of the first `duration_s` seconds; link flows follow from entries and shares."""
    demand.check(network)
    if not (np.isfinite(duration_s) and duration_s > 0):
        raise InputError("must be more than 0 s", field="duration_s", value=duration_s)
    edges = np.minimum(np.arange(demand.periods + 1) * demand.period_s, duration_s)
    edges[-1] = duration_s
    weight = np.diff(edges) / duration_s
    entry = np.zeros(len(network.links))
    np.add.at(entry, demand.entry_link, weight @ demand.entry_veh_s)
    flows = demand.link_veh_s * weight[:, None]
    total = flows.sum(axis=0)
    used = total > 0
    mix = np.where(used, flows / np.where(used, total, 1.0), weight[:, None])
    exits = (mix * demand.exit_share).sum(axis=0)
    shares = (mix[:, network.movements.in_link] * demand.movement_share).sum(axis=0)
    return MeanDemand(entry, _loaded(network, entry, shares), exits, shares)


def _loaded(
    network: RoadNetwork, entry: NDArray[np.float64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the link flows that entries and turning shares lead to."""
    source, target = network.movements.in_link, network.movements.out_link
    flow = entry
    for _ in range(_FLOW_ROUNDS):
        reached = entry + np.bincount(target, weights=flow[source] * shares, minlength=len(entry))
        change = np.abs(reached - flow).max(initial=0.0)
        flow = reached
        if change < 1e-12:
            break
    return flow

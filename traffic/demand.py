"""Traffic demand as the flow model takes it: entering flows, turning shares and exits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from traffic.arrays import frozen, require, require_finite, require_index
from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic.network import RoadNetwork

__all__ = ["FlowDemand"]

_SHARE_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class FlowDemand:
    """Time-dependent entering flows and turning shares on the links of one network.

    Vehicles enter at the upstream end of a link and leave at the downstream end of a link, before its stop
    line, as they do in SUMO.

    Attributes
    ----------
    period_s
        Length of one demand period, seconds.
    entry_link
        Links on which vehicles enter; shape (entries,).
    entry_veh_s
        Entering flow, vehicles per second; shape (periods, entries).
    movement_share
        Share of the vehicles at the end of the in-link that make the movement; shape (periods, movements).
    exit_share
        Share of the vehicles at the end of the link that leave the network; shape (periods, links).
        On each link the movement shares and the exit share sum to 1.
    link_veh_s
        Expected (assigned) flow of each link, vehicles per second; shape (periods, links). Planning uses
        it, the flow model does not.
    source
        Where the demand comes from, e.g. ``"generated"``, ``"turning counts"``.
    """

    period_s: float
    entry_link: NDArray[np.int32]
    entry_veh_s: NDArray[np.float64]
    movement_share: NDArray[np.float64]
    exit_share: NDArray[np.float64]
    link_veh_s: NDArray[np.float64]
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "entry_link", frozen(self.entry_link, np.int32))
        for field in ("entry_veh_s", "movement_share", "exit_share", "link_veh_s"):
            values = frozen(getattr(self, field), np.float64)
            object.__setattr__(self, field, values)
            require_finite(field, values)
            require(values >= 0, field, "must be 0 or more", values)
            if values.ndim != 2 or len(values) != len(self.entry_veh_s):
                rule = "must have one row for each demand period"
                raise InputError(rule, field=field, value=values.shape)
        if not (np.isfinite(self.period_s) and self.period_s > 0):
            raise InputError("must be more than 0 s", field="period_s", value=self.period_s)
        if self.entry_veh_s.shape[1] != len(self.entry_link):
            rule = f"must have {len(self.entry_link)} columns, one for each entry link"
            raise InputError(rule, field="entry_veh_s", value=self.entry_veh_s.shape[1])

    @property
    def periods(self) -> int:
        """Number of demand periods; the last one goes on for ever."""
        return len(self.entry_veh_s)

    def check(self, network: RoadNetwork) -> None:
        """Raise `InputError` unless the demand fits `network` and its shares sum to 1 on each link."""
        links, movements = len(network.links), len(network.movements)
        require_index("entry_link", self.entry_link, links)
        for field, columns in (
            ("movement_share", movements),
            ("exit_share", links),
            ("link_veh_s", links),
        ):
            shape = getattr(self, field).shape
            if shape[1] != columns:
                raise InputError(f"must have {columns} columns", field=field, value=shape[1])
        total = self.exit_share.copy()
        for period in range(self.periods):
            np.add.at(total[period], network.movements.in_link, self.movement_share[period])
        rule = "movement shares and exit share of a link must sum to 1"
        require(np.abs(total - 1.0) <= _SHARE_TOLERANCE, "movement_share", rule, total)

    def scaled(self, factor: float) -> FlowDemand:
        """Return the demand with all flows multiplied by `factor`."""
        if not (np.isfinite(factor) and factor >= 0):
            raise InputError("must be 0 or more", field="scale", value=factor)
        return replace(self, entry_veh_s=self.entry_veh_s * factor, link_veh_s=self.link_veh_s * factor)

    def movement_veh_s(self, network: RoadNetwork, period: int = 0) -> NDArray[np.float64]:
        """Return the expected flow of every movement in one period, vehicles per second."""
        shares = self.movement_share[period]
        return np.asarray(self.link_veh_s[period, network.movements.in_link] * shares, dtype=np.float64)

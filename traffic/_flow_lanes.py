"""Lane choice: how much of each movement uses each of its lane groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traffic._kernels_flow_lanes import spread
from traffic._kernels_flow_tables import CONN_SAT, GROUP_CONN, LINK_GROUP
from traffic.arrays import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from traffic._kernels_flow_tables import Tables

__all__ = ["lane_shares"]

_NOBODY = 1e-12


def lane_shares(
    packed: Tables, movement: NDArray[np.int32], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the share of each connection, given the share of its movement.

    A movement with several lane groups spreads so that their flow ratios (flow over saturation flow) are
    equal where it uses them: drivers choose the lane that moves on soonest.
    """
    part = np.zeros(len(movement))
    groups = packed.group.shape[1]
    group_conn = packed.group_at[GROUP_CONN]
    group = np.repeat(np.arange(groups), np.diff(group_conn))
    spread(
        frozen(group_conn[packed.link_at[LINK_GROUP]], np.int32),
        frozen(group, np.int32),
        frozen(movement, np.int32),
        frozen(packed.conn[CONN_SAT], np.float64),
        frozen(share, np.float64),
        np.zeros(groups),
        part,
    )
    part[part < _NOBODY] = 0.0
    return part

"""The map of the report: link geometry, simplified, rounded and packed into short lists of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from api.report.measures import Case
    from traffic.network import RoadNetwork

    F1 = NDArray[np.float64]

__all__ = ["Frame", "map_data"]

_TOLERANCE_M = 1.5


class Frame:
    """Whole metres east and north of the network's south-western corner, which keeps numbers short."""

    def __init__(self, network: RoadNetwork) -> None:
        x, y = network.shape_x_m, network.shape_y_m
        self.west, self.south = float(np.floor(x.min())), float(np.floor(y.min()))
        self.width, self.height = int(np.ceil(x.max() - self.west)), int(np.ceil(y.max() - self.south))

    def point(self, x_m: float, y_m: float) -> tuple[int, int]:
        """Return one position in the frame."""
        return round(x_m - self.west), round(y_m - self.south)

    def lines(self, network: RoadNetwork) -> list[list[int]]:
        """Return every link as ``[x, y, dx, dy, dx, dy, ...]``, simplified to 1.5 m."""
        counts = np.diff(np.r_[network.links.shape_start, len(network.shape_x_m)])
        owner = np.repeat(np.arange(len(counts)), counts)
        points = np.column_stack([network.shape_x_m - self.west, network.shape_y_m - self.south])
        simple = shapely.simplify(shapely.linestrings(points, indices=owner), _TOLERANCE_M)
        xy, owner = shapely.get_coordinates(simple, return_index=True)
        whole = np.rint(xy).astype(np.int64)
        first = np.r_[True, np.diff(owner) > 0]
        steps = np.where(first[:, None], whole, np.diff(whole, axis=0, prepend=0))
        parts = np.split(steps, np.flatnonzero(first)[1:])
        return [part.ravel().tolist() for part in parts]


def map_data(network: RoadNetwork, frame: Frame, cases: list[Case]) -> dict[str, Any]:
    """Return the map: links with flow in full, all others once as thin background.

    A full link is ``[street name, lanes, length_m, speed_km_h, junction or -1, line]`` and, for each case,
    ``[flow_veh_h, X in percent, delay_s_per_veh]`` in a table of its own.
    """
    links = network.links
    lines = frame.lines(network)
    busy = np.zeros(len(links), dtype=bool)
    for case in cases:
        busy |= case.link_flow_veh_h >= 1
    governor = np.full(len(network.nodes), -1, dtype=np.int64)
    governor[network.junctions.node] = np.arange(len(network.junctions))
    rows = np.flatnonzero(busy).tolist()
    full = [
        [
            int(links.name[row]),
            int(links.running_lanes[row]),
            round(float(links.length_m[row])),
            round(float(links.speed_m_s[row]) * 3.6),
            int(governor[links.to_node[row]]),
            lines[row],
        ]
        for row in rows
    ]
    return {
        "size": [frame.width, frame.height],
        "full": full,
        "cases": [[case.link_row(row) for row in rows] for case in cases],
        "thin": [lines[row] for row in _once(network, ~busy)],
    }


def _once(network: RoadNetwork, wanted: NDArray[np.bool_]) -> list[int]:
    """Return the wanted links, of the two directions of a road only one."""
    links = network.links
    kept: dict[tuple[int, int, int], int] = {}
    for row in np.flatnonzero(wanted).tolist():
        ends = (int(links.from_node[row]), int(links.to_node[row]))
        key = (min(ends), max(ends), round(float(links.length_m[row])))
        kept.setdefault(key, row)
    return list(kept.values())

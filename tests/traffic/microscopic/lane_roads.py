"""Small lane networks for the microscopic model: roads that cross, merge or go on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from traffic.arrays import frozen
from traffic.microscopic import _kernels_tables as t
from traffic.microscopic._kernels_run import simulate
from traffic.microscopic.lanes import LaneNetwork
from traffic.microscopic.model import Lights, MicroscopicModel, Vehicles

SPEED_M_S = 15.0


def network(
    lanes: Sequence[float],
    ways: Sequence[tuple[int, int]],
    *,
    edges: Sequence[int] | None = None,
    foes: Sequence[tuple[int, int, bool]] = (),
    lights: Sequence[int] | None = None,
    way_m: float = 10.0,
    stop_m: float = 0.0,
) -> LaneNetwork:
    """Return lanes of these lengths, each an edge of its own unless `edges` tells the number of lanes of each edge.

    `foes` holds connection, foe and whether the first gives way; ways are crossed in their middle.
    """
    count = len(ways)
    rows = sorted(foes)
    return LaneNetwork(
        edge_lane=np.cumsum([0, *(edges or [1] * len(lanes))]).astype(np.int32),
        lane_length_m=np.array(lanes, dtype=np.float64),
        lane_speed_m_s=np.full(len(lanes), SPEED_M_S),
        from_lane=np.array([a for a, _ in ways], dtype=np.int32),
        to_lane=np.array([b for _, b in ways], dtype=np.int32),
        way_length_m=np.full(count, way_m),
        way_speed_m_s=np.full(count, SPEED_M_S),
        stop_m=np.full(count, stop_m),
        light=np.array(lights if lights is not None else [-1] * count, dtype=np.int32),
        place=np.zeros(count, dtype=np.int32),
        keeps_clear=np.array([any(c in row[:2] for row in rows) for c in range(count)]),
        foe_begin=np.searchsorted([c for c, _, _ in rows], np.arange(count + 1)).astype(np.int32),
        foe=np.array([f for _, f, _ in rows], dtype=np.int32),
        yields=np.array([y for _, _, y in rows], dtype=bool),
        meets_from_m=np.full(len(rows), 0.3 * way_m),
        meets_until_m=np.full(len(rows), 0.7 * way_m),
    )


def vehicles(
    departs: Sequence[tuple[float, tuple[int, ...]]], *, sigma: float = 0.0, factor: float = 1.0
) -> Vehicles:
    """Return passenger cars that depart at these times on these routes."""
    rows = sorted(departs)
    count = len(rows)

    def all_have(value: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.full(count, value)

    return Vehicles(
        depart_s=np.array([time for time, _ in rows], dtype=np.float64),
        depart_speed_m_s=all_have(np.inf),
        depart_lane=np.full(count, t.ANY_BEST, dtype=np.int32),
        length_m=all_have(5.0),
        min_gap_m=all_have(2.5),
        accel_m_s2=all_have(2.6),
        decel_m_s2=all_have(4.5),
        sigma=all_have(sigma),
        tau_s=all_have(1.0),
        speed_factor=all_have(factor),
        fastest_m_s=all_have(50.0),
        routes=tuple(route for _, route in rows),
    )


def signals(*cycles: Sequence[int]) -> Lights:
    """Return lights of one place each; a cycle holds what is shown second by second."""
    lengths = [len(cycle) for cycle in cycles]
    begin = np.cumsum([0, *lengths[:-1]]) if lengths else np.zeros(0)
    return Lights(
        frozen(begin, np.int32),
        frozen(lengths, np.int32),
        frozen([1] * len(lengths), np.int32),
        frozen([shown for cycle in cycles for shown in cycle], np.uint8),
    )


def world_after(model: MicroscopicModel, lights: Lights, duration_s: int, *, seed: int = 1) -> t.World:
    """Return the tables of an empty network after a run of `duration_s` seconds."""
    world, d = model._world(), model.drivers
    habits = t.Habits(
        d.sight_m, d.stop_line_m, d.lookahead_s, d.help_m_s2, d.eager, d.impatience_s, model.teleport_s, seed
    )
    simulate(world, lights, habits, duration_s)
    return world

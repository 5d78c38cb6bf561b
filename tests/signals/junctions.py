"""Junctions for tests: from roads, through `assemble`, and straight from random tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from signals.junction import Conflict, GroupKind, Junction, SignalGroup
from traffic.assemble import assemble
from traffic.network import JunctionKind, RoadClass, RoadNetwork, Turn
from traffic.specs import JunctionSpec, LinkSpec, NodeSpec
from traffic.units import KM_H

ARM_M = 250.0


@dataclass(frozen=True)
class Leg:
    """One leg of a junction; lanes of 0: no traffic that way."""

    angle_deg: float
    lanes_in: int = 1
    lanes_out: int = 1
    left_bays: int = 0
    right_bays: int = 0
    speed_km_h: float = 50.0
    crossing: bool | None = None
    refuge: bool = False
    road_class: RoadClass = RoadClass.PRIMARY


def network_of(
    legs: list[Leg],
    *,
    kind: JunctionKind = JunctionKind.INTERSECTION,
    u_turns: bool = False,
    key: str = "centre",
) -> RoadNetwork:
    """A single junction whose legs end in gateways; leg i has the node i + 1."""
    nodes = [NodeSpec(0.0, 0.0, junction=JunctionSpec(key, "Centre", kind))]
    links = []
    for number, leg in enumerate(legs, start=1):
        angle = np.radians(leg.angle_deg)
        end = np.array([np.cos(angle), np.sin(angle)]) * ARM_M
        nodes.append(NodeSpec(float(end[0]), float(end[1]), gateway=True))
        way_in = np.vstack([end, [0.0, 0.0]])
        common = {
            "speed_m_s": leg.speed_km_h * KM_H,
            "road_class": leg.road_class,
            "name": f"street {number}",
            "crossing": leg.crossing,
            "refuge": leg.refuge,
        }
        if leg.lanes_in:
            links.append(
                LinkSpec(
                    number,
                    0,
                    way_in,
                    running_lanes=leg.lanes_in,
                    left_bay_lanes=leg.left_bays,
                    right_bay_lanes=leg.right_bays,
                    **common,
                )
            )
        if leg.lanes_out:
            links.append(LinkSpec(0, number, way_in[::-1], running_lanes=leg.lanes_out, **common))
    return assemble("test", "EPSG:32643", nodes, links, u_turns=u_turns)


def leg_of_link(network: RoadNetwork) -> dict[int, int]:
    """The leg that each link of a single junction belongs to."""
    links = network.links
    ends = zip(links.from_node.tolist(), links.to_node.tolist(), strict=True)
    return {link: max(nodes) - 1 for link, nodes in enumerate(ends)}


def outer_lanes(network: RoadNetwork, movement: int) -> tuple[list[int], list[int]]:
    """Rightmost and leftmost lane of a movement at the stop line, and at the exit."""
    groups = network.connections.lane_group[network.connections.movement == movement]
    first = network.lane_groups.first_lane[groups].astype(int)
    low, high = int(first.min()), int((first + network.lane_groups.lanes[groups]).max()) - 1
    exits = int(network.links.running_lanes[network.movements.out_link[movement]])
    if network.movements.turn[movement] == Turn.RIGHT:
        return [low, high], [0, min(high - low, exits - 1)]
    return [low, high], [max(exits - 1 - high + low, 0), exits - 1]


def crossroads(lanes: int = 1, **leg: object) -> list[Leg]:
    """Four equal legs: E, N, W, S."""
    return [Leg(angle, lanes, lanes, **leg) for angle in (0.0, 90.0, 180.0, 270.0)]  # type: ignore[arg-type]


@st.composite
def leg_lists(draw: st.DrawFn) -> list[Leg]:
    """Three to five legs, 35 degrees apart or more, some one-way, with all kinds of lanes and crossings."""
    count = draw(st.integers(3, 5))
    gaps = draw(st.lists(st.integers(0, 100), min_size=count, max_size=count))
    spare = 360.0 - 35.0 * count
    widths = [35.0 + spare * gap / max(sum(gaps), 1) for gap in gaps]
    if not any(gaps):
        widths = [360.0 / count] * count
    angles = np.cumsum([float(draw(st.integers(0, 359))), *widths[:-1]])
    legs = []
    for number, angle in enumerate(angles.tolist()):
        way = draw(st.sampled_from(("both", "both", "both", "in", "out"))) if number > 1 else "both"
        lanes_in = draw(st.integers(1, 3)) if way != "out" else 0
        legs.append(
            Leg(
                angle_deg=angle % 360.0,
                lanes_in=lanes_in,
                lanes_out=draw(st.integers(1, 3)) if way != "in" else 0,
                left_bays=draw(st.integers(0, 1)),
                right_bays=draw(st.integers(0, 1)),
                speed_km_h=draw(st.sampled_from((30.0, 50.0, 60.0, 80.0))),
                crossing=draw(st.sampled_from((None, None, True, False))),
                refuge=draw(st.booleans()),
            )
        )
    return legs


def random_junction(rng: np.random.Generator) -> Junction:
    """A junction from random tables: 2 to 7 groups, some of them pedestrians, sparse to dense conflicts."""
    size = int(rng.integers(2, 8))
    walks = rng.random(size) < 0.3
    walks[0] = False
    groups = []
    for g in range(size):
        least = int(rng.integers(1, 10))
        bounded = rng.random() < 0.3
        groups.append(
            SignalGroup(
                name=f"G{g}",
                kind=GroupKind.PEDESTRIAN if walks[g] else GroupKind.VEHICLE,
                movements=() if walks[g] else (g,),
                crossings=(g,) if walks[g] else (),
                min_green_s=least,
                max_green_s=least + int(rng.integers(5, 40)) if bounded else None,
                flashing_green_s=min(least, int(rng.integers(0, 4))),
                yellow_s=0 if walks[g] else int(rng.integers(0, 5)),
                red_amber_s=0 if walks[g] else int(rng.integers(0, 3)),
            )
        )
    conflict = np.zeros((size, size), dtype=np.uint8)
    intergreen = np.zeros((size, size), dtype=np.int32)
    density = rng.uniform(0.2, 0.9)
    for i in range(size):
        for j in range(i):
            if walks[i] and walks[j]:
                continue
            draw = rng.random()
            if draw < density:
                conflict[i, j] = conflict[j, i] = Conflict.FULL
            elif draw < density + 0.15:
                one, other = (i, j) if not walks[i] else (j, i)
                conflict[one, other] = Conflict.YIELD
                if not walks[other] and rng.random() < 0.3:
                    conflict[other, one] = Conflict.YIELD
            else:
                continue
            for a, b in ((i, j), (j, i)):
                least = max(groups[a].yellow_s, groups[b].red_amber_s)
                intergreen[a, b] = least + int(rng.integers(0, 9))
    return Junction(
        index=0,
        key="random",
        name="Random",
        groups=tuple(groups),
        conflict=conflict,
        intergreen_s=intergreen,
        cycle_min_s=int(rng.integers(10, 40)),
        cycle_max_s=int(rng.integers(90, 200)),
    )


def random_stages(junction: Junction, rng: np.random.Generator) -> list[set[int]]:
    """Stages without full conflicts that serve every group; neighbours differ where that can be."""
    full = junction.conflict == Conflict.FULL
    size = len(junction.groups)
    stages: list[set[int]] = []
    missing = set(range(size))
    while missing or (len(stages) < 4 and rng.random() < 0.3):
        stage: set[int] = set()
        first = sorted(missing)[:1] if missing else []
        for g in [*first, *rng.permutation(size).tolist()]:
            if not any(full[g, h] for h in stage) and (g in first or rng.random() < 0.8):
                stage.add(g)
        if not stages or stage != stages[-1]:
            stages.append(stage)
        missing -= stage
    while len(stages) > 1 and stages[0] == stages[-1]:
        stages.pop()
    return stages

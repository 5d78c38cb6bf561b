"""An arterial with cross streets, unevenly spaced: the classic case of a green wave."""

from __future__ import annotations

from itertools import accumulate, cycle, islice

from scenarios.schema import SPACING_M
from scenarios.sketch import STUB_M, SYNTHETIC_CRS, SYNTHETIC_ORIGIN_M, Sketch, Street
from traffic.assemble import JunctionSpec
from traffic.errors import InputError
from traffic.network import Places, RoadClass, RoadNetwork

__all__ = ["build_corridor"]

_ARTERIAL = Street("Main Street", RoadClass.PRIMARY, 2)


def build_corridor(
    junctions: int = 10, *, spacing_m: tuple[float, ...] = SPACING_M, lanes: int = 2
) -> RoadNetwork:
    """Build an arterial of signalised junctions from west to east, with gateways at all its ends.

    The spacings are repeated as often as needed.
    Cross streets have one lane, every third one two lanes with left-turn bays. With n junctions the network
    has ``2 (n - 1) + 2 (2 n + 2)`` links.
    """
    if junctions < 2:
        raise InputError("a corridor needs 2 junctions or more", field="corridor", value=junctions)
    sketch = Sketch()
    x0, y0 = SYNTHETIC_ORIGIN_M
    arterial = Street(_ARTERIAL.name, _ARTERIAL.road_class, lanes)
    places_m = accumulate(islice(cycle(spacing_m), junctions - 1), initial=0.0)
    nodes: list[int] = []
    for index, x_m in enumerate(places_m):
        cross = _cross_street(index)
        spec = JunctionSpec(f"corridor:{index + 1}", f"{arterial.name} / {cross.name}")
        node = sketch.add_node(x0 + x_m, y0, junction=spec)
        if nodes:
            sketch.add_road(nodes[-1], node, arterial)
        for side in (-STUB_M, STUB_M):
            sketch.add_road(sketch.add_node(x0 + x_m, y0 + side, gateway=True), node, cross)
        nodes.append(node)
    for end, side in ((nodes[0], -STUB_M), (nodes[-1], STUB_M)):
        gateway = sketch.add_node(sketch.nodes[end].x_m + side, y0, gateway=True)
        sketch.add_road(gateway, end, arterial)
    return sketch.network("corridor", SYNTHETIC_CRS, places=Places.none())


def _cross_street(index: int) -> Street:
    kind, lanes = (RoadClass.SECONDARY, 2) if index % 3 == 0 else (RoadClass.TERTIARY, 1)
    return Street(f"Cross Street {index + 1}", kind, lanes)

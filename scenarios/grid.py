"""A regular grid of streets with a signal at every crossing."""

from __future__ import annotations

from scenarios.sketch import STUB_M, SYNTHETIC_CRS, SYNTHETIC_ORIGIN_M, Sketch, Street
from traffic.assemble import JunctionSpec
from traffic.errors import InputError
from traffic.network import Places, RoadClass, RoadNetwork

__all__ = ["build_grid", "is_gateway_street"]

_ARTERIAL_EVERY = 4
_GATEWAY_EVERY = 2


def is_gateway_street(index: int, count: int) -> bool:
    """Whether the street leads out of the grid: every second one, and the last."""
    return index % _GATEWAY_EVERY == 0 or index == count - 1


def build_grid(
    columns: int, rows: int, *, spacing_x_m: float = 250.0, spacing_y_m: float = 200.0
) -> RoadNetwork:
    """Build a grid of `columns` by `rows` signalised junctions.

    Every fourth street is an arterial of three lanes with left-turn bays, every second one a street of two
    lanes with bays, the others have one lane. Streets of the first two kinds, and the last one in each
    direction, lead out to a gateway at both ends, so that every junction has at least three legs.

    The network has ``columns * rows`` junctions and, with g gateway streets among columns and rows together,
    ``2 (columns (rows - 1) + rows (columns - 1)) + 4 g`` links.
    """
    if columns < 2 or rows < 2:
        raise InputError("a grid needs 2 columns and 2 rows or more", field="grid", value=f"{columns}x{rows}")
    sketch = Sketch()
    x0, y0 = SYNTHETIC_ORIGIN_M
    node = [
        [_junction(sketch, c, r, x0 + c * spacing_x_m, y0 + r * spacing_y_m) for r in range(rows)]
        for c in range(columns)
    ]
    avenues = [_street(f"Avenue {c + 1}", c, columns) for c in range(columns)]
    streets = [_street(f"Street {r + 1}", r, rows) for r in range(rows)]
    for c in range(columns):
        for r in range(rows):
            if c + 1 < columns:
                sketch.add_road(node[c][r], node[c + 1][r], streets[r])
            if r + 1 < rows:
                sketch.add_road(node[c][r], node[c][r + 1], avenues[c])
    for r in (r for r in range(rows) if is_gateway_street(r, rows)):
        _stub(sketch, node[0][r], streets[r], -STUB_M, 0.0)
        _stub(sketch, node[-1][r], streets[r], STUB_M, 0.0)
    for c in (c for c in range(columns) if is_gateway_street(c, columns)):
        _stub(sketch, node[c][0], avenues[c], 0.0, -STUB_M)
        _stub(sketch, node[c][-1], avenues[c], 0.0, STUB_M)
    return sketch.network(f"grid {columns}x{rows}", SYNTHETIC_CRS, places=Places.none())


def _street(name: str, index: int, count: int) -> Street:
    if index % _ARTERIAL_EVERY == 0:
        return Street(name, RoadClass.PRIMARY, 3)
    if is_gateway_street(index, count):
        return Street(name, RoadClass.SECONDARY, 2)
    return Street(name, RoadClass.TERTIARY, 1)


def _junction(sketch: Sketch, column: int, row: int, x_m: float, y_m: float) -> int:
    name = f"Avenue {column + 1} / Street {row + 1}"
    return sketch.add_node(x_m, y_m, junction=JunctionSpec(f"grid:{column + 1}-{row + 1}", name))


def _stub(sketch: Sketch, node: int, street: Street, dx_m: float, dy_m: float) -> None:
    junction = sketch.nodes[node]
    gateway = sketch.add_node(junction.x_m + dx_m, junction.y_m + dy_m, gateway=True)
    sketch.add_road(gateway, node, street)

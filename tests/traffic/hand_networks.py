"""Road networks put together by hand, table by table, and random ones for hypothesis."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from traffic.network import (
    Connections,
    Crossings,
    Junctions,
    LaneGroups,
    Links,
    Movements,
    Nodes,
    Places,
    RoadClass,
    RoadNetwork,
    Turn,
)

CRS = "EPSG:32643"
ORIGIN = (654_000.0, 4_790_000.0)  # in the middle of Almaty


def crossroads(*, arm_m: float = 200.0, bay_m: float = 60.0) -> RoadNetwork:
    """Four two-lane arms with left-turn bays and one signalised junction.

    Node 0 is the centre, 1 to 4 lie east, north, west and south. Links 0 to 3 lead in, 4 to 7 out. Each
    approach has three movements: right, through, left; lane 0 serves right and through, lane 1 through, lane
    2 is the bay.
    """
    way = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], dtype=float)
    position = np.vstack([[0.0, 0.0], way * arm_m]) + ORIGIN
    start, end = [1, 2, 3, 4, 0, 0, 0, 0], [0, 0, 0, 0, 1, 2, 3, 4]
    turns = [(Turn.RIGHT, 1, -np.pi / 2), (Turn.THROUGH, 2, 0.0), (Turn.LEFT, 3, np.pi / 2)]
    movements = [(arm, 4 + (arm + step) % 4, turn, angle) for arm in range(4) for turn, step, angle in turns]
    in_link, out_link, turn, angle = zip(*movements, strict=True)
    groups = [(arm, lane, 1, arm_m if lane < 2 else bay_m) for arm in range(4) for lane in range(3)]
    groups += [(out, 0, 2, arm_m) for out in range(4, 8)]
    link, first, lanes, length = zip(*groups, strict=True)
    served = [[0, 1], [1], [2]]
    connections = [(3 * arm + g, 3 * arm + m) for arm in range(4) for g in range(3) for m in served[g]]
    shape = np.vstack([position[[a, b]] for a, b in zip(start, end, strict=True)])
    return RoadNetwork(
        name="crossroads",
        crs=CRS,
        nodes=Nodes(position[:, 0], position[:, 1], [0] * 5, [False] + [True] * 4),
        links=Links(
            start,
            end,
            [arm_m] * 8,
            [50 / 3.6] * 8,
            [3] * 4 + [2] * 4,
            [2] * 8,
            [RoadClass.PRIMARY] * 8,
            [0, 1] * 4,
            [0] * 8,
            [0] * 8,
            np.arange(8) * 2,
        ),
        lane_groups=LaneGroups(link, first, lanes, length, np.array(lanes) * 0.5),
        movements=Movements(in_link, out_link, turn, angle, [0.85, 1.0, 0.95] * 4),
        connections=Connections(*zip(*connections, strict=True)),
        junctions=Junctions([0], [0], ("centre",), ("Абай & Сейфуллин",), ((11, 12),)),
        crossings=Crossings([0] * 4, range(4), range(4, 8), [16.0] * 4, [False] * 4),
        places=Places.none(),
        names=("Абай даңғылы", "Сейфуллин даңғылы"),
        shape_x_m=shape[:, 0],
        shape_y_m=shape[:, 1],
    )


def columns(network: RoadNetwork) -> dict[str, object]:
    """Everything that a network holds, by name."""
    found: dict[str, object] = {}
    for field in fields(network):
        value = getattr(network, field.name)
        if is_dataclass(value):
            found |= {f"{field.name}.{f.name}": getattr(value, f.name) for f in fields(value)}
        else:
            found[field.name] = value
    return found


def assert_same(first: RoadNetwork, second: RoadNetwork) -> None:
    one, two = columns(first), columns(second)
    assert one.keys() == two.keys()
    for name, value in one.items():
        other = two[name]
        if isinstance(value, np.ndarray):
            assert isinstance(other, np.ndarray)
            assert value.dtype == other.dtype, name
            assert value.tobytes() == other.tobytes(), name
            assert value.shape == other.shape, name
        else:
            assert value == other, name


@st.composite
def networks(draw: st.DrawFn) -> RoadNetwork:
    """Small networks that keep every rule of `RoadNetwork`, and nothing more."""
    n_nodes = draw(st.integers(1, 6))
    n_links = draw(st.integers(0, 8))
    node = st.integers(0, n_nodes - 1)
    ends = [(draw(node), draw(node)) for _ in range(n_links)]
    positive = st.floats(0.1, 1e4)
    lanes = [draw(st.integers(1, 4)) for _ in ends]
    points = [draw(st.integers(2, 4)) for _ in ends]
    names = tuple(draw(st.lists(st.text(max_size=8), max_size=3)))

    groups: list[tuple[int, int, int]] = []
    for link, count in enumerate(lanes):
        cut = draw(st.integers(1, count))
        groups += [(link, 0, cut), (link, cut, count - cut)][: 1 + (cut < count)]
    pairs = [(i, o) for i, a in enumerate(ends) for o, b in enumerate(ends) if a[1] == b[0]]
    chosen = sorted(draw(st.sets(st.sampled_from(pairs)))) if pairs else []
    joined = sorted(
        (draw(st.sampled_from([g for g, group in enumerate(groups) if group[0] == movement[0]])), m)
        for m, movement in enumerate(chosen)
    )
    controlled = sorted(draw(st.sets(node)))
    coordinates = hnp.arrays(np.float64, st.just(sum(points)), elements=st.floats(-1e7, 1e7))
    xy = hnp.arrays(np.float64, st.just(n_nodes), elements=st.floats(-1e7, 1e7))
    places = draw(st.lists(st.text(max_size=5), max_size=2))
    crossings = len(controlled) if n_links else 0
    return RoadNetwork(
        name=draw(st.text(max_size=10)),
        crs=CRS,
        nodes=Nodes(draw(xy), draw(xy), np.arange(n_nodes) * 10**11, draw(hnp.arrays(bool, n_nodes))),
        links=Links(
            [a for a, _ in ends],
            [b for _, b in ends],
            [draw(positive) for _ in ends],
            [draw(positive) for _ in ends],
            lanes,
            [draw(st.integers(1, count)) for count in lanes],
            [draw(st.sampled_from(RoadClass)) for _ in ends],
            [draw(st.integers(-1, len(names) - 1)) for _ in ends],
            [draw(st.integers(0, 2**40)) for _ in ends],
            [draw(st.integers(-2, 2)) for _ in ends],
            np.r_[0, np.cumsum(points)][:n_links],
        ),
        lane_groups=LaneGroups(
            [g[0] for g in groups],
            [g[1] for g in groups],
            [g[2] for g in groups],
            [draw(positive) for _ in groups],
            [draw(positive) for _ in groups],
        ),
        movements=Movements(
            [m[0] for m in chosen],
            [m[1] for m in chosen],
            [draw(st.sampled_from(Turn)) for _ in chosen],
            [draw(st.floats(-3.1, 3.1)) for _ in chosen],
            [draw(st.floats(0.1, 1.0)) for _ in chosen],
        ),
        connections=Connections([g for g, _ in joined], [m for _, m in joined]),
        junctions=Junctions(
            controlled,
            [0] * len(controlled),
            tuple(f"osm:{n}" for n in controlled),
            tuple(draw(st.text(max_size=5)) for _ in controlled),
            tuple(tuple(draw(st.lists(st.integers(1, 2**50), max_size=3))) for _ in controlled),
        ),
        crossings=Crossings(
            list(range(crossings)), [0] * crossings, [-1] * crossings, [12.5] * crossings, [True] * crossings
        ),
        places=Places(np.zeros(len(places)), np.ones(len(places)), np.ones(len(places)), tuple(places)),
        names=names,
        shape_x_m=draw(coordinates),
        shape_y_m=draw(coordinates),
    )

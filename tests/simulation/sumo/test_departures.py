from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from simulation.sumo.departures import Trips, routes_xml, sample_trips
from tests.traffic.hand_networks import crossroads
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.sumo.layout import lay_out


def crossroads_demand(
    *veh_h: float, period_s: float = 600.0, shares: tuple[float, float, float] = (0.2, 0.5, 0.3)
) -> FlowDemand:
    """The same flow on every arm in each period; right, through and left by `shares`."""
    periods = len(veh_h)
    leave = np.zeros((periods, 8))
    leave[:, 4:] = 1.0
    return FlowDemand(
        period_s=period_s,
        entry_link=np.arange(4),
        entry_veh_s=np.repeat(np.array(veh_h)[:, None] / 3600, 4, axis=1),
        movement_share=np.tile(shares, (periods, 4)),
        exit_share=leave,
        link_veh_s=np.zeros((periods, 8)),
        source="test",
    )


def routes(trips: Trips) -> list[list[int]]:
    return [trips.route(v).tolist() for v in range(len(trips))]


def test_every_route_follows_movements_and_ends_at_an_exit() -> None:
    network = crossroads()
    trips = sample_trips(network, crossroads_demand(600), seed=1, duration_s=900)
    pairs = set(zip(network.movements.in_link.tolist(), network.movements.out_link.tolist(), strict=True))
    assert len(trips) > 400
    for route in routes(trips):
        assert len(route) == 2
        assert tuple(route) in pairs
    assert (np.diff(trips.depart_s) >= 0).all()
    assert trips.depart_s.min() >= 0
    assert trips.depart_s.max() < 900


def test_even_departures_keep_their_headway() -> None:
    """720 veh/h for 10 minutes, then 360: headways of 5 s, then of 10 s."""
    trips = sample_trips(
        crossroads(), crossroads_demand(720, 360), seed=3, duration_s=1200, departures="even"
    )
    for arm in range(4):
        depart = np.sort([trips.depart_s[v] for v, route in enumerate(routes(trips)) if route[0] == arm])
        first, then = depart[depart < 600], depart[depart >= 600]
        assert (len(first), len(then)) == (120, 60)
        assert np.diff(first) == pytest.approx(5.0)
        assert np.diff(then) == pytest.approx(10.0)
        assert 0 <= first[0] < 5


def test_poisson_counts_and_headways() -> None:
    """900 veh/h for 10 h on 4 arms: the count within 4 standard deviations; headways vary by their mean."""
    trips = sample_trips(crossroads(), crossroads_demand(900), seed=5, duration_s=36000)
    expected = 4 * 900 * 10
    assert abs(len(trips) - expected) < 4 * np.sqrt(expected)
    east = np.array([trips.depart_s[v] for v, route in enumerate(routes(trips)) if route[0] == 0])
    headway = np.diff(east)
    assert headway.std() / headway.mean() == pytest.approx(1.0, abs=4 / np.sqrt(len(headway)))


def test_turning_shares_are_met() -> None:
    trips = sample_trips(crossroads(), crossroads_demand(900), seed=7, duration_s=36000)
    chosen = np.array([(route[1] - route[0] - 4) % 4 for route in routes(trips)])
    count = len(chosen)
    for step, share in ((1, 0.2), (2, 0.5), (3, 0.3)):
        spread = np.sqrt(share * (1 - share) / count)
        assert (chosen == step).mean() == pytest.approx(share, abs=4 * spread)


def test_a_share_of_zero_is_never_taken() -> None:
    trips = sample_trips(
        crossroads(), crossroads_demand(900, shares=(0.0, 1.0, 0.0)), seed=7, duration_s=7200
    )
    assert {tuple(route) for route in routes(trips)} == {(0, 6), (1, 7), (2, 4), (3, 5)}


def test_some_leave_before_the_junction() -> None:
    demand = crossroads_demand(900, shares=(0.1, 0.25, 0.15))
    leave = demand.exit_share.copy()
    leave[:, :4] = 0.5
    trips = sample_trips(crossroads(), replace(demand, exit_share=leave), seed=2, duration_s=7200)
    left = np.array([len(route) == 1 for route in routes(trips)])
    assert left.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(len(left)))
    assert (trips.last_part[~left] == 1.0).all()
    along = trips.last_part[left]
    assert along.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * len(along)))
    assert (along.min(), along.max()) == pytest.approx((0.0, 1.0), abs=0.02)


def test_shares_follow_the_period_of_arrival() -> None:
    """The link takes 14.4 s: whoever departs more than that before 600 s goes right, the others go left."""
    demand = crossroads_demand(900, 900, shares=(1.0, 0.0, 0.0))
    share = demand.movement_share.copy()
    share[1] = np.tile([0.0, 0.0, 1.0], 4)
    trips = sample_trips(crossroads(), replace(demand, movement_share=share), seed=2, duration_s=1200)
    for vehicle, route in enumerate(routes(trips)):
        late = trips.depart_s[vehicle] + 200.0 / (50 / 3.6) >= 600
        assert (route[1] - route[0] - 4) % 4 == (3 if late else 1)


def text_of(trips: Trips, length_m: float = 100.0) -> str:
    layout = lay_out(crossroads())
    length = {edge: length_m for edges in layout.link_edges for edge in edges}
    return routes_xml(crossroads(), trips, layout, length)


@pytest.mark.parametrize(
    ("length_m", "expected"), [(100.0, "max"), (22.0, "max"), (21.0, "13.75"), (4.0, "6.00")]
)
def test_nobody_enters_faster_than_the_edge_is_long(length_m: float, expected: str) -> None:
    """Braking at 4.5 m/s^2 from 50 km/h takes 21.4 m; over 4 m one stops from sqrt(2 * 4.5 * 4) = 6 m/s."""
    trips = Trips(np.array([0.0]), np.array([0, 2]), np.array([0, 6]), np.array([1.0]))
    root = ET.fromstring(text_of(trips, length_m))  # noqa: S314 - our own text
    assert [v.get("departSpeed") for v in root.findall("vehicle")] == [expected]


def test_seed_decides_everything() -> None:
    network, demand = crossroads(), crossroads_demand(600)
    text = text_of(sample_trips(network, demand, seed=1, duration_s=600))
    assert text == text_of(sample_trips(network, demand, seed=1, duration_s=600))
    assert text != text_of(sample_trips(network, demand, seed=2, duration_s=600))


def vehicles_of(*trips: tuple[float, list[int], float]) -> list[tuple[str | None, ...]]:
    """Edges and arrival position of trips given by departure, links and the part of the last link."""
    depart, links, last_part = zip(*trips, strict=True)
    begin = np.cumsum([0, *map(len, links)])
    table = Trips(np.array(depart), begin, np.concatenate(links), np.array(last_part))
    root = ET.fromstring(text_of(table))  # noqa: S314 - our own text
    return [(v.get("depart"), v[0].get("edges"), v.get("arrivalPos")) for v in root.findall("vehicle")]


def test_file_names_edges_in_order() -> None:
    """Link 0 is the edges e0.u and e0 of 100 m each, links 5 and 6 one edge."""
    assert vehicles_of((1.5, [0, 6], 1.0), (2.0, [5], 1.0)) == [
        ("1.50", "e0.u e0 e6", None),
        ("2.00", "e5", None),
    ]


@pytest.mark.parametrize(
    ("links", "part", "edges", "position"),
    [
        ([1, 0], 0.25, "e1.u e1 e0.u", "50.00"),
        ([1, 0], 0.75, "e1.u e1 e0.u e0", "50.00"),
        ([0], 0.01, "e0.u", "10.00"),
        ([0], 0.51, "e0.u e0", "2.00"),
        ([5], 0.3, "e5", "30.00"),
        ([4, 5], 0.03, "e4 e5", "3.00"),
    ],
)
def test_where_a_trip_ends(links: list[int], part: float, edges: str, position: str) -> None:
    assert vehicles_of((0.0, links, part)) == [("0.00", edges, position)]


def test_no_demand_no_vehicles() -> None:
    trips = sample_trips(crossroads(), crossroads_demand(0), seed=1, duration_s=600)
    assert len(trips) == 0
    assert "<vehicle " not in text_of(trips)


@pytest.mark.parametrize("duration_s", [0, -1, np.nan, np.inf])
def test_bad_duration(duration_s: float) -> None:
    with pytest.raises(InputError, match="duration_s: must be more than 0 s"):
        sample_trips(crossroads(), crossroads_demand(600), seed=1, duration_s=duration_s)


def test_demand_of_another_network() -> None:
    demand = crossroads_demand(600)
    with pytest.raises(InputError, match="movement_share: must have 12 columns"):
        sample_trips(crossroads(), replace(demand, movement_share=np.zeros((1, 3))), seed=1, duration_s=600)


def test_vehicles_that_never_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulation.sumo.departures._MAX_LINKS", 1)
    with pytest.raises(InputError, match="exit_share: must let every vehicle leave within 1 links"):
        sample_trips(crossroads(), crossroads_demand(600), seed=1, duration_s=600)

"""Route files: vehicles, flows in all their forms, and vehicle types."""

import pytest

from traffic.errors import InputError
from traffic.sumo.routes import Departure, read_departures
from traffic.sumo.vehicles import CarFollowing, mean_following, read_vehicle_types


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "r.rou.xml"
        path.write_text(f"<routes>{text}</routes>", encoding="utf-8")
        return path

    return write


def departures(path):
    return list(read_departures(path))


def test_vehicles_with_a_route_inside_or_by_name(written):
    path = written(
        '<route id="r" edges="a b"/><vehicle id="1" depart="3.5" type="van"><route edges="a c d"/></vehicle>'
        '<vehicle id="2" depart="4" route="r"/>'
    )
    assert departures(path) == [
        Departure(3.5, 3.5, 1.0, ("a", "c", "d"), "van"),
        Departure(4.0, 4.0, 1.0, ("a", "b")),
    ]


@pytest.mark.parametrize(
    ("rate", "vehicles"),
    [
        ('number="30"', 30.0),
        ('vehsPerHour="720"', 40.0),
        ('period="8"', 25.0),
        ('period="exp(0.25)"', 50.0),
        ('probability="0.1"', 20.0),
    ],
)
def test_flows(written, rate, vehicles):
    path = written(f'<flow id="f" begin="100" end="300" {rate}><route edges="a b"/></flow>')
    (found,) = departures(path)
    assert (found.depart_s, found.until_s) == (100.0, 300.0)
    assert found.vehicles == pytest.approx(vehicles)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('<vehicle id="v" depart="soon"><route edges="a"/></vehicle>', "vehicle v, depart"),
        ('<vehicle id="v" depart="1"/>', "vehicle v"),
        ('<vehicle id="v" depart="1"><route edges=""/></vehicle>', "route"),
        ('<flow id="f" begin="0" end="nan" number="1"><route edges="a"/></flow>', "flow f, end"),
        ('<flow id="f" begin="0" end="10"><route edges="a"/></flow>', "flow f, period"),
        ('<flow id="f" begin="0" end="10" period="0"><route edges="a"/></flow>', "flow f, period"),
        ('<flow id="f" begin="0" end="10" period="exp(x)"><route edges="a"/></flow>', "flow f, period"),
    ],
)
def test_what_is_wrong_is_named(written, text, field):
    with pytest.raises(InputError) as caught:
        departures(written(text))
    assert caught.value.field == field


def test_vehicle_types_and_their_mean(written):
    types = read_vehicle_types(
        written('<vType id="car" length="4" minGap="2"/><vType id="bus" vClass="bus"/><vType id="plain"/>')
    )
    assert types["car"] == CarFollowing(4.0, 2.0)
    assert (types["bus"].length_m, types["bus"].accel_m_s2) == (12.0, 1.2)
    assert types["plain"] == CarFollowing()
    mean = mean_following(types, [("car", 3.0), ("bus", 1.0)])
    assert mean.length_m == pytest.approx((3 * 4 + 12) / 4)
    assert mean_following(types, []) == CarFollowing()


def test_a_faster_lane_carries_more_up_to_the_headway():
    following = CarFollowing(sigma=0.0)
    assert following.saturation_veh_s(7.5) == pytest.approx(1 / (1.0 + 1.0 + 0.16))
    assert following.saturation_veh_s(1e9) == pytest.approx(1 / 1.16)


@pytest.mark.parametrize(
    "attribute", ['length="long"', 'tau="nan"', 'length="0"', 'accel="-1"', 'sigma="-0.1"']
)
def test_types_that_cannot_be(written, attribute):
    with pytest.raises(InputError):
        read_vehicle_types(written(f'<vType id="x" {attribute}/>'))

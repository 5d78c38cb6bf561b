"""What of a SUMO configuration is scaled, told as a warning, or refused."""

from collections import Counter

import pytest

from simulation.sumo.city import read_city
from simulation.sumo.config import read_config
from simulation.sumo.executables import produce
from simulation.sumo.microscopic import microscopic_model
from simulation.sumo.run import run
from tests.simulation.sumo.nets import PROGRAM, ROUTES, crossing, logic, needs_sumo
from traffic.errors import InputError
from traffic.sumo.records import records
from traffic.sumo.routes import Departure, scaled

SINGLE = "".join(f'<vehicle id="{k}" depart="{5 * k}"><route edges="Sin Nout"/></vehicle>' for k in range(60))
FLOWS = '<flow id="f" begin="0" end="300" number="40" from="Win" to="Eout"/>'


def with_option(folder, name, value):
    file = folder / "run.sumocfg"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("<input>", f'<input><{name} value="{value}"/>'), encoding="utf-8")
    return folder


def with_additional(folder, text):
    (folder / "more.add.xml").write_text(f"<additional>{text}</additional>", encoding="utf-8")
    return with_option(folder, "additional-files", "more.add.xml")


class TestScale:
    def test_flows_are_denser_and_single_vehicles_more(self):
        flow = Departure(0.0, 100.0, 10.0, ("a", "b"))
        single = [Departure(float(k), float(k), 1.0, ("a", "b")) for k in range(8)]
        found = scaled([flow, *single], 1.25)
        assert found[0] == Departure(0.0, 100.0, 12.5, ("a", "b"))
        assert [departure.vehicles for departure in found[1:]] == [2, 1, 1, 2, 1, 1, 1, 2]
        assert [departure.depart_s for departure in scaled(single, 0.5)] == [0.0, 2.0, 4.0, 6.0]
        assert scaled(single, 1.0) == single
        assert scaled([flow, *single], 0.0) == []

    @needs_sumo
    @pytest.mark.parametrize("scale", [0.3, 0.77, 1.1, 1.25, 2.0, 2.75])
    def test_single_vehicles_as_in_sumo(self, tmp_path, scale):
        folder = with_option(crossing(tmp_path, routes=f"<routes>{SINGLE}</routes>"), "scale", scale)
        written = tmp_path / "trips.xml"
        arguments = ["-c", str(folder / "run.sumocfg"), "--tripinfo-output", str(written), "--no-step-log"]
        produce("sumo", arguments, written, of=folder, refusal="SUMO cannot run it")
        theirs = Counter(trip.get("id").partition(".")[0] for trip in records(written))
        ours = {str(int(d.depart_s) // 5): d.vehicles for d in read_city(read_config(folder)).departures}
        assert ours == theirs

    @needs_sumo
    @pytest.mark.parametrize("scale", [1.0, 2.0, 3.0])
    def test_all_vehicles_are_as_many_as_in_sumo(self, tmp_path, scale):
        folder = with_option(
            crossing(tmp_path, routes=f"<routes>{FLOWS}{SINGLE}</routes>", end=900), "scale", scale
        )
        city = read_city(read_config(folder))
        assert run(city.config, 1)["scheduled"] == 100 * scale
        assert sum(departure.vehicles for departure in city.departures) == 100 * scale
        assert len(microscopic_model(city).vehicles.depart_s) == 100 * scale

    @pytest.mark.parametrize("scale", ["-1", "twice", "inf", "nan"])
    def test_a_scale_that_is_none(self, tmp_path, scale):
        (tmp_path / "n.net.xml").write_text("<net/>", encoding="utf-8")
        (tmp_path / "run.sumocfg").write_text(
            f'<c><net-file value="n.net.xml"/><scale value="{scale}"/></c>', encoding="utf-8"
        )
        with pytest.raises(InputError, match="number of 0 or more") as caught:
            read_config(tmp_path)
        assert caught.value.field == "scale"


@needs_sumo
class TestWarnings:
    @staticmethod
    def told(folder):
        return read_city(read_config(folder)).warnings

    def test_none(self, tmp_path):
        assert self.told(crossing(tmp_path)) == ()
        assert self.told(with_option(tmp_path, "max-depart-delay", "-1")) == ()

    def test_vehicles_that_are_dropped(self, tmp_path):
        (warning,) = self.told(with_option(crossing(tmp_path), "max-depart-delay", "60"))
        assert warning.startswith("SUMO drops vehicles that wait for more than 60 s to enter")

    def test_people_on_foot(self, tmp_path):
        walk = '<walk edges="Win Eout"/>'
        people = f'<person id="p" depart="0">{walk}</person>'
        people += f'<personFlow id="q" begin="0" end="9" number="3">{walk}</personFlow>'
        walks = ("--sidewalks.guess", "--sidewalks.guess.min-speed=1", "--crossings.guess")
        routes = ROUTES.replace("</routes>", f"{people}</routes>")
        assert self.told(crossing(tmp_path, routes=routes, options=walks)) == (
            "people on foot are not modelled: 2 persons or flows of them",
        )

    def test_stops(self, tmp_path):
        stop = '<stop lane="Sin_0" endPos="200" duration="20"/>'
        routes = ROUTES.replace('<route edges="Sin Nout"/>', f'<route edges="Sin Nout"/>{stop}')
        routes = routes.replace('to="Nout"/>', f'to="Nout">{stop.replace("Sin", "Win")}</trip>')
        assert self.told(crossing(tmp_path, routes=routes)) == (
            "stops on the way are not modelled: 2 vehicles, flows or routes have some",
        )

    @pytest.mark.parametrize("kind", ["actuated", "delay_based", "NEMA"])
    def test_lights_that_react_to_traffic(self, tmp_path, kind):
        folder = crossing(tmp_path, options=(f"--tls.default-type={kind}", "--tls.layout=opposites"))
        (warning,) = self.told(folder)
        assert warning.startswith("the delay before is that of fixed programs")
        assert warning.endswith(f"({kind}): X")


@needs_sumo
def test_programs_that_are_switched_are_refused(tmp_path):
    day = '<WAUT refTime="0" id="w" startProg="day"><wautSwitch time="100" to="0"/></WAUT>'
    text = logic(PROGRAM, program="day") + day + '<wautJunction wautID="w" junctionID="X"/>'
    folder = with_additional(crossing(tmp_path), text)
    with pytest.raises(InputError, match="must not switch the programs of light X") as caught:
        read_city(read_config(folder))
    assert caught.value.field == "wautJunction X"
    assert caught.value.file.endswith("more.add.xml")

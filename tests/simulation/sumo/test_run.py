"""Runs of SUMO are scored over all vehicles that are due."""

import pytest

from simulation.sumo import run as module
from simulation.sumo.config import read_config
from simulation.sumo.run import run, run_seeds, summary
from tests.simulation.sumo.nets import ROUTES, crossing, logic, needs_sumo
from traffic.errors import InputError, JasylError
from traffic.sumo.records import records

# more than two lanes can bring in, so that some never enter
FULL = ROUTES.replace('vehsPerHour="600"', 'vehsPerHour="3600"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return crossing(tmp_path_factory.mktemp("crossing"), routes=FULL)


@needs_sumo
class TestScores:
    @pytest.fixture(scope="class")
    @staticmethod
    def trips(folder):
        """What SUMO says of each vehicle in the run of seed 4, as plain numbers."""
        kept = {}

        def copy(file):
            kept["trips"] = [dict(trip.attrib) for trip in records(file, "tripinfos")]
            return original(file)

        original = module._trips
        module._trips = copy
        try:
            score = run(read_config(folder), 4)
        finally:
            module._trips = original
        return score, kept["trips"]

    def test_every_vehicle_due_counts(self, trips):
        score, rows = trips
        waiting = [row for row in rows if float(row["depart"]) < 0]
        assert score["scheduled"] == len(rows) == 642
        assert score["backlog"] == len(waiting) > 50
        assert score["arrived"] == sum(float(row["arrival"]) >= 0 for row in rows)
        assert score["running"] == len(rows) - score["arrived"] - score["backlog"] > 0

    def test_delay_is_time_loss_and_the_wait_to_enter(self, trips):
        score, rows = trips
        loss = sum(float(row["timeLoss"]) for row in rows if float(row["depart"]) >= 0)
        late = sum(float(row["departDelay"]) for row in rows)
        assert score["delay_per_veh"] == pytest.approx((loss + late) / len(rows), rel=1e-12)
        driven = sum(float(row["duration"]) for row in rows if float(row["depart"]) >= 0)
        assert score["tts_per_veh"] == pytest.approx((driven + late) / len(rows), rel=1e-12)
        assert score["mean_departDelay"] == pytest.approx(late / len(rows), rel=1e-12)
        assert score["stops_per_veh"] == sum(int(row["waitingCount"]) for row in rows) / len(rows)

    def test_the_same_seed_gives_the_same_score(self, folder, trips):
        again = run(read_config(folder), 4)
        timed = {"wall_s", "cpu_s", "veh_updates_per_cpu_s", "simsec_per_cpu_s"}
        assert {k: v for k, v in again.items() if k not in timed} == {
            k: v for k, v in trips[0].items() if k not in timed
        }

    def test_seeds_have_mean_and_spread(self, folder):
        told = []
        found = summary(
            run_seeds(read_config(folder), [1, 2, 3], jobs=2, progress=lambda *step: told.append(step))
        )
        delays = [score["delay_per_veh"] for score in found["seeds"].values()]
        assert found["mean"]["delay_per_veh"] == pytest.approx(sum(delays) / 3, rel=1e-12)
        assert found["sd"]["delay_per_veh"] > 0
        assert [step[:2] for step in told] == [(1, 3), (2, 3), (3, 3)]

    def test_plans_change_the_run(self, folder, tmp_path):
        closed = tmp_path / "closed.add.xml"
        closed.write_text(
            f"<additional>{logic([(90, 'r' * 16)], program='closed')}</additional>", encoding="utf-8"
        )
        score = run(read_config(folder), 1, plans=[closed])
        assert score["arrived"] < 10  # those that SUMO takes out of the way after 300 s
        assert score["teleports"] > 0

    def test_what_sumo_refuses_is_told(self, folder, tmp_path):
        wrong = tmp_path / "wrong.add.xml"
        wrong.write_text(f"<additional>{logic([(90, 'rr')], program='w')}</additional>", encoding="utf-8")
        with pytest.raises(InputError, match=r"SUMO refuses it: .*X"):
            run(read_config(folder), 1, plans=[wrong])


class TestConfigurations:
    def written(self, folder, text, name="run.sumocfg"):
        for file in ("n.net.xml", "r.rou.xml"):
            (folder / file).write_text("<net/>", encoding="utf-8")
        (folder / name).write_text(f"<configuration>{text}</configuration>", encoding="utf-8")
        return folder

    NET = '<net-file value="n.net.xml"/><route-files value="r.rou.xml"/>'

    def test_a_folder_or_a_file(self, tmp_path):
        folder = self.written(tmp_path, f'{self.NET}<begin value="0:10:00"/><end value="1000"/>')
        self.written(tmp_path, self.NET, "another.sumocfg")
        for path in (folder, folder / "run.sumocfg"):
            config = read_config(path)
            assert (config.begin_s, config.end_s, config.teleport_s) == (600.0, 1000.0, 300.0)
            assert (config.network, config.routes) == (folder / "n.net.xml", (folder / "r.rou.xml",))

    @pytest.mark.parametrize(
        ("text", "field"),
        [
            ('<route-files value="r.rou.xml"/>', "net-file"),
            ('<net-file value="gone.net.xml"/>', "net-file"),
            (NET + '<additional-files value="gone.add.xml"/>', "additional-files"),
            (NET + '<end value="soon"/>', "end"),
            (NET + '<begin value="nan"/>', "begin"),
            (NET + '<begin value="50"/><end value="50"/>', "end"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path, text, field):
        with pytest.raises(InputError) as caught:
            read_config(self.written(tmp_path, text))
        assert caught.value.field == field
        assert caught.value.file.endswith("run.sumocfg")

    def test_what_is_no_configuration(self, tmp_path):
        with pytest.raises(InputError, match=r"must hold a \.sumocfg"):
            read_config(tmp_path)
        with pytest.raises(InputError, match=r"must be a \.sumocfg"):
            read_config(tmp_path / "none.sumocfg")
        (tmp_path / "cut.sumocfg").write_text("<configuration><input>", encoding="utf-8")
        with pytest.raises(InputError, match="cannot be read as XML"):
            read_config(tmp_path / "cut.sumocfg")


@needs_sumo
def test_a_run_that_is_stopped_from_outside_has_no_score(folder, tmp_path, monkeypatch):
    stopped = tmp_path / "sumo"
    stopped.write_text("#!/bin/sh\necho 'Simulation ended at time: 60.00.'\n", encoding="utf-8")
    stopped.chmod(0o755)
    monkeypatch.setattr(module, "sumo_program", lambda _: stopped)
    with pytest.raises(JasylError, match="stopped before the end"):
        run(read_config(folder), 1)

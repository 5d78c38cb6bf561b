"""`jasyl transit predict`: from positions to times at coming stops, as a table, JSON, CSV and GTFS-Realtime."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from google.transit import gtfs_realtime_pb2 as pb

from api.cli import run
from tests.transit.feeds import GOOD, zipped
from transit.gtfs import read_gtfs
from transit.realtime_rules import check

HEADER = "vehicleId,time,assignmentId,assignmentType,heading,latitude,longitude\n"


def driven(day: int, *, degrees_min: float = 0.004, minutes: int = 11) -> str:
    """A vehicle of block b1 that leaves at eight and drives east."""
    return HEADER + "".join(
        f"17,2026-11-{day} 08:{minute:02d}:00,b1,BLOCK_ID,90,43.25,{76.90 + degrees_min * minute:.4f}\n"
        for minute in range(minutes)
    )


@pytest.fixture
def gtfs(tmp_path: Path) -> str:
    return str(zipped(tmp_path / "gtfs.zip", GOOD))


@pytest.fixture
def positions(tmp_path: Path) -> str:
    file = tmp_path / "avl.csv"
    file.write_text(driven(26), encoding="utf-8")
    return str(file)


@pytest.fixture
def history(tmp_path: Path, gtfs: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Two days on which the vehicle drove at half the speed after the second stop."""
    found = []
    for day in (24, 25):
        rows = HEADER
        for minute in range(21):
            along = 0.004 * minute if minute <= 3 else 0.012 + 0.002 * (minute - 3)
            rows += f"17,2026-11-{day} 08:{minute:02d}:00,b1,BLOCK_ID,90,43.25,{76.90 + along:.4f}\n"
        file = tmp_path / f"avl{day}.csv"
        file.write_text(rows, encoding="utf-8")
        folder = tmp_path / f"visits{day}"
        assert run(["transit", "match", str(file), "--gtfs", gtfs, "-o", str(folder)]) == 0
        found += ["--history", str(folder / "stop_visits.csv")]
    capsys.readouterr()
    return found


def predicted(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict:
    assert run(["transit", "predict", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_timetable_is_carried_on_without_history(gtfs, positions, capsys) -> None:
    """The vehicle left in time, and passed the second stop half a minute after eight past two, when it was to leave it."""
    found = predicted([positions, "--gtfs", gtfs, "--at", "2026-11-26T08:03", "--aim", "median"], capsys)
    assert (found["at"], found["vehicles"], found["trips"]) == ("2026-11-26T08:03:00+05:00", 1, 1)
    assert found["learned_from"] is None
    rows = found["predictions"]
    assert [(row["trip"], row["stop"], row["stop_sequence"]) for row in rows] == [
        ("t1", "s3", 5),
        ("t1", "s4", 9),
    ]
    assert {row["vehicle"] for row in rows} == {"17"}
    last = datetime.fromisoformat(rows[-1]["arrival"])
    assert abs(last - datetime.fromisoformat("2026-11-26T08:10:00+05:00")) < timedelta(seconds=40)
    assert rows[-1]["departure"] is None
    assert (
        rows[-1]["arrival_delay_s"]
        == (last - datetime.fromisoformat("2026-11-26T08:10:00+05:00")).total_seconds()
    )
    assert all(row["uncertainty_s"] > 0 for row in rows)


def test_passengers_are_told_earlier_times(gtfs, positions, capsys) -> None:
    """By the normal law and 90 s early to 270 s late, or 60 s to 210 s, the middle is 75 to 90 s later than what is told."""
    at = [positions, "--gtfs", gtfs, "--at", "2026-11-26T08:03"]
    told, middle = (
        predicted([*at, "--aim", aim], capsys)["predictions"][-1] for aim in ("passenger", "median")
    )
    earlier = datetime.fromisoformat(middle["arrival"]) - datetime.fromisoformat(told["arrival"])
    assert timedelta(seconds=30) <= earlier <= timedelta(seconds=90)


def test_later_positions_are_not_looked_at(gtfs, positions, tmp_path, capsys) -> None:
    short = tmp_path / "short.csv"
    short.write_text(driven(26, minutes=5), encoding="utf-8")
    at = ["--gtfs", gtfs, "--at", "2026-11-26T08:04:30"]
    whole, cut = (predicted([str(file), *at], capsys) for file in (positions, short))
    assert (whole.pop("later_positions"), cut.pop("later_positions")) == (6, 0)
    assert whole == cut


def test_a_clock_of_nobody_does_not_set_the_time(gtfs, tmp_path, capsys) -> None:
    """A vehicle whose assignment is unknown is a day ahead: the others are predicted all the same, and it is counted."""
    good, wrong = tmp_path / "good.csv", tmp_path / "wrong.csv"
    good.write_text(driven(26, minutes=5), encoding="utf-8")
    wrong.write_text(
        driven(26, minutes=5) + "18,2026-11-27 08:04:00,nobody,BLOCK_ID,90,43.25,76.91\n", encoding="utf-8"
    )
    alone, beside = (predicted([str(file), "--gtfs", gtfs], capsys) for file in (good, wrong))
    assert beside["at"] == "2026-11-26T08:04:00+05:00"
    assert [row["stop"] for row in beside["predictions"]] == ["s3", "s4"]
    assert (alone["later_positions"], beside["later_positions"]) == (0, 1)
    assert beside == {**alone, "later_positions": 1}


def test_a_clock_that_is_a_day_ahead_is_not_believed_though_its_trip_runs_then(
    gtfs, tmp_path, capsys
) -> None:
    """Block b1 runs on the Thursday before, too: by the clock of vehicle 18 all others have ended long ago."""
    good, wrong = tmp_path / "good.csv", tmp_path / "wrong.csv"
    good.write_text(driven(25, minutes=5), encoding="utf-8")
    ahead = driven(26, minutes=3).removeprefix(HEADER).replace("17,", "18,")
    wrong.write_text(driven(25, minutes=5) + ahead, encoding="utf-8")
    alone, beside = (predicted([str(file), "--gtfs", gtfs], capsys) for file in (good, wrong))
    assert beside["at"] == "2026-11-25T08:04:00+05:00"
    assert beside["clocks_ahead"] == {"positions": 3, "vehicles": ["18"]}
    assert beside == {**alone, "later_positions": 3, "clocks_ahead": beside["clocks_ahead"]}
    assert alone["clocks_ahead"] is None
    assert run(["transit", "predict", str(wrong), "--gtfs", gtfs]) == 0
    assert "3 positions, put aside, of vehicles 18" in capsys.readouterr().out


def test_the_first_bus_of_a_morning_is_believed(tmp_path, capsys) -> None:
    """Five buses end at one at night, as the timetable has it; four hours later another one begins."""
    night = [f"n{k},b{k},24:50:00,25:00:00" for k in range(5)]
    gtfs = str(zipped(tmp_path / "gtfs.zip", {**GOOD, **trips_of(*night, "m,morning,29:00:00,29:10:00")}))
    rows = [
        f"{vehicle},2026-11-27 {hour}:{minute:02d}:00,{block},BLOCK_ID,90,43.25,{76.90 + 0.004 * k:.4f}\n"
        for vehicle, block, hour, start, until in (
            *((f"v{k}", f"b{k}", "00", 50, 60) for k in range(5)),
            ("w", "morning", "05", 0, 5),
        )
        for k, minute in enumerate(range(start, until))
    ]
    file = tmp_path / "avl.csv"
    file.write_text(HEADER + "".join(rows), encoding="utf-8")
    found = predicted([str(file), "--gtfs", gtfs], capsys)
    assert found["at"] == "2026-11-27T05:04:00+05:00"
    assert (found["later_positions"], found["clocks_ahead"]) == (0, None)
    assert {row["trip"] for row in found["predictions"]} == {"m"}


def test_a_clock_that_is_ahead_of_the_header_of_a_feed_does_not_set_the_time(tmp_path, capsys) -> None:
    """By 25 minutes: the vehicle is on its trip then, and no silence gives it away."""
    trips = trips_of(*(f"t{k},b{k},08:00:00,08:50:00" for k in range(3)))
    gtfs = str(zipped(tmp_path / "gtfs.zip", {**GOOD, **trips}))
    eight = datetime.fromisoformat("2026-11-26T08:00:00+05:00")
    feed = pb.FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.timestamp = int(eight.timestamp()) + 920
    for vehicle, minute in ((vehicle, minute) for minute in range(16) for vehicle in range(3)):
        at = feed.entity.add(id=f"{vehicle} {minute}").vehicle
        shown = minute + 25 * (vehicle == 2)
        at.timestamp = int(eight.timestamp()) + 60 * shown
        at.position.latitude, at.position.longitude = 43.25, 76.90 + 0.0008 * shown
        at.vehicle.id, at.trip.trip_id = f"v{vehicle}", f"t{vehicle}"
    file = tmp_path / "vp.pb"
    file.write_bytes(feed.SerializeToString())
    found = predicted([str(file), "--gtfs", gtfs], capsys)
    assert found["at"] == "2026-11-26T08:15:00+05:00"
    assert found["clocks_ahead"] == {"positions": 16, "vehicles": ["v2"]}
    assert {row["trip"] for row in found["predictions"]} == {"t0", "t1"}


def trips_of(*trips: str) -> dict[str, str]:
    """Files of trips from one end to the other: name, block, start and end."""
    rows = [trip.split(",") for trip in trips]
    return {
        "trips.txt": "route_id,service_id,trip_id,block_id\n"
        + "".join(f"r1,week,{trip},{block}\n" for trip, block, _, _ in rows),
        "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        + "".join(
            f"{trip},{start},{start},s1,1\n{trip},,,s2,2\n{trip},,,s3,3\n{trip},{end},{end},s4,4\n"
            for trip, _, start, end in rows
        ),
    }


def test_without_a_position_of_a_trip_there_is_nothing_to_predict(gtfs, tmp_path, capsys) -> None:
    file = tmp_path / "nobody.csv"
    file.write_text(HEADER + "18,2026-11-26 08:04:00,nobody,BLOCK_ID,90,43.25,76.91\n", encoding="utf-8")
    found = predicted([str(file), "--gtfs", gtfs], capsys)
    assert (found["predictions"], found["fates"]) == ([], {"unknown_assignment": 1})
    (warning,) = found["warnings"]
    assert "none of 1 positions is" in warning
    assert "--ignore-assignments" in warning


def test_earlier_days_are_learned_from(gtfs, positions, history, capsys) -> None:
    at = [positions, "--gtfs", gtfs, "--at", "2026-11-26T08:03", "--aim", "median"]
    alone, taught = predicted(at, capsys), predicted([*at, *history], capsys)
    assert taught["learned_from"]["stretches"] == 3
    assert taught["learned_from"]["running_times"] == 6
    first, second = (datetime.fromisoformat(found["predictions"][-1]["arrival"]) for found in (alone, taught))
    assert second - first > timedelta(minutes=2)


def test_what_happens_later_is_not_learned_from(gtfs, positions, history, tmp_path, capsys) -> None:
    """Visits of the day itself, and of days to come, change nothing: they are left out, and counted."""
    at = [positions, "--gtfs", gtfs, "--at", "2026-11-26T08:03", *history[:2]]
    folder = tmp_path / "today"
    assert run(["transit", "match", positions, "--gtfs", gtfs, "-o", str(folder)]) == 0
    capsys.readouterr()
    today = ["--history", str(folder / "stop_visits.csv")]
    with (folder / "stop_visits.csv").open(encoding="utf-8") as file:
        of_today = len(list(csv.DictReader(file)))
    alone, with_today = predicted(at, capsys), predicted([*at, *today], capsys)
    assert with_today["predictions"] == alone["predictions"]
    assert alone["learned_from"]["visits_left_out"] == 0
    assert with_today["learned_from"] == {**alone["learned_from"], "visits_left_out": of_today}
    assert of_today > 0
    assert run(["transit", "predict", *at[:5], *today, "--json"]) == 2
    assert "must have visits of days before that of the prediction" in capsys.readouterr().err


def test_predictions_go_out_as_csv_and_as_feeds_that_keep_the_rules(
    gtfs, positions, tmp_path, capsys
) -> None:
    csv_file, updates, located = (tmp_path / name for name in ("p.csv", "updates.pb", "vehicles.pb"))
    outputs = ["-o", str(csv_file), "--realtime", str(updates), "--vehicle-positions", str(located)]
    found = predicted([positions, "--gtfs", gtfs, "--at", "2026-11-26T08:03", *outputs], capsys)
    assert (found["realtime"], found["vehicle_positions"]) == (str(updates), str(located))
    with csv_file.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["arrival"] for row in rows] == [row["arrival"] for row in found["predictions"]]
    timetable = read_gtfs(gtfs).timetable
    now_s = datetime.fromisoformat(found["at"]).timestamp()
    feeds = []
    for path in (updates, located):
        feed = pb.FeedMessage()
        feed.ParseFromString(path.read_bytes())
        feeds.append(feed)
    assert check(feeds[0], timetable, beside=feeds[1], now_s=now_s) == []
    assert check(feeds[1], timetable, beside=feeds[0], now_s=now_s) == []
    (update,) = feeds[0].entity
    assert update.trip_update.vehicle.id == "17"
    stops = update.trip_update.stop_time_update
    assert [stop.stop_id for stop in stops] == ["s3", "s4"]
    assert [stop.arrival.uncertainty for stop in stops] == [
        row["uncertainty_s"] for row in found["predictions"]
    ]
    assert feeds[1].entity[0].vehicle.trip.trip_id == "t1"


def test_people_see_a_table(gtfs, positions, capsys) -> None:
    assert run(["transit", "predict", positions, "--gtfs", gtfs, "--at", "2026-11-26T08:03"]) == 0
    shown = capsys.readouterr().out
    assert "learned from" in shown
    assert "t1" in shown


def test_when_the_trip_has_ended_nothing_is_ahead(gtfs, positions, capsys) -> None:
    found = predicted([positions, "--gtfs", gtfs], capsys)
    assert (found["vehicles"], found["predictions"]) == (1, [])  # its next trip is too far away
    found = predicted([positions, "--gtfs", gtfs, "--minutes", "1440"], capsys)
    assert [row["stop"] for row in found["predictions"]] == ["s4", "s3", "s1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--at", "soon"], ["--at", "2026-11-27T08:30:00"]),
        (["--at", "2026-11-26T07:00"], ["--at", "The first one is of 2026-11-26T08:00:00+05:00"]),
        (["--history", "{positions}"], ["stop visits"]),
        (["--realtime", "{positions}"], ["must not replace an input"]),
    ],
)
def test_what_is_wrong_is_refused(arguments, words, gtfs, positions, capsys) -> None:
    filled = [text.format(positions=positions) for text in arguments]
    assert run(["transit", "predict", positions, "--gtfs", gtfs, *filled, "--json"]) == 2
    problem = capsys.readouterr().err
    assert all(word in problem for word in words)

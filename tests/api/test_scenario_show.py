"""What `jasyl scenario show` tells of junctions is what timing sheets, counts and overrides take."""

from __future__ import annotations

import json

import pytest

from api.cli import run
from signals.plan import Plan, Stage
from tests.api.conftest import HEAD, TRIPS
from traffic.turning_counts import read_turning_counts
from traffic.zones import make_zones
from traffic.zones_csv import read_zones_csv


@pytest.fixture
def shown(city_files, capsys, monkeypatch):
    monkeypatch.chdir(city_files)

    def command(*arguments):
        assert run(["scenario", "show", "city.toml", *arguments, "--json"]) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        return json.loads(captured.out)

    return command


def test_settings_are_shown_without_further_options(shown):
    assert shown()["network"]["kind"] == "grid"


def test_every_junction_has_a_row(shown, small_city):
    rows = shown("--junctions")["junctions"]
    assert [row["key"] for row in rows] == [junction.key for junction in small_city[0].junctions]
    assert [row["index"] for row in rows] == [0, 1, 2, 3]
    assert {row["kind"] for row in rows} == {"intersection"}
    assert [row["groups"] for row in rows] == [len(junction.groups) for junction in small_city[0].junctions]


def test_a_junction_is_found_by_key_index_and_name(shown, small_city):
    junction = small_city[0].junctions[2]
    found = [shown("--junction", name) for name in (junction.key, "2", junction.name, junction.name.upper())]
    assert found == [found[0]] * 4
    assert found[0]["junction"]["key"] == junction.key


def test_the_sides_of_legs_are_those_of_turning_counts(shown, small_city, tmp_path):
    network, counts = small_city[0].network, tmp_path / "counts.csv"
    told = shown("--junction", "0")["junction"]
    moves = [move for group in told["signal_groups"] for move in group["movements"]]
    rows = [f"{told['key']},{move['from']},{move['to']},08:00,1\n" for move in moves]
    counts.write_text("junction,from,to,start,count\n" + "".join(rows), encoding="utf-8")
    found = read_turning_counts(counts, network).movement
    ends = zip(network.movements.in_link[found], network.movements.out_link[found], strict=True)
    assert set(ends) == {(move["in_link"], move["out_link"]) for move in moves}
    assert {leg["link"] for leg in told["legs"]} == {
        link for pair in moves for link in (pair["in_link"], pair["out_link"])
    }


def test_the_least_durations_of_the_listed_stages_make_a_plan(shown, small_city):
    junction = small_city[0].junctions[1]
    for sequence in shown("--junction", "1")["junction"]["stage_sequences"]:
        groups = [[junction.group_index(name) for name in stage["groups"]] for stage in sequence["stages"]]
        durations = [stage["least_s"] for stage in sequence["stages"]]
        durations[0] += sequence["least_cycle_s"] - sum(durations)
        stages = tuple(Stage(frozenset(members)) for members in groups)
        assert Plan(junction, sequence["least_cycle_s"], 0, stages, tuple(durations)).cycle_s == sum(
            durations
        )


def test_a_timing_sheet_to_start_from_can_be_the_plans_in_force(shown, small_city, city_files):
    assert shown("--timing-sheet", "new/before.csv") == {"timing_sheet": "new/before.csv"}
    assert (city_files / "new" / "before.csv").read_text(encoding="utf-8") == small_city[2]
    with (city_files / "city.toml").open("a", encoding="utf-8") as scenario:
        scenario.write('\n[signals]\ntiming_sheet = "new/before.csv"\n')
    own = [row.split(",")[2].split() for row in small_city[2].splitlines() if row.startswith("grid:1-1,")]
    first = shown("--junction", "grid:1-1")["junction"]["stage_sequences"][0]
    assert [stage["groups"] for stage in first["stages"]] == own
    assert shown("--timing-sheet", "again.csv")
    assert (city_files / "again.csv").read_text(encoding="utf-8") == small_city[2]


@pytest.mark.usefixtures("city_files")
def test_a_name_that_is_not_that_of_one_junction_is_refused(refused, small_city):
    unknown = refused("scenario", "show", "city.toml", "--junction", "grid:1-9")
    assert (unknown["field"], unknown["value"]) == ("--junction", "grid:1-9")
    assert "grid:1-1" in unknown["hint"]
    several = refused("scenario", "show", "city.toml", "--junction", small_city[0].junctions[0].name[:3])
    assert several["hint"].startswith("4 have this name: grid:1-1")


@pytest.mark.usefixtures("city_files")
def test_a_timing_sheet_does_not_replace_the_scenario(refused):
    problem = refused("scenario", "show", "city.toml", "--timing-sheet", "city.toml")
    assert problem["rule"] == "must not replace an input"


def test_tables_for_people(city_files, capsys, monkeypatch, small_city):
    monkeypatch.chdir(city_files)
    assert run(["scenario", "show", "city.toml", "--junctions", "--junction", "0"]) == 0
    text = capsys.readouterr().out
    junction = small_city[0].junctions[0]
    for part in (*(group.name for group in junction.groups), "stage sequence 1", "least cycle", "arrives"):
        assert part in text
    heads, first, *_ = text.splitlines()
    assert heads.startswith("index  key")
    assert first.split()[:2] == ["0", junction.key]


def test_made_zones_can_be_named_in_a_matrix(shown, city_files, small_city):
    assert shown("--zones", "new/zones.csv") == {"zones": "new/zones.csv", "zones_made": 8, "notes": []}
    network = small_city[0].network
    made, read = make_zones(network, target=8), read_zones_csv(city_files / "new" / "zones.csv", network)
    assert read.name == made.name
    for zone in range(len(made)):
        assert read.entries(zone).tolist() == made.entries(zone).tolist()
        assert read.exits(zone).tolist() == made.exits(zone).tolist()


def test_a_matrix_that_names_an_unknown_zone_does_not_hide_the_zones(shown, city_files):
    """The zones are asked for because the matrix cannot be written, or is wrong, without them."""
    text = HEAD + '[demand]\nkind = "od"\nfile = "trips.csv"\nzones = 8\n'
    (city_files / "city.toml").write_text(text, encoding="utf-8")
    shown("--zones", "zones.csv")
    first, second, *_ = (city_files / "zones.csv").read_text(encoding="utf-8").splitlines()
    assert first == "zone,use,link,street"
    assert second.startswith("gateway ")


@pytest.mark.usefixtures("city_files")
def test_turning_counts_have_no_zones(refused, tmp_path):
    (tmp_path / "city.toml").write_text(
        HEAD + '[demand]\nkind = "counts"\nfile = "counts.csv"\n', encoding="utf-8"
    )
    problem = refused("scenario", "show", "city.toml", "--zones", "zones.csv")
    assert (problem["file"], problem["field"]) == ("city.toml", "demand.kind")


@pytest.mark.parametrize(
    ("zones", "reason"), [(150, "no more places on minor roads"), (3, "is a zone of its own")]
)
def test_another_number_of_zones_than_was_asked_for_is_told_with_the_reason(
    city_files, capsys, zones, reason
):
    own = city_files / "own.toml"
    own.write_text(HEAD + TRIPS.replace("zones = 8", f"zones = {zones}"), encoding="utf-8")
    assert run(["scenario", "check", str(own), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    made = told["demand_figures"]["zones"]
    (note,) = told["notes"]
    assert f"demand.zones: {made} zones were made, not {zones}" in note
    assert reason in note
    assert run(["scenario", "check", str(own)]) == 0
    text = capsys.readouterr().out
    assert note in text
    assert f"zones: {made}\n" in text
    assert run(["scenario", "show", str(own), "--zones", str(city_files / "zones.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["zones_made"], told["notes"]) == (made, [note])


def test_defaults_are_shown_as_they_are_in_force(capsys):
    assert run(["scenario", "show", "corridor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "null" not in json.dumps(told)
    assert told["network"]["spacing_m"][:2] == [320.0, 210.0]
    assert told["signals"] == {
        "country": "KZ", "cycle_min_s": 40, "cycle_max_s": 120, "min_green_s": 7, "walk_min_s": 7,
        "walking_speed_m_s": 1.2, "vehicle_length_m": 6.0, "speed_margin_m_s": 0.0, "deducts_entering_time": True,
    }  # fmt: skip


def test_the_target_that_is_in_force_without_a_total_is_shown(shown, city_files):
    (city_files / "city.toml").write_text(HEAD + '[demand]\nkind = "generated"\n', encoding="utf-8")
    assert shown()["demand"]["target_p90_x"] == 0.9
    (city_files / "city.toml").write_text(HEAD + TRIPS, encoding="utf-8")
    assert "target_p90_x" not in shown()["demand"]


def test_zones_that_a_file_gives_are_not_told_to_be_made(shown, city_files):
    text = '[demand]\nkind = "od"\nfile = "trips.csv"\nzones_file = "zones.csv"\n[signals]\ncountry = "us"\n'
    (city_files / "city.toml").write_text(HEAD + text, encoding="utf-8")
    assert "zones" not in shown()["demand"]
    assert (shown()["signals"]["country"], shown()["signals"]["deducts_entering_time"]) == ("US", False)


def test_the_label_that_is_shown_is_the_one_that_figures_carry(shown):
    assert shown()["scenario"]["label"] == "generated"

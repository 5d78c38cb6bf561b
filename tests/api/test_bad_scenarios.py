"""Bad scenario files, and bad matrices, zones, counts and timing sheets that they name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pyproj import Transformer

from api.cli import run
from tests.api.conftest import HEAD, TRIPS

DEEP = "[" * 5000 + "]" * 5000


@pytest.fixture
def checked(refused, tmp_path):
    """Check a scenario, with the files it names, that must be refused."""

    def command(text: str | bytes, **others: str | bytes) -> dict[str, str]:
        for name, content in {"city.toml": text, **{f"{k}.csv": v for k, v in others.items()}}.items():
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return refused("scenario", "check", "city.toml")

    return command


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        (HEAD + "[run]\nduraton_s = 60\n", "run.duraton_s", "duraton_s"),
        (HEAD.replace('"grid"', '"gird"'), "network.kind", "gird"),
        (HEAD + '[demand]\nkind = "generated"\ntotal_veh_h = nan\n', "demand.total_veh_h", "nan"),
        (HEAD + '[demand]\nkind = "generated"\ntotal_veh_h = -1\n', "demand.total_veh_h", "-1"),
        (HEAD + '[demand]\nkind = "generated"\ntotal_veh_h = 1e300\n', "demand.total_veh_h", "1e+300"),
        (HEAD + '[demand]\nkind = "generated"\ntotal_veh_h = 10,5\n', "file content", "line"),
        (HEAD + '[demand]\nkind = "generated"\nprofile = [nan]\n', "demand.profile.0", "nan"),
        (HEAD + '[demand]\nkind = "od"\nfile = "none.csv"\n', "demand.file", "none.csv"),
        (HEAD + '[demand]\nkind = "od"\nfile = "."\n', "demand.file", "."),
        (HEAD + f'[demand]\nkind = "od"\nfile = "{"a" * 3000}"\n', "demand.file", "aaa"),
        (HEAD.replace('"grid"\ncolumns = 2\nrows = 2', '"corridor"\nlanes = 0'), "network.lanes", "0"),
        (HEAD + '[signals]\ncountry = "XX"\n', "signals.country", "XX"),
        (HEAD + HEAD, "file content", "twice"),
        (HEAD + "[run]\nduration_s = " + "9" * 5000, "file content", "digits"),
        (HEAD + f"x = {DEEP}", "file content", "recursion"),
        (HEAD.replace("City", "Cit\xe9").encode("latin-1"), "file content", "utf-8"),
        (HEAD.encode("utf-16"), "file content", "utf-8"),
    ],
)
def test_scenario_files(checked, text, field, value):
    problem = checked(text)
    assert (problem["file"], problem["field"]) == ("city.toml", field)
    assert value in problem["value"]


def test_an_empty_scenario_file(checked):
    problem = checked("")
    assert (problem["file"], problem["field"]) == ("city.toml", "scenario")
    assert "[scenario]" in problem["hint"]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (HEAD.replace('"city"', '"My City"'), "must be of lower-case letters"),
        (HEAD.replace('"City"', "5"), "must be a text in quotes"),
        (HEAD + "[run]\nduration_s = 60.5\n", "must be a whole number"),
        (HEAD + '[signals]\ndeducts_entering_time = "yes"\n', "must be true or false"),
        (HEAD + '[demand]\nkind = "generated"\nprofile = 1.0\n', "must be a list: [...]"),
        ("run = 5\n" + HEAD, "must be a section: [...]"),
        (HEAD.replace('"grid"\ncolumns = 2\nrows = 2', '"corridor"\nspacing_m = []'), "at least 1 item"),
    ],
)
def test_rules_are_told_in_the_words_of_the_file(checked, text, rule):
    problem = checked(text)
    assert rule in problem["rule"]
    assert "jasyl scenario new" in problem["hint"]


def test_a_map_in_place_of_a_scenario(refused, tmp_path):
    (tmp_path / "city.osm.pbf").write_bytes(b"")
    assert "[network] file = 'city.osm.pbf'" in refused("scenario", "check", "city.osm.pbf")["hint"]


def test_a_misspelt_key_names_the_one_that_was_meant(checked):
    assert "'duration_s'" in checked(HEAD + "[run]\nduraton_s = 60\n")["hint"]


@pytest.mark.parametrize(
    "name", ["almatty", "none.toml", "folder.toml", "a\0.toml", "a" * 5000 + ".toml", "grid-1x1"]
)
def test_names_of_scenarios(refused, tmp_path, name):
    (tmp_path / "folder.toml").mkdir()
    refused("scenario", "check", name)


@pytest.mark.parametrize(
    ("override", "field"),
    [
        ('[[junction]]\nkey = "nowhere"\nlocked = true\n', "junction[0].key"),
        ("[[way]]\nid = 10\nlanes = 2\n", "network.overrides"),
        ('[[junction]]\nkey = "grid:1-1"\nmin_green_s = { "Q" = 8 }\n', "junction[0].min_green_s"),
        ('[[junction]]\nkey = "grid:1-1"\nmin_green_s = { "N" = 200 }\n', "junction grid:1-1, stages"),
        ('[[junction]]\nkey = "grid:1-1"\nfixed_order = [["Q"], ["P-N"]]\n', "junction[0].fixed_order"),
    ],
)
def test_overrides_of_a_scenario(refused, tmp_path, override, field):
    text = HEAD.replace("rows = 2\n", 'rows = 2\noverrides = "fix.toml"\n') + TRIPS
    (tmp_path / "city.toml").write_text(text)
    (tmp_path / "fix.toml").write_text(override)
    problem = refused("scenario", "check", "city.toml")
    assert problem["field"] == field
    assert problem["file"].endswith("fix.toml")


def test_stages_that_do_not_fit_are_the_scenarios_where_no_override_names_the_junction(checked):
    problem = checked(HEAD + TRIPS + "[signals]\ncycle_min_s = 20\ncycle_max_s = 25\nwalk_min_s = 30\n")
    assert (problem["file"], problem["field"]) == ("city.toml", "junction grid:1-1, stages")


COUNTS = HEAD + '[demand]\nkind = "counts"\nfile = "counts.csv"\n'
COLUMNS = "junction,from,to,start,count\n"
OD = HEAD + '[demand]\nkind = "od"\nfile = "trips.csv"\nzones = 8\n'
TRIP = "origin,destination,veh_h\ngateway 4,gateway 5,"


@pytest.mark.parametrize(
    ("trips", "field", "value"),
    [
        (TRIP + "nan\n", "row 2: veh_h", "nan"),
        (TRIP + "inf\n", "row 2: veh_h", "inf"),
        (TRIP + "-1\n", "row 2: veh_h", "-1.0"),
        (TRIP + "1e300\n", "row 2: veh_h", "1e+300"),
        (TRIP + '"10,5"\n', "row 2: veh_h", "10,5"),
        (TRIP + "1_0\n", "row 2: veh_h", "1_0"),
        (TRIP + "10,5\n", "row 2", None),
        ("origin,destination,veh_h\ngateway 4\n", "row 2", None),
        (TRIP + "1\ngateway 4,gateway 5,1\n", "row 3: origin, destination", "gateway 4 -> gateway 5"),
        ("origin,destination,veh_h\nhere,gateway 5,1\n", "row 2: origin", "here"),
        ("origin,destination,veh_h\ngateway 4,gateway 4,1\n", "row 2: veh_h", "1.0"),
        ("origin,destination,veh_h\n", "veh_h", None),
        ("origin;destination;veh_h\n", "header", "origin;destination;veh_h"),
        ("origin,destination,veh_h,veh_h\n", "header", "veh_h"),
        ("", "header", ""),
        ((TRIP + "1\n").encode("utf-16"), "file content", "utf-8"),
        (b"origin,destination,veh_h\n\xe9,b,1\n", "file content", "utf-8"),
        ("origin,destination,veh_h\n" + "a" * 200_000 + ",b,1\n", "file content", "limit"),
    ],
)
def test_matrices(checked, trips, field, value):
    problem = checked(OD, trips=trips)
    assert problem["file"].endswith("trips.csv")
    assert problem["field"] == field
    assert problem["hint"]
    assert value is None or value in problem["value"]


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("junction,from,to,start,cuont", "Add count (rename 'cuont'?); not known are 'cuont'"),
        ("junction, form, to, start", "Add from (rename 'form'?), count; not known are 'form'"),
        ("junction,from,to,start,note", "Add count; not known are 'note'"),
        ("junction;from;to;start;count", "with commas between them"),
    ],
)
def test_columns_that_are_missing_are_named(checked, header, hint):
    problem = checked(COUNTS, counts=header + "\n")
    assert problem["field"] == "header"
    assert problem["hint"].startswith(hint) or problem["hint"].endswith(hint)


def test_the_form_of_a_file_with_fewer_columns_missing_is_meant(checked):
    text = OD.replace("zones = 8", 'zones_file = "zones.csv"')
    problem = checked(text, zones="zone,use,from_osm,to_ssm\n", trips=TRIP + "1\n")
    assert problem["hint"] == "Add to_osm (rename 'to_ssm'?); not known are 'to_ssm'"


@pytest.mark.parametrize(
    ("trips", "rule"),
    [
        (TRIP + "0\n", "must have trips: its only row has 0 vehicles"),
        (TRIP + "0\ngateway 5,gateway 4,0.0\n", "must have trips: all 2 rows have 0 vehicles"),
    ],
)
def test_a_matrix_without_trips(checked, trips, rule):
    problem = checked(OD, trips=trips)
    assert (problem["field"], problem["rule"]) == ("veh_h", rule)
    assert "at least one pair" in problem["hint"]


def test_a_profile_without_traffic(checked):
    problem = checked(OD + "profile = [0.0, 0.0]\n", trips=TRIP + "5\n")
    assert (problem["file"], problem["field"]) == ("city.toml", "demand.profile")
    assert "above 0 in some period" in problem["rule"]


def _gateway_links(city, *, out: bool) -> list[int]:
    network = city.network
    ends = network.links.to_node if out else network.links.from_node
    return [link for link, node in enumerate(ends.tolist()) if network.nodes.gateway[node]]


def test_zones_between_which_there_is_no_way(checked, small_city):
    entry, leave = _gateway_links(small_city[0], out=False), _gateway_links(small_city[0], out=True)
    # trips begin in A and B; they end in A and C, so that B cannot be reached
    zones = f"zone,use,link\nA,entry,{entry[0]}\nA,exit,{leave[0]}\nB,entry,{entry[3]}\nC,exit,{leave[3]}\n"
    text = OD.replace("zones = 8", 'zones_file = "zones.csv"')
    problem = checked(text, zones=zones, trips="origin,destination,veh_h\nA,B,10\n")
    assert problem["rule"] == "the destination cannot be reached from the origin"
    assert (problem["field"], problem["value"]) == ("row 2: origin, destination", "A -> B")


def test_a_missing_exit_is_told_and_not_the_zone_that_needs_it(checked, small_city):
    entry, leave = _gateway_links(small_city[0], out=False), _gateway_links(small_city[0], out=True)
    text = OD.replace("zones = 8", 'zones_file = "zones.csv"')
    zones = (
        f"zone,use,link\nwest,entry,{entry[0]}\nwest,exit,{leave[0]}\neast,entry,{entry[3]}\n"
        f"east,entry,{leave[3]}\nsouth,entry,{entry[5]}\n"
    )
    problem = checked(text, zones=zones, trips="origin,destination,veh_h\neast,west,10\n")
    assert (problem["field"], problem["value"]) == ("row 2: zone", "west")
    assert problem["rule"] == "no other zone has an exit link, so that no trip can end there"
    assert problem["hint"] == (
        f"Add a row with exit or both for a link of east, south; link {leave[3]} in row 5, an entry link of east, "
        "leads nowhere: is it the exit?"
    )
    # and the other way round
    zones = f"zone,use,link\nwest,entry,{entry[0]}\nwest,exit,{leave[0]}\neast,exit,{leave[3]}\neast,exit,{entry[3]}\n"
    problem = checked(text, zones=zones, trips="origin,destination,veh_h\nwest,east,10\n")
    assert (problem["field"], problem["value"]) == ("row 3: zone", "west")
    assert problem["rule"] == "no other zone has an entry link, so that no trip can begin there"
    assert (
        f"link {entry[3]} in row 5, an exit link of east, cannot be reached: is it the entry?"
        in problem["hint"]
    )


def test_a_file_with_one_zone_only(checked, small_city):
    entry = _gateway_links(small_city[0], out=False)
    text = OD.replace("zones = 8", 'zones_file = "zones.csv"')
    problem = checked(text, zones=f"zone,use,link\nwest,entry,{entry[0]}\n", trips=TRIP + "1\n")
    assert problem["hint"] == "Add a row with exit or both for a link of a second zone"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("A,entry,nan", "row 2: link"),
        ("A,entry,", "row 2: link"),
        ("A,entry,0\nA,both,0", "row 3: link"),
        ("A,exit,1\nA,exit,1", "row 3: link"),
        ("A,entry,99999", "row 2: link"),
        ("A,entry," + "9" * 5000, "row 2: link"),
        ("A,in,1", "row 2: use"),
        (",entry,1", "row 2: zone"),
        ("A", "row 2"),
        (b"\xe9,entry,1", "file content"),
    ],
)
def test_zone_files(checked, row, field):
    data = row if isinstance(row, bytes) else row.encode()
    text = OD.replace("zones = 8", 'zones_file = "zones.csv"')
    problem = checked(text, zones=b"zone,use,link\n" + data + b"\n", trips=TRIP + "1\n")
    assert problem["file"].endswith("zones.csv")
    assert problem["field"] == field
    assert problem["hint"]


GMNS = OD.replace("zones = 8", 'zones_file = "zones.csv"\nformat = "gmns"\nvolume_hours = 2.0')
NODES = "node_id,zone_id,x_coord,y_coord\n"


def _gmns_nodes(city) -> str:
    """Zones 1 and 2 at two gateways, in longitude and latitude."""
    network = city.network
    lon_lat = Transformer.from_crs(network.crs, "EPSG:4326", always_xy=True)
    rows = []
    for zone, node in enumerate(np.flatnonzero(network.nodes.gateway)[[0, 3]].tolist(), start=1):
        lon, lat = lon_lat.transform(network.nodes.x_m[node], network.nodes.y_m[node])
        rows.append(f"{node},{zone},{lon:.8f},{lat:.8f}\n")
    return NODES + "".join(rows)


def test_a_gmns_scenario_is_checked(tmp_path, small_city, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "city.toml").write_text(GMNS, encoding="utf-8")
    (tmp_path / "zones.csv").write_text(_gmns_nodes(small_city[0]), encoding="utf-8")
    trips = tmp_path / "trips.csv"
    trips.write_text("o_zone_id,d_zone_id,volume\n1,2,60\n2,1,20\n", encoding="utf-8")
    assert run(["scenario", "check", "city.toml", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["demand"] == "trips.csv"
    assert told["demand_veh_h"] == pytest.approx(40.0, rel=1e-9)  # volumes of two hours
    # another coordinate system is another demand, though the files named in the scenario are the same
    (tmp_path / "config.csv").write_text("crs\n32643\n", encoding="utf-8")
    assert run(["scenario", "check", "city.toml", "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["field"] == "row 2: x_coord, y_coord"


@pytest.mark.parametrize(
    ("trips", "name", "field", "value"),
    [
        ("1,9,60\n", "trips.csv", "row 2: d_zone_id", "9"),
        ("1,2,nan\n", "trips.csv", "row 2: volume", "nan"),
        (None, "trips.csv", "header", "origin"),
    ],
)
def test_gmns_matrices(checked, small_city, trips, name, field, value):
    text = TRIP + "1\n" if trips is None else "o_zone_id,d_zone_id,volume\n" + trips
    problem = checked(GMNS, trips=text, zones=_gmns_nodes(small_city[0]))
    assert problem["file"].endswith(name)
    assert problem["field"] == field
    assert problem["hint"]
    assert value in problem["value"]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('zones_file = "zones.csv"\n', "", "needs zones_file"),
        ('format = "gmns"\n', "", "volume_hours needs format"),
        ('"gmns"', '"gmn"', "must be 'csv' or 'gmns'"),
        ("= 2.0", "= 0.0", "must be greater than 0"),
    ],
)
def test_keys_of_gmns(checked, old, new, rule):
    problem = checked(GMNS.replace(old, new), trips=TRIP + "1\n", zones=NODES)
    assert rule in problem["rule"]
    assert problem["field"].startswith("demand")


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ("grid:1-1,W,E,08:00,nan", "row 2: count", "nan"),
        ("grid:1-1,W,E,08:00,-1", "row 2: count", "-1.0"),
        ("grid:1-1,W,E,08:00,1e300", "row 2: count", "1e+300"),
        ('grid:1-1,W,E,08:00,"1,5"', "row 2: count", "1,5"),
        ("grid:1-1,W,E,08:00,1,5", "row 2", None),
        ("nowhere,W,E,08:00,1", "row 2: junction", "nowhere"),
        ("\xb2,W,E,08:00,1", "row 2: junction", "\xb2"),
        ("9" * 5000 + ",W,E,08:00,1", "row 2: junction", "9"),
        ("grid:1-1,\xb2,E,08:00,1", "row 2: from", "\xb2"),
        ("grid:1-1,W,E,25:00,1", "row 2: start", "25:00"),
        ("grid:1-1,W,E,08:00:xx,1", "row 2: start", "08:00:xx"),
        ("grid:1-1,W,E,08:00,1\ngrid:1-1,W,E,08:00,1", "row 3: start", "08:00"),
        (b"\xe9,W,E,08:00,1", "file content", "utf-8"),
    ],
)
def test_counts(checked, row, field, value):
    data = row if isinstance(row, bytes) else row.encode()
    problem = checked(COUNTS, counts=COLUMNS.encode() + data + b"\n")
    assert problem["file"].endswith("counts.csv")
    assert problem["field"] == field
    assert problem["hint"]
    assert value is None or value in problem["value"]


def test_counts_that_cannot_be_balanced(checked):
    rows = [
        f"{junction},{start},{end},08:00,{count}\n"
        for junction, count in (("grid:1-1", 500), ("grid:1-2", 1), ("grid:2-1", 1), ("grid:2-2", 1))
        for start in "NESW"
        for end in "NESW"
        if start != end
    ]
    problem = checked(COUNTS, counts=COLUMNS + "".join(rows))
    assert problem["rule"].startswith("the counts cannot be balanced: 1500 vehicles leave junction grid:1-1")
    assert "Check the two counts" in problem["hint"]
    assert "leave out all rows" in problem["hint"]


def test_counts_that_do_not_settle_are_noted(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JASYL_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("traffic.counts._ROUNDS", 2)
    (tmp_path / "city.toml").write_text(COUNTS, encoding="utf-8")
    (tmp_path / "counts.csv").write_text(COLUMNS + "grid:1-1,W,E,08:00,150\n", encoding="utf-8")
    assert run(["scenario", "check", "city.toml", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    (note,) = shown["notes"]
    assert "counts.csv: count: the estimate of what nobody counted has not settled" in note
    assert f"changed a flow by {shown['demand_figures']['last_change_veh']:.1f} vehicles" in note


def test_counts_are_balanced_once_the_contradicting_ones_are_left_out(tmp_path, capsys, monkeypatch):
    """What the hint of a contradiction says helps."""
    monkeypatch.chdir(tmp_path)
    rows = [f"grid:1-1,{a},{b},08:00,500\n" for a in "NESW" for b in "NESW" if a != b]
    (tmp_path / "city.toml").write_text(COUNTS, encoding="utf-8")
    (tmp_path / "counts.csv").write_text(COLUMNS + "".join(rows), encoding="utf-8")
    assert run(["scenario", "check", "city.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["demand"] == "turning counts"


@pytest.mark.parametrize(
    ("column", "text", "field"),
    [
        (3, "nan", "row 2, duration_s"),
        (3, '"1,5"', "row 2, duration_s"),
        (3, "9" * 5000, "row 2, duration_s"),
        (3, "\u0663\u0665", "row 2, duration_s"),
        (2, "QQ", "row 2, groups"),
        (0, "nowhere", "row 2, junction"),
        (1, "7", "row 2, stage"),
        (4, "1", "row 3, cycle_s"),
        (5, "", "row 2, offset_s"),
    ],
)
def test_timing_sheets(checked, small_city, column, text, field):
    lines = small_city[2].splitlines()
    row = lines[1].split(",")
    row[column] = text
    if column == 5:  # the same in the other stages, so that its own rule speaks first
        row[column], field = "nan", "row 3, offset_s"
    sheet = "\n".join([lines[0], ",".join(row), *lines[2:], ""])
    problem = checked(HEAD + TRIPS + '[signals]\ntiming_sheet = "sheet.csv"\n', sheet=sheet)
    assert problem["file"].endswith("sheet.csv")
    assert problem["field"] == field
    assert problem["hint"]


@pytest.mark.parametrize(
    ("change", "field", "hint"),
    [
        (
            lambda r: r[0].__setitem__(3, str(int(r[0][3]) + 3)),
            "durations_s",
            "s, 3 s over it: change a duration",
        ),
        (lambda r: [x.__setitem__(5, str(int(x[4]) + 7)) for x in r], "offset_s", ": 7 s means the same"),
        (
            lambda r: r[0].__setitem__(2, " ".join({g for x in r for g in x[2].split()})),
            "stage 1",
            " out of this stage",
        ),
    ],
)
def test_timing_sheets_say_how_to_mend_a_plan(checked, small_city, change, field, hint):
    header, *lines = small_city[2].splitlines()
    rows = [line.split(",") for line in lines]
    key = rows[0][0]
    change([row for row in rows if row[0] == key])
    sheet = "\n".join([header, *(",".join(row) for row in rows), ""])
    problem = checked(HEAD + TRIPS + '[signals]\ntiming_sheet = "sheet.csv"\n', sheet=sheet)
    assert problem["field"].startswith("rows 2 to ")
    assert problem["field"].endswith(f"junction {key}, {field}")
    assert hint in problem["hint"]


def test_a_timing_sheet_without_rows(checked, small_city):
    problem = checked(
        HEAD + TRIPS + '[signals]\ntiming_sheet = "sheet.csv"\n', sheet=small_city[2].splitlines()[0]
    )
    assert (problem["field"], problem["rule"]) == ("junction", "must hold at least one junction")

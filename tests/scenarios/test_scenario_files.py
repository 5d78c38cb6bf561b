"""Scenario files: the built-in ones, sizes by name, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.scenario import load, names, template
from scenarios.schema import CountsDemand, GeneratedDemand, GridNetwork, OsmNetwork, parse
from traffic.errors import InputError

PLAIN = """
[scenario]
name = "small"
title = "Small"

[network]
kind = "grid"
columns = 3
rows = 2
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "small.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_built_in_scenarios_are_listed_and_load():
    listed = dict(names())
    assert set(listed) == {"almaty", "almaty-osm", "corridor", "grid", "porto-alegre"}
    for name, title in listed.items():
        scenario = load(name)
        assert (scenario.name, scenario.title) == (name, title)
        assert scenario.settings().country == scenario.signals.country
        target = {"almaty": 0.65}.get(name, 0.9)
        assert scenario.demand.target_p90_x == target
    assert load("almaty").label == "schematic"
    assert load("almaty-osm").label == "OpenStreetMap"
    assert load("grid").label == "generated"


@pytest.mark.parametrize("name", ["grid 25x18", "grid-25x18"])
def test_a_grid_of_any_size_by_name(name):
    scenario = load(name)
    assert isinstance(scenario.network, GridNetwork)
    assert (scenario.network.columns, scenario.network.rows) == (25, 18)
    assert scenario.name == "grid-25x18"
    assert scenario.demand == load("grid").demand


@pytest.mark.parametrize(
    "name", ["grid 201x2", "grid-0x5", "grid-5x", "grid-2.5x4", "grid--3x4", "grid 99999x2", "grid-"]
)
def test_a_grid_by_name_that_cannot_be_made_says_which_can(name):
    with pytest.raises(InputError, match="must be a grid of 2 to 200 columns and 2 to 200 rows") as caught:
        load(name)
    assert (caught.value.file, caught.value.field, caught.value.value) == (None, "SCENARIO", name)
    assert "grid-25x18" in caught.value.hint


def test_messages_about_a_grid_name_what_was_typed():
    assert load("grid-3x2").source == "grid-3x2"


def test_the_template_is_a_valid_scenario(written):
    scenario = load(written(template()))
    assert scenario.name == "my-city"
    assert scenario.run.report_s == 300


def test_the_keys_of_the_template_exist_and_show_their_defaults():
    uncommented = []
    for line in template().splitlines():
        bare = line.removeprefix("# ")
        uncommented.append(
            bare if " = " in bare and not bare.startswith(("kind", "file", "zones_file")) else ""
        )
    text = "\n".join(uncommented)
    for key in ("max_green_s", "timing_sheet", "overrides", "total_veh_h", "spacing_m", "junctions", "lanes"):
        assert key in text
    for key, value in (("zones", 150), ("gap", 1e-4), ("gateway_share", 0.4), ("distance_scale_m", 3000.0)):
        assert f"{key} = {value:g}".replace("0.0001", "1e-4") in text.replace("3000.0", "3000")
        assert getattr(GeneratedDemand(kind="generated"), key) == value


def test_defaults(written):
    scenario = load(written(PLAIN))
    assert isinstance(scenario.demand, GeneratedDemand)
    assert (scenario.demand.seed, scenario.demand.gap, scenario.demand.profile) == (1, 1e-4, (1.0,))
    assert (scenario.signals.country, scenario.run.duration_s) == ("KZ", 3600)
    assert scenario.signals.rules() == {}


def test_sections_are_read(written):
    text = PLAIN + '[demand]\nkind = "counts"\nfile = "c.csv"\nscale = 2\n[signals]\ncycle_max_s = 90\n'
    scenario = load(written(text))
    assert scenario.demand == CountsDemand(kind="counts", file="c.csv", scale=2.0)
    assert scenario.settings().cycle_max_s == 90


def test_rules_of_clearance_are_read(written):
    text = "walking_speed_m_s = 1.0\nvehicle_length_m = 12.0\nspeed_margin_m_s = 2.5\ndeducts_entering_time = false\n"
    settings = load(written(PLAIN + "[signals]\n" + text)).settings()
    assert (settings.walking_speed_m_s, settings.vehicle_length_m) == (1.0, 12.0)
    assert (settings.speed_margin_m_s, settings.deducts_entering_time) == (2.5, False)
    assert load(written(PLAIN)).settings().deducts_entering_time
    with pytest.raises(InputError) as caught:
        load(written(PLAIN + "[signals]\ndeducts_entering_time = 0\n"))
    assert caught.value.field == "signals.deducts_entering_time"


def test_the_template_shows_the_default_rules(written):
    shown = [line.removeprefix("# ") for line in template().splitlines() if line.startswith("# ")]
    names = ("walking_speed_m_s", "vehicle_length_m", "speed_margin_m_s", "deducts_entering_time")
    rules = "\n".join(line for line in shown if line.startswith(names))
    assert rules.count(" = ") == len(names)
    assert load(written(f"{PLAIN}[signals]\n{rules}\n")).settings() == load(written(PLAIN)).settings()


@pytest.mark.parametrize(
    ("change", "field", "value", "meant"),
    [
        ('[demand]\nkind = "generated"\nsead = 3\n', "demand.sead", "sead", "'seed'"),
        ("[signal]\n", "signal", "signal", "'signals'"),
        ("[run]\nduration = 60\n", "run.duration", "duration", "'duration_s'"),
        ('[signals]\ncontry = "KZ"\n', "signals.contry", "contry", "'country'"),
    ],
)
def test_a_misspelt_key_is_refused_with_a_hint(written, change, field, value, meant):
    path = written(PLAIN + change)
    with pytest.raises(InputError) as caught:
        load(path)
    error = caught.value
    assert (error.file, error.field, error.value) == (path, field, value)
    assert error.rule.startswith("is no key of")
    assert f"Did you mean {meant}?" in error.hint


def test_a_misspelt_key_is_told_before_the_missing_one(written):
    with pytest.raises(InputError, match="Did you mean 'title'"):
        load(written(PLAIN.replace("title =", "tittle =")))
    with pytest.raises(InputError, match="Did you mean 'columns'"):
        load(written(PLAIN.replace("columns =", "colums =")))


@pytest.mark.parametrize(
    ("old", "new", "field", "rule"),
    [
        ("columns = 3", "columns = 0", "network.columns", "must be greater than or equal to 2"),
        ("columns = 3", 'columns = "3"', "network.columns", "must be a whole number"),
        ("columns = 3", "columns = true", "network.columns", "must be a whole number"),
        ("columns = 3", "spacing_x_m = nan", "network.spacing_x_m", "must be a finite number"),
        ("columns = 3", "spacing_x_m = inf", "network.spacing_x_m", "must be a finite number"),
        (
            'kind = "grid"\ncolumns = 3\nrows = 2',
            'kind = "osm"\nfile = "a.osm"\nclasses = "minor"',
            "network.classes",
            "must be 'major', 'streets' or 'all'",
        ),
        ('kind = "grid"', 'kind = "gird"', "network.kind", "must be one of grid, corridor, almaty, osm"),
        ('kind = "grid"', "", "network.kind", "must be one of"),
        ('title = "Small"', "", "scenario.title", "this key is missing"),
        ('name = "small"', 'name = "a b"', "scenario.name", "must be of lower-case letters"),
        ('kind = "grid"\ncolumns = 3\nrows = 2', 'kind = "osm"', "network.file", "this key is missing"),
    ],
)
def test_values_out_of_bounds_are_named(written, old, new, field, rule):
    with pytest.raises(InputError) as caught:
        load(written(PLAIN.replace(old, new)))
    assert caught.value.field == field
    assert rule in caught.value.rule


@pytest.mark.parametrize(
    ("section", "field"),
    [
        ('[demand]\nkind = "generated"\ntotal_veh_h = -5.0\n', "demand.total_veh_h"),
        ('[demand]\nkind = "generated"\nscale = -1.0\n', "demand.scale"),
        ('[demand]\nkind = "generated"\nprofile = [1.0, nan]\n', "demand.profile.1"),
        ('[demand]\nkind = "generated"\nprofile = []\n', "demand.profile"),
        ('[demand]\nkind = "generated"\ntotal_veh_h = 5.0\ntarget_p90_x = 0.9\n', "demand"),
        ("[run]\nduration_s = 0\n", "run.duration_s"),
    ],
)
def test_bad_demand_is_named(written, section, field):
    with pytest.raises(InputError) as caught:
        load(written(PLAIN + section))
    assert caught.value.field == field


def test_signal_rules_that_contradict_each_other_are_refused(written):
    path = written(PLAIN + "[signals]\ncycle_min_s = 90\ncycle_max_s = 60\n")
    with pytest.raises(InputError, match="must be cycle_min_s, 90, or more") as caught:
        load(path)
    assert (caught.value.file, caught.value.field) == (path, "signals.cycle_max_s")
    with pytest.raises(InputError, match="known country") as caught:
        load(written(PLAIN + '[signals]\ncountry = "XX"\n'))
    assert caught.value.field == "signals.country"


def test_unknown_scenarios_and_broken_files(written, tmp_path):
    with pytest.raises(InputError, match="Did you mean 'almaty'"):
        load("almati")
    with pytest.raises(InputError, match="must be a scenario"):
        load(str(tmp_path / "none.toml"))
    with pytest.raises(InputError, match="must be TOML"):
        load(written("[scenario\n"))
    broken = tmp_path / "latin.toml"
    broken.write_bytes(b'[scenario]\ntitle = "\xe4"\n')
    with pytest.raises(InputError, match="must be UTF-8"):
        load(str(broken))


def test_missing_data_says_where_to_put_it(tmp_path, monkeypatch):
    monkeypatch.setenv("JASYL_DATA", str(tmp_path))
    scenario = load("almaty-osm")
    assert isinstance(scenario.network, OsmNetwork)
    with pytest.raises(InputError, match="must exist") as caught:
        scenario.find("network.file", scenario.network.file)
    assert str(tmp_path / scenario.network.file) in caught.value.hint
    assert "JASYL_DATA" in caught.value.hint
    (tmp_path / "osm").mkdir()
    (tmp_path / scenario.network.file).write_bytes(b"")
    assert scenario.find("network.file", scenario.network.file) == tmp_path / scenario.network.file


def test_files_are_relative_to_the_scenario_file(written, tmp_path):
    scenario = load(written(PLAIN))
    (tmp_path / "c.csv").write_text("x")
    assert scenario.find("demand.file", "c.csv") == tmp_path / "c.csv"
    with pytest.raises(InputError, match="must exist") as caught:
        scenario.find("demand.file", "d.csv")
    assert "JASYL_DATA" not in caught.value.hint


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_KEYS = st.sampled_from(["scenario", "network", "demand", "signals", "run", "kind", "file", "x"])


@given(st.dictionaries(_KEYS, st.dictionaries(_KEYS, _VALUES, max_size=4) | _VALUES, max_size=5))
def test_whatever_is_written_is_refused_clearly(table):
    """No table without [scenario] name and title is a scenario; the answer is always an `InputError`."""
    with pytest.raises(InputError) as caught:
        parse(table, file="x.toml")
    assert caught.value.file == "x.toml"
    assert caught.value.rule

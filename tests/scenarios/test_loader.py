"""From a scenario to a city: what fits together, what repeats, what comes from the cache."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

import scenarios.demand  # noqa: F401 - its kernels are to be loaded before the cache folder is changed
from scenarios import cache
from scenarios.grid import build_grid
from scenarios.loader import City, build, build_network, load
from signals.timing_sheet import write_timing_sheet
from simulation.rivals import isolated_webster
from tests.traffic.osm.maps import cross
from traffic.counts import balance, read_turning_counts
from traffic.demand import FlowDemand
from traffic.errors import InputError
from traffic.network import Turn
from traffic.saturation import ReferenceControl
from traffic.store import save_network

TEXT = """
[scenario]
name = "small"
title = "Small"

[network]
kind = "grid"
columns = 3
rows = 3

[demand]
kind = "generated"
seed = 4
"""


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JASYL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def scenario(tmp_path):
    def read(more=""):
        path = tmp_path / "small.toml"
        path.write_text(TEXT + more, encoding="utf-8")
        return load(str(path))

    return read


def same(one: FlowDemand, other: FlowDemand) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(FlowDemand))


def test_a_city_fits_together(scenario):
    city = build(scenario())
    city.demand.check(city.network)
    assert [j.key for j in city.junctions] == list(city.network.junctions.key)
    assert len(city.junctions) == 9
    assert city.before is None
    assert city.label == "generated"
    x = ReferenceControl(city.network).quantile(city.demand.movement_veh_s(city.network), 0.9)
    assert city.figures["p90_x"] == pytest.approx(x, rel=1e-9)
    assert 0.85 < x < 0.95  # on nine junctions X jumps with single routes
    assert city.figures["relative_gap"] <= 1e-4
    assert city.demand.entry_veh_s.sum() * 3600 == pytest.approx(city.figures["total_veh_h"], rel=1e-9)
    assert city.demand.source == "generated"


def test_two_builds_give_the_same_bytes_with_and_without_the_cache(scenario, cache_folder):
    first, again = build(scenario()), build(scenario())
    (kept,) = (cache_folder / "demand").iterdir()
    old = kept.read_bytes()
    kept.unlink()
    afresh = build(scenario())
    assert same(first.demand, again.demand)
    assert same(first.demand, afresh.demand)
    assert first.figures == again.figures == afresh.figures
    assert kept.read_bytes() == old
    assert [j.digest for j in first.junctions] == [j.digest for j in afresh.junctions]
    assert cache.network_digest(first.network) == cache.network_digest(afresh.network)


def test_a_damaged_cache_is_made_again(scenario, cache_folder):
    first = build(scenario())
    (kept,) = (cache_folder / "demand").iterdir()
    for damage in (b"", b"PK", kept.read_bytes()[:-200]):
        kept.write_bytes(damage)
        assert same(build(scenario()).demand, first.demand)
    assert not [p for p in (cache_folder / "demand").iterdir() if p != kept], "nothing half-written stays"


def test_another_seed_changes_the_demand_and_no_junction(scenario):
    own, other = build(scenario()), build(scenario(), seed=5)
    assert not same(own.demand, other.demand)
    assert [j.digest for j in own.junctions] == [j.digest for j in other.junctions]
    assert same(build(scenario(), seed=4).demand, own.demand)


def test_scale_multiplies_the_flows(scenario):
    one, two = build(scenario()).demand, build(scenario("scale = 1.5\n")).demand
    assert same(two, one.scaled(1.5))


def test_left_turns_are_protected_for_the_scaled_demand(scenario):
    """Volume decides on protection, so junctions must see the demand that is planned for."""
    one, full = build(scenario()), build(scenario(), scale=2.0)
    assert same(full.demand, one.demand.scaled(2.0))
    digests = [[j.digest for j in city.junctions] for city in (one, full)]
    assert digests[0] != digests[1]
    assert digests[1] == [j.digest for j in build(scenario("scale = 2.0\n")).junctions]
    planned = build(scenario(), scale=2.0, planned_scale=1.0)
    assert [j.digest for j in planned.junctions] == digests[0]
    assert same(planned.demand, full.demand)


def test_a_given_total_is_kept(scenario):
    city = build(scenario("total_veh_h = 1234.0\nprofile = [0.5, 1.0]\nperiod_s = 900.0\n"))
    assert city.demand.periods == 2
    np.testing.assert_allclose(city.demand.entry_veh_s.sum(axis=1) * 3600, [617.0, 1234.0], rtol=1e-9)


def test_a_matrix_from_a_file(scenario, tmp_path):
    (tmp_path / "trips.csv").write_text("origin,destination,veh_h\nzone 1,zone 2,100\n", encoding="utf-8")
    base = scenario()
    section = 'kind = "od"\nfile = "trips.csv"\nzones = 20\n'
    text = TEXT.replace('kind = "generated"\nseed = 4\n', section)
    path = tmp_path / "od.toml"
    path.write_text(text, encoding="utf-8")
    city = build(load(str(path)))
    assert city.demand.source == "trips.csv"
    assert city.figures["total_veh_h"] == 100.0
    assert cache.network_digest(city.network) == cache.network_digest(build_network(base))
    (tmp_path / "trips.csv").write_text("origin,destination,veh_h\nzone 1,nowhere,100\n", encoding="utf-8")
    with pytest.raises(InputError, match="nowhere"):
        build(load(str(path)))


def test_turning_counts_from_a_file(tmp_path):
    rows = [
        f"grid:2-2,{a},{b},08:{m:02},{n}" for a, b, n in (("W", "E", 90), ("W", "S", 10)) for m in (0, 15)
    ]
    (tmp_path / "counts.csv").write_text("junction,from,to,start,count\n" + "\n".join(rows), encoding="utf-8")
    path = tmp_path / "counted.toml"
    section = 'kind = "counts"\nfile = "counts.csv"\n'
    path.write_text(TEXT.replace('kind = "generated"\nseed = 4\n', section), encoding="utf-8")
    city = build(load(str(path)), seed=9)
    assert city.demand.source == "turning counts"
    assert (city.demand.periods, city.demand.period_s) == (2, 900.0)
    # how near balanced flows are to counts is for the tests of `balance` to say; here they must be its own
    counts = read_turning_counts(tmp_path / "counts.csv", city.network)
    balanced = balance(counts, city.network)
    assert same(city.demand, balanced.demand)
    assert city.figures["rounds"] == balanced.rounds
    assert city.figures["last_change_veh"] == balanced.last_change_veh
    flows = [city.demand.movement_veh_s(city.network, k)[counts.movement] * 900.0 for k in range(2)]
    change = np.abs(balanced.change_veh)
    assert np.stack(flows) - counts.vehicles == pytest.approx(balanced.change_veh, abs=1e-6)
    assert (city.figures["counted_movements"], city.figures["intervals"]) == (2.0, 2.0)
    assert city.figures["changed_share"] == pytest.approx(change.sum() / 200.0, rel=1e-12)
    largest = city.figures["largest_change_balanced_veh"] - city.figures["largest_change_counted_veh"]
    assert abs(largest) == pytest.approx(change.max(), rel=1e-12)
    assert city.figures["largest_change_movement"] in counts.movement
    (movement,) = counts.movement[counts.vehicles[0] == 90.0].tolist()
    assert city.network.movements.turn[movement] == Turn.THROUGH


def test_a_timing_sheet_is_read_and_its_errors_named(scenario, tmp_path):
    more = '[signals]\ntiming_sheet = "before.csv"\n'
    with pytest.raises(InputError, match="the file must exist"):
        build(scenario(more))
    sheet = tmp_path / "before.csv"
    header = "junction,stage,groups,duration_s,cycle_s,offset_s\n"
    sheet.write_text(header + "grid:9-9,1,N-TR,60,60,0\n", encoding="utf-8")
    with pytest.raises(InputError, match="must be the key of a junction") as caught:
        build(scenario(more))
    assert (caught.value.file, caught.value.value) == (str(sheet), "grid:9-9")


def test_overrides_reach_the_junctions(scenario, tmp_path):
    (tmp_path / "o.toml").write_text(
        '[[junction]]\nkey = "grid:1-1"\nlocked = true\nname = "Corner"\n', encoding="utf-8"
    )
    path = tmp_path / "over.toml"
    text = TEXT.replace("rows = 3\n", 'rows = 3\noverrides = "o.toml"\n')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="plan in force must be known") as caught:
        build(load(str(path)))
    assert (caught.value.file, caught.value.field) == (str(path), "junction grid:1-1")
    plain = build(scenario())
    write_timing_sheet(isolated_webster(plain.network, plain.junctions, plain.demand), tmp_path / "now.csv")
    path.write_text(text + '[signals]\ntiming_sheet = "now.csv"\n', encoding="utf-8")
    city = build(load(str(path)))
    assert [j.locked for j in city.junctions] == [True] + [False] * 8
    assert city.junctions[0].name == "Corner"
    (tmp_path / "o.toml").write_text("[[way]]\nid = 5\nlanes = 2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"may only hold \[\[junction\]\]"):
        build(load(str(path)))


def test_missing_files_are_named(tmp_path):
    for old, new in (
        ('kind = "generated"\nseed = 4', 'kind = "od"\nfile = "none.csv"'),
        ('kind = "generated"\nseed = 4', 'kind = "counts"\nfile = "none.csv"'),
        ('kind = "grid"\ncolumns = 3\nrows = 3', 'kind = "osm"\nfile = "none.pbf"'),
        ('kind = "grid"', 'kind = "grid"\noverrides = "none.toml"'),
    ):
        path = tmp_path / "small.toml"
        path.write_text(TEXT.replace(old, new), encoding="utf-8")
        with pytest.raises(InputError, match="the file must exist") as caught:
            build(load(str(path)))
        assert caught.value.file == str(path)
        assert caught.value.field.endswith((".file", ".overrides"))


def test_signal_rules_reach_the_junctions(scenario):
    city = build(scenario("[signals]\ncycle_max_s = 77\n"))
    assert {j.cycle_max_s for j in city.junctions} == {77}


def _side_street(tmp_path, text):
    """Import the cross of a tertiary and a secondary road, with a residential street across the former."""
    osm = cross()
    osm.node(50, 200.0, 150.0)
    osm.node(51, 200.0, -150.0)
    osm.node(52, 200.0, 0.0)
    osm.ways.pop(0)
    osm.way(10, [2, 1, 52, 3], "tertiary")
    osm.way(30, [50, 52, 51], "residential")
    osm.write(tmp_path / "map.osm")
    path = tmp_path / "small.toml"
    section = f'kind = "osm"\nfile = "map.osm"\n{text}'
    path.write_text(TEXT.replace('kind = "grid"\ncolumns = 3\nrows = 3\n', section), encoding="utf-8")
    return build_network(load(str(path)))


def test_classes_choose_the_roads_of_a_map(tmp_path, cache_folder):
    links = {c: len(_side_street(tmp_path, f'classes = "{c}"\n').links) for c in ("major", "streets", "all")}
    assert links == {"major": 8, "streets": 14, "all": 14}
    assert len(list((cache_folder / "networks").iterdir())) == 3, "classes are part of the key"
    assert len(_side_street(tmp_path, "").links) == links["streets"]
    assert len(list((cache_folder / "networks").iterdir())) == 3


def test_default_speeds_of_a_map_are_those_of_the_country(tmp_path):
    for country, km_h in (("KZ", 60.0), ("br", 40.0), ("DE", 50.0)):
        network = _side_street(tmp_path, f'classes = "major"\n\n[signals]\ncountry = "{country}"\n')
        speeds = network.links.speed_m_s[network.links.osm_way == 10]
        np.testing.assert_allclose(speeds, km_h / 3.6, rtol=1e-12)


def _saved(tmp_path, file, more=""):
    path = tmp_path / "saved.toml"
    section = f'kind = "file"\nfile = "{file}"\n{more}'
    path.write_text(TEXT.replace('kind = "grid"\ncolumns = 3\nrows = 3\n', section), encoding="utf-8")
    return load(str(path))


def test_a_saved_network_is_the_one_that_was_imported(tmp_path):
    imported = _side_street(tmp_path, "")
    save_network(imported, tmp_path / "city.npz")
    scenario = _saved(tmp_path, "city.npz")
    assert scenario.label == "OpenStreetMap"
    assert cache.network_digest(build_network(scenario)) == cache.network_digest(imported)


def test_a_network_file_of_the_wrong_kind_is_refused(tmp_path):
    cross().write(tmp_path / "map.osm")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for file, rule, hint in (
        ("map.osm", "must be a network that `jasyl import osm` has saved", 'kind = "osm"'),
        ("other.npz", "is damaged or no network saved by Jasyl", "Import the network again"),
        ("none.npz", "the file must exist", "Put it at"),
    ):
        with pytest.raises(InputError) as caught:
            build_network(_saved(tmp_path, file))
        assert caught.value.rule == rule
        assert hint in caught.value.hint
    path = tmp_path / "small.toml"
    section = 'kind = "osm"\nfile = "other.npz"\n'
    path.write_text(TEXT.replace('kind = "grid"\ncolumns = 3\nrows = 3\n', section), encoding="utf-8")
    with pytest.raises(InputError, match="must be an OpenStreetMap file") as caught:
        build_network(load(str(path)))
    assert 'kind = "file"' in caught.value.hint


def test_a_saved_network_takes_overrides_of_junctions_by_their_nodes(tmp_path):
    save_network(_side_street(tmp_path, ""), tmp_path / "city.npz")
    (tmp_path / "o.toml").write_text("[[junction]]\nnodes = [1]\ncycle_max_s = 77\n", encoding="utf-8")
    demand = "total_veh_h = 200\nzones = 4\n"
    scenario = _saved(tmp_path, "city.npz", 'overrides = "o.toml"\n')
    (tmp_path / "saved.toml").write_text((tmp_path / "saved.toml").read_text() + demand, encoding="utf-8")
    (junction,) = build(load(scenario.source)).junctions
    assert junction.cycle_max_s == 77
    (tmp_path / "o.toml").write_text("[[way]]\nid = 10\nlanes = 2\n", encoding="utf-8")
    with pytest.raises(InputError, match="may only hold") as caught:
        build(load(scenario.source))
    assert "jasyl import osm FILE --overrides" in caught.value.hint


def test_a_network_is_never_made_without_the_overrides_of_its_scenario(tmp_path):
    (tmp_path / "o.toml").write_text("[[way]]\nid = 10\nlanes = 3\n", encoding="utf-8")
    changed = _side_street(tmp_path, 'overrides = "o.toml"\n')
    assert set(changed.links.running_lanes[changed.links.osm_way == 10].tolist()) == {3}


def test_sources_in_sub_folders_are_part_of_the_key(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_PROJECT", tmp_path)
    source = tmp_path / "traffic" / "deep" / "a.py"
    source.parent.mkdir(parents=True)
    digests = {cache.sources_digest()}
    for text in ("a = 1", "a = 2"):
        source.write_text(text, encoding="utf-8")
        digests.add(cache.sources_digest())
    source.rename(source.parent.parent / "a.py")
    digests.add(cache.sources_digest())
    assert len(digests) == 4


def test_a_network_is_kept_and_a_damaged_one_made_again(cache_folder):
    made = []

    def make():
        made.append(1)
        return build_grid(3, 2)

    one = cache.cached_network(["a"], make)
    two = cache.cached_network(["a"], make)
    assert len(made) == 1
    assert cache.network_digest(one) == cache.network_digest(two)
    (kept,) = (cache_folder / "networks").iterdir()
    kept.write_bytes(kept.read_bytes()[:500])
    cache.cached_network(["a"], make)
    cache.cached_network(["b"], make)
    assert len(made) == 3


def test_the_digest_of_a_network_sees_every_part():
    network = build_grid(2, 2)
    digest = cache.network_digest(network)
    moved = replace(network, nodes=replace(network.nodes, x_m=network.nodes.x_m + 1.0))
    renamed = replace(network, names=(*network.names[:-1], "Other"))
    rekeyed = replace(network, junctions=replace(network.junctions, name=("a", "b", "c", "d")))
    assert len({digest, *(cache.network_digest(n) for n in (moved, renamed, rekeyed))}) == 4
    assert cache.network_digest(build_grid(2, 2)) == digest


def test_the_corridor_is_a_city():
    city = build(load("corridor"))
    assert isinstance(city, City)
    assert len(city.junctions) == 10
    city.demand.check(city.network)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("almaty-osm", 300), ("porto-alegre", 700)])
def test_real_cities(shared_data, monkeypatch, name, least):
    monkeypatch.setenv("JASYL_DATA", str(shared_data))
    city = build(load(name))
    city.demand.check(city.network)
    assert len(city.junctions) >= least
    assert city.label == "OpenStreetMap"
    again = build_network(load(name))
    assert cache.network_digest(again) == cache.network_digest(city.network)

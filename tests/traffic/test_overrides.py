from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pytest

import traffic.overrides
from tests.traffic.osm.maps import OsmMap, assert_sound, build, cross, divided_cross, movements_of
from traffic.errors import InputError
from traffic.network import Turn
from traffic.overrides import JunctionOverride, Overrides, read_overrides

if TYPE_CHECKING:
    from pathlib import Path

R, T, L = (frozenset({turn}) for turn in (Turn.RIGHT, Turn.THROUGH, Turn.LEFT))


def _read(folder: Path, text: str) -> Overrides:
    path = folder / "overrides.toml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return read_overrides(path)


def _split_cross() -> OsmMap:
    """A cross whose arms are ways 10 (west), 13 (east), 11 (south) and 12 (north)."""
    osm = cross()
    osm.ways = []
    for osm_id, nodes in ((10, [2, 1]), (13, [1, 3]), (11, [4, 1]), (12, [1, 5])):
        osm.way(osm_id, nodes, name="Abay" if osm_id in {10, 13} else "Dostyk")
    return osm


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    text = (traffic.overrides.__doc__ or "").split("::", 1)[1]
    overrides = _read(tmp_path, text)
    (way,) = overrides.ways
    assert (way.way, way.forward, way.backward) == (25374711, True, False)
    assert (way.lanes, way.left_bay_lanes, way.right_bay_lanes, way.bay_length_m) == (2, 1, 0, 45.0)
    assert way.turn_lanes == (T | R, T, L)
    assert overrides.together == (frozenset({27518995, 27518999}),)
    assert overrides.apart == (frozenset({27519001, 27519003}),)
    assert overrides.signals_added == {27519047}
    assert overrides.missing_is_error
    assert dict(overrides.signals) == {
        "osm:27518995": JunctionOverride(
            min_green_s={"N-TR": 12, "E": 8},
            max_green_s={"N-TR": 60},
            fixed_order=(("N-TR", "S-TR"), ("E-TR", "W-TR")),
            locked=False,
            name="Abay / Dostyk",
            cycle_min_s=60,
            cycle_max_s=120,
            refuge={"P-N": True},
            walk_m={"P-E": 9.5},
            where="junction[0]",
        )
    }


@pytest.mark.parametrize(
    ("text", "field", "rule"),
    [
        ("[[ways]]\nid = 1", "ways", "unknown key"),
        ("[[way]]\nid = 1\nlane = 2", "way[0].lane", "unknown key"),
        ("[[way]]\nlanes = 2", "way[0].id", "is missing"),
        ("[[way]]\nid = 1\nlanes = 0", "way[0].lanes", "must be a whole number, from 1 to 12"),
        ("[[way]]\nid = 1\nlanes = 2.5", "way[0].lanes", "must be a whole number"),
        ("[[way]]\nid = 1\nlanes = true", "way[0].lanes", "must be a whole number"),
        ("[[way]]\nid = -5", "way[0].id", "must be a whole number, 1 or more"),
        ("[[way]]\nid = 1\nspeed_km_h = nan", "way[0].speed_km_h", "must be a finite number"),
        ("[[way]]\nid = 1\nspeed_km_h = 500", "way[0].speed_km_h", "must be from 5 to 150"),
        (
            "[[way]]\nid = 1\nsaturation_veh_h_lane = 1",
            "way[0].saturation_veh_h_lane",
            "must be from 200 to 3000",
        ),
        ("[[way]]\nid = 1\ndirection = 'north'", "way[0].direction", "must be one of forward, backward"),
        ("[[way]]\nid = 1\nturn_lanes = 'leftish'", "way[0].turn_lanes", "must be turns of each lane"),
        ("[[way]]\nid = 1\nlanes = 3\nturn_lanes = 'left|right'", "way[0].turn_lanes", "must have one entry"),
        ("[way]\nid = 1", "way", "must be a list of tables"),
        ("[[turn]]\nfrom_way = 1\nvia_node = 2\nto_way = 3", "turn[0].allowed", "is missing"),
        (
            "[[turn]]\nfrom_way = 1\nvia_node = 2\nto_way = 3\nallowed = 1",
            "turn[0].allowed",
            "must be true or false",
        ),
        ("[[consolidate]]\ntogether = [1]", "consolidate[0].together", "must be a list of 2 or more"),
        ("[[consolidate]]\ntogether = [1, 2]\napart = [3, 4]", "consolidate[0].together", "must have either"),
        ("[[signal]]\nsignal = true", "signal[0].node", "is missing"),
        ("[[junction]]\nname = 'A'", "junction[0].nodes", "must have either nodes or key"),
        (
            "[[junction]]\nnodes = [1]\n[[junction]]\nnodes = [1, 2]",
            "junction[1].nodes",
            "must have one entry only",
        ),
        (
            "[[junction]]\nnodes = [1]\nmin_green_s = { N = 0 }",
            "junction[0].min_green_s.N",
            "must be a whole number",
        ),
        (
            "[[junction]]\nnodes = [1]\nmin_green_s = { N = 9 }\nmax_green_s = { N = 8 }",
            "junction[0].max_green_s",
            "must be at least min_green_s, 9",
        ),
        (
            "[[junction]]\nnodes = [1]\nfixed_order = [[]]",
            "junction[0].fixed_order",
            "must be a list of stages",
        ),
        (
            "[[junction]]\nnodes = [1]\nfixed_order = ['A']",
            "junction[0].fixed_order",
            "must be a list of stages",
        ),
        (
            "[[junction]]\nnodes = [1]\ncycle_min_s = 90\ncycle_max_s = 60",
            "junction[0].cycle_max_s",
            "at least",
        ),
        (
            "[[junction]]\nnodes = [1]\nrefuge = { P-N = 1 }",
            "junction[0].refuge.P-N",
            "must be true or false",
        ),
        (
            "[[junction]]\nnodes = [1]\nrefuge = true",
            "junction[0].refuge",
            "must be a table of true or false",
        ),
        (
            "[[junction]]\nnodes = [1]\nwalk_m = { P-N = nan }",
            "junction[0].walk_m.P-N",
            "must be a finite number",
        ),
        ("[[junction]]\nnodes = [1]\nwalk_m = { P-N = 0 }", "junction[0].walk_m.P-N", "must be from 2 to 80"),
        ("missing_ids = 'ignore'", "missing_ids", "must be one of error, warning"),
    ],
)
def test_what_breaks_a_rule_is_refused(tmp_path: Path, text: str, field: str, rule: str) -> None:
    with pytest.raises(InputError) as caught:
        _read(tmp_path, text)
    assert caught.value.field == field
    assert rule in caught.value.rule
    assert caught.value.file == str(tmp_path / "overrides.toml")


def test_a_misspelt_key_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        _read(tmp_path, "[[junction]]\nnodes = [1]\nmin_greens_s = {}")
    assert caught.value.hint == "Did you mean 'min_green_s'?"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be TOML"):
        _read(tmp_path, "[[way]\nid = 1")
    with pytest.raises(InputError, match="must be a file that can be read"):
        read_overrides(tmp_path / "none.toml")


def test_lanes_speed_and_saturation(tmp_path: Path) -> None:
    overrides = _read(
        tmp_path,
        """
        [[way]]
        id = 10
        direction = "forward"
        lanes = 3
        speed_km_h = 45
        saturation_veh_h_lane = 1500
        """,
    )
    network, report = build(_split_cross(), tmp_path, overrides=overrides)
    west = np.flatnonzero(network.links.osm_way == 10)
    inward = network.links.to_node[west] == network.junctions.node[0]
    assert network.links.running_lanes[west[inward]].tolist() == [3]
    assert network.links.running_lanes[west[~inward]].tolist() == [2]
    np.testing.assert_allclose(network.links.speed_m_s[west[inward]], 45 / 3.6)
    np.testing.assert_allclose(network.links.speed_m_s[west[~inward]], 60 / 3.6)
    own = network.lane_groups.link == west[inward]
    np.testing.assert_allclose(network.lane_groups.saturation_veh_s[own].sum(), 3 * 1500 / 3600)
    assert report.defaults == {"lanes": 7, "speed": 7}


def test_turn_lanes_and_bays(tmp_path: Path) -> None:
    overrides = _read(
        tmp_path,
        """
        [[way]]
        id = 10
        direction = "forward"
        lanes = 2
        left_bay_lanes = 1
        bay_length_m = 45
        turn_lanes = "left|through|through;right"
        """,
    )
    network, report = build(_split_cross(), tmp_path, overrides=overrides)
    west = np.flatnonzero(
        (network.links.osm_way == 10) & (network.links.to_node == network.junctions.node[0])
    )
    assert (network.links.running_lanes[west].tolist(), network.links.lanes[west].tolist()) == ([2], [3])
    groups = np.flatnonzero(network.lane_groups.link == west)
    np.testing.assert_allclose(network.lane_groups.length_m[groups], [300, 300, 45], atol=0.05)
    left = network.connections.movement[network.connections.lane_group == groups[-1]]
    assert network.movements.turn[left].tolist() == [Turn.LEFT]
    assert report.turn_lanes_ignored == 0


def test_together_and_apart(tmp_path: Path) -> None:
    together = _read(tmp_path, "[[consolidate]]\ntogether = [1, 2, 3, 4]")
    network, report = build(divided_cross(70.0), tmp_path, overrides=together)
    assert network.junctions.osm_nodes == ((1, 2, 3, 4),)
    assert len(network.movements) == 12
    assert_sound(network, report)
    apart = _read(tmp_path, "[[consolidate]]\napart = [1, 2]\n[[consolidate]]\napart = [3, 4]")
    network, report = build(divided_cross(20.0), tmp_path, overrides=apart)
    assert len(network.junctions) == 2
    assert not any({1, 2} <= set(ids) or {3, 4} <= set(ids) for ids in network.junctions.osm_nodes)
    assert_sound(network, report)


def test_together_and_apart_for_signals_along_a_street(tmp_path: Path) -> None:
    osm = cross()
    osm.signal(30, -40, 0)
    osm.signal(31, 120, 0)
    osm.ways[0] = (10, [2, 30, 1, 31, 3], osm.ways[0][2])
    network, _ = build(osm, tmp_path)
    assert network.junctions.osm_nodes == ((1, 30), (31,))
    overrides = _read(tmp_path, "[[consolidate]]\napart = [1, 30]\n[[consolidate]]\ntogether = [1, 31]")
    network, report = build(osm, tmp_path, overrides=overrides)
    assert network.junctions.osm_nodes == ((1, 31), (30,))
    assert_sound(network, report)


def test_turns_are_banned_and_allowed(tmp_path: Path) -> None:
    osm = _split_cross()
    osm.restriction(1, "no_left_turn", 10, 1, 12)
    overrides = _read(
        tmp_path,
        """
        [[turn]]
        from_way = 10
        via_node = 1
        to_way = 12
        allowed = true
        [[turn]]
        from_way = 11
        via_node = 1
        to_way = 10
        allowed = false
        """,
    )
    before = movements_of(build(osm, tmp_path)[0])
    after = movements_of(build(osm, tmp_path, overrides=overrides)[0])
    assert after - before == {(10, 12)}
    assert before - after == {(11, 10)}


def test_signals_are_added_and_taken_out(tmp_path: Path) -> None:
    osm = divided_cross(70.0)
    osm.node(30, 200, -35)
    osm.ways[0] = (10, [20, 1, 2, 30, 21], osm.ways[0][2])
    overrides = _read(tmp_path, "[[signal]]\nnode = 30\nsignal = true\n[[signal]]\nnode = 3\nsignal = false")
    network, report = build(osm, tmp_path, overrides=overrides)
    assert network.junctions.osm_nodes == ((1,), (2,), (4,), (30,))
    assert report.signal_nodes == 4
    assert_sound(network, report)


def test_names_and_keys_of_junctions(tmp_path: Path) -> None:
    overrides = _read(
        tmp_path,
        """
        [[junction]]
        nodes = [3]
        name = "Square"
        locked = true
        """,
    )
    network, _ = build(divided_cross(), tmp_path, overrides=overrides)
    assert network.junctions.name == ("Square",)
    resolved = overrides.for_network(network)
    assert resolved.signals["osm:1"].locked
    assert list(resolved.signals) == ["osm:1"]
    assert resolved.for_network(network).signals == resolved.signals


def test_two_entries_for_one_junction_are_refused(tmp_path: Path) -> None:
    overrides = _read(tmp_path, "[[junction]]\nnodes = [3]\n[[junction]]\nnodes = [2]")
    network, _ = build(divided_cross(), tmp_path)
    with pytest.raises(InputError, match="must have one entry only"):
        overrides.for_network(network)


def test_an_unknown_junction_key_is_refused(tmp_path: Path) -> None:
    network, _ = build(divided_cross(), tmp_path)
    overrides = _read(tmp_path, '[[junction]]\nkey = "osm:7"\nlocked = true')
    with pytest.raises(InputError, match="must name a signal junction") as caught:
        overrides.for_network(network)
    assert caught.value.value == "osm:7"
    relaxed = _read(tmp_path, 'missing_ids = "warning"\n[[junction]]\nkey = "osm:7"\nlocked = true')
    assert dict(relaxed.for_network(network).signals) == {}


@pytest.mark.parametrize(
    ("text", "field", "osm_id"),
    [
        ("[[way]]\nid = 77\nlanes = 2", "way.id", 77),
        ("[[turn]]\nfrom_way = 77\nvia_node = 1\nto_way = 11\nallowed = false", "turn.from_way", 77),
        ("[[turn]]\nfrom_way = 10\nvia_node = 77\nto_way = 11\nallowed = false", "turn.via_node", 77),
        ("[[turn]]\nfrom_way = 10\nvia_node = 2\nto_way = 11\nallowed = false", "turn", 2),
        ("[[consolidate]]\ntogether = [1, 77]", "consolidate.together", 77),
        ("[[consolidate]]\napart = [1, 77]", "consolidate.apart", 77),
        ("[[signal]]\nnode = 77\nsignal = true", "signal.node", 77),
        ("[[junction]]\nnodes = [77]\nlocked = true", "junction.nodes", 77),
    ],
)
def test_ids_that_are_gone(tmp_path: Path, text: str, field: str, osm_id: int) -> None:
    with pytest.raises(InputError) as caught:
        build(cross(), tmp_path, overrides=_read(tmp_path, text))
    assert caught.value.field == field
    assert str(caught.value.value).startswith(f"{osm_id}: ")
    assert caught.value.file == str(tmp_path / "overrides.toml")
    relaxed = _read(tmp_path, f'missing_ids = "warning"\n{text}')
    network, report = build(cross(), tmp_path, overrides=relaxed)
    assert any(f"{field} {osm_id}" in warning for warning in report.warnings)
    assert_sound(network, report)


def test_a_signal_added_off_the_network_is_refused(tmp_path: Path) -> None:
    osm = cross()
    osm.node(30, 900, 900)
    osm.node(31, 1000, 900)
    osm.way(12, [30, 31], "residential")
    overrides = _read(tmp_path, "[[signal]]\nnode = 30\nsignal = true")
    with pytest.raises(InputError, match="must stand on a road of the network"):
        build(osm, tmp_path, overrides=overrides)

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from signals.aspects import Aspect
from signals.junction import Junction
from signals.sumo.programs import additional_xml, programs, traffic_lights_xml
from tests.signals.hand_plans import crossroads_plans
from tests.traffic.hand_networks import crossroads
from traffic.errors import InputError
from traffic.sumo.layout import SumoLayout, lay_out


def arms(north_south: str, north_south_left: str, east_west: str, east_west_left: str) -> str:
    """State string in the order of movements: east, north, west, south, each right, through, left."""
    return 2 * (2 * east_west + east_west_left + 2 * north_south + north_south_left)


def test_program_by_hand() -> None:
    """North-south ends 15 s before the left turns, which are protected from then on."""
    (program,) = programs(crossroads(), crossroads_plans(offset_s=7), lay_out(crossroads()))
    assert (program.signal, program.offset_s) == ("centre", 7)
    assert [(p.duration_s, p.state) for p in program.phases] == [
        (30, arms("G", "g", "r", "r")),
        (3, arms("y", "G", "r", "r")),
        (7, arms("r", "G", "r", "r")),
        (3, arms("r", "y", "r", "r")),
        (1, arms("r", "r", "r", "r")),
        (1, arms("r", "r", "u", "u")),
        (30, arms("r", "r", "G", "g")),
        (3, arms("r", "r", "y", "y")),
        (1, arms("r", "r", "r", "r")),
        (1, arms("u", "u", "r", "r")),
    ]


def test_every_second_as_the_plan_shows_it() -> None:
    layout = lay_out(crossroads())
    plans = crossroads_plans(offset_s=33)
    (program,) = programs(crossroads(), plans, layout)
    seconds = [phase.state for phase in program.phases for _ in range(phase.duration_s)]
    shown = plans[0].expand()
    assert len(seconds) == plans[0].cycle_s
    allowed = {
        Aspect.RED: "r",
        Aspect.RED_AMBER: "u",
        Aspect.GREEN: "Gg",
        Aspect.FLASHING_GREEN: "Gg",
        Aspect.YELLOW: "y",
    }
    for group, member in enumerate(plans[0].junction.groups[:4]):
        for movement in member.movements:
            for second, state in enumerate(seconds):
                assert state[movement] in allowed[Aspect(shown[group, second])]


def test_merging_lanes_give_way() -> None:
    layout = lay_out(crossroads())
    merging = replace(layout, signals=((*layout.signals[0], (1, True)),))
    (program,) = programs(crossroads(), crossroads_plans(), merging)
    assert {(p.state[1], p.state[12]) for p in program.phases} == {
        ("r", "r"),
        ("u", "u"),
        ("G", "g"),
        ("y", "y"),
    }


def test_movement_without_a_signal_gives_way() -> None:
    plans = crossroads_plans()
    junction = plans[0].junction
    groups = tuple(
        replace(group, movements=tuple(m for m in group.movements if m != 9)) for group in junction.groups
    )
    plan = replace(plans[0], junction=replace(junction, groups=groups))
    (program,) = programs(crossroads(), plans.with_plans([plan]), lay_out(crossroads()))
    assert {phase.state[9] for phase in program.phases} == {"o"}
    assert {phase.state[10] for phase in program.phases} == {"G", "r", "y", "u"}


def test_traffic_lights_file_holds_programs_and_link_indices() -> None:
    layout = lay_out(crossroads())
    found = programs(crossroads(), crossroads_plans(offset_s=7), layout)
    root = ET.fromstring(traffic_lights_xml(found, layout))  # noqa: S314 - our own text
    logic = root.find("tlLogic")
    assert logic is not None
    assert logic.attrib == {"id": "centre", "type": "static", "programID": "0", "offset": "7"}
    assert sum(int(phase.get("duration", "0")) for phase in logic) == 80
    indices = [(c.get("from"), c.get("fromLane"), c.get("tl"), c.get("linkIndex")) for c in root[1:]]
    assert indices[:4] == [
        ("e0", "0", "centre", "0"),
        ("e0", "0", "centre", "1"),
        ("e0", "1", "centre", "1"),
        ("e0", "2", "centre", "2"),
    ]
    assert len(indices) == 16


def test_additional_file_holds_programs_only() -> None:
    found = programs(crossroads(), crossroads_plans(), lay_out(crossroads()))
    root = ET.fromstring(additional_xml(found, program="a & b"))  # noqa: S314 - our own text
    assert (root.tag, [e.tag for e in root]) == ("additional", ["tlLogic"])
    assert root[0].get("programID") == "a & b"


def test_plans_of_another_network() -> None:
    plans = replace(crossroads_plans(), network_name="elsewhere")
    with pytest.raises(InputError, match="must be plans of the 1 junctions of 'crossroads'"):
        programs(crossroads(), plans, lay_out(crossroads()))
    with pytest.raises(InputError, match="must be plans of the 1 junctions"):
        programs(crossroads(), replace(crossroads_plans(), plans=()), lay_out(crossroads()))


def test_junction_without_movements_has_no_program() -> None:
    layout = lay_out(crossroads())
    idle = SumoLayout(layout.node_id, layout.bay_m, layout.right_bays, layout.connections, ((),))
    assert programs(crossroads(), crossroads_plans(), idle) == ()


def test_intergreens_are_kept_to_the_second() -> None:
    """From the last G of one street to the first G of the other there are exactly the plan's seconds."""
    plans = crossroads_plans()
    junction: Junction = plans[0].junction
    (program,) = programs(crossroads(), plans, lay_out(crossroads()))
    seconds = np.array([list(p.state) for p in program.phases for _ in range(p.duration_s)])
    green = np.isin(seconds, ["G", "g"])
    last_left, first_east = np.flatnonzero(green[:, 5])[-1], np.flatnonzero(green[:, 1])[0]
    assert first_east - last_left - 1 == junction.intergreen_s[1, 2] == 5
    last_east = np.flatnonzero(green[:, 1])[-1]
    assert 80 - last_east - 1 == junction.intergreen_s[2, 0] == 5

"""SUMO's traffic lights as junctions and plans, and back."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest

from signals.junction import Conflict, GroupKind
from signals.plan import PlanSet
from signals.sumo.lights import light_of, lights_of, programs_of, states
from tests.simulation.sumo.nets import crossing, needs_sumo
from traffic.errors import InputError
from traffic.sumo.logics import NetLogic, NetPhase
from traffic.sumo.net_file import read_net
from traffic.sumo.road import road_network


@pytest.fixture(scope="module")
def roads(tmp_path_factory):
    folder = crossing(tmp_path_factory.mktemp("crossing"))
    return road_network(read_net(folder / "net.net.xml"))


# places: four a leg (right, straight, straight, left), legs N, E, S, W
NS = "GGGgrrrrGGGgrrrr"
LEFT = "rrrGrrrrrrrGrrrr"
EW = "rrrrGGGgrrrrGGGg"
RED = "r" * 16


def ending(state, following, letter="y"):
    return "".join(
        letter if a in "Gg" and b not in "Gg" else a for a, b in zip(state, following, strict=True)
    )


def shipped(roads, *phases, offset=0, begin=0.0):
    logic = NetLogic("X", "0", "static", offset, tuple(NetPhase(float(d), s) for d, s in phases))
    return light_of(roads, logic, 0, begin_s=begin)


@needs_sumo
class TestJunctions:
    def test_groups_conflicts_and_intergreens(self, roads):
        light = shipped(roads, (25, NS), (4, ending(NS, EW)), (1, RED), (20, EW), (5, ending(EW, NS)))
        junction = light.junction
        assert [group.name for group in junction.groups] == ["Nin 0-3", "Ein 4-7", "Sin 8-11", "Win 12-15"]
        assert [len(group.movements) for group in junction.groups] == [3] * 4
        full, gives = Conflict.FULL, Conflict.YIELD
        expected = [
            [0, full, gives, full],
            [full, 0, full, gives],
            [gives, full, 0, full],
            [full, gives, full, 0],
        ]
        np.testing.assert_array_equal(junction.conflict, expected)
        # 5 s as seen from north and south; 5 s of yellow and no all-red from east and west
        assert junction.intergreen_s[0].tolist() == [0, 5, 5, 5]
        assert junction.intergreen_s[1].tolist() == [5, 0, 5, 6]
        assert [group.yellow_s for group in junction.groups] == [4, 5, 4, 5]
        assert light.plan.durations_s == (30, 25)

    PROTECTED = (
        (25, NS),
        (3, ending(NS, LEFT)),
        (6, LEFT),
        (3, ending(LEFT, EW)),
        (20, EW),
        (3, ending(EW, NS)),
    )

    def test_a_left_turn_with_a_stage_of_its_own_has_a_group(self, roads):
        light = shipped(roads, *self.PROTECTED)
        names = [group.name for group in light.junction.groups]
        assert names == ["Nin 0-2", "Nin 3", "Ein 4-7", "Sin 8-10", "Sin 11", "Win 12-15"]
        assert [sorted(stage.groups) for stage in light.plan.stages] == [[0, 1, 3, 4], [1, 4], [2, 5]]
        assert light.plan.durations_s == (25, 12, 23)
        assert states(light, light.plan) == tuple(state for s, state in self.PROTECTED for _ in range(s))

    def test_a_program_that_begins_within_the_lagging_stage(self, roads):
        cut = ((4, LEFT), *self.PROTECTED[3:], *self.PROTECTED[:2], (2, LEFT))
        light = shipped(roads, *cut)
        assert len(light.plan.stages) == 3
        letters = [state for seconds, state in cut for _ in range(seconds)]
        shown = states(light, light.plan)
        assert [shown[(t - light.plan.offset_s) % 60] for t in range(60)] == letters

    def test_a_yellow_trap_of_the_program_stays_and_nobody_gives_way_in_it(self, roads):
        """South ends, with left turns that give way to north, while north stays green."""
        north = "GGGGrrrrrrrrrrrr"
        trap = (
            (25, NS),
            (3, "GGGgrrrryyyyrrrr"),
            (10, north),
            (3, ending(north, EW)),
            (20, EW),
            (3, ending(EW, NS)),
        )
        light = shipped(roads, *trap)
        full, gives = Conflict.FULL, Conflict.YIELD
        np.testing.assert_array_equal(
            light.junction.conflict,
            [[0, full, gives, full], [full, 0, full, gives], [0, full, 0, full], [full, gives, full, 0]],
        )
        assert states(light, light.plan) == tuple(state for s, state in trap for _ in range(s))

    def test_red_amber_of_the_program_is_shown(self, roads):
        """East and west have it for 4 s, in the first of which north and south are still green: these end a second earlier."""
        early, soon = NS.replace("r", "u"), ending(NS, EW).replace("r", "u")
        light = shipped(roads, (24, NS), (1, early), (3, soon), (20, EW), (3, ending(EW, NS)))
        assert light.junction.intergreen_s[0].tolist() == [0, 4, 3, 4]
        expected = (
            (24, NS),
            (3, soon),
            (1, "rrrruuuu" * 2),
            (20, EW),
            (3, ending(EW, NS)),
        )
        assert states(light, light.plan) == tuple(state for s, state in expected for _ in range(s))

    def test_kept_stages_are_shown_for_a_green_or_as_long_as_before(self, roads):
        shown = shipped(roads, *self.PROTECTED).with_stages_shown()
        assert shown.junction.stage_shown_s == 5
        # the yellow of the others, 5 s alone, and the yellow at its end
        assert shown.plan.sequence.planned_stage_s.tolist()[1] == 3 + 5 + 3
        short = ((3, LEFT) if phase == (6, LEFT) else phase for phase in self.PROTECTED)
        assert (
            shipped(roads, *short).with_stages_shown().plan.sequence.planned_stage_s.tolist()[1] == 3 + 3 + 3
        )
        assert shipped(roads, *self.PROTECTED).plan.sequence.planned_stage_s.tolist()[1] == 5

    def test_a_red_for_people_on_foot_is_kept(self, roads):
        everybody = "GGGgrrrrGGGgrrrr"
        light = shipped(roads, (25, everybody), (3, ending(everybody, RED)), (12, RED))
        walk = light.junction.groups[-1]
        assert (walk.kind, walk.movements, walk.min_green_s) == (GroupKind.PEDESTRIAN, (), 12)
        assert states(light, light.plan) == (*[everybody] * 25, *[ending(everybody, RED)] * 3, *[RED] * 12)
        with pytest.raises(InputError, match="green must be at least 12 s"):
            replace(light.plan, durations_s=(30, 10))

    def test_the_cycle_zero_is_the_begin_of_the_run(self, roads):
        phases = [(25, NS), (5, ending(NS, EW)), (20, EW), (5, ending(EW, NS))]
        plan = shipped(roads, *phases, offset=12, begin=130.0).plan
        assert plan.offset_s == (12 - 130) % 55
        light = shipped(roads, *phases, offset=12, begin=130.0)
        (back,) = programs_of([light], PlanSet("p", roads.network.name, (plan,)), begin_s=130.0)
        assert back.offset_s == 12
        assert [(phase.duration_s, phase.state) for phase in back.phases] == phases

    def test_every_plan_keeps_yellow_and_intergreens(self, roads):
        light = shipped(
            roads, (25, NS), (4, ending(NS, EW)), (1, RED), (20, EW), (4, ending(EW, NS)), (2, RED)
        )
        with pytest.raises(InputError, match="green must be at least"):
            replace(light.plan, durations_s=(9, 43), cycle_s=52)
        shorter = replace(light.plan, durations_s=(10, 45), cycle_s=55)
        assert states(light, shorter)[5:10] == (*[ending(NS, EW)] * 4, RED)

    def test_lights_come_in_the_order_of_junctions(self, roads):
        (light,) = lights_of(roads)
        assert light.junction.key == roads.network.junctions.key[0] == "X"
        assert light.plan.durations_s == (45, 45)


WEST = "srrrGGGgsrrrGGGg"  # right turns from north and south go on red


@needs_sumo
class TestTurnsOnRed:
    PROTECTED = (
        (25, NS),
        (3, ending(NS, LEFT)),
        (6, LEFT),
        (3, ending(LEFT, RED)),
        (20, WEST),
        (3, ending(WEST, RED).replace("s", "r")),
    )

    @staticmethod
    def seconds(light, place):
        """Return what a place shows from the start of the first stage on, with runs of a letter as one."""
        shown = "".join(state[place] for state in states(light, light.plan))
        return "".join(f"{letter}{sum(1 for _ in part)}" for letter, part in groupby(shown))

    def test_they_stay(self, roads):
        light = shipped(roads, (25, NS), (3, ending(NS, WEST)), (20, WEST), (3, ending(WEST, NS)))
        assert states(light, light.plan)[30] == WEST

    def test_not_in_a_stage_in_which_the_program_forbids_them(self, roads):
        # beside the left turns, and where nobody goes
        light = shipped(roads, *self.PROTECTED, (8, RED))
        assert self.seconds(light, 0) == "G25y3r9s20r11"

    def test_not_where_all_have_red_unless_the_program_does(self, roads):
        assert self.seconds(shipped(roads, *self.PROTECTED, (2, RED)), 0) == "G25y3r9s20r5"
        assert self.seconds(
            shipped(roads, *self.PROTECTED, (2, WEST.replace("G", "r").replace("g", "r"))), 0
        ) == ("G25y3r9s25")

    def test_places_of_no_group(self, roads):
        """The right turns of north and south are never green."""
        street, west = NS.replace("GGGg", "rGGg"), WEST
        phases = [(25, street), (3, ending(street, RED)), (20, west), (3, ending(west, RED)), (2, RED)]
        light = shipped(roads, *phases)
        assert light.group[[0, 8]].tolist() == [-1, -1]
        assert self.seconds(light, 0) == "r28s23r2"

    def test_all_the_time(self, roads):
        street, west = NS.replace("GGGg", "sGGg"), WEST
        phases = [(25, street), (3, ending(street, west)), (20, west), (3, ending(west, street))]
        assert self.seconds(shipped(roads, *phases), 0) == "s51"

    def test_in_every_plan_beside_the_same_groups_only(self, roads):
        light = shipped(roads, *self.PROTECTED, (8, RED))
        rng = np.random.default_rng(5)
        least = np.array(light.plan.durations_s) - [10, 0, 5, 0]
        for _ in range(20):
            plan = light.plan.with_durations((least + rng.integers(0, 20, size=4)).tolist())
            for state in states(light, plan):
                if "s" in state:
                    assert state[3] == state[11] == "r"
                    assert set(state[4:8]) <= set("Ggy")


@needs_sumo
class TestPeopleOnFoot:
    @pytest.fixture(scope="class")
    @staticmethod
    def light(tmp_path_factory):
        walks = ("--sidewalks.guess", "--sidewalks.guess.min-speed=1", "--crossings.guess")
        folder = crossing(tmp_path_factory.mktemp("walks"), options=walks)
        (light,) = lights_of(road_network(read_net(folder / "net.net.xml")))
        return light

    def test_they_conflict_with_whose_way_they_cross(self, light):
        walks = [g.kind is GroupKind.PEDESTRIAN for g in light.junction.groups]
        assert walks == [False] * 4 + [True] * 4
        full = light.junction.conflict == Conflict.FULL
        # each crossing lies before two legs' straight traffic: its own leg's and the opposite one's
        assert full[4:, :4].sum(axis=1).tolist() == [2, 2, 2, 2]
        # who turns into the leg lets them go first
        assert (light.junction.conflict[:4, 4:] == Conflict.YIELD).sum(axis=0).tolist() == [2, 2, 2, 2]

    def test_their_clearance_is_kept_whatever_the_stages(self, light):
        # the walk ends 8 s before the cars across start: 5 s in a stage without walks, 3 s of yellow
        assert (light.junction.intergreen_s[4:, :4] >= 8).all()
        shown = states(light, light.plan)
        walk = [k for k, letter in enumerate(shown[0]) if k >= 16 and letter == "G"]
        assert len(walk) == 2
        with pytest.raises(InputError, match=r"8 s"):
            replace(light.plan, durations_s=(37, 5, 40, 8))

    def test_all_that_gives_way_to_them_shows_so(self, light):
        assert states(light, light.plan)[0].startswith("gGGg")


RINGS = {"ring1": "0,2,0,4", "ring2": "0,6,0,8", "barrierPhases": "4,8", "barrier2Phases": "2,6"}


def nema(roads, params=RINGS, *, yellow_s=4.0, red_s=2.0):
    greens = {
        "2": "GGGg" + "r" * 12,
        "6": "r" * 8 + "GGGgrrrr",
        "4": "rrrrGGGg" + "r" * 8,
        "8": "r" * 12 + "GGGg",
    }
    phases = tuple(NetPhase(90.0, state, name, 30.0, yellow_s, red_s) for name, state in greens.items())
    return light_of(roads, NetLogic("X", "0", "NEMA", 0.0, phases, params), 0)


def sudden_ends(found):
    """Return the places whose green ends without yellow in the phases of a program."""
    states = [phase.state for phase in found.phases]
    pairs = zip(states, (*states[1:], states[0]), strict=True)
    return {
        k for one, other in pairs for k, pair in enumerate(zip(one, other, strict=True))
        if pair[0] in "Gg" and pair[1] not in "Ggy"
    }  # fmt: skip


@needs_sumo
class TestYellow:
    def test_that_of_nema_phases_is_an_attribute(self, roads):
        light = nema(roads)
        assert light.kept == ""
        assert [group.yellow_s for group in light.junction.groups] == [4] * 4
        assert light.junction.intergreen_s[0].tolist() == [0, 6, 6, 6]
        shown = states(light, light.plan)
        assert shown == (
            *[NS] * 30, *[ending(NS, EW)] * 4, *[RED] * 2, *[EW] * 30, *[ending(EW, NS)] * 4, *[RED] * 2
        )  # fmt: skip

    def test_every_plan_of_a_nema_light_has_it(self, roads):
        light = nema(roads)
        rng = np.random.default_rng(3)
        for _ in range(20):
            plan = light.plan.with_durations(rng.integers(16, 60, size=2).tolist())
            (found,) = programs_of([light], PlanSet("p", roads.network.name, (plan,)))
            assert sudden_ends(found) == set()

    @pytest.mark.parametrize(
        "asked", [{"params": {}}, {"params": RINGS | {"ring2": "0,8,0,6"}}, {"yellow_s": 0.0}]
    )
    def test_a_nema_light_that_cannot_be_read_is_kept(self, roads, asked):
        light = nema(roads, **asked)
        assert light.junction.locked
        assert light.kept.startswith("its rings and barriers do not say")
        assert programs_of([light], PlanSet("p", roads.network.name, (light.plan,))) == ()

    @pytest.mark.parametrize(
        ("phases", "phase", "link"),
        [
            (((25, NS), (2, RED), (20, EW), (5, ending(EW, NS))), 0, 0),
            (((25, NS), (5, ending(NS, EW)), (20, EW), (5, RED)), 2, 4),
            (((25, NS), (5, "ryyyrrrrryyyrrrr"), (20, EW), (5, ending(EW, NS))), 0, 0),
            (((25, NS), (0, ending(NS, EW)), (20, EW), (5, ending(EW, NS))), 0, 0),
            (((25, NS), (5, ending(NS, EW)), (20, EW), (5, ending(EW, NS, "o"))), 2, 4),
        ],
    )
    def test_a_light_whose_green_ends_without_any_is_kept(self, roads, phases, phase, link):
        light = shipped(roads, *phases)
        assert light.kept == f"in phase {phase} the green of link {link} ends without yellow"
        assert light.junction.locked
        assert programs_of([light], PlanSet("p", roads.network.name, (light.plan,))) == ()

    def test_people_on_foot_have_none(self, tmp_path):
        walks = ("--sidewalks.guess", "--sidewalks.guess.min-speed=1", "--crossings.guess")
        (light,) = lights_of(road_network(read_net(crossing(tmp_path, options=walks) / "net.net.xml")))
        assert light.kept == ""
        (found,) = programs_of([light], PlanSet("p", "n", (light.plan,)))
        assert {k >= 16 for k in sudden_ends(found)} == {True}


@needs_sumo
def test_without_internal_lanes_all_that_is_never_green_together_conflicts(tmp_path):
    """No right-of-way matrix tells: then nothing may go together but what the program lets go together."""
    folder = crossing(tmp_path, options=("--no-internal-links",))
    (light,) = lights_of(road_network(read_net(folder / "net.net.xml")))
    full, gives = Conflict.FULL, Conflict.YIELD
    expected = [
        [0, full, gives, full],
        [full, 0, full, gives],
        [gives, full, 0, full],
        [full, gives, full, 0],
    ]
    np.testing.assert_array_equal(light.junction.conflict, expected)
    assert states(light, light.plan)[0] == NS

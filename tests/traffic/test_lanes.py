"""Lane use: closed cases of the documented rules, and the lane order for any junction."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic.errors import InputError
from traffic.lanes import (
    LaneRun,
    default_lane_use,
    lane_runs,
    lane_saturation_veh_h,
    tagged_lane_use,
)
from traffic.network import RoadClass, Turn

R, T, L, U = Turn.RIGHT, Turn.THROUGH, Turn.LEFT, Turn.U_TURN


@pytest.mark.parametrize(
    ("turns", "lanes", "right_bays", "left_bays", "expected"),
    [
        ((R, T, L), 1, 0, 0, ((0, 1, 2),)),
        ((R, T, L), 2, 0, 0, ((0, 1), (1, 2))),
        ((R, T, L), 3, 0, 0, ((0, 1), (1,), (1, 2))),
        ((R, T, L), 3, 0, 1, ((0, 1), (1,), (2,))),
        ((R, T, L), 4, 1, 1, ((0,), (1,), (1,), (2,))),
        ((R, T, L), 4, 0, 2, ((0, 1), (1,), (2,), (2,))),
        ((R, T, L, U), 2, 0, 0, ((0, 1), (1, 2, 3))),
        ((R, T, L, U), 3, 0, 1, ((0, 1), (1,), (2, 3))),
        ((R, L), 1, 0, 0, ((0, 1),)),
        ((R, L), 2, 0, 0, ((0,), (1,))),
        ((R, L), 3, 0, 0, ((0,), (1,), (1,))),
        ((R, L), 4, 0, 1, ((0,), (0,), (1,), (1,))),
        ((R, L), 3, 0, 2, ((0,), (1,), (1,))),
        ((R, T), 2, 0, 0, ((0, 1), (1,))),
        ((T, L), 2, 0, 0, ((0,), (0, 1))),
        ((T,), 3, 0, 1, ((0,), (0,), (0,))),
        ((T, U), 4, 0, 2, ((0,), (0,), (0,), (1,))),
        ((U,), 2, 0, 0, ((0,), (0,))),
        ((R, U), 2, 0, 1, ((0,), (1,))),
    ],
)
def test_documented_defaults(turns, lanes, right_bays, left_bays, expected):
    assert default_lane_use(turns, lanes, right_bays=right_bays, left_bays=left_bays) == expected


def test_a_fork_divides_its_lanes_by_the_lanes_of_its_exits():
    assert default_lane_use((T, T), 3, exit_lanes=(1, 2)) == ((0,), (1,), (1,))
    assert default_lane_use((T, T), 4, exit_lanes=(2, 2)) == ((0,), (0,), (1,), (1,))
    # Each branch has a claim to half of the middle lane.
    assert default_lane_use((T, T), 3, exit_lanes=(2, 2)) == ((0,), (0, 1), (1,))
    # 1/16 of the lane is a sliver, 1/3 is not.
    assert default_lane_use((T, T), 1, exit_lanes=(15, 1)) == ((0, 1),)
    assert default_lane_use((T, T), 2, exit_lanes=(1, 2)) == ((0, 1), (1,))


def test_bays_must_leave_a_running_lane():
    with pytest.raises(InputError, match="turn bays"):
        default_lane_use((R, T, L), 2, left_bays=2)


def marks(*lanes):
    return tuple(frozenset(lane) for lane in lanes)


@pytest.mark.parametrize(
    ("turns", "tags", "expected"),
    [
        ((R, T, L), marks({R, T}, {T}, {L}), ((0, 1), (1,), (2,))),
        ((R, T, L), marks({R}, {T}, {L}, {L}), ((0,), (1,), (2,), (2,))),
        ((R, T, L), marks({R}, {}, {L}), ((0,), (1,), (2,))),
        ((R, T, L, U), marks({R, T}, {L}), ((0, 1), (2, 3))),
        ((R, T, L), marks({R, T, L}), ((0, 1, 2),)),
        # A lane without a movement, a movement without a lane, lanes that cross, a gap.
        ((R, T), marks({R}, {T}, {L}), None),
        ((R, T, L), marks({R}, {T}), None),
        ((R, T, L), marks({T}, {R}, {L}), None),
        ((R, T, L), marks({R}, {L}, {T}), None),
        ((T, L), marks({T}, {L}, {T}), None),
        ((R, T, L), marks({R, T, L}, {T}), None),
    ],
)
def test_markings_hold_where_they_fit_the_geometry(turns, tags, expected):
    assert tagged_lane_use(turns, tags) == expected


def test_runs_join_equal_neighbours_only():
    assert lane_runs(((0, 1), (1,), (1,), (1, 2))) == (
        LaneRun(0, 1, (0, 1)),
        LaneRun(1, 2, (1,)),
        LaneRun(3, 1, (1, 2)),
    )


def test_saturation_flow_by_class():
    assert lane_saturation_veh_h(RoadClass.PRIMARY) == 1800.0
    assert lane_saturation_veh_h(RoadClass.RESIDENTIAL) == pytest.approx(1620.0, rel=1e-12)


@st.composite
def approaches(draw):
    turns = tuple(sorted(draw(st.lists(st.sampled_from(Turn), min_size=1, max_size=6))))
    running = draw(st.integers(1, 6))
    right, left = draw(st.integers(0, 2)), draw(st.integers(0, 3))
    exits = tuple(draw(st.lists(st.integers(1, 5), min_size=len(turns), max_size=len(turns))))
    return turns, running + right + left, right, left, exits


def assert_in_physical_order(use, movements):
    assert all(use), "a lane without a movement"
    assert {m for lane in use for m in lane} == set(range(movements)), "a movement without a lane"
    for right_lane, left_lane in pairwise(use):
        assert max(right_lane) <= min(left_lane), "paths from neighbouring lanes cross"


@given(approaches())
def test_every_default_is_in_physical_order(approach):
    turns, lanes, right, left, exits = approach
    use = default_lane_use(turns, lanes, right_bays=right, left_bays=left, exit_lanes=exits)
    assert len(use) == lanes
    assert_in_physical_order(use, len(turns))
    if L in turns:
        for lane in use[lanes - left :] if left else ():
            assert {turns[m] for m in lane} <= {L, U}, "a left-turn bay serves something else"
    if R in turns and T in turns:
        for lane in use[:right]:
            assert {turns[m] for m in lane} == {R}, "a right-turn bay serves something else"


@given(approaches(), st.data())
def test_markings_are_refused_or_in_physical_order(approach, data):
    turns, lanes, _, _, exits = approach
    tag = st.frozensets(st.sampled_from(Turn), max_size=3)
    tags = tuple(data.draw(st.lists(tag, min_size=lanes, max_size=lanes)))
    use = tagged_lane_use(turns, tags, exit_lanes=exits)
    if use is None:
        return
    assert_in_physical_order(use, len(turns))
    for lane, marked in zip(use, tags, strict=True):
        assert {turns[m] for m in lane} - {U} <= (marked or {T}), "a movement against the marking"


@given(approaches())
def test_the_marking_of_a_default_gives_the_default_back(approach):
    turns, lanes, right, left, exits = approach
    turns = tuple(sorted(set(turns)))
    exits = exits[: len(turns)]
    use = default_lane_use(turns, lanes, right_bays=right, left_bays=left, exit_lanes=exits)
    if turns == (U,):
        return
    tags = tuple(frozenset(turns[m] for m in lane) for lane in use)
    assert tagged_lane_use(turns, tags, exit_lanes=exits) == use

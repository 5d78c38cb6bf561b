"""SUMO's programs taken apart: stages, whole seconds, and the seconds between greens."""

from collections import Counter
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.junction import Conflict
from signals.sumo.program_parts import Program, intergreens_of, times_of, whole_seconds
from traffic.errors import InputError
from traffic.sumo.logics import NetLogic, NetPhase


def program(*phases, offset=0, used=None):
    logic = NetLogic("X", "0", "static", offset, tuple(NetPhase(float(d), s) for d, s in phases))
    return Program.of(logic, frozenset(range(len(phases[0][1]))) if used is None else used)


class TestStages:
    def test_phases_with_yellow_and_all_red_lead_from_stage_to_stage(self):
        found = program((20, "Gr"), (3, "yr"), (2, "rr"), (25, "rG"), (3, "ry"))
        assert found.stages == (frozenset({0}), frozenset({1}))
        assert found.starts_s == (0, 25)
        assert found.cycle_s == 53

    def test_a_clearance_is_no_stage_however_long(self):
        # place 2 stays green while 0 makes room for 1
        found = program((20, "GrG"), (3, "yrG"), (7, "rrG"), (20, "rGG"), (3, "ryy"), (2, "rrr"))
        assert found.stages == (frozenset({0, 2}), frozenset({1, 2}))
        assert found.starts_s == (0, 30)

    def test_a_short_stage_of_its_own_is_a_stage(self):
        found = program((30, "Ggr"), (3, "ygr"), (4, "rGr"), (3, "ryr"), (30, "rrG"), (3, "rry"))
        assert found.stages == (frozenset({0, 1}), frozenset({1}), frozenset({2}))

    def test_a_stage_cut_in_two_is_one(self):
        assert program((10, "Gr"), (10, "gr"), (3, "yr"), (9, "rG"), (3, "ry"), (5, "Gr")).starts_s == (
            23,
            35,
        )

    def test_places_that_nobody_uses_do_not_count(self):
        assert program((20, "Gr"), (3, "yr"), (9, "rG"), (3, "ry"), used=frozenset({0})).stages == (
            frozenset({0}),
        )

    def test_a_long_red_for_all_serves_somebody(self):
        found = program((20, "GG"), (3, "yy"), (6, "rr"))
        assert found.unseen
        assert found.stages == (frozenset({0, 1}), frozenset({2}))
        assert found.starts_s == (0, 23)
        assert not program((20, "GG"), (3, "yy"), (5, "rr")).unseen

    def test_a_program_without_green(self):
        with pytest.raises(InputError, match="phase with green and without yellow") as caught:
            program((4, "ro"), (3, "ry"))
        assert caught.value.field == "tlLogic X"


class TestWholeSeconds:
    def test_yellow_and_all_red_become_longer_and_greens_give_it(self):
        found = program((30, "Gr"), (3.4, "yr"), (1.2, "rr"), (20, "rG"), (3.4, "ry"), (1.2, "rr"))
        # 59.2 s: 4 and 2 s twice leave 47 s of green
        assert Counter(found.letters) == {"Gr": 28, "yr": 4, "rr": 4, "rG": 19, "ry": 4}
        assert found.starts_s == (0, 34)

    def test_a_clearance_during_green_of_others(self):
        found = program((20, "GrG"), (3, "yrG"), (2.5, "rrG"), (20, "rGG"), (3, "ryy"), (1.5, "rrr"))
        assert Counter(found.letters) == {"GrG": 19, "yrG": 3, "rrG": 3, "rGG": 20, "ryy": 3, "rrr": 2}

    def test_people_on_foot_keep_the_time_after_their_green(self):
        # the walk, place 1, ends where a stage of 6.3 s begins: it is their clearance
        found = program((30, "GGr"), (6.3, "Grr"), (3, "yrr"), (20.4, "rrG"), (3, "rry"))
        assert Counter(found.letters) == {"GGr": 30, "Grr": 7, "yrr": 3, "rrG": 20, "rry": 3}

    def test_a_cycle_of_whole_seconds_with_broken_greens_stays(self):
        assert whole_seconds([20.5, 3.0, 20.5, 3.0], [0, 2]) == [21, 3, 20, 3]

    def test_greens_of_a_second_give_nothing(self):
        assert whole_seconds([1.0, 3.4, 1.0, 3.4], [0, 2]) == [1, 4, 1, 4]

    @given(
        st.lists(st.tuples(*[st.integers(1, 400)] * 3), min_size=2, max_size=5),
        st.integers(1, 10),
    )
    def test_any_program(self, stages, parts):
        """Each stage is green, yellow and all-red, in parts of a second."""
        size, phases = len(stages), []
        for k, lengths in enumerate(stages):
            for letter, length in zip("Gyr", lengths, strict=True):
                phases.append(
                    (length / parts, "".join(letter if k == place else "r" for place in range(size)))
                )
        found = program(
            *((min(duration, 5.0) if "G" not in state else duration, state) for duration, state in phases)
        )
        exact = found.logic.phases
        shown = [(state, sum(1 for _ in part)) for state, part in groupby(found.letters)]
        assert [state for state, _ in shown] == [phase.state for phase in exact]
        seconds = [length for _, length in shown]
        rigid = [k for k, phase in enumerate(exact) if "G" not in phase.state]
        for k in rigid:
            assert exact[k].duration_s <= seconds[k] < exact[k].duration_s + 1.0
        greens = [seconds[k] for k in range(len(exact)) if k not in rigid]
        assert min(greens) >= 1
        if max(greens) > 1:
            assert abs(found.cycle_s - found.logic.cycle_s) <= 0.5 + 1e-9
        if parts == 1:
            assert seconds == [phase.duration_s for phase in exact]


def between_greens(*phases, conflict):
    """Return the seconds of a program whose places are a group each, and its intergreens."""
    size = len(conflict)
    times = times_of(program(*phases), [frozenset({place}) for place in range(size)])
    return times, intergreens_of(np.array(conflict, dtype=np.uint8), times, np.zeros(size, dtype=bool))


class TestSecondsBetweenGreens:
    CROSSING = ((0, Conflict.FULL), (Conflict.FULL, 0))

    def test_yellow_is_the_longest_of_all_greens(self):
        for first, second in ((4, 3), (3, 4)):
            times, needed = between_greens(
                (20, "Gr"), (first, "yr"), (9, "rG"), (3, "ry"), (20, "Gr"), (second, "yr"), (9, "rG"), (5, "ry"),
                conflict=self.CROSSING,
            )  # fmt: skip
            assert times.yellow_s.tolist() == [4, 5]
            # the first group's changes are seen with 3 s, and none may be shorter than its yellow
            np.testing.assert_array_equal(needed, [[0, 4], [5, 0]])

    def test_red_amber_is_the_longest_before_all_greens(self):
        for first, second in ((2, 1), (1, 2)):
            times, needed = between_greens(
                (20, "Gr"), (3, "yr"), (first, "ru"), (9, "rG"), (3, "ry"),
                (20, "Gr"), (3, "yr"), (second, "ru"), (9, "rG"), (3, "ry"),
                conflict=self.CROSSING,
            )  # fmt: skip
            assert times.red_amber_s.tolist() == [0, 2]
            np.testing.assert_array_equal(needed, [[0, 4], [3, 0]])

    def test_red_amber_fits_between_the_greens(self):
        """The second group has red-amber for 5 s, in 2 s of which the first is still green."""
        times, needed = between_greens(
            (18, "Gr"), (2, "Gu"), (3, "yu"), (20, "rG"), (3, "ry"), conflict=self.CROSSING
        )
        assert (times.red_amber_s.tolist(), times.seen_s[0, 1]) == ([0, 5], 3)
        np.testing.assert_array_equal(needed, [[0, 5], [3, 0]])

    def test_who_gives_way_may_start_as_soon_as_the_program_shows(self):
        """The left turn, place 1, starts again 4 s after the end of the street to which it gives way.

        What the program does not show takes 3 s of yellow and 2 s of all-red.
        """
        full, gives = Conflict.FULL, Conflict.YIELD
        times, needed = between_greens(
            (20, "Ggr"), (3, "yyr"), (1, "rrr"), (10, "rGr"), (3, "ryr"), (2, "rrr"), (20, "rrG"), (3, "rry"), (2, "rrr"),
            conflict=((0, 0, full), (gives, 0, full), (full, full, 0)),
        )  # fmt: skip
        assert times.gap_s[0, 1] == 4
        assert times.seen_s[0, 2] == -1
        np.testing.assert_array_equal(needed, [[0, 4, 5], [5, 0, 5], [5, 5, 0]])

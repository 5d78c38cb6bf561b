"""SUMO's programs taken apart: stages, and whole seconds."""

from collections import Counter
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.sumo.program_parts import Program, whole_seconds
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

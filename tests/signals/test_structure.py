"""What is told of stages without a solver, against trying everything."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.plan import Stage, StageSequence
from signals.structure import Reduced, Structure
from tests.signals.junctions import random_junction, random_stages
from traffic.errors import InputError


def _largest(full: tuple[tuple[bool, ...], ...]) -> set[int]:
    size = len(full)
    free = [
        mask
        for mask in range(1 << size)
        if not any(mask >> a & 1 and mask >> b & 1 and full[a][b] for a in range(size) for b in range(size))
    ]
    return {mask for mask in free if not any(mask != other and mask & other == mask for other in free)}


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32 - 1), ban=st.integers(0, 2**16))
def test_sets_and_counts_agree_with_trying_everything(seed: int, ban: int) -> None:
    reduced, _ = Structure.of(random_junction(np.random.default_rng(seed)), None).reduced
    sets = _largest(reduced.full)
    assert set(reduced.largest_sets) == sets
    assert len(reduced.largest_sets) == len(sets)
    everything = (1 << len(reduced.full)) - 1
    banned = sorted(sets)[ban % len(sets)]
    without = tuple(bool(banned >> row & 1) for row in range(len(reduced.full)))
    for count in (1, 2, 3):
        for allowed, held in ((sets, None), (sets - {banned}, without)):
            tried = any(
                np.bitwise_or.reduce(chosen) == everything
                for chosen in combinations_with_replacement(sorted(allowed), count)
            )
            assert reduced.can_be_served(count, held) == tried
    fewest = reduced.fewest_stages()
    assert reduced.can_be_served(fewest)
    assert not reduced.can_be_served(fewest - 1)


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32 - 1))
def test_lost_seconds_are_those_of_the_sequence(seed: int) -> None:
    rng = np.random.default_rng(seed)
    junction = random_junction(rng)
    try:
        stages = tuple(Stage(frozenset(s)) for s in random_stages(junction, rng))
        sequence = StageSequence.of(junction, stages)
    except InputError:
        return  # an empty stage, a bounded green in every stage, or a single stage repeated
    assert Structure.of(junction, None).lost_s(stages) == sequence.lost_s


@pytest.mark.parametrize(("crossroads", "large"), [(7, False), (8, True)])
def test_a_light_of_many_crossroads_has_too_many_stages(crossroads: int, large: bool) -> None:
    """At each crossroads one of two roads: 2 to the power of their number sets."""
    size = 2 * crossroads
    full = tuple(tuple(a != b and a // 2 == b // 2 for b in range(size)) for a in range(size))
    none = tuple((False,) * size for _ in range(size))
    nought = tuple((0,) * size for _ in range(size))
    reduced = Reduced(full, none, nought, nought, (True,) * size, (0,) * size, 0)
    assert reduced.is_large == large

"""What is told of stages without a solver, against trying everything."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from signals.plan import Stage, StageSequence
from signals.structure import Structure
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

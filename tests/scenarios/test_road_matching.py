"""Lines on a map as ways through a network: those drawn along known links are found again, with every movement."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.loader import build_network, load
from scenarios.road_matching import OFF, RoadMatcher
from traffic.errors import InputError
from traffic.network import RoadNetwork

NETWORK = build_network(load("grid-6x5"))
MATCHER = RoadMatcher(NETWORK)


def drawn(links: list[int], network: RoadNetwork = NETWORK) -> tuple[np.ndarray, np.ndarray]:
    """Return the shapes of links one after the other."""
    start = np.append(network.links.shape_start, len(network.shape_x_m))
    rows = np.concatenate([np.arange(start[link], start[link + 1]) for link in links])
    return network.shape_x_m[rows], network.shape_y_m[rows]


def wandered(seed: int, steps: int) -> list[int]:
    """Return a way that never turns back."""
    rng, movements = np.random.default_rng(seed), NETWORK.movements
    forward = np.abs(movements.angle_rad) < 2.5
    links = [int(rng.choice(np.unique(movements.in_link[forward])))]
    for _ in range(steps):
        ahead = movements.out_link[(movements.in_link == links[-1]) & forward]
        if not len(ahead):
            break
        links.append(int(rng.choice(ahead)))
    return links


def movements_of(links: list[int]) -> list[int]:
    pairs = list(zip(NETWORK.movements.in_link.tolist(), NETWORK.movements.out_link.tolist(), strict=True))
    return [pairs.index(pair) for pair in pairwise(links)]


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), steps=st.integers(2, 15))
def test_a_way_along_links_is_found_with_its_movements(seed: int, steps: int) -> None:
    links = wandered(seed, steps)
    x_m, y_m = drawn(links)
    found = MATCHER.matched(x_m, y_m)
    assert [passing.movement for passing in found.passings] == movements_of(links)
    assert found.matched == 1.0
    at_m = [passing.at_m for passing in found.passings]
    ends_m = np.cumsum(NETWORK.links.length_m[links])[:-1]
    assert at_m == sorted(at_m)
    assert np.abs(np.array(at_m) - ends_m).max(initial=0.0) < 40.0


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_a_line_beside_the_street_is_found_too(seed: int) -> None:
    """Within 6 m of it, as maps of different makers are."""
    links = wandered(seed, 10)
    x_m, y_m = drawn(links)
    rng = np.random.default_rng(seed)
    found = MATCHER.matched(x_m + rng.normal(0.0, 3.0), y_m + rng.normal(0.0, 3.0))
    assert [passing.movement for passing in found.passings] == movements_of(links)


def test_a_line_that_leaves_the_network_comes_back() -> None:
    """Two streets with 600 m of nothing between them: there are no movements there."""
    links = wandered(3, 12)
    x_m, y_m = drawn(links)
    away = np.array([x_m[0] - 5000.0, y_m[0]])
    found = MATCHER.matched(
        np.concatenate(([away[0], away[0] + 4900.0], x_m)), np.concatenate(([away[1]] * 2, y_m))
    )
    assert (found.link[:60] == OFF).all()
    assert 0.1 < found.matched < 0.9
    own = movements_of(links)
    assert [passing.movement for passing in found.passings][-len(own) :] == own


def test_a_point_is_no_line() -> None:
    with pytest.raises(InputError, match="two points"):
        MATCHER.matched(np.zeros(3), np.zeros(3))

"""Delay at signals by the second: closed forms of D/D/1, and invariants over all cycles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.hcm import incremental_delay_s
from signals.signal_delay import signal_delay
from traffic.greens import MovementGreens, SignalState

CYCLE, GREEN, RATIO, SATURATION = 60, 30, 0.25, 0.8


def delay_by_second(
    green: np.ndarray, ratio: float, saturation: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Delay, seconds until green and since green of one signal, behind a movement that has none and another one."""
    other = np.array([SignalState.RED, SignalState.PROTECTED], np.uint8)
    state = np.concatenate((other, np.where(green, SignalState.PROTECTED, SignalState.RED).astype(np.uint8)))
    greens = MovementGreens(np.array([0, -1, 2]), np.array([2, 1, len(green)]), state)
    found = signal_delay(greens, np.array([0.1, 0.0, ratio]), np.array([0.5, 0.5, saturation]))
    rows = slice(int(found.begin[2]), int(found.begin[2]) + len(green))
    assert found.begin[1] == -1
    return found.delay_s[rows], found.red_s[rows], found.since_s[rows]


def overflow(ratio: float = RATIO, share: float = GREEN / CYCLE) -> float:
    return incremental_delay_s(ratio / share, SATURATION * share * 3600)


def test_each_second_is_that_of_a_queue_with_even_arrivals() -> None:
    """q = 0.2, s = 0.8 veh/s, red 30 s: who comes u seconds into red leaves y u after the start of green."""
    green = np.arange(CYCLE) < GREEN
    delay_s, red_s, since_s = delay_by_second(green, RATIO, SATURATION)
    own = delay_s - overflow()
    in_red = np.arange(30)
    assert own[30:] == pytest.approx(30 - in_red + RATIO * in_red, abs=1e-9)
    assert own[:30] == pytest.approx(np.maximum(RATIO * 30 - (1 - RATIO) * np.arange(30), 0.0), abs=1e-9)
    assert red_s[30:].tolist() == list(range(30, 0, -1))
    assert since_s[30:].tolist() == list(range(1, 31))
    assert not red_s[:30].any()
    assert not since_s[:30].any()


def test_the_mean_is_the_uniform_delay() -> None:
    """10.0 s/veh (r^2 / 2C(1 - y)), by the trapezoidal rule over the seconds: the queue is linear within each."""
    delay_s, *_ = delay_by_second(np.arange(CYCLE) < GREEN, RATIO, SATURATION)
    own = delay_s - overflow()
    ends = np.append(own[1:30], 0.0), np.append(own[31:], RATIO * 30)
    mean = (own[:30] + ends[0]).sum() / 2 + (own[30:] + ends[1]).sum() / 2
    assert mean / CYCLE == pytest.approx(10.0, abs=1e-9)


def test_an_empty_street_costs_the_rest_of_red() -> None:
    delay_s, red_s, _ = delay_by_second(np.arange(CYCLE) < GREEN, 0.0, SATURATION)
    assert delay_s.tolist() == red_s.tolist()


@given(
    green=st.lists(st.booleans(), min_size=2, max_size=120),
    ratio=st.floats(0.0, 1.5),
)
def test_delay_is_bounded_and_who_comes_first_leaves_first(green: list[bool], ratio: float) -> None:
    shown = np.array(green)
    delay_s, red_s, since_s = delay_by_second(shown, ratio, SATURATION)
    assert np.isfinite(delay_s).all()
    assert (delay_s >= -1e-9).all()
    if shown.all():
        assert not delay_s.any()
        return
    if not shown.any():
        shown[-1] = True
    leaves = np.arange(len(shown)) + delay_s
    assert (np.diff(np.append(leaves, leaves[0] + len(shown))) >= -1e-6).all()
    assert (delay_s >= red_s - 1e-9).all()
    assert ((red_s == 0) == shown).all()
    assert ((since_s == 0) == shown).all()


@given(green=st.lists(st.booleans(), min_size=2, max_size=40).filter(any), ratio=st.floats(0.0, 0.9))
def test_delay_is_that_of_a_run_second_by_second(green: list[bool], ratio: float) -> None:
    """A slow plain twin: let the queue go through many cycles, then follow one bus through what stands before it."""
    shown = np.array(green)
    if shown.all():
        return
    share = shown.mean()
    flow = min(ratio, 0.95 * share)
    queue = 0.0
    for second in range(50 * len(green)):
        queue = max(queue + flow - green[second % len(green)], 0.0)
    delay_s, red_s, since_s = delay_by_second(shown, ratio, SATURATION)
    own = delay_s - incremental_delay_s(ratio / share, SATURATION * share * 3600)
    for second in range(len(green)):
        ahead, at = queue, second
        while ahead > 1e-9 or not green[at % len(green)]:
            step = min(ahead, 1.0) if green[at % len(green)] else 0.0
            ahead -= step
            if ahead <= 1e-9 and green[at % len(green)]:
                at += step
                break
            at += 1
        assert own[second] == pytest.approx(at - second, abs=1e-6)
        wait = next(k for k in range(len(green)) if green[(second + k) % len(green)])
        ago = next(k for k in range(len(green)) if green[(second - k) % len(green)])
        assert (red_s[second], since_s[second]) == (wait, ago)
        queue = max(queue + flow - green[second], 0.0)

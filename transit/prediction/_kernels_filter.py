"""The Kalman filter of stretches and vehicles: every vehicle that has run a stretch tells of both."""

from __future__ import annotations

import math
from typing import NamedTuple

from traffic._kernels_jit import F1, I1, OutF1, OutI1, kernel

__all__ = ["Filter", "Noise", "learn"]

_WILD = 3.0  # standard deviations beyond which a running time counts as one that far off


class Noise(NamedTuple):
    """Variances of the logarithm of running times (see `transit.prediction.kalman.Parameters`)."""

    link_var: float
    link_s: float
    pace_var: float
    pace_kept: float


class Filter(NamedTuple):
    """State: of stretches (deviation, variance, time), and of runs (pace, variance, the last call; -1 before the first)."""

    link: OutF1
    link_var: OutF1
    link_s: OutF1
    pace: OutF1
    pace_var: OutF1
    pace_call: OutI1


@kernel
def learn(
    call: I1,
    link: I1,
    run: I1,
    at_s: F1,
    log: F1,
    noise_var: F1,
    noise: Noise,
    state: Filter,
    surprises: OutF1,
) -> None:
    """Bring the state forward by observations in the order of time, and write by how much each was not as expected.

    ``log[k]`` is by how much the logarithm of a running time differs from its profile. It is the sum of what the stretch is like
    now, of what the vehicle is like, and of noise. Both states fall back to nothing as time, or stretches, go by.
    """
    for i in range(len(call)):
        k, r = link[i], run[i]
        fade = math.exp(-max(at_s[i] - state.link_s[k], 0.0) / noise.link_s)
        x = state.link[k] * fade
        px = noise.link_var + (state.link_var[k] - noise.link_var) * fade * fade
        before = state.pace_call[r]
        kept = 1.0 if before < 0 else noise.pace_kept ** (call[i] - before)
        y = state.pace[r] * kept
        py = noise.pace_var + (state.pace_var[r] - noise.pace_var) * kept * kept
        total = px + py + noise_var[i]
        surprises[i] = log[i] - x - y
        if total <= 0.0:
            continue
        most = _WILD * math.sqrt(total)
        surprise = min(max(surprises[i], -most), most)
        state.link[k], state.link_var[k], state.link_s[k] = (
            x + px / total * surprise,
            px - px * px / total,
            at_s[i],
        )
        state.pace[r], state.pace_var[r] = y + py / total * surprise, py - py * py / total
        state.pace_call[r] = call[i]

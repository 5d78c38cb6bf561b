"""Delay at signals by the second of the cycle, from fluid queues that repeat."""

from __future__ import annotations

from traffic._kernels_jit import F1, I1, U1, OutF1, kernel

__all__ = ["cyclic_delay"]

_NOTHING = 1e-9


@kernel
def cyclic_delay(
    pattern: I1, period: I1, green: U1, ratio: F1, place: I1, delay: OutF1, red: OutF1, since: OutF1
) -> None:
    """Write delay, seconds until green and seconds since green of every second of each signal's cycle.

    Signal k is green in second t where ``green[pattern[k] + t]`` is not 0, once in its ``period[k]`` seconds at least, and writes
    from ``place[k]`` on. Its queue grows by ``ratio[k]`` seconds of green in a second; less than the green of a cycle in all.
    """
    for k in range(len(pattern)):
        first, cycle, at = pattern[k], period[k], place[k]
        queue = 0.0
        for t in range(2 * cycle):
            if t >= cycle:
                delay[at + t - cycle] = queue  # for the time being
            queue = max(queue + ratio[k] - (1.0 if green[first + t % cycle] != 0 else 0.0), 0.0)
        until, ago = 0.0, 0.0
        for t in range(2 * cycle):
            ago = 0.0 if green[first + t % cycle] != 0 else ago + 1.0
            back = 2 * cycle - 1 - t
            until = 0.0 if green[first + back % cycle] != 0 else until + 1.0
            if t >= cycle:
                since[at + t - cycle] = ago
                red[at + back] = until
        for t in range(cycle):
            ahead, now = delay[at + t], t
            while green[first + now % cycle] == 0 or ahead >= 1.0 - _NOTHING:
                if green[first + now % cycle] != 0:
                    ahead -= 1.0
                now += 1
            delay[at + t] = now - t + max(ahead, 0.0)

"""A slow plain twin of the cyclic profile model: the road played second by second until it repeats itself.

Streams that give way to nobody only; every signal has one period.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Stream:
    """Queue at a signal at the end of a link."""

    entry: float
    travel: float
    share: float
    green: np.ndarray
    saturation: float


def play(streams: list[Stream], cycles: int = 60) -> tuple[list[np.ndarray], list[float]]:
    """Streams one after the other on a road: departures in the last cycle and mean queue there, of each."""
    period = len(streams[0].green)
    seconds = cycles * period
    departures, queues = [], []
    inflow = np.zeros(seconds)
    for stream in streams:
        flow = inflow + stream.entry
        whole = int(stream.travel)
        part = stream.travel - whole
        arrived = np.zeros(seconds)
        level = 0.0
        for t in range(seconds):
            now = flow[t - whole] if t >= whole else 0.0
            before = flow[t - whole - 1] if t > whole else 0.0
            level = stream.share * ((1 - part) * now + part * before) + (1 - stream.share) * level
            arrived[t] = level
        queue, left, area = 0.0, np.zeros(seconds), 0.0
        for t in range(seconds):
            start = queue
            served = min(queue + arrived[t], stream.saturation * stream.green[t % period])
            queue = queue + arrived[t] - served
            left[t] = served
            if t >= seconds - period:
                area += 0.5 * (start + queue)
        departures.append(left[-period:])
        queues.append(area / period)
        inflow = left
    return departures, queues

"""Curves that vehicles drive on: turns close to circular arcs, and half turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F1 = NDArray[np.float64]

__all__ = ["SAMPLES", "U_TURN_RADIUS_M", "curves", "u_turns"]

SAMPLES = 40
"""Points on each path, a metre or so apart: clearing times are that exact."""

U_TURN_RADIUS_M = 5.0
"""A car turns within 5.85 m with its outer front corner and is 1.76 m wide: RASt 06."""


def curves(
    start: NDArray[np.float64],
    heading_in: NDArray[np.float64],
    end: NDArray[np.float64],
    heading_out: NDArray[np.float64],
    roundness: F1,
) -> NDArray[np.float64]:
    """Points of cubic Bezier curves; with a roundness of 1 their handles are those of a circular arc."""
    chord = np.hypot(*(end - start).T)
    turned = np.arccos(np.clip((heading_in * heading_out).sum(axis=1), -1.0, 1.0))
    handle = (roundness * chord / (3.0 * np.cos(turned / 4.0) ** 2))[:, None]
    controls = (start, start + handle * heading_in, end - handle * heading_out, end)
    t = np.linspace(0.0, 1.0, SAMPLES)
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    points: NDArray[np.float64] = sum(
        (w[None, :, None] * p[:, None, :] for w, p in zip(weights, controls, strict=True)),
        start=np.zeros((len(start), SAMPLES, 2)),
    )
    return points


def u_turns(
    start: NDArray[np.float64], heading: NDArray[np.float64], end: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points of half turns to the left with arcs of one radius: out to the right, around, and back to the right."""
    across = np.hypot(*(end - start).T)
    radius = np.maximum(U_TURN_RADIUS_M, across / 2.0)
    swing = np.arccos(np.minimum(0.5 + across / (4.0 * radius), 1.0))
    turned = np.linspace(0.0, 1.0, SAMPLES) * (np.pi + 4.0 * swing)[:, None]
    r, s = radius[:, None], swing[:, None]
    around = turned - 2.0 * s
    back = np.pi + 4.0 * s - turned  # the end mirrors the beginning
    first, last = turned < s, back < s
    to_right = np.where(first, r - r * np.cos(turned), r - 2.0 * r * np.cos(s) + r * np.cos(around))
    to_right = np.where(last, -across[:, None] - r + r * np.cos(back), to_right)
    ahead = np.where(first, r * np.sin(turned), 2.0 * r * np.sin(s) + r * np.sin(around))
    ahead = np.where(last, r * np.sin(back), ahead)
    right = np.column_stack([heading[:, 1], -heading[:, 0]])
    points: NDArray[np.float64] = start[:, None] + to_right[..., None] * right[:, None]
    points += ahead[..., None] * heading[:, None]
    return points

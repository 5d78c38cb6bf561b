"""Headings of links at their ends, and turns from the change of heading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from traffic.network import Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    F1 = NDArray[np.float64]
    I1 = NDArray[np.int32]
    B1 = NDArray[np.bool_]

__all__ = ["HEADING_BASE_M", "classify", "end_headings", "turn_angles"]

HEADING_BASE_M = 20.0
"""Length of road over which a heading is taken, so that the last vertex does not decide a turn."""

_TURN_RAD = np.radians(45.0)
_U_TURN_RAD = np.radians(165.0)
_U_TURN_SAME_STREET_RAD = np.radians(150.0)
_U_TURN_SAME_ROAD_RAD = np.radians(120.0)
_FORK_RAD = np.radians(20.0)
# How much straighter another road must be before the street that goes on under the same name is left.
_NAME_BONUS_RAD = np.radians(15.0)
_CLASS_BONUS_RAD = np.radians(10.0)


def end_headings(x_m: F1, y_m: F1, start: I1, *, skip_start_m: F1, skip_end_m: F1) -> tuple[F1, F1]:
    """Return the headings (radians, anticlockwise from east) at the start and at the end of each link.

    Parameters
    ----------
    x_m, y_m, start
        Points of all links one after the other, and the first point of each link.
    skip_start_m, skip_end_m
        Length at either end that lies inside a junction and says nothing about the road; shape (links,).
    """
    stop = np.r_[start[1:], len(x_m)].astype(np.int64)
    first, last = start.astype(np.int64), stop - 1
    steps = np.hypot(np.diff(x_m), np.diff(y_m))
    steps[first[1:] - 1] = 0.0  # the jump from one link to the next
    along = np.r_[0.0, np.cumsum(steps)]
    length = along[last] - along[first]

    def point(distance: F1) -> tuple[F1, F1]:
        target = along[first] + np.clip(distance, 0.0, length)
        left = np.clip(np.searchsorted(along, target, side="right") - 1, first, last - 1)
        step = along[left + 1] - along[left]
        part = np.clip((target - along[left]) / np.where(step > 0, step, 1.0), 0.0, 1.0)
        return (
            x_m[left] + part * (x_m[left + 1] - x_m[left]),
            y_m[left] + part * (y_m[left + 1] - y_m[left]),
        )

    def heading(low: F1, high: F1) -> F1:
        (x0, y0), (x1, y1) = point(low), point(high)
        return np.asarray(np.arctan2(y1 - y0, x1 - x0), dtype=np.float64)

    base = np.minimum(HEADING_BASE_M, length)
    skip_start = np.minimum(skip_start_m, length - base)
    skip_end = np.minimum(skip_end_m, length - base)
    return heading(skip_start, skip_start + base), heading(length - skip_end - base, length - skip_end)


def turn_angles(arriving: F1, leaving: F1) -> F1:
    """Return the change of heading in (-pi, pi], positive to the left."""
    angle = np.mod(leaving - arriving + np.pi, 2 * np.pi) - np.pi
    return np.where(angle <= -np.pi, np.pi, angle)


def classify(
    angle_rad: F1, in_link: I1, *, same_road: B1, same_name: B1, same_class: B1
) -> NDArray[np.uint8]:
    """Return the `Turn` of each pair of in-link and out-link; pairs are sorted by in-link.

    A U-turn changes the heading by more than 165 degrees (150 into the same street, 120 back along the same
    road). Other turns are right or left from 45 degrees on. Of several roads ahead the straightest goes
    through, where a change of name counts as 15 degrees and one of class as 10; a road that leaves 20 degrees
    or more beside it is a slight turn, one that leaves closer is a second through movement (a fork).

    Parameters
    ----------
    angle_rad
        Change of heading of each pair.
    in_link
        In-link of each pair.
    same_road, same_name, same_class
        Whether the pair leads back along the road that it came from, stays in the street, stays in the class.
    """
    size = np.abs(angle_rad)
    u_turn = size > _U_TURN_RAD
    u_turn |= same_name & (size > _U_TURN_SAME_STREET_RAD)
    u_turn |= same_road & (size > _U_TURN_SAME_ROAD_RAD)
    turn = np.where(angle_rad > 0, Turn.LEFT, Turn.RIGHT).astype(np.uint8)
    turn[size <= _TURN_RAD] = Turn.THROUGH
    turn[u_turn] = Turn.U_TURN
    ahead = np.flatnonzero(turn == Turn.THROUGH)
    if not len(ahead):
        return turn
    cost = size[ahead] + _NAME_BONUS_RAD * ~same_name[ahead] + _CLASS_BONUS_RAD * ~same_class[ahead]
    order = ahead[np.lexsort((cost, in_link[ahead]))]
    links, first = np.unique(in_link[order], return_index=True)
    main_angle = angle_rad[order[first]][np.searchsorted(links, in_link[ahead])]
    beside = angle_rad[ahead] - main_angle
    turn[ahead[beside >= _FORK_RAD]] = Turn.LEFT
    turn[ahead[beside <= -_FORK_RAD]] = Turn.RIGHT
    return turn

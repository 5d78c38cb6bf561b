"""An independent judge of conflicts: vehicles sweep over the junction and their ground is compared.

Works from the description of the legs alone, not from the network: stop lines of its own, paths as quadratic
curves, vehicles as wide as a car, and crossings as rectangles (shapely polygons).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import cos, radians, sin

import numpy as np
from shapely.geometry import LineString, Polygon

from tests.signals.junctions import Leg

LANE_M = 3.25
CAR_M = 2.0
CROSSING_M = 4.0


@dataclass(frozen=True)
class Swept:
    """The ground that one movement needs, one polygon for each pair of its outermost lanes."""

    from_leg: int
    to_leg: int
    grounds: tuple[Polygon, ...]

    def meets(self, other: Swept) -> bool:
        """Whether vehicles of the two movements can touch."""
        return any(a.intersects(b) for a, b in product(self.grounds, other.grounds))

    def drives_over(self, crossing: Polygon) -> bool:
        """Whether a vehicle of the movement drives over a crossing."""
        return any(ground.intersects(crossing) for ground in self.grounds)


class SweptJunction:
    """Draws the movements and crossings of a junction with straight legs that meet in one point."""

    def __init__(self, legs: list[Leg]) -> None:
        self.legs = legs
        wide = [max(leg.lanes_in + leg.left_bays + leg.right_bays, leg.lanes_out) * LANE_M for leg in legs]
        angles = sorted(leg.angle_deg % 360.0 for leg in legs)
        gaps = [(b - a) % 360.0 for a, b in zip(angles, angles[1:] + angles[:1], strict=True)]
        # Far enough out that even the closest legs lie side by side.
        self.stop_m = 2.0 * max(wide) / sin(radians(min(90.0, *gaps))) + 6.0

    def movement(self, from_leg: int, to_leg: int, lanes: list[int], exits: list[int]) -> Swept:
        """Sweep from each of `lanes` to each of `exits` (counted from the right)."""
        grounds = tuple(
            self._path(from_leg, to_leg, lane, out).buffer(CAR_M / 2.0, cap_style="flat")
            for lane, out in zip(lanes, exits, strict=True)
        )
        return Swept(from_leg, to_leg, grounds)

    def crossing(self, leg: int, *, over_in: bool, over_out: bool) -> Polygon:
        """Return the rectangle just behind the stop line, over the lanes that it crosses."""
        own = self.legs[leg]
        lanes_in = own.lanes_in and own.lanes_in + own.left_bays + own.right_bays
        low = -own.lanes_out * LANE_M if over_out else 0.0
        high = lanes_in * LANE_M if over_in else 0.0
        if not own.lanes_in or not own.lanes_out:
            low, high = -(high - low) / 2.0, (high - low) / 2.0
        near, far = self.stop_m - 1.0 - CROSSING_M, self.stop_m - 1.0
        return Polygon([self._at(leg, d, o) for d, o in ((near, low), (far, low), (far, high), (near, high))])

    def _at(self, leg: int, distance: float, offset: float) -> tuple[float, float]:
        """Point at a distance from the middle, `offset` to the left of the axis seen from the middle."""
        angle = radians(self.legs[leg].angle_deg)
        return (
            distance * cos(angle) - offset * sin(angle),
            distance * sin(angle) + offset * cos(angle),
        )

    def _lane_offset(self, leg: int, lane: int, *, arrives: bool) -> float:
        own = self.legs[leg]
        lanes = own.lanes_in + own.left_bays + own.right_bays if arrives else own.lanes_out
        one_way = not own.lanes_in or not own.lanes_out
        from_axis = (lanes / 2.0 if one_way else lanes) - lane - 0.5
        return (from_axis if arrives else -from_axis) * LANE_M

    def _path(self, from_leg: int, to_leg: int, lane: int, out: int) -> LineString:
        o_in, o_out = (
            self._lane_offset(from_leg, lane, arrives=True),
            self._lane_offset(to_leg, out, arrives=False),
        )
        start = np.array(self._at(from_leg, self.stop_m, o_in))
        end = np.array(self._at(to_leg, self.stop_m, o_out))
        heading = -np.array(self._at(from_leg, 1.0, 0.0))
        leaving = np.array(self._at(to_leg, 1.0, 0.0))
        turn = heading[0] * leaving[1] - heading[1] * leaving[0]
        chord = end - start
        t = np.linspace(0.0, 1.0, 15)[:, None]
        if abs(turn) > 0.05:
            along = (chord[0] * leaving[1] - chord[1] * leaving[0]) / turn
            beyond = (heading[0] * chord[1] - heading[1] * chord[0]) / turn
            if along > 0.0 and beyond > 0.0:  # the corner lies ahead of the start and behind the end
                corner = start + along * heading
                return LineString((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
        # No corner between: an S-shaped change of lane, or a half turn.
        reach = float(np.hypot(*chord)) / 2.0
        controls = (start, start + reach * heading, end - reach * leaving, end)
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
        return LineString(sum(w * c for w, c in zip(weights, controls, strict=True)))

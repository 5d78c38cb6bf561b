"""An independent reckoning of intergreens: the ground that vehicles sweep, laid over each other with shapely.

Works from the description of the legs. The kerb lines of neighbouring legs meet in corners, stop lines lie
behind the last corner, and a vehicle needs the ground within half its width of its path. Where the grounds of
two movements overlap, the tail of the last vehicle to clear must have left each point before the front of the
first to enter is there. Crossings are rectangles; their far edge is where the tail must be.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, ceil, cos, pi, radians, sin
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry import LineString, Polygon

from traffic.network import Turn
from traffic.units import KM_H

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from signals.aspects import SignalSettings
    from tests.signals.junctions import Leg

BODY_M = 2.55
"""Widest vehicle that is allowed on roads without a permit: Directive 96/53/EC, annex I."""

U_TURN_RADIUS_M = 5.0
WALKED_LANE_M = 3.5
_FAR_M = 500.0
_STEP_M = 0.25


@dataclass(frozen=True)
class Track:
    """Path of one movement from one lane to another, and the ground that its vehicles sweep."""

    from_leg: int
    to_leg: int
    line: LineString
    ground: Polygon
    clearing_m_s: float
    entering_m_s: float

    def cleared_s(self, points: NDArray[np.object_], settings: SignalSettings) -> NDArray[np.float64]:
        """Seconds after the end of yellow at which the tail is past each of `points`."""
        way = shapely.line_locate_point(self.line, points)
        return (way + settings.vehicle_length_m) / self.clearing_m_s

    def reached_s(self, points: NDArray[np.object_], settings: SignalSettings) -> NDArray[np.float64]:
        """Seconds after the start of green at which the front is at each of `points`."""
        way = shapely.line_locate_point(self.line, points)
        return way / self.entering_m_s * settings.deducts_entering_time


def clearing_s(last: Track, first: Track, settings: SignalSettings) -> float | None:
    """Return the least time from the end of yellow of `last` to the green of `first`; none if they never meet."""
    points = _points_of(last.ground.intersection(first.ground))
    if not len(points):
        return None
    return float((last.cleared_s(points, settings) - first.reached_s(points, settings)).max())


def leaves_crossing_s(track: Track, crossing: Polygon, settings: SignalSettings) -> float | None:
    """Return the time from the end of yellow until the tail is off the crossing; none if it is not driven over."""
    points = _points_of(track.ground.intersection(crossing))
    return float(track.cleared_s(points, settings).max()) if len(points) else None


def yellow_s(speeds_km_h: list[float], settings: SignalSettings) -> int:
    """Return the yellow for the fastest of the approaches of a group."""
    speed = max(speeds_km_h) * KM_H + settings.speed_margin_m_s
    braking_s = speed / settings.deceleration_m_s2 / 2.0
    return max(settings.aspects.yellow_s, ceil(settings.perception_s + braking_s - 1e-9))


def walk_s(leg: Leg, settings: SignalSettings) -> int:
    """Return the time to walk over a leg, or its wider half if there is an island between the two."""
    lanes_in, lanes_out = _lanes(leg)
    halves = leg.refuge and lanes_in and lanes_out
    lanes = max(lanes_in, lanes_out) if halves else lanes_in + lanes_out
    return ceil(lanes * WALKED_LANE_M / settings.walking_speed_m_s - 1e-9)


class DrawnJunction:
    """Stop lines, paths and crossings of a junction with straight legs that meet in one point."""

    def __init__(self, legs: list[Leg], settings: SignalSettings) -> None:
        self.legs = legs
        self.settings = settings
        self.stop_m = [self._stop_m(leg) for leg in range(len(legs))]

    def track(self, from_leg: int, to_leg: int, lane: int, out: int, turn: int) -> Track:
        """Return the track from `lane` to the exit lane `out`, both counted from the right."""
        start = self._at(from_leg, self.stop_m[from_leg], self._lane_offset(from_leg, lane, arrives=True))
        half_turn = from_leg == to_leg
        while half_turn and out and self._across(from_leg, lane, out) < 2.0 * U_TURN_RADIUS_M:
            out -= 1
        end = self._at(to_leg, self.stop_m[to_leg], self._lane_offset(to_leg, out, arrives=False))
        line = (
            _driven(start, -self._outward(from_leg), end)
            if half_turn
            else _cubic(start, -self._outward(from_leg), end, self._outward(to_leg), left=turn == Turn.LEFT)
        )
        speed = self.legs[from_leg].speed_km_h * KM_H
        slow = speed if turn == Turn.THROUGH else min(speed, self.settings.turning_speed_m_s)
        ground = line.buffer(BODY_M / 2.0, cap_style="flat")
        # RiLSA 2015: who enters comes with 40 km/h, and faster where the road is
        return Track(from_leg, to_leg, line, ground, clearing_m_s=slow, entering_m_s=max(speed, 40.0 * KM_H))

    def crossing(self, leg: int, *, over_in: bool, over_out: bool) -> Polygon:
        """Return the ground between the stop line of `leg` and the junction, over the lanes that are crossed."""
        left, right = self._half_widths(leg)
        one_way = 0 in _lanes(self.legs[leg])
        left, right = left * (over_in or one_way), right * (over_out or one_way)
        far = self.stop_m[leg]
        near = far - self.settings.crossing_depth_m
        return Polygon(
            [self._at(leg, d, o) for d, o in ((near, -right), (far, -right), (far, left), (near, left))]
        )

    def _across(self, leg: int, lane: int, out: int) -> float:
        return self._lane_offset(leg, lane, arrives=True) - self._lane_offset(leg, out, arrives=False)

    def _outward(self, leg: int) -> NDArray[np.float64]:
        angle = radians(self.legs[leg].angle_deg)
        return np.array([cos(angle), sin(angle)])

    def _at(self, leg: int, distance: float, offset: float) -> NDArray[np.float64]:
        """Point at a distance from the middle, `offset` to the left of the axis seen from the middle."""
        outward = self._outward(leg)
        return distance * outward + offset * np.array([-outward[1], outward[0]])

    def _half_widths(self, leg: int) -> tuple[float, float]:
        """Distance from the axis to the kerb where traffic arrives (left) and where it leaves (right)."""
        lanes_in, lanes_out = _lanes(self.legs[leg])
        width = self.settings.lane_width_m
        if not lanes_in or not lanes_out:
            return (lanes_in + lanes_out) * width / 2.0, (lanes_in + lanes_out) * width / 2.0
        return lanes_in * width, lanes_out * width

    def _stop_m(self, leg: int) -> float:
        """Distance of the stop line: behind the last corner, with the crossing between."""
        own = self.legs[leg].angle_deg
        corners = [0.0]
        for other, neighbour in enumerate(self.legs):
            apart = (neighbour.angle_deg - own) % 360.0
            if not 20.0 < min(apart, 360.0 - apart) < 150.0:
                continue
            ahead = apart < 180.0  # its right kerb faces our left one
            kerb = self._kerb(leg, left=ahead).intersection(self._kerb(other, left=not ahead))
            corners.append(float(self._outward(leg) @ np.array([kerb.x, kerb.y])))
        return min(max(corners), 35.0) + self.settings.crossing_depth_m

    def _kerb(self, leg: int, *, left: bool) -> LineString:
        to_left, to_right = self._half_widths(leg)
        offset = to_left if left else -to_right
        return LineString([self._at(leg, -_FAR_M, offset), self._at(leg, _FAR_M, offset)])

    def _lane_offset(self, leg: int, lane: int, *, arrives: bool) -> float:
        left, right = self._half_widths(leg)
        from_kerb = (lane + 0.5) * self.settings.lane_width_m
        return left - from_kerb if arrives else from_kerb - right


def _lanes(leg: Leg) -> tuple[int, int]:
    return leg.lanes_in and leg.lanes_in + leg.left_bays + leg.right_bays, leg.lanes_out


def _cubic(
    start: NDArray[np.float64],
    heading: NDArray[np.float64],
    end: NDArray[np.float64],
    leaving: NDArray[np.float64],
    *,
    left: bool,
) -> LineString:
    """Return a cubic curve by halving its control polygon again and again (de Casteljau)."""
    turned = acos(min(max(float(heading @ leaving), -1.0), 1.0))
    reach = float(np.hypot(*(end - start))) / (3.0 * cos(turned / 4.0) ** 2) * (0.5 if left else 1.0)
    pieces = [np.array([start, start + reach * heading, end - reach * leaving, end])]
    for _ in range(6):
        pieces = [half for piece in pieces for half in _halves(piece)]
    return LineString([*(piece[0] for piece in pieces), end])


def _driven(start: NDArray[np.float64], heading: NDArray[np.float64], end: NDArray[np.float64]) -> LineString:
    """Drive a half turn to the left in short steps: first to the right, as far as it must be, then around and back."""
    across = float(np.hypot(*(end - start)))
    radius = max(U_TURN_RADIUS_M, across / 2.0)
    swing = acos(min((2.0 * radius + across) / (4.0 * radius), 1.0))
    steps = 120
    length = radius * (pi + 4.0 * swing)
    at = (np.arange(steps) + 0.5) / steps * (pi + 4.0 * swing)
    turned = np.abs(np.minimum(at - swing, 0.0)) - swing + np.clip(at - swing, 0.0, pi + 2.0 * swing)
    turned -= np.maximum(at - pi - 3.0 * swing, 0.0)
    ahead = np.arctan2(heading[1], heading[0]) + turned
    moves = np.column_stack([np.cos(ahead), np.sin(ahead)]) * length / steps
    return LineString(np.concatenate([[start], start + np.cumsum(moves, axis=0)]))


def _halves(piece: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = [piece[0]], [piece[-1]]
    while len(piece) > 1:
        piece = (piece[:-1] + piece[1:]) / 2.0
        first.append(piece[0])
        second.append(piece[-1])
    return np.array(first), np.array(second[::-1])


def _points_of(shape: shapely.Geometry) -> NDArray[np.object_]:
    """Return points all around a shape, close to each other."""
    return shapely.points(shapely.get_coordinates(shape.segmentize(_STEP_M)))

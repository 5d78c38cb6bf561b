"""Car following after Krauss (1998), in steps of one second as vehicles move: speeds are exact for whole steps of braking."""

from __future__ import annotations

from math import floor, sqrt

from traffic._kernels_jit import OutF2, small
from traffic.microscopic._kernels_tables import DECEL, GAP, LENGTH, POSITION, SPEED, TAU

_MASK, _HALF, _MIX, _SPREAD = 0xFFFFFFFF, 16, 0x45D9F3B, 0x1000193
_TO_UNIT = 1.0 / 4294967296.0


@small
def braking_m(speed: float, decel: float) -> float:
    """Return the distance covered until standing, when every step from now is slower by `decel`."""
    steps = floor(speed / decel)
    return steps * speed - decel * steps * (steps + 1.0) * 0.5


@small
def needed_m(speed: float, decel: float, tau: float) -> float:
    """Return the distance covered in a reaction time of `tau` seconds and by braking after it."""
    return tau * speed + braking_m(speed, decel)


@small
def safe_speed(room_m: float, decel: float, tau: float) -> float:
    """Return the speed that `needed_m` maps to `room_m`: its inverse, linear between multiples of `decel`."""
    if room_m <= 0.0:
        return 0.0
    c = tau - 0.5
    steps = max(floor(sqrt(c * c + 2.0 * room_m / decel) - c), 0.0)
    covered = decel * steps * (tau + (steps - 1.0) * 0.5)
    return steps * decel + (room_m - covered) / (steps + tau)


@small
def easing_speed(room_m: float, target: float, decel: float) -> float:
    """Return the speed now from which one can be down at `target` after `room_m`."""
    if room_m <= target:
        return target
    twice = 2.0 * target + decel
    steps = floor((sqrt(twice * twice + 8.0 * decel * room_m) - twice) / (2.0 * decel))
    covered = steps * target + decel * steps * (steps + 1.0) * 0.5
    return target + steps * decel + max(0.0, room_m - covered - target) / (steps + 1.0)


@small
def travel_s(room_m: float, speed: float, accel: float, fastest: float) -> float:
    """Return the time to cover a distance when speeding up to `fastest`."""
    if room_m <= 0.0:
        return 0.0
    if speed >= fastest:
        return room_m / max(fastest, 0.1)
    time = (fastest - speed) / accel
    covered = (speed + fastest) * 0.5 * time
    if covered >= room_m:
        return (sqrt(speed * speed + 2.0 * accel * room_m) - speed) / accel
    return time + (room_m - covered) / fastest


@small
def following_speed(car: OutF2, who: int, leader: int, leader_m: float) -> float:
    """Return the safe speed of `who` behind a leader whose front is at `leader_m` on the same axis."""
    gap = leader_m - car[leader, LENGTH] - car[who, POSITION] - car[who, GAP]
    if gap < 0.0:
        return 0.0
    return safe_speed(gap + braking_m(car[leader, SPEED], car[leader, DECEL]), car[who, DECEL], car[who, TAU])


@small
def _mixed(x: int) -> int:
    """Return 32 bits all of which depend on all of those of `x`."""
    x = (((x >> _HALF) ^ x) * _MIX) & _MASK
    x = (((x >> _HALF) ^ x) * _MIX) & _MASK
    return (x >> _HALF) ^ x


@small
def chance(seed: int, who: int, second: int) -> float:
    """Return a number from 0 to 1 that depends on nothing else: the same vehicle has the same luck under all plans."""
    of_vehicle = _mixed((int(who) + seed * _SPREAD) & _MASK)
    return _mixed((of_vehicle + second * _SPREAD) & _MASK) * _TO_UNIT

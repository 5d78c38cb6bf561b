"""What the time-space diagram of one corridor shows."""

from __future__ import annotations

from math import atan2, degrees
from typing import TYPE_CHECKING, Any

from signals.timespace import common_period, coordinated_sections, green_bands, through_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.report.measures import Case
    from signals.corridors import Corridor, Path
    from traffic.network import RoadNetwork

__all__ = ["corridor_page"]

_HEADINGS = ("eastbound", "northbound", "westbound", "southbound")

Windows = tuple[tuple[float, float], ...]


def corridor_page(network: RoadNetwork, corridor: Corridor, cases: Sequence[Case]) -> dict[str, Any]:
    """Return junctions, distances and, for each case, greens and green bands of a corridor."""
    paths = [corridor.forward, *corridor.backward]
    return {
        "n": corridor.name,
        "j": list(corridor.junctions),
        "pos": [round(position) for position in corridor.position_m],
        "paths": [_path(network, corridor, path) | {"back": int(k > 0)} for k, path in enumerate(paths)],
        "cases": [[_progression(corridor, path, case) for path in paths] for case in cases],
    }


def _path(network: RoadNetwork, corridor: Corridor, path: Path) -> dict[str, Any]:
    nodes = network.junctions.node
    first, last = (nodes[corridor.junctions[path.stops[k]]] for k in (0, -1))
    east = float(network.nodes.x_m[last] - network.nodes.x_m[first])
    north = float(network.nodes.y_m[last] - network.nodes.y_m[first])
    heading = _HEADINGS[round(degrees(atan2(north, east)) / 90) % 4]
    speed = path.distance_m[-1] / path.travel_s[-1] * 3.6
    return {
        "dir": heading,
        "stops": list(path.stops),
        "t": [round(travel, 1) for travel in path.travel_s],
        "d": [round(way) for way in path.distance_m],
        "v": round(speed, 1),
    }


def _greens(corridor: Corridor, path: Path, case: Case) -> list[Windows]:
    """Return the greens of the path's movement at every stop, in seconds after the cycle zero."""
    greens: list[Windows] = []
    for stop, movement in zip(path.stops, path.movements, strict=True):
        plan = case.plans[corridor.junctions[stop]]
        everything: Windows = ((0.0, float(plan.cycle_s)),)
        group = next((g for g, group in enumerate(plan.junction.groups) if movement in group.movements), None)
        windows = everything if group is None else case.windows[plan.junction.index][group]
        shifted = [_shift(window, plan.offset_s, plan.cycle_s) for window in windows]
        greens.append(tuple(sorted(shifted)))
    return greens


def _shift(window: tuple[float, float], offset_s: int, cycle_s: int) -> tuple[float, float]:
    start = (window[0] + offset_s) % cycle_s
    return (start, start + window[1] - window[0])


def _repeat(windows: Windows, cycle_s: int, period_s: int) -> list[tuple[float, float]]:
    """Return the windows of every cycle in a period."""
    return [(a + start, b + start) for start in range(0, period_s, cycle_s) for a, b in windows]


def _progression(corridor: Corridor, path: Path, case: Case) -> dict[str, Any]:
    """Return cycles, greens and bands of one direction.

    ``bands`` holds ``[first stop, last stop, period, windows]``; ``width`` and ``share`` are the widest
    end-to-end band and the share of the period in which one may set off to meet only green; `None` where the
    junctions have no common period.
    """
    cycles = [case.plans[corridor.junctions[stop]].cycle_s for stop in path.stops]
    greens = _greens(corridor, path, case)
    bands: list[tuple[int, int, int, list[list[float]]]] = []
    for first, last in coordinated_sections(cycles):
        period = common_period(cycles[first : last + 1])
        if period is None or first == last:
            continue
        part = slice(first, last + 1)
        repeated = [_repeat(g, c, period) for g, c in zip(greens[part], cycles[part], strict=True)]
        found = green_bands(repeated, path.travel_s[part], period)
        bands += [(first + band.first, first + band.last, period, _rounded(band.windows)) for band in found]
    page: dict[str, Any] = {"c": cycles, "w": [_rounded(g) for g in greens], "b": bands}
    period = common_period(cycles)
    if period is not None:
        repeated = [_repeat(g, c, period) for g, c in zip(greens, cycles, strict=True)]
        through = through_windows(repeated, path.travel_s, period)
        page["width"] = round(max((b - a for a, b in through), default=0.0), 1)
        page["share"] = round(sum(b - a for a, b in through) / period, 3)
    page["links"] = sum(last - first for first, last, *_ in bands)
    return page


def _rounded(windows: Windows) -> list[list[float]]:
    return [[_short(a), _short(b)] for a, b in windows]


def _short(value: float) -> float:
    """Return a number that JSON writes without needless digits."""
    rounded = round(float(value), 1)
    return int(rounded) if rounded.is_integer() else rounded

"""Which cells of a grid lie near which segments."""

from __future__ import annotations

import math

from traffic._kernels_jit import F1, I1, OutI1, helper, kernel

__all__ = ["near_cells"]


@helper
def _apart(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> float:
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    share = ((px - ax) * dx + (py - ay) * dy) / length if length > 0.0 else 0.0
    share = min(max(share, 0.0), 1.0)
    return math.hypot(px - ax - share * dx, py - ay - share * dy)


@kernel
def near_cells(
    first: I1,
    x: F1,
    y: F1,
    west: float,
    south: float,
    cell_m: float,
    columns: int,
    rows: int,
    near_m: float,
    cell: OutI1,
    path: OutI1,
    segment: OutI1,
) -> int:
    """Write cell, path and first vertex of every segment that comes within `near_m` of a cell; return how many.

    Where the arrays are too short nothing is written beyond their end: call again with longer ones.
    """
    count = 0
    around_m = near_m + cell_m * math.sqrt(0.5)
    for p in range(len(first) - 1):
        for k in range(first[p], first[p + 1] - 1):
            left = max(0, int(math.floor((min(x[k], x[k + 1]) - near_m - west) / cell_m)))
            right = min(columns - 1, int(math.floor((max(x[k], x[k + 1]) + near_m - west) / cell_m)))
            low = max(0, int(math.floor((min(y[k], y[k + 1]) - near_m - south) / cell_m)))
            high = min(rows - 1, int(math.floor((max(y[k], y[k + 1]) + near_m - south) / cell_m)))
            for row in range(low, high + 1):
                for column in range(left, right + 1):
                    px, py = west + (column + 0.5) * cell_m, south + (row + 0.5) * cell_m
                    if _apart(px, py, x[k], y[k], x[k + 1], y[k + 1]) > around_m:
                        continue
                    if count < len(cell):
                        cell[count] = row * columns + column
                        path[count] = p
                        segment[count] = k
                    count += 1
    return count

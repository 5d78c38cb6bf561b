"""Flows that conserve vehicles and change the observed ones least: a separable quadratic program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import splu

if TYPE_CHECKING:
    from numpy.typing import NDArray

    # scaled flows, the dual, and the multipliers of the lower and the upper bounds
    _State = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

__all__ = ["nearest_balanced"]

_NEWTON_STEPS = 60
_INTERIOR_STEPS = 100
_TOLERANCE = 1e-12
_ACCEPTED = 1e-10
_RIDGE = 1e-12
_GAP = 1e-15  # of complementarity, where the prior has length 1


def nearest_balanced(
    balance: csc_array,
    prior: NDArray[np.float64],
    weight: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Minimise ``sum weight (x - prior)^2`` subject to ``balance @ x = 0`` and ``0 <= x <= upper``.

    Solved in the dual, where ``x(y) = clip(prior + balance^T y / weight, 0, upper)`` and the gradient is
    ``-balance @ x(y)``, by Newton steps on the variables that are not at a bound, each as long as the dual rises.
    They can stall where whole rows are at bounds: then an interior-point method, which does not depend on which
    variables are at bounds, finds where to start them. x = 0 is always feasible.

    Parameters
    ----------
    balance
        Coefficients; shape (constraints, variables).
    prior, weight, upper
        Shape (variables,); weights are positive, upper bounds may be infinite.

    Raises
    ------
    ArithmeticError
        If rounding keeps the residual above 1e-10 of the largest prior.
    """
    scale = max(float(np.abs(prior).max(initial=0.0)), 1e-9)
    x, left = _newton(balance, prior, weight, upper, scale)
    if left > _ACCEPTED * scale:
        x, left = _newton(balance, _interior(balance, prior, weight, upper), weight, upper, scale)
    if left > _ACCEPTED * scale:
        raise ArithmeticError(f"flows could not be balanced: {left:g} vehicles are left over")
    return x


def _newton(
    balance: csc_array,
    wanted: NDArray[np.float64],
    weight: NDArray[np.float64],
    upper: NDArray[np.float64],
    scale: float,
) -> tuple[NDArray[np.float64], float]:
    """Return the flows with the least residual that Newton steps from ``clip(wanted, 0, upper)`` find, and it."""
    back = balance.T.tocsr()
    diagonal = (balance * balance) @ (1.0 / weight)
    diagonal = np.where(diagonal > 0, diagonal, 1.0)
    best, least = np.zeros_like(wanted), np.inf
    for _ in range(_NEWTON_STEPS):
        x = np.clip(wanted, 0.0, upper)
        residual = balance @ x
        largest = float(np.abs(residual).max(initial=0.0))
        # below what is accepted a step that gains little has met the limit of rounding
        done = largest <= _TOLERANCE * scale or (largest > 0.5 * least and least <= _ACCEPTED * scale)
        if largest < least:
            best, least = x, largest
        if done:
            break
        free = ((wanted > 0) & (wanted < upper)) / weight
        # in proportion to the residual, which keeps steps at an angle to the gradient
        ridge = max(_RIDGE, min(1.0, largest / scale) * 1e-2) * diagonal
        hessian = balance @ diags_array(free) @ balance.T + diags_array(ridge)
        change = (back @ splu(hessian.tocsc()).solve(-residual)) / weight
        wanted = wanted + _length(wanted, change, weight, upper) * change
    return best, least


def _length(
    wanted: NDArray[np.float64],
    change: NDArray[np.float64],
    weight: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> float:
    """Return the length of the step at which the dual is highest.

    Its slope along the step, ``-sum weight change clip(wanted + length change, 0, upper)``, falls in pieces that
    are linear between the lengths at which a variable meets a bound.
    """
    moving = (change != 0) & np.isfinite(upper)
    ends = np.r_[-wanted[change != 0] / change[change != 0], (upper - wanted)[moving] / change[moving]]
    ends = np.r_[0.0, np.unique(ends[ends > 0])]

    def slope(length: float) -> float:
        return -float((weight * change) @ np.clip(wanted + length * change, 0.0, upper))

    low, high = 0, len(ends)  # the slope is above 0 at `low`, and not at `high`
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if slope(ends[middle]) > 0 else (low, middle)
    start = float(ends[low])
    inside = start + 1.0 if high == len(ends) else 0.5 * (start + float(ends[high]))
    reached = wanted + inside * change
    curvature = float(weight @ np.where((reached > 0) & (reached < upper), change**2, 0.0))
    return start + max(slope(start), 0.0) / curvature if curvature > 0 else start


def _interior(
    balance: csc_array,
    prior: NDArray[np.float64],
    weight: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return ``prior + balance^T y / weight`` for nearly the best y.

    A primal-dual predictor-corrector method (Mehrotra 1992, SIAM J. Optimization 2, 575-601) for the nearest point
    to one of length 1, in variables of weight 1 and with rows of length 1.
    """
    root = np.sqrt(weight)
    size = max(float(np.linalg.norm(prior * root)), 1e-300)
    rows = balance @ diags_array(1.0 / root)
    norm = np.sqrt((rows * rows) @ np.ones(len(prior)))
    rows = (diags_array(1.0 / np.where(norm > 0, norm, 1.0)) @ rows).tocsc()
    point, room = prior * root / size, np.maximum(upper * root / size, 1e-12)
    typical = 1.0 / np.sqrt(len(prior))
    x = np.minimum(np.maximum(point, typical), 0.5 * room)
    high = np.where(np.isfinite(room), typical, 0.0)
    state: _State = (x, np.zeros(balance.shape[0]), np.full(len(x), typical), high)
    for _ in range(_INTERIOR_STEPS):
        if _gap(state, room) <= _GAP:
            break
        state = _interior_step(rows, point, room, state)
    return np.asarray((point + rows.T @ state[1]) * size / root, dtype=np.float64)


def _interior_step(
    rows: csc_array, point: NDArray[np.float64], room: NDArray[np.float64], state: _State
) -> _State:
    """Return the state after a step towards the bounds that is corrected by how far it could go."""
    x, y, low, high = state
    left, bounded = room - x, np.isfinite(room)
    unmet = point - x + rows.T @ y + low - high
    inverse = 1.0 / (1.0 + low / x + high / left)
    normal = rows @ diags_array(inverse) @ rows.T
    factor = splu((normal + diags_array(_RIDGE * normal.diagonal() + 1e-30)).tocsc())

    def direction(aim_low: NDArray[np.float64], aim_high: NDArray[np.float64]) -> _State:
        push_low = aim_low / x - low
        push_high = np.where(bounded, aim_high / left, 0.0) - high
        force = unmet + push_low - push_high
        dy = factor.solve(-(rows @ (x + inverse * force)))
        dx = inverse * (force + rows.T @ dy)
        return dx, dy, push_low - low / x * dx, push_high + high / left * dx

    def moved(change: _State, share: float) -> _State:
        dx, dy, dlow, dhigh = change
        reach = min(_reach(a, b) for a, b in ((x, dx), (left, -dx), (low, dlow), (high, dhigh)))
        length = min(1.0, share * reach)
        return x + length * dx, y + length * dy, low + length * dlow, high + length * dhigh

    none = np.zeros(len(x))
    dx, _, dlow, dhigh = ahead = direction(none, none)
    gap = _gap(state, room)
    aim = (_gap(moved(ahead, 1.0), room) / gap) ** 3 * gap
    return moved(direction(aim - dx * dlow, aim + dx * dhigh), 0.995)


def _gap(state: _State, room: NDArray[np.float64]) -> float:
    """Return the mean product of a distance to a bound and its multiplier."""
    x, _, low, high = state
    bounded = np.isfinite(room)
    total = x @ low + (room - x)[bounded] @ high[bounded]
    return float(total) / (len(x) + int(bounded.sum()))


def _reach(value: NDArray[np.float64], change: NDArray[np.float64]) -> float:
    """Return the length of the step at which the first value is 0."""
    falling = (change < 0) & (value > 0)
    return float((value[falling] / -change[falling]).min(initial=np.inf))

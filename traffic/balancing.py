"""Flows that conserve vehicles and change the observed ones least: a separable quadratic program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_array, diags_array
from scipy.sparse.linalg import splu

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["nearest_balanced"]

_STEPS = 200
_TOLERANCE = 1e-12
_RIDGE = 1e-12


def nearest_balanced(
    balance: csc_array,
    prior: NDArray[np.float64],
    weight: NDArray[np.float64],
    upper: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Minimise ``sum weight (x - prior)^2`` subject to ``balance @ x = 0`` and ``0 <= x <= upper``.

    Solved in the dual, where ``x(y) = clip(prior + balance^T y / weight, 0, upper)`` and the gradient is
    ``balance @ x(y)``, by Newton steps on the variables that are not at a bound, with a line search. x = 0 is
    always feasible.

    Parameters
    ----------
    balance
        Coefficients; shape (constraints, variables).
    prior, weight, upper
        Shape (variables,); weights are positive, upper bounds may be infinite.
    """
    scale = max(float(np.abs(prior).max(initial=0.0)), 1e-9)
    back = balance.T.tocsr()
    dual = np.zeros(balance.shape[0])

    def primal(y: NDArray[np.float64]) -> NDArray[np.float64]:
        x: NDArray[np.float64] = np.clip(prior + (back @ y) / weight, 0.0, upper)
        return x

    def value(y: NDArray[np.float64], x: NDArray[np.float64]) -> float:
        return float(0.5 * weight @ (x - prior) ** 2 - y @ (balance @ x))

    x = primal(dual)
    for _ in range(_STEPS):
        residual = balance @ x
        if np.abs(residual).max(initial=0.0) <= _TOLERANCE * scale:
            break
        free = ((x > 0) & (x < upper)).astype(np.float64) + 1e-9
        hessian = balance @ diags_array(free / weight) @ balance.T
        ridge = _RIDGE * float(hessian.diagonal().max()) + 1e-300
        step = -splu((hessian + ridge * diags_array(np.ones(len(dual)))).tocsc()).solve(residual)
        length, before, slope = 1.0, value(dual, x), -float(residual @ step)
        while length > 1e-9:
            trial = dual + length * step
            following = primal(trial)
            # the dual is concave: accept what gains a share of what the slope promises
            if value(trial, following) >= before + 1e-4 * length * slope - 1e-15 * abs(before):
                break
            length *= 0.5
        dual, x = dual + length * step, primal(dual + length * step)
    return x

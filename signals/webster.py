"""Webster's optimum cycle time (F. V. Webster, Traffic Signal Settings, Road Research Paper 39, 1958)."""

from __future__ import annotations

import numpy as np

from traffic.errors import InputError

__all__ = ["optimum_cycle_s"]


def optimum_cycle_s(lost_s: float, flow_ratio: float) -> float:
    """Return the cycle of least delay at an isolated junction, ``(1.5 L + 5) / (1 - Y)``.

    Parameters
    ----------
    lost_s
        Lost time L of one cycle, seconds.
    flow_ratio
        Sum Y over the stages of the largest ratio of flow to saturation flow; less than 1.

    Returns
    -------
    float
        Seconds, neither rounded nor bounded (equation 8.1 in the paper).
    """
    if not (np.isfinite(lost_s) and lost_s >= 0):
        raise InputError("must be 0 s or more", field="lost_s", value=lost_s)
    if not 0 <= flow_ratio < 1:
        rule = "must be from 0 to less than 1"
        hint = "At 1 and above no cycle serves the demand; take the longest one allowed."
        raise InputError(rule, field="flow_ratio", value=flow_ratio, hint=hint)
    return (1.5 * lost_s + 5.0) / (1.0 - flow_ratio)

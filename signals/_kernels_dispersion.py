"""Platoon dispersion of cyclic flow profiles."""

from __future__ import annotations

from traffic._kernels_jit import F1, OutF1, helper, kernel

__all__ = ["disperse_cyclic", "disperse_into"]


@helper
def disperse_into(inflow: F1, delay: float, share: float, out: OutF1) -> None:
    """Write the cyclic profile `inflow` after travel into `out`, of the same length.

    The first vehicles arrive `delay` bins later, the platoon then spreads by the recurrence
    y(t) = share * x(t - delay) + (1 - share) * y(t - 1), solved for its periodic state.
    """
    period = len(inflow)
    whole = int(delay)
    part = delay - whole
    keep = 1.0 - share
    shift = whole % period
    for t in range(period - shift):
        out[t + shift] = inflow[t]
    for t in range(shift):
        out[t] = inflow[period - shift + t]
    if part > 0.0:
        before = out[period - 1]
        for t in range(period):
            now = out[t]
            out[t] = (1.0 - part) * now + part * before
            before = now
    if keep <= 0.0:
        return
    value = 0.0
    for t in range(period):
        value = share * out[t] + keep * value
    # After one period from rest the state is (1 - keep ** period) of the periodic one.
    value /= 1.0 - keep**period
    for t in range(period):
        value = share * out[t] + keep * value
        out[t] = value


@kernel
def disperse_cyclic(inflow: F1, delay: float, share: float, out: OutF1) -> None:
    """Disperse one cyclic profile; see `disperse_into`."""
    disperse_into(inflow, delay, share, out)

"""From where a vehicle is to the stops ahead of it, with what is uncertain on the way."""

from __future__ import annotations

import math

from traffic._kernels_jit import F1, I1, U1, OutF1, helper, kernel

__all__ = ["remaining", "rising", "walk"]

_ROOT_TAU = 2.5066282746310002
_ONE_SD = 0.8413447460685429
_SOON_S = 30.0  # for what is later than anything ever was
_TINY = 1e-300


@helper
def _upper(z: float) -> float:
    return 0.5 * math.erfc(z / math.sqrt(2.0))


@helper
def _from_upper(p: float) -> float:
    """Return z with a share p of a normal distribution above it (Acklam's rational function and a step of Halley's)."""
    p = max(p, _TINY)
    if p > 0.5:
        return -_from_upper_half(1.0 - p)
    return _from_upper_half(p)


@helper
def _from_upper_half(p: float) -> float:
    p = max(p, _TINY)
    if p < 0.02425:
        q = math.sqrt(-2.0 * math.log(p))
        x = (
            (
                (
                    ((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838) * q
                    - 2.549732539343734
                )
                * q
                + 4.374664141464968
            )
            * q
            + 2.938163982698783
        ) / (
            (
                ((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996) * q
                + 3.754408661907416
            )
            * q
            + 1.0
        )
        x = -x
    else:
        q = 0.5 - p
        r = q * q
        x = (
            (
                (
                    (
                        ((-3.969683028665376e01 * r + 2.209460984245205e02) * r - 2.759285104469687e02) * r
                        + 1.383577518672690e02
                    )
                    * r
                    - 3.066479806614716e01
                )
                * r
                + 2.506628277459239
            )
            * q
        ) / (
            (
                (
                    ((-5.447609879822406e01 * r + 1.615858368580409e02) * r - 1.556989798598866e02) * r
                    + 6.680131188771972e01
                )
                * r
                - 1.328068155288572e01
            )
            * r
            + 1.0
        )
    density = math.exp(-0.5 * x * x) / _ROOT_TAU
    if density > _TINY:
        step = (p - _upper(x)) / density
        x -= step / (1.0 - 0.5 * x * step)
    return x


@helper
def _remaining(elapsed_s: float, run_s: float, log_sd: float) -> tuple[float, float]:
    run_s = max(run_s, 1.0)
    if log_sd < 1e-9:
        return max(run_s, elapsed_s), 0.0
    z = (math.log(max(elapsed_s, 1.0)) - math.log(run_s)) / log_sd
    beyond = _upper(z)
    middle = run_s * math.exp(log_sd * _from_upper(0.5 * beyond))
    high = run_s * math.exp(log_sd * _from_upper((1.0 - _ONE_SD) * beyond))
    low = run_s * math.exp(log_sd * _from_upper(_ONE_SD * beyond))
    return max(middle, elapsed_s), 0.5 * (high - low)


@kernel
def remaining(elapsed_s: float, run_s: float, log_sd: float, out: OutF1) -> None:
    """Write the median of a lognormal running time that is known to be longer than `elapsed_s`, and half its 68 % range."""
    out[0], out[1] = _remaining(elapsed_s, run_s, log_sd)


@helper
def _started(now_s: float, due_s: float, late_s: F1) -> tuple[float, float]:
    """Return when a vehicle that has not left leaves its first stop: the median of how late others left that were as late."""
    count, passed = len(late_s), 0
    while passed < count and due_s + late_s[passed] <= now_s:
        passed += 1
    left = count - passed
    if left == 0:
        return now_s + _SOON_S, _SOON_S
    low = late_s[passed + int((1.0 - _ONE_SD) * left)]
    high = late_s[passed + min(int(_ONE_SD * left), left - 1)]
    return due_s + late_s[passed + left // 2], 0.5 * (high - low)


@helper
def _not_before(at_s: float, variance: float, least_s: float) -> tuple[float, float]:
    """Return mean and variance of a normal variable or `least_s`, whichever is later."""
    if variance < 1e-6:
        return max(at_s, least_s), variance
    sd = math.sqrt(variance)
    a = (least_s - at_s) / sd
    if a < -6.0:
        return at_s, variance
    if a > 6.0:
        return least_s, 0.0
    density, above = math.exp(-0.5 * a * a) / _ROOT_TAU, _upper(a)
    mean = a * (1.0 - above) + density  # of the larger one, in standard deviations after at_s
    square = a * a * (1.0 - above) + above + a * density
    return at_s + sd * mean, variance * max(square - mean * mean, 0.0)


@kernel
def walk(
    now_s: float,
    vehicle: I1,
    call: I1,
    run_of: I1,
    first: I1,
    due_s: F1,
    at_left: U1,
    at_since_s: F1,
    run_s: F1,
    log_sd: F1,
    pace_sd: F1,
    dwell_s: F1,
    dwell_sd: F1,
    hold_s: F1,
    late_s: F1,
    layover_s: float,
    arrival: OutF1,
    departure: OutF1,
    sd: OutF1,
) -> None:
    """Write when each vehicle comes to and leaves the stops ahead, and the standard deviation of that.

    Rows are those of `Ahead`. Row k runs for ``run_s[k]`` after its stop, with an uncertainty of its own (`log_sd`) and one that
    all rows of a vehicle share (`pace_sd`), both of the logarithm; it stands for ``dwell_s[k]``, and to ``hold_s[k]`` at least.
    """
    for v in range(len(vehicle) - 1):
        begin, end = vehicle[v], vehicle[v + 1]
        c = call[begin]
        r = run_of[c]
        since_s, left = at_since_s[r], at_left[r] != 0
        own, shared, leaves = 0.0, 0.0, since_s
        if not left and c != first[r + 1] - 1:
            if c == first[r]:
                leaves, spread = _started(now_s, due_s[c], late_s)
                own = spread * spread
            else:
                leaves = max(since_s + dwell_s[begin], now_s)
                own = dwell_sd[begin] * dwell_sd[begin]
                if not math.isnan(hold_s[begin]):
                    leaves, own = _not_before(leaves, own, hold_s[begin])
        arrival[begin], departure[begin] = math.nan if left else since_s, leaves
        sd[begin] = math.sqrt(own)
        driving = left
        for k in range(begin + 1, end):
            c = call[k]
            r = run_of[c]
            if c == first[r]:
                ready_s = leaves + layover_s
                leaves, spread = _started(now_s, due_s[c], late_s)
                total = own + shared * shared
                leaves = max(leaves, now_s)
                if ready_s >= leaves:
                    leaves, own = ready_s, max(total, spread * spread)
                else:
                    leaves, extra = _not_before(ready_s, total, leaves)
                    own = extra + spread * spread
                shared = 0.0
                arrival[k], departure[k], sd[k] = leaves, leaves, math.sqrt(own)
                driving = False
                continue
            run = run_s[k - 1]
            if driving:
                both = math.sqrt(log_sd[k - 1] * log_sd[k - 1] + pace_sd[k - 1] * pace_sd[k - 1])
                taken, spread = _remaining(now_s - leaves, run, both)
                comes, own, driving = leaves + taken, spread * spread, False
            else:
                comes = leaves + run
                own += run * log_sd[k - 1] * (run * log_sd[k - 1])
                shared += run * pace_sd[k - 1]
            comes = max(comes, now_s)
            total = own + shared * shared
            arrival[k], sd[k] = comes, math.sqrt(total)
            if c == first[r + 1] - 1:
                leaves = comes
            else:
                leaves = comes + dwell_s[k]
                own += dwell_sd[k] * dwell_sd[k]
                if not math.isnan(hold_s[k]):
                    total = own + shared * shared
                    leaves, held = _not_before(leaves, total, hold_s[k])
                    if total > 0.0:
                        own *= held / total
                        shared *= math.sqrt(held / total)
            departure[k] = leaves


@kernel
def rising(vehicle: I1, now_s: float, arrival: OutF1, departure: OutF1) -> None:
    """Put off what would be before `now_s` or before the stop before."""
    for v in range(len(vehicle) - 1):
        before = now_s
        for k in range(vehicle[v] + 1, vehicle[v + 1]):
            arrival[k] = max(arrival[k], before)
            departure[k] = max(departure[k], arrival[k])
            before = departure[k]

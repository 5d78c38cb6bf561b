"""What passengers are told: the time that is most often accurate, given how predictions have been wrong."""

from __future__ import annotations

import numpy as np

from traffic._kernels_jit import F1, F2, I1, OutF1, kernel

__all__ = ["tell"]

_CLEARLY = 1e-9


@kernel
def tell(
    left_s: F1,
    spread_s: F1,
    low: I1,
    high: I1,
    share: F1,
    errors: F2,
    shift_s: F1,
    end_s: F1,
    early_s: F1,
    late_s: F1,
    weight: F1,
    told_s: OutF1,
) -> None:
    """Write how much time to tell is left, where the median is ``left_s[k]``.

    The errors of prediction k, in parts of ``spread_s[k]``, are equally likely those of row ``low[k]``, with a share of those of
    row ``high[k]``. Of `shift_s`, which should rise in size, the one is taken that buckets (`end_s`, `early_s`, `late_s`) call
    accurate most often, each weighing `weight`.
    """
    kinds, buckets = errors.shape[1], len(end_s)
    actual, from_s, to_s, counts = np.empty(kinds), np.empty(kinds), np.empty(kinds), np.empty(kinds)
    for k in range(len(left_s)):
        for j in range(kinds):
            error = errors[low[k], j] * (1.0 - share[k]) + errors[high[k], j] * share[k]
            a = max(left_s[k] + spread_s[k] * error, 0.0)
            b = 0
            while b < buckets - 1 and a >= end_s[b]:
                b += 1
            actual[j], from_s[j], to_s[j], counts[j] = a, a - late_s[b], a + early_s[b], weight[b]
        best, most = left_s[k], -1.0
        for i in range(len(shift_s)):
            told = max(left_s[k] + shift_s[i], 0.0)
            hits = 0.0
            for j in range(kinds):
                if from_s[j] <= told <= to_s[j]:
                    hits += counts[j]
            if hits > most + _CLEARLY:
                best, most = told, hits
        told_s[k] = best

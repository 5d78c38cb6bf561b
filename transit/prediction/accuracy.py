"""The ETA Accuracy Benchmark: how many predictions are good enough, the stricter the sooner the vehicle comes.

A prediction belongs to the bucket of the time from when it was made to when the vehicle really came (start included, end not).
It is accurate where the vehicle came no earlier and no later than the bucket allows (limits included). The score is the mean of
the shares of the four buckets.

References
----------
Transit, Swiftly and others (2024). ETA Accuracy Benchmark. github.com/TransitApp/ETA-Accuracy-Benchmark, after IBI Group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from traffic.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BUCKETS", "HORIZON_S", "Bucket", "Score", "accurate", "bucket_of", "eta_accuracy"]

_DIGITS = 3  # a thousandth of a second, so that limits are included whatever the epoch's rounding


class Bucket(NamedTuple):
    """Predictions for vehicles that are so far away, and how much earlier or later than predicted they may come."""

    name: str
    start_s: float
    end_s: float
    early_s: float
    late_s: float


BUCKETS = (
    Bucket("0-3 min", 0.0, 180.0, 30.0, 90.0),
    Bucket("3-6 min", 180.0, 360.0, 60.0, 150.0),
    Bucket("6-10 min", 360.0, 600.0, 60.0, 210.0),
    Bucket("10-15 min", 600.0, 900.0, 90.0, 270.0),
)
HORIZON_S = BUCKETS[-1].end_s


class Score(NamedTuple):
    """What the benchmark says of some predictions.

    Attributes
    ----------
    share
        Of predictions that are accurate, for each bucket; NaN where there is none.
    counts
        Predictions in each bucket.
    score
        The mean of the four shares; NaN where a bucket is empty.
    mean_error_s, mean_absolute_error_s
        Actual less predicted: positive where vehicles came later. Of all predictions in the buckets.
    """

    share: tuple[float, ...]
    counts: tuple[int, ...]
    score: float
    mean_error_s: float
    mean_absolute_error_s: float


def bucket_of(made_s: NDArray[np.float64], actual_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the position of the bucket of each prediction, -1 for what is in none; shape (predictions,)."""
    away_s = np.round(actual_s - made_s, _DIGITS)
    starts = np.array([bucket.start_s for bucket in BUCKETS])
    found = np.searchsorted(starts, away_s, side="right") - 1
    return np.where(np.isfinite(away_s) & (away_s >= 0.0) & (away_s < HORIZON_S), found, -1)


def accurate(
    bucket: NDArray[np.int64], predicted_s: NDArray[np.float64], actual_s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which predictions are accurate, given their buckets; what is in none is not. Shape (predictions,)."""
    early = np.array([each.early_s for each in BUCKETS])[bucket]
    late = np.array([each.late_s for each in BUCKETS])[bucket]
    error_s = np.round(actual_s - predicted_s, _DIGITS)
    found: NDArray[np.bool_] = (bucket >= 0) & (error_s >= -early) & (error_s <= late)
    return found


def eta_accuracy(
    made_s: NDArray[np.float64], predicted_s: NDArray[np.float64], actual_s: NDArray[np.float64]
) -> Score:
    """Score predictions; those for vehicles that are not 0 to 15 min away, or never came, do not count.

    Parameters
    ----------
    made_s, predicted_s, actual_s
        When each prediction was sampled, what it says, and when the vehicle came; POSIX seconds, shape (predictions,).
        A prediction that is NaN although its vehicle came counts as not accurate.
    """
    if not len(made_s) == len(predicted_s) == len(actual_s):
        value = f"{len(made_s)}, {len(predicted_s)}, {len(actual_s)}"
        raise InputError("must be as many times made, predicted and actual", field="predictions", value=value)
    bucket = bucket_of(made_s, actual_s)
    good = accurate(bucket, predicted_s, actual_s)
    inside = bucket >= 0
    count = np.bincount(bucket[inside], minlength=len(BUCKETS))
    hits = np.bincount(bucket[inside], good[inside], minlength=len(BUCKETS))
    share = np.divide(hits, count, out=np.full(len(BUCKETS), np.nan), where=count > 0)
    error_s = (actual_s - predicted_s)[inside & np.isfinite(predicted_s)]
    known = len(error_s) > 0
    return Score(
        tuple(share.tolist()),
        tuple(count.tolist()),
        float(share.mean()),
        float(error_s.mean()) if known else float("nan"),
        float(np.abs(error_s).mean()) if known else float("nan"),
    )

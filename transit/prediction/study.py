"""How good predictors are on what they have not seen: the blend against all others, and against others aimed as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from transit.prediction.accuracy import BUCKETS, Score
from transit.prediction.blend import Aim, blended, fit_weights
from transit.prediction.training import BLEND, INTERVAL, MEMBERS, Trained, predictors, together
from transit.prediction.trial import tried

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from transit.prediction.calls import Record
    from transit.prediction.predictors import Forecast
    from transit.visits import StopVisits

__all__ = ["AIMED", "PLAIN", "PUBLISHED", "Compared", "compared", "summary"]

PLAIN = ("timetable", *MEMBERS)
"""All that predict without the others."""
AIMED = ", aimed"
PUBLISHED = f"{BLEND}, {Aim.PASSENGER}"


class Compared(NamedTuple):
    """Scores of one day.

    Attributes
    ----------
    scores
        By name: each predictor, the blend at the median and as told to passengers, and each predictor aimed: told to passengers
        as the blend is, by its own errors on the same days.
    within
        Share of arrivals between the blend's quantiles of 10 and 90 %, which is 80 % where its uncertainty is right.
    """

    scores: dict[str, Score]
    within: float

    def margin(self, name: str, rivals: Sequence[str]) -> float:
        """Return by how much a predictor is better than the best of its rivals."""
        return self.scores[name].score - max(self.scores[rival].score for rival in rivals)


def compared(
    earlier: StopVisits, record: Record, *, every_s: float = 60.0, scored: NDArray[np.bool_] | None = None
) -> Compared:
    """Train on earlier visits, try on a record, and score.

    Parameters
    ----------
    every_s
        How often predictors are asked, in training too.
    scored
        The runs that count, none of which may be among `earlier`; the others are seen on the day as well. Default: all.
    """
    trained = Trained.of(earlier, every_s=every_s)
    trial = tried(
        record,
        predictors(record.calls, trained.history, trained.parameters),
        every_s=every_s,
        scored=scored,
        together=_together(trained),
    )
    names = (*PLAIN, BLEND, PUBLISHED, *(name + AIMED for name in PLAIN))
    low, high = (trial.predicted_s[trial.names.index(f"{BLEND}, {share}")] for share in INTERVAL)
    inside = (trial.actual_s >= low) & (trial.actual_s <= high)
    return Compared({name: trial.score(name) for name in names}, float(inside.mean()))


def _together(trained: Trained) -> Callable[[Mapping[str, Forecast]], dict[str, Forecast]]:
    """Return what makes the blend of forecasts, and of each what passengers would be told if it were a blend of its own."""
    assert trained.tried is not None
    alone = {name: fit_weights(trained.tried, (name,)) for name in PLAIN}

    def of(forecasts: Mapping[str, Forecast]) -> dict[str, Forecast]:
        aimed = {name + AIMED: blended(weights, forecasts, Aim.PASSENGER) for name, weights in alone.items()}
        return {**together(trained, forecasts), **aimed}

    return of


def summary(found: Sequence[Compared]) -> dict[str, Any]:
    """Return means and standard deviations over seeds as plain values, and margins of the blend, seed by seed."""
    names = list(found[0].scores)
    plain = list(PLAIN)
    margins = {
        BLEND: [each.margin(BLEND, plain) for each in found],
        PUBLISHED: [each.margin(PUBLISHED, plain) for each in found],
        f"{PUBLISHED}, against aimed": [
            each.margin(PUBLISHED, [name + AIMED for name in plain]) for each in found
        ],
        f"{BLEND}, but for kalman": [each.margin(BLEND, plain[:-1]) for each in found],
        f"{PUBLISHED}, against aimed but for kalman": [
            each.margin(PUBLISHED, [name + AIMED for name in plain[:-1]]) for each in found
        ],
    }
    return {
        "seeds": len(found),
        "predictions": [sum(each.scores[BLEND].counts) for each in found],
        "predictors": {name: _of_name([each.scores[name] for each in found]) for name in names},
        "margins": {name: _spread(values) for name, values in margins.items()},
        "within_80": _spread([each.within for each in found]),
    }


def _of_name(scores: Sequence[Score]) -> dict[str, Any]:
    buckets = {
        bucket.name: _spread([score.share[k] for score in scores])["mean"] for k, bucket in enumerate(BUCKETS)
    }
    return {
        "score": _spread([score.score for score in scores]),
        "buckets": buckets,
        "mean_error_s": _spread([score.mean_error_s for score in scores])["mean"],
        "mean_absolute_error_s": _spread([score.mean_absolute_error_s for score in scores])["mean"],
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {
        "mean": round(float(np.mean(values)), 4),
        "sd": round(sd, 4),
        "least": round(float(np.min(values)), 4),
    }

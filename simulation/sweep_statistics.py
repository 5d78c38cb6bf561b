"""Figures of sweeps with their uncertainty: means and paired differences with confidence intervals.

The unit that is repeated is the demand seed: runs of several optimiser seeds under one demand are no independent
draws, so their mean counts once. Where there is one demand only, the optimiser seeds are the units, and the interval
tells of the search alone. Intervals are Student's t.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["CONFIDENCE", "Difference", "Estimate", "Group", "differences", "estimate", "groups"]

CONFIDENCE = 0.95
"""Coverage of the intervals."""


@dataclass(frozen=True)
class Estimate:
    """A mean and how well it is known.

    Attributes
    ----------
    units
        Independent values that it is the mean of.
    sd
        Their standard deviation; `None` for one.
    low, high
        Ends of the confidence interval of the mean; `None` for one.
    """

    units: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Group:
    """A figure of one method at one demand level of a scenario.

    Attributes
    ----------
    runs
        Runs that took part.
    """

    scenario: str
    scale: float
    method: str
    figure: str
    runs: int
    estimate: Estimate


@dataclass(frozen=True)
class Difference:
    """A figure of `method` less that of `reference`, over the demand seeds that both were run with."""

    scenario: str
    scale: float
    method: str
    reference: str
    figure: str
    estimate: Estimate


def estimate(values: Sequence[float]) -> Estimate:
    """Return mean, standard deviation and confidence interval of the mean of independent values."""
    array = np.asarray(values, np.float64)
    mean, units = float(array.mean()), len(array)
    if units < 2:
        return Estimate(units=units, mean=mean, sd=None, low=None, high=None)
    sd = float(array.std(ddof=1))
    half = float(stdtrit(units - 1, (1 + CONFIDENCE) / 2)) * sd / units**0.5
    return Estimate(units=units, mean=mean, sd=sd, low=mean - half, high=mean + half)


def groups(rows: Iterable[Mapping[str, Any]], figures: Sequence[str]) -> list[Group]:
    """Return an estimate of each figure by scenario, scale and method, in the order in which these appear."""
    found = []
    for (scenario, scale, method), several in _split(rows, "scenario", "scale", "method").items():
        units = _units(several)
        found += [
            Group(
                scenario, scale, method, figure, len(several), estimate(list(_means(units, figure).values()))
            )
            for figure in figures
        ]
    return found


def differences(rows: Iterable[Mapping[str, Any]], figures: Sequence[str]) -> list[Difference]:
    """Return the paired differences between each two methods that share demand seeds: later less earlier."""
    found = []
    for (scenario, scale), several in _split(rows, "scenario", "scale").items():
        methods = {name: _split(own, "demand_seed") for (name,), own in _split(several, "method").items()}
        for (reference, first), (method, second) in itertools.combinations(methods.items(), 2):
            shared = [seed for seed in first if seed in second]
            if not shared:
                continue
            for figure in figures:
                one, other = _means(first, figure), _means(second, figure)
                paired = estimate([other[seed] - one[seed] for seed in shared])
                found.append(Difference(scenario, scale, method, reference, figure, paired))
    return found


def _split(rows: Iterable[Mapping[str, Any]], *names: str) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    parts: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        parts.setdefault(tuple(row[name] for name in names), []).append(row)
    return parts


def _units(rows: list[Mapping[str, Any]]) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    """Return rows by demand seed, or by optimiser seed where they share one demand."""
    by_demand = _split(rows, "demand_seed")
    return by_demand if len(by_demand) > 1 else _split(rows, "optimizer_seed")


def _means(
    units: Mapping[tuple[Any, ...], list[Mapping[str, Any]]], figure: str
) -> dict[tuple[Any, ...], float]:
    return {unit: float(np.mean([row[figure] for row in rows])) for unit, rows in units.items()}

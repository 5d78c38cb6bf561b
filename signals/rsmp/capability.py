"""What one RSMP controller can do: its stored plans, and what of them may be set from outside.

RSMP cannot carry a plan. The stages of a controller, their order and its intergreens live in it; from outside one
chooses a stored plan, and sets its cycle time, its offset and the seconds in its dynamic bands. A stored plan with
cycle C and e_k seconds in the band of stage k shows stage k for ``base_s[k] + e_k`` seconds (start of green to start
of green of the next stage), but for the *remainder* stage, which has what is left of C.

The format of the file is told in ``docs/rsmp.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

from signals.rsmp.lists import MOST_BANDS
from signals.rsmp.versions import known_sxl
from traffic.errors import InputError

__all__ = ["MOST_SECONDS", "Band", "Capability", "SiteGroup", "StoredPlan"]

MOST_SECONDS = 255
"""Cycle times, offsets and numbers of plans are 255 at most in the commands of RSMP."""

_MOST_BAND_S = 99  # two digits in the status that reads bands back
_MOST_PLANS_WITH_BANDS = 99


@dataclass(frozen=True)
class Band:
    """A dynamic band: seconds by which a stage (from 1) of its plan can be lengthened."""

    number: int
    stage: int
    min_s: int
    max_s: int

    def __post_init__(self) -> None:
        where = f"band {self.number}"
        if not 1 <= self.number <= MOST_BANDS:
            raise InputError(f"must be from 1 to {MOST_BANDS}", field="band", value=self.number)
        if not 0 <= self.min_s <= self.max_s <= _MOST_BAND_S:
            rule = f"must be min_s and max_s with 0 <= min_s <= max_s <= {_MOST_BAND_S}"
            raise InputError(rule, field=where, value=(self.min_s, self.max_s))


@dataclass(frozen=True)
class StoredPlan:
    """A plan that is stored in a controller.

    Attributes
    ----------
    stages
        Names of the groups that are green in each stage, in the order of the controller.
    base_s
        Seconds of each stage with no second in its band; for the remainder stage the fewest that it may have.
    cycle_s, cycle_range_s
        Cycle time as stored, and the bounds within which it can be set (M0018); `None`: it cannot.
    offset_s, offset_settable
        Offset as stored, in the sense of RSMP, and whether it can be set (M0015).
    counter_s
        What the cycle counter says when stage 1 becomes green.
    remainder
        The stage (from 1) that has what is left of the cycle; `None`: base and bands must add up to it.
    """

    number: int
    stages: tuple[frozenset[str], ...]
    base_s: tuple[int, ...]
    cycle_s: int
    cycle_range_s: tuple[int, int] | None = None
    offset_s: int = 0
    offset_settable: bool = False
    counter_s: int = 0
    remainder: int | None = None
    bands: tuple[Band, ...] = ()

    def __post_init__(self) -> None:
        where = f"plan {self.number}"
        most = _MOST_PLANS_WITH_BANDS if self.bands else MOST_SECONDS
        if not 1 <= self.number <= most:
            raise InputError(f"must be from 1 to {most}", field="plan", value=self.number)
        self._check_stages(where)
        self._check_times(where)
        self._check_bands(where)
        self._check_cycle(where)

    def _check_stages(self, where: str) -> None:
        if len(self.stages) < 2 or not all(self.stages):
            rule = "must be two stages or more, each with a group"
            raise InputError(rule, field=f"{where}, stages", value=[sorted(stage) for stage in self.stages])
        for position, (one, other) in enumerate(pairwise((*self.stages, self.stages[0]))):
            if one == other:
                field = f"{where}, stage {position + 1}"
                raise InputError("must differ from the stage after it", field=field, value=sorted(one))
        if len(self.base_s) != len(self.stages) or min(self.base_s) < 1:
            rule = f"must be {len(self.stages)} times 1 s or more"
            raise InputError(rule, field=f"{where}, base_s", value=self.base_s)

    def _check_times(self, where: str) -> None:
        low, high = self.cycle_range_s or (self.cycle_s, self.cycle_s)
        if not 1 <= low <= self.cycle_s <= high <= MOST_SECONDS:
            rule = f"must be within its range, and that within 1 to {MOST_SECONDS} s"
            raise InputError(rule, field=f"{where}, cycle_s", value=(self.cycle_s, self.cycle_range_s))
        if not 0 <= self.offset_s <= MOST_SECONDS:
            rule = f"must be from 0 to {MOST_SECONDS} s"
            raise InputError(rule, field=f"{where}, offset_s", value=self.offset_s)
        if not 0 <= self.counter_s < low:
            rule = f"must be from 0 to {low - 1} s, within the shortest cycle"
            raise InputError(rule, field=f"{where}, counter_s", value=self.counter_s)

    def _check_bands(self, where: str) -> None:
        count = len(self.stages)
        if self.remainder is not None and not 1 <= self.remainder <= count:
            rule = f"must be a stage, from 1 to {count}"
            raise InputError(rule, field=f"{where}, remainder", value=self.remainder)
        for band in self.bands:
            if not 1 <= band.stage <= count or band.stage == self.remainder:
                rule = f"must be a stage from 1 to {count} that is not the remainder"
                raise InputError(rule, field=f"{where}, band {band.number}, stage", value=band.stage)
        for name in ("number", "stage"):
            values = [getattr(band, name) for band in self.bands]
            if len(set(values)) != len(values):
                rule = "must be another for each band: two bands of a stage could not be told apart"
                raise InputError(rule, field=f"{where}, bands, {name}", value=values)

    def _check_cycle(self, where: str) -> None:
        """Raise `InputError` where no seconds in the bands give any cycle that the plan may have."""
        low, high = self.cycle_range_s or (self.cycle_s, self.cycle_s)
        least = sum(self.base_s) + sum(band.min_s for band in self.bands)
        most = sum(self.base_s) + sum(band.max_s for band in self.bands)
        if least > high or (self.remainder is None and most < low):
            rule = f"must add up to a cycle from {low} to {high} s, with the seconds of the bands"
            raise InputError(rule, field=f"{where}, base_s", value=self.base_s)

    def band_of(self, stage: int) -> Band | None:
        """Return the band of a stage (from 1)."""
        return next((band for band in self.bands if band.stage == stage), None)


@dataclass(frozen=True)
class SiteGroup:
    """A signal group: its name in plans, and the id of its component (empty: not known)."""

    name: str
    component: str = ""


@dataclass(frozen=True)
class Capability:
    """One controller: who it is, what it has stored, what may be set.

    Attributes
    ----------
    site, component
        Its site id, and the id of its main component.
    junction
        Key of the junction that it controls.
    sxl
        Version of the signal exchange list that it speaks.
    security
        Name under which its security codes are kept. They themselves are in no file of this kind.
    groups
        Its signal groups, in its own order (S0001 shows them so).
    intergreens
        Seconds from the end of green of one group to the start of green of another, by their names.
    plans
        The stored plans that may be used. Others that the controller has are not for us.
    counter_epoch_s
        POSIX time at which its base cycle counter is 0, for every cycle time.
    """

    site: str
    component: str
    junction: str
    sxl: str
    security: str
    groups: tuple[SiteGroup, ...]
    plans: tuple[StoredPlan, ...]
    intergreens: Mapping[tuple[str, str], int] = field(default_factory=dict)
    counter_epoch_s: int = 0

    def __post_init__(self) -> None:
        for name in ("site", "component", "junction", "security"):
            if not getattr(self, name):
                raise InputError("must not be empty", field=name)
        object.__setattr__(self, "sxl", known_sxl(self.sxl, "sxl"))
        object.__setattr__(self, "intergreens", MappingProxyType(dict(self.intergreens)))
        names = [group.name for group in self.groups]
        if len(set(names)) != len(names) or not all(names):
            raise InputError("must have names, each once", field="groups", value=names)
        for pair, seconds in self.intergreens.items():
            if not set(pair) <= set(names) or pair[0] == pair[1] or seconds < 0:
                rule = "must be from one group of the site to another, 0 s or more"
                raise InputError(rule, field="intergreens", value=(*pair, seconds))
        self._check_plans(set(names))

    def _check_plans(self, names: set[str]) -> None:
        numbers = [plan.number for plan in self.plans]
        if not numbers or len(set(numbers)) != len(numbers):
            raise InputError("must be one or more, with different numbers", field="plans", value=numbers)
        for plan in self.plans:
            unknown = sorted(frozenset().union(*plan.stages) - names)
            if unknown:
                where = f"plan {plan.number}, stages"
                raise InputError("must be a group of the site", field=where, value=unknown[0])

    def plan(self, number: int) -> StoredPlan:
        """Return the stored plan with this number."""
        for plan in self.plans:
            if plan.number == number:
                return plan
        known = ", ".join(str(plan.number) for plan in self.plans)
        raise InputError(
            f"must be a plan that site {self.site} has stored",
            field="plan",
            value=number,
            hint=f"It has {known}",
        )

    def intergreen_s(self, ends: str, starts: str) -> int:
        """Return the intergreen between two groups; 0 where they do not conflict."""
        return self.intergreens.get((ends, starts), 0)

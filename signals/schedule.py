"""Schedules: which plan set is in force by day type and time of day, and how controllers get from one to the next.

Times are those of the clock on the wall, in seconds after midnight. What second of the epoch that is (time zone, daylight
saving) whoever runs a schedule must know: offsets count from the epoch, whatever the clock on the wall says.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.plan import PlanSet
from signals.sequence import whole_number
from signals.transition import Method
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DAYS", "DAY_S", "DayType", "Entry", "Schedule", "clock"]

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_S = 86_400


def clock(seconds: int) -> str:
    """Return a time of day as ``hh:mm``, with seconds where it has some."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}" + (f":{rest:02d}" if rest else "")


@dataclass(frozen=True)
class Entry:
    """From a time of day on, a plan set.

    Attributes
    ----------
    from_s
        Seconds after midnight.
    plans
        Name of the plan set.
    method
        How controllers get to it. A junction whose greatest greens do not let it takes another method.
    """

    from_s: int
    plans: str
    method: Method = Method.SHORTWAY

    def __post_init__(self) -> None:
        object.__setattr__(self, "from_s", whole_number(self.from_s, "from_s"))
        if not 0 <= self.from_s < DAY_S:
            raise InputError(f"must be from 0 to {DAY_S - 1} s", field="from_s", value=self.from_s)
        try:
            object.__setattr__(self, "method", Method(self.method))
        except ValueError:
            rule = f"must be one of {', '.join(Method)}"
            raise InputError(rule, field="transition", value=self.method) from None


@dataclass(frozen=True)
class DayType:
    """A kind of day: which days of the week it is for, and its entries in the order of time."""

    name: str
    days: tuple[str, ...]
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "days", tuple(self.days))
        object.__setattr__(self, "entries", tuple(self.entries))
        where = f"day type {self.name}"
        for day in self.days:
            if day not in DAYS:
                raise InputError(f"must be one of {', '.join(DAYS)}", field=f"{where}, days", value=day)
        if not self.days or len(set(self.days)) != len(self.days):
            rule, hint = "must name days, each once", f"Days are {', '.join(DAYS)}"
            raise InputError(rule, field=f"{where}, days", value=self.days, hint=hint)
        if not self.entries or self.entries[0].from_s != 0:
            value = clock(self.entries[0].from_s) if self.entries else None
            hint = "Say what is in force from midnight on"
            raise InputError(
                "must have a first entry at 00:00", field=f"{where}, entries", value=value, hint=hint
            )
        for one, other in zip(self.entries, self.entries[1:], strict=False):
            if other.from_s <= one.from_s:
                rule, value = f"must be later than {clock(one.from_s)}", clock(other.from_s)
                raise InputError(rule, field=f"{where}, entries", value=value, hint="Sort entries by time")
            if other.plans == one.plans:
                rule, value = "must differ from the entry before it", f"{clock(other.from_s)} {other.plans}"
                raise InputError(rule, field=f"{where}, entries", value=value, hint="Leave out the later one")

    def at(self, second: int) -> Entry:
        """Return the entry that is in force at a time of day."""
        return [entry for entry in self.entries if entry.from_s <= second % DAY_S][-1]


@dataclass(frozen=True)
class Schedule:
    """Plan sets of one network by day type and time of day.

    Attributes
    ----------
    plan_sets
        Sets with different names, each with a plan for every junction, all for the same junctions.
    day_types
        Each day of the week is in one of them.
    """

    name: str
    network_name: str
    plan_sets: tuple[PlanSet, ...]
    day_types: tuple[DayType, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "plan_sets", tuple(self.plan_sets))
        object.__setattr__(self, "day_types", tuple(self.day_types))
        self._check_sets()
        self._check_days()

    def _check_sets(self) -> None:
        if not self.plan_sets:
            raise InputError("must have a plan set", field="plan_sets")
        names = [plans.name for plans in self.plan_sets]
        for name, count in Counter(names).items():
            if count > 1:
                raise InputError("must have names that differ", field="plan_sets", value=name)
        first = [(plan.junction.key, plan.junction.digest) for plan in self.plan_sets[0]]
        for plans in self.plan_sets:
            where = f"plan set {plans.name}"
            if plans.network_name != self.network_name:
                rule = f"must be plans of the network {self.network_name!r}"
                raise InputError(rule, field=f"{where}, network", value=plans.network_name)
            if [(plan.junction.key, plan.junction.digest) for plan in plans] != first:
                rule = f"must be for the same junctions as {names[0]}"
                raise InputError(rule, field=where, value=f"{len(plans)} junctions")

    def _check_days(self) -> None:
        known = {plans.name for plans in self.plan_sets}
        seen: dict[str, str] = {}
        for day_type in self.day_types:
            for day in day_type.days:
                if day in seen:
                    rule = f"must be in one day type, and is in {seen[day]} too"
                    raise InputError(rule, field=f"day type {day_type.name}, days", value=day)
                seen[day] = day_type.name
            for entry in day_type.entries:
                if entry.plans not in known:
                    field = f"day type {day_type.name}, {clock(entry.from_s)}"
                    rule, hint = "must be the name of a plan set", f"There are {', '.join(sorted(known))}"
                    raise InputError(rule, field=field, value=entry.plans, hint=hint)
        missing = [day for day in DAYS if day not in seen]
        if missing:
            hint = f"Add {', '.join(missing)} to a day type"
            raise InputError(
                "must have every day of the week", field="day_types", value=missing[0], hint=hint
            )

    @classmethod
    def of_one(cls, plans: PlanSet) -> Schedule:
        """Return the schedule that has `plans` at all times."""
        every = DayType("every day", DAYS, (Entry(0, plans.name),))
        return cls(plans.name, plans.network_name, (plans,), (every,))

    def plans(self, name: str) -> PlanSet:
        """Return the plan set of this name."""
        for plans in self.plan_sets:
            if plans.name == name:
                return plans
        known = ", ".join(plans.name for plans in self.plan_sets)
        hint = f"There are {known}"
        raise InputError("must be the name of a plan set", field="plans", value=name, hint=hint)

    def day_type(self, day: str) -> DayType:
        """Return the day type of a day of the week."""
        for day_type in self.day_types:
            if day in day_type.days:
                return day_type
        raise InputError(f"must be one of {', '.join(DAYS)}", field="day", value=day)

    def steps(self, day: str) -> Iterator[tuple[int, PlanSet, Method]]:
        """Yield from when on, seconds after midnight, which plans are to be in force on a day of the week, and how."""
        for entry in self.day_type(day).entries:
            yield entry.from_s, self.plans(entry.plans), entry.method

"""A plan as an RSMP controller can take it: number, cycle, offset, seconds in bands; and back.

The cycle counter of a controller is ``c = (b + o) mod C`` with its base counter b, its offset o and the cycle C, so a
larger offset in the sense of RSMP means an earlier start, where one in a plan means a later one. The base counter is 0
at `Capability.counter_epoch_s`, stage 1 becomes green when c is `StoredPlan.counter_s`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from signals.rsmp.capability import MOST_SECONDS, Capability, StoredPlan
from signals.wire import listed, members
from traffic.errors import InputError

__all__ = ["RsmpPlan", "durations_of", "mapped", "require_possible", "shown"]

_PLAN_KEYS = ("junction", "digest", "name", "version", "cycle_s", "offset_s", "stages")
_STAGE_KEYS = ("groups", "duration_s")


@dataclass(frozen=True)
class RsmpPlan:
    """What is sent to a controller for one plan.

    Attributes
    ----------
    number
        Of the stored plan.
    offset_s
        In the sense of RSMP.
    bands
        Number and seconds of every band of the plan, in the order of the numbers.
    """

    number: int
    cycle_s: int
    offset_s: int
    bands: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class _Wanted:
    """A plan document, turned so that it begins with the first stage of a stored plan."""

    cycle_s: int
    start_s: int
    durations_s: tuple[int, ...]


def mapped(document: object, capability: Capability, *, avoid: int | None = None) -> RsmpPlan:
    """Return how the controller can be made to run the plan of `document`.

    Parameters
    ----------
    document
        Plain values as `signals.wire.plan_to_dict` gives them.
    avoid
        Number of a stored plan that must not be written: the one that runs now.

    Raises
    ------
    InputError
        Naming what the controller cannot do: the order of the stages, the cycle, the offset or a split.
    """
    values = members(document, _PLAN_KEYS, "plan")
    if values["junction"] != capability.junction:
        rule = f"must be {capability.junction}, the junction of site {capability.site}"
        raise InputError(rule, field="junction", value=values["junction"])
    stages, durations = _stages(values["stages"], capability)
    cycle, offset = _seconds(values["cycle_s"], "cycle_s"), _seconds(values["offset_s"], "offset_s")
    if cycle < 1 or sum(durations) != cycle:
        raise InputError("must be the sum of the durations", field="cycle_s", value=cycle)
    errors: list[InputError] = []
    only_avoided = False
    for plan in capability.plans:
        for turn in _turns(plan.stages, stages):
            start = (offset + sum(durations[:turn])) % cycle
            wanted = _Wanted(cycle, start, (*durations[turn:], *durations[:turn]))
            try:
                found = _fitted(wanted, plan, capability)
            except InputError as error:
                errors.append(error)
                continue
            if plan.number != avoid:
                return found
            only_avoided = True
    if only_avoided:
        raise InputError(
            "must have a second stored plan that can express this one: the plan that runs is not written into",
            field=f"site {capability.site}, plans",
            value=avoid,
        )
    raise errors[0] if errors else _unknown_order(stages, capability)


def shown(
    plan: RsmpPlan, capability: Capability, *, digest: str = "", name: str = "", version: int = 1
) -> dict[str, Any]:
    """Return the plan document that the controller runs under `plan`: the inverse of `mapped`.

    Parameters
    ----------
    digest, name, version
        What a document has beside, which RSMP does not carry.
    """
    stored = require_possible(plan, capability)
    durations = durations_of(plan, stored)
    start = (stored.counter_s + capability.counter_epoch_s - plan.offset_s) % plan.cycle_s
    return {
        "junction": capability.junction,
        "digest": digest,
        "name": name,
        "version": version,
        "cycle_s": plan.cycle_s,
        "offset_s": start,
        "stages": [
            {"groups": sorted(stage), "duration_s": duration}
            for stage, duration in zip(stored.stages, durations, strict=True)
        ],
    }


def require_possible(plan: RsmpPlan, capability: Capability) -> StoredPlan:
    """Return the stored plan that `plan` is for, or raise `InputError` where the controller cannot be set so."""
    stored = capability.plan(plan.number)
    where = f"site {capability.site}, plan {plan.number}"
    low, high = stored.cycle_range_s or (stored.cycle_s, stored.cycle_s)
    if not low <= plan.cycle_s <= high:
        raise InputError(_between(low, high), field=f"{where}, cycle", value=plan.cycle_s)
    if stored.offset_settable:
        if not 0 <= plan.offset_s <= MOST_SECONDS:
            raise InputError(_between(0, MOST_SECONDS), field=f"{where}, offset", value=plan.offset_s)
    elif plan.offset_s != stored.offset_s:
        rule = f"must be {stored.offset_s} s, as stored: it cannot be set"
        raise InputError(rule, field=f"{where}, offset", value=plan.offset_s)
    if [number for number, _ in plan.bands] != sorted(band.number for band in stored.bands):
        rule = f"must be the bands of the plan: {sorted(band.number for band in stored.bands)}"
        raise InputError(rule, field=f"{where}, bands", value=plan.bands)
    durations_of(plan, stored)
    return stored


def durations_of(plan: RsmpPlan, stored: StoredPlan) -> tuple[int, ...]:
    """Return the seconds of each stage of a stored plan that is set as `plan` says."""
    seconds, durations = dict(plan.bands), list(stored.base_s)
    for band in stored.bands:
        if not band.min_s <= seconds[band.number] <= band.max_s:
            field = f"plan {plan.number}, band {band.number}"
            raise InputError(_between(band.min_s, band.max_s), field=field, value=seconds[band.number])
        durations[band.stage - 1] += seconds[band.number]
    left = plan.cycle_s - sum(durations)
    if stored.remainder is not None:
        if left < 0:
            least = stored.base_s[stored.remainder - 1]
            field = f"plan {plan.number}, stage {stored.remainder}"
            rule = f"must be {least} s or more, which is what the other stages leave of the cycle"
            raise InputError(rule, field=field, value=least + left)
        durations[stored.remainder - 1] += left
    elif left != 0:
        rule = f"must be {sum(durations)} s, the sum of the stages"
        raise InputError(rule, field=f"plan {plan.number}, cycle", value=plan.cycle_s)
    return tuple(durations)


def _fitted(wanted: _Wanted, stored: StoredPlan, capability: Capability) -> RsmpPlan:
    where = f"site {capability.site}, plan {stored.number}"
    low, high = stored.cycle_range_s or (stored.cycle_s, stored.cycle_s)
    if not low <= wanted.cycle_s <= high:
        hint = "Choose such a cycle" if low < high else "Its cycle cannot be set"
        raise InputError(_between(low, high), field=f"{where}, cycle", value=wanted.cycle_s, hint=hint)
    bands = []
    for position, (duration, base) in enumerate(zip(wanted.durations_s, stored.base_s, strict=True)):
        field = f"{where}, split of stage {position + 1}"
        if stored.remainder == position + 1:
            if duration < base:
                raise InputError(f"must be {base} s or more", field=field, value=duration)
            continue
        band = stored.band_of(position + 1)
        least, most = (0, 0) if band is None else (band.min_s, band.max_s)
        if not least <= duration - base <= most:
            raise InputError(_between(base + least, base + most), field=field, value=duration)
        if band is not None:
            bands.append((band.number, duration - base))
    _check_intergreens(wanted, stored, capability)
    offset = (stored.counter_s - wanted.start_s + capability.counter_epoch_s) % wanted.cycle_s
    if not stored.offset_settable:
        if offset != stored.offset_s % wanted.cycle_s:
            start = (stored.counter_s + capability.counter_epoch_s - stored.offset_s) % wanted.cycle_s
            rule = f"must let stage 1 of the controller start at {start} s: the offset cannot be set"
            raise InputError(rule, field=f"{where}, offset", value=wanted.start_s)
        offset = stored.offset_s
    return RsmpPlan(stored.number, wanted.cycle_s, offset, tuple(sorted(bands)))


def _check_intergreens(wanted: _Wanted, stored: StoredPlan, capability: Capability) -> None:
    """Raise `InputError` where the controller's intergreens would leave no second of a stage."""
    following = pairwise((*stored.stages, stored.stages[0]))
    for position, (stage, after) in enumerate(following):
        most = max(
            (capability.intergreen_s(ends, starts) for ends in stage - after for starts in after - stage),
            default=0,
        )
        if wanted.durations_s[position] <= most:
            rule = f"must be longer than {most} s, the controller's intergreen at its end"
            field = f"site {capability.site}, plan {stored.number}, split of stage {position + 1}"
            raise InputError(rule, field=field, value=wanted.durations_s[position])


def _stages(rows: object, capability: Capability) -> tuple[tuple[frozenset[str], ...], tuple[int, ...]]:
    known = {group.name for group in capability.groups}
    stages, durations = [], []
    for position, row in enumerate(listed(rows, "stages")):
        where = f"stage {position + 1}"
        values = members(row, _STAGE_KEYS, where)
        names = listed(values["groups"], f"{where}, groups")
        for name in names:
            if not isinstance(name, str) or name not in known:
                rule = f"must be a signal group of site {capability.site}"
                hint = f"It has {', '.join(sorted(known))}"
                raise InputError(rule, field=f"{where}, groups", value=name, hint=hint)
        stages.append(frozenset(names))
        durations.append(_seconds(values["duration_s"], f"{where}, duration_s"))
    return tuple(stages), tuple(durations)


def _turns(stored: tuple[frozenset[str], ...], stages: tuple[frozenset[str], ...]) -> Iterable[int]:
    """Yield by how many stages `stages` has to be turned to be `stored`."""
    if len(stored) != len(stages):
        return
    for turn in range(len(stages)):
        if (*stages[turn:], *stages[:turn]) == stored:
            yield turn


def _unknown_order(stages: tuple[frozenset[str], ...], capability: Capability) -> InputError:
    orders = sorted(
        {" - ".join("+".join(sorted(stage)) for stage in plan.stages) for plan in capability.plans}
    )
    return InputError(
        "must be an order of stages that the controller has stored",
        field=f"site {capability.site}, stage order",
        value=" - ".join("+".join(sorted(stage)) for stage in stages),
        hint=f"It has {'; '.join(orders)}",
    )


def _seconds(value: object, field: str) -> int:
    if type(value) is not int or not 0 <= value <= 10_000:
        raise InputError("must be whole seconds", field=field, value=value)
    return value


def _between(low: int, high: int) -> str:
    return f"must be {low} s" if low == high else f"must be from {low} to {high} s"

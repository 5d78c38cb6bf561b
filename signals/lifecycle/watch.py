"""Alarms on what lasts: raised when it is found, cleared when it is not found any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from signals.instants import instant_text
from signals.lifecycle.decision import Decision
from signals.lifecycle.facts import Fact
from signals.lifecycle.records import Lifecycle
from signals.texts import as_line

__all__ = [
    "LARGEST_SKEW",
    "REPORTED_FOR",
    "SETTLED_SKEW",
    "Finding",
    "changed",
    "cleared",
    "junction_findings",
    "reported_finding",
    "silent_findings",
    "watched",
]

LARGEST_SKEW = timedelta(seconds=2)
"""By how much a controller's clock may be off: more is seen between the offsets of neighbours."""

SETTLED_SKEW = timedelta(seconds=1)
"""By how much a clock that was wrong may still be off: one at the limit would raise an alarm again and again."""

REPORTED_FOR = timedelta(minutes=5)
"""For how long an alarm on a fault that was reported stands at least: a controller says each once, and may mend it at once."""


@dataclass(frozen=True)
class Finding:
    """Something that an operator must see for as long as it lasts."""

    what: str
    text: str
    junction: str


def watched(
    state: Lifecycle, at: datetime, who: str, prefix: str, found: Mapping[str, Finding]
) -> list[Fact]:
    """Raise an alarm for each new finding, and clear those that are not found any more.

    Parameters
    ----------
    prefix
        What the alarms that `found` is all of begin with.
    found
        By alarm.
    """
    decision = Decision(state, at, who)
    for alarm in [alarm for alarm in state.alarms if alarm.startswith(prefix) and alarm not in found]:
        decision.record("alarm.cleared", alarm=alarm)
    for alarm, finding in found.items():
        decision.raise_alarm(alarm, finding.what, finding.text, [finding.junction])
    return decision.facts


def changed(state: Lifecycle, prefix: str, found: Mapping[str, Finding]) -> bool:
    """Return whether `watched` has anything to tell."""
    return {alarm for alarm in state.alarms if alarm.startswith(prefix)} != set(found)


def cleared(state: Lifecycle, at: datetime, who: str, alarms: Collection[str]) -> list[Fact]:
    """Clear those of `alarms` that there still are."""
    decision = Decision(state, at, who)
    for alarm in sorted(alarms):
        if alarm in state.alarms:
            decision.record("alarm.cleared", alarm=alarm)
    return decision.facts


def junction_findings(
    junction: str, *, fault: object, clock: datetime, received: datetime, raised: Collection[str] = ()
) -> dict[str, Finding]:
    """Return what the status of a controller tells.

    Parameters
    ----------
    fault
        What the controller says is wrong; none where nothing is.
    clock, received
        When the status came, by its clock and by ours.
    raised
        The alarms that stand.
    """
    found = {}
    if fault is not None:
        text = f"{junction} reports a fault: {as_line(str(fault)[:500])}"
        found[f"status:{junction}:fault"] = Finding("controller_fault", text, junction)
    ahead_s = (clock - received).total_seconds()
    clock_alarm = f"status:{junction}:clock"
    limit = SETTLED_SKEW if clock_alarm in raised else LARGEST_SKEW
    if abs(ahead_s) > limit.total_seconds():
        way = "ahead" if ahead_s > 0 else "behind"
        text = f"The clock of {junction} is {abs(ahead_s):.0f} s {way}: its offset does not hold"
        found[clock_alarm] = Finding("clock_wrong", text, junction)
    return found


def reported_finding(junction: str, text: str, at: datetime) -> dict[str, Finding]:
    """Return the alarm on a fault that a controller has reported, at `at` by its own clock."""
    told = f"{junction} reported a fault at {instant_text(at)}: {as_line(text)[:500]}"
    return {f"reported:{junction}:fault": Finding("fault_reported", told, junction)}


def silent_findings(
    heard: Mapping[str, datetime | None], at: datetime, longest: timedelta
) -> dict[str, Finding]:
    """Return the controllers that have not been heard of.

    Parameters
    ----------
    heard
        When each was last heard of; none where never.
    longest
        How long a controller may be silent.
    """
    return {
        f"silent:{key}": Finding(
            "controller_silent", f"Nothing has been heard of {key} for {longest.total_seconds():.0f} s", key
        )
        for key, last in heard.items()
        if last is None or at - last > longest
    }

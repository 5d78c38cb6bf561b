"""Operators: who holds a junction, what is ordered there, and alarms."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from signals.instants import instant_text
from signals.lifecycle.decision import Decision
from signals.lifecycle.records import Hold, Lifecycle, OrderMode, Slot
from traffic.errors import InputError, RefusedError, UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable

    from signals.lifecycle.facts import Fact

__all__ = [
    "LONGEST_HOLD",
    "LONGEST_ORDER",
    "MOMENTARY",
    "RAISED_BY",
    "acknowledge_alarm",
    "announce_key",
    "hold",
    "order",
    "release",
    "restored",
]

LONGEST_HOLD = timedelta(hours=8)
"""For how long an operator may hold a junction without asking again."""
LONGEST_ORDER = timedelta(hours=12)
"""For how long an order may stand."""

RAISED_BY = 1_000_000
"""By how much numbers rise when a back-up is restored: more than were given out since it was made."""

MOMENTARY = frozenset({"fault_reported", "group_kept", "plan_refused", "restored"})
"""Alarms on what has happened, not on what lasts: they end when they have been seen."""


def hold(state: Lifecycle, at: datetime, who: str, junction: str, until: datetime) -> list[Fact]:
    """Hold a junction, or hold it longer."""
    _require_until(until, at, LONGEST_HOLD, "until")
    held = holder(state, at, junction)
    if held is not None and held.by != who:
        hint = "Ask them to release it; an administrator can eject them"
        rule = f"is held by {held.by} until {instant_text(held.until)}"
        raise RefusedError(rule, field=f"junction {junction}", hint=hint)
    decision = Decision(state, at, who)
    decision.record("junction.held", junction=junction, until=instant_text(until))
    return decision.facts


def release(state: Lifecycle, at: datetime, who: str, junction: str, *, eject: bool = False) -> list[Fact]:
    """Release a junction that one holds oneself, or, with `eject`, that anybody holds."""
    held = holder(state, at, junction)
    if held is None:
        raise UnknownError("nobody holds it", field=f"junction {junction}")
    if held.by != who and not eject:
        hint = "Ask them to release it; an administrator can eject them"
        rule = f"is held by {held.by}"
        raise RefusedError(rule, field=f"junction {junction}", hint=hint, status=403)
    how = "released" if held.by == who else "ejected"
    decision = Decision(state, at, who)
    decision.record("junction.released", junction=junction, by=held.by, how=how)
    return decision.facts


def holder(state: Lifecycle, at: datetime, junction: str) -> Hold | None:
    """Return who holds a junction now."""
    held = state.junction(junction).hold
    return held if held is not None and held.until > at else None


def order(
    state: Lifecycle,
    at: datetime,
    who: str,
    junction: str,
    mode: OrderMode,
    *,
    slot: Slot | None,
    expires_at: datetime,
    sign: Callable[[int, OrderMode, Slot | None, datetime], str],
) -> list[Fact]:
    """Order what a junction is to show; `none` ends an order.

    A controller that is away has the orders of before until they expire. So `none` stands for as long as the longest of
    them, and an order that expires before one that it takes the place of is followed by `none`.

    Parameters
    ----------
    sign
        Signs an order of a sequence number, a mode, a slot and an expiry.
    """
    _require_until(expires_at, at, LONGEST_ORDER, "expires_at")
    if (slot is None) == (mode is OrderMode.SLOT):
        rule = "must be given with the mode slot, and with no other"
        raise InputError(rule, field="slot", value=None if slot is None else slot.value)
    record = state.junction(junction)
    held = holder(state, at, junction)
    if held is None or held.by != who:
        hint = "Hold the junction first"
        raise RefusedError("must be held by who gives an order", field=f"junction {junction}", hint=hint)
    if slot is not None and record.slot(slot).current is None:
        raise RefusedError("has no plan", field=f"junction {junction}, slot", value=slot.value)
    sequence = record.sequence + 1
    end: dict[str, str] = {}
    last_until = expires_at if record.order is None else max(expires_at, record.order.last_until)
    if mode is OrderMode.NONE:
        expires_at = last_until
    elif last_until > expires_at:
        token = sign(sequence + 1, OrderMode.NONE, None, last_until)
        end = {"end": token, "end_until": instant_text(last_until)}
    decision = Decision(state, at, who)
    decision.record(
        "junction.ordered",
        junction=junction,
        mode=mode.value,
        slot=None if slot is None else slot.value,
        expires_at=instant_text(expires_at),
        sequence=sequence,
        token=sign(sequence, mode, slot, expires_at),
        **end,
    )
    return decision.facts


def _require_until(until: datetime, at: datetime, longest: timedelta, field: str) -> None:
    if not at < until <= at + longest:
        rule = f"must be later than {instant_text(at)} and no later than {instant_text(at + longest)}"
        raise InputError(rule, field=field, value=instant_text(until))


def acknowledge_alarm(state: Lifecycle, at: datetime, who: str, alarm: str) -> list[Fact]:
    """Say that an alarm has been seen."""
    if alarm not in state.alarms:
        raise UnknownError("there is no such alarm", field="alarm", value=alarm)
    if state.alarms[alarm].acknowledged_by is not None:
        return []
    decision = Decision(state, at, who)
    decision.record("alarm.acknowledged", alarm=alarm)
    if state.alarms[alarm].kind in MOMENTARY:
        decision.record("alarm.cleared", alarm=alarm)
    return decision.facts


def announce_key(state: Lifecycle, at: datetime, who: str, key: str, token: str) -> list[Fact]:
    """Let another key sign from now on.

    Parameters
    ----------
    key
        Its name.
    token
        The word that announces it, signed by the key that has signed until now.
    """
    if key == state.signing_key:
        raise RefusedError("signs already", field="key", value=key)
    decision = Decision(state, at, who)
    decision.record("keys.announced", key=key, token=token)
    return decision.facts


def restored(state: Lifecycle, at: datetime, who: str, made_at: datetime, entries: int) -> list[Fact]:
    """Go on from a back-up: versions and orders rise above those that controllers may have heard of since it was made.

    Parameters
    ----------
    made_at, entries
        Of the back-up.
    """
    decision = Decision(state, at, who)
    made = instant_text(made_at)
    decision.record("service.restored", made_at=made, entries=entries, numbers_raised_by=RAISED_BY)
    text = (
        f"Restored from a back-up of {made}: what was decided after it is not known here. "
        "Publish the plans that are to be in force again, and revoke again what was revoked since"
    )
    decision.record("alarm.raised", alarm=f"restored:{entries}", what="restored", text=text, junctions=[])
    return decision.facts

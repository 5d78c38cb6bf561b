"""Holds of others, which stand against publishing unless somebody goes over them on purpose."""

from __future__ import annotations

from datetime import datetime

from signals.instants import instant_text
from signals.lifecycle.records import Hold, Lifecycle, PlanSetRecord
from traffic.errors import RefusedError

__all__ = ["held_by_others", "require_not_held"]


def held_by_others(state: Lifecycle, at: datetime, who: str, record: PlanSetRecord) -> dict[str, Hold]:
    """Return the junctions of a set that somebody else holds now."""
    holds = {key: state.junction(key).hold for key in record.junctions}
    return {key: hold for key, hold in holds.items() if hold and hold.until > at and hold.by != who}


def require_not_held(state: Lifecycle, at: datetime, who: str, record: PlanSetRecord) -> None:
    """Raise where somebody else holds a junction of a set, and say whom to ask."""
    held = held_by_others(state, at, who, record)
    if not held:
        return
    key, hold = next(iter(held.items()))
    more = "" if len(held) == 1 else f"; {len(held) - 1} more of the set are held"
    hint = (
        f"Ask {hold.by} to release it, or an administrator to eject {hold.by} (`jasyl junction eject {key}`); "
        "or publish over holds (--over-holds), which leaves the hold and its order as they are"
    )
    rule = f"is held by {hold.by} until {instant_text(hold.until)}{more}"
    raise RefusedError(rule, field=f"junction {key}", value=hold.by, hint=hint)

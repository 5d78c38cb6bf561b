"""Instants as text: UTC, milliseconds, ``Z`` (RFC 3339); one text for one instant."""

from __future__ import annotations

from datetime import UTC, datetime

from traffic.errors import InputError

__all__ = ["instant", "instant_text", "optional_instant"]


def instant_text(at: datetime) -> str:
    """Return an instant as text, rounded down to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(value: object, field: str) -> datetime:
    """Return the instant that an RFC 3339 text with its zone means, in UTC."""
    hint = "Write it as 2026-11-27T07:30:00Z, or with another zone as 2026-11-27T12:30:00+05:00"
    if not isinstance(value, str):
        raise InputError("must be an instant", field=field, value=value, hint=hint)
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise InputError("must have a time zone", field=field, value=value, hint=hint)
        return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError("must be an instant", field=field, value=value, hint=hint) from error


def optional_instant(value: object, field: str) -> datetime | None:
    """Return the instant that `value` means, and none where it is none."""
    return None if value is None else instant(value, field)

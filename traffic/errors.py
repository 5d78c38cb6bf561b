"""The errors that Jasyl raises on bad input.

::

    JasylError
    ├── InputError        a file, a field or a value broke a rule; exit code 2, HTTP status 422
    └── RefusedError      well formed, but not now (HTTP status 409) or not by whoever asks (403)
        └── UnknownError  it is about something that there is not (404)

Anything else that escapes is a failure of ours and ends with exit code 1.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["InputError", "JasylError", "RefusedError", "UnknownError"]


class JasylError(Exception):
    """Base class of every error that Jasyl raises on purpose."""


class InputError(JasylError):
    """Input that breaks a rule, said so that a person can mend it.

    Parameters
    ----------
    rule
        The rule that was broken, as a sentence: ``"lanes must be 1 or more"``.
    file
        The file (or scenario) that the value came from.
    field
        The field, column, tag or array that holds the value.
    value
        The offending value.
    hint
        What to do about it.
    """

    def __init__(
        self,
        rule: str,
        *,
        file: object = None,
        field: str | None = None,
        value: object = None,
        hint: str | None = None,
    ) -> None:
        self.rule = rule
        self.file = None if file is None else str(file)
        self.field = field
        self.value = value
        self.hint = hint
        super().__init__(_sentence(rule, (self.file, field), value, hint))

    def problem(self) -> dict[str, object]:
        """Return the error as an RFC 9457 problem object."""
        return _problem(422, "Bad input", self, {"file": self.file})


class RefusedError(JasylError):
    """A request that is well formed and refused all the same, said so that a person knows what to do.

    Parameters
    ----------
    rule
        The rule that stands against it, as a sentence: ``"must be held by you"``.
    status
        409 where the state of things stands against it, 403 where whoever asks may not, 404 where there is no such thing.
    field
        What the rule is about: a junction, a plan set, a version.
    value
        What was found.
    hint
        What to do about it.
    """

    def __init__(
        self,
        rule: str,
        *,
        status: Literal[403, 404, 409] = 409,
        field: str | None = None,
        value: object = None,
        hint: str | None = None,
    ) -> None:
        self.rule = rule
        self.status = status
        self.field = field
        self.value = value
        self.hint = hint
        super().__init__(_sentence(rule, (field,), value, hint))

    def problem(self) -> dict[str, object]:
        """Return the error as an RFC 9457 problem object."""
        return _problem(self.status, _REFUSALS[self.status], self, {})


class UnknownError(RefusedError):
    """A request about something that there is not."""

    def __init__(self, rule: str, *, field: str | None = None, value: object = None) -> None:
        super().__init__(rule, status=404, field=field, value=value)


_REFUSALS = {403: "Forbidden", 404: "Not found", 409: "Conflict"}


def _sentence(rule: str, places: tuple[str | None, ...], value: object, hint: str | None) -> str:
    place = ": ".join(part for part in places if part)
    found = "" if value is None else f" (got {value!r})"
    text = f"{place}: {rule}{found}" if place else f"{rule}{found}"
    return f"{text}. {hint}" if hint else text


def _problem(
    status: int, title: str, error: InputError | RefusedError, more: dict[str, object]
) -> dict[str, object]:
    members: dict[str, object] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": str(error),
        **more,
        "field": error.field,
        "value": None if error.value is None else str(error.value),
        "rule": error.rule,
        "hint": error.hint,
    }
    return {name: value for name, value in members.items() if value is not None}

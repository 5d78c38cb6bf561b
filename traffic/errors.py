"""The errors that Jasyl raises on bad input.

::

    JasylError
    ├── InputError        a file, a field or a value broke a rule; exit code 2, HTTP status 422
    └── Refused           well formed, but not now (HTTP status 409) or not by whoever asks (403)

Anything else that escapes is a failure of ours and ends with exit code 1.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["InputError", "JasylError", "Refused"]


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


class Refused(JasylError):  # noqa: N818 - said of a request, not of a failure
    """A request that is well formed and refused all the same, said so that a person knows what to do.

    Parameters
    ----------
    rule
        The rule that stands against it, as a sentence: ``"must be held by you"``.
    status
        409 where the state of things stands against it, 403 where whoever asks may not.
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
        status: Literal[403, 409] = 409,
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
        return _problem(self.status, "Conflict" if self.status == 409 else "Forbidden", self, {})


def _sentence(rule: str, places: tuple[str | None, ...], value: object, hint: str | None) -> str:
    place = ": ".join(part for part in places if part)
    found = "" if value is None else f" (got {value!r})"
    text = f"{place}: {rule}{found}" if place else f"{rule}{found}"
    return f"{text}. {hint}" if hint else text


def _problem(
    status: int, title: str, error: InputError | Refused, more: dict[str, object]
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

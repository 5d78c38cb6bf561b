"""The errors that Jasyl raises on bad input.

::

    JasylError
    ├── InputError        a file, a field or a value broke a rule; exit code 2
    └── RefusedError      well said, but not now, or not by this person
        └── UnknownError  it is about something that there is not

Anything else that escapes is a failure of ours and ends with exit code 1.
"""

from __future__ import annotations

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
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        place = ": ".join(part for part in (self.file, self.field) if part)
        found = "" if self.value is None else f" (got {self.value!r})"
        text = f"{place}: {self.rule}{found}" if place else f"{self.rule}{found}"
        return f"{text}. {self.hint}" if self.hint else text

    def problem(self) -> dict[str, object]:
        """Return the error as an RFC 9457 problem object."""
        members: dict[str, object] = {
            "type": "about:blank",
            "title": "Bad input",
            "status": 422,
            "detail": str(self),
            "file": self.file,
            "field": self.field,
            "value": None if self.value is None else str(self.value),
            "rule": self.rule,
            "hint": self.hint,
        }
        return {name: value for name, value in members.items() if value is not None}


class RefusedError(JasylError):
    """A request that is well said, but that the state of things or the rights of the person do not allow.

    Parameters
    ----------
    rule
        Why not, as a sentence.
    field, value
        What it is about.
    hint
        What to do about it.
    forbidden
        True where another person may do it (403), false where it may be done at another time (409).
    """

    def __init__(
        self,
        rule: str,
        *,
        field: str | None = None,
        value: object = None,
        hint: str | None = None,
        forbidden: bool = False,
    ) -> None:
        self.rule = rule
        self.field = field
        self.value = value
        self.hint = hint
        self.forbidden = forbidden
        found = "" if value is None else f" (got {value!r})"
        text = f"{field}: {rule}{found}" if field else f"{rule}{found}"
        super().__init__(f"{text}. {hint}" if hint else text)


class UnknownError(RefusedError):
    """A request about something that there is not (404)."""

"""Security codes, which no log, error or representation shows."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from signals.rsmp.members import SECRET

__all__ = ["SecurityCode", "SecurityCodes"]


class SecurityCode:
    """One code; `reveal` is the only way to see it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the code, to be sent."""
        return self._text

    def matches(self, text: str) -> bool:
        """Return whether `text` is the code, in a time that tells nothing of it."""
        return hmac.compare_digest(self._text.encode(), text.encode())

    def hidden_in(self, text: str) -> str:
        """Return `text` without the code."""
        return text.replace(self._text, SECRET) if self._text else text

    def __repr__(self) -> str:
        return f"SecurityCode({SECRET})"


@dataclass(frozen=True)
class SecurityCodes:
    """The two codes of a site."""

    level_1: SecurityCode
    level_2: SecurityCode

    def level(self, number: int) -> SecurityCode:
        """Return the code of level 1 or 2."""
        return self.level_1 if number == 1 else self.level_2

    def hidden_in(self, text: str) -> str:
        """Return `text` without the codes."""
        return self.level_2.hidden_in(self.level_1.hidden_in(text))

"""Text that is shown in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.texts import as_line, escaped, is_line

_TRICKS = ["\n", "\r", "\t", "\x00", "\x1b", "\x7f", "\x85", "\x9b", "\u2028", "\u2029", "\u202e", "\u2066"]


@pytest.mark.parametrize("sign", _TRICKS)
def test_signs_that_end_a_line_or_turn_it(sign: str) -> None:
    assert not is_line(f"a{sign}b")
    assert as_line(f"a{sign}b") == "a b"
    assert escaped(f"a{sign}b") == f"a{sign.encode('unicode_escape').decode()}b"


@pytest.mark.parametrize("text", ["", "morning peak", "Абай даңғылы", "12 °C", "a\\nb", "\u00a0", "🚦"])
def test_what_people_write_stays(text: str) -> None:
    assert is_line(text)
    assert as_line(text) == escaped(text) == text


@given(st.text())
def test_what_is_made_a_line_is_one(text: str) -> None:
    assert is_line(as_line(text))
    assert is_line(escaped(text))
    assert len(as_line(text)) == len(text)
    assert len(escaped(text).splitlines()) <= 1

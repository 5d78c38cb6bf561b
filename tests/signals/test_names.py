"""Names that look alike are one name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.names import folded, same_name


@pytest.mark.parametrize(
    "other",
    [
        "Dana",
        "DANA",
        "dana",
        "D\u0430na",  # Cyrillic a
        "D\u0430n\u0430",
        "D\u03b1na",  # Greek alpha
        "\uff24\uff21\uff2e\uff21",  # full width
        "D\u200bana",  # a space of no width
        "D\u0430\u039d\u0410",
        "\U0001d403ana",  # bold, of the mathematicians
    ],
)
def test_a_name_is_one_however_it_is_spelt(other: str) -> None:
    assert same_name("Dana", other)
    assert folded(other) == "dana"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u0412\u041e\u0412\u0410", "BOBA"),
        ("Нурсултан", "НУРСУЛТАН"),
        ("\u0421\u04d9\u0443\u043b\u0435", "C\u0259\u0443\u043b\u0435"),
        ("Aigerim  S", "Aigerim\u00a0S"),
        ("Anna-Maria", "Anna\u2011Maria"),
    ],
)
def test_names_in_other_letters(one: str, other: str) -> None:
    assert same_name(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Dana", "Dina"), ("Айгерим", "Айгерім"), ("Асан", "Асель"), ("Ilya", "Olya"), ("Bolat", "Bolat A")],
)
def test_names_of_two_people_are_two(one: str, other: str) -> None:
    assert not same_name(one, other)


@given(st.text(max_size=20))
def test_what_is_folded_is_folded_for_good(name: str) -> None:
    assert folded(folded(name)) == folded(name)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz -'", max_size=20))
def test_names_in_small_latin_letters_stay_as_they_are(name: str) -> None:
    assert folded(name) == " ".join(name.split())

"""Names of people, told apart as people tell them apart: by how they look, not by how they are spelt."""

from __future__ import annotations

import unicodedata

__all__ = ["folded", "same_name"]

_LOOK_ALIKES = str.maketrans(
    {
        # Cyrillic, with the letters of Kazakh; small letters stand for their capitals too.
        **dict(zip("авекмнорстухіїјѕһүԛԝԁӏѵәөзьғ", "abekmhopctyxiïjshyqwdlvəɵ3bf", strict=True)),
        "ё": "ë",
        # Greek
        **dict(zip("αβεζηικμνορτυχϲϳ", "abezhikmnoptyxcj", strict=True)),
        # Latin letters that look like others, and digits that look like letters
        **dict(zip("\u0131\u0269\u0251\u026101", "iiagol", strict=True)),
    }
)
_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))


def folded(name: str) -> str:
    """Return what all names have in common that look like `name`, be it in capitals or in another script."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    seen = "".join(letter for letter in plain if unicodedata.category(letter) not in {"Cf", "Mn", "Cc"})
    return " ".join(seen.translate(_HYPHENS).translate(_LOOK_ALIKES).split())


def same_name(one: str, other: str) -> bool:
    """Return whether two names are of one person, as far as anybody can see."""
    return folded(one) == folded(other)

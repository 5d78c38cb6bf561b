"""What the pages that Jasyl writes have in common: numbers for people, scripts and styles of ours, data, templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

__all__ = ["counted", "embedded", "number", "own", "render"]

_MINUS = "\N{MINUS SIGN}"
_THIN = "\N{NARROW NO-BREAK SPACE}"
# In JSON these characters mean themselves only within strings, where an escape means the same.
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def number(value: float, digits: int, *, signed: bool = False) -> str:
    """Return a number for people: thousands apart, a real minus sign, no negative zero."""
    rounded = round(float(value), digits) + 0.0
    plus = "+" if signed and rounded > 0 else ""
    return plus + f"{rounded:,.{digits}f}".replace(",", _THIN).replace("-", _MINUS)


def counted(count: int, what: str) -> str:
    """Return a count of things whose plural ends in s."""
    return f"{number(count, 0)} {what}{'' if count == 1 else 's'}"


def embedded(data: dict[str, Any]) -> Markup:
    """Return JSON that cannot break out of its script element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE))  # noqa: S704 - the characters that mean anything to HTML are escaped


def own(path: Path) -> Markup:
    """Return a script or style sheet of ours."""
    return Markup(path.read_text(encoding="utf-8"))  # noqa: S704 - part of the program


def render(folder: Path, template: str, **values: Any) -> str:
    """Return a page from a template; every text that is no markup is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values)

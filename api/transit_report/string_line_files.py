"""String lines of one route by themselves: several days, records or policies below each other, as a page or as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from api.pages import own, render
from api.transit_report.diagrams import called, seen_of
from api.transit_report.drawing import WIDTH, diagram, height_of, hours_of, left_of, strips, tag
from traffic.errors import InputError
from traffic.files import replacing

if TYPE_CHECKING:
    import os

    from api.transit_report.drawing import Strip
    from transit.string_lines import StringLines

__all__ = ["write_string_lines"]

_PAGE = Path(__file__).parent / "page"
_SHARED = Path(__file__).parent.parent / "report" / "page"
_TITLE_HEIGHT = 26.0


def write_string_lines(
    path: str | os.PathLike[str],
    panels: Mapping[str, StringLines],
    *,
    title: str = "String lines",
    between_s: tuple[float, float] | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Write diagrams below each other, hour under hour, so that they can be compared.

    Parameters
    ----------
    path
        An HTML page (``.html``) or a picture (``.svg``).
    panels
        By name, in their order: ``"untouched"`` and ``"schedule holding"``, say. At least one.
    between_s
        From when to when, POSIX seconds; by default whole days, up to six hours in a row.
    names
        Of stops, by their identifiers.
    """
    target = Path(path)
    kind = target.suffix.lower()
    if kind not in {".html", ".svg"}:
        raise InputError("must end in .html or .svg", field="string lines", value=target.name)
    if not panels:
        raise InputError("must be one or more", field="panels", value=0)
    if between_s is not None and not between_s[0] < between_s[1]:
        raise InputError("must end after it begins", field="between_s", value=between_s)
    panels = {name: called(lines, names or {}) for name, lines in panels.items()}
    rows = [(strip, name) for strip in strips(list(panels.values()), between_s) for name in panels]
    left = left_of(panels.values())
    css = own(_PAGE / "lines.css")
    if kind == ".html":
        styles = Markup("\n").join((own(_SHARED / "report.css"), css, own(_PAGE / "transit.css")))
        shown = [
            (name, hours_of(strip, panels[name].zone), diagram(panels[name], strip, name, left=left))
            for strip, name in rows
        ]
        told = [(name, lines.day, " · ".join(seen_of(lines))) for name, lines in panels.items()]
        text = render(_PAGE, "string-lines.html.j2", css=styles, title=title, told=told, rows=shown)
    else:
        text = _picture(title, panels, rows, left, Markup("\n").join((own(_PAGE / "alone.css"), css)))
    with replacing(target) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")


def _name(panels: Mapping[str, StringLines], name: str) -> str:
    return f"{name}, {panels[name].day}"


def _picture(
    title: str, panels: Mapping[str, StringLines], rows: list[tuple[Strip, str]], left: float, css: Markup
) -> str:
    """Return the rows as one picture that needs nothing around it."""
    parts, y = [], 0.0
    for strip, name in rows:
        parts.append(tag("text", {"x": 4, "y": y + 17, "class": "name"}, _name(panels, name)))
        parts.append(diagram(panels[name], strip, name, y + _TITLE_HEIGHT, left))
        y += _TITLE_HEIGHT + height_of(panels[name])
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {WIDTH} {y:g}",
        "role": "img",
        "aria-label": title,
    }
    back = tag("rect", {"class": "back", "width": WIDTH, "height": y})
    return str(tag("svg", attributes, tag("style", {}, css), back, *parts)) + "\n"

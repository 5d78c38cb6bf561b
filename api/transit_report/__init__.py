"""The report on punctuality: one HTML file with figures, worst routes and stops, string lines, heat maps and definitions.

The file holds everything that it shows, opens from a disk, needs no scripts to be read, and asks for nothing over the network
(its content security policy forbids it to). What stands in it is plain data made by `api.transit_report.data`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from api.pages import own, render
from api.transit_report.data import CHOSEN, Wanted, content
from api.transit_report.string_line_files import write_string_lines
from traffic.files import replacing

if TYPE_CHECKING:
    from transit.records import Record

__all__ = ["CHOSEN", "Wanted", "write_string_lines", "write_transit_report"]

_PAGE = Path(__file__).parent / "page"
_SHARED = Path(__file__).parent.parent / "report" / "page"


def write_transit_report(path: Path, record: Record, wanted: Wanted, before: Record | None = None) -> None:
    """Write the report on a record to `path`; nothing is left there if it fails.

    Parameters
    ----------
    before
        A record to compare with.
    """
    shown = content(record, wanted, before)
    css = Markup("\n").join(
        (own(_SHARED / "report.css"), own(_PAGE / "lines.css"), own(_PAGE / "transit.css"))
    )
    script = Markup("\n").join((own(_PAGE / "start.js"), own(_SHARED / "tables.js")))
    page = render(_PAGE, "page.html.j2", **shown, css=css, js=script)
    with replacing(path) as draft:
        draft.write_text(page, encoding="utf-8", newline="\n")

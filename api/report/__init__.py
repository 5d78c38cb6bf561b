"""The report: one HTML file with a map, a page for each junction and the time-space diagram of each corridor.

The file holds everything that it shows, opens from a disk, and asks for nothing over the network (its content
security policy forbids it to). What stands in it is plain data made by `api.report.data`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from api.report.data import report
from traffic.files import replacing

if TYPE_CHECKING:
    import datetime as dt

    from scenarios.loader import City
    from signals.plan import PlanSet
    from traffic.flow import FlowResult

__all__ = ["write_report"]

_PAGE = Path(__file__).parent / "page"
_SCRIPTS = ("core", "tables", "map", "diagrams", "junction", "corridor", "router")
# In JSON these characters mean themselves only within strings, where an escape means the same.
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def write_report(
    city: City,
    plans: PlanSet,
    path: Path,
    *,
    before: PlanSet | None,
    result: FlowResult,
    result_before: FlowResult | None,
    date: dt.date,
    seed: int | None = None,
    scale: float = 1.0,
) -> None:
    """Write the report on `plans` to `path`; nothing is left there if it fails.

    Parameters
    ----------
    before, result_before
        Plans to compare with and their run; without one of them the report shows `plans` alone.
    result
        Run of the flow model under `plans`.
    date
        Date that the report carries; the same inputs and date give the same bytes.
    seed
        Seed of the demand, where it is not the scenario's own.
    scale
        Factor on the scenario's demand.
    """
    made = report(
        city,
        plans,
        before=before,
        result=result,
        result_before=result_before,
        date=date,
        seed=seed,
        scale=scale,
    )
    page = _render(made.text, made.data)
    with replacing(path) as draft:
        draft.write_text(page, encoding="utf-8", newline="\n")


def _embedded(data: dict[str, Any]) -> Markup:
    """Return JSON that cannot break out of its script element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE))  # noqa: S704 - the characters that mean anything to HTML are escaped


def _own(name: str) -> Markup:
    """Return a script or style sheet of ours."""
    return Markup((_PAGE / name).read_text(encoding="utf-8"))  # noqa: S704 - part of the program


def _render(text: dict[str, Any], data: dict[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    script = Markup("\n").join(_own(f"{name}.js") for name in _SCRIPTS)
    template = environment.get_template("page.html.j2")
    return template.render(**text, css=_own("report.css"), js=script, data=_embedded(data))

"""The report: one HTML file with a map, a page for each junction and the time-space diagram of each corridor.

The file holds everything that it shows, opens from a disk, and asks for nothing over the network (its content
security policy forbids it to). What stands in it is plain data made by `api.report.data`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from api.pages import embedded, own, render
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


def _render(text: dict[str, Any], data: dict[str, Any]) -> str:
    script = Markup("\n").join(own(_PAGE / f"{name}.js") for name in _SCRIPTS)
    css = own(_PAGE / "report.css")
    return render(_PAGE, "page.html.j2", **text, css=css, js=script, data=embedded(data))

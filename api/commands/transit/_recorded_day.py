"""A recorded day from the command line: run as it was, or by a model that is fitted to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from api.commands.transit._records import told
from api.commands.transit._string_lines import draw
from api.console import print_result, print_table, progress_bar
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import date

    from simulation.buses.record import RecordedDay
    from simulation.buses.trace import Traced
    from transit.records import Record
    from transit.visits import StopVisits

__all__ = ["Wanted", "is_record", "refuse", "replay_record"]

_NOT_WITH_A_RECORD = {
    "vehicles": "its vehicles are those that were recorded",
    "plans": "it has no road network, and so no signals",
    "taps": "vehicles stand as long as they stood",
    "expansion": "vehicles stand as long as they stood",
}
_NOT_IN_TRACE = ("seeds", "only", "breakdowns", "workers")
_NOT_WITH_A_SCENARIO = ("mode", "gtfs", "zone", "columns", "ignore_assignments", "all_trips")
_LOSSES = ("dropped", "cut")  # shown to people only where there are any
_RECORD = "A record is a file of stop visits (TIDES, MBTA), a folder of TIDES tables or, with --gtfs, a file of positions"


class Wanted(NamedTuple):
    """What was asked for."""

    read: Callable[[], Record]
    mode: str
    day: date | None
    routes: Sequence[str]
    seeds: int
    only: Sequence[str]
    breakdowns: int
    workers: int
    string_lines: Path | None


def is_record(name: str) -> bool:
    """Return whether a record is meant: a file or folder that is no scenario. Neither is refused."""
    from scenarios.scenario import load

    try:
        load(name)
    except InputError as error:
        if error.field != "SCENARIO":
            raise
        path = Path(name)
        if path.suffix.lower() != ".toml" and path.exists():
            return True
        rule = f"{error.rule}, or a record of buses that exists"
        raise InputError(
            rule, field="SCENARIO or RECORD", value=name, hint=f"{error.hint}. {_RECORD}"
        ) from error
    return False


def refuse(given: Collection[str], *, record: bool, mode: str | None, routes: Sequence[str]) -> None:
    """Refuse options that were given and have no meaning here; names of parameters."""
    if not record:
        for name in _NOT_WITH_A_SCENARIO:
            if name in given:
                field = f"--{name.replace('_', '-')}"
                raise InputError("must not be given with a scenario", field=field, hint=_RECORD)
        if len(routes) > 1:
            rule = "must be given once with a scenario: one route is drawn"
            raise InputError(rule, field="--route", value=", ".join(routes))
        return
    for name, why in _NOT_WITH_A_RECORD.items():
        if name in given:
            hint = "Leave it out, or name a scenario instead of the record"
            raise InputError(f"must not be given with a record: {why}", field=f"--{name}", hint=hint)
    for name in _NOT_IN_TRACE if mode == "trace" else ():
        if name in given:
            rule = "must not be given with --mode trace, which runs the day once, with nothing changed"
            raise InputError(rule, field=f"--{name}", hint="Leave it out, or use --mode model")


def replay_record(wanted: Wanted, *, as_json: bool, quiet: bool) -> None:
    """Run a recorded day, and print what came of it."""
    from simulation.buses.record import recorded_day

    record = _record(wanted)
    day = recorded_day(record.visits, day=wanted.day, routes=wanted.routes)
    quiet = quiet or as_json
    if wanted.mode == "trace":
        _trace(wanted, day, record, as_json=as_json, quiet=quiet)
    else:
        _model(wanted, day, record, as_json=as_json, quiet=quiet)


def _record(wanted: Wanted) -> Record:
    """Return the record; of a file that is none, say that a scenario could have been meant."""
    try:
        return wanted.read()
    except InputError as error:
        if error.field not in {None, "header"}:
            raise
        hint = f"{error.hint}. Scenarios have names, or files that end in .toml: jasyl scenario list"
        raise InputError(
            error.rule, file=error.file, field=error.field, value=error.value, hint=hint
        ) from error


def _head(day: RecordedDay, mode: str, record: Record, *, as_json: bool) -> dict[str, object]:
    """Return which day it is, what is wrong with its record, and what became of its trips."""
    wrong = told(record.problems, as_json=as_json)
    return {"day": str(day.service.day), "mode": mode, **wrong, **day.counts()}


def _draw(wanted: Wanted, days: Mapping[str, StopVisits], names: Mapping[str, str]) -> None:
    """Write string lines of days, where they are wanted."""
    if wanted.string_lines is not None:
        route = wanted.routes[0] if len(wanted.routes) == 1 else None
        draw(wanted.string_lines, days, route, names)


def _trace(wanted: Wanted, day: RecordedDay, record: Record, *, as_json: bool, quiet: bool) -> None:
    from simulation.buses.trace import traced

    with progress_bar("Running the day", quiet=quiet) as progress:
        found = traced(day, progress=progress)
    _draw(wanted, {"record": found.record, "replayed": found.replay}, record.stop_names)
    result = {**_head(day, "trace", record, as_json=as_json), **found.counts()}
    if as_json:
        print_result({**result, "figures": found.records()}, as_json=True)
        return
    print_result(result, as_json=False)
    print_table(_traced_rows(found))


def _traced_rows(found: Traced) -> list[dict[str, object]]:
    from transit.definitions import definitions

    units = {each.name: each.unit for each in definitions()}
    return [
        {
            "definition": was.definition,
            "record": _value(was.value, units[was.definition]),
            "replayed": _value(now.value, units[was.definition]),
            "same": was == now,
        }
        for was, now in found.figures
    ]


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return {"share": f"{100 * value:.1f} %", "s": f"{value:.1f} s", "1": f"{value:.3f}"}[unit]


def _model(wanted: Wanted, day: RecordedDay, record: Record, *, as_json: bool, quiet: bool) -> None:
    from api.commands._city import warm_up

    warm_up(quiet=quiet, group="replay")
    from simulation.buses.recorded_days import modelled

    with progress_bar("Running the days", quiet=quiet) as progress:
        found = modelled(
            day,
            seeds=wanted.seeds,
            only=wanted.only,
            breakdowns=wanted.breakdowns,
            workers=wanted.workers,
            progress=progress,
        )
    if wanted.string_lines is not None:
        _draw(wanted, {"record": day.visits, **found.comparison.first_day()}, record.stop_names)
    document = {**_head(day, "model", record, as_json=as_json), **found.document()}
    if as_json:
        print_result(document, as_json=True)
        return
    validation = document.pop("validation")
    tables = {name: validation.pop(name) for name in ("on_time", "headway_cv")}
    variants = document.pop("variants")
    print_result({**document, **validation}, as_json=False)
    print_table([{"figure": name.replace("_", " "), **_shown(row)} for name, row in tables.items() if row])
    lost = [name for name in _LOSSES if any(row["mean"][name] for row in variants.values())]
    left_out = set(_LOSSES).difference(lost)
    rows = [{"variant": name, **_variant(row)} for name, row in variants.items()]
    print_table([{name: cell for name, cell in row.items() if name not in left_out} for row in rows])


def _shown(row: Mapping[str, object]) -> dict[str, object]:
    """Return a figure of the trial for people, to three decimals."""
    return {name: f"{value:.3f}" if isinstance(value, float) else value for name, value in row.items()}


def _variant(row: Mapping[str, Any]) -> dict[str, object]:
    """Return a variant for people: means over the days, and their standard deviations."""
    change = row.get("change")
    cells: dict[str, object] = {
        "on_time": _spread(row, "on_time"),
        "change": "-" if change is None else _spread(change, "on_time"),
    }
    return cells | {name: _spread(row, name) for name in row["mean"] if name != "on_time"}


def _spread(row: Mapping[str, Mapping[str, float | None]], name: str) -> str:
    mean, sd = row["mean"][name], row["sd"][name]
    if mean is None or sd is None:
        return "-"
    return f"{mean:.0f} ± {sd:.0f}" if name.endswith("_s") else f"{100 * mean:.1f} ± {100 * sd:.1f} %"

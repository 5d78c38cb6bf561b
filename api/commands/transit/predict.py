"""`jasyl transit predict`: when vehicles will be at their coming stops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click
import numpy as np

from api.commands._city import warm_up
from api.commands.transit._predicted import date_of, rows_of, write_rows
from api.commands.transit._records import (
    FILE,
    columns_option,
    ignore_assignments_option,
    position_columns,
    rules_of,
    told,
    warn,
)
from api.console import FiniteRange, check_outputs, json_option, print_result, print_table, quiet_option
from traffic.errors import InputError

if TYPE_CHECKING:
    from transit.matching import Match, MatchRules
    from transit.position_files import PositionFile
    from transit.positions import Positions
    from transit.prediction.training import Trained
    from transit.realtime import Predictions
    from transit.timetable import Timetable

__all__ = ["command"]

_OUT = click.Path(path_type=Path, dir_okay=False)
_SHOWN = 40
_SHOWN_VEHICLES = 10


@click.command("predict")
@click.argument("positions", type=FILE)
@click.option("--gtfs", type=FILE, required=True, help="The timetable: a GTFS file or folder.")
@click.option(
    "--history",
    type=FILE,
    multiple=True,
    metavar="VISITS",
    help="Stop visits of earlier days to learn from (TIDES, MBTA); may be given several times. Later ones are left out, and "
    "those of the day of the prediction. Default: the timetable alone.",
)
@click.option(
    "--at",
    default=None,
    metavar="TIME",
    help="Predict at this time (ISO 8601); default: that of the last position that is matched to a trip, but for clocks that are "
    "far ahead of the others, or ahead of the header of a feed.",
)
@click.option(
    "--minutes",
    type=FiniteRange(1, 1440),
    default=60.0,
    show_default=True,
    help="Stops that are this far ahead by the timetable, at most.",
)
@click.option(
    "--aim",
    type=click.Choice(["passenger", "median"]),
    default="passenger",
    show_default=True,
    help="Rather too early, as who comes too late misses the bus; or as often too early as too late.",
)
@click.option(
    "--zone", default=None, metavar="ZONE", help="Time zone of times without one; default: the timetable's."
)
@click.option("-o", "--output", type=_OUT, default=None, help="File for the predictions, as CSV.")
@click.option("--realtime", type=_OUT, default=None, help="File for them as GTFS-Realtime TripUpdates.")
@click.option("--vehicle-positions", type=_OUT, default=None, help="File for GTFS-Realtime VehiclePositions.")
@columns_option
@ignore_assignments_option
@json_option
@quiet_option
def command(
    positions: Path,
    gtfs: Path,
    history: tuple[Path, ...],
    at: str | None,
    minutes: float,
    aim: str,
    zone: str | None,
    output: Path | None,
    realtime: Path | None,
    vehicle_positions: Path | None,
    columns: Path | None,
    ignore_assignments: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Predict when the vehicles of POSITIONS will be at their coming stops.

    Positions up to the time of the prediction are matched to trips, as `jasyl transit match` does; later ones are not looked at.
    docs/prediction.md says how vehicles are predicted, and how well.

    \b
    Examples:
      jasyl transit predict positions.csv --gtfs gtfs.zip
      jasyl transit predict positions.csv --gtfs gtfs.zip --history visits/stop_visits.csv --at 2026-11-27T08:30
      jasyl transit predict vehicle_positions.pb --gtfs gtfs.zip --realtime trip_updates.pb --json
    """
    outputs = {"--output": output, "--realtime": realtime, "--vehicle-positions": vehicle_positions}
    check_outputs(list(outputs.values()), inputs=[positions, gtfs, columns, *history])
    meaning = position_columns(columns)
    warm_up(quiet=quiet or as_json, group="prediction")
    from transit.gtfs import read_gtfs
    from transit.matching_trouble import matching_trouble
    from transit.position_files import read_positions

    timetable = read_gtfs(gtfs).timetable
    local = zone or (meaning.zone if meaning is not None else None) or timetable.zone
    read = read_positions(positions, zone=local, columns=meaning)
    rules = rules_of(ignore_assignments=ignore_assignments)
    now_s = None if at is None else _time_s(at, local)
    look = _looked(read, positions, timetable, rules, now_s, local)
    seen, found, now_s = look.positions, look.match, look.now_s
    trained, left_out = _trained(history, zone or timetable.zone, now_s)
    predicted, vehicles = _predicted(found, timetable, trained, now_s, minutes, aim)
    rows = rows_of(predicted, timetable)
    if output is not None:
        write_rows(output, rows)
    if realtime is not None:
        from transit.realtime import trip_updates, write_feed

        write_feed(realtime, trip_updates(predicted, timetable, time_s=now_s))
    if vehicle_positions is not None:
        from transit.realtime import vehicle_positions as located
        from transit.realtime import write_feed

        write_feed(vehicle_positions, located(_assigned(seen, found, timetable), timetable, time_s=now_s))
    result: dict[str, object] = {
        "at": datetime.fromtimestamp(now_s, ZoneInfo(timetable.zone)).isoformat(),
        "positions": len(seen),
        "later_positions": int((read.positions.time_s > now_s).sum()),
        "clocks_ahead": look.ahead(as_json=as_json),
        "vehicles": vehicles,
        "trips": len({(row["day"], row["trip"]) for row in rows}),
        "fates": {fate.name.lower(): count for fate, count in found.counts().items()},
        **_learned(trained, left_out),
        **{name[2:].replace("-", "_"): str(path) for name, path in outputs.items() if path is not None},
        **told(read.problems, as_json=as_json),
    }
    trouble = matching_trouble(timetable, seen, found.counts(), rules)
    warnings = [] if trouble is None else [str(trouble)]
    if as_json:
        print_result({**result, "warnings": warnings, "predictions": rows}, as_json=True)
        return
    print_result({**result, "predictions": len(rows)}, as_json=False)
    print_table(rows[:_SHOWN])
    warn(warnings)
    if len(rows) > _SHOWN:
        click.echo(f"... and {len(rows) - _SHOWN} more; --json and --output have all of them")


@dataclass(frozen=True, eq=False)
class _Look:
    """What is looked at: positions up to the time of the prediction, matched.

    Attributes
    ----------
    later
        Positions after it that would be on trips: by clocks that are ahead.
    """

    positions: Positions
    match: Match
    now_s: float
    later: Positions

    def ahead(self, *, as_json: bool) -> object:
        """Return how many positions are of clocks that are ahead, and of which vehicles."""
        if not len(self.later):
            return None
        names = sorted({str(name) for name in self.later.vehicle.texts()})
        if as_json:
            return {"positions": len(self.later), "vehicles": names}
        shown = ", ".join(names[:_SHOWN_VEHICLES]) + (", ..." if len(names) > _SHOWN_VEHICLES else "")
        return f"{len(self.later)} positions, put aside, of vehicles {shown}"


def _looked(
    read: PositionFile,
    file: Path,
    timetable: Timetable,
    rules: MatchRules,
    now_s: float | None,
    zone: str,
) -> _Look:
    """Return the positions up to a time, or up to the last one that is of a trip by a clock that is not far ahead of the others.

    Nor may the clock be ahead of the header of a feed. That of a vehicle of which nothing is known says nothing of the time
    that it is.
    """
    from transit.matching import Fate, match
    from transit.prediction.moment import moment_of_match

    known = np.isfinite(read.positions.time_s)
    if not known.any():
        hint = "`jasyl transit match` says what is wrong with each row"
        raise InputError("must have positions with times", file=file, hint=hint)
    every = read.positions.take(known)
    later = every.take(slice(0, 0))
    if now_s is None:
        found = match(timetable, every, rules)
        now_s = moment_of_match(every, found, timetable, read.written_s)
        later = every.take((found.positions.fate == Fate.MATCHED) & (every.time_s > now_s))
        if not (every.time_s > now_s).any():
            return _Look(every, found, now_s, later)
    elif not (every.time_s <= now_s).any():
        first = datetime.fromtimestamp(float(every.time_s.min()), ZoneInfo(zone)).isoformat()
        asked = datetime.fromtimestamp(now_s, ZoneInfo(zone)).isoformat()
        hint = f"The first one is of {first}"
        raise InputError("must not be before all positions", field="--at", value=asked, hint=hint)
    seen = every.take(every.time_s <= now_s)
    return _Look(seen, match(timetable, seen, rules), now_s, later)


def _time_s(text: str, zone: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "Write it as 2026-11-27T08:30:00, or with an offset: 2026-11-27T08:30:00+05:00"
        raise InputError("must be a time", field="--at", value=text, hint=hint) from error
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).timestamp()


def _trained(history: tuple[Path, ...], zone: str, now_s: float) -> tuple[Trained, int]:
    """Return what earlier days teach, and how many visits were left out as they are not of earlier days."""
    from transit.prediction.training import Trained
    from transit.visit_files import read_visits
    from transit.visits import StopVisits

    if not history:
        return Trained.nothing(), 0
    visits = StopVisits.joined([read_visits(path, zone=zone).visits for path in history])
    earlier = visits.before(now_s)
    if len(visits) and not len(earlier):
        hint = "Give visits of days before it, or leave --history out to predict by the timetable alone"
        value = datetime.fromtimestamp(now_s, ZoneInfo(visits.zone)).isoformat()
        rule = "must have visits of days before that of the prediction"
        raise InputError(rule, file=history[0], field="--history", value=value, hint=hint)
    try:
        return Trained.of(earlier), len(visits) - len(earlier)
    except InputError as error:
        hint = "--history takes stop visits with trips and planned times, as `jasyl transit match -o` writes them"
        raise InputError(
            error.rule, file=history[0], field=error.field, value=error.value, hint=hint
        ) from error


def _learned(trained: Trained, left_out: int) -> dict[str, object]:
    if trained.tried is None:
        return {"learned_from": None}
    running = trained.history.running
    return {
        "learned_from": {
            "visits_left_out": left_out,
            "stretches": int((running.seen > 0).sum()),
            "running_times": int(running.seen.sum()),
            "predictions_tried": len(trained.tried.made_s),
        }
    }


def _predicted(
    found: Match, timetable: Timetable, trained: Trained, now_s: float, minutes: float, aim: str
) -> tuple[Predictions, int]:
    """Return predictions for all vehicles under way, and how many these are."""
    from transit.matched_visits import completed
    from transit.prediction.blend import Aim
    from transit.prediction.calls import Calls, Record
    from transit.prediction.stream import PredictionStream, predictions_of, vehicles_of
    from transit.realtime import Predictions

    if not len(found.visits):
        return Predictions.of(0, trip=[]), 0
    days = [date_of(day) for day in np.unique(found.visits.day).tolist()]
    visits = completed(found.visits, timetable, days)
    calls = Calls.of(visits)
    stream = PredictionStream(calls, trained, aim=Aim(aim))
    stream.push(Record.of(calls, visits).events().before(now_s)[0])
    forecast = stream.predict(now_s, horizon_s=60.0 * minutes)
    vehicles = len(forecast.ahead.first) - 1
    return predictions_of(calls, forecast, vehicles_of(calls, visits.vehicle)), vehicles


def _assigned(positions: Positions, found: Match, timetable: Timetable) -> Positions:
    """Return positions with the trips that they were matched to."""
    from transit.coded import Coded

    return replace(positions, trip=Coded(timetable.trips.key, found.positions.trip))

"""`jasyl transit taps`: generated taps of cards, to try `replay --taps` with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.console import check_outputs, json_option, print_result, quiet_option

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["command"]


@click.command("taps")
@click.argument("scenario")
@click.option(
    "--vehicles",
    type=click.IntRange(1, 20_000),
    default=3500,
    show_default=True,
    help="As for `jasyl transit replay`.",
)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), default=None, help="As for `jasyl transit replay`.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of the passengers.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("taps.csv"),
    show_default=True,
    help="Where to write the taps.",
)
@json_option
@quiet_option
def command(
    scenario: str,
    vehicles: int,
    day: datetime | None,
    seed: int,
    output: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write taps of cards as a fare system records them, for the buses of SCENARIO.

    They are generated, passenger by passenger: nobody's cards. `alightings_found` says of how many of them an estimate from
    the taps alone finds where they really left.

    \b
    Examples:
      jasyl transit taps almaty --vehicles 350 -o taps.csv
      jasyl transit replay almaty --vehicles 350 --taps taps.csv
    """
    import numpy as np

    from api.commands._city import build_city
    from scenarios.bus_service import bus_day_of
    from simulation.buses.generated_taps import generated_taps, write_taps
    from simulation.buses.results import planned_visits
    from simulation.buses.service import Service
    from transit.ridership import ridership

    check_outputs([output], inputs=[])
    city = build_city(scenario, scale=1.0, demand_seed=None, quiet=quiet or as_json)
    made = bus_day_of(city, vehicles=vehicles, day=None if day is None else day.date())
    service = Service.of(made.timetable, made.day)
    found = generated_taps(service, made.lines, np.random.default_rng([seed, 2_028]))
    known = ridership(planned_visits(service), found.taps, made.timetable.stops)
    linked = known.left >= 0
    output.parent.mkdir(parents=True, exist_ok=True)
    write_taps(output, found.taps, made.timetable.zone)
    result: dict[str, object] = {
        "label": "generated",
        "taps": len(found.taps),
        "cards": len(found.taps.card.names),
        "boarded": int((known.visit == found.boarded).sum()),
        "linked": int(linked.sum()),
        "alightings_found": int((known.left == found.left)[linked].sum()),
        "output": str(output),
    }
    print_result(result, as_json=as_json)

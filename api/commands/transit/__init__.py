"""`jasyl transit`: timetables, positions, stop visits, predictions, punctuality, replay; one file for each command."""

from __future__ import annotations

import click

from api.commands.transit.alerts import command as alerts_command
from api.commands.transit.definitions import command as definitions_command
from api.commands.transit.import_feed import command as import_command
from api.commands.transit.match import command as match_command
from api.commands.transit.predict import command as predict_command
from api.commands.transit.punctuality import command as punctuality_command
from api.commands.transit.replay import command as replay_command
from api.commands.transit.report import command as report_command
from api.commands.transit.taps import command as taps_command

__all__ = ["command"]


@click.group("transit")
def command() -> None:
    """Read timetables and records of buses, and say how punctual they were and when they will come.

    \b
    Examples:
      jasyl transit import gtfs.zip
      jasyl transit match positions.csv --gtfs gtfs.zip -o visits
      jasyl transit punctuality visits --by route
      jasyl transit report visits -o report.html
      jasyl transit predict positions.csv --gtfs gtfs.zip
      jasyl transit replay almaty --vehicles 350 --seeds 3
      jasyl transit replay visits --mode trace
      jasyl transit definitions visits --between 0.60 0.87
      jasyl transit alerts alerts.toml --gtfs gtfs.zip -o alerts.pb
    """


_PARTS = (
    import_command,
    match_command,
    predict_command,
    punctuality_command,
    definitions_command,
    replay_command,
    report_command,
    alerts_command,
    taps_command,
)
for _part in _PARTS:
    command.add_command(_part)

"""The `jasyl` command: its sub-commands, loaded only when they are called, and its exit codes."""

from __future__ import annotations

import importlib
import sys
import traceback

import click

from api.console import print_problem
from api.masking import mask
from traffic.errors import InputError

__all__ = ["main", "run"]

OK, OUR_FAILURE, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

# Name -> (module, first line of help). The modules import heavy libraries, so `--help` must not load them.
_COMMANDS = {
    "import": ("api.commands.import_network", "Read a city's roads and signals into a network file."),
    "scenario": ("api.commands.scenario", "List, show, check and create scenarios."),
    "optimize": ("api.commands.optimize", "Compute safe, coordinated signal plans for a scenario."),
    "evaluate": ("api.commands.evaluate", "Run plans through the flow model and print the figures."),
    "schedule": ("api.commands.schedule", "Choose plan sets and switch times for a day."),
    "sweep": ("api.commands.sweep", "Run many evaluations in parallel: scales, seeds, plans, methods."),
    "report": ("api.commands.report", "Write a self-contained HTML report on plans."),
    "sumo": (
        "api.commands.sumo",
        "Plan the lights of a SUMO simulation, run it, or export a scenario to one.",
    ),
    "transit": (
        "api.commands.transit",
        "Read records of buses, say how punctual they were, run days of them.",
    ),
    "serve": ("api.commands.serve", "Bring plans to controllers: the service."),
    "controller": ("api.commands.controller", "Commission and run virtual controllers."),
    "rsmp": ("api.commands.rsmp", "Check capability files of RSMP controllers; run virtual sites."),
    "plans": ("api.commands.plans", "Hand plan sets in to a service, and have them published."),
    "junction": ("api.commands.junction", "Hold a junction, and order flash, all red or another slot."),
    "alarms": ("api.commands.alarms", "List and acknowledge the alarms of a service."),
    "controllers": ("api.commands.controllers", "List the controllers of a service; rotate and revoke."),
    "token": ("api.commands.token", "Make, list and revoke tokens of a service."),
    "ledger": ("api.commands.ledger", "Verify and export the ledger of a service."),
    "keys": ("api.commands.keys", "Make and show the keys that sign what controllers are told."),
    "backup": ("api.commands.backup", "Write all that the service has into one file, while it runs."),
    "restore": ("api.commands.restore", "Make a data folder from a back-up."),
    "utdf": ("api.commands.utdf", "Read and write Synchro's UTDF files."),
    "gmns": ("api.commands.gmns", "Read and write GMNS networks and timing."),
}


class _LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(cls=_LazyGroup, epilog="Start with: jasyl scenario list")
@click.version_option(package_name="jasyl")
def root() -> None:
    """Compute, check and explain the traffic signal plans of a whole city.

    \b
    Examples:
      jasyl optimize almaty -o plans.json
      jasyl evaluate almaty --plans plans.json
      jasyl report almaty --plans plans.json -o report.html
      jasyl import osm city.osm.pbf -o city.npz
    """


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code: 0, 1 for a failure of ours, 2 for bad input."""
    as_json = "--json" in arguments
    try:
        code = root.main(arguments, prog_name="jasyl", standalone_mode=False)
    except InputError as error:
        print_problem(error.problem(), str(error), as_json=as_json)
        return BAD_INPUT
    except click.ClickException as error:
        print_problem(_usage_problem(error), _usage(error), as_json=as_json)
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence turns a crash into exit code 1
        problem = {
            "type": "about:blank",
            "title": "Failure in Jasyl",
            "status": 500,
            "detail": mask(repr(error)),
        }
        print_problem(problem, mask(traceback.format_exc()), as_json=as_json)
        return OUR_FAILURE
    return int(code or OK)


def _usage(error: click.ClickException) -> str:
    return f"{error.format_message()}\n{_usage_hint(error)}"


def _usage_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"Try: {context.command_path if context else 'jasyl'} --help"


def _usage_problem(error: click.ClickException) -> dict[str, object]:
    """Return what click refused as an RFC 9457 problem object, with the option or argument as its field."""
    parameter = getattr(error, "param", None)
    option = getattr(error, "option_name", None)
    field = option or (parameter.get_error_hint(None).replace("'", "") if parameter else "command line")
    return {
        "type": "about:blank",
        "title": "Bad usage",
        "status": 400,
        "detail": error.format_message(),
        "field": field,
        "rule": error.message or error.format_message(),
        "hint": _usage_hint(error),
    }


def main() -> None:
    """Entry point of the `jasyl` command."""
    sys.exit(run(sys.argv[1:]))

"""`jasyl junction`: who has a junction for himself, and what is ordered there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from api.commands._service import Service, instant_option, service_options, why_option
from api.console import FiniteRange, json_option, print_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.client.models import Junction

__all__ = ["command"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_MODES = ("flash", "all-red", "slot", "none")
_SLOTS = ("base", "event", "incident")


def _minutes_option(what: str) -> Callable[[_Command], _Command]:
    return click.option(
        "--for",
        "minutes",
        type=FiniteRange(min=0.0, min_open=True),
        default=60.0,
        show_default=True,
        help=f"{what} for so many minutes from now.",
    )


@click.group("junction")
def command() -> None:
    """Hold a junction, order what it shows, and let it go.

    \b
    Examples:
      jasyl junction hold corridor:4 --why "accident" --for 90 --token-file engineer.token
      jasyl junction order corridor:4 all-red --why "accident" --for 30 --token-file engineer.token
      jasyl junction order corridor:4 none --why "cleared" --token-file engineer.token
      jasyl junction release corridor:4 --why "cleared" --token-file engineer.token
      jasyl junction eject corridor:4 --why "Bolat has gone home" --token-file admin.token
    """


@command.command("show")
@click.argument("junction")
@service_options
@json_option
def show(service: Service, junction: str, as_json: bool) -> None:
    """Show what a junction has, who holds it, and what is ordered there.

    \b
    Examples:
      jasyl junction show corridor:4 --token-file viewer.token
    """
    with service.opened() as client:
        _print(client.get_junction(junction), as_json=as_json)


@command.command("hold")
@click.argument("junction")
@_minutes_option("Hold it")
@instant_option("--until", "Hold it until then, in place of --for; 8 h from now at most.")
@why_option
@service_options
@json_option
def hold(
    service: Service, junction: str, minutes: float, until: datetime | None, why: str, as_json: bool
) -> None:
    """Hold a junction, or hold it longer: nobody else gives orders there, or publishes to it without saying so.

    \b
    Examples:
      jasyl junction hold corridor:4 --why "accident" --for 90 --token-file engineer.token
      jasyl junction hold corridor:4 --why "works" --until 2026-12-01T18:00:00+05:00
    """
    with service.opened() as client:
        _print(client.hold_junction(junction, until=_end(until, minutes), why=why), as_json=as_json)


@command.command("release")
@click.argument("junction")
@why_option
@service_options
@json_option
def release(service: Service, junction: str, why: str, as_json: bool) -> None:
    """Release a junction that you hold. An order that stands goes on until it expires: end it with `order ... none` first.

    \b
    Examples:
      jasyl junction release corridor:4 --why "cleared" --token-file engineer.token
    """
    with service.opened() as client:
        _print(client.release_junction(junction, why=why), as_json=as_json)


@command.command("eject")
@click.argument("junction")
@why_option
@service_options
@json_option
def eject(service: Service, junction: str, why: str, as_json: bool) -> None:
    """Release a junction, whoever holds it; for administrators.

    \b
    Examples:
      jasyl junction eject corridor:4 --why "Bolat cannot be reached" --token-file admin.token
    """
    with service.opened() as client:
        _print(client.eject_junction(junction, why=why), as_json=as_json)


@command.command("order")
@click.argument("junction")
@click.argument("mode", type=click.Choice(_MODES))
@click.option("--slot", type=click.Choice(_SLOTS), default=None, help="With the mode slot: which one.")
@_minutes_option("It stands")
@instant_option("--expires", "It stands until then, in place of --for; 12 h from now at most.")
@click.option("--hold", "with_hold", is_flag=True, help="Hold the junction for as long, first.")
@why_option
@service_options
@json_option
def order(
    service: Service,
    junction: str,
    mode: str,
    slot: str | None,
    minutes: float,
    expires: datetime | None,
    with_hold: bool,
    why: str,
    as_json: bool,
) -> None:
    """Order flash, all red, or another slot at a junction that you hold; `none` ends an order.

    \b
    Examples:
      jasyl junction order corridor:4 all-red --hold --why "accident" --for 30 --token-file engineer.token
      jasyl junction order corridor:4 flash --why "lamps fail" --expires 2026-12-01T18:00:00+05:00
      jasyl junction order corridor:4 slot --slot base --why "the match is over"
      jasyl junction order corridor:4 none --why "cleared"
    """
    from signals.lifecycle.records import OrderMode, Slot

    end = _end(expires, minutes)
    with service.opened() as client:
        if with_hold:
            client.hold_junction(junction, until=end, why=why)
        found = client.order_junction(
            junction,
            mode=OrderMode(mode.replace("-", "_")),
            slot=None if slot is None else Slot(slot),
            expires_at=end,
            why=why,
        )
    _print(found, as_json=as_json)


def _end(given: datetime | None, minutes: float) -> datetime:
    """Return when something ends: at what was given, else so long after now by this machine's clock."""
    from traffic.errors import InputError

    try:
        return given or datetime.now(UTC) + timedelta(minutes=minutes)
    except OverflowError as error:
        raise InputError("must be at most 12 h", field="--for", value=minutes) from error


def _print(found: Junction, *, as_json: bool) -> None:
    from signals.instants import instant_text

    values = found.model_dump(mode="json")
    if as_json:
        print_result(values, as_json=True)
        return
    held, ordered = found.hold, found.order
    shown: dict[str, object] = {"junction": found.junction, "name": found.name}
    for slot, content in found.slots.items():
        for state, version in (("current", content.current), ("pending", content.pending)):
            if version is not None:
                times = (("begins", version.begins_at), ("ends", version.until))
                told = [f"{word} {instant_text(time)}" for word, time in times if time is not None]
                shown[f"{slot}, {state}"] = ", ".join(
                    [f"version {version.version} of {version.plan_set}", *told]
                )
    shown["held"] = "by nobody" if held is None else f"by {held.by} until {values['hold']['until']}"
    shown["ordered"] = "nothing"
    if ordered is not None:
        until = values["order"]["expires_at"]
        what = f"{' '.join(filter(None, (ordered.mode, ordered.slot)))} by {ordered.by} until {until}"
        taken_back = f"nothing (earlier orders are taken back by {ordered.by} until {until})"
        shown["ordered"] = taken_back if ordered.mode == "none" else what
    print_result(shown, as_json=False)

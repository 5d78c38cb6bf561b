"""`jasyl plans`: plan sets from the file to the lamps."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api.commands._service import (
    Service,
    instant_option,
    service_options,
    service_options_of_waiting,
    why_option,
)
from api.console import FiniteRange, json_option, print_result, print_table, progress_bar, quiet_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.client import JasylClient
    from api.client.models import PlanSet

__all__ = ["command"]

_SLOTS = ("base", "event", "incident")
_STATES = (
    "draft",
    "checked",
    "refused",
    "approved",
    "published",
    "acknowledged",
    "in_force",
    "kept",
    "withdrawn",
    "superseded",
    "rolled_back",
    "expired",
)
_wait_option = click.option(
    "--wait",
    is_flag=True,
    help="Wait until it is as far as --until says; if it does not come to that, end with 2.",
)
_until_option = click.option(
    "--until",
    type=click.Choice(["acknowledged", "in_force", "in-force"]),
    default="acknowledged",
    callback=lambda _context, _option, value: value.replace("-", "_"),
    show_default=True,
    help="Until every controller has accepted it, or runs it too, which can take minutes of transition.",
)
_timeout_option = click.option(
    "--timeout",
    "timeout_s",
    type=FiniteRange(min=0.0, min_open=True),
    default=900.0,
    show_default=True,
    help="Seconds to wait at most.",
)


_over_holds_option = click.option(
    "--over-holds",
    is_flag=True,
    help="Also to junctions that others hold; the ledger says whose holds. Their orders stay above the plans.",
)


@click.group("plans")
def command() -> None:
    """Hand plan sets in, and have them checked, approved, published and rolled back.

    \b
    Examples:
      jasyl plans submit plans.json --why "morning peak" --token-file engineer.token
      jasyl plans check ID --why "ready" --token-file engineer.token
      jasyl plans approve ID --why "seen" --token-file approver.token
      jasyl plans publish ID --why "from Monday" --wait --token-file approver.token
      jasyl plans list --state in_force --token-file viewer.token
    """


@command.command("submit")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", default=None, help="Default: the name in the file.")
@click.option("--slot", type=click.Choice(_SLOTS), default="base", show_default=True, help="What it is for.")
@instant_option("--activate-from", "Not in force before, such as 2026-12-01T06:00:00+05:00.")
@instant_option("--valid-until", "Not in force after.")
@click.option("--id", "id_only", is_flag=True, help="Print its identifier alone, for scripts.")
@why_option
@service_options
@json_option
def submit(
    service: Service,
    file: Path,
    name: str | None,
    slot: str,
    activate_from: datetime | None,
    valid_until: datetime | None,
    id_only: bool,
    why: str,
    as_json: bool,
) -> None:
    """Hand in FILE, plans or a schedule as the commands write them, as a draft.

    \b
    Examples:
      jasyl plans submit plans.json --why "morning peak" --token-file engineer.token
      jasyl plans submit match.json --slot event --valid-until 2026-12-01T23:00:00+05:00 --why "match" --json
      SET=$(jasyl plans submit plans.json --why "morning peak" --id)
    """
    from signals.lifecycle.records import Slot

    document = _document(file)
    with service.opened() as client:
        made = client.create_plan_set(
            document,
            why=why,
            name=name,
            slot=Slot(slot),
            activate_from=activate_from,
            valid_until=valid_until,
        )
    if id_only:
        click.echo(made.id)
    else:
        _print(made, as_json=as_json)


def _document(file: Path) -> dict[str, Any]:
    import json

    from traffic.errors import InputError

    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("must be a file of JSON", file=file, field="FILE", value=str(error)) from error
    if not isinstance(document, dict):
        raise InputError("must be plans or a schedule", file=file, field="FILE")
    return document


@command.command("check")
@click.argument("plan_set")
@why_option
@service_options
@json_option
def check(service: Service, plan_set: str, why: str, as_json: bool) -> None:
    """Check a draft against the junctions as they are now; what stands against it is told.

    \b
    Examples:
      jasyl plans check 1f0c --why "ready" --token-file engineer.token
    """
    with service.opened() as client:
        _print(client.check_plan_set(plan_set, why=why), as_json=as_json)


@command.command("approve")
@click.argument("plan_set")
@why_option
@service_options
@json_option
def approve(service: Service, plan_set: str, why: str, as_json: bool) -> None:
    """Approve a plan set that has been checked and that somebody else has handed in.

    \b
    Examples:
      jasyl plans approve 1f0c --why "seen" --token-file approver.token
    """
    with service.opened() as client:
        _print(client.approve_plan_set(plan_set, why=why), as_json=as_json)


@command.command("publish")
@click.argument("plan_set")
@why_option
@_wait_option
@_until_option
@_timeout_option
@_over_holds_option
@service_options_of_waiting
@json_option
@quiet_option
def publish(
    service: Service,
    plan_set: str,
    why: str,
    over_holds: bool,
    wait: bool,
    until: str,
    timeout_s: float,
    as_json: bool,
    quiet: bool,
) -> None:
    """Sign the plans of a set and give them to the controllers, all in one act.

    \b
    Examples:
      jasyl plans publish 1f0c --why "from Monday" --token-file approver.token
      jasyl plans publish 1f0c --why "from Monday" --wait --until in_force --token-file approver.token
    """
    with service.opened() as client:
        made = client.publish_plan_set(plan_set, why=why, over_holds=over_holds or None)
        if wait:
            made = _waited(client, made, until, timeout_s, quiet=quiet or as_json)
    _print(made, as_json=as_json)


@command.command("withdraw")
@click.argument("plan_set")
@why_option
@service_options
@json_option
def withdraw(service: Service, plan_set: str, why: str, as_json: bool) -> None:
    """Take a plan set back; of one that is published, the groups that have not been activated.

    Whoever may hand plan sets in may do so, and whoever may publish them.

    \b
    Examples:
      jasyl plans withdraw 1f0c --why "wrong day" --token-file engineer.token
      jasyl plans withdraw 1f0c --why "published by mistake" --token-file approver.token
    """
    with service.opened() as client:
        _print(client.withdraw_plan_set(plan_set, why=why), as_json=as_json)


@command.command("roll-back")
@click.argument("plan_set")
@why_option
@_wait_option
@_until_option
@_timeout_option
@_over_holds_option
@service_options_of_waiting
@json_option
@quiet_option
def roll_back(
    service: Service,
    plan_set: str,
    why: str,
    over_holds: bool,
    wait: bool,
    until: str,
    timeout_s: float,
    as_json: bool,
    quiet: bool,
) -> None:
    """Publish what was in force before a plan set, as a new one.

    \b
    Examples:
      jasyl plans roll-back 1f0c --why "queues on Abay" --wait --until in-force --token-file approver.token
      jasyl plans roll-back 1f0c --why "wrong plans" --over-holds --token-file approver.token
    """
    with service.opened() as client:
        made = client.roll_back_plan_set(plan_set, why=why, over_holds=over_holds or None)
        if wait:
            made = _waited(client, made, until, timeout_s, quiet=quiet or as_json)
    _print(made, as_json=as_json)


@command.command("end")
@click.argument("plan_set")
@instant_option("--until", "When; default: at once.")
@why_option
@service_options
@json_option
def end(service: Service, plan_set: str, until: datetime | None, why: str, as_json: bool) -> None:
    """End a plan set before its time. Where no other is valid, junctions run their local schedules.

    \b
    Examples:
      jasyl plans end 1f0c --why "back to the local schedules" --token-file approver.token
      jasyl plans end 1f0c --why "the match is over" --token-file approver.token
    """
    with service.opened() as client:
        _print(client.end_plan_set(plan_set, until=until, why=why), as_json=as_json)


@command.command("list")
@click.option("--state", type=click.Choice(_STATES), default=None, help="Only those in this state.")
@click.option("--slot", type=click.Choice(_SLOTS), default=None, help="Only those of this slot.")
@service_options
@json_option
def list_command(service: Service, state: str | None, slot: str | None, as_json: bool) -> None:
    """List plan sets, the oldest first.

    \b
    Examples:
      jasyl plans list --token-file viewer.token
      jasyl plans list --state in_force --json
    """
    from signals.lifecycle.records import SetState, Slot

    with service.opened() as client:
        found = list(
            client.iter_plan_sets(
                state=None if state is None else SetState(state), slot=None if slot is None else Slot(slot)
            )
        )
    if as_json:
        print_result({"plan_sets": [one.model_dump(mode="json") for one in found]}, as_json=True)
        return
    names = ("id", "name", "slot", "state", "author", "junctions", "created_at")
    print_table([{name: one.model_dump(mode="json")[name] for name in names} for one in found])


@command.command("show")
@click.argument("plan_set")
@click.option(
    "--document",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Write the plans that were handed in to this file.",
)
@service_options
@json_option
def show(service: Service, plan_set: str, target: Path | None, as_json: bool) -> None:
    """Show a plan set, and how far it is.

    \b
    Examples:
      jasyl plans show 1f0c --token-file viewer.token
      jasyl plans show 1f0c --document plans.json
    """
    import json

    from traffic.files import replacing

    with service.opened() as client:
        found = client.get_plan_set(plan_set)
        document = None if target is None else client.get_plan_set_document(plan_set)
    if target is not None:
        with replacing(target) as draft:
            draft.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    _print(found, as_json=as_json)


def _waited(client: JasylClient, found: PlanSet, until: str, timeout_s: float, *, quiet: bool) -> PlanSet:
    """Wait until a plan set is so far, and show how many controllers have acknowledged and run it."""
    from signals.lifecycle.records import SetState
    from traffic.errors import InputError

    wanted = {SetState(until), SetState.IN_FORCE}
    deadline = time.monotonic() + timeout_s
    with progress_bar(f"Plan set {found.id}", quiet=quiet) as tell:
        for seen in client.watch_plan_set(
            found.id, until=lambda now: now.state in wanted or time.monotonic() > deadline
        ):
            found = seen
            _tell(tell, found)
    if found.state in wanted:
        return found
    rule = f"must be {until.replace('_', ' ')}"
    kept = {f"kept:{found.id}:{group.name}" for group in found.groups}
    reasons = [alarm.text for alarm in client.iter_alarms() if alarm.id in kept]
    waiting = [group for group in found.groups if group.state.value != "kept"]
    missing = sorted(key for group in waiting for key in group.missing)
    if missing:
        reasons.append(f"Not acknowledged by: {', '.join(missing)}")
    if waiting:
        rule += f" within {timeout_s:g} s"
    hint = "; ".join(reasons) or "See `jasyl plans show`, and the alarms"
    raise InputError(rule, field=f"plan set {found.id}", value=found.state.value, hint=hint)


def _tell(tell: Callable[..., None] | None, found: PlanSet) -> None:
    if tell is None:
        return
    accepted, running = (
        sum(getattr(group, name) for group in found.groups) for name in ("accepted", "running")
    )
    tell(accepted + running, 2 * found.junctions, f"{accepted} acknowledged, {running} in force")


def _print(found: PlanSet, *, as_json: bool) -> None:
    values = found.model_dump(mode="json")
    if not as_json:
        values = {name: value for name, value in values.items() if value not in (None, [], "")}
        values["groups"] = [
            f"{group.name}: {group.state}, {group.accepted} of {len(group.members)} acknowledged, {group.running} run it"
            for group in found.groups
        ]
    print_result(values, as_json=as_json)

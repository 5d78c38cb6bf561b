"""`jasyl ledger`: who has done what, when and why, and whether nobody has changed it since."""

from __future__ import annotations

import os
from pathlib import Path

import click

from api.commands._service import Service, service_options
from api.console import force_option, json_option, print_result, require_new

__all__ = ["command"]

_expect_option = click.option(
    "--expect",
    "expected",
    metavar="N:HASH",
    default=None,
    help="What was noted before: entry N must still have this hash.",
)


@click.group("ledger")
def command() -> None:
    """Verify and export the ledger.

    \b
    Examples:
      jasyl ledger verify --token-file auditor.token
      jasyl ledger export -o ledger.jsonl --token-file auditor.token
      jasyl ledger verify-file ledger.jsonl --expect 1204:9f86d0...
    """


@command.command("verify")
@service_options
@json_option
def verify(service: Service, as_json: bool) -> None:
    """Have the service read its whole ledger anew, and check every link.

    Keep the number of entries and the hash elsewhere: `verify-file --expect` shows later that nothing before was changed.

    \b
    Examples:
      jasyl ledger verify --token-file auditor.token --json
    """
    with service.opened() as client:
        found = client.verify_ledger()
    print_result(found.model_dump(mode="json"), as_json=as_json)


@command.command("export")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write."
)
@force_option
@service_options
@json_option
def export(service: Service, output: Path, force: bool, as_json: bool) -> None:
    """Write the whole ledger into a file, an entry in JSON on each line; every link is checked here.

    \b
    Examples:
      jasyl ledger export -o ledger.jsonl --token-file auditor.token
    """
    from api.store.chain import GENESIS, canonical, entry_of, follow_on
    from traffic.files import replacing

    require_new(output, force=force)
    seq, last = 0, GENESIS
    with service.opened() as client, replacing(output) as draft:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for members in client.iter_ledger(limit=1000):
                entry = follow_on(entry_of(members, seq + 1), seq, last)
                seq, last = entry.seq, entry.hash
                file.write(canonical(entry.to_dict()) + b"\n")
    print_result({"file": str(output), "entries": seq, "hash": last}, as_json=as_json)


@command.command("verify-file")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_expect_option
@json_option
def verify_file(file: Path, expected: str | None, as_json: bool) -> None:
    """Check every link of a ledger that was exported into FILE, without the service.

    \b
    Examples:
      jasyl ledger verify-file ledger.jsonl
      jasyl ledger verify-file ledger.jsonl --expect 1204:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    """
    import json

    from api.store.chain import GENESIS, entry_of, follow_on
    from api.store.errors import LedgerDamaged
    from traffic.errors import InputError

    number, wanted = _expectation(expected)
    seq, last, seen = 0, GENESIS, None
    try:
        with file.open("rb") as lines:
            for line in lines:
                entry = follow_on(entry_of(json.loads(line), seq + 1), seq, last)
                seq, last = entry.seq, entry.hash
                seen = last if seq == number else seen
    except LedgerDamaged as error:
        hint = (
            "This file is not what was exported: look for who has changed it, and export the ledger again "
            "(`jasyl ledger export`); whether the service's own is whole, `jasyl ledger verify` says"
        )
        raise InputError(error.rule, file=file, field=error.field, value=error.value, hint=hint) from error
    except OSError as error:
        rule = "must be a file that can be read"
        raise InputError(rule, file=file, field="FILE", value=error.strerror) from error
    except ValueError as error:
        raise InputError("must be a ledger, an entry on each line", file=file, value=str(error)) from error
    if number is not None and number > seq:
        rule = f"must go on to entry {number}, which was noted, and ends at entry {seq}"
        hint = "It was cut short, or was exported before: export the ledger again (`jasyl ledger export`)"
        raise InputError(rule, file=file, field="--expect", hint=hint)
    if number is not None and seen != wanted:
        rule = f"must have the hash that was noted, {wanted}"
        raise InputError(rule, file=file, field=f"entry {number}", value=seen)
    print_result({"entries": seq, "hash": last}, as_json=as_json)


def _expectation(text: str | None) -> tuple[int | None, str | None]:
    from traffic.errors import InputError

    if text is None:
        return None, None
    number, _, wanted = text.partition(":")
    if not number.isdigit() or len(wanted) != 64:
        raise InputError("must be a number of an entry, a colon and its hash", field="--expect", value=text)
    return int(number), wanted

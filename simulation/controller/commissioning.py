"""Commissioning: what a controller is told of its junction before it is left to itself.

This is the one module of the controller that knows the junctions and plans of `signals`. What it writes is read again, and its
local schedule passes the last gate, before anybody gets it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from signals.junction import GroupKind
from signals.schedule_wire import day_types_to_list
from signals.wire import plan_to_dict
from simulation.controller.days import local_programme
from simulation.controller.reading import items, json_value, record
from simulation.controller.tables import FORMAT, FORMAT_VERSION, Kind, Tables, read_tables
from traffic.errors import InputError
from traffic.files import replacing

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence

    from signals.junction import Junction, SignalGroup
    from signals.schedule import Schedule

__all__ = [
    "bare_tables",
    "commissioned",
    "file_name",
    "read_credentials",
    "read_folder",
    "read_keys",
    "with_keys",
    "write_credentials",
    "write_tables",
]

_KINDS = {GroupKind.VEHICLE: Kind.VEHICLE, GroupKind.PEDESTRIAN: Kind.PEDESTRIAN}
_SUFFIX = ".tables.json"


def commissioned(
    junction: Junction,
    schedule: Schedule,
    row: int,
    *,
    time_zone: str,
    backup_s: int,
    keys: Sequence[Mapping[str, Any]] = (),
) -> Tables:
    """Return the tables of the controller of `junction`.

    Parameters
    ----------
    schedule
        What it runs when it hears nothing.
    row
        Of the junction in the plan sets of `schedule`.
    backup_s
        Seconds of silence after which it does so.
    keys
        Public keys (JWK) of the service.
    """
    plans = [plan_to_dict(plans[row]) | {"name": plans.name} for plans in schedule.plan_sets]
    local = {"plans": plans, "day_types": day_types_to_list(schedule)}
    tables = _tables(junction, local, time_zone, backup_s, keys)
    local_programme(tables)
    return tables


def bare_tables(junction: Junction, *, time_zone: str, backup_s: int = 1) -> Tables:
    """Return the tables of the controller of `junction`, for the gate alone: without schedule and keys."""
    return _tables(junction, {"plans": [], "day_types": []}, time_zone, backup_s, ())


def _tables(
    junction: Junction,
    schedule: Mapping[str, Any],
    time_zone: str,
    backup_s: int,
    keys: Sequence[Mapping[str, Any]],
) -> Tables:
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "junction": junction.key,
        "digest": junction.digest,
        "time_zone": time_zone,
        "backup_s": backup_s,
        "cycle_min_s": junction.cycle_min_s,
        "cycle_max_s": junction.cycle_max_s,
        "groups": [_group(group) for group in junction.groups],
        "conflict": junction.conflict.tolist(),
        "intergreen_s": junction.intergreen_s.tolist(),
        "schedule": schedule,
        "keys": [dict(key) for key in keys],
    }
    return Tables.from_dict(json.loads(json.dumps(document)))


def _group(group: SignalGroup) -> dict[str, Any]:
    return {
        "name": group.name,
        "kind": str(_KINDS[GroupKind(group.kind)]),
        "min_green_s": group.min_green_s,
        "max_green_s": group.max_green_s,
        "flashing_green_s": group.flashing_green_s,
        "yellow_s": group.yellow_s,
        "red_amber_s": group.red_amber_s,
    }


def file_name(junction: str) -> str:
    """Return the name of the file with the tables of a junction."""
    return f"{quote(junction, safe='')}{_SUFFIX}"


def write_tables(tables: Iterable[Tables], folder: Path) -> None:
    """Write a file for each controller; the folder is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in tables:
        content = json.dumps(one.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
        with replacing(folder / file_name(one.junction)) as draft:
            draft.write_text(content + "\n", encoding="utf-8")


def read_folder(folder: Path, junctions: Sequence[str] = ()) -> list[Tables]:
    """Read the tables of all controllers in a folder, or of some junctions."""
    if not folder.is_dir():
        hint = "Make it with `jasyl controller commission`"
        raise InputError("must be a folder with tables", file=folder, hint=hint)
    paths = [folder / file_name(key) for key in junctions] or sorted(folder.glob(f"*{_SUFFIX}"))
    found = [read_tables(path) for path in paths]
    if not found:
        hint = "Make them with `jasyl controller commission`"
        raise InputError("must have tables of a controller", file=folder, hint=hint)
    for path, tables in zip(paths, found, strict=True):
        if path.name != file_name(tables.junction):
            raise InputError("must be the tables of its name", file=path, value=tables.junction)
    return found


def read_keys(path: str | os.PathLike[str]) -> list[Mapping[str, Any]]:
    """Read a JWK set of public keys; a file with a private one is refused."""
    try:
        values = record(json_value(path), ("keys",), "file", others=True)
        keys = [
            record(key, ("kty", "crv", "x"), "keys", others=True) for key in items(values["keys"], "keys")
        ]
    except InputError as error:
        raise InputError(
            error.rule, file=path, field=error.field, value=error.value, hint=error.hint
        ) from error
    if any("d" in key for key in keys):
        raise InputError("must be public keys only", file=path, field="keys", hint="Keep private keys secret")
    return keys


def write_credentials(path: Path, credentials: Mapping[str, str]) -> None:
    """Write what controllers are known by, for nobody else to read."""
    with replacing(path) as draft:
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(dict(credentials), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def with_keys(tables: Tables, jwks: object) -> Tables:
    """Return tables that trust the keys of a JWK set."""
    keys = items(record(jwks, ("keys",), "keys", others=True)["keys"], "keys")
    return Tables.from_dict(tables.to_dict() | {"keys": keys})


def read_credentials(path: str | os.PathLike[str], junctions: Sequence[str] = ()) -> dict[str, str]:
    """Read what controllers are known by: an object from junctions to credentials. They are shown in no error.

    Parameters
    ----------
    junctions
        Those that must have one.
    """
    values = record(json_value(path), (), "file", others=True)
    for key in junctions:
        if key not in values:
            hint = "Register the controller with `jasyl controller register`"
            raise InputError("must have a credential of each junction", file=path, field=key, hint=hint)
    for key, credential in values.items():
        if not isinstance(credential, str) or not credential:
            raise InputError("must be text", file=path, field=key)
    return dict(values)

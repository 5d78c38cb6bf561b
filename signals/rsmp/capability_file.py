"""Capability files, TOML or JSON, and the values in them."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

from signals.rsmp.capability import Band, Capability, SiteGroup, StoredPlan
from signals.rsmp.members import Members
from signals.wire import read_document
from traffic.errors import InputError

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "capability_from",
    "capability_text",
    "capability_to_dict",
    "read_capability",
]

FORMAT = "jasyl-rsmp-capability"
FORMAT_VERSION = 1

_HINT = "The format is told in docs/rsmp.md"
_MOST = 10**9

_SITE = (
    *("format", "format_version", "site", "component", "junction", "sxl", "security"),
    *("groups", "intergreens", "plans", "counter_epoch_s"),
)
_PLAN = (
    *("number", "stages", "base_s", "cycle_s", "cycle_range_s", "offset_s", "offset_settable"),
    *("counter_s", "remainder", "bands"),
)
_BAND = ("number", "stage", "min_s", "max_s")


def read_capability(path: str | os.PathLike[str]) -> Capability:
    """Read a capability file; its name ends with ``.toml`` or ``.json``."""
    file = Path(path)
    if file.suffix == ".json":
        return read_document(file, capability_from, hint=_HINT)
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        return capability_from(document)
    except FileNotFoundError:
        raise InputError("must be a file that exists", file=file, hint="Check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        rule = "must be a readable file in UTF-8"
        raise InputError(rule, file=file, field="file content", value=str(error), hint=_HINT) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(
            "must be TOML", file=file, field="file content", value=str(error), hint=_HINT
        ) from error
    except InputError as error:
        raise InputError(
            error.rule, file=file, field=error.field, value=error.value, hint=error.hint or _HINT
        ) from error


def capability_from(document: object) -> Capability:
    """Return the capability that plain values describe, or raise `InputError`."""
    values = Members(document, "capability", only=_SITE)
    if values.value("format") != FORMAT:
        raise InputError(f"must be {FORMAT!r}", field="format", value=values.value("format"))
    version = values.value("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise InputError(f"must be {FORMAT_VERSION}", field="format_version", value=version)
    intergreens: dict[tuple[str, str], int] = {}
    for pair, seconds in values.items("intergreens", _intergreen, only=("from", "to", "seconds")):
        if pair in intergreens:
            raise InputError("must be given once", field="intergreens", value=pair)
        intergreens[pair] = seconds
    return Capability(
        site=values.text("site"),
        component=values.text("component"),
        junction=values.text("junction"),
        sxl=values.text("sxl"),
        security=values.text("security"),
        groups=values.items("groups", _group, only=("name", "component")),
        intergreens=intergreens,
        plans=values.items("plans", _plan, only=_PLAN),
        counter_epoch_s=_number(values, "counter_epoch_s", 0),
    )


def capability_text(capability: Capability) -> str:
    """Return `capability` as TOML, a line for each group, intergreen and value of a plan."""
    values = capability_to_dict(capability)
    lines = [f"{name} = {_toml(value)}" for name, value in values.items() if not isinstance(value, list)]
    for name in ("groups", "intergreens"):
        rows = "".join(f"  {_toml(row)},\n" for row in values[name])
        lines.append(f"\n{name} = [\n{rows}]")
    for plan in values["plans"]:
        lines += ["\n[[plans]]", *(f"{name} = {_toml(value)}" for name, value in plan.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_toml(item)}" for name, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def capability_to_dict(capability: Capability) -> dict[str, Any]:
    """Return `capability` as plain values."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "site": capability.site,
        "component": capability.component,
        "junction": capability.junction,
        "sxl": capability.sxl,
        "security": capability.security,
        "counter_epoch_s": capability.counter_epoch_s,
        "groups": [{"name": group.name, "component": group.component} for group in capability.groups],
        "intergreens": [
            {"from": ends, "to": starts, "seconds": seconds}
            for (ends, starts), seconds in capability.intergreens.items()
        ],
        "plans": [_plan_to_dict(plan) for plan in capability.plans],
    }


def _plan_to_dict(plan: StoredPlan) -> dict[str, Any]:
    optional = {
        "cycle_range_s": None if plan.cycle_range_s is None else list(plan.cycle_range_s),
        "remainder": plan.remainder,
    }
    return {
        "number": plan.number,
        "stages": [sorted(stage) for stage in plan.stages],
        "base_s": list(plan.base_s),
        "cycle_s": plan.cycle_s,
        "offset_s": plan.offset_s,
        "offset_settable": plan.offset_settable,
        "counter_s": plan.counter_s,
        "bands": [{name: getattr(band, name) for name in _BAND} for band in plan.bands],
        **{name: value for name, value in optional.items() if value is not None},
    }


def _group(row: Members) -> SiteGroup:
    return SiteGroup(row.text("name"), row.text_or_empty("component"))


def _intergreen(row: Members) -> tuple[tuple[str, str], int]:
    return (row.text("from"), row.text("to")), _number(row, "seconds")


def _plan(row: Members) -> StoredPlan:
    stages = tuple(frozenset(_texts(row, "stages", names)) for names in _list(row, "stages"))
    limits = _numbers(row, "cycle_range_s") if "cycle_range_s" in row else None
    if limits is not None and len(limits) != 2:
        raise InputError(
            "must be the shortest and the longest", field=row.field("cycle_range_s"), value=limits
        )
    return StoredPlan(
        number=_number(row, "number"),
        stages=stages,
        base_s=_numbers(row, "base_s"),
        cycle_s=_number(row, "cycle_s"),
        cycle_range_s=None if limits is None else (limits[0], limits[1]),
        offset_s=_number(row, "offset_s", 0),
        offset_settable=row.flag("offset_settable") if "offset_settable" in row else False,
        counter_s=_number(row, "counter_s", 0),
        remainder=_number(row, "remainder") if "remainder" in row else None,
        bands=row.items("bands", _band, only=_BAND) if "bands" in row else (),
    )


def _band(row: Members) -> Band:
    number, stage, least, most = (_number(row, name) for name in _BAND)
    return Band(number, stage, least, most)


def _number(row: Members, name: str, default: int | None = None) -> int:
    if default is not None and name not in row:
        return default
    return _whole(row.value(name), row.field(name))


def _numbers(row: Members, name: str) -> tuple[int, ...]:
    return tuple(_whole(value, row.field(name)) for value in _list(row, name))


def _whole(value: object, field: str) -> int:
    if type(value) is not int or abs(value) > _MOST:
        raise InputError("must be a whole number", field=field, value=value)
    return value


def _list(row: Members, name: str) -> list[Any]:
    value = row.value(name)
    if not isinstance(value, list):
        raise InputError("must be a list", field=row.field(name), value=value)
    return value


def _texts(row: Members, name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InputError("must be lists of the names of groups", field=row.field(name), value=value)
    if len(set(value)) != len(value):
        raise InputError("must not name a group twice in a stage", field=row.field(name), value=value)
    return value

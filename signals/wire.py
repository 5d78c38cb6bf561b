"""Plans as JSON: pure conversions to and from plain values, and files that are written whole or not at all.

::

    {"format": "jasyl-plans", "format_version": 1, "name": "...", "network": "...",
     "plans": [{"junction": "osm:1", "digest": "...", "name": "", "version": 1, "cycle_s": 60, "offset_s": 12,
                "stages": [{"groups": ["N-TR", "S-TR"], "duration_s": 35}, ...]}, ...]}

The digest says for which junction data the plan was made; where these have changed, the plan is refused.
"""

from __future__ import annotations

import json
from collections import Counter
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from signals.plan import Plan, PlanSet, Stage
from traffic.errors import InputError
from traffic.files import replacing

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from signals.junction import Junction

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "headed",
    "listed",
    "members",
    "plan_from_dict",
    "plan_to_dict",
    "plans_from_dict",
    "plans_to_dict",
    "read_document",
    "read_plans",
    "write_document",
    "write_plans",
]

FORMAT = "jasyl-plans"
FORMAT_VERSION = 1

_Read = TypeVar("_Read")

_HINT = "Give a file that `jasyl optimize` has written"

_FILE_KEYS = ("format", "format_version", "name", "network", "plans")
_PLAN_KEYS = ("junction", "digest", "name", "version", "cycle_s", "offset_s", "stages")
_STAGE_KEYS = ("groups", "duration_s")


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """Return `plan` as plain values."""
    names = plan.sequence.names()
    return {
        "junction": plan.junction.key,
        "digest": plan.junction.digest,
        "name": plan.name,
        "version": plan.version,
        "cycle_s": plan.cycle_s,
        "offset_s": plan.offset_s,
        "stages": [
            {"groups": list(groups), "duration_s": duration}
            for groups, duration in zip(names, plan.durations_s, strict=True)
        ],
    }


def plan_from_dict(document: object, junctions: Mapping[str, Junction]) -> Plan:
    """Return the plan that `document` describes, or raise `InputError`.

    Parameters
    ----------
    junctions
        The junctions that plans may be for, by key.
    """
    values = members(document, _PLAN_KEYS, "plan")
    key = values["junction"]
    junction = junctions.get(key) if isinstance(key, str) else None
    if junction is None:
        hint = _did_you_mean(key, junctions)
        raise InputError(
            "must be the key of a junction of the network", field="junction", value=key, hint=hint
        )
    junction.require_digest(values["digest"], f"junction {key}, digest")
    if not isinstance(values["name"], str):
        raise InputError("must be text", field=f"junction {key}, name", value=values["name"])
    stages, durations = [], []
    for position, stage in enumerate(listed(values["stages"], f"junction {key}, stages")):
        where = f"junction {key}, stage {position + 1}"
        row = members(stage, _STAGE_KEYS, where)
        names = listed(row["groups"], f"{where}, groups")
        groups = [junction.group_index(name) for name in names]
        if len(set(groups)) != len(groups):
            raise InputError("must not name a group twice", field=f"{where}, groups", value=names)
        stages.append(Stage(frozenset(groups)))
        durations.append(row["duration_s"])
    return Plan(
        junction=junction,
        cycle_s=values["cycle_s"],
        offset_s=values["offset_s"],
        stages=tuple(stages),
        durations_s=tuple(durations),
        name=values["name"],
        version=values["version"],
    )


def plans_to_dict(plans: PlanSet) -> dict[str, Any]:
    """Return `plans` as plain values."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": plans.name,
        "network": plans.network_name,
        "plans": [plan_to_dict(plan) for plan in plans],
    }


def headed(
    document: object, keys: Sequence[str], form: str, version: int, *, hints: tuple[str, str]
) -> dict[str, Any]:
    """Return the members of a document, which must be of a format and version.

    Parameters
    ----------
    hints
        What to do about another format, and about another version.
    """
    values = members(document, keys, "file")
    if values["format"] != form:
        raise InputError(f"must be {form!r}", field="format", value=values["format"], hint=hints[0])
    given = values["format_version"]
    if type(given) is not int or given != version:
        rule = f"must be {version}, the version that this release reads"
        raise InputError(rule, field="format_version", value=given, hint=hints[1])
    return values


def plans_from_dict(document: object, junctions: Sequence[Junction]) -> PlanSet:
    """Return the plan set that `document` describes: one safe plan for each of `junctions`.

    Raises
    ------
    InputError
        For anything that is misspelt, missing, unknown, made for other data, or unsafe.
    """
    values = headed(
        document, _FILE_KEYS, FORMAT, FORMAT_VERSION, hints=(_HINT, "Optimise again with this release")
    )
    for field in ("name", "network"):
        if not isinstance(values[field], str):
            raise InputError("must be text", field=field, value=values[field])
    by_key = {junction.key: junction for junction in junctions}
    found: dict[str, Plan] = {}
    for position, row in enumerate(listed(values["plans"], "plans")):
        plan = _placed(position, row, by_key)
        if plan.junction.key in found:
            rule = "must be the only plan of its junction"
            raise InputError(rule, field=f"plans[{position}].junction", value=plan.junction.key)
        found[plan.junction.key] = plan
    missing = [key for key in by_key if key not in found]
    if missing:
        hint = f"Add the missing {len(missing)}, or optimise again for this network"
        raise InputError("must hold a plan for every junction", field="plans", value=missing[0], hint=hint)
    plans = tuple(found[junction.key] for junction in junctions)
    return PlanSet(name=values["name"], network_name=values["network"], plans=plans)


def write_plans(plans: PlanSet, path: str | os.PathLike[str]) -> None:
    """Write `plans` as JSON; equal plans give equal bytes."""
    write_document(plans_to_dict(plans), path)


def write_document(document: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write plain values as JSON, the whole file or none of it; equal values give equal bytes."""
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    with replacing(path) as draft:
        draft.write_text(text + "\n", encoding="utf-8")


def read_plans(path: str | os.PathLike[str], junctions: Sequence[Junction]) -> PlanSet:
    """Read the plans of `junctions`; see `plans_from_dict` for what is refused."""
    return read_document(path, lambda document: plans_from_dict(document, junctions), hint=_HINT)


def read_document(path: str | os.PathLike[str], convert: Callable[[object], _Read], *, hint: str) -> _Read:
    """Return what `convert` makes of a JSON file; errors name the file."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("must be a file that exists", file=file, hint="Check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        rule = "must be a readable file in UTF-8"
        raise InputError(rule, file=file, field="file content", value=str(error), hint=hint) from error
    try:
        document = json.loads(text, object_pairs_hook=_unique)
        return convert(document)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError("must be JSON", file=file, field=where, value=error.msg, hint=hint) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists within lists
        raise InputError(
            "must be JSON", file=file, field="file content", value=str(error), hint=hint
        ) from error
    except InputError as error:
        raise InputError(
            error.rule, file=file, field=error.field, value=error.value, hint=error.hint
        ) from error


def _placed(position: int, row: object, junctions: Mapping[str, Junction]) -> Plan:
    try:
        return plan_from_dict(row, junctions)
    except InputError as error:
        field = f"plans[{position}]: {error.field}" if error.field else f"plans[{position}]"
        raise InputError(error.rule, field=field, value=error.value, hint=error.hint) from error


def members(document: object, keys: Sequence[str], where: str) -> dict[str, Any]:
    """Return `document` if it is an object with exactly `keys`."""
    if not isinstance(document, dict):
        raise InputError("must be an object", field=where, value=document, hint=_HINT)
    for key in document:
        if key not in keys:
            hint = _did_you_mean(key, keys)
            raise InputError("must be a known key", field=where, value=key, hint=hint)
    for key in keys:
        if key not in document:
            raise InputError(f"must have the key {key!r}", field=where, value=sorted(document))
    return document


def listed(value: object, where: str) -> list[Any]:
    """Return `value` if it is a list."""
    if not isinstance(value, list):
        raise InputError("must be a list", field=where, value=value)
    return value


def _did_you_mean(word: object, known: Mapping[str, object] | Sequence[str]) -> str:
    close = get_close_matches(str(word), list(known), n=1)
    some = ", ".join(list(known)[:7])
    return f"Did you mean {close[0]!r}?" if close else f"Known are {some}{', ...' if len(known) > 7 else ''}"


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise InputError("must not give a key twice", field=twice)
    return document

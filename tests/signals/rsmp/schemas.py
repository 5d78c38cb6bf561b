"""Validators of whole messages by the published schemas, where the folder of real data has them.

The schemas of 3.2 point to parts of 3.1 that are not in that folder. These parts stand here in our own words, from the
specification: the same members, the same types.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

_BASE = "https://rsmp.invalid/"
_DEFS = "../3.1.2/definitions.json#/"
_ID = {"$ref": f"{_DEFS}message_id"}
_TIME = {"$ref": f"{_DEFS}timestamp"}
_COMPONENT = {"$ref": f"{_DEFS}component_id"}
_TEXT = {"type": "string"}
_QUALITY = {"enum": ["recent", "old", "undefined", "unknown"]}
_S0023 = r"^((\d{1,2}-\d{1,2}-\d{1,2})(,\d{1,2}-\d{1,2}-\d{1,2})*)?$"


def _rows(properties: dict[str, Any], *, closed: bool = True, least: int = 0) -> dict[str, Any]:
    row = {"type": "object", "properties": properties, "required": list(properties)}
    return {
        "type": "array",
        "minItems": least,
        "items": {**row, **({"additionalProperties": False} if closed else {})},
    }


def _message(**properties: Any) -> dict[str, Any]:
    return {"properties": properties, "required": list(properties)}


_VERSION = {"$ref": f"{_DEFS}version"}
_STATUS = {"sCI": {"$ref": f"{_DEFS}status_code"}, "n": _TEXT}
_COMMAND = {"cCI": {"$ref": f"{_DEFS}command_code"}, "n": _TEXT}
_NAMES = _message(mId=_ID, cId=_COMPONENT, sS=_rows(_STATUS, least=1))
_ALARM = {"required": ["mId", "cId", "aCId", "xACId", "aSp"]}

_PARTS: dict[str, dict[str, Any]] = {
    "3.1.2/definitions": {
        "message_id": {
            "type": "string",
            "pattern": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-4[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$",
        },
        "timestamp": {
            "type": "string",
            "pattern": r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        },
        "integer": {"type": "string", "pattern": "^-?[0-9]+$"},
        "boolean": {"enum": ["True", "False"]},
        "version": {"type": "string", "pattern": r"^[0-9]{1,2}\.[0-9]{1,2}(\.[0-9]{1,2})?"},
        "component_id": _TEXT,
        "command_code": {"type": "string", "pattern": "^M"},
        "status_code": {"type": "string", "pattern": "^S"},
        "alarm_code": {"type": "string", "pattern": "^A"},
        "integer_list": {"type": "string", "pattern": "^-?[0-9]+(,-?[0-9]+)*$"},
        "boolean_list": {"type": "string", "pattern": "^(True|False)(,(True|False))*$"},
        "string_list": _TEXT,
    },
    "3.1.2/message_ack": _message(oMId=_ID),
    "3.1.2/message_not_ack": {"properties": {"oMId": _ID, "rea": _TEXT}, "required": ["oMId"]},
    "3.1.2/version": _message(
        mId=_ID,
        RSMP={**_rows({"vers": _VERSION}, least=1), "uniqueItems": True},
        SXL=_VERSION,
        siteId={**_rows({"sId": {"type": "string", "minLength": 1}}, least=1), "uniqueItems": True},
    ),
    "3.1.2/watchdog": _message(mId=_ID, wTs=_TIME),
    "3.1.3/aggregated_status": _message(
        mId=_ID,
        aSTS=_TIME,
        fP={"type": ["string", "null"]},
        fS={"type": ["string", "null"]},
        se={"type": "array", "minItems": 8, "maxItems": 8, "items": {"type": "boolean"}},
    ),
    "3.1.5/aggregated_status_request": _message(mId=_ID, cId=_COMPONENT),
    "3.1.2/command_request": _message(
        mId=_ID, cId=_COMPONENT, arg=_rows({**_COMMAND, "cO": _TEXT, "v": {}}, closed=False, least=1)
    ),
    "3.1.2/command_response": _message(
        mId=_ID, cId=_COMPONENT, cTS=_TIME, rvs=_rows({**_COMMAND, "v": {}, "age": _QUALITY})
    ),
    "3.1.2/status_request": _NAMES,
    "3.1.2/status_unsubscribe": _NAMES,
    "3.1.5/status_subscribe": _message(
        mId=_ID,
        cId=_COMPONENT,
        sS=_rows({**_STATUS, "uRt": {"$ref": f"{_DEFS}integer"}, "sOc": {"type": "boolean"}}, least=1),
    ),
    "3.1.2/alarm_suspend_resume": _ALARM,
    "3.1.5/alarm_request": _ALARM,
}


def _loaded(text: str, *, mended: bool) -> Any:
    def hook(value: dict[str, Any]) -> dict[str, Any]:
        pattern = value.get("pattern")
        if isinstance(pattern, str) and "(?<item>" in pattern:
            return {**value, "pattern": _S0023}  # recursion, which this language of patterns lacks
        if mended and value.get("required") == ["q"]:
            unknown = {"enum": ["undefined", "unknown"]}
            both = [{"required": [name], "properties": {name: unknown}} for name in ("q", "age")]
            return {"anyOf": both}
        return value

    return json.loads(text, object_hook=hook)


@cache
def validator(folder: Path, core: str, sxl: str, *, mended: bool = False) -> Draft7Validator:
    """Return what checks a message by core and signal exchange list.

    Parameters
    ----------
    mended
        The schemas of commands look for the quality of a value in ``q``, but a response has it in ``age``: they
        refuse the null that the specification wants for a component that does not exist. Mended, they look in both.
    """
    resources = []
    for path in folder.rglob("*.json"):
        contents = _loaded(path.read_text(encoding="utf-8"), mended=mended)
        uri = _BASE + path.relative_to(folder).as_posix()
        resources.append((uri, Resource.from_contents(contents, default_specification=DRAFT7)))
    for name, contents in _PARTS.items():
        resources.append(
            (f"{_BASE}core/{name}.json", Resource.from_contents(contents, default_specification=DRAFT7))
        )
    registry = Registry().with_resources(resources)
    both = [{"$ref": f"{_BASE}core/{core}/rsmp.json"}, {"$ref": f"{_BASE}tlc/{sxl}/rsmp.json"}]
    return Draft7Validator({"allOf": both}, registry=registry)

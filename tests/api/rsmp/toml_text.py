"""Capabilities as TOML, for tests: the product only reads them."""

from __future__ import annotations

import json
from typing import Any

from signals.rsmp.capability import Capability
from signals.rsmp.capability_file import capability_to_dict


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def capability_text(capability: Capability) -> str:
    """Return the content of a capability file."""
    return "".join(f"{key} = {_value(value)}\n" for key, value in capability_to_dict(capability).items())

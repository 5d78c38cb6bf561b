"""What commands that read timing plans of other formats share: the plans that are safe, and why others are refused."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from signals.plan import Plan
    from traffic.errors import InputError

__all__ = ["reasons", "write_read_plans"]


def write_read_plans(plans: Sequence[Plan], name: str, network: str, path: Path) -> None:
    """Write the plans that were read; junctions whose plan was refused have none."""
    from signals.wire import FORMAT, FORMAT_VERSION, plan_to_dict
    from traffic.files import replacing

    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": name,
        "network": network,
        "plans": [plan_to_dict(plan) for plan in plans],
    }
    with replacing(path) as draft:
        draft.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def reasons(refused: Mapping[str, InputError], *, as_json: bool, tables: bool = False) -> list[object]:
    """Return why each plan was refused, as objects or as sentences.

    Parameters
    ----------
    tables
        Whether the input is several files, so that each reason names its own.
    """
    return [(_told if as_json else _sentence)(key, error, tables=tables) for key, error in refused.items()]


def _told(key: str, error: InputError, *, tables: bool) -> dict[str, object]:
    value = None if error.value is None else str(error.value)
    file: dict[str, object] = {"file": error.file} if tables else {}
    told = {"field": error.field, "value": value, "rule": error.rule, "hint": error.hint}
    return {"junction": key, **file, **told}


def _sentence(key: str, error: InputError, *, tables: bool) -> str:
    file = [PurePath(error.file).name] if tables and error.file else []
    got = "" if error.value is None else f" (got {error.value})"
    hint = f". {error.hint}" if error.hint else ""
    return f"{': '.join([key, *file, str(error.field)])}: {error.rule}{got}{hint}"

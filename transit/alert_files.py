"""Alerts from files that people write: TOML, JSON or CSV.

TOML and JSON hold a list ``alert``; CSV has a row for each thing that an alert is about, and rows of one key make one alert.
Times without an offset from UTC are of the time zone of the timetable.
"""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from traffic.errors import InputError
from transit.realtime.alerts import Alert, Informed

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

__all__ = ["read_alerts"]

_FIELDS = ("key", "header", "description", "cause", "effect", "active", "informed")
_ABOUT = ("route", "trip", "stop", "agency")
_MOST_S = 100_000_000_000  # as milliseconds that is 1973: nobody means so late a second
_COLUMNS = ("key", "header", "description", "language", "cause", "effect", "from", "to", *_ABOUT)


def read_alerts(path: str | os.PathLike[str], zone: str) -> tuple[Alert, ...]:
    """Read alerts.

    Parameters
    ----------
    path
        A file that ends in ``.toml``, ``.json`` or ``.csv``.
    zone
        IANA name of the time zone of times without an offset.

    Raises
    ------
    InputError
        That names the file, the field with the key of its alert, the value and the rule.
    """
    file = Path(path)
    kind = file.suffix.lower()
    if kind not in {".toml", ".json", ".csv"}:
        raise InputError("must end in .toml, .json or .csv", file=file, field="file name", value=file.name)
    text = _text(file)
    try:
        rows = _csv_rows(text) if kind == ".csv" else _listed(_document(text, kind))
        return tuple(_alert(row, number, zone) for number, row in enumerate(rows, start=1))
    except InputError as error:
        raise InputError(
            error.rule, file=file, field=error.field, value=error.value, hint=error.hint
        ) from error


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError("must be a file that exists", file=file, hint="Check the path") from None
    except UnicodeDecodeError as error:
        hint = "Save it as UTF-8"
        raise InputError("must be in UTF-8", file=file, value=str(error.reason), hint=hint) from error
    except OSError as error:
        raise InputError("must be a file that can be read", file=file, value=error.strerror) from error


def _document(text: str, kind: str) -> Any:
    try:
        return tomllib.loads(text) if kind == ".toml" else json.loads(text)
    except (tomllib.TOMLDecodeError, json.JSONDecodeError, RecursionError) as error:
        name = kind.removeprefix(".").upper()
        raise InputError(f"must be {name}", field="file content", value=str(error)[:200]) from error


def _listed(document: Any) -> list[Mapping[str, Any]]:
    rows = document.get("alert") if isinstance(document, Mapping) else document
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        hint = "In TOML each alert begins with [[alert]]; in JSON it is an object in the list alert"
        raise InputError("must be a list of alerts", field="alert", value=type(rows).__name__, hint=hint)
    return rows


def _csv_rows(text: str) -> list[Mapping[str, Any]]:
    """Return the alerts of a table, by key in the order in which they come."""
    table = csv.DictReader(StringIO(text, newline=""))
    _known(table.fieldnames or (), _COLUMNS, "header", "column")
    found: dict[str, dict[str, Any]] = {}
    for row in table:
        line = f"line {table.line_num}"
        if None in row or None in row.values():
            value = ",".join(str(part) for part in row.values() if part is not None)[:80]
            raise InputError(
                f"must have {len(table.fieldnames or ())} values, as the header", field=line, value=value
            )
        cells = {name: value.strip() for name, value in row.items()}
        key = cells.get("key", "")
        if not key:
            raise InputError("must be given", field=f"{line}, key")
        alert = found.setdefault(
            key, {"key": key, "header": {}, "description": {}, "active": [], "informed": []}
        )
        _merge(alert, cells, line)
    return list(found.values())


def _merge(alert: dict[str, Any], cells: Mapping[str, str], line: str) -> None:
    """Add a row to its alert: what is said twice must be the same."""
    language = cells.get("language", "")
    for name in ("header", "description"):
        text = cells.get(name, "")
        if text and alert[name].setdefault(language, text) != text:
            raise InputError("must be one text for each language", field=f"{line}, {name}", value=text)
    for name in ("cause", "effect"):
        value = cells.get(name, "")
        if value and alert.setdefault(name, value) != value:
            raise InputError("must be the same in all rows of an alert", field=f"{line}, {name}", value=value)
    period = {name: cells[name] for name in ("from", "to") if cells.get(name)}
    if period and period not in alert["active"]:
        alert["active"].append(period)
    about = {name: cells[name] for name in _ABOUT if cells.get(name)}
    if about and about not in alert["informed"]:
        alert["informed"].append(about)


def _alert(row: Mapping[str, Any], number: int, zone: str) -> Alert:
    key = row.get("key")
    if not isinstance(key, str) or not key:
        raise InputError("must be a text", field=f"alert {number}.key", value=key)
    place = f"alert {key}"
    _known(row, _FIELDS, place, "field")
    return Alert(
        key,
        _translated(row.get("header"), f"{place}.header"),
        tuple(
            _informed(each, f"{place}.informed")
            for each in _entries(row.get("informed"), f"{place}.informed")
        ),
        _translated(row.get("description") or {}, f"{place}.description"),
        _word(row, "cause", place, "UNKNOWN_CAUSE"),
        _word(row, "effect", place, "UNKNOWN_EFFECT"),
        tuple(
            _period(each, f"{place}.active", zone) for each in _entries(row.get("active"), f"{place}.active")
        ),
    )


def _known(names: Iterable[str], known: Sequence[str], place: str, what: str) -> None:
    for name in names:
        if name not in known:
            hint = f"Known are {', '.join(known)}"
            raise InputError(f"must be a {what} of alerts", field=place, value=name, hint=hint)


def _entries(value: Any, place: str) -> list[Mapping[str, Any]]:
    rows = [] if value is None else [value] if isinstance(value, Mapping) else value
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise InputError("must be a list of tables", field=place, value=value)
    return rows


def _translated(value: Any, place: str) -> dict[str, str]:
    """Return texts by language; a text by itself is of any."""
    texts = {"": value} if isinstance(value, str) else value
    if not isinstance(texts, Mapping):
        hint = 'Write "text", or { kk = "...", ru = "..." }'
        raise InputError("must be a text, or texts by language", field=place, value=value, hint=hint)
    for language, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise InputError("must be a text", field=f"{place}.{language}" if language else place, value=text)
    return dict(texts)


def _word(row: Mapping[str, Any], name: str, place: str, default: str) -> str:
    value = row.get(name, default)
    if not isinstance(value, str):
        raise InputError("must be a name of the specification", field=f"{place}.{name}", value=value)
    return value.upper()


def _informed(row: Mapping[str, Any], place: str) -> Informed:
    _known(row, _ABOUT, place, "field")
    for name, value in row.items():
        if not isinstance(value, str) or not value:
            hint = "Identifiers of the timetable are texts: put them in quotation marks"
            raise InputError("must be a text", field=f"{place}.{name}", value=value, hint=hint)
    return Informed(**row)


def _period(row: Mapping[str, Any], place: str, zone: str) -> tuple[int | None, int | None]:
    _known(row, ("from", "to"), place, "field")
    start_s, end_s = (_moment(row.get(name), f"{place}.{name}", zone) for name in ("from", "to"))
    return start_s, end_s


def _moment(value: Any, place: str, zone: str) -> int | None:
    if value is None:
        return None
    try:
        found = value if isinstance(value, int) and not isinstance(value, bool) else _of_clock(value, zone)
    except (TypeError, ValueError, OverflowError):
        found = -1
    if not 0 <= found < _MOST_S:
        hint = 'Write it as "2026-11-30 08:00", with or without an offset from UTC, or in POSIX seconds'
        raise InputError("must be a time after 1970", field=place, value=str(value), hint=hint)
    return found


def _of_clock(value: Any, zone: str) -> int:
    """Return the POSIX second of a time, or of the begin of a day, in the time zone unless it says its offset."""
    moment = datetime.fromisoformat(value.isoformat() if isinstance(value, date) else value)
    placed = moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))
    return int(placed.astimezone(UTC).timestamp())

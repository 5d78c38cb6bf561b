"""The session that the documentation shows is one: in order, acknowledged, by the schemas, without secrets."""

from __future__ import annotations

import json
from pathlib import Path

from signals.rsmp.messages import Identified, Version, Watchdog
from signals.rsmp.reading import message_from
from signals.rsmp.sxl import check
from tests.signals.rsmp.samples import CODES
from tests.signals.rsmp.schemas import validator

_FILE = Path(__file__).resolve().parents[3] / "docs" / "rsmp" / "session.jsonl"


def _lines() -> list[tuple[str, dict[str, object]]]:
    rows = [json.loads(line) for line in _FILE.read_text(encoding="utf-8").splitlines()]
    return [(row["from"], row["message"]) for row in rows]


def test_it_reads_and_everything_is_acknowledged_by_the_other_side():
    sent: dict[str, set[str]] = {"site": set(), "supervisor": set()}
    acknowledged: dict[str, set[str]] = {"site": set(), "supervisor": set()}
    for side, document in _lines():
        message = message_from(document)
        if isinstance(message, Identified):
            assert message.id not in sent[side]
            sent[side].add(message.id)
            if not isinstance(message, Version | Watchdog):
                check(message, "1.2.1")
        else:
            assert document["type"] == "MessageAck"
            acknowledged[side].add(message.of)
    assert acknowledged["site"] == sent["supervisor"]
    assert acknowledged["supervisor"] == sent["site"]


def test_it_begins_as_the_specification_says_and_prepares_before_it_activates():
    kinds = [(side, document["type"]) for side, document in _lines()]
    assert kinds[:3] == [("site", "Version"), ("supervisor", "MessageAck"), ("supervisor", "Version")]
    commands = [row["cCI"] for _, document in _lines() for row in document.get("arg", ())]
    assert list(dict.fromkeys(commands)) == ["M0018", "M0014", "M0015", "M0002"]


def test_it_shows_no_security_code():
    text = _FILE.read_text(encoding="utf-8")
    assert CODES.level_1.reveal() not in text
    assert CODES.level_2.reveal() not in text


def test_it_passes_the_schemas(shared_data):
    for _, document in _lines():
        validator(shared_data / "rsmp", "3.2.2", "1.2.1").validate(document)

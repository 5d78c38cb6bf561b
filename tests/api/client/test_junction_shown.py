"""What `jasyl junction show` says of a junction: when its versions begin and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.client.models import Junction
from api.commands.junction import _print

if TYPE_CHECKING:
    import pytest


def test_a_version_is_shown_with_when_it_begins_and_ends(capsys: pytest.CaptureFixture[str]) -> None:
    begins, ends = "2026-11-28T07:00:00.000Z", "2026-11-29T07:00:00.000Z"
    version = {"version": 2, "plan_set": "set-2", "activated": True, "begins_at": begins, "until": ends}
    waits = {"version": 3, "plan_set": "set-3", "activated": False, "begins_at": None, "until": None}
    numbers = {"junction": "a", "name": "a", "digest": "d", "sequence": 1, "last_version": 3}
    slots = {"base": {"current": version, "pending": waits}}
    _print(Junction.model_validate({**numbers, "slots": slots, "hold": None, "order": None}), as_json=False)
    shown = capsys.readouterr().out
    assert f"version 2 of set-2, begins {begins}, ends {ends}\n" in shown
    assert "version 3 of set-3\n" in shown

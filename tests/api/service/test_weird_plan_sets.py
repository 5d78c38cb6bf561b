"""Plan sets with a value of another kind in any place: refused with a rule, or taken where it is one that may stand there."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest

from api.settings import RateLimits
from tests.api.service.centres import Service, serving
from tests.api.service.test_plan_sets import document

if TYPE_CHECKING:
    from pathlib import Path

WHY = {"why": "test"}
_WEIRD: list[Any] = [None, True, 0, -1, 2**80, 1.5, "", "x" * 5000, "\x00", [], {}, [[]], {"a": 1}, [None]]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Yield every place of a document."""
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        yield (*path, key)
        yield from _places(inner, (*path, key))


def _changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = json.loads(json.dumps(document))
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_no_value_in_any_place_of_a_plan_set_is_a_failure_of_ours(tmp_path: Path, every: int) -> None:
    small = {**document(), "plans": document()["plans"][:1]}
    entries = [{"from": "00:00", "plans": "day", "transition": "shortway"}]
    days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    schedule = {
        "format": "jasyl-schedule",
        "format_version": 1,
        "name": "week",
        "network": small["network"],
        "plan_sets": [{"name": "day", "plans": small["plans"]}],
        "day_types": [{"name": "every day", "days": days, "entries": entries}],
    }

    async def test(service: Service) -> None:
        for whole in (small, schedule):
            good = await service.ask("POST", "/plan-sets", {"document": whole, **WHY}, who="engineer")
            assert good.status_code == 201, good.text
            for path, weird in list(itertools.product(_places(whole), _WEIRD))[::every]:
                body = {"document": _changed(whole, path, weird), **WHY}
                answer = await service.ask("POST", "/plan-sets", body, who="engineer")
                assert answer.status_code in {201, 422}, (path, weird, answer.text)
                assert len(answer.content) < 10_000

    serving(tmp_path, test, rate_limits=RateLimits(engineer="100000/second"))

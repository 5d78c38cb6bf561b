"""Lists by pages: everything once, whatever comes and goes between two pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.api.service.centres import Service, serving
from tests.api.service.test_plan_sets import document, keys

if TYPE_CHECKING:
    from pathlib import Path

WHY = {"why": "test"}


async def _page(service: Service, path: str, limit: int, cursor: str | None = None) -> tuple[list[Any], Any]:
    join = "&" if "?" in path else "?"
    query = f"{join}limit={limit}" + ("" if cursor is None else f"&cursor={cursor}")
    found = await service.done("GET", f"{path}{query}", who="admin")
    following = found.pop("next")
    (rows,) = found.values()
    return rows, following


async def _all(service: Service, path: str, limit: int) -> list[Any]:
    rows, cursor = await _page(service, path, limit)
    while cursor is not None:
        more, cursor = await _page(service, path, limit, cursor)
        rows += more
    return rows


def test_pages_of_any_size_give_the_same_list(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(*keys()[:5])
        for _ in range(5):  # at the same instant of the clock
            new = {"document": document(), **WHY}
            await service.done("POST", "/plan-sets", new, who="engineer", status=201)
        for path, count in (
            ("/junctions", len(keys())),
            ("/controllers", 5),
            ("/tokens", 4),
            ("/plan-sets", 5),
        ):
            whole = await _all(service, path, 1000)
            assert len(whole) == count
            for limit in (1, 2, count):
                assert await _all(service, path, limit) == whole
        entries = await service.done("GET", "/ledger?limit=1000", who="viewer")
        assert [entry["seq"] for entry in entries["entries"]] == list(range(1, service.centre.ledger.seq + 1))
        assert entries["next"] is None
        some = await service.done("GET", "/ledger?after=2&limit=3", who="viewer")
        assert ([entry["seq"] for entry in some["entries"]], some["next"]) == ([3, 4, 5], 5)
        none = await service.done("GET", f"/ledger?after={2**53}", who="viewer")
        assert none == {"entries": [], "next": None}
        found = await service.done("GET", "/ledger/verification", who="viewer")
        last = entries["entries"][-1]["hash"]
        assert found == {"entries": len(entries["entries"]), "hash": last, "snapshot": None}

    serving(tmp_path, test)


def test_what_comes_and_goes_between_two_pages_moves_nothing_else(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(*keys()[1:7:2])  # 2, 4, 6
        first, cursor = await _page(service, "/controllers", 2)
        listed = [row["junction"] for row in first]
        assert listed == sorted(keys()[1:7:2])[:2]
        await service.done("POST", f"/controllers/{listed[1]}/revoke", WHY, who="admin", status=204)
        await service.register(keys()[0], keys()[6])  # one before the cursor, and one after it
        second, cursor = await _page(service, "/controllers", 2, cursor)
        assert [row["junction"] for row in second] == [keys()[5], keys()[6]]
        assert cursor is None
        new = {"document": document(), **WHY}
        made = []
        for _ in range(4):
            made.append((await service.done("POST", "/plan-sets", new, who="engineer", status=201))["id"])
            service.clock.wait(seconds=1)
        first, cursor = await _page(service, "/plan-sets?state=draft", 2)
        assert [row["id"] for row in first] == made[:2]
        for identifier in made[1:3]:  # the one that the cursor names is no draft any more
            await service.done("POST", f"/plan-sets/{identifier}/withdraw", WHY, who="engineer")
        made.append((await service.done("POST", "/plan-sets", new, who="engineer", status=201))["id"])
        rest, cursor = await _page(service, "/plan-sets?state=draft", 2, cursor)
        assert ([row["id"] for row in rest], cursor) == ([made[3], made[4]], None)

    serving(tmp_path, test)


def test_a_cursor_that_is_none(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        for path in ("/plan-sets", "/junctions", "/controllers", "/tokens", "/alarms"):
            for cursor in ("%", "a", "!!!!", "_____w", "é", "x" * 2001):
                found = await service.ask("GET", f"{path}?cursor={cursor}", who="admin")
                assert found.status_code == 422
                assert found.json()["field"] in {"cursor", "query.cursor"}

    serving(tmp_path, test)

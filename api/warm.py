"""Kernels are compiled in the background at start; the service is ready when they are."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.child import kill_group, start_python
from api.context import Context
from api.logs import logger

__all__ = ["warm_kernels"]

_COMPILE = "from simulation.warmup import compile_kernels\ncompile_kernels()"


@asynccontextmanager
async def warm_kernels(context: Context) -> AsyncIterator[asyncio.Task[None]]:
    """Compile what is not in the cache, in a process of its own, for as long as the service runs or until it is done."""
    state: dict[str, str | None] = {"missing": "are being compiled"}
    context.readiness.register("kernels", lambda: state["missing"])
    work = asyncio.create_task(_compile(state))
    try:
        yield work
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _compile(state: dict[str, str | None]) -> None:
    process = await start_python(["-c", _COMPILE], stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
    try:
        _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            kill_group(process)
            await process.wait()
    if process.returncode == 0:
        state["missing"] = None
        logger("service").info("kernels are ready")
        return
    state["missing"] = "could not be compiled"
    told = errors.decode("utf-8", "replace")[-2000:]
    logger("service").error("kernels could not be compiled", exit_code=process.returncode, errors=told)

"""Checks of the whole ledger, for auditors. It is read from the first entry on, so those who ask meanwhile share one check."""

from __future__ import annotations

import asyncio
from typing import Any

from api.store.ledger import Ledger
from api.store.replay import Verified

__all__ = ["Audit"]


class Audit:
    """Checks a ledger, once at a time.

    Parameters
    ----------
    ledger
        What is checked.
    """

    def __init__(self, ledger: Ledger[Any]) -> None:
        self._ledger = ledger
        self._running: asyncio.Task[Verified] | None = None

    async def verified(self) -> Verified:
        """Return what was found of the chain.

        Raises
        ------
        LedgerDamaged
            When it is not whole.
        """
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._ledger.verify())
        return await asyncio.shield(self._running)  # who goes away ends it for nobody else

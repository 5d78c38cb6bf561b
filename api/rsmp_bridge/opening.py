"""The bridge as the service opens it: by the settings, and the capability files of the data folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from api.logs import logger
from api.rsmp_bridge.bridge import Around, Bridge
from api.rsmp_bridge.files import read_sites
from api.rsmp_bridge.sites import Sites
from api.rsmp_server import RsmpSettings
from api.settings import Settings, is_loopback
from api.tls import server_tls

__all__ = ["served_sites"]

# A site that has not followed yet is told again, so that what is ordered meanwhile need not wait behind it.
_ACTIVATION_S, _MODE_S = 5.0, 10.0


@asynccontextmanager
async def served_sites(settings: Settings, around: Around) -> AsyncIterator[Bridge]:
    """Serve the RSMP sites of the data folder inside the block; nothing listens where no site may connect."""
    folder, centre = settings.data_folder / "rsmp", around.centre
    files = await asyncio.to_thread(read_sites, folder, centre.city.junctions) if settings.rsmp else []
    sites = Sites(files, centre, time_zone=settings.time_zone, clock=around.clock)
    for row in sites.files:
        if row.problem is not None:
            logger("rsmp").error("capability file cannot be used", file=str(row.file), problem=row.problem)
    if files:
        centre.limits = sites
    tls = server_tls(
        settings.rsmp_tls_cert, settings.rsmp_tls_key, settings.rsmp_tls_client_ca, prefix="rsmp_"
    )
    bridge = Bridge(
        sites,
        around,
        folder,
        settings=RsmpSettings(
            host=settings.rsmp_host, port=settings.rsmp_port, activation_s=_ACTIVATION_S, mode_s=_MODE_S
        ),
        context=tls,
        silent_after=timedelta(seconds=settings.silent_after_s),
    )
    if not sites.by_id:
        yield bridge
        return
    if tls is None and not is_loopback(settings.rsmp_host):
        logger("rsmp").warning("RSMP without TLS: whoever is on the network can read security codes")
    async with bridge.running():
        yield bridge

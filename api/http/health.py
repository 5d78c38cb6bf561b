"""Whether the service lives, whether it is ready, and its figures."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.http.problems import Problem
from api.http.routing import problems, unversioned

__all__ = ["Check", "Readiness", "health_router"]

Check = Callable[[], str | None]
"""Returns what is missing, or `None` where nothing is; must return at once."""


class Readiness:
    """What has to be there before requests are sent here."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def register(self, name: str, check: Check) -> None:
        """Add what must be ready; of one name the last holds."""
        self._checks[name] = check

    def missing(self) -> dict[str, str]:
        """Return what is not ready, each with the reason."""
        told = {name: check() for name, check in self._checks.items()}
        return {name: reason for name, reason in told.items() if reason is not None}


class Health(BaseModel):
    """The state of the service."""

    status: str = Field(examples=["live"])


def health_router(
    readiness: Readiness,
    metrics: Callable[[], bytes] | None,
    media_type: str,
    require_reader: Callable[[Request], None],
) -> APIRouter:
    """Return the routes of health.

    Parameters
    ----------
    metrics
        Gives the figures; `None`: they are not shown.
    require_reader
        Raises unless whoever asks may see the figures.
    """
    router = unversioned("health")

    @router.get("/health/live")
    async def live() -> Health:
        """Tell that the process answers. It says nothing of what the process needs."""
        return Health(status="live")

    @router.get("/health/ready", responses=problems(503))
    async def ready() -> Health:
        """Tell whether requests may be sent here: kernels are compiled, stores are open."""
        missing = readiness.missing()
        if missing:
            value = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
            raise Problem(503, "must be ready", field="service", value=value, headers={"Retry-After": "2"})
        return Health(status="ready")

    if metrics is not None:

        @router.get(
            "/metrics",
            response_class=Response,
            responses={
                200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
                **problems(401, 403),
            },
        )
        async def figures(request: Request) -> Response:
            """Return counts and latencies for Prometheus. From other machines, with a token that may read."""
            require_reader(request)
            return Response(metrics(), media_type=media_type)

    return router

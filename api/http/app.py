"""The web application: one list of routes, one stack of guards, every error a problem."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import compile_path

from api.context import Context, opened
from api.http.bodies import Bodies
from api.http.guards import may_see_figures
from api.http.headers import Cors, ResponseHeaders
from api.http.health import health_router
from api.http.limits import HostCheck, Hosts, Limiters, RateLimits
from api.http.openapi import STYLE_HASH, document, operations, page
from api.http.polls import QuietPolls
from api.http.problems import install_problems
from api.http.routing import VERSION_PREFIX
from api.http.telemetry import trace_requests
from api.logs import AccessLog

__all__ = ["create_app"]

_PAGE_POLICY = f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"


def create_app(context: Context) -> FastAPI:
    """Return the application that answers in `context`."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with opened(context):
            yield

    app = FastAPI(
        title="Jasyl",
        version=version("jasyl"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    install_problems(app, lambda path: _allowed(app, path), context.unavailable)
    metrics = context.metrics
    app.include_router(
        health_router(
            context.readiness,
            metrics.text if context.settings.metrics else None,
            metrics.media_type,
            may_see_figures,
        )
    )
    for router in context.routers:
        app.include_router(router)
    _add_documentation(app)
    _add_guards(app, context)
    if context.settings.telemetry:
        context.openers.insert(0, trace_requests(app))
    return app


def _add_guards(app: FastAPI, context: Context) -> None:
    """Put the guards before the routes; what is added last is asked first."""
    hosts = Hosts(context.settings)
    limiters = Limiters(context.settings.rate_limits.model_dump(), time.monotonic)
    app.add_middleware(Bodies, settings=context.settings)
    app.add_middleware(RateLimits, context=context, limiters=limiters)
    app.add_middleware(Cors, context=context)
    app.add_middleware(HostCheck, hosts=hosts)
    app.add_middleware(ResponseHeaders, context=context)
    app.add_middleware(AccessLog, context=context)
    app.add_middleware(QuietPolls, context=context, hosts=hosts, limiters=limiters)


def _add_documentation(app: FastAPI) -> None:
    async def as_json() -> JSONResponse:
        return JSONResponse(document(app))

    async def as_page() -> HTMLResponse:
        return HTMLResponse(page(document(app)), headers={"Content-Security-Policy": _PAGE_POLICY})

    app.get(f"{VERSION_PREFIX}/openapi.json", include_in_schema=False)(as_json)
    app.get(f"{VERSION_PREFIX}/docs", include_in_schema=False, response_class=HTMLResponse)(as_page)
    app.openapi = lambda: document(app)  # type: ignore[method-assign]


def _allowed(app: FastAPI, path: str) -> Iterable[str]:
    """Return the methods that a path has routes for; one without parameters comes before those with."""
    found = [
        (template, method)
        for template, method, _ in operations(document(app))
        if compile_path(template)[0].match(path)
    ]
    exact = [method for template, method in found if template == path]
    return exact or [method for _, method in found]

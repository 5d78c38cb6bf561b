"""Traces for OpenTelemetry, where the settings switch them on and its packages are there."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api.context import Context, Opener
from traffic.errors import InputError

__all__ = ["trace_requests"]


def trace_requests(app: FastAPI) -> Opener:
    """Send a trace of each request to where the variables of OpenTelemetry (``OTEL_...``) say.

    Returns
    -------
    Opener
        Sends what has not been sent when the service stops.

    Raises
    ------
    InputError
        Where the packages are missing.
    """
    try:
        instrumentation = importlib.import_module("opentelemetry.instrumentation.fastapi")
        exporter = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
    except ImportError as error:
        hint = "Install them with: pip install 'jasyl[telemetry]'; or set telemetry = false"
        raise InputError(
            "needs the packages of OpenTelemetry", field="telemetry", value=error.name, hint=hint
        ) from None
    provider = sdk.TracerProvider(resource=resources.Resource.create({"service.name": "jasyl"}))
    provider.add_span_processor(export.BatchSpanProcessor(exporter.OTLPSpanExporter()))
    # Probes and figures would be most of all traces.
    instrumentation.FastAPIInstrumentor.instrument_app(
        app, tracer_provider=provider, excluded_urls="/health/.*,/metrics"
    )

    @asynccontextmanager
    async def sending(_context: Context) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.to_thread(provider.shutdown)

    return sending

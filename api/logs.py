"""Logs: one line for each thing that happened, for people or for programs, without a secret in it."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.context import Context, caller_of
from api.http.problems import ProblemResponse, problem_of
from api.masking import mask, masked_values
from api.settings import Settings
from signals.texts import escaped

__all__ = ["AccessLog", "configure_logs", "logger", "route_of"]

_SAFE_ID = re.compile(rb"[A-Za-z0-9_.\-]{8,64}")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_CLIENT_GONE = 499


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a part of the service."""
    made: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"jasyl.{name}")
    return made


def configure_logs(settings: Settings, stream: TextIO | None = None) -> None:
    """Send every log line, those of libraries too, masked to `stream`; default: standard error."""
    target = sys.stderr if stream is None else stream
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask_values,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_renderers(settings, target),
            _mask_line,
        ],
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[settings.log_level])
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio", "concurrent"):
        joined = logging.getLogger(name)
        joined.handlers.clear()
        joined.setLevel(logging.NOTSET)
        joined.propagate = True
    # Ours say the same, with who and how long.
    logging.getLogger("uvicorn.access").disabled = True


def _renderers(settings: Settings, target: TextIO) -> list[Any]:
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not target.isatty())
    if as_json:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    plain = structlog.dev.plain_traceback  # the others show the variables of every frame
    return [structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=plain)]


def _mask_values(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask by name, leave out what only colours a terminal, and let no value begin a line of its own."""
    event.pop("color_message", None)
    masked = masked_values(event)
    return {name: escaped(value) if isinstance(value, str) else value for name, value in masked.items()}


def _mask_line(_logger: object, _method: str, line: Any) -> str:
    """Mask by look, in the finished line, so that nothing gets around it."""
    return mask(str(line))


class AccessLog:
    """Numbers each request, logs and counts its answer, and turns what nobody caught into a problem."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context
        self._log = logger("access")
        self._listened = logging.getLogger("jasyl.access")
        self._failures = logger("failure")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        encoded_id = request_id.encode("ascii")
        status = 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", encoded_id)]
            await send(message)

        began = time.perf_counter()
        self._context.metrics.began()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, seen)
            except Exception as error:
                self._failures.exception("request failed", path=scope["path"])
                if status:  # half an answer is out: only the end of the connection can tell
                    raise
                await ProblemResponse(*problem_of(error))(scope, receive, seen)
            finally:
                self._tell(scope, status or _CLIENT_GONE, time.perf_counter() - began)

    def _request_id(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == b"x-request-id" and _SAFE_ID.fullmatch(value):
                return str(value.decode("ascii"))
        return self._context.new_id()

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        self._context.metrics.answered(scope["method"], route_of(scope), status, seconds)
        # Polls that bring nothing new are most of all requests.
        quiet = status == 304 or (status < 400 and scope["path"].startswith(("/health/", "/metrics")))
        level = logging.DEBUG if quiet else logging.INFO
        if not self._listened.isEnabledFor(level):
            return
        caller = caller_of(scope)
        self._log.log(
            level,
            "answered",
            method=scope["method"],
            path=scope["path"],
            status=status,
            ms=round(seconds * 1e3, 2),
            actor=caller.name if caller else None,
            client=(scope.get("client") or (None,))[0],
        )


def route_of(scope: Scope) -> str:
    """Return the template of the route that a request went to, or ``unmatched``."""
    return str(getattr(scope.get("route"), "path_format", "unmatched"))

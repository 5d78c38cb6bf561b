"""Errors as answers: every one is an RFC 9457 problem in ``application/problem+json``.

::

    InputError                        422, with field, value and rule
    RefusedError                           409 or 403
    Problem                           any status, where HTTP itself is what is wrong
    Starlette's and FastAPI's errors  their status
    what `install_problems` is told   503
    StoreDamaged                      500, and a line in the log
    anything else                     500, without a word of what is inside
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.masking import mask
from api.store.errors import StoreDamaged
from traffic.errors import InputError, JasylError, RefusedError

__all__ = [
    "MEDIA_TYPE",
    "Problem",
    "ProblemResponse",
    "install_problems",
    "problem_of",
    "problem_response",
    "validation_problem",
]

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger("jasyl.failure")
_LONGEST_VALUE = 200
_LONGEST_MASKED = 10_000
"""How much of a value is looked through for secrets: more than is shown, so that none is shown by half."""
_MOST_ERRORS = 20
_UNIONS = ("union_tag_invalid", "union_tag_not_found")
_LENGTHS = {"too_short": ("at least", "min_length"), "too_long": ("at most", "max_length")}
_ROUTES = "The routes are at /v1/docs and in /v1/openapi.json"


class Problem(JasylError):  # noqa: N818 - what RFC 9457 calls it
    """A request that cannot be answered for a reason of HTTP's own: 401, 404, 412, 429 and so on.

    Parameters
    ----------
    status
        The HTTP status.
    rule
        What the request has to keep, as a sentence.
    headers
        Headers of the answer, such as ``Retry-After``.
    """

    def __init__(
        self,
        status: int,
        rule: str,
        *,
        field: str | None = None,
        value: object = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.rule, self.field, self.value, self.hint = status, rule, field, value, hint
        self.headers = dict(headers or {})
        super().__init__(rule if field is None else f"{field}: {rule}")

    def problem(self) -> dict[str, object]:
        """Return the members of the problem object."""
        members = {
            "type": "about:blank",
            "title": _title(self.status),
            "status": self.status,
            "detail": str(self),
            "field": self.field,
            "value": self.value,
            "rule": self.rule,
            "hint": self.hint,
        }
        return {name: value for name, value in members.items() if value is not None}


class ProblemResponse(Response):
    """A problem object as an answer."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Mapping[str, object], headers: Mapping[str, str] | None = None) -> None:
        status = problem["status"]
        assert isinstance(status, int)
        content = json.dumps(_plain(problem), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        super().__init__(content, status, {"Cache-Control": "no-store", **(headers or {})})


def problem_of(error: Exception) -> tuple[dict[str, object], dict[str, str]]:
    """Return the problem object of an error, and the headers that go with it."""
    if isinstance(error, Problem):
        return error.problem(), error.headers
    if isinstance(error, InputError | RefusedError) and not isinstance(error, StoreDamaged):
        return {**error.problem(), "title": _title(_status(error))}, {}
    if isinstance(error, RequestValidationError):
        return validation_problem(error.errors()), {}
    if isinstance(error, HTTPException):
        return _of_http(error)
    detail = "The service failed; its log tells more under the request id"
    return {"type": "about:blank", "title": _title(500), "status": 500, "detail": detail}, {}


def problem_response(error: Exception) -> ProblemResponse:
    """Return the answer to an error."""
    return ProblemResponse(*problem_of(error))


def install_problems(
    app: FastAPI,
    allowed: Callable[[str], Iterable[str]],
    unavailable: Sequence[type[Exception]] = (),
) -> None:
    """Make every error of `app` a problem.

    Parameters
    ----------
    allowed
        Gives the methods of a path, which several routes may share.
    unavailable
        Errors that say that something behind the service is away for now (503).
    """

    async def known(_request: Request, error: Exception) -> Response:
        return problem_response(error)

    async def no_route(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException) or error.detail != _title(404):
            return problem_response(error)
        rule = "must be that of a route"
        return problem_response(Problem(404, rule, field="path", value=request.url.path, hint=_ROUTES))

    async def wrong_method(request: Request, _error: Exception) -> Response:
        methods = ", ".join(sorted(allowed(request.url.path)))
        rule = f"must be one of this route: {methods}" if methods else "must be one of this route"
        headers = {"Allow": methods} if methods else {}
        problem = Problem(405, rule, field="method", value=request.method, hint=_ROUTES, headers=headers)
        return problem_response(problem)

    async def damaged(_request: Request, error: Exception) -> Response:
        _LOG.critical("What is stored cannot be used: %s", error, exc_info=error)
        return problem_response(error)

    async def away(_request: Request, _error: Exception) -> Response:
        rule = "must wait until what the service stands on is there again"
        return problem_response(Problem(503, rule, field="service", headers={"Retry-After": "1"}))

    for kind in (InputError, RefusedError, Problem, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, known)
    app.add_exception_handler(StoreDamaged, damaged)
    for absent in unavailable:
        app.add_exception_handler(absent, away)
    app.add_exception_handler(404, no_route)
    app.add_exception_handler(405, wrong_method)


def validation_problem(errors: Iterable[Any]) -> dict[str, object]:
    """Return the problem of values that break the rules of a schema, the first one first.

    Parameters
    ----------
    errors
        As pydantic tells them.
    """
    told = [_told(error) for error in list(errors)[:_MOST_ERRORS]]
    first = told[0]
    status = 400 if first["kind"] == "json_invalid" else 422
    place = first["field"]
    return {
        "type": "about:blank",
        "title": _title(status),
        "status": status,
        "detail": f"{place}: {first['rule']}",
        **{name: value for name, value in first.items() if name != "kind" and value is not None},
        "errors": [{name: error[name] for name in ("field", "value", "rule")} for error in told],
    }


def _told(error: Mapping[str, Any]) -> dict[str, object]:
    kind = str(error["type"])
    location = list(error["loc"])
    if kind == "json_invalid":
        rule = f"must be JSON: {error.get('ctx', {}).get('error', 'cannot be read')}"
        return {"kind": kind, "field": f"body, character {location[-1]}", "value": None, "rule": rule}
    said = dict(error.get("ctx", {}))
    if kind in _UNIONS:  # which of several kinds of bodies it is
        location.append(str(said["discriminator"]).strip("'"))
        rule = "must be given" if kind == "union_tag_not_found" else f"must be one of {said['expected_tags']}"
        return {"kind": kind, "field": _path(location), "value": said.get("tag"), "rule": rule}
    if kind in _LENGTHS:
        number = said[_LENGTHS[kind][1]]
        rule = f"must have {_LENGTHS[kind][0]} {number} {'item' if number == 1 else 'items'}"
        return {"kind": kind, "field": _path(location), "value": error.get("input"), "rule": rule}
    rule = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    rule = rule.replace("String should", "must").replace("Extra inputs are not permitted", "is no known key")
    rule = rule.replace("Field required", "must be given")
    value = None if kind == "missing" else error.get("input")
    return {"kind": kind, "field": _path(location), "value": value, "rule": rule}


def _path(location: Sequence[object]) -> str:
    """Return where a value stands: ``body.plans[0].cycle_s``, or the parameter's name."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _of_http(error: HTTPException) -> tuple[dict[str, object], dict[str, str]]:
    cause = error.__cause__
    if isinstance(cause, InputError | Problem):  # raised while FastAPI read the body, which it makes a 400
        return problem_of(cause)
    status = error.status_code
    detail = error.detail if isinstance(error.detail, str) else _title(status)
    return (
        {"type": "about:blank", "title": _title(status), "status": status, "detail": detail},
        dict(error.headers or {}),
    )


def _status(error: InputError | RefusedError) -> int:
    return error.status if isinstance(error, RefusedError) else 422


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _plain(value: object) -> Any:
    """Return `value` as JSON can hold it, and no longer than a person reads."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in list(value.items())[:_MOST_ERRORS]}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in list(value)[:_MOST_ERRORS]]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and abs(value) < 1 << 53:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    text = mask((value if isinstance(value, str) else repr(value))[:_LONGEST_MASKED])
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."

"""How routes are made: under ``/v1``, strict about what comes in, with problems in their documentation."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.http.problems import MEDIA_TYPE, Problem
from traffic.errors import InputError

__all__ = [
    "PROBLEM_NAMES",
    "VERSION_PREFIX",
    "Handler",
    "StrictRequest",
    "StrictRoute",
    "event_schema",
    "links",
    "operation_id",
    "problems",
    "router",
    "strict_json",
    "unversioned",
]

VERSION_PREFIX = "/v1"
"""What the path of every route of this version begins with."""

PROBLEM_NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    408: "RequestTimeout",
    409: "Conflict",
    412: "PreconditionFailed",
    413: "ContentTooLarge",
    415: "UnsupportedMediaType",
    421: "MisdirectedRequest",
    422: "UnprocessableContent",
    428: "PreconditionRequired",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
"""Names of the reusable responses of the OpenAPI document, by status."""

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that may answer with problems of these statuses."""
    return {status: {"$ref": f"#/components/responses/{PROBLEM_NAMES[status]}"} for status in statuses}


class StrictRequest(Request):
    """A request whose JSON means one thing only: UTF-8, each key once, finite numbers, whole characters."""

    async def json(self) -> Any:
        """Return the body."""
        if not hasattr(self, "_json"):
            self._json = strict_json(await self.body())
        return self._json


def strict_json(body: bytes) -> Any:
    """Return what `body` holds.

    Raises
    ------
    json.JSONDecodeError
        Where it is no JSON.
    InputError
        Where it is JSON that readers take differently.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        rule = "must be in UTF-8"
        raise Problem(400, rule, field=f"body, byte {error.start}", value=error.reason) from None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_finite, parse_float=_finite)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError("must be JSON that can be read", field="body", value=str(error)) from None
    if _SURROGATE.search(body):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise InputError("must hold whole characters, no half of a pair", field="body") from None
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        raise InputError("must not give a key twice", field="body", value=twice)
    return document


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InputError("must be a finite number", field="body", value=text)
    return number


class StrictRoute(APIRoute):
    """A route that refuses bodies of other types than JSON (415) and answers nobody can read (406)."""

    def get_route_handler(self) -> Handler:
        """Return what answers a request."""
        answer = self.answering(super().get_route_handler())
        has_body = self.body_field is not None
        produced = _media_types(self)
        gates = list(_gates(self.dependant))

        async def strict(request: Request) -> Response:
            for gate in gates:
                gate(request)
            headers = request.headers
            accept = headers.get("accept")
            if accept is not None and accept != "*/*" and not _acceptable(accept, produced):
                rule = f"must accept {' or '.join(produced)}"
                raise Problem(406, rule, field="Accept", value=accept)
            if has_body:
                _require_json(headers.get("content-type"))
                request = StrictRequest(request.scope, request.receive)
            return await answer(request)

        return strict

    def answering(self, answer: Handler) -> Handler:
        """Return what answers a request that was let in, of which the head alone has been read; kinds of routes differ in it."""
        return answer


def _gates(dependant: Dependant) -> Iterator[Callable[[Request], object]]:
    """Yield what a route's dependencies have to be asked before anything of a body is read."""
    gate = getattr(dependant.call, "before_reading", None)
    if gate is not None:
        yield gate
    for inner in dependant.dependencies:
        yield from _gates(inner)


def _media_types(route: APIRoute) -> tuple[str, ...]:
    """Return what a route answers with."""
    response_class: Any = getattr(route.response_class, "value", route.response_class)
    own = response_class.media_type
    described = route.responses.get(200, {}).get("content", {})
    return tuple(dict.fromkeys([own, *described] if own else described)) or ("application/json",)


def _acceptable(accept: str, produced: tuple[str, ...]) -> bool:
    """Return whether an ``Accept`` header allows one of the types that are produced."""
    for part in accept.split(","):
        kind, *parameters = (item.strip().lower() for item in part.split(";"))
        if any(re.fullmatch(r"q=0(\.0*)?", item) for item in parameters):
            continue
        if kind in {"*/*", ""} or kind in produced:
            return True
        if kind.endswith("/*") and any(own.startswith(kind[:-1]) for own in produced):
            return True
    return False


def _require_json(content_type: str | None) -> None:
    if content_type is None:
        return  # an empty body has no type; one without a type is told as a missing value
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not re.fullmatch(r"application/[\w.\-]+\+json", kind):
        raise Problem(415, "must be application/json", field="Content-Type", value=content_type)


def links(parameter: str, value: str, *operations: str) -> dict[str, Any]:
    """Return the ``links`` of an answer: what can be asked next with a value of it.

    Parameters
    ----------
    parameter
        Of the path of the operations.
    value
        Where it stands in the answer, as a JSON pointer.
    operations
        Their identifiers.
    """
    found = {"parameters": {f"path.{parameter}": f"$response.body#{value}"}}
    return {name: {"operationId": name, **found} for name in operations}


def event_schema(event: str, data: str) -> dict[str, Any]:
    """Return the schema of the events of a stream.

    Parameters
    ----------
    event
        What they are called.
    data
        What they hold.
    """
    return {
        "type": "object",
        "description": "An event of the stream.",
        "properties": {
            "id": {"type": "string", "description": "For `Last-Event-ID`."},
            "event": {"const": event},
            "data": {"type": "string", "description": data},
        },
    }


def operation_id(route: APIRoute) -> str:
    """Return the identifier of an operation: its name and its subject, the same from release to release."""
    subject = str(route.tags[0]) if route.tags else "service"
    return f"{subject}_{route.name}".replace(" ", "_").replace("-", "_")


def router(tag: str, prefix: str = "") -> APIRouter:
    """Return a router of this version for routes under `prefix`, shown under `tag`."""
    return APIRouter(
        prefix=f"{VERSION_PREFIX}{prefix}",
        tags=[tag],
        route_class=StrictRoute,
        generate_unique_id_function=operation_id,
    )


def unversioned(tag: str) -> APIRouter:
    """Return a router for what is no part of the versioned interface."""
    return APIRouter(tags=[tag], route_class=StrictRoute, generate_unique_id_function=operation_id)


def problem_examples() -> dict[str, Any]:
    """Return the reusable responses of the OpenAPI document, each with an example."""
    return {name: _response(status) for status, name in PROBLEM_NAMES.items()}


_EXAMPLES: dict[int, tuple[str | None, object, str]] = {
    400: ("body, character 12", None, "must be JSON: Expecting value"),
    401: ("Authorization", None, "must hold a valid token"),
    403: ("role", "viewer", "must be engineer"),
    404: ("junction", "osm:1", "must be a junction of the city"),
    405: (None, None, "Method Not Allowed"),
    406: ("Accept", "text/html", "must accept application/json"),
    408: ("body", None, "must arrive within 20 s"),
    409: ("version", 6, "must be the version that is pending"),
    412: ("If-Match", '"40"', "must be the present ETag"),
    413: ("body", 9_000_000, "must be at most 8388608 bytes"),
    415: ("Content-Type", "text/plain", "must be application/json"),
    421: ("Host", "elsewhere.example", "must be a name of this service"),
    422: ("body.plans[0].cycle_s", -1, "must be greater than or equal to 1"),
    428: ("If-Match", None, "must be given"),
    429: ("requests", "600/minute", "must be fewer"),
    500: (None, None, "The service failed; its log tells more under the request id"),
    503: ("service", "ledger: not open yet", "must be ready"),
}


def _response(status: int) -> dict[str, Any]:
    field, value, rule = _EXAMPLES[status]
    if field is None:
        example: dict[str, object] = {
            "type": "about:blank",
            "title": Problem(status, rule).problem()["title"],
            "status": status,
            "detail": rule,
        }
    else:
        example = Problem(status, rule, field=field, value=value).problem()
    schema = {"$ref": "#/components/schemas/Problem"}
    response: dict[str, Any] = {
        "description": str(example["title"]),
        "content": {MEDIA_TYPE: {"schema": schema, "example": example}},
    }
    if status in {429, 503}:
        about = "Seconds after which to ask again."
        response["headers"] = {"Retry-After": {"description": about, "schema": {"type": "integer"}}}
    return response

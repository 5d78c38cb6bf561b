"""The OpenAPI 3.1 document, and a page of our own that shows it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.http.problems import MEDIA_TYPE
from api.http.routing import problem_examples, problems

__all__ = ["STYLE_HASH", "document", "operations", "page"]

DESCRIPTION = """\
Plan sets come in, are checked and approved, and go to the controllers of a city; nothing is lost on the way.

Every error is a problem object (RFC 9457). The path carries the version; a route that will go is announced at least
180 days before by the headers `Deprecation` and `Sunset`. The time of the service is in each answer, `X-Jasyl-Time`.
"""

TAGS = [
    {"name": "health", "description": "Whether the service lives and is ready, and its figures."},
    {"name": "jobs", "description": "Optimisations and evaluations in worker processes."},
    {"name": "plan sets", "description": "Plan sets from draft to in force."},
    {"name": "junctions", "description": "What junctions have; who holds them, and what is ordered there."},
    {"name": "controllers", "description": "Credentials of controllers; what they fetch and report."},
    {"name": "alarms", "description": "What an operator must see."},
    {"name": "access", "description": "Tokens and their roles."},
    {"name": "ledger", "description": "Who has done what, when, and why; the keys that sign."},
]

# What any request may meet before its route is asked.
_ANYWHERE = (400, 406, 421, 429, 500)
_WITH_BODY = (408, 413, 415, 422)

_PROBLEM = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "The problem in a sentence."},
        "field": {"type": "string", "description": "What holds the offending value."},
        "value": {"description": "The offending value, shortened."},
        "rule": {"type": "string", "description": "The rule that was broken."},
        "hint": {"type": "string", "description": "What to do about it."},
        "errors": {
            "type": "array",
            "description": "All broken rules, where there are several.",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "value": {}, "rule": {"type": "string"}},
            },
        },
    },
}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of `app`, with its problems as reusable responses."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=DESCRIPTION,
            routes=app.routes,
            tags=TAGS,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        components = made.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Problem"] = _PROBLEM
        components["responses"] = problem_examples()
        for _, _, operation in operations(made):
            _complete(operation)
        app.openapi_schema = made
    return app.openapi_schema


def operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and operation of everything in the document."""
    for path, methods in made.get("paths", {}).items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def _complete(operation: dict[str, Any]) -> None:
    """Add the problems that an operation may answer with to those that it names."""
    responses = operation.setdefault("responses", {})
    checked = "requestBody" in operation or "parameters" in operation
    statuses = {*_ANYWHERE, *(_WITH_BODY if "requestBody" in operation else ())}
    if checked:
        statuses.add(422)
    else:
        responses.pop("422", None)
    if operation.get("security"):
        statuses |= {401, 403}
    for status, response in problems(*sorted(statuses)).items():
        responses[str(status)] = response
    for status, response in responses.items():
        if "$ref" in response:
            responses[status] = {"$ref": response["$ref"]}
    operation["responses"] = dict(sorted(responses.items()))


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f23}"
    "code{font-size:.95em}section{border-top:1px solid #d0d7de;padding:.5rem 0}"
    "b{display:inline-block;min-width:4.5rem}p{margin:.3rem 0;white-space:pre-line}"
    "@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}a{color:#79b8ff}}"
)
STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""What the content security policy of the page allows: its own style, and nothing else."""


def page(made: dict[str, Any]) -> str:
    """Return the document as a page that loads nothing."""
    rows = []
    for path, method, operation in operations(made):
        about = operation.get("description") or operation.get("summary") or ""
        statuses = ", ".join(operation["responses"])
        rows.append(
            f"<section><h3><b>{escape(method)}</b> <code>{escape(path)}</code></h3>"
            f"<p>{escape(about)}</p><p>Answers: {escape(statuses)}</p></section>"
        )
    title = escape(f"{made['info']['title']} {made['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1><p>{escape(made['info']['description'])}</p>"
        f'<p><a href="openapi.json">OpenAPI document</a>; problems are <code>{MEDIA_TYPE}</code></p>'
        f"{''.join(rows)}</body></html>"
    )

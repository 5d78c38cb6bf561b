"""The client against the OpenAPI document: every operation has a method, and arguments and answers agree."""

from __future__ import annotations

import inspect
import itertools
import types
import typing
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any

import jsonschema
import pytest
from pydantic import TypeAdapter

from api.client import AsyncJasylClient, JasylClient, calls
from api.client.call import Call
from api.client.models import Assignment, PlanSet
from api.http.app import create_app
from api.http.openapi import document, operations
from api.http.routes import ROUTERS
from api.jobs.model import EvaluateRequest, OptimizeRequest
from tests.api.service.services import made_context

if typing.TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 27, 7, 30, tzinfo=UTC)
PLANS = {"format": "jasyl-plans", "format_version": 1, "name": "a", "network": "corridor", "plans": []}
REPORTS = [{"number": 1, "kind": "status", "at": "2026-11-27T07:30:00Z", "data": {}}]
NAMED = {
    "document": PLANS,
    "reports": REPORTS,
    "groups": {"g": ["osm:1"]},
    "digest": "a" * 64,
    "job": "a1",
    "result": "accepted",
    "new": "A" * 43,
}
PLAIN: dict[type, Any] = {
    str: "osm:1",
    int: 5,
    float: 2.5,
    bool: True,
    datetime: AT,
    PlanSet: PlanSet.model_construct(revision=7),
    Assignment: Assignment.model_construct(tag='"1.1"'),
    OptimizeRequest: OptimizeRequest(seed=3, seconds=2.0),
}
STREAMS = {"stream_assignment": "assignments", "stream_job": "watch_job"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return dict(document(create_app(made_context(tmp_path_factory.mktemp("client"), *ROUTERS))))


def _functions() -> dict[str, Any]:
    return {
        name: made
        for name, made in vars(calls).items()
        if inspect.isfunction(made) and made.__module__ == calls.__name__ and not name.startswith("_")
    }


@cache
def _hints(name: str) -> dict[str, Any]:
    return typing.get_type_hints(_functions()[name])


def _value(name: str, argument: str) -> Any:
    """A value of the type that an argument has."""
    if argument in NAMED:
        return NAMED[argument]
    kind = _hints(name)[argument]
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    kind = next(option for option in options if option is not types.NoneType)
    if typing.get_origin(kind) is not None:
        (kind,) = typing.get_args(kind)
        return [next(iter(kind))]
    return next(iter(kind)) if issubclass(kind, Enum) else PLAIN[kind]


def _call(name: str, *, whole: bool) -> Call[Any]:
    """The call of a function with all its arguments, or with those that it needs."""
    parameters = inspect.signature(_functions()[name]).parameters.values()
    arguments = {
        parameter.name: _value(name, parameter.name)
        for parameter in parameters
        if whole or parameter.default is inspect.Parameter.empty
    }
    return typing.cast("Call[Any]", _functions()[name](**arguments))


def _names() -> list[str]:
    return sorted(_functions())


def _operation(made: dict[str, Any], call: Call[Any]) -> dict[str, Any]:
    return typing.cast("dict[str, Any]", made["paths"][call.route][call.method.lower()])


def test_every_operation_has_one_call_and_every_call_an_operation(made: dict[str, Any]) -> None:
    ours = sorted((_call(name, whole=False).route, _call(name, whole=False).method) for name in _names())
    assert ours == sorted((path, method) for path, method, _ in operations(made))


@pytest.mark.parametrize("client", [JasylClient, AsyncJasylClient])
def test_every_call_is_a_method_of_each_client(client: type) -> None:
    wanted = {STREAMS.get(name, name) for name in _names()}
    assert wanted <= set(vars(client))
    for name in set(_names()) - set(STREAMS):
        assert vars(client)[name]._make is getattr(calls, name)


def test_both_clients_have_the_same_methods() -> None:
    named = [{n for n in vars(c) if not n.startswith("_")} for c in (JasylClient, AsyncJasylClient)]
    assert named[0] == named[1]


@pytest.mark.parametrize("name", _names())
def test_parameters_and_headers_are_those_of_the_document(made: dict[str, Any], name: str) -> None:
    call = _call(name, whole=True)
    there = _operation(made, call).get("parameters", [])
    by_place = {
        place: {p["name"] for p in there if p["in"] == place} for place in ("path", "query", "header")
    }
    assert set(call.places) == by_place["path"]
    assert set(call.query) == by_place["query"]
    idempotency = {"Idempotency-Key"} if call.command else set()
    assert set(call.headers) | idempotency == by_place["header"]
    for parameter in there:
        given = {**call.places, **call.query, **call.headers}.get(parameter["name"])
        if given is not None:
            _check(made, parameter["schema"], given)


@pytest.mark.parametrize("name", _names())
def test_bodies_are_those_of_the_document(made: dict[str, Any], name: str) -> None:
    whole, least = _call(name, whole=True), _call(name, whole=False)
    there = _operation(made, whole).get("requestBody")
    if there is None:
        assert whole.body is None
        return
    schema = there["content"]["application/json"]["schema"]
    assert whole.body is not None
    for call in (whole, least):
        _check(made, schema, call.body)
    if "oneOf" not in schema:
        assert set(whole.body) == set(_resolved(made, schema)["properties"])


def test_a_job_to_evaluate_is_one_of_the_document(made: dict[str, Any]) -> None:
    call = calls.submit_job(EvaluateRequest(plans="a" * 64, scale=1.5))
    assert call.body == {"kind": "evaluate", "plans": "a" * 64, "scale": 1.5}
    _check(made, _operation(made, call)["requestBody"]["content"]["application/json"]["schema"], call.body)


@pytest.mark.parametrize("name", _names())
def test_answers_have_the_members_and_types_of_the_document(made: dict[str, Any], name: str) -> None:
    call = _call(name, whole=True)
    answers = _operation(made, call)["responses"]
    good = next(response for status, response in answers.items() if status[0] == "2")
    if call.answer is None:
        assert "content" not in good
        return
    kind, content = next(iter(good["content"].items()))
    schema = content["schema"]
    if kind == "text/event-stream":  # what an event holds is for its reader
        assert set(schema["properties"]) == {"id", "event", "data"}
        return
    if not schema:  # the assignment, which is given to the very byte
        return
    ours = TypeAdapter(call.answer).json_schema(mode="serialization")
    _same(ours, ours, made, schema, name)


def _check(made: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    whole = {**schema, "components": made["components"]}
    checker = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
    assert [error.message for error in checker.iter_errors(value)] == []


def _resolved(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        found: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def _options(root: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    schema = _resolved(root, schema)
    own = schema.get("anyOf") or schema.get("oneOf")
    return [_resolved(root, option) for option in own] if own else [schema]


def _same(
    ours: dict[str, Any], our: dict[str, Any], theirs: dict[str, Any], their: dict[str, Any], where: str
) -> None:
    """Require that two schemas describe the same; where the service says text, we may say an instant or fewer texts."""
    pairs = itertools.zip_longest(_options(ours, our), _options(theirs, their))
    for mine, other in pairs:
        assert mine is not None, where
        assert other is not None, where
        assert mine.get("type") == other.get("type"), where
        if "enum" in other:
            assert mine.get("enum") == other["enum"], where
        if "properties" in other:
            assert set(mine["properties"]) == set(other["properties"]), where
            for name, schema in other["properties"].items():
                _same(ours, mine["properties"][name], theirs, schema, f"{where}.{name}")
        if isinstance(other.get("additionalProperties"), dict):
            _same(ours, mine["additionalProperties"], theirs, other["additionalProperties"], f"{where}[]")
        if "items" in other:
            _same(ours, mine["items"], theirs, other["items"], f"{where}[]")


def test_a_route_that_the_client_does_not_know_is_found(tmp_path: Path) -> None:
    from api.http.routing import router

    extra = router("new", "/new")
    extra.get("")(lambda: None)
    made = document(create_app(made_context(tmp_path, *ROUTERS, extra)))
    with pytest.raises(AssertionError):
        test_every_operation_has_one_call_and_every_call_an_operation(made)

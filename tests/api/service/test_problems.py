"""Every error is a problem object, in ``application/problem+json``, with what a sender needs and nothing from inside."""

from __future__ import annotations

import time
from typing import Annotated

import pytest
from fastapi import Depends, Path
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

from api.http.app import create_app
from api.http.problems import Problem, problem_of, validation_problem
from api.http.routes.assignments import ReportsIn
from api.http.routing import PROBLEM_NAMES, problems, router, strict_json
from api.jobs import JobRequest
from tests.api.service.services import asked, captured_logs, made_context
from traffic.errors import InputError, JasylError, RefusedError


class Plan(BaseModel):
    cycle_s: int = Field(ge=1)
    share: float = 0.5


def _routes():
    made = router("plans", "/plans")

    @made.post("", responses=problems(409))
    async def post(plan: Plan) -> Plan:
        """Take a plan."""
        return plan

    @made.get("/{number}")
    async def get(number: Annotated[int, Path(ge=0)]) -> int:
        return number

    @made.delete("/{number}", dependencies=[Depends(HTTPBearer(scheme_name="bearer", auto_error=False))])
    async def delete(number: int) -> None:
        raise _ERRORS[number]

    return made


_ERRORS = [
    InputError("must be known", field="junction", value="osm:0", hint="Look at /v1/junctions"),
    RefusedError("must be held by you", field="junction", value="osm:1"),
    RefusedError("must be somebody else than the author", status=403),
    Problem(412, "must be the present ETag", field="If-Match", value='"3"'),
    Problem(429, "must be fewer", headers={"Retry-After": "7"}),
    HTTPException(404, "no such thing"),
    JasylError("redis://u:pa55word@h is away"),
    ZeroDivisionError("the secret is pa55word"),
]


def _is_problem(response, status):
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    return problem


def _asked(tmp_path, method, path, **options):
    context = made_context(tmp_path, _routes())
    return asked(context, lambda client: client.request(method, path, **options))


@pytest.mark.parametrize(
    ("number", "status", "members"),
    [
        (
            0,
            422,
            {"field": "junction", "value": "osm:0", "rule": "must be known", "hint": "Look at /v1/junctions"},
        ),
        (1, 409, {"field": "junction", "value": "osm:1", "rule": "must be held by you", "title": "Conflict"}),
        (2, 403, {"rule": "must be somebody else than the author", "title": "Forbidden"}),
        (3, 412, {"field": "If-Match", "value": '"3"', "title": "Precondition Failed"}),
        (4, 429, {"rule": "must be fewer"}),
        (5, 404, {"detail": "no such thing"}),
    ],
)
def test_errors_of_ours(tmp_path, number, status, members):
    problem = _is_problem(_asked(tmp_path, "DELETE", f"/v1/plans/{number}"), status)
    assert problem.items() >= members.items()


def test_headers_of_an_error_are_sent(tmp_path):
    assert _asked(tmp_path, "DELETE", "/v1/plans/4").headers["retry-after"] == "7"


def test_what_is_away_is_told_so_without_its_address(tmp_path):
    context = made_context(tmp_path, _routes())
    context.unavailable = (JasylError,)
    response = asked(context, lambda client: client.delete("/v1/plans/6"))
    _is_problem(response, 503)
    assert response.headers["retry-after"] == "1"
    assert "pa55word" not in response.text


@pytest.mark.parametrize("number", [6, 7])
def test_a_failure_tells_nothing_of_the_inside_but_its_number(tmp_path, number):
    context = made_context(tmp_path, _routes())
    with captured_logs(context.settings) as logs:
        response = asked(context, lambda client: client.delete(f"/v1/plans/{number}"))
    problem = _is_problem(response, 500)
    assert "pa55word" not in response.text
    assert type(_ERRORS[number]).__name__ not in response.text
    assert "log" in problem["detail"]
    assert response.headers["x-request-id"] in logs.getvalue()
    assert type(_ERRORS[number]).__name__ in logs.getvalue()


def test_a_value_of_a_body_that_breaks_a_rule(tmp_path):
    problem = _is_problem(_asked(tmp_path, "POST", "/v1/plans", json={"cycle_s": -3, "share": "x"}), 422)
    assert (problem["field"], problem["value"]) == ("body.cycle_s", -3)
    assert problem["rule"] == "must be greater than or equal to 1"
    assert [error["field"] for error in problem["errors"]] == ["body.cycle_s", "body.share"]


def test_a_missing_value_and_a_wrong_parameter(tmp_path):
    problem = _is_problem(_asked(tmp_path, "POST", "/v1/plans", json={}), 422)
    assert (problem["field"], problem["rule"]) == ("body.cycle_s", "must be given")
    problem = _is_problem(_asked(tmp_path, "GET", "/v1/plans/x"), 422)
    assert (problem["field"], problem["value"]) == ("path.number", "x")


_JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b'{"cycle_s": ', 400, "must be JSON"),
        (b"\xff\xfe", 400, "UTF-8"),
        ('{"cycle_s": 1}'.encode("utf-16"), 400, "UTF-8"),
        (b'{"cycle_s": 1, "cycle_s": 2}', 422, "twice"),
        (b'{"cycle_s": NaN}', 422, "finite"),
        (b'{"cycle_s": 1, "share": 1e999}', 422, "finite"),
        (b'{"cycle_s": 1, "name": "\\ud800"}', 422, "whole characters"),
        (b'{"cycle_s": ' + b"9" * 5000 + b"}", 422, "JSON that can be read"),
        (b"[" * 40 + b"]" * 40, 422, "deeper"),
        (b"", 422, "must be given"),
    ],
)
def test_bodies_that_mean_nothing_or_two_things(tmp_path, body, status, word):
    response = _asked(tmp_path, "POST", "/v1/plans", content=body, headers=_JSON)
    problem = _is_problem(response, status)
    assert word in problem["rule"]
    assert problem["field"].startswith("body")


def test_a_key_that_is_given_twice_is_found_in_one_reading():
    keys = [*range(100_000), 99_999]
    body = "{" + ",".join(f'"{key}":1' for key in keys) + "}"
    began = time.process_time()
    with pytest.raises(InputError) as caught:
        strict_json(body.encode())
    assert caught.value.value == "99999"
    assert time.process_time() - began < 5.0  # each compared with all others, it would be minutes


def test_a_pair_of_surrogates_is_one_character(tmp_path):
    response = _asked(
        tmp_path, "POST", "/v1/plans", content=b'{"cycle_s": 1, "x": "\\ud83d\\ude00"}', headers=_JSON
    )
    assert response.status_code == 200


def test_a_long_value_comes_back_shortened(tmp_path):
    response = _asked(tmp_path, "POST", "/v1/plans", json={"cycle_s": "x" * 10_000})
    assert _is_problem(response, 422)["value"].startswith("xxx")
    assert len(response.content) < 2000


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_other_types_than_json_are_refused(tmp_path, kind):
    response = _asked(tmp_path, "POST", "/v1/plans", content=b"x", headers={"Content-Type": kind})
    assert _is_problem(response, 415)["value"] == kind


def test_compressed_bodies_are_refused(tmp_path):
    headers = {**_JSON, "Content-Encoding": "gzip"}
    response = _asked(tmp_path, "POST", "/v1/plans", content=b"x", headers=headers)
    _is_problem(response, 415)
    assert response.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("text/html, application/xml;q=0.9", 406),
        ("text/html, */*;q=0.1", 200),
        ("application/*", 200),
        ("application/json", 200),
    ],
)
def test_answers_that_nobody_can_read(tmp_path, accept, status):
    response = _asked(tmp_path, "GET", "/v1/plans/1", headers={"Accept": accept})
    assert response.status_code == status
    if status == 406:
        assert _is_problem(response, 406)["field"] == "Accept"


def test_unknown_paths_and_methods(tmp_path):
    problem = _is_problem(_asked(tmp_path, "GET", "/v1/nothing"), 404)
    assert (problem["field"], problem["value"]) == ("path", "/v1/nothing")
    assert problem["rule"] == "must be that of a route"
    assert "/v1/docs" in problem["hint"]
    _is_problem(_asked(tmp_path, "GET", "/v1/plans/1/"), 404)
    response = _asked(tmp_path, "PUT", "/v1/plans/1")
    problem = _is_problem(response, 405)
    assert problem["field"] == "method"
    assert problem["rule"].startswith("must be one of this route: ")
    assert "/v1/docs" in problem["hint"]
    assert response.headers["allow"] == "DELETE, GET"


def test_every_status_has_a_title():
    for status in PROBLEM_NAMES:
        members, _ = problem_of(Problem(status, "rule"))
        assert members["title"] != "Error"


def test_the_document_names_the_problems_of_each_route(tmp_path):
    app = create_app(made_context(tmp_path, _routes()))
    made = app.openapi()
    assert made["openapi"].startswith("3.1")
    post = made["paths"]["/v1/plans"]["post"]
    assert post["responses"]["409"] == {"$ref": "#/components/responses/Conflict"}
    assert post["responses"]["422"] == {"$ref": "#/components/responses/UnprocessableContent"}
    assert {"400", "406", "408", "413", "415", "429", "500"} <= set(post["responses"])
    delete = made["paths"]["/v1/plans/{number}"]["delete"]
    assert delete["security"] == [{"bearer": []}]
    assert {"401", "403"} <= set(delete["responses"])
    assert "HTTPValidationError" not in made["components"]["schemas"]
    for name, response in made["components"]["responses"].items():
        (content,) = response["content"].values()
        assert content["example"]["status"] in {s for s, other in PROBLEM_NAMES.items() if other == name}


def test_the_document_and_its_page_load_nothing(tmp_path):
    context = made_context(tmp_path, _routes())

    async def both(client):
        return await client.get("/v1/openapi.json"), await client.get("/v1/docs")

    document, page = asked(context, both)
    assert document.json()["paths"]["/v1/plans"]
    assert "src=" not in page.text
    assert "<link" not in page.text
    assert "http" not in page.text.replace("http://localhost", "")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Take a plan." in page.text


def test_a_kind_that_is_not_known_and_a_list_that_is_empty_are_told_in_plain_words() -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(JobRequest).validate_python({"kind": "optimise"})
    problem = validation_problem(refused.value.errors())
    assert (problem["field"], problem["value"]) == ("kind", "optimise")
    assert problem["rule"] == "must be one of 'optimize', 'evaluate'"
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(JobRequest).validate_python({})
    problem = validation_problem(refused.value.errors())
    assert (problem["field"], problem["rule"]) == ("kind", "must be given")
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(ReportsIn).validate_python({"reports": []})
    problem = validation_problem(refused.value.errors())
    assert (problem["field"], problem["rule"]) == ("reports", "must have at least 1 item")

"""Logs: one line for each answer, and never a secret."""

from __future__ import annotations

import asyncio
import json
import logging
import time

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from api.http.routing import router
from api.logs import logger
from api.masking import MASK, mask, masked_values
from api.settings import Settings
from tests.api.service.services import TOKEN, asked, captured_logs, made_context, running

_JWS = "eyJhbGciOiJFZERTQSJ9.eyJqdW5jdGlvbiI6Im9zbToxIn0.c2lnbmF0dXJlLW9mLXRoZS1wbGFu"
_URL = "redis://jasyl:pa55word@redis.example:6379/0"


def _routes():
    made = router("plans", "/plans")

    @made.get("/{number}")
    async def get(number: int, request: Request) -> int:
        logger("test").warning("asked", headers=dict(request.headers), body=[TOKEN, {"plan": _JWS}])
        logging.getLogger("another.package").error("cannot reach %s with %s", _URL, TOKEN)
        if number == 0:
            message = f"{TOKEN} was refused by {_URL} for {_JWS}"
            raise RuntimeError(message)
        return number

    return made


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_is_in_any_line(tmp_path, form):
    context = made_context(tmp_path, _routes(), log_level="debug", log_format=form, redis_url=_URL)
    headers = {"Authorization": f"Bearer {TOKEN}", "Cookie": "session=pa55word", "X-Plan": _JWS}

    async def ask(client):
        for path in ("/v1/plans/1", "/v1/plans/0", f"/v1/plans/{TOKEN}", f"/v1/none?token={TOKEN}"):
            await client.get(path, headers=headers)

    with captured_logs(context.settings) as logs:
        asked(context, ask)
    told = logs.getvalue()
    assert told.count("answered") >= 4
    assert "RuntimeError" in told
    for secret in (TOKEN, TOKEN[4:], _JWS, _JWS.split(".")[2], "pa55word"):
        assert secret not in told
    assert "redis.example" in told  # what is no secret helps


def test_a_real_server_tells_no_secret_either(tmp_path, capfd):
    import httpx

    context = made_context(tmp_path, _routes(), log_level="debug", log_format="json", redis_url=_URL)
    with captured_logs(context.settings) as logs, running(context) as (host, port):
        url = f"http://{host}:{port}/v1/plans"
        for path in ("/0", "/1", f"/{TOKEN}"):
            httpx.get(f"{url}{path}?key={TOKEN}", headers={"Authorization": f"Bearer {TOKEN}"})
        logging.getLogger("uvicorn.error").error("failed for %s", TOKEN)
    captured = capfd.readouterr()
    told = logs.getvalue() + captured.out + captured.err
    assert "Started server process" in told
    assert TOKEN[4:] not in told
    assert "pa55word" not in told


def test_a_line_says_who_asked_for_what_and_how_long_it_took(tmp_path):
    context = made_context(tmp_path, _routes(), log_format="json")

    async def ask(client):
        await client.get("/v1/plans/1?since=4", headers={"Authorization": f"Bearer {TOKEN}"})
        await client.get("/health/live")

    with captured_logs(context.settings) as logs:
        asked(context, ask)
    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    (line,) = [line for line in lines if line["event"] == "answered"]
    assert line["actor"] == "token:1f3a (Aigerim)"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/plans/1", 200)
    assert line["request_id"] == "request-1"
    assert 0 < line["ms"] < 60_000
    assert line["timestamp"].endswith("Z")
    (own,) = [line for line in lines if line["event"] == "asked"]
    assert own["request_id"] == "request-1"


def test_a_client_that_leaves_is_told_apart_from_one_that_is_answered(tmp_path):
    context = made_context(tmp_path, log_format="json")

    async def leave() -> None:
        from api.logs import AccessLog

        async def never(_scope, _receive, _send):
            await asyncio.Event().wait()

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/held",
            "headers": [],
            "client": ("192.0.2.1", 1),
        }
        work = asyncio.create_task(AccessLog(never, context)(scope, None, None))
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    with captured_logs(context.settings) as logs:
        asyncio.run(leave())
    assert json.loads(logs.getvalue().splitlines()[-1])["status"] == 499


@given(
    st.text(alphabet="abcXYZ019-_", min_size=8, max_size=50),
    st.text(alphabet=" ,;:'\"{}[]()=\n", min_size=1, max_size=3),
    st.sampled_from(["jsy_{}", "Bearer {}", "eyJ{0}.eyJ{0}.{0}", "redis://u:{}@host", "redis://:{}@host"]),
)
def test_secrets_are_found_anywhere(secret, around, form):
    text = f"before{around}{form.format(secret)}{around}after"
    masked = mask(text)
    assert secret not in masked
    assert MASK in masked
    assert masked.startswith(f"before{around}")
    assert masked.endswith(f"{around}after")
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "text", ["the bearer of bad news", "http://localhost:8000/v1", "plan 7 is in force", "eyJ"]
)
def test_plain_text_stays(text):
    assert mask(text) == text


@pytest.mark.parametrize(
    "part",
    ["a", "eyJ", "eyJa.", "://", "a://", "b:", "a://u:", "basic ", "basic", "-----BEGIN ", "jsy", "a+."],
)
def test_a_text_is_masked_in_one_reading_whoever_has_written_it(part):
    began = time.process_time()
    mask(f"a://{part * 100_000}")
    assert time.process_time() - began < 2.0  # from each place anew it would be a minute


def test_private_keys_are_masked():
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----"
    assert "MC4C" not in mask(f"loaded {key}")


def test_values_with_secret_names_are_masked_at_any_depth():
    values = {
        "user": "a",
        "sites": [{"security_code_2": "1111", "id": 7}],
        "password": None,
        "Api_Token": "x",
    }
    assert masked_values(values) == {
        "user": "a",
        "sites": [{"security_code_2": MASK, "id": 7}],
        "password": None,
        "Api_Token": MASK,
    }


def test_logs_of_libraries_are_no_louder_than_ours(tmp_path):
    with captured_logs(Settings(data_folder=tmp_path, log_level="warning")) as logs:
        logging.getLogger("another.package").info("chatter")
        logger("test").info("chatter")
        logger("test").warning("heard")
    assert "chatter" not in logs.getvalue()
    assert "heard" in logs.getvalue()

"""What stands before the routes: rates, hosts, browsers, headers, health, figures."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest
from fastapi import Depends
from hypothesis import given
from hypothesis import strategies as st

from api.http.app import create_app
from api.http.bodies import json_depth
from api.http.headers import deprecated
from api.http.limits import RateLimiter, address_key
from api.http.metrics import Counter
from api.http.routing import router
from api.settings import RateLimits
from tests.api.service.services import TOKEN, asked, client_of, made_context

_OURS = {"Authorization": f"Bearer {TOKEN}"}


def _routes():
    made = router("plans", "/plans")

    @made.get("/{number}")
    async def get(number: int) -> int:
        return number

    since, sunset = datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)
    ends = Depends(deprecated(since, sunset, "https://jasyl.example/next"))

    @made.get("/old/{number}", dependencies=[ends])
    async def old(number: int) -> int:
        return number

    return made


def test_all_of_a_rate_at_once_and_then_one_by_one():
    limiter = RateLimiter("3/second")
    assert [limiter.wait_s("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(1 / 3)]
    assert limiter.wait_s("a", 0.33) == pytest.approx(1 / 3 - 0.33)
    assert limiter.wait_s("a", 0.34) == 0.0
    assert limiter.wait_s("a", 0.34) > 0.0
    assert limiter.wait_s("b", 0.34) == 0.0


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60), st.integers(1, 9))
def test_in_no_second_more_than_twice_the_rate_and_in_the_long_run_the_rate(gaps, count):
    limiter, now, passed = RateLimiter(f"{count}/second"), 0.0, []
    for gap in gaps:
        now += gap / count
        wait = limiter.wait_s("key", now)
        if wait == 0.0:
            passed.append(now)
        else:
            assert limiter.wait_s("key", now + wait) == 0.0
            now += wait
            passed.append(now)
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            # a bucket that is full at the begin, and what comes in until the end
            assert last - first + 1 <= count + (passed[last] - begin) * count + 1e-6


def test_several_are_counted_as_one_after_the_other():
    limiter = RateLimiter("60/minute")
    assert limiter.wait_s("a", 7.0, 60) == 0.0
    assert limiter.wait_s("a", 7.0, 25) == pytest.approx(25.0)
    assert limiter.wait_s("a", 31.0, 25) == pytest.approx(1.0)
    assert limiter.wait_s("a", 32.0, 25) == 0.0
    assert limiter.wait_s("a", 32.0, 1) == pytest.approx(1.0)


def test_keys_are_forgotten_and_bounded():
    limiter = RateLimiter("1/second")
    for number in range(50_001):
        limiter.wait_s(f"old{number}", 0.0)
    assert len(limiter._due) <= 25_000
    for number in range(50_001):
        limiter.wait_s(f"new{number}", 10.0)
    assert "old50000" not in limiter._due


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_by_what_an_address_is_counted(address, key):
    assert address_key(address) == key


def test_strangers_are_counted_by_address_and_tokens_by_themselves(tmp_path):
    context = made_context(tmp_path, _routes(), rate_limits=RateLimits(anonymous="2/hour", engineer="3/hour"))

    async def ask(client):
        # a wrong token is no way around the count of an address
        strange = [
            await client.get("/v1/plans/1", headers={"Authorization": f"Bearer jsy_{k}"}) for k in range(3)
        ]
        known = [await client.get("/v1/plans/1", headers=_OURS) for _ in range(4)]
        return strange, known, [await client.get("/health/live") for _ in range(5)]

    strange, known, live = asked(context, ask)
    assert [r.status_code for r in strange] == [200, 200, 429]
    assert [r.status_code for r in known] == [200, 200, 200, 429]
    assert {r.status_code for r in live} == {200}
    assert 1798 <= int(strange[-1].headers["retry-after"]) <= 1800
    assert strange[-1].json()["rule"] == "must be at most 2/hour of a anonymous"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("control.example", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
    ],
)
def test_by_which_name_the_service_may_be_asked(tmp_path, host, status):
    context = made_context(tmp_path, _routes(), allowed_hosts=("control.example",))
    response = asked(context, lambda client: client.get("/v1/plans/1", headers={"Host": host}))
    assert response.status_code == status


def test_every_answer_has_the_headers_that_keep_browsers_strict(tmp_path):
    context = made_context(tmp_path, _routes())

    async def ask(client):
        return [await client.get(path) for path in ("/v1/plans/1", "/v1/none", "/health/live", "/v1/plans/x")]

    for response in asked(context, ask):
        headers = response.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert headers["x-jasyl-time"] == "2026-11-27T12:00:00.123Z"
        assert re.fullmatch(r"request-\d", headers["x-request-id"])
        assert "strict-transport-security" not in headers
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_a_request_may_bring_its_number_but_not_any_text(tmp_path):
    context = made_context(tmp_path, _routes())

    async def ask(client):
        return [
            (await client.get("/v1/plans/1", headers={"X-Request-ID": text})).headers["x-request-id"]
            for text in ("ab-12_cd.ef", "short", "x" * 65, "a b\tcdefghij", '"quoted--"')
        ]

    assert asked(context, ask) == ["ab-12_cd.ef", "request-1", "request-2", "request-3", "request-4"]


def test_only_pages_of_origins_that_are_allowed_may_read(tmp_path):
    context = made_context(tmp_path, _routes(), cors_origins="https://control.example")
    wish = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

    async def ask(client):
        ours, other = {"Origin": "https://control.example"}, {"Origin": "https://evil.example"}
        return (
            await client.get("/v1/plans/1", headers=ours),
            await client.get("/v1/plans/1", headers=other),
            await client.options("/v1/plans/1", headers={**ours, **wish}),
            await client.options("/v1/plans/1", headers={**other, **wish}),
        )

    read, unread, allowed, refused = asked(context, ask)
    assert read.headers["access-control-allow-origin"] == "https://control.example"
    assert "access-control-allow-origin" not in unread.headers
    assert unread.headers["vary"] == "Origin"
    assert allowed.status_code == 204
    assert "Authorization" in allowed.headers["access-control-allow-headers"]
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    for response in (read, unread, allowed, refused):
        assert "access-control-allow-credentials" not in response.headers
        assert response.headers.get("access-control-allow-origin") != "*"


def test_without_origins_a_preflight_is_a_method_like_others(tmp_path):
    headers = {"Origin": "https://control.example", "Access-Control-Request-Method": "GET"}
    response = asked(made_context(tmp_path, _routes()), lambda c: c.options("/v1/plans/1", headers=headers))
    assert response.status_code == 405
    assert "access-control-allow-origin" not in response.headers


def test_a_route_that_will_go_says_so(tmp_path):
    response = asked(made_context(tmp_path, _routes()), lambda client: client.get("/v1/plans/old/1"))
    assert response.headers["deprecation"] == f"@{int(datetime(2026, 12, 1, tzinfo=UTC).timestamp())}"
    assert response.headers["sunset"] == "Tue, 01 Jun 2027 00:00:00 GMT"
    assert response.headers["link"] == '<https://jasyl.example/next>; rel="deprecation"'


def test_ready_only_when_every_check_is(tmp_path):
    context = made_context(tmp_path)
    state = {"ledger": "not open yet"}
    context.readiness.register("ledger", lambda: state["ledger"])
    context.readiness.register("kernels", lambda: None)
    response = asked(context, lambda client: client.get("/health/ready"))
    assert response.status_code == 503
    assert response.json()["value"] == "ledger: not open yet"
    assert response.headers["retry-after"]
    assert asked(context, lambda client: client.get("/health/live")).status_code == 200
    state["ledger"] = None
    assert asked(context, lambda client: client.get("/health/ready")).json() == {"status": "ready"}


def test_requests_are_counted_by_route_and_others_add_their_figures(tmp_path):
    context = made_context(tmp_path, _routes())
    Counter("jasyl_published", "Plan sets.", registry=context.metrics.registry).inc(3)

    async def ask(client):
        for number in range(5):
            await client.get(f"/v1/plans/{number}")
        await client.get("/v1/plans/x")
        await client.get("/v1/nothing/at/all")
        return await client.get("/metrics")

    response = asked(context, ask)
    assert response.headers["content-type"].startswith("text/plain")
    told = response.text
    assert 'jasyl_http_requests_total{method="GET",route="/v1/plans/{number}",status="200"} 5.0' in told
    assert 'jasyl_http_requests_total{method="GET",route="/v1/plans/{number}",status="422"} 1.0' in told
    assert 'jasyl_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in told
    assert 'jasyl_http_request_seconds_count{method="GET",route="/v1/plans/{number}"} 6.0' in told
    assert "jasyl_http_requests_open 1.0" in told  # the one for the figures
    assert "jasyl_published_total 3.0" in told


def test_figures_can_be_switched_off(tmp_path):
    context = made_context(tmp_path, metrics=False)
    assert asked(context, lambda client: client.get("/metrics")).status_code == 404


def _naive_depth(text: str) -> int:
    depth = deepest = 0
    quoted = escaped = False
    for sign in text:
        if quoted:
            quoted, escaped = escaped or sign != '"', sign == "\\" and not escaped
        elif sign == '"':
            quoted = True
        elif sign in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in "]}":
            depth -= 1
    return deepest


@given(st.text(alphabet='[]{}"\\a,:é', max_size=60))
def test_depth_is_that_of_a_reading_sign_by_sign(text):
    assert json_depth(text.encode(), 0) == _naive_depth(text)


@pytest.mark.parametrize("part", [b'\\"', b'"', b"\\", b'""', b"[]", b"["])
def test_depth_is_found_in_one_reading_of_whatever_a_stranger_sends(part):
    body = b"[" * 40 + b'"' + part * 100_000
    began = time.process_time()
    assert json_depth(body, 32) == _naive_depth(body.decode()) >= 40
    assert time.process_time() - began < 2.0  # from each quote anew it would be half a minute


def test_resources_open_in_order_and_close_in_the_opposite(tmp_path):
    context, seen = made_context(tmp_path), []

    def opener(name):
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def opening(_context):
            seen.append(f"open {name}")
            yield
            seen.append(f"close {name}")

        return opening

    context.openers += [opener("store"), opener("ledger")]

    async def live():
        app = create_app(context)
        async with app.router.lifespan_context(app), client_of(app) as client:
            await client.get("/health/live")
            seen.append("asked")

    import asyncio

    asyncio.run(live())
    assert seen == ["open store", "open ledger", "asked", "close ledger", "close store"]

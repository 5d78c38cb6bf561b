"""Who may do what: every route of the document, asked by everybody there is.

A route that is new has to be entered here, or the first test fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from api.http.openapi import operations
from tests.api.service.centres import Service, serving
from tests.api.service.test_plan_sets import keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HERE, ELSEWHERE = keys()[0], keys()[1]
EVERYBODY = ("first", "viewer", "engineer", "approver", "admin", "feed", HERE, ELSEWHERE)
STAFF = {"viewer", "engineer", "approver", "admin"}
OPERATORS = STAFF - {"viewer"}
DRAFTERS, DECIDERS = {"engineer", "admin"}, {"approver", "admin"}
OPEN = {"nobody", *EVERYBODY}

WHY = {"why": "test"}
LATER = "2026-11-27T08:00:00Z"
SAID = {"version": 99, "result": "accepted", "at": LATER}
TOLD = {"reports": [{"number": 1, "kind": "event", "at": LATER, "data": {}}]}

RIGHTS: dict[tuple[str, str], tuple[set[str], Any]] = {
    ("GET", "/health/live"): (OPEN, None),
    ("GET", "/health/ready"): (OPEN, None),
    ("GET", "/metrics"): (OPEN, None),  # of this machine; from others see below
    ("POST", "/v1/plan-sets"): (DRAFTERS, {"document": {}, **WHY}),
    ("GET", "/v1/plan-sets"): (STAFF, None),
    ("GET", "/v1/plan-sets/{plan_set}"): (STAFF, None),
    ("GET", "/v1/plan-sets/{plan_set}/document"): (STAFF, None),
    ("POST", "/v1/plan-sets/{plan_set}/check"): (DRAFTERS, WHY),
    ("POST", "/v1/plan-sets/{plan_set}/approve"): (DECIDERS, WHY),
    ("POST", "/v1/plan-sets/{plan_set}/publish"): (DECIDERS, WHY),
    ("POST", "/v1/plan-sets/{plan_set}/withdraw"): (DRAFTERS | DECIDERS, WHY),
    ("POST", "/v1/plan-sets/{plan_set}/roll-back"): (DECIDERS, WHY),
    ("POST", "/v1/plan-sets/{plan_set}/end"): (DECIDERS, WHY),
    ("GET", "/v1/junctions"): (STAFF, None),
    ("GET", "/v1/junctions/{junction}"): (STAFF, None),
    ("PUT", "/v1/junctions/{junction}/hold"): (OPERATORS, {"until": "2000-01-01T00:00:00Z", **WHY}),
    ("POST", "/v1/junctions/{junction}/release"): (OPERATORS, WHY),
    ("POST", "/v1/junctions/{junction}/eject"): ({"admin"}, WHY),
    ("PUT", "/v1/junctions/{junction}/order"): (OPERATORS, {"mode": "flash", "expires_at": LATER, **WHY}),
    ("GET", "/v1/controllers/{junction}/assignment"): ({HERE}, None),
    ("GET", "/v1/controllers/{junction}/stream"): ({HERE}, None),
    ("POST", "/v1/controllers/{junction}/acknowledgements"): ({HERE}, SAID),
    ("POST", "/v1/controllers/{junction}/reports"): ({HERE}, TOLD),
    ("GET", "/v1/controllers"): (STAFF, None),
    ("POST", "/v1/controllers"): ({"admin"}, {"junction": HERE, **WHY}),
    ("POST", "/v1/controllers/{junction}/rotate"): ({"admin"}, {"why": ""}),
    ("POST", "/v1/controllers/{junction}/revoke"): ({"admin"}, {"why": ""}),
    ("GET", "/v1/alarms"): (STAFF, None),
    ("POST", "/v1/alarms/{alarm}/acknowledge"): (OPERATORS, WHY),
    ("GET", "/v1/sites"): (STAFF, None),
    ("GET", "/v1/tokens"): ({"admin"}, None),
    ("POST", "/v1/tokens"): ({"first", "admin"}, {"name": " ", "roles": ["viewer"], **WHY}),
    ("POST", "/v1/tokens/{token}/revoke"): ({"admin"}, WHY),
    ("GET", "/v1/ledger"): (STAFF, None),
    ("GET", "/v1/ledger/verification"): (STAFF, None),
    ("GET", "/v1/keys"): (STAFF, None),
    ("POST", "/v1/keys/signing"): ({"admin"}, {"key": "A" * 43, **WHY}),
    ("GET", "/v1/reports"): (STAFF, None),
    ("GET", "/v1/reports/latest"): (STAFF, None),
    ("GET", "/v1/jobs"): (STAFF, None),
    ("POST", "/v1/jobs"): (DRAFTERS, {"kind": "none"}),
    ("POST", "/v1/jobs/plans"): (DRAFTERS, {"plans": {}}),
    ("GET", "/v1/jobs/plans/{digest}"): (STAFF, None),
    ("GET", "/v1/jobs/{job}"): (STAFF, None),
    ("POST", "/v1/jobs/{job}/cancel"): (DRAFTERS, None),
    ("GET", "/v1/jobs/{job}/events"): (STAFF, None),
    ("GET", "/v1/me"): (STAFF, None),
}
"""Who may ask each route, and a body with which whoever may changes nothing that the others need."""


def test_every_route_of_the_document_has_its_line(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        named = {(method, path) for path, method, _ in operations(service.app.openapi())}
        assert named == set(RIGHTS)

    serving(tmp_path, test)


async def _everybody(service: Service) -> None:
    await service.register(HERE, ELSEWHERE)
    new = {"name": "cameras", "roles": ["feed"], "why": "test"}
    service.tokens["feed"] = (await service.done("POST", "/tokens", new, who="admin", status=201))["token"]
    service.tokens["first"] = await _another_first_start(service)


async def _another_first_start(service: Service) -> str:
    """Enter a token of a first start, as if there were no administrator."""
    import secrets

    from api.centre.security import bootstrap, issue

    issued = issue(secrets.token_bytes)
    await service.centre.ledger.commit(
        lambda state, at: bootstrap(state.access, at, issued), who="service", why="test"
    )
    return issued.text


def _url(path: str) -> str:
    wanted = {"plan_set": "none", "junction": HERE, "alarm": "none", "token": "none", "job": "none"}
    wanted["digest"] = "0" * 64
    return path.format(**wanted)


async def _answer(service: Service, method: str, path: str, body: Any, who: str, **more: Any) -> int:
    headers = {} if who == "nobody" else {"Authorization": f"Bearer {service.tokens[who]}"}
    options = more or {"json": body}
    transport = httpx.ASGITransport(
        service.app, client=("192.0.2.7", 1) if path != "/metrics" else ("::1", 1)
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return (await client.request(method, _url(path), headers=headers, **options)).status_code


def test_everybody_asks_every_route(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await _everybody(service)
        service.context.stopping.ask()  # a stream ends after its first event
        for (method, path), (allowed, body) in RIGHTS.items():
            for who in ("nobody", *EVERYBODY):
                status = await _answer(service, method, path, body, who)
                told = f"{who} {method} {path}: {status}"
                if who in allowed:
                    assert status not in {401, 403, 500}, told
                else:
                    assert status == (401 if who == "nobody" else 403), told

    serving(tmp_path, test)


def test_nothing_of_a_request_is_read_before_it_is_known_who_asks(tmp_path: Path) -> None:
    """Who may not, is told so whatever the body is: wrong bodies tell nobody what a route would take."""

    async def test(service: Service) -> None:
        await _everybody(service)
        strange = {"Content-Type": "text/plain", "Accept": "image/png", "Content-Encoding": "gzip"}
        garbage = {"content": b"[" * 100, "headers": strange}
        transport = httpx.ASGITransport(service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for (method, path), (allowed, _) in RIGHTS.items():
                if allowed == OPEN:
                    continue
                nobody = await client.request(method, _url(path), **garbage)
                assert nobody.status_code == 401, (method, path, nobody.text)
                assert nobody.headers["www-authenticate"].startswith("Bearer")
                headers = {**garbage["headers"], "Authorization": f"Bearer {service.tokens['feed']}"}
                feed = await client.request(method, _url(path), content=b"[" * 100, headers=headers)
                assert feed.status_code == 403, (method, path, feed.text)

    serving(tmp_path, test)


def test_nothing_is_read_of_a_request_with_a_key_to_send_it_again_either(tmp_path: Path) -> None:
    """A body that is longer than any may be is told so (413) to those who have read it."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"[" * 1024

    async def test(service: Service) -> None:
        await _everybody(service)
        headers = {"Authorization": f"Bearer {service.tokens['feed']}", "Idempotency-Key": "same"}
        transport = httpx.ASGITransport(service.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for (method, path), (allowed, _) in RIGHTS.items():
                if allowed != OPEN:
                    feed = await client.request(method, _url(path), content=parts(), headers=headers)
                    assert feed.status_code == 403, (method, path, feed.text)

    serving(tmp_path, test, body_limit_bytes=4096)


def test_figures_are_for_this_machine_or_for_who_may_read(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await _everybody(service)
        told = {}
        for host in ("127.0.0.1", "::1", "192.0.2.7"):
            transport = httpx.ASGITransport(service.app, client=(host, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                for who in ("nobody", "viewer", HERE):
                    headers = {} if who == "nobody" else {"Authorization": f"Bearer {service.tokens[who]}"}
                    told[host, who] = (await client.get("/metrics", headers=headers)).status_code
        assert told == {
            **{(host, who): 200 for host in ("127.0.0.1", "::1") for who in ("nobody", "viewer", HERE)},
            ("192.0.2.7", "nobody"): 401,
            ("192.0.2.7", "viewer"): 200,
            ("192.0.2.7", HERE): 403,
        }

    serving(tmp_path, test)


def test_the_token_of_the_first_start_makes_an_administrator_and_nothing_else(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        first = await _another_first_start(service)
        for method, path, body in (
            ("GET", "/tokens", None),
            ("POST", "/controllers", {"junction": HERE, "why": "mine"}),
            ("GET", "/me", None),
        ):
            assert (await service.ask(method, path, body, who=first)).status_code == 403
        new = {"name": "Mallory", "roles": ["engineer"], "why": "first"}
        assert (await service.ask("POST", "/tokens", new, who=first)).status_code == 422
        new["roles"] = ["administrator"]
        await service.done("POST", "/tokens", new, who=first, status=201)
        assert (await service.ask("POST", "/tokens", new, who=first)).status_code == 401

    serving(tmp_path, test)


def test_a_token_with_fewer_rights_than_its_role_may_do_no_more(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        new = {"name": "screen", "roles": ["engineer"], "rights": ["read"], "why": "test"}
        token = (await service.done("POST", "/tokens", new, who="admin", status=201))["token"]
        assert (await service.ask("GET", "/junctions", who=token)).status_code == 200
        body = {"document": {}, "why": "test"}
        assert (await service.ask("POST", "/plan-sets", body, who=token)).status_code == 403
        more = {**new, "rights": ["access:manage"]}
        assert (await service.ask("POST", "/tokens", more, who="admin")).status_code == 422

    serving(tmp_path, test)

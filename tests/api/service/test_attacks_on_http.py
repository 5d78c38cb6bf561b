"""What goes wrong in services (OWASP API security top 10, 2023) does not here."""

from __future__ import annotations

import asyncio
import inspect
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api.centre import security
from api.settings import RateLimits
from api.store.ledger import Ledger
from api.store.reports import Reports
from signals.lifecycle.facts import Fact
from tests.api.service.centres import Clock, Service, serving
from tests.api.service.services import captured_logs
from tests.api.service.test_plan_sets import document, keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

HERE, ELSEWHERE = keys()[0], keys()[1]
WHY = {"why": "test"}
JSON = {"Content-Type": "application/json"}


def _client(service: Service) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://localhost")


async def _raw(service: Service, method: str, path: str, content: bytes, who: str) -> httpx.Response:
    headers = {**JSON, "Authorization": f"Bearer {service.tokens[who]}"}
    async with _client(service) as client:
        return await client.request(method, f"/v1{path}", content=content, headers=headers)


# API2: broken authentication


def test_tokens_that_do_not_count(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        new = {"name": "Dana", "roles": ["viewer"], "expires_at": "2026-11-27T08:00:00Z", **WHY}
        made = await service.done("POST", "/tokens", new, who="admin", status=201)
        assert (await service.ask("GET", "/me", who=made["token"])).status_code == 200
        service.clock.wait(hours=1)
        assert (await service.ask("GET", "/me", who=made["token"])).status_code == 401
        two = [await service.done("POST", "/tokens", {**new, "expires_at": None}, who="admin", status=201)]
        token = two[0]["token"]
        await service.done("POST", f"/tokens/{two[0]['id']}/revoke", WHY, who="admin", status=204)
        for presented in (token, token.upper(), f" {token}", f"{token} ", token.replace("jsy_", "jsy_ ")):
            assert (await service.ask("GET", "/me", who=presented)).status_code == 401
        mixed = "_".join([*service.tokens["admin"].split("_")[:2], token.split("_", 2)[2]])
        assert (await service.ask("GET", "/me", who=mixed)).status_code == 401

    serving(tmp_path, test)


async def _while_it_is_sent(
    service: Service, path: str, body: object, who: str, meanwhile: Callable[[], Awaitable[object]]
) -> httpx.Response:
    """Send a body in two parts, and do something between them."""
    content = json.dumps(body).encode()

    async def parts() -> AsyncIterator[bytes]:
        yield content[:1]
        await meanwhile()
        yield content[1:]

    headers = {**JSON, "Authorization": f"Bearer {service.tokens[who]}"}
    async with _client(service) as client:
        return await client.post(f"/v1{path}", content=parts(), headers=headers)


def test_a_token_that_is_revoked_while_a_request_arrives_does_not_act(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        new = {"document": document(), **WHY}
        made = await service.done("POST", "/plan-sets", new, who="engineer", status=201)
        await service.done("POST", f"/plan-sets/{made['id']}/check", WHY, who="engineer")
        own = service.tokens["approver"].split("_")[1]

        async def revoke() -> None:
            await service.done("POST", f"/tokens/{own}/revoke", WHY, who="admin", status=204)

        path = f"/plan-sets/{made['id']}/approve"
        answer = await _while_it_is_sent(service, path, WHY, "approver", revoke)
        assert (answer.status_code, answer.json()["field"]) == (401, "Authorization")
        assert service.centre.plans.plan_set(made["id"]).state == "checked"

        async def revoke_controller() -> None:
            await service.done("POST", f"/controllers/{HERE}/revoke", WHY, who="admin", status=204)

        row = {"number": 1, "kind": "fault", "at": "2026-11-27T07:00:00Z", "data": {"text": "x"}}
        path = f"/controllers/{HERE}/reports"
        answer = await _while_it_is_sent(service, path, {"reports": [row]}, HERE, revoke_controller)
        assert answer.status_code == 401
        assert await service.context.part(Reports).accepted_until(HERE) == 0
        assert not service.centre.plans.alarms

    serving(tmp_path, test)


_UNTIL = "2026-11-27T08:00:00Z"


def test_a_token_is_compared_with_the_very_state_that_is_decided_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Ledger.commit

    async def test(service: Service) -> None:
        await service.register(HERE, ELSEWHERE)
        ready = await service.done(
            "POST", "/plan-sets", {"document": document(), **WHY}, who="admin", status=201
        )
        await service.done("POST", f"/plan-sets/{ready['id']}/check", WHY, who="admin")
        acts = [
            ("POST", "/plan-sets", {"document": document(), **WHY}),
            ("POST", f"/plan-sets/{ready['id']}/check", WHY),
            ("POST", f"/plan-sets/{ready['id']}/approve", WHY),
            ("POST", f"/plan-sets/{ready['id']}/withdraw", WHY),
            ("PUT", f"/junctions/{HERE}/hold", {"until": _UNTIL, **WHY}),
            ("PUT", f"/junctions/{HERE}/order", {"mode": "flash", "expires_at": _UNTIL, **WHY}),
            ("POST", "/tokens", {"name": "Mallory", "roles": ["administrator"], **WHY}),
            ("POST", "/controllers", {"junction": keys()[2], **WHY}),
            ("POST", f"/controllers/{HERE}/rotate", WHY),
            ("POST", f"/controllers/{ELSEWHERE}/revoke", WHY),
            ("POST", "/alarms/x/acknowledge", WHY),
        ]
        for number, (method, path, body) in enumerate(acts):
            new = {"name": f"Leaver {number}", "roles": ["administrator"], **WHY}
            made = await service.done("POST", "/tokens", new, who="admin", status=201)

            async def revoked_before(
                ledger: Any, decide: Any, *, who: str, made: Any = made, **more: Any
            ) -> Any:
                if who == made["name"]:
                    facts = [Fact("token.revoked", {"token": made["id"], "because": "revoked"})]
                    await commit(ledger, lambda _state, _at: facts, who="Aigerim", why="has left")
                return await commit(ledger, decide, who=who, **more)

            entries = service.centre.ledger.seq
            with monkeypatch.context() as patch:
                patch.setattr(Ledger, "commit", revoked_before)
                answer = await service.ask(method, path, body, who=made["token"])
            assert (answer.status_code, answer.json()["rule"]) == (403, "has been spent or revoked"), path
            assert service.centre.ledger.seq == entries + 1, path

    serving(tmp_path, test)


def test_the_last_administrator_is_one_whose_token_counts(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        new = {"name": "Dana", "roles": ["administrator"], "expires_at": "2026-11-27T08:00:00Z", **WHY}
        await service.done("POST", "/tokens", new, who="admin", status=201)
        service.clock.wait(hours=1)
        own = service.tokens["admin"].split("_")[1]
        answer = await service.ask("POST", f"/tokens/{own}/revoke", WHY, who="admin")
        assert (answer.status_code, answer.json()["rule"]) == (409, "is that of the last administrator")
        service.clock.wait(days=366)  # when all are over, the next start prints a token again
        assert not service.centre.ledger.state.access.has_administrator(service.clock())

    serving(tmp_path, test)


def test_guesses_are_counted_by_address(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        statuses = [
            (await service.ask("GET", "/me", who=f"jsy_{n:016x}_{'A' * 43}")).status_code for n in range(12)
        ]
        assert statuses == [401] * 10 + [429] * 2
        assert (await service.ask("GET", "/me", who="viewer")).status_code == 200

    serving(tmp_path, test, rate_limits=RateLimits(anonymous="10/hour"))


def test_a_token_is_compared_in_the_same_time_whatever_is_wrong_with_it(monkeypatch) -> None:
    """By design, not by the clock: one digest and one comparison of constant time, also where there is no such token."""
    compared = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(security.hmac, "compare_digest", compare)
    clock = Clock()
    issued = security.issue(bytes)
    access = security.Access()
    for fact in security.bootstrap(access, clock(), issued):
        access = security.applied(access, fact)
    unknown = "jsy_ffffffffffffffff_" + "A" * 43
    for presented in (issued.text, issued.text[:-1] + "B", unknown, "", "garbage", "jsy_", "é" * 64):
        security.authenticate(access, presented, clock())
    assert compared == [(64, 64)] * 7
    assert "==" not in inspect.getsource(security.authenticate).split("compare_digest")[0]


# API3: properties that nobody may set or see


_NOT_TO_BE_SAID = [
    ("/tokens", {"name": "Dana", "roles": ["viewer"], "once": False}),
    ("/tokens", {"name": "Dana", "roles": ["viewer"], "digest": "0" * 64}),
    ("/tokens", {"name": "controller:corridor:1", "roles": ["viewer"]}),
    ("/tokens", {"name": "Service", "roles": ["viewer"]}),
    ("/tokens", {"name": "Dana\nadmin", "roles": ["viewer"]}),
    ("/tokens", {"name": "Dana", "roles": ["controller"]}),
    ("/tokens", {"name": "Dana", "roles": ["viewer"], "rights": ["access:manage"]}),
    ("/controllers", {"junction": HERE, "token": "jsy_mine"}),
    ("/plan-sets", {"document": {}, "state": "approved"}),
    ("/plan-sets", {"document": {}, "author": "Dana"}),
]


def test_what_is_not_for_the_sender_to_say_is_refused(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        seq = service.centre.ledger.seq
        for path, body in _NOT_TO_BE_SAID:
            answer = await service.ask("POST", path, {**body, **WHY}, who="admin")
            assert answer.status_code == 422, body
        assert service.centre.ledger.seq == seq

    serving(tmp_path, test)


def test_lists_show_no_hash_of_a_secret(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        for path in ("/tokens", "/controllers"):
            text = (await service.ask("GET", path, who="admin")).text
            for credential in service.centre.ledger.state.access.credentials.values():
                assert credential.digest not in text

    serving(tmp_path, test)


# API4: resources, and JSON that readers take differently


def _holding(value: str) -> bytes:
    return b'{"why": "x", "until": %s}' % value.encode()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"why": "x", "until": "' + b"2" * (9 << 20) + b'"}', 413),
        (_holding("[" * 5000 + "]" * 5000), 422),
        (_holding('{"a":' * 200 + "1" + "}" * 200), 422),
        (b'{"why": "x", "why": "y", "until": "2026-11-27T08:00:00Z"}', 422),
        (_holding("NaN"), 422),
        (_holding("-Infinity"), 422),
        (_holding("1e999"), 422),
        (_holding("9" * 5000), 422),
        (_holding("9" * 400), 422),
        (_holding("1795766400"), 422),  # a number is no instant
        (_holding('"2026-11-27"'), 422),
        (_holding('"2026-11-27T08:00:00"'), 422),
        (_holding('"0001-01-01T00:00:00+14:00"'), 422),
        (_holding('"9999-12-31T23:59:59-14:00"'), 422),
        (_holding('"2026-11-27T25:00:00Z"'), 422),
        (_holding('"2026-11-27T12:00:00+05:00", "why": "\\ud800"'), 422),
        (b'{"why": "\\ud800", "until": "2026-11-27T08:00:00Z"}', 422),
        (b'{"why": "a\\nb", "until": "2026-11-27T08:00:00Z"}', 422),
        (b'{"why": "\\u0000", "until": "2026-11-27T08:00:00Z"}', 422),
        (b'{"why": "\\u202e", "until": "2026-11-27T08:00:00Z"}', 422),
        ('{"why": "x", "until": "2026-11-27T08:00:00Z"}'.encode("utf-16"), 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'{"why": "x", "until": "2026-11-27T08:00:00Z"}//', 400),
        (_holding('"2026-11-27T13:00:00+05:00"'), 200),
        (_holding('"2026-11-27t08:00:00.123456789z"'), 200),
    ],
)
def test_bodies_that_mean_nothing_or_two_things(bodies: Any, content: bytes, status: int) -> None:
    answer = bodies(content)
    assert answer.status_code == status, answer.text
    assert len(answer.content) < 4000


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    """Ask one service to hold a junction, by a body as it is."""
    folder = tmp_path_factory.mktemp("bodies")
    with asyncio.Runner() as runner:
        from tests.api.service.centres import service as opened

        context = opened(folder)
        service = runner.run(context.__aenter__())
        runner.run(service.staff())
        yield lambda content: runner.run(_raw(service, "PUT", f"/junctions/{HERE}/hold", content, "engineer"))
        runner.run(context.__aexit__(None, None, None))


def test_pages_and_batches_have_a_greatest_size(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        for path in ("/plan-sets", "/junctions", "/controllers", "/alarms", "/ledger"):
            for limit in ("0", "1001", "-1", "1e3", "9" * 5000):
                assert (await service.ask("GET", f"{path}?limit={limit}", who="viewer")).status_code == 422
        row = {"kind": "event", "at": "2026-11-27T07:00:00Z", "data": {}}
        told = {"reports": [{"number": n + 1, **row} for n in range(1001)]}
        path = f"/controllers/{HERE}/reports"
        assert (await service.ask("POST", path, told, who=HERE)).status_code == 422
        big = {"reports": [{"number": 1, **row, "data": {"x": "y" * 70_000}}]}
        assert (await service.ask("POST", path, big, who=HERE)).status_code == 422

    serving(tmp_path, test)


def test_one_credential_does_not_fill_the_store(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE, ELSEWHERE)

        def told(first: int, count: int) -> dict[str, Any]:
            row = {"kind": "event", "at": "2026-11-27T07:00:00Z", "data": {"x": "y" * 65_000}}
            return {"reports": [{"number": first + place, **row} for place in range(count)]}

        path = f"/controllers/{HERE}/reports"
        assert (await service.done("POST", path, told(1, 60), who=HERE))["new"] == 60
        answer = await service.ask("POST", path, told(61, 60), who=HERE)
        assert answer.status_code == 429
        assert 50 <= int(answer.headers["Retry-After"]) <= 60
        assert answer.json()["field"] == "reports"
        assert (await service.context.part(Reports).accepted_until(HERE)) == 60
        elsewhere = f"/controllers/{ELSEWHERE}/reports"
        assert (await service.done("POST", elsewhere, told(1, 60), who=ELSEWHERE))["new"] == 60

    serving(tmp_path, test)


@asynccontextmanager
async def _half_sent(service: Service, path: str, size: int, count: int, who: str) -> AsyncIterator[None]:
    """Send the first half of so many bodies; the other half comes at the end of the block."""
    go_on, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def halves() -> AsyncIterator[bytes]:
        yield b" " * (size // 2)
        arrived.release()
        await go_on.wait()
        yield b" " * (size - size // 2)

    async def one() -> int:
        headers = {**JSON, "Authorization": f"Bearer {service.tokens.get(who, who)}"}
        async with _client(service) as client:
            return (await client.post(f"/v1{path}", content=halves(), headers=headers)).status_code

    sending = [asyncio.create_task(one()) for _ in range(count)]
    waiting = [asyncio.create_task(arrived.acquire()) for _ in range(count)]
    try:
        # Each is held by its gate, or was refused before it got there.
        for task, arrival in zip(sending, waiting, strict=True):
            await asyncio.wait([task, arrival], return_when=asyncio.FIRST_COMPLETED)
        yield
    finally:
        go_on.set()
        await asyncio.gather(*sending)
        for task in waiting:
            task.cancel()


@pytest.mark.parametrize(
    ("who", "path"), [("nobody", "/plan-sets"), ("nobody", "/x"), ("engineer", "/plan-sets")]
)
def test_nobody_takes_the_room_for_bodies_from_all_others(tmp_path: Path, who: str, path: str) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        status = {"number": 1, "kind": "status", "at": "2026-11-27T07:00:00Z", "data": {}}
        hold = {"until": "2026-11-27T08:00:00Z", **WHY}
        async with _half_sent(service, path, 4096, 40, who):
            await service.done("POST", f"/controllers/{HERE}/reports", {"reports": [status]}, who=HERE)
            await service.done("PUT", f"/junctions/{HERE}/hold", hold, who="approver")
        await service.done("POST", f"/controllers/{HERE}/reports", {"reports": [status]}, who=HERE)

    serving(tmp_path, test, body_limit_bytes=4096, buffered_limit_bytes=32_768)


def test_the_body_of_a_stranger_is_dropped_as_it_comes(tmp_path: Path) -> None:
    """What is dropped is not kept, but it is read: whoever writes before it reads gets the answer."""

    async def test(service: Service) -> None:
        asked = []

        async def parts(count: int) -> AsyncIterator[bytes]:
            for number in range(count):
                asked.append(number)
                yield b"x" * 1024

        async with _client(service) as client:
            whole = await client.post("/v1/plan-sets", content=parts(4))
            assert (whole.status_code, len(asked)) == (401, 4)
            assert "connection" not in whole.headers
            endless = await client.post("/v1/plan-sets", content=parts(1000))
            assert (endless.status_code, len(asked)) == (401, 4 + 5)
            assert endless.headers["connection"] == "close"
            head = {"Content-Length": "4097"}
            declared = await client.post("/v1/plan-sets", content=parts(1000), headers=head)
            assert (declared.status_code, len(asked)) == (401, 4 + 5)
            assert declared.headers["connection"] == "close"

    serving(tmp_path, test, body_limit_bytes=4096)


# API5: functions by another way


def test_no_header_makes_another_method_or_path_of_a_request(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        seq = service.centre.ledger.seq
        path = f"/controllers/{HERE}/revoke"
        for header in ("X_HTTP_Method_Override", "X_HTTP_Method", "X_Method_Override"):
            answer = await service.ask("GET", path, WHY, who="admin", **{header: "POST"})
            assert answer.status_code == 405
            assert answer.headers["allow"] == "POST"
        for header in ("X_Original_URL", "X_Rewrite_URL", "X_Forwarded_Prefix"):
            answer = await service.ask("GET", "/me", who="viewer", **{header: "/v1/tokens"})
            assert answer.json()["name"] == "Erlan"
        answer = await service.ask("POST", f"{path}?_method=GET", {"why": ""}, who="viewer")
        assert answer.status_code == 403
        assert service.centre.ledger.seq == seq

    serving(tmp_path, test)


# API7, API8, API9


def test_no_route_fetches_what_a_sender_names(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        made = service.app.openapi()
        text = json.dumps({"paths": made["paths"], "schemas": made["components"]["schemas"]})
        for word in ('"format": "uri"', "callback", "webhook", '"url"'):
            assert word not in text

    serving(tmp_path, test)


def test_lines_of_the_log_cannot_be_forged(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        for kind in ("console", "json"):
            settings = service.context.settings.model_copy(update={"log_format": kind})
            with captured_logs(settings) as logs:
                for sign in ("%0a", "%0d%0a", "%1b%5b2K", "%e2%80%a8", "%c2%85", "%c2%9b31m"):
                    await service.ask("GET", f"/junctions/a{sign}2026-11-27 forged", who="viewer")
                said = {
                    "version": 1,
                    "result": "refused",
                    "reason": "a\nforged",
                    "at": "2026-11-27T07:00:00Z",
                }
                await service.ask("POST", f"/controllers/{HERE}/acknowledgements", said, who=HERE)
            lines = logs.getvalue().splitlines()
            assert sum("forged" in line for line in lines) >= 6
            assert not any(
                line.lstrip("\x1b[2K").startswith(("2026-11-27 forged", "forged")) for line in lines
            )
            assert not set(logs.getvalue()) & set("\x1b\x85\x9b\u2028\r")

    serving(tmp_path, test)

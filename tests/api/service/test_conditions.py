"""Requests that stand on what was seen, and requests that are sent again: nothing is done twice, or on an old view."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from api.store.idempotency import Idempotency
from tests.api.service.centres import Service, serving
from tests.api.service.test_plan_sets import document, keys, say

if TYPE_CHECKING:
    from pathlib import Path

HERE = keys()[0]
WHY = {"why": "test"}


async def _draft(service: Service, **more: Any) -> tuple[str, str]:
    new = {"document": document(), **WHY, **more}
    answer = await service.ask("POST", "/plan-sets", new, who="engineer")
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/plan-sets/{answer.json()['id']}"
    return answer.json()["id"], answer.headers["etag"]


def test_what_has_changed_since_is_not_acted_on(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        made, tag = await _draft(service)
        path = f"/plan-sets/{made}"
        for wrong in ('"0"', '"99"', f"W/{tag}", tag.strip('"'), "", '"a", "b"'):
            found = await service.ask("POST", f"{path}/check", WHY, who="engineer", If_Match=wrong)
            assert found.status_code == 412, wrong
            assert found.json()["field"] == "If-Match"
        for right, step, who in (
            (f'"99", {tag}', "check", "engineer"),
            ("*", "approve", "approver"),
            (None, "publish", "approver"),
        ):
            headers = {} if right is None else {"If_Match": right}
            found = await service.ask("POST", f"{path}/{step}", WHY, who=who, **headers)
            assert found.status_code == 200, found.text
            assert found.headers["etag"] != tag
            assert found.headers["etag"] == (await service.ask("GET", path, who="viewer")).headers["etag"]
        for step, who in (("withdraw", "engineer"), ("roll-back", "approver"), ("end", "approver")):
            found = await service.ask("POST", f"{path}/{step}", WHY, who=who, If_Match=tag)
            assert found.status_code == 412
        found = await service.ask("POST", "/plan-sets/none/check", WHY, who="engineer", If_Match=tag)
        assert found.status_code == 404

    serving(tmp_path, test)


def test_of_two_who_have_seen_the_same_only_one_acts(tmp_path: Path) -> None:
    """The condition is compared in the very state that is decided on, not before."""

    async def test(service: Service) -> None:
        hours = {"slot": "event", "valid_until": "2026-11-27T12:00:00Z"}
        made = await service.published(document(), **hours)
        for result in ("accepted", "in_force"):
            for key in keys():
                if key not in service.tokens:
                    await service.register(key)
                await say(service, key, 1, result)
            await service.until(lambda: not service.centre.plans.junction(HERE).slots["event"].pending)
        path = f"/plan-sets/{made}"
        tag = (await service.ask("GET", path, who="viewer")).headers["etag"]
        ends = [{"until": f"2026-11-27T{hour:02}:00:00Z", **WHY} for hour in (8, 9, 10)]
        asked = [service.ask("POST", f"{path}/end", end, who="approver", If_Match=tag) for end in ends]
        answers = [answer.status_code for answer in await asyncio.gather(*asked)]
        assert sorted(answers) == [200, 412, 412]

    serving(tmp_path, test)


def test_the_same_request_twice_is_carried_out_once(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        new = {"document": document(), **WHY}
        before = service.centre.ledger.seq
        first, second = [
            await service.ask("POST", "/plan-sets", new, who="engineer", Idempotency_Key="k 1")
            for _ in range(2)
        ]
        assert first.status_code == second.status_code == 201
        assert "idempotency-replayed" not in first.headers
        assert second.headers["idempotency-replayed"] == "true"
        assert first.content == second.content
        for name in ("etag", "location", "content-type"):
            assert first.headers[name] == second.headers[name]
        assert service.centre.ledger.seq == before + 1
        # A refusal is an answer too.
        for _ in range(2):
            found = await service.ask(
                "POST", "/plan-sets/none/check", WHY, who="engineer", Idempotency_Key="k2"
            )
            assert found.status_code == 404
        assert found.headers["idempotency-replayed"] == "true"

    serving(tmp_path, test)


def test_a_key_is_for_one_request_of_one_sender(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        path = f"/junctions/{HERE}/hold"
        hold = {"until": "2026-11-27T08:00:00Z", **WHY}
        others = (
            ("PUT", path, {**hold, "why": "another reason"}),
            ("PUT", f"/junctions/{keys()[1]}/hold", hold),
            ("PUT", f"{path}?a=1", hold),
        )
        await service.done("PUT", path, hold, who="engineer", Idempotency_Key="key")
        for method, where, body in others:
            found = await service.ask(method, where, body, who="engineer", Idempotency_Key="key")
            assert (found.status_code, found.json()["rule"]) == (409, "this key was used for another request")
            assert "retry-after" not in found.headers
        found = await service.ask("PUT", path, hold, who="approver", Idempotency_Key="key")
        assert found.status_code == 409
        assert "is held by Bolat" in found.json()["rule"]  # another sender's key is another key
        for key in ("", "\t", "a\tb", "x" * 256):
            found = await service.ask("PUT", path, hold, who="engineer", Idempotency_Key=key)
            assert (found.status_code, found.json()["field"].lower()) in {
                (422, "idempotency-key"),
                (422, "header.idempotency-key"),
            }

    serving(tmp_path, test)


def test_the_same_request_at_the_same_time_is_carried_out_once(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        new = {"document": document(), **WHY}
        before = service.centre.ledger.seq
        asked = [
            service.ask("POST", "/plan-sets", new, who="engineer", Idempotency_Key="key") for _ in range(8)
        ]
        answers = await asyncio.gather(*asked)
        made = [answer for answer in answers if answer.status_code == 201]
        busy = [answer for answer in answers if answer.status_code == 409]
        assert len(made) + len(busy) == 8
        assert len({answer.json()["id"] for answer in made}) == 1
        assert all(1 <= int(answer.headers["retry-after"]) <= 5 for answer in busy)
        assert service.centre.ledger.seq == before + 1

    serving(tmp_path, test)


class Died(BaseException):
    """The service has died."""


def _dies_before_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next request be carried out, and its answer be lost, with all that the process would have done after it."""

    async def gone(_self: Idempotency, *_: object) -> bool:
        raise Died

    monkeypatch.setattr(Idempotency, "finish", gone)
    monkeypatch.setattr(Idempotency, "abandon", gone)


async def _sent_again(service: Service, monkeypatch: pytest.MonkeyPatch, *request: Any, **how: Any) -> Any:
    """Send a request to a service that dies between the ledger and the answer, and again when its claim is over."""
    key = f"lost {request[1]}"
    with monkeypatch.context() as patch:
        _dies_before_it_answers(patch)
        with pytest.raises(Died):
            await service.ask(*request, Idempotency_Key=key, **how)
    busy = await service.ask(*request, Idempotency_Key=key, **how)
    assert busy.status_code == 409
    assert busy.headers["retry-after"]
    service.clock.wait(minutes=2)
    seq = service.centre.ledger.seq
    answer = await service.ask(*request, Idempotency_Key=key, **how)
    assert service.centre.ledger.seq == seq
    return answer


def test_a_request_whose_answer_was_lost_in_a_crash_is_answered_later(tmp_path: Path, monkeypatch) -> None:
    async def test(service: Service) -> None:
        new = {"document": document(), **WHY}
        answer = await _sent_again(service, monkeypatch, "POST", "/plan-sets", new, who="engineer")
        assert answer.status_code == 201
        assert len(service.centre.plans.sets) == 1
        path, tag = f"/plan-sets/{answer.json()['id']}", answer.headers["etag"]
        for step, who in (("check", "engineer"), ("approve", "approver"), ("publish", "approver")):
            # The state is not that of the condition any more, for it was carried out.
            answer = await _sent_again(
                service, monkeypatch, "POST", f"{path}/{step}", WHY, who=who, If_Match=tag
            )
            assert answer.status_code == 200, answer.text
            tag = answer.headers["etag"]
        assert answer.json()["state"] == "published"

    serving(tmp_path, test, ack_deadline_s=3600)


def test_a_rollback_whose_answer_was_lost_is_one_rollback(tmp_path: Path, monkeypatch) -> None:
    async def test(service: Service) -> None:
        await service.register(*keys())
        for version in (1, 2):
            made = await service.published(document())
            await _bring_in(service, version)
            service.clock.wait(seconds=11)  # it begins
        request = ("POST", f"/plan-sets/{made}/roll-back", WHY)
        answer = await _sent_again(service, monkeypatch, *request, who="approver")
        assert answer.status_code == 201
        assert answer.json()["rollback_of"] == made
        assert len(service.centre.plans.sets) == 3
        await _bring_in(service, 3)
        service.clock.wait(seconds=10)
        await service.until(lambda: service.centre.plans.plan_set(made).state == "rolled_back")
        found = await service.ask(*request, who="approver", Idempotency_Key=f"lost {request[1]}")
        assert (found.status_code, found.json()["id"]) == (201, answer.json()["id"])

    serving(tmp_path, test, ack_deadline_s=3600)


async def _bring_in(service: Service, version: int) -> None:
    for key in keys():
        await say(service, key, version, "accepted")
    await service.until(
        lambda: all(not service.centre.plans.junction(key).slots["base"].pending for key in keys())
    )
    for key in keys():
        await say(service, key, version, "in_force")


_SECRETS = [
    ("/tokens", {"name": "Dana", "roles": ["viewer"], **WHY}, 201),
    ("/controllers", {"junction": keys()[1], **WHY}, 201),
    (f"/controllers/{HERE}/rotate", WHY, 200),
]


@pytest.mark.parametrize(("path", "body", "status"), _SECRETS)
def test_a_secret_is_shown_once(tmp_path: Path, monkeypatch, path: str, body: Any, status: int) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        first = await service.ask("POST", path, body, who="admin", Idempotency_Key="once")
        assert first.status_code == status
        assert first.headers["cache-control"] == "no-store"
        seq = service.centre.ledger.seq
        again = await service.ask("POST", path, body, who="admin", Idempotency_Key="once")
        assert again.status_code == 409
        assert again.json()["rule"] == "was carried out; its answer held a secret, which is shown once"
        assert service.centre.ledger.seq == seq
        secret = first.json()["token"]
        assert (await service.ask("GET", "/me", who=secret)).status_code in {200, 403}
        if path != "/controllers":
            lost = await _sent_again(service, monkeypatch, "POST", path, body, who="admin")
            # Another secret is at hand now, which nobody has entered: it must not be given out.
            assert lost.status_code == 409
            assert "jsy_" not in lost.text
        await _nowhere(service, tmp_path, secret)

    serving(tmp_path, test)


async def _nowhere(service: Service, folder: Path, secret: str) -> None:
    """Look for a secret in everything that Redis has, and in every file of the data folder."""
    redis = service.context.part(Idempotency)._redis
    known, hidden = (part.encode() for part in secret.split("_", 2)[1:])
    assert len(hidden) == 43
    found = 0
    for key in await redis.read("KEYS", "*"):
        dump = await redis.read("DUMP", key)
        kind = await redis.read("TYPE", key)
        read = {b"string": ("GET",), b"hash": ("HGETALL",), b"stream": ("XRANGE", "-", "+")}[kind]
        plain = await redis.read(read[0], key, *read[1:])
        found += known in repr(plain).encode()
        assert hidden not in dump
        assert hidden not in repr(plain).encode()
    assert found  # the identifier is there: the search does find what is stored
    _in_no_file(folder, hidden)


def _in_no_file(folder: Path, hidden: bytes) -> None:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_socket()]
    assert any(path.suffix == ".aof" for path in files)
    for path in files:
        assert hidden not in path.read_bytes(), path


def test_what_was_not_decided_is_not_kept(tmp_path: Path, monkeypatch) -> None:
    """Somebody who may not, and a store that is away, can ask again with the same key."""

    async def test(service: Service) -> None:
        from api.store.errors import StoreUnavailable

        hold = {"until": "2026-11-27T08:00:00Z", **WHY}
        path = f"/junctions/{HERE}/hold"
        assert (await service.ask("PUT", path, hold, who="viewer", Idempotency_Key="a")).status_code == 403
        redis = service.context.part(Idempotency)._redis
        assert await redis.read("KEYS", "jasyl:idempotency:*") == []
        with monkeypatch.context() as patch:

            async def away(*_: object, **__: object) -> None:
                raise StoreUnavailable("is being restarted")

            patch.setattr(service.centre.ledger, "commit", away)
            found = await service.ask("PUT", path, hold, who="engineer", Idempotency_Key="b")
            assert (found.status_code, found.headers["retry-after"]) == (503, "1")
        assert (await service.ask("PUT", path, hold, who="engineer", Idempotency_Key="b")).status_code == 200
        # Reading changes nothing, so there is nothing to keep.
        await service.ask("GET", "/junctions", who="viewer", Idempotency_Key="c")
        assert len(await redis.read("KEYS", "jasyl:idempotency:*")) == 1

    serving(tmp_path, test)

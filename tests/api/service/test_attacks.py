"""Published weaknesses of traffic systems, each tried on this one: the attack fails.

- Ghena, Beyer, Hillaker, Pevarnek, Halderman: Green Lights Forever (WOOT 2014): no encryption, default credentials, an open debug
  port, and commands that can be replayed.
- Cerrudo: Hacking US traffic control systems (DEF CON 22, 2014): sensor data that anybody can send.

What goes wrong in any service is in `test_attacks_on_http`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from api.settings import Settings
from signals.signing import Signer, Typ
from simulation.controller.assignment import Desk
from tests.api.service.centres import Service, serving
from tests.api.service.services import captured_logs
from tests.api.service.test_plan_sets import assignment, document, keys, say
from tests.simulation.controller.tables_for_tests import tables_of
from traffic.errors import InputError

HERE, ELSEWHERE = keys()[0], keys()[1]
ROOT = Path(__file__).parents[3]
AT = "2026-11-27T07:00:00Z"
WHY = {"why": "test"}


# Ghena et al.: no encryption


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "control.example"])  # noqa: S104
def test_nobody_else_is_served_without_encryption(tmp_path: Path, host: str) -> None:
    with pytest.raises(InputError, match="where there is no TLS"):
        Settings(data_folder=tmp_path, host=host)
    Settings(data_folder=tmp_path, host=host, plain_http=True)  # behind a proxy, and said so


# Ghena et al.: default credentials


_LITERAL = re.compile(
    r"""jsy_[0-9a-f]{16}_[\w-]{43}"""
    r"""|(?i:passw(or)?d|secret|passphrase|security_code)["']?\s*[:=]\s*["'][^"'{}\s]{3,}["']"""
    r"""|-----BEGIN [A-Z ]*PRIVATE KEY-----[^.*]*[A-Za-z0-9+/]{40}"""
)


def test_no_file_of_the_packages_has_a_credential() -> None:
    packages = ("api", "signals", "simulation", "scenarios", "traffic")
    files = [
        file for name in packages for file in (ROOT / name).rglob("*") if file.suffix in {".py", ".toml"}
    ]
    assert len(files) > 100
    found = {str(file): match[0] for file in files if (match := _LITERAL.search(file.read_text("utf-8")))}
    # The mark of an extension of OpenAPI, and what stands in the place of a security code: no secrets.
    assert sorted(found.values()) == ['SECRET = "***"', 'SECRET = "x-jasyl-secret-answer"']
    assert _LITERAL.search('password = "admin123"')
    assert _LITERAL.search("jsy_0001020304050607_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")


def test_a_fresh_service_lets_nobody_in_but_with_what_it_has_printed(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        guesses = ("admin", "admin:admin", "jsy_admin_admin", "null", "undefined", "jsy__", "0" * 64, "")
        for guess in guesses:
            for scheme in ("Bearer", "Basic", "Token", ""):
                answer = await service.ask("GET", "/me", Authorization=f"{scheme} {guess}".strip())
                assert answer.status_code == 401, (scheme, guess)
        answer = await service.ask("GET", "/me", who=service.first_token)
        assert answer.status_code == 401  # that of the first start is spent by now

    tokens = []

    async def remembered(service: Service) -> None:
        tokens.append(service.first_token)

    serving(tmp_path / "one", test)
    serving(tmp_path / "two", remembered)
    serving(tmp_path / "three", remembered)
    assert len(set(tokens)) == 2


# Ghena et al.: the open debug port


def test_there_is_no_door_but_the_documented_ones(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        documented = set(service.app.openapi()["paths"]) | {"/v1/openapi.json", "/v1/docs"}
        assert _paths(service.app.routes) == documented
        assert not service.app.debug
        for path in ("/debug", "/console", "/debug/pprof/", "/env", "/admin", "/shell", "/.git/config"):
            assert (await service.ask("GET", path, who="admin")).status_code == 404
            assert (await service.ask("GET", f"/..{path}", who="admin")).status_code == 404

    serving(tmp_path, test)
    settings = Settings(data_folder=tmp_path)
    assert (settings.host, settings.rsmp_host) == ("127.0.0.1", "127.0.0.1")


def _paths(routes: Any) -> set[str]:
    found = set()
    for route in routes:
        inner = getattr(getattr(route, "original_router", route), "routes", None)
        found |= _paths(inner) if inner else {route.path} if hasattr(route, "path") else set()
    return found


# Ghena et al.: replayed commands


async def _desk(service: Service, key: str, *trusted: Signer) -> Desk:
    signers = trusted or (service.centre.signatory.signer,)
    return Desk(tables_of(service.centre.city.junction(key), keys=[signer.public for signer in signers]))


def _now(service: Service) -> float:
    return service.clock().timestamp()


async def _order(service: Service, mode: str, **more: Any) -> dict[str, Any]:
    body = {"mode": mode, "expires_at": "2026-11-27T09:00:00Z", **WHY, **more}
    await service.done("PUT", f"/junctions/{HERE}/order", body, who="engineer")
    return await assignment(service, HERE)


def test_an_order_that_was_recorded_is_not_followed_again(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        hold = {"until": "2026-11-27T09:00:00Z", **WHY}
        await service.done("PUT", f"/junctions/{HERE}/hold", hold, who="engineer")
        desk = await _desk(service, HERE)
        flash = await _order(service, "flash")
        assert desk.receive(flash, _now(service)).problems == ()
        none = await _order(service, "none")
        assert desk.receive(none, _now(service)).problems == ()
        assert desk.order.mode == "none"
        replayed = desk.receive(flash, _now(service))
        assert "must be higher than 2, which was here before" in replayed.problems[0]
        assert desk.order.mode == "none"
        # Put into an answer of today, and by somebody who has never heard anything: it is over by then.
        service.clock.wait(hours=3)
        late = await _desk(service, HERE)
        assert (
            "must not have expired"
            in late.receive({**none, "order": flash["order"]}, _now(service)).problems[0]
        )
        assert late.order is None

    serving(tmp_path, test)


def test_what_is_signed_for_one_junction_and_purpose_is_nothing_elsewhere(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(*keys())
        await service.published(document())
        for key in keys():
            await say(service, key, 1, "accepted")
        await service.until(lambda: bool(service.centre.plans.junction(HERE).slots["base"].current))
        hold = {"until": "2026-11-27T09:00:00Z", **WHY}
        await service.done("PUT", f"/junctions/{HERE}/hold", hold, who="engineer")
        mine = await _order(service, "all_red")
        here = mine["slots"]["base"]["current"]
        desk = await _desk(service, ELSEWHERE)
        with pytest.raises(InputError, match="must be that of this controller"):
            desk.receive(mine, _now(service))
        renamed = {**mine, "junction": ELSEWHERE}
        found = desk.receive(renamed, _now(service))
        assert len(found.problems) == 2  # neither the plan nor the order is for here
        assert all("must be that of this controller" in problem for problem in found.problems)
        assert (desk.order, desk.verdicts) == (None, ())
        # An order in the place of a plan, a plan in that of an activation, an activation in that of an order.
        own = await _desk(service, HERE)
        swapped = {
            **mine,
            "order": here["activation"],
            "slots": {"base": {"current": {**here, "plan": mine["order"]}, "pending": None}},
        }
        problems = own.receive(swapped, _now(service)).problems
        assert [re.search("must be '([a-z-]+)'", problem)[1] for problem in problems] == [
            Typ.PLAN.value,
            Typ.ORDER.value,
        ]
        crossed = {**here, "activation": here["plan"]}
        problems = own.receive(
            {**mine, "slots": {"base": {"current": crossed, "pending": None}}}, _now(service)
        )
        assert f"must be {Typ.ACTIVATION.value!r}" in problems.problems[0]

    serving(tmp_path, test)


def test_an_older_version_is_not_taken_for_a_newer_one(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(*keys())
        recorded, desk = [], await _desk(service, HERE)
        for version in (1, 2):
            await service.published(document())
            recorded.append(await assignment(service, HERE))
            desk.receive(recorded[-1], _now(service))
            for key in keys():
                await say(service, key, version, "accepted")
            await service.until(lambda: not service.centre.plans.junction(HERE).slots["base"].pending)
            desk.receive(await assignment(service, HERE), _now(service))
        assert desk.highest_version == 2
        old = recorded[0]
        told = desk.receive(old, _now(service))
        assert [a.result for a in told.acknowledgements if a.version == 1] in ([], ["accepted"])
        assert max(release.version for release in desk.releases["base"]) == 2
        # The old plan under a new number.
        row = {**old["slots"]["base"]["pending"], "version": 3}
        forged = {**old, "slots": {"base": {"current": None, "pending": row}}}
        (told,) = desk.receive(forged, _now(service)).acknowledgements
        assert (told.version, told.result) == (3, "refused")
        assert "must be 3, as announced" in told.reason

    serving(tmp_path, test)


def test_a_plan_that_another_key_has_signed_is_not_followed(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(HERE)
        await service.published(document())
        told = await assignment(service, HERE)
        pending = told["slots"]["base"]["pending"]
        payload = service.trusted.verify(pending["plan"], Typ.PLAN)
        mallory = Signer.new()
        desk = await _desk(service, HERE)
        for token in (
            mallory.sign(Typ.PLAN, payload),
            _with_header(mallory.sign(Typ.PLAN, payload), pending["plan"]),  # under the name of the right key
            pending["plan"].rpartition(".")[0] + ".",
            _unsigned(pending["plan"]),
        ):
            row = {"base": {"current": None, "pending": {**pending, "plan": token}}}
            (answer,) = desk.receive({**told, "slots": row}, _now(service)).acknowledgements
            assert answer.result == "refused"
        assert desk.receive(told, _now(service)).acknowledgements[0].result == "accepted"

    serving(tmp_path, test)


def _with_header(token: str, other: str) -> str:
    return f"{other.partition('.')[0]}.{token.partition('.')[2]}"


def _unsigned(token: str) -> str:
    """Return a token with the algorithm `none`, as libraries have believed it."""
    import base64
    import json

    header, payload, _ = token.split(".")
    members = json.loads(base64.urlsafe_b64decode(header + "=="))
    plain = json.dumps({**members, "alg": "none"}).encode()
    return f"{base64.urlsafe_b64encode(plain).rstrip(b'=').decode()}.{payload}."


def test_what_a_controller_has_said_cannot_be_said_again_by_others_or_later(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        await service.register(*keys())
        await service.published(document())
        path = f"/controllers/{HERE}/acknowledgements"
        said = {"version": 1, "result": "refused", "reason": "intergreen", "at": AT}
        await service.done("POST", path, said, who=HERE)
        seq = service.centre.ledger.seq
        for _ in range(3):  # recorded, and sent again: nothing new, and no refusal for who lost the answer
            again = await service.done("POST", path, said, who=HERE)
            assert again["entries"] == 0
        assert service.centre.ledger.seq == seq
        accepted = {"version": 1, "result": "accepted", "at": AT}
        assert (await service.ask("POST", path, accepted, who=HERE)).status_code == 409
        await service.published(document())
        for recorded in (accepted, {**accepted, "result": "in_force"}):  # of an older version
            assert (await service.ask("POST", path, recorded, who=HERE)).status_code == 409
        for who in (ELSEWHERE, "admin", "approver"):
            assert (await service.ask("POST", path, {**accepted, "version": 2}, who=who)).status_code == 403
        early = await service.ask("POST", path, {**accepted, "version": 2, "result": "in_force"}, who=HERE)
        assert "is not activated, and must not be shown" in early.json()["rule"]

    serving(tmp_path, test)


# Cerrudo: sensor data that anybody can send


def test_only_a_controller_reports_and_each_number_once(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        from api.store.reports import Reports

        await service.register(HERE, ELSEWHERE)
        path = f"/controllers/{HERE}/reports"
        row = {"number": 5, "kind": "status", "at": AT, "data": {"cycle_s": 72}}
        told = {"reports": [row]}
        assert (await service.ask("POST", path, told)).status_code == 401
        for who in (ELSEWHERE, "admin", "engineer"):
            assert (await service.ask("POST", path, told, who=who)).status_code == 403
        first = await service.done("POST", path, told, who=HERE)
        assert first == {"accepted_until": 5, "new": 1, "missing": 0}
        forged = {"reports": [{**row, "data": {"cycle_s": 0}}, {**row, "number": 4}]}
        assert (await service.ask("POST", path, forged, who=HERE)).status_code == 422
        replayed = {"reports": [{**row, "data": {"cycle_s": 0}}]}
        assert (await service.done("POST", path, replayed, who=HERE))["new"] == 0
        stored = await service.context.part(Reports).latest(HERE)
        assert stored.data == {"cycle_s": 72}

    serving(tmp_path, test)


# Secrets


def test_secrets_are_in_no_log_no_problem_no_ledger_and_no_document(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        with captured_logs(service.context.settings) as logs:
            await service.register(HERE)
            await service.published(document())
            answers = []
            for secret in service.tokens.values():
                answers += [
                    await service.ask("POST", f"/tokens/{secret}/revoke", WHY, who="admin"),
                    await service.ask("POST", f"/alarms/{secret}/acknowledge", WHY, who="admin"),
                    await service.ask("POST", "/tokens", {"why": secret}, who="admin"),
                    await service.ask("GET", f"/junctions?cursor={secret}", who="admin"),
                    await service.ask("GET", "/me", who=secret + "x"),
                ]
        assert {answer.status_code for answer in answers} <= {401, 404, 422}
        text = "".join(answer.text for answer in answers)
        entries = await service.ask("GET", "/ledger?limit=1000", who="viewer")
        page = await service.ask("GET", "/openapi.json")
        for secret in service.tokens.values():
            hidden = secret.split("_", 2)[2]
            for place in (text, entries.text, page.text, logs.getvalue()):
                assert hidden not in place
        assert logs.getvalue().count("jsy_***") >= 2

    serving(tmp_path, test)


def test_a_token_that_is_pasted_as_a_reason_does_not_get_into_the_ledger(tmp_path: Path) -> None:
    async def test(service: Service) -> None:
        body = {"why": f"try {service.tokens['admin']}", "until": "2026-11-27T08:00:00Z"}
        answer = await service.ask("PUT", f"/junctions/{HERE}/hold", body, who="admin")
        assert answer.status_code == 422
        assert "must hold no token" in answer.json()["rule"]
        assert service.tokens["admin"].split("_", 2)[2] not in answer.text

    serving(tmp_path, test)

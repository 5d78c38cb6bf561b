"""The commands of operators, against a service that runs."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from api.centre.centre import Centre
from api.cli import run
from api.client import JasylClient, ServiceError
from api.commands.plans import _waited
from signals.instants import instant_text
from tests.api.ops.running import Running, obedient, served
from tests.api.service.test_plan_sets import document, keys
from traffic.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with served(tmp_path_factory.mktemp("served")) as running:
        running.staff()
        running.register(*keys())
        (running.folder / "plans.json").write_text(json.dumps(document()))
        yield running


@pytest.fixture
def command(
    found: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Run a command as somebody, and return what it prints."""
    monkeypatch.setenv("JASYL_URL", found.url)
    monkeypatch.delenv("JASYL_TOKEN", raising=False)

    def done(who: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        assert run([*arguments, "--token-file", str(found.file(who)), "--json"]) == code
        told = capsys.readouterr()
        assert bool(told.err) == bool(code), told.err
        return dict(json.loads(told.err if code else told.out))

    return done


def _becomes(found: Running, plan_set: str, state: str) -> None:
    """Wait until the successor of a set has begun."""
    deadline = time.monotonic() + 30
    while found.context.part(Centre).plans.plan_set(plan_set).state != state:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _submitted(command: Callable[..., dict[str, Any]], found: Running, *more: str) -> str:
    made = command("engineer", "plans", "submit", str(found.folder / "plans.json"), "--why", "test", *more)
    assert made["state"] == "draft"
    return str(made["id"])


def test_a_plan_set_from_the_file_to_the_lamps_and_back(
    found: Running, command: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    with obedient(found, *keys()):
        made = []
        for name in ("one", "two"):
            made.append(_submitted(command, found, "--name", name))
            assert command("engineer", "plans", "check", made[-1], "--why", "ready")["state"] == "checked"
            assert command("approver", "plans", "approve", made[-1], "--why", "seen")["state"] == "approved"
            told = command(
                "approver",
                "plans",
                "publish",
                made[-1],
                "--why",
                "now",
                "--wait",
                "--until",
                "in_force",
                "--timeout",
                "30",
            )
            assert told["state"] == "in_force"
            assert {group["state"] for group in told["groups"]} == {"in_force"}
        _becomes(found, made[0], "superseded")
        assert command("viewer", "plans", "show", made[0])["state"] == "superseded"
        told = command(
            "approver", "plans", "roll-back", made[1], "--why", "queues", "--wait", "--until", "in_force"
        )
        assert (told["state"], told["rollback_of"]) == ("in_force", made[1])
        _becomes(found, made[1], "rolled_back")
    listed = command("viewer", "plans", "list", "--state", "in_force")["plan_sets"]
    assert [one["id"] for one in listed] == [told["id"]]
    command("viewer", "plans", "show", made[0], "--document", str(tmp_path / "again.json"))
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(json.dumps(document()))


def test_a_publication_that_does_not_come_into_force_is_told(
    found: Running, command: Callable[..., dict[str, Any]]
) -> None:
    made = _submitted(command, found)
    command("engineer", "plans", "check", made, "--why", "ready")
    command("approver", "plans", "approve", made, "--why", "seen")
    publish = ("plans", "publish", made, "--why", "now", "--wait", "--timeout", "0.1")
    problem = command("approver", *publish, code=2)
    assert problem["rule"] == "must be acknowledged within 0.1 s"
    assert all(key in problem["hint"] for key in keys())
    assert command("engineer", "plans", "withdraw", made, "--why", "no controllers")["state"] == "kept"
    problem = command("approver", "plans", "publish", made, "--why", "again", code=2)
    assert (problem["status"], problem["value"]) == (409, "kept")


def test_an_event_is_ended(found: Running, command: Callable[..., dict[str, Any]]) -> None:
    until = instant_text(found.context.clock() + timedelta(days=1))
    with obedient(found, *keys()):
        made = _submitted(command, found, "--slot", "event", "--valid-until", until)
        command("engineer", "plans", "check", made, "--why", "ready")
        command("approver", "plans", "approve", made, "--why", "seen")
        told = command(
            "approver", "plans", "publish", made, "--why", "match", "--wait", "--until", "in_force"
        )
        assert (told["slot"], told["valid_until"]) == ("event", until)
        ended = command("approver", "plans", "end", made, "--why", "over")["valid_until"]
        assert ended < until


def test_what_is_wrong_is_told_as_the_service_tells_it(
    found: Running, command: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    unsafe = json.loads(json.dumps(document()))
    unsafe["plans"][0]["stages"][0]["duration_s"] = 1
    (tmp_path / "unsafe.json").write_text(json.dumps(unsafe))
    problem = command("engineer", "plans", "submit", str(tmp_path / "unsafe.json"), "--why", "test", code=2)
    assert (problem["status"], problem["title"]) == (422, "Unprocessable Entity")
    assert problem["rule"]
    problem = command("viewer", "plans", "submit", str(found.folder / "plans.json"), "--why", "x", code=2)
    assert problem["status"] == 403
    (tmp_path / "list.json").write_text("[]")
    for file in ("none.json", "list.json"):
        assert "file" in command("engineer", "plans", "submit", str(tmp_path / file), "--why", "x", code=2)


def test_lines_for_people(
    found: Running, command: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    made = _submitted(command, found, "--name", "for people")
    token = ["--token-file", str(found.file("viewer"))]
    assert run(["plans", "show", made, *token]) == 0
    shown = capsys.readouterr().out
    assert f"id          {made}\nname        for people\n" in shown
    assert ": pending, 0 of " in shown
    assert run(["plans", "list", "--state", "draft", *token]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["id", "name", "slot", "state", "author", "junctions", "created", "at"]
    assert any(row.startswith(made) for row in rows)
    assert run(["token", "list", "--token-file", str(found.file("admin"))]) == 0
    assert "Bolat" in capsys.readouterr().out


def test_tokens_are_made_listed_and_revoked(
    found: Running, command: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "new.token"
    create = ("token", "create", "--name", "Gulnar", "--role", "viewer", "--why", "joined")
    made = command("admin", *create, "-o", str(file), "--expires", "2026-12-31T00:00:00Z")
    assert (made["name"], made["file"], "token" in made) == ("Gulnar", str(file), False)
    assert file.stat().st_mode & 0o777 == 0o600
    found.tokens["new"] = file.read_text().strip()
    with found.client("new") as client:
        assert client.get_me().name == "Gulnar"
        listed = command("admin", "token", "list")["tokens"]
        assert made["id"] in {token["id"] for token in listed}
        assert found.tokens["new"] not in json.dumps(listed)
        assert command("admin", "token", "revoke", made["id"], "--why", "left") == {"revoked": made["id"]}
        with pytest.raises(ServiceError) as caught:
            client.get_me()
    assert caught.value.status == 401
    assert command("admin", *create, "-o", str(file), code=2)["rule"] == "must be a new file"
    assert command("admin", *create, "--right", "all", code=2)["field"] == "--right"
    assert command("admin", *create, "--right", "plans:publish", code=2)["value"] == "plans:publish"
    narrow = command("admin", *create, "--right", "read")
    assert narrow["token"].startswith("jsy_")


def test_the_ledger_is_exported_and_checked_without_the_service(
    command: Callable[..., dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noted = command("viewer", "ledger", "verify")
    command("admin", "token", "create", "--name", "Ilyas", "--role", "viewer", "--why", "one entry more")
    file = tmp_path / "ledger.jsonl"
    told = command("viewer", "ledger", "export", "-o", str(file))
    refused = command("viewer", "ledger", "export", "-o", str(file), code=2)
    assert (refused["rule"], "--force" in refused["hint"]) == ("must be a new file", True)
    assert command("viewer", "ledger", "export", "-o", str(file), "--force") == told
    assert told["entries"] > noted["entries"]
    expect = ["--expect", f"{noted['entries']}:{noted['hash']}"]
    assert run(["ledger", "verify-file", str(file), *expect, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {name: told[name] for name in ("entries", "hash")}
    lines = file.read_bytes().splitlines(keepends=True)
    for changed, rule in (
        (b"".join(lines).replace(b"Bolat", b"Nobod"), "must have the hash that is stored with it"),
        (b"".join(lines[:2] + lines[3:]), "must carry the number that it is stored under"),
        (
            b"".join(lines[: noted["entries"] - 1]),
            f"must go on to entry {noted['entries']}, which was noted, and ends",
        ),
        (b"nothing", "must be a ledger"),
        (b"[]", "must be an object"),
    ):
        file.write_bytes(changed)
        assert run(["ledger", "verify-file", str(file), *expect, "--json"]) == 2
        problem = json.loads(capsys.readouterr().err)
        assert problem["rule"].startswith(rule)
        assert problem["file"] == str(file)
        assert "data folder" not in problem.get("hint", "")  # that is for the store of a service
    assert run(["ledger", "verify-file", str(file), "--expect", "1:2", "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["field"] == "--expect"


@pytest.mark.parametrize("options", [[], ["--token-file", "none"], ["--cert", "a.pem"]])
def test_who_asks_must_be_told(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JASYL_TOKEN", raising=False)
    assert run(["plans", "list", "--json", *options]) == 2
    assert json.loads(capsys.readouterr().err)["field"].startswith("--")


def test_no_command_takes_a_token_as_an_argument() -> None:
    from api.commands import alarms, controllers, junction, ledger, plans, token
    from api.commands import keys as keys_command

    groups = (alarms, controllers, junction, plans, token, ledger, keys_command)
    for group in (module.command for module in groups):
        for one in group.commands.values():
            assert "--token" not in {name for option in one.params for name in option.opts}


@pytest.mark.parametrize(
    "group", ["plans", "junction", "alarms", "controllers", "token", "ledger", "keys", "backup", "restore"]
)
def test_help_has_examples(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([group, "--help"]) == 0
    assert f"jasyl {group}" in capsys.readouterr().out.split("Examples:")[1]


def test_a_service_that_does_not_answer(
    found: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    where = ["--url", "http://127.0.0.1:1", "--token-file", str(found.file("viewer"))]
    assert run(["plans", "list", *where, "--timeout", "0", "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["rule"] == "must be a service that answers"
    assert waits == []
    assert run(["plans", "list", *where, "--timeout", "2"]) == 2
    first, again, *_, last = capsys.readouterr().err.splitlines()
    assert "must be a service that answers" in first
    assert again == "It is tried again, for 2 s at most (--timeout)."
    assert last.startswith("Error: ")


def test_a_junction_is_held_ordered_and_let_go(
    found: Running, command: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    key, why = keys()[0], ("--why", "accident")
    assert command("engineer", "junction", "order", key, "flash", *why, code=2)["status"] == 409
    held = command("engineer", "junction", "hold", key, *why, "--for", "90")
    assert held["hold"]["by"] == "Bolat"
    told = command("engineer", "junction", "order", key, "all-red", *why, "--for", "30")
    assert (told["order"]["mode"], told["order"]["slot"]) == ("all_red", None)
    assert run(["junction", "show", key, "--token-file", str(found.file("viewer"))]) == 0
    assert "all_red by Bolat until" in capsys.readouterr().out
    told = command("engineer", "junction", "order", key, "none", *why)
    assert told["order"]["mode"] == "none"
    assert run(["junction", "show", key, "--token-file", str(found.file("viewer"))]) == 0
    assert "nothing (earlier orders are taken back by Bolat until" in capsys.readouterr().out
    assert command("approver", "junction", "release", key, *why, code=2)["status"] == 403
    assert command("approver", "junction", "eject", key, *why, code=2)["status"] == 403
    assert command("admin", "junction", "eject", key, *why)["hold"] is None
    until = instant_text(found.context.clock() + timedelta(hours=1))
    told = command("engineer", "junction", "order", key, "flash", *why, "--hold", "--expires", until)
    assert (told["hold"]["until"], told["order"]["expires_at"]) == (until, until)
    command("engineer", "junction", "order", key, "none", *why)
    assert command("engineer", "junction", "release", key, *why)["hold"] is None
    assert (
        command("engineer", "junction", "order", key, "flash", *why, "--for", "1e300", code=2)["field"]
        == "--for"
    )


def test_who_refuses_a_plan_and_why_is_told_and_stands_as_an_alarm(
    found: Running, command: Callable[..., dict[str, Any]]
) -> None:
    made = _submitted(command, found)
    command("engineer", "plans", "check", made, "--why", "ready")
    command("approver", "plans", "approve", made, "--why", "seen")
    command("approver", "plans", "publish", made, "--why", "now")
    refusing = keys()[3]
    version = found.context.part(Centre).plans.junction(refusing).last_version
    with found.client(refusing) as client:
        client.acknowledge_version(
            refusing,
            version=version,
            result="refused",
            at=found.context.clock(),
            reason="intergreen 3-4",
        )
        problem_of = _waited_for(found, made)
    assert problem_of["rule"] == "must be acknowledged"
    assert f"{refusing} refuses version {version}: intergreen 3-4" in problem_of["hint"]
    assert "Not acknowledged by" not in problem_of["hint"]
    (alarm,) = command("viewer", "alarms", "list", "--kind", "group_kept", "--new")["alarms"]
    assert f"{refusing} refuses version" in alarm["text"]
    done = command("engineer", "alarms", "acknowledge", alarm["id"], "--why", "published again")
    assert done == {"acknowledged": [alarm["id"]]}
    assert command("viewer", "alarms", "list", "--kind", "group_kept")["alarms"] == []


def _waited_for(found: Running, plan_set: str) -> dict[str, object]:
    with found.client("approver") as client, pytest.raises(InputError) as refused:
        _waited(client, client.get_plan_set(plan_set), "acknowledged", 30.0, quiet=True)
    return refused.value.problem()


def test_controllers_are_listed_and_their_credentials_changed_and_taken_back(
    found: Running, command: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    key, why = keys()[-1], ("--why", "yearly")
    before = {one["junction"]: one for one in command("viewer", "controllers", "list")["controllers"]}
    assert sorted(before) == sorted(keys())
    file = tmp_path / "new.credential"
    assert command("admin", "controllers", "rotate", key, *why, "-o", str(file))["file"] == str(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (
        command("admin", "controllers", "rotate", key, *why, "-o", str(file), code=2)["field"] == "--output"
    )
    with JasylClient(found.url, file.read_text().strip()) as client:
        assert client.get_assignment(key) is not None
    assert command("admin", "controllers", "revoke", key, *why) == {"revoked": key}
    left = [one["junction"] for one in command("viewer", "controllers", "list")["controllers"]]
    assert sorted(left) == sorted(set(keys()) - {key})
    found.register(key)

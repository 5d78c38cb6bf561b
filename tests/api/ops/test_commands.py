"""The commands of operators, against a service that runs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from api.cli import run
from api.client import ServiceError
from signals.instants import instant_text
from tests.api.ops.running import Running, obedient, served
from tests.api.service.test_plan_sets import document, keys

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
        assert command("viewer", "plans", "show", made[0])["state"] == "superseded"
        told = command(
            "approver", "plans", "roll-back", made[1], "--why", "queues", "--wait", "--until", "in_force"
        )
        assert (told["state"], told["rollback_of"]) == ("in_force", made[1])
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
    narrow = command("admin", *create, "--right", "read")
    assert narrow["token"].startswith("jsy_")


def test_the_ledger_is_exported_and_checked_without_the_service(
    command: Callable[..., dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noted = command("viewer", "ledger", "verify")
    command("admin", "token", "create", "--name", "Ilyas", "--role", "viewer", "--why", "one entry more")
    file = tmp_path / "ledger.jsonl"
    told = command("viewer", "ledger", "export", "-o", str(file))
    assert told["entries"] > noted["entries"]
    expect = ["--expect", f"{noted['entries']}:{noted['hash']}"]
    assert run(["ledger", "verify-file", str(file), *expect, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {name: told[name] for name in ("entries", "hash")}
    lines = file.read_bytes().splitlines(keepends=True)
    for changed, rule in (
        (b"".join(lines).replace(b"Bolat", b"Nobod"), "must have the hash that is stored with it"),
        (b"".join(lines[:2] + lines[3:]), "must carry the number that it is stored under"),
        (b"".join(lines[: noted["entries"] - 1]), "must have the hash that was noted"),
        (b"nothing", "must be a ledger"),
        (b"[]", "must be an object"),
    ):
        file.write_bytes(changed)
        assert run(["ledger", "verify-file", str(file), *expect, "--json"]) == 2
        assert json.loads(capsys.readouterr().err)["rule"].startswith(rule)
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
    from api.commands import keys as keys_command
    from api.commands import ledger, plans, token

    for group in (plans.command, token.command, ledger.command, keys_command.command):
        for one in group.commands.values():
            assert "--token" not in {name for option in one.params for name in option.opts}


@pytest.mark.parametrize("group", ["plans", "token", "ledger", "keys", "backup", "restore"])
def test_help_has_examples(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([group, "--help"]) == 0
    assert f"jasyl {group}" in capsys.readouterr().out.split("Examples:")[1]


def test_a_service_that_does_not_answer(
    found: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("api.client.sending.Again.pause_s", lambda _self, _wanted: None)
    token = ["--token-file", str(found.file("viewer"))]
    assert run(["plans", "list", "--url", "http://127.0.0.1:1", *token, "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["rule"] == "must be a service that answers"

"""Keys: made, kept from others, rotated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from api.centre.signing_keys import load_keys, new_key
from api.cli import run
from signals.signing import TrustedKeys, Typ
from tests.api.service.centres import Service, serving
from tests.api.service.test_plan_sets import document, keys
from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

KEY = keys()[0]


def test_keys_are_for_nobody_else(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    (kid,) = load_keys(folder)
    file = folder / f"{kid}.pem"
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    assert list(load_keys(folder)) == [kid]
    file.chmod(0o640)
    with pytest.raises(InputError, match=r"must be readable by nobody else \(got '640'\)"):
        load_keys(folder)


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    new_key_file = folder / "x.pem"
    folder.mkdir()
    new_key_file.write_text("nothing")
    new_key_file.chmod(0o600)
    with pytest.raises(InputError, match=r"x.pem: signing key: must be a private key in PEM"):
        load_keys(folder)


def test_the_command_makes_and_shows_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "new", "--data", str(tmp_path), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert run(["keys", "show", "--data", str(tmp_path)]) == 0
    assert [key["kid"] for key in json.loads(capsys.readouterr().out)["keys"]] == [made["key"]]


def test_another_key_signs_and_the_old_one_tells_the_controllers(tmp_path: Path) -> None:
    second = new_key(_folder(tmp_path))
    first = new_key(_folder(tmp_path))
    old, new = sorted([second.kid, first.kid])

    async def test(service: Service) -> None:
        await service.register(KEY)
        shown = await service.done("GET", "/keys", who="viewer")
        assert shown["signing"] == old
        trusted = TrustedKeys.of({"keys": [key for key in shown["keys"] if key["kid"] == old]})
        path = f"/controllers/{KEY}/assignment"
        before = await service.ask("GET", path, who=KEY)
        unknown = {"key": "A" * 43, "why": "test"}
        answer = await service.ask("POST", "/keys/signing", unknown, who="admin")
        assert (answer.status_code, answer.json()["rule"]) == (422, "must be a key that this replica has")
        await service.done("POST", "/keys/signing", {"key": new, "why": "yearly"}, who="admin")
        answer = await service.ask("POST", "/keys/signing", {"key": new, "why": "again"}, who="admin")
        assert answer.status_code == 409
        after = await service.ask("GET", path, who=KEY, If_None_Match=before.headers["etag"])
        announced = trusted.verify(after.json()["keys"], Typ.KEYS)["keys"]
        await service.published(document())
        token = (await service.done("GET", path, who=KEY))["slots"]["base"]["pending"]["plan"]
        with pytest.raises(InputError, match="must name a trusted key"):
            trusted.verify(token, Typ.PLAN)
        assert TrustedKeys.of(announced).verify(token, Typ.PLAN)["junction"] == KEY

    serving(tmp_path, test)


def _folder(data: Path) -> Path:
    folder = data / "keys"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder

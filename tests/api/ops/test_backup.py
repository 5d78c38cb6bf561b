"""Back-ups: made while the service runs, restored into another folder, and what controllers make of it."""

from __future__ import annotations

import asyncio
import json
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from api.backup import back_up, check_backup, restore
from api.cli import run
from api.jobs import Jobs
from api.jobs.model import OptimizeRequest
from api.settings import Settings
from api.store.errors import StoreUnavailable
from scenarios.loader import build, load
from signals.lifecycle.operators import RAISED_BY
from signals.schedule import Schedule
from signals.signing import Signer
from signals.wire import plans_from_dict
from simulation.controller.assignment import Desk
from simulation.controller.commissioning import commissioned
from tests.api.service.centres import CITY, Service, service, serving
from tests.api.service.test_plan_sets import assignment, document, keys, say
from traffic.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

KEY = keys()[0]


def _desk(found: Service) -> Desk:
    """A controller of the first junction, which trusts the key that signs."""
    junctions = build(load(CITY)).junctions
    plans = plans_from_dict(document(), junctions)
    trusted = found.trusted.jwks["keys"]
    return Desk(
        commissioned(
            junctions[0], Schedule.of_one(plans), 0, time_zone="Asia/Almaty", backup_s=300, keys=trusted
        )
    )


async def _taken(found: Service, desk: Desk, shown: int | None = None) -> Any:
    return desk.receive(await assignment(found, KEY), found.clock().timestamp(), shown=shown)


async def _in_force(found: Service, desk: Desk, version: int, name: str) -> str:
    plan_set = await found.published(document(), name=name)
    assert [(a.version, a.result) for a in (await _taken(found, desk)).acknowledgements] == [
        (version, "accepted")
    ]
    for key in keys():
        await say(found, key, version, "accepted")
    await found.until(
        lambda: all(g.activate_at for g in found.centre.plans.plan_set(plan_set).groups.values())
    )
    for key in keys():
        await say(found, key, version, "in_force")
    found.clock.wait(seconds=60)
    assert (await _taken(found, desk, shown=version)).problems == ()
    assert [r.version for r in desk.releases["base"]] == [version]
    return plan_set


async def _reported(found: Service, number: int, kind: str = "status") -> Any:
    row = {"number": number, "kind": kind, "at": found.clock().isoformat(), "data": {}}
    return await found.done("POST", f"/controllers/{KEY}/reports", {"reports": [row]}, who=KEY)


def _restored(folder: Path, file: Path, found: Service, **settings: Any) -> Any:
    made = Settings(data_folder=folder, city=CITY, **settings)
    return restore(made, file, who="service", why="test", clock=found.clock, new_id=found.context.new_id)


def test_a_service_goes_on_from_a_back_up_and_controllers_go_on_with_it(tmp_path: Path) -> None:
    file = tmp_path / "back-up.zip"

    async def test() -> None:
        async with service(tmp_path / "first") as found:
            await found.staff()
            await found.register(*keys())
            desk = _desk(found)
            await _in_force(found, desk, 1, "kept")
            await _reported(found, 1)
            await _reported(found, 2, "event")
            job = await found.context.part(Jobs).submit(
                OptimizeRequest(kind="optimize", seconds=1.0), "Bolat"
            )
            made = await back_up(found.context.settings, file, clock=found.clock)
            assert made.content.entries == found.centre.ledger.seq
            assert (made.content.reports, made.content.jobs) == (2, 1)
            assert file.stat().st_mode & 0o777 == 0o600
            lost = await _in_force(found, desk, 2, "lost")
            await _reported(found, 3)
            clock, tokens = found.clock, found.tokens
            assert check_backup(file).content == made.content
            await _restored(tmp_path / "second", file, found)
        async with service(tmp_path / "second") as found:
            assert found.first_token is None
            found.clock.at, found.tokens = clock.at, tokens
            verified = await found.done("GET", "/ledger/verification", who="viewer")
            assert verified["entries"] == made.content.entries + 2
            assert (await found.ask("GET", f"/plan-sets/{lost}", who="viewer")).status_code == 404
            alarms = await found.done("GET", "/alarms", who="viewer")
            assert [alarm["kind"] for alarm in alarms["alarms"]] == ["restored"]
            # What it has been told since is kept, and what is published next is taken.
            received = await _taken(found, desk)
            assert (received.acknowledgements, received.problems) == ((), ())
            assert [r.version for r in desk.releases["base"]] == [2]
            await _in_force(found, desk, RAISED_BY + 2, "again")
            assert await _reported(found, 2) == {"accepted_until": 2, "new": 0, "missing": 0}
            assert await _reported(found, 4) == {"accepted_until": 4, "new": 1, "missing": 1}
            shown = await found.done("GET", f"/jobs/{job.key}", who="viewer")
            assert shown["request"]["kind"] == "optimize"

    asyncio.run(test())


def test_a_junction_that_was_new_after_the_back_up_takes_what_comes_too(tmp_path: Path) -> None:
    file = tmp_path / "back-up.zip"

    async def test() -> None:
        async with service(tmp_path / "first") as found:
            await found.staff()
            await found.register(*keys())
            desk = _desk(found)
            await back_up(found.context.settings, file, clock=found.clock)
            await _in_force(found, desk, 1, "lost")
            clock, tokens = found.clock, found.tokens
            tag = (await found.ask("GET", f"/controllers/{KEY}/assignment", who=KEY)).headers["etag"]
            await _restored(tmp_path / "second", file, found)
        async with service(tmp_path / "second") as found:
            found.clock.at, found.tokens = clock.at, tokens
            answer = await found.ask("GET", f"/controllers/{KEY}/assignment", who=KEY, If_None_Match=tag)
            assert answer.status_code == 200
            await _in_force(found, desk, RAISED_BY + 1, "again")

    asyncio.run(test())


def test_a_back_up_that_is_made_under_load_is_whole(tmp_path: Path) -> None:
    async def test(found: Service) -> None:
        await found.register(KEY)
        busy = True

        async def work() -> int:
            number = 0
            while busy:
                number += 1
                await _reported(found, number)
                new = {"document": document(), "why": f"load {number}"}
                await found.done("POST", "/plan-sets", new, who="engineer", status=201)
            return number

        worker = asyncio.create_task(work())
        made = [
            await back_up(found.context.settings, tmp_path / f"{k}.zip", clock=found.clock) for k in range(3)
        ]
        busy = False
        assert await worker > 0
        for k, one in enumerate(made):
            assert check_backup(tmp_path / f"{k}.zip").content == one.content
        assert made[0].content.entries < made[2].content.entries <= found.centre.ledger.seq
        await _restored(tmp_path / "other", tmp_path / "2.zip", found)

    serving(tmp_path / "data", test)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The back-up of a small service that is stopped."""
    folder = tmp_path_factory.mktemp("made")

    async def test(found: Service) -> None:
        await found.register(KEY)

    serving(folder / "data", test)
    assert run(["backup", "--data", str(folder / "data"), "-o", str(folder / "made.zip"), "--json"]) == 0
    return folder / "made.zip"


def test_a_service_that_does_not_run_is_backed_up_and_restored_by_the_commands(
    tmp_path: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["restore", str(made), "--check", "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    target = tmp_path / "new"
    assert run(["restore", str(made), "--data", str(target), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"data": str(target), **checked}
    assert {path.suffix for path in (target / "keys").iterdir()} == {".pem"}
    assert (target / "keys").stat().st_mode & 0o777 == 0o700
    assert run(["restore", str(made), "--data", str(target), "--json"]) == 2
    problem = json.loads(capsys.readouterr().err)
    assert problem["rule"] == "must have no service, nor anything of one: keys and redis is there"


def test_what_is_no_data_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["backup", "--data", str(tmp_path / "none"), "-o", str(tmp_path / "b.zip"), "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["rule"] == "must be the data folder of a service"
    assert list(tmp_path.iterdir()) == []


def test_a_back_up_without_the_key_that_signs_is_not_made(
    tmp_path: Path, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, target = tmp_path / "data", tmp_path / "b.zip"
    shutil.copytree(made.parent / "data", data)
    (key,) = (data / "keys").iterdir()
    key.rename(tmp_path / key.name)
    target.write_bytes(b"of yesterday")
    assert run(["backup", "--data", str(data), "-o", str(target), "--force", "--json"]) == 2
    problem = json.loads(capsys.readouterr().err)
    assert (problem["rule"], problem["value"]) == ("must have the key that signs", key.stem)
    assert target.read_bytes() == b"of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["b.zip", "data", key.name])


def _changed(made: Path, target: Path, change: Any) -> Path:
    """A copy of a back-up with members changed: new bytes, or nothing to leave one out."""
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            content = change(name, source.read(name))
            if content is not None:
                copy.writestr(name, content)
    return target


def _entry_changed(name: str, content: bytes) -> bytes:
    return content.replace(b"Aigerim", b"Nobody0", 1) if name == "ledger.jsonl" else content


def _entry_left_out(name: str, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[:1] + lines[2:]) if name == "ledger.jsonl" else content


def _end_left_out(name: str, content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:-1]) if name == "ledger.jsonl" else content


def _no_reports(name: str, content: bytes) -> bytes | None:
    return None if name == "reports.jsonl" else content


def _no_json(name: str, content: bytes) -> bytes:
    return b"nothing\n" if name == "reports.jsonl" else content


def _other_version(name: str, content: bytes) -> bytes:
    return (
        content.replace(b'"format_version": 1', b'"format_version": 2') if name == "backup.json" else content
    )


def _files_of(files: list[str], content: bytes) -> bytes:
    return json.dumps({**json.loads(content), "files": files}).encode()


def _no_files(name: str, content: bytes) -> bytes | None:
    return None if name.startswith("files/") else content


def _no_key(name: str, content: bytes) -> bytes | None:
    return _files_of([], content) if name == "backup.json" else _no_files(name, content)


def _other_key(name: str, content: bytes) -> bytes:
    return Signer.new().to_pem() if name.startswith("files/keys/") else content


def _key_that_is_none(name: str, content: bytes) -> bytes:
    return b"no key" if name.startswith("files/keys/") else content


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_no_files, "must hold the files that it says"),
        (_no_key, "must have the key that signs"),
        (_other_key, "must have the key that signs"),
        (_key_that_is_none, "must be a private key in PEM"),
        (_entry_changed, "must have the hash that is stored with it"),
        (_entry_left_out, "must carry the number that it is stored under"),
        (_end_left_out, "must hold what it says"),
        (_no_reports, "must be a back-up that is whole"),
        (_no_json, "must be JSON"),
        (_other_version, "must be jasyl-backup of version 1"),
    ],
)
def test_a_damaged_back_up_changes_nothing(tmp_path: Path, made: Path, change: Any, rule: str) -> None:
    damaged = _changed(made, tmp_path / "damaged.zip", change)
    with pytest.raises(InputError) as caught:
        check_backup(damaged)
    assert caught.value.rule == rule
    assert run(["restore", str(damaged), "--data", str(tmp_path / "new")]) == 2
    assert not (tmp_path / "new").exists()


def test_a_back_up_that_was_cut_off(tmp_path: Path, made: Path) -> None:
    cut = tmp_path / "cut.zip"
    cut.write_bytes(made.read_bytes()[:-100])
    with pytest.raises(InputError, match="must be a back-up that is whole"):
        check_backup(cut)


def test_a_back_up_writes_nowhere_else(tmp_path: Path, made: Path) -> None:
    evil = tmp_path / "evil.zip"
    shutil.copy(made, evil)
    with zipfile.ZipFile(evil, "a") as archive:
        archive.writestr("files/keys/../../outside", b"x")
    with pytest.raises(InputError, match="must be a file of a data folder"):
        check_backup(evil)


def test_a_restore_that_fails_leaves_nothing(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: object) -> None:
        raise InputError("must be so", field="test")

    monkeypatch.setattr("api.backup.load_content", fail)
    assert run(["restore", str(made), "--data", str(tmp_path / "new")]) == 2
    assert list((tmp_path / "new").iterdir()) == []
    monkeypatch.undo()
    assert run(["restore", str(made), "--data", str(tmp_path / "new")]) == 0


def _prepared(folder: Path) -> dict[str, str]:
    """Lay out what an operator prepares for the service to come; return what is in each file."""
    files = {"rsmp/1.toml": "mine", "rsmp/secrets/a.toml": "codes", "archive/2026-01-01/r.parquet": "reports"}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return files


def _texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_restore_that_is_refused_leaves_what_was_there(tmp_path: Path, made: Path) -> None:
    files = _prepared(tmp_path)
    with pytest.raises(InputError, match="nor anything of one: rsmp and archive is there"):
        asyncio.run(_restore_of(made, tmp_path))
    assert _texts(tmp_path) == files


async def _restore_of(file: Path, folder: Path, **settings: Any) -> Any:
    def clock() -> datetime:
        return datetime(2026, 11, 27, 7, 0, tzinfo=UTC)

    made = Settings(data_folder=folder, **settings)
    return await restore(made, file, who="service", why="test", clock=clock, new_id=lambda: "1")


def test_a_restore_that_fails_removes_only_what_it_has_made(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_arguments: object) -> None:
        raise StoreUnavailable("not there")

    monkeypatch.setattr("api.backup.connect", away)
    files = {"redis/appendonlydir/old": "of the service before", "jasyl.toml": "port = 8080", "notes": "mine"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(StoreUnavailable):
        asyncio.run(_restore_of(made, tmp_path, redis_url="redis://redis.example/0"))
    assert _texts(tmp_path) == files


@pytest.mark.parametrize("fails", [False, True])
def test_settings_that_are_a_link_to_what_is_not_there_yet_stay(
    tmp_path: Path, made: Path, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_arguments: object) -> None:
        raise StoreUnavailable("not there")

    with_settings, data = tmp_path / "b.zip", tmp_path / "data"

    def told(name: str, content: bytes) -> bytes:
        files = [*json.loads(content)["files"], "jasyl.toml"] if name == "backup.json" else []
        return _files_of(files, content) if files else content

    _changed(made, with_settings, told)
    with zipfile.ZipFile(with_settings, "a") as archive:
        archive.writestr("files/jasyl.toml", "port = 8080")
    data.mkdir()
    (data / "jasyl.toml").symlink_to(tmp_path / "not-mounted-yet" / "jasyl.toml")
    if fails:
        monkeypatch.setattr("api.backup.load_content", away)
        with pytest.raises(StoreUnavailable):
            asyncio.run(_restore_of(with_settings, data))
    else:
        asyncio.run(_restore_of(with_settings, data))
    assert (data / "jasyl.toml").readlink() == tmp_path / "not-mounted-yet" / "jasyl.toml"
    assert (data / "keys").exists() != fails


@pytest.mark.parametrize("below", ["", "new", "new/data"])
def test_a_folder_that_cannot_be_made_is_told(
    tmp_path: Path, made: Path, below: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    assert run(["restore", str(made), "--data", str(file / below), "--json"]) == 2
    problem = json.loads(capsys.readouterr().err)
    assert (problem["field"], problem["rule"]) == ("--data", "must be a folder, or one that can be made")
    assert file.read_text(encoding="utf-8") == "mine"


def test_files_that_cannot_be_written_are_told(tmp_path: Path, made: Path) -> None:
    more = {"rsmp": b"a file", "rsmp/1.toml": b"in what is no folder"}

    def told(name: str, content: bytes) -> bytes:
        return (
            _files_of([*json.loads(content)["files"], *more], content) if name == "backup.json" else content
        )

    odd = _changed(made, tmp_path / "odd.zip", told)
    with zipfile.ZipFile(odd, "a") as archive:
        for name, content in more.items():
            archive.writestr(f"files/{name}", content)
    with pytest.raises(InputError, match=r"rsmp/1\.toml: File exists"):
        asyncio.run(_restore_of(odd, tmp_path / "new"))
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("place", [0, 20, -1])
def test_a_back_up_with_a_damaged_key_does_not_pass(tmp_path: Path, made: Path, place: int) -> None:
    content = bytearray(made.read_bytes())
    with zipfile.ZipFile(made) as archive:
        (key,) = (one for one in archive.infolist() if one.filename.startswith("files/keys/"))
    begin = key.header_offset + 30 + len(key.filename) + len(key.extra)
    content[range(begin, begin + key.compress_size)[place]] ^= 0xFF
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(content)
    assert run(["restore", str(damaged), "--check"]) == 2
    with pytest.raises(InputError, match="must be a back-up that is whole"):
        check_backup(damaged)
    with pytest.raises(InputError, match="must be a back-up that is whole"):
        asyncio.run(_restore_of(damaged, tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_the_clock_of_a_restored_service_may_be_behind(tmp_path: Path, made: Path) -> None:
    async def test() -> None:
        async with service(tmp_path / "other") as found:
            found.clock.wait(days=-2)
            await _restored(tmp_path / "new", made, found)
        async with service(tmp_path / "new") as found:
            found.clock.at -= timedelta(days=2)
            assert (await found.centre.ledger.verify()).entries > 0

    asyncio.run(test())

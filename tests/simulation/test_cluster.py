"""Tasks on worker processes: each result once, whatever happens to the workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager

import psutil
import pytest

from simulation.cluster import ClusterLostError, completed
from tests.simulation.sweep_tasks import deadly, marked, refusing
from traffic.errors import InputError


def workers() -> list[psutil.Process]:
    """Processes that this one has spawned to work for it."""
    found = psutil.Process().children(recursive=True)
    return [child for child in found if "spawn_main" in " ".join(child.cmdline())]


def _begun(folder, pid: int) -> set[str]:
    """Tasks that a process has begun and not ended."""
    begun, ended = ({path.stem for path in folder.glob(f"*-{pid}.{what}")} for what in ("begun", "ended"))
    return begun - ended


def test_the_share_of_a_killed_worker_is_done_again(tmp_path):
    tasks = {f"test-{number}": (str(tmp_path), number) for number in range(64)}
    found: list[tuple[str, int]] = []
    lost: set[str] = set()
    with closing(completed(marked, tasks, workers=2)) as results:
        for result in results:
            found.append(result)
            if len(found) == 20:
                victim = workers()[0]
                deadline = time.monotonic() + 10
                while not _begun(tmp_path, victim.pid):
                    assert time.monotonic() < deadline
                victim.send_signal(signal.SIGKILL)
                victim.wait(10)
                lost = {name.split("-")[0] for name in _begun(tmp_path, victim.pid)}
    assert sorted(found) == sorted((f"test-{number}", number**2) for number in range(64))
    assert lost
    for number in lost:
        assert len(list(tmp_path.glob(f"{number}-*.begun"))) == 2
        assert len(list(tmp_path.glob(f"{number}-*.ended"))) == 1
    assert not workers()


def test_a_task_that_kills_every_worker_is_given_up():
    with pytest.raises(ClusterLostError, match="test-7"):
        list(completed(deadly, {"test-7": 7}, workers=1))
    assert not workers()


def test_an_error_of_a_task_is_raised_here_as_it_was():
    tasks = {f"test-{number}": number for number in range(6)}
    with pytest.raises(InputError) as caught:
        list(completed(refusing, tasks, workers=1))
    problem = caught.value.problem()
    assert (problem["file"], problem["field"], problem["value"]) == ("numbers.txt", "number", "3")
    assert (problem["rule"], problem["hint"]) == ("must not be 3", "Take 4")
    assert not workers()


def test_no_tasks_need_no_workers():
    assert list(completed(refusing, {}, scheduler="nowhere")) == []


def test_no_files_are_left(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    assert list(completed(refusing, {"test-1": 1}, workers=1)) == [("test-1", 1)]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_everything_listens_on_the_loopback_only(tmp_path):
    with closing(completed(marked, {"test-1": (str(tmp_path), 1)}, workers=1)) as results:
        next(results)
        listening = [
            connection.laddr.ip
            for process in (psutil.Process(), *workers())
            for connection in process.net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
    assert set(listening) == {"127.0.0.1"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("address", ["", "nonsense", "tcp://127.0.0.1:port", "foo://127.0.0.1:1"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InputError, match="Dask scheduler") as caught:
        list(completed(refusing, {"test-1": 1}, scheduler=address, timeout_s=1.0))
    assert caught.value.field == "--scheduler"


def test_a_scheduler_that_does_not_answer_is_refused():
    with pytest.raises(InputError, match="answers within 1 s"):
        list(completed(refusing, {"test-1": 1}, scheduler=f"127.0.0.1:{_free_port()}", timeout_s=1.0))
    with socket.socket() as mute:  # takes the connection and says nothing
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(InputError, match="answers within 1 s"):
            list(completed(refusing, {"test-1": 1}, scheduler=address, timeout_s=1.0))


@contextmanager
def _dask(folder, *arguments: str):
    """Run a program of Dask, as an operator of a cluster does; its workers must find the tests."""
    found = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:], "--no-dashboard"],
        env={**os.environ, "DASK_TEMPORARY_DIRECTORY": str(folder), "PYTHONPATH": found},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def test_a_scheduler_that_runs_elsewhere(tmp_path):
    address = f"tcp://127.0.0.1:{_free_port()}"
    port, tasks = (
        address.rpartition(":")[2],
        {f"test-{number}": (str(tmp_path), number) for number in range(5)},
    )
    with _dask(
        tmp_path, "scheduler", "--host", "127.0.0.1", "--port", port, "--dashboard-address", "127.0.0.1:0"
    ):
        with pytest.raises(InputError, match="has a worker within 5 s"):
            list(completed(marked, tasks, scheduler=address, timeout_s=5.0))
        single = ("--no-nanny", "--nthreads", "1")
        with _dask(tmp_path, "worker", address, "--host", "127.0.0.1", *single):
            found = dict(completed(marked, tasks, scheduler=address, timeout_s=20.0))
    assert found == {f"test-{number}": number**2 for number in range(5)}

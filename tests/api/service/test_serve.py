"""`jasyl serve`, as a process: what it prints, what it refuses, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import psutil
import pytest

from api import warm
from api.cli import run
from api.settings import Settings
from tests.api.service.services import captured_logs, made_context, running
from traffic.errors import InputError

_JASYL = [sys.executable, "-c", "from api.cli import main; main()"]


@contextmanager
def _served(folder, *options, **environment):
    """Run the command; give the process, its address, and the lines that it has printed so far."""
    process = subprocess.Popen(
        [*_JASYL, "serve", "corridor", "--port", "0", "--data", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Serving "):
                break
        address = re.search(r"at (http://\S+)", lines[-1]) if lines else None
        assert address, process.communicate()
        yield process, address[1], lines
    finally:
        process.kill()
        process.communicate()


def test_it_serves_tells_its_settings_and_stops_when_told(tmp_path):
    folder = tmp_path / "made" / "here"
    with _served(folder) as (process, address, lines):
        assert folder.is_dir()
        assert folder.stat().st_mode & 0o077 == 0
        assert httpx.get(f"{address}/health/live").json() == {"status": "live"}
        assert len(list((folder / "redis").iterdir())) > 1
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        gone, alive = psutil.wait_procs(children, timeout=10)
        assert not alive, gone
    assert re.search(r"^city +corridor$", "".join(lines) + out, re.MULTILINE)
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert events[-1] == "stopped"
    assert "stopping" in events


def test_a_redis_that_is_not_there_is_told_without_its_password(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("JASYL_REDIS_URL", "redis://u:pa55word@127.0.0.1:1/0")
    with captured_logs(Settings(data_folder=tmp_path, redis_url=None)):
        assert run(["serve", "corridor", "--port", "0", "--data", str(tmp_path)]) == 2
    told = capfd.readouterr()
    assert re.search(r"^redis_url +redis://\*\*\*@127.0.0.1:1/0$", told.out, re.MULTILINE)
    assert "JASYL_REDIS_URL" in told.err
    assert "pa55word" not in told.out + told.err
    assert "Traceback" not in told.err


_BARE = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from api.context import Context
from api.serving import bound_socket, run_service
from api.settings import Settings

settings = Settings(data_folder=Path(sys.argv[1]), port=0)
context = Context(settings=settings, clock=lambda: datetime.now(UTC), new_id=lambda: "request")
with bound_socket("127.0.0.1", 0) as listener:
    asyncio.run(run_service(context, listener, lambda address: print(address, flush=True)))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_stop_and_no_failure(tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-c", _BARE, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        address = process.stdout.readline().strip()
        assert httpx.get(f"{address}/health/live").status_code == 200
        process.send_signal(number)
        out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert out.endswith("ended\n")
    assert "Traceback" not in errors


def test_a_port_that_is_taken(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run(["serve", "--port", str(port), "--data", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "--port: must be a port that is free" in told
    assert "choose another port with --port" in told


def test_a_folder_that_cannot_be_written_to(tmp_path, capsys):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        assert run(["serve", "--port", "0", "--data", str(folder)]) == 2
        assert "--data: must be a folder that can be written to" in capsys.readouterr().err


def test_settings_that_are_wrong(tmp_path, capsys):
    file = tmp_path / "jasyl.toml"
    file.write_text("prot = 1\n", encoding="utf-8")
    assert run(["serve", "--data", str(tmp_path)]) == 2
    assert "Did you mean 'port'?" in capsys.readouterr().err
    assert run(["serve", "--settings", str(tmp_path / "none.toml")]) == 2
    assert "must be a file that exists" in capsys.readouterr().err


def test_traces_need_their_packages(tmp_path, monkeypatch):
    from api.http import telemetry
    from api.http.app import create_app

    def missing(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(telemetry.importlib, "import_module", missing)
    with pytest.raises(InputError, match=r"jasyl\[telemetry\]"):
        create_app(made_context(tmp_path, telemetry=True))


def test_traces_go_where_the_environment_says(tmp_path, monkeypatch):
    got = queue.Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            got.put((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        with running(made_context(tmp_path, telemetry=True)) as (host, port):
            assert httpx.get(f"http://{host}:{port}/v1/nothing", timeout=20).status_code == 404
            assert httpx.get(f"http://{host}:{port}/health/live", timeout=20).status_code == 200
        path, body = got.get(timeout=20)
        collector.shutdown()
        thread.join()
    assert path == "/v1/traces"
    assert b"GET" in body
    assert b"health" not in body


def test_kernels_that_cannot_be_compiled_are_told_and_keep_it_unready(tmp_path, monkeypatch):
    monkeypatch.setattr(warm, "_COMPILE", "raise SystemExit('no compiler')")
    context = made_context(tmp_path)

    async def open_and_wait():
        async with warm.warm_kernels(context) as work:
            assert context.readiness.missing() == {"kernels": "are being compiled"}
            await work
            return context.readiness.missing()

    with captured_logs(Settings(data_folder=tmp_path)) as logs:
        assert asyncio.run(open_and_wait()) == {"kernels": "could not be compiled"}
    assert "no compiler" in logs.getvalue()


def test_kernels_that_are_there_make_it_ready(tmp_path, monkeypatch):
    monkeypatch.setattr(warm, "_COMPILE", "pass")
    context = made_context(tmp_path)

    async def open_and_wait():
        async with warm.warm_kernels(context) as work:
            await work
            return context.readiness.missing()

    assert asyncio.run(open_and_wait()) == {}


def test_a_stop_while_kernels_compile_leaves_no_process(tmp_path, monkeypatch):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(
        warm,
        "_COMPILE",
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(pipe)!r}).write_text(str(child.pid))\n"
        "time.sleep(600)",
    )

    async def open_and_stop():
        async with warm.warm_kernels(made_context(tmp_path)):
            return int(await asyncio.to_thread(pipe.read_text, encoding="utf-8"))

    number = asyncio.run(open_and_stop())
    child = [psutil.Process(number)] if psutil.pid_exists(number) else []
    _, alive = psutil.wait_procs(child, timeout=10)
    assert not alive

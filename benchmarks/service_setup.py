"""A real `jasyl serve` for the benchmarks of the service: started, staffed, its controllers registered."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psutil

from scenarios.loader import build, load
from signals.plan import Plan, PlanSet
from signals.stages import stage_sequences
from signals.wire import plans_to_dict

__all__ = ["Served", "fleet", "plans_of", "served"]

_TOKEN = re.compile(r"jsy_[0-9a-f]{16}_[A-Za-z0-9_-]{43}")
_ADDRESS = re.compile(r"Serving .+ at (http://\S+)")
_START_S = 120.0
_FREE = {  # one machine stands for hundreds, so rates of one do not fit
    "JASYL_RATE_LIMITS__CONTROLLER": "1000000/second",
    "JASYL_RATE_LIMITS__ADMINISTRATOR": "1000000/second",
    "JASYL_LOG_LEVEL": "warning",
    "JASYL_RSMP": "false",
    "JASYL_FOUR_EYES": "false",
    "JASYL_JOB_WORKERS": "0",
}


@dataclass
class Served:
    """A service that runs.

    Attributes
    ----------
    controllers
        Credentials by junction.
    newest
        Number of the entry of the ledger to go on from.
    """

    url: str
    process: psutil.Process
    admin: str
    folder: Path
    controllers: dict[str, str] = field(default_factory=dict)
    newest: int = 1

    def ask(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token or self.admin}"}
        answer = httpx.request(method, f"{self.url}/v1{path}", json=body, headers=headers, timeout=60)
        if answer.status_code >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def pages(self, path: str, name: str) -> list[dict[str, Any]]:
        """Return all pages of a list."""
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.ask("GET", f"{path}?limit=1000{cursor}")
            rows += page[name]
            if not page.get("next"):
                return rows
            cursor = f"&cursor={page['next']}"

    def tag(self, junction: str) -> str:
        """Return the entity tag of what a controller is to have."""
        headers = {"Authorization": f"Bearer {self.controllers[junction]}"}
        path = f"/v1/controllers/{quote(junction, safe='')}/assignment"
        return httpx.get(f"{self.url}{path}", headers=headers, timeout=60).headers["etag"]

    def approved(self, document: dict[str, Any]) -> str:
        """Bring a plan set as far as approved, and return its identifier."""
        made = self.ask("POST", "/plan-sets", {"document": document, "why": "benchmark"})
        for step in ("check", "approve"):
            self.ask("POST", f"/plan-sets/{made['id']}/{step}", {"why": "benchmark"})
        return str(made["id"])

    def usage(self) -> tuple[float, float]:
        """Return resident memory in MiB and processor seconds, of the service and its Redis."""
        processes = [self.process, *self.process.children(recursive=True)]
        memory = sum(p.memory_info().rss for p in processes) / 2**20
        seconds = sum(sum(p.cpu_times()[:2]) for p in processes)
        return memory, seconds


@contextmanager
def served(city: str, *, controllers: int, **settings: str) -> Iterator[Served]:
    """Start a service on a free port and an empty folder, and stop it at the end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = (folder / "log").open("w+")
        command = [sys.executable, "-m", "api", "serve", city, "--port", "0", "--data", str(folder / "data")]
        environment = {**os.environ, **_FREE, **settings}
        with subprocess.Popen(command, stdout=log, stderr=log, env=environment) as child:
            try:
                yield _staffed(child, folder, controllers)
            finally:
                child.terminate()
                child.wait(30)


def _staffed(child: subprocess.Popen[bytes], folder: Path, controllers: int) -> Served:
    deadline = time.monotonic() + _START_S
    while not (address := _ADDRESS.search(text := (folder / "log").read_text())):
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The service did not start: {text[-2000:]}")
        time.sleep(0.1)
    first = _TOKEN.findall(text)[-1]
    made = Served(address[1], psutil.Process(child.pid), first, folder)
    new = {"name": "Aigerim", "roles": ["administrator"], "why": "benchmark"}
    made.admin = made.ask("POST", "/tokens", new)["token"]
    for row in made.pages("/junctions", "junctions")[:controllers]:
        key = row["junction"]
        issued = made.ask("POST", "/controllers", {"junction": key, "why": "benchmark"})
        made.controllers[key] = issued["token"]
    return made


def plans_of(city: str, keys: Collection[str], *, extra_s: int = 10) -> dict[str, Any]:
    """Return plans of one cycle for some junctions of a city: the least durations, and the rest for stage 1."""
    made = build(load(city))
    own = [junction for junction in made.junctions if junction.key in keys]
    sequences = [stage_sequences(junction, limit=1)[0] for junction in own]
    least = [[int(d) for d in sequence.least_durations_s()] for sequence in sequences]
    cycle = max(sum(durations) for durations in least) + extra_s
    plans = list[Plan]()
    for junction, sequence, durations in zip(own, sequences, least, strict=True):
        durations[0] += cycle - sum(durations)
        placed = replace(junction, index=len(plans))
        plans.append(Plan(placed, cycle, 7 * junction.index % cycle, sequence.stages, tuple(durations)))
    return dict(json.loads(json.dumps(plans_to_dict(PlanSet("day", made.network.name, tuple(plans))))))


@contextmanager
def fleet(service: Served, city: str) -> Iterator[Callable[[], float]]:
    """Run a virtual controller for each that is registered, in one process; yield what gives its memory in MiB."""
    folder = service.folder / "fleet"
    keys = service.folder / "jwks.json"
    keys.write_text(json.dumps({"keys": service.ask("GET", "/keys")["keys"]}))
    credentials = service.folder / "credentials.json"
    credentials.write_text(json.dumps(service.controllers))
    jasyl = [sys.executable, "-m", "api", "controller"]
    commission = [*jasyl, "commission", city, "-o", str(folder), "--keys", str(keys)]
    subprocess.run(commission, check=True, capture_output=True)
    for file in folder.glob("*.tables.json"):
        if json.loads(file.read_text())["junction"] not in service.controllers:
            file.unlink()
    command = [*jasyl, "run", str(folder), "--url", service.url, "--credentials", str(credentials), "--json"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        try:
            _wait_until_heard(service)
            process = psutil.Process(child.pid)
            yield lambda: process.memory_info().rss / 2**20
        finally:
            child.terminate()
            child.wait(30)


def _wait_until_heard(service: Served) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if all(row["last_heard"] for row in service.pages("/controllers", "controllers")):
            return
        time.sleep(0.5)
    raise RuntimeError("Not every controller was heard of")

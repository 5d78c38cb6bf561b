"""How many controllers the service can hold: polls a second, streams held, and the time until all have heard.

    python -m benchmarks.service_load                       # almaty, 450 controllers
    python -m benchmarks.service_load --streams 1000 5000 --seconds 10 --json

Polls are made by wrk (`apt install wrk`) where it is on the path, else by locust. Streams are held by a process of their
own, which takes of the same processors: two cores serve and load.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.service_setup import Served, fleet, plans_of, served
from benchmarks.service_streams import Streams

CONNECTIONS = 50
SETTINGS = {"JASYL_ACTIVATION_LEAD_S": "86400"}  # lamps change in no run
Rows = list[tuple[str, str, str]]
"""Junction, credential and entity tag of each controller."""
_RATE = "Requests/sec:"


def polls(service: Served, seconds: int) -> dict[str, Any]:
    """Return how many conditional polls a second are answered, and how fast."""
    rows = [(key, token, service.tag(key)) for key, token in service.controllers.items()]
    before, began = service.usage(), time.monotonic()
    found = _wrk(service, rows, seconds) if shutil.which("wrk") else _locust(service, rows, seconds)
    memory, busy = service.usage()
    share = (busy - before[1]) / (time.monotonic() - began)
    return {**found, "service_cores": round(share, 2), "service_mib": round(memory)}


def _wrk(service: Served, rows: Rows, seconds: int) -> dict[str, Any]:
    table = ",".join(f"{{'{quote(key, safe='')}','{token}','{tag}'}}" for key, token, tag in rows)
    script = f"""
local t, i = {{{table}}}, 0
request = function()
  i = i + 1
  local x = t[i % #t + 1]
  return wrk.format("GET", "/v1/controllers/" .. x[1] .. "/assignment",
    {{["Authorization"] = "Bearer " .. x[2], ["If-None-Match"] = x[3]}})
end
done = function(sum, latency)
  io.write(string.format("JSON {{\\"p50_ms\\": %.3f, \\"p99_ms\\": %.3f, \\"errors\\": %d}}\\n",
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, sum.errors.status))
end
"""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "polls.lua"
        file.write_text(script)
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(file), service.url]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = json.loads(next(line[5:] for line in text.splitlines() if line.startswith("JSON ")))
    rate = next(line.split(_RATE)[1] for line in text.splitlines() if _RATE in line)
    return {"tool": "wrk", "polls_per_s": round(float(rate)), **found}


def _locust(service: Served, rows: Rows, seconds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tokens.json").write_text(json.dumps(rows))
        prefix = str(Path(folder) / "out")
        command = [sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("service_locust.py"))]
        command += ["--headless", "-u", str(CONNECTIONS), "-r", str(CONNECTIONS), "-t", f"{seconds}s"]
        command += ["--host", service.url, "--csv", prefix, "--tokens", str(Path(folder) / "tokens.json")]
        subprocess.run(command, check=True, capture_output=True)
        header, *_, total = (Path(f"{prefix}_stats.csv")).read_text().splitlines()
    row = dict(zip(header.split(","), total.split(","), strict=True))
    return {
        "tool": "locust",
        "polls_per_s": round(float(row["Requests/s"])),
        "p50_ms": float(row["50%"]),
        "p99_ms": float(row["99%"]),
        "errors": int(row["Failure Count"]),
    }


def streams(service: Served, count: int, document: dict[str, Any]) -> dict[str, Any]:
    """Return what it takes to hold streams, and how long a publication takes to reach the last one."""
    idle = service.usage()[0]
    host = urlsplit(service.url)
    assert host.hostname is not None
    assert host.port is not None
    with Streams(host.hostname, host.port, list(service.controllers.items()), count) as held:
        memory, before = service.usage()
        began = time.monotonic()
        time.sleep(5)
        busy = (service.usage()[1] - before) / (time.monotonic() - began)
        plan_set = service.approved(document)
        published = time.time()
        service.ask("POST", f"/plan-sets/{plan_set}/publish", {"why": "benchmark"})
        answered = time.time() - published
        arrived = sorted(held.arrivals(timeout_s=60))
        service.ask("POST", f"/plan-sets/{plan_set}/withdraw", {"why": "benchmark"})
    waits = [at - published for at in arrived]
    return {
        "streams": count,
        "mib": round(memory),
        "kib_each": round((memory - idle) * 1024 / count, 1),
        "idle_cores": round(busy, 3),
        "publish_s": round(answered, 3),
        "heard": len(waits),
        "heard_p50_s": round(statistics.median(waits), 3),
        "heard_p99_s": round(waits[int(0.99 * (len(waits) - 1))], 3),
    }


def acknowledged(city: str, controllers: int) -> dict[str, Any]:
    """Return how long it takes from a publication to the last acknowledgement of virtual controllers.

    Service and controllers have just been started, and the controllers run their local schedules.
    """
    with served(city, controllers=controllers, **SETTINGS) as service:
        document = plans_of(city, service.controllers)
        with fleet(service, city) as memory_mib:
            plan_set = service.approved(document)
            service.ask("POST", f"/plan-sets/{plan_set}/publish", {"why": "benchmark"})
            waits = sorted(_acknowledgements_s(service, plan_set, len(service.controllers)))
            mib = memory_mib()
    return {
        "fleet": len(waits),
        "acknowledged_p50_s": round(statistics.median(waits), 3),
        "acknowledged_p99_s": round(waits[int(0.99 * (len(waits) - 1))], 3),
        "last_s": round(waits[-1], 3),
        "fleet_mib": round(mib),
    }


def _acknowledgements_s(service: Served, plan_set: str, count: int) -> list[float]:
    """Return the seconds from the publication to each acknowledgement, as the ledger has them."""
    after, found = service.newest - 1, list[float]()
    published: datetime | None = None
    while len(found) < count:
        page = service.ask("GET", f"/ledger?after={after}&limit=1000")
        for entry in page["entries"]:
            after = entry["seq"]
            if entry["data"].get("plan_set") != plan_set:
                continue
            at = datetime.fromisoformat(entry["at"])
            if entry["kind"] == "plan_set.published":
                published = at
            elif entry["kind"] == "junction.accepted":
                assert published is not None
                found.append((at - published).total_seconds())
            elif entry["kind"] in {"junction.refused", "group.kept"}:
                raise RuntimeError(f"{entry['kind']}: {entry['data']}")
        service.newest = after + 1
        time.sleep(0.2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--city", default="almaty")
    parser.add_argument("--controllers", type=int, default=450)
    parser.add_argument("--streams", type=int, nargs="*", default=[1000, 5000])
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3, help="of publications and of polls")
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    found: dict[str, Any] = {"controllers": options.controllers, "polls": [], "streams": []}
    found["acknowledged"] = [acknowledged(options.city, options.controllers) for _ in range(options.runs)]
    with served(options.city, controllers=options.controllers, **SETTINGS) as service:
        document = plans_of(options.city, service.controllers)
        for _ in range(options.runs):
            found["polls"].append(polls(service, options.seconds))
        for count in options.streams:
            found["streams"].append(streams(service, count, document))
    if options.as_json:
        print(json.dumps(found, indent=1))
        return
    for row in [*found["acknowledged"], *found["polls"], *found["streams"]]:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()

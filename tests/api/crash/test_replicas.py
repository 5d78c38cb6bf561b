"""Two replicas on one Redis: one is killed while a set is being published; the other ends it, and no plan is missed."""

from __future__ import annotations

import threading
import time

import httpx
import pytest

from benchmarks.crash.compare import require_chain
from benchmarks.crash.journal import read_journal
from benchmarks.crash.shown import compared_shown, incomplete_groups, remembered
from benchmarks.crash.world import Plan, running_world

PLAN = Plan("corridor", replicas=2, lead_s=3.0, backup_s=30)
LONGEST_S = 60.0


class Publisher(threading.Thread):
    """Publishes a set at one replica, and, where that one is killed meanwhile, at the other with the same key."""

    def __init__(self, world, plan_set):
        super().__init__()
        self.world, self.plan_set = world, plan_set
        self.sent = threading.Event()
        self.tries, self.answer = 0, None

    def run(self):
        headers = {
            "Authorization": f"Bearer {self.world.tokens['administrator']}",
            "Idempotency-Key": self.plan_set,
        }
        path = f"/v1/plan-sets/{self.plan_set}/publish"
        deadline = time.monotonic() + LONGEST_S
        while time.monotonic() < deadline:
            port = self.world.services[min(self.tries, 1)].port
            self.tries += 1
            self.sent.set()
            try:
                answer = httpx.post(
                    f"http://127.0.0.1:{port}{path}", json={"why": "test"}, headers=headers, timeout=60
                )
            except httpx.HTTPError:
                continue
            if answer.status_code == 409 and answer.json().get("field") == "Idempotency-Key":
                time.sleep(float(answer.headers["Retry-After"]))
                continue
            self.answer = answer
            return


def approved(world, document):
    made = world.ask("POST", "/plan-sets", {"document": document, "why": "test"})
    world.ask("POST", f"/plan-sets/{made['id']}/check", {"why": "test"})
    approver = world.tokens["approver"]
    world.ask("POST", f"/plan-sets/{made['id']}/approve", {"why": "test"}, token=approver)
    return made["id"]


def everybody_has(world, entries):
    """Whether each controller has on disk what the last publication gave it, activated."""
    versions = {}
    for entry in entries:
        if entry["kind"] == "plan_set.published":
            versions |= {key: row["version"] for key, row in entry["data"]["versions"].items()}
    folder = world.folder / "controllers"
    held = [remembered(folder / key.replace(":", "%3A") / "memory.json") for key in versions]
    return all(one.get(version) for one, version in zip(held, versions.values(), strict=True))


@pytest.mark.parametrize("wait_s", [0.0, 0.02])
def test_a_publication_under_way_is_ended_by_the_other_replica(wait_s, tmp_path, documents):
    import numpy as np

    with running_world(PLAN, tmp_path) as world:
        world.stop_people()
        plan_set = approved(world, documents.safe("whole", documents.keys, np.random.default_rng(1)))
        publisher = Publisher(world, plan_set)
        publisher.start()
        publisher.sent.wait()
        time.sleep(wait_s)  # wherever it is then
        world.kill("service")
        publisher.join()
        assert publisher.answer is not None
        assert publisher.answer.status_code == 200, publisher.answer.text
        deadline = time.monotonic() + LONGEST_S
        while not everybody_has(world, entries := world.entries()):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        world.stop_fleet()
        assert world.ask("GET", f"/plan-sets/{plan_set}")["state"] in {"acknowledged", "in_force"}
        world.stop_services()
    published = [entry for entry in entries if entry["kind"] == "plan_set.published"]
    assert sum(entry["data"]["plan_set"] == plan_set for entry in published) == 1
    assert require_chain(entries) == incomplete_groups(entries) == []
    shown = compared_shown(entries, tmp_path)
    assert (shown.unsafe, shown.unpublished, shown.backup) == ([], [], 0)
    told = [row["acknowledged"] for row in read_journal(tmp_path / "fleet.jsonl") if "acknowledged" in row]
    assert {junction for junction, _, result in told if result == "accepted"} >= set(documents.keys)

"""The whole service, killed under load: what was answered is there once, and lamps show what was published and is safe."""

from __future__ import annotations

import pytest

from benchmarks.crash.world import Plan
from benchmarks.crash_ledger import crash_ledger

EACH = (("service",), ("redis",), ("fleet",), ("service", "redis"), ("service", "redis", "fleet"))


def require_nothing_wrong(found):
    shown = found.shown
    assert found.problems == []
    assert [example for row in found.rows if row.bad for example in row.examples] == []
    assert not any(row.bad for row in found.rows)
    assert (shown.unsafe, shown.unpublished, shown.out_of_order) == ([], [], [])
    assert found.fleet["monitor_faults"] == []
    assert not found.cuts or found.cuts.problems == []
    assert not found.bad


def answered(found, *names):
    return sum(row.acknowledged for row in found.rows if row.name in names)


def test_five_rounds_and_power_cuts(tmp_path):
    plan = Plan("corridor", patience_s=1.0, lead_s=3.0, reports_kept=100)
    found = crash_ledger(plan, len(EACH), tmp_path, cuts=4, victims=EACH)
    require_nothing_wrong(found)
    assert found.kills == {"fleet": 2, "redis": 3, "service": 3}
    assert answered(found, "publish") >= 3
    assert answered(found, "controller: accepted") >= 3
    assert answered(found, "controller: reports") > 20
    assert found.shown.seconds > 100
    assert found.cuts.cuts >= 2


def test_a_replica_is_killed_and_the_other_goes_on(tmp_path):
    plan = Plan("corridor", replicas=2, patience_s=1.0, lead_s=3.0)
    found = crash_ledger(plan, 3, tmp_path, victims=(("service",), ("service2",), ("redis",)))
    require_nothing_wrong(found)
    assert found.kills == {"redis": 1, "service": 1, "service2": 1}
    assert answered(found, "publish") >= 2
    assert found.shown.backup == 0  # nobody was left alone for the backup time


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_fifty_rounds(seed, tmp_path):
    found = crash_ledger(Plan(seed=seed), 50, tmp_path, cuts=20)
    require_nothing_wrong(found)
    assert answered(found, "publish") > 50
    assert answered(found, "controller: accepted") > 200


@pytest.mark.slow
def test_twenty_rounds_of_two_replicas(tmp_path):
    found = crash_ledger(Plan(replicas=2), 20, tmp_path)
    require_nothing_wrong(found)
    assert answered(found, "publish") > 20

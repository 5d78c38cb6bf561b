"""An interrupt: the first asks for the best so far, the second ends the work."""

from __future__ import annotations

import json
import os
import signal

import pytest

from api.cli import run
from api.console import stop_on_interrupt
from signals import optimize as optimiser
from signals.search import Search


def test_the_first_interrupt_asks_and_the_second_ends(capsys):
    before = signal.getsignal(signal.SIGINT)
    with stop_on_interrupt() as should_stop:
        assert not should_stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert should_stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "best so far" in capsys.readouterr().err


def test_an_interrupted_search_writes_what_it_has(tmp_path, monkeypatch, capsys):
    class Interrupted(Search):
        def steps(self):
            for number, step in enumerate(super().steps()):
                if number == 3:
                    os.kill(os.getpid(), signal.SIGINT)
                assert number < 5
                yield step

    monkeypatch.setattr(optimiser, "Search", Interrupted)
    plans = tmp_path / "plans.json"
    assert run(["optimize", "corridor", "--seconds", "600", "-o", str(plans), "--json"]) == 0
    captured = capsys.readouterr()
    figures = json.loads(captured.out)
    assert figures["seconds"] < 300
    assert figures["objective_after"] <= figures["objective_before"]
    assert run(["evaluate", "corridor", "--plans", str(plans), "--json"]) == 0

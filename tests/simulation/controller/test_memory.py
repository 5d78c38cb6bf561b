"""What is remembered on disk is whole or refused, whenever the power fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from simulation.controller.memory import Memory, sealed, unsealed
from simulation.controller.outbox import Outbox
from traffic.errors import InputError

CONTENT = {"keys": [], "plans": [["token", None]], "highest_version": 7, "name": "Жасыл"}


def test_what_is_saved_is_loaded(tmp_path) -> None:
    memory = Memory(tmp_path / "memory.json")
    assert memory.load() is None
    memory.save(CONTENT)
    assert memory.load() == CONTENT
    memory.save(CONTENT | {"highest_version": 8})
    assert memory.load()["highest_version"] == 8
    assert [path.name for path in tmp_path.iterdir()] == ["memory.json"]


def test_a_file_that_is_cut_at_any_byte_is_refused(tmp_path) -> None:
    memory = Memory(tmp_path / "memory.json")
    memory.save(CONTENT)
    content = memory.path.read_bytes()
    for length in range(len(content)):
        memory.path.write_bytes(content[:length])
        with pytest.raises(InputError, match="must be whole"):
            memory.load()


def test_a_file_with_any_byte_changed_is_refused(tmp_path) -> None:
    memory = Memory(tmp_path / "memory.json")
    memory.save(CONTENT)
    content = memory.path.read_bytes()
    for place in range(len(content)):
        memory.path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(InputError, match="must be whole"):
            memory.load()


def test_a_folder_that_is_not_there_is_said(tmp_path) -> None:
    with pytest.raises(InputError, match="folder that exists"):
        Memory(tmp_path / "none" / "memory.json").save(CONTENT)


def test_reports_are_numbered_and_kept_until_they_are_accepted(tmp_path) -> None:
    outbox = Outbox(tmp_path / "reports")
    assert [outbox.add("event", "now", {"n": n}) for n in range(5)] == [1, 2, 3, 4, 5]
    assert outbox.batch(10) == []  # not on disk yet
    outbox.flush()
    assert [row["number"] for row in outbox.batch(10)] == [1]  # what has the service?
    outbox.accept(1)
    assert [row["number"] for row in outbox.batch(2)] == [2, 3]
    outbox.accept(3)
    assert [row["number"] for row in outbox.batch(10)] == [4, 5]
    outbox.accept(2)
    again = Outbox(tmp_path / "reports")
    assert list(again.batch(10)) == list(outbox.batch(10))
    assert again.add("fault", "now", {}) == 6


def test_numbers_are_not_used_twice_when_all_was_accepted(tmp_path) -> None:
    outbox = Outbox(tmp_path / "reports")
    outbox.add("status", "now", {})
    outbox.flush()
    outbox.accept(1)
    assert Outbox(tmp_path / "reports").add("status", "now", {}) == 2


def test_a_torn_last_line_is_forgotten_and_a_damaged_one_refused(tmp_path) -> None:
    path = tmp_path / "reports"
    outbox = Outbox(path)
    for n in range(2):
        outbox.add("event", "now", {"n": n})
    outbox.flush()
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    ends = [sum(map(len, lines[: k + 1])) for k in range(len(lines))]
    for length in range(len(content)):
        path.write_bytes(content[:length])
        whole = sum(end <= length for end in ends)
        assert len(Outbox(path)) == whole
    path.write_bytes(content.replace(b'"n":0', b'"n":7'))
    with pytest.raises(InputError, match="line 1: must be whole"):
        Outbox(path)


def test_the_oldest_reports_are_given_up_for_newer_ones(tmp_path) -> None:
    outbox = Outbox(tmp_path / "reports", most=3)
    for n in range(5):
        outbox.add("event", "now", {"n": n})
    outbox.flush()
    assert outbox.lost == 2
    assert [row["number"] for row in outbox.batch(10)] == [3]
    assert [row["number"] for row in outbox._waiting] == [3, 4, 5]


@pytest.mark.parametrize(("stored", "first"), [(1, 2), (2, 3), (4, 5), (812, 813)])
def test_a_controller_that_has_lost_its_reports_goes_on_after_those_that_the_service_has(
    stored: int, first: int, tmp_path
) -> None:
    outbox = Outbox(tmp_path / "reports")
    for n in range(4):
        outbox.add("event", "now", {"n": n})
    outbox.flush()
    outbox.accept(stored)  # which is all that there is of the first life, or the first report of this one
    rest = list(outbox.batch(5))
    assert [row["number"] for row in rest] == [first, first + 1, first + 2]
    assert [row["data"] for row in rest] == [{"n": 1}, {"n": 2}, {"n": 3}]
    again = Outbox(tmp_path / "reports")
    assert list(again.batch(5)) == rest
    assert again.last == first + 2
    with pytest.raises(InputError, match="must be a whole number"):
        outbox.accept("812")  # type: ignore[arg-type]


def test_the_file_of_reports_does_not_grow_for_ever(tmp_path) -> None:
    outbox = Outbox(tmp_path / "reports")
    for n in range(3000):
        outbox.add("event", "now", {"text": "x" * 60, "n": n})
        if n % 50 == 49:
            outbox.flush()
            outbox.accept(1 if n < 50 else outbox.last - 5)
    assert outbox.path.stat().st_size < 300_000
    assert len(Outbox(outbox.path)) == 5


class FullDisk:
    """Writing after `room` bytes fails, and leaves what fitted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        whole = Path.open

        def opened(path: Path, mode: str) -> Wrapped:
            return self._narrow(Wrapped(whole(path, mode)))

        monkeypatch.setattr(Path, "open", opened)

    def _narrow(self, file: Wrapped) -> Wrapped:
        write = file.write

        def limited(content: bytes) -> int:
            write(content[: self.room])
            if len(content) > self.room:
                file.flush()
                raise OSError(28, "No space left on device")
            return len(content)

        file.write = limited
        return file


class Wrapped:
    """A file of which one method can be another."""

    def __init__(self, file: object) -> None:
        self._file = file

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()


@pytest.mark.parametrize("room", [0, 40, 160, 200])
def test_what_could_not_be_written_is_not_sent_and_what_was_half_written_is_cut_off(
    room: int, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "reports"
    outbox = Outbox(path)
    outbox.add("status", "now", {})
    outbox.flush()
    outbox.accept(1)
    whole = path.read_bytes()
    outbox.add("fault", "now", {"text": "one"})
    outbox.add("fault", "now", {"text": "two"})
    disk = FullDisk(monkeypatch, room)
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            outbox.flush()
        assert outbox.batch(10) == []
        assert path.read_bytes()[: len(whole)] == whole
        assert path.stat().st_size == len(whole) + room
    left = [row["number"] for row in Outbox(path)._waiting]  # the power fails now
    assert left == ([2] if room >= 150 else [])
    disk.room = 10**6
    outbox.flush()
    assert [row["data"]["text"] for row in outbox.batch(10)] == ["one", "two"]
    again = Outbox(path)
    assert list(again.batch(10)) == list(outbox.batch(10))
    assert again.add("fault", "now", {}) == 4


def test_numbers_that_were_begun_anew_are_not_sent_before_the_disk_has_them(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "reports"
    outbox = Outbox(path)
    for n in range(3):
        outbox.add("event", "now", {"n": n})
    outbox.flush()
    disk = FullDisk(monkeypatch, 0)
    with pytest.raises(OSError, match="No space"):
        outbox.accept(812)
    assert outbox.batch(10) == []
    assert [row["number"] for row in Outbox(path)._waiting] == [1, 2, 3]
    disk.room = 10**6
    outbox.flush()
    assert [row["number"] for row in outbox.batch(10)] == [813, 814]
    assert list(Outbox(path).batch(10)) == list(outbox.batch(10))


def test_a_long_outage_does_not_write_the_whole_file_again_and_again(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox, written = Outbox(tmp_path / "reports"), list[int]()
    rewrite = Outbox._rewrite

    def counted(self: Outbox) -> None:
        written.append(self.last)
        rewrite(self)

    monkeypatch.setattr(Outbox, "_rewrite", counted)
    outbox.add("status", "now", {})
    outbox.flush()
    outbox.accept(1)
    for n in range(4000):
        outbox.add("event", "now", {"text": "x" * 60, "n": n})
        if n % 50 == 49:
            outbox.flush()
    assert written == []
    outbox.accept(3000)
    outbox.add("event", "now", {})
    outbox.flush()
    assert written == [4002]
    assert len(Outbox(outbox.path)) == 1002


def test_a_file_that_cannot_be_made_smaller_hinders_nothing(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox(tmp_path / "reports")
    for n in range(3000):
        outbox.add("event", "now", {"text": "x" * 60, "n": n})
    outbox.flush()
    outbox.accept(1)
    outbox.accept(2900)
    monkeypatch.setattr("simulation.controller.outbox.replacing", _no_room)
    outbox.add("event", "now", {})
    outbox.flush()
    assert [row["number"] for row in outbox.batch(1000)] == list(range(2901, 3002))
    assert list(Outbox(outbox.path).batch(1000)) == list(outbox.batch(1000))


def _no_room(_path: object) -> None:
    raise OSError(28, "No space left on device")


WRITER = """
import sys
from simulation.controller.memory import Memory
from simulation.controller.outbox import Outbox
memory, outbox = Memory(sys.argv[1] + "/memory.json"), Outbox(sys.argv[1] + "/reports")
n = outbox.last
while True:
    n += 1
    outbox.add("event", "now", {"n": n})
    outbox.flush()
    memory.save({"n": n, "text": "x" * (n * 97 % 5000)})
    if n % 3 == 0:
        outbox.accept(n - 2)  # which is 1 at first
    print(n, flush=True)
"""


def test_kill_9_at_any_moment_loses_nothing_that_was_said_to_be_written(tmp_path) -> None:
    said = 0
    for turn in range(6):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as writer:
            assert writer.stdout is not None
            for _ in range(3 + 7 * turn):
                said = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().split("\n")[:-1]
        said = int(rest[-1]) if rest else said
        content = Memory(tmp_path / "memory.json").load()
        assert content["n"] in {said, said + 1}
        assert content["text"] == "x" * (content["n"] * 97 % 5000)
        outbox = Outbox(tmp_path / "reports")
        assert outbox.last in {said, said + 1}
        assert [row["number"] for row in outbox._waiting] == list(
            range(outbox.accepted_until + 1, outbox.last + 1)
        )
        assert all(row["data"] == {"n": row["number"]} for row in outbox._waiting)


def test_a_sealed_line_is_plain_values() -> None:
    assert unsealed(sealed(CONTENT)) == json.loads(json.dumps(CONTENT))

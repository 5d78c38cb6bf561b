"""Both ends of a connection, without sockets: any pieces, any delays, and a clock that the test winds."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.rsmp.framing import FrameDecoder, encoded
from signals.rsmp.messages import (
    AggregatedStatusRequest,
    MessageAck,
    MessageNotAck,
    Version,
    Watchdog,
    written,
)
from signals.rsmp.session import (
    Acknowledged,
    Failed,
    Offered,
    Ready,
    Received,
    Refused,
    Session,
    Timing,
    Watched,
)
from signals.rsmp.versions import CORE_VERSIONS, agreed, known_sxl, same_version, spelled
from tests.signals.rsmp.samples import A_UUID, ANOTHER, AT, SITE, new_ids
from traffic.errors import InputError

_TIMING = Timing(
    handshake_s=10, acknowledgement_s=30, watchdog_every_s=60, watchdog_within_s=150, garbage_limit=3
)


def _version(**changes: object) -> Version:
    values = {"id": A_UUID, "core": CORE_VERSIONS, "sxl": "1.2.1", "sites": (SITE,)}
    return Version(**{**values, **changes})


def _session(role: str, timing: Timing = _TIMING) -> Session:
    return Session(role, timing, lambda: AT, new_ids(len(role)), 0.0)


@dataclass
class _Pair:
    """A site and a supervisor, and what is on its way between them."""

    site: Session = field(default_factory=lambda: _session("site"))
    supervisor: Session = field(default_factory=lambda: _session("supervisor"))
    to_site: bytes = b""
    to_supervisor: bytes = b""
    events: list[tuple[str, object]] = field(default_factory=list)

    def collect(self) -> None:
        self.to_supervisor += self.site.take()
        self.to_site += self.supervisor.take()

    def move(self, side: str, count: int, now: float) -> None:
        """Have `count` bytes arrive at one side."""
        if side == "site":
            data, self.to_site = self.to_site[:count], self.to_site[count:]
            events = self.site.receive(data, now)
        else:
            data, self.to_supervisor = self.to_supervisor[:count], self.to_supervisor[count:]
            events = self.supervisor.receive(data, now)
        for event in events:
            self.events.append((side, event))
            if isinstance(event, Offered):
                session = self.site if side == "site" else self.supervisor
                own = None if side == "site" else _version(id=ANOTHER)
                session.accept(event.version, own, now)
        self.collect()

    def settle(self, now: float) -> None:
        while self.to_site or self.to_supervisor:
            self.move("site", len(self.to_site), now)
            self.move("supervisor", len(self.to_supervisor), now)

    def of(self, side: str, kind: type) -> list[object]:
        return [event for name, event in self.events if name == side and isinstance(event, kind)]


def _connected(now: float = 0.0) -> _Pair:
    pair = _Pair()
    pair.site.open(_version(), now)
    pair.collect()
    pair.settle(now)
    assert pair.site.ready
    assert pair.supervisor.ready
    return pair


def _kinds(data: bytes) -> list[str]:
    return [frame["type"] for frame in FrameDecoder().feed(data)]


@given(st.lists(st.tuples(st.sampled_from(["site", "supervisor"]), st.integers(1, 400)), max_size=80))
def test_the_handshake_ends_well_however_bytes_are_cut_and_delayed(moves):
    pair = _Pair()
    pair.site.open(_version(), 0.0)
    pair.collect()
    for side, count in moves:
        pair.move(side, count, 1.0)
    pair.settle(2.0)
    for side in ("site", "supervisor"):
        assert len(pair.of(side, Ready)) == 1
        assert not pair.of(side, Failed)
        assert len(pair.of(side, Watched)) == 1
    assert pair.site.ready
    assert pair.supervisor.ready


def test_messages_are_in_the_order_of_the_specification():
    site, supervisor = _session("site"), _session("supervisor")
    site.open(_version(), 0.0)
    first = site.take()
    assert _kinds(first) == ["Version"]
    (offered,) = supervisor.receive(first, 0.0)
    supervisor.accept(offered.version, _version(id=ANOTHER), 0.0)
    second = supervisor.take()
    assert _kinds(second) == ["MessageAck", "Version"]
    (offered,) = site.receive(second, 0.0)
    site.accept(offered.version, None, 0.0)
    third = site.take()
    assert _kinds(third) == ["MessageAck", "Watchdog"]
    assert supervisor.receive(third, 0.0) == [Watched(AT)]
    fourth = supervisor.take()
    assert _kinds(fourth) == ["MessageAck", "Watchdog"]
    events = site.receive(fourth, 0.0)
    assert [type(event) for event in events] == [Acknowledged, Watched, Ready]
    assert _kinds(site.take()) == ["MessageAck"]


def test_a_message_without_acknowledgement_ends_the_connection_after_its_time():
    pair = _connected()
    pair.site.send(AggregatedStatusRequest(id=ANOTHER, component=SITE), 5.0)
    assert pair.site.next_deadline() == 35.0
    assert pair.site.tick(34.9) == []
    (failed,) = pair.site.tick(35.0)
    assert ANOTHER in failed.reason
    assert pair.site.tick(99.0) == []


def test_watchdogs_are_sent_and_expected():
    pair = _connected()
    for minute in range(1, 4):
        now = 60.0 * minute
        assert pair.supervisor.next_deadline() == now
        assert pair.supervisor.tick(now) == []
        assert pair.site.tick(now) == []
        pair.collect()
        pair.settle(now)
    now = 180.0
    # The site falls silent: it acknowledges, and sends none of its own.
    for minute in (4, 5):
        now = 60.0 * minute
        assert pair.supervisor.tick(now) == []
        pair.collect()
        pair.settle(now)
        pair.site.take()
    assert pair.supervisor.next_deadline() == 180.0 + 150.0
    assert pair.supervisor.tick(329.9) == []
    (failed,) = pair.supervisor.tick(330.0)
    assert failed.reason == "no watchdog within 150 s"


def test_a_handshake_that_does_not_end():
    supervisor = _session("supervisor")
    assert supervisor.next_deadline() == 10.0
    assert supervisor.tick(9.9) == []
    assert supervisor.tick(10.0) == [Failed("no handshake within 10 s")]


def test_before_the_versions_nothing_is_answered():
    supervisor = _session("supervisor")
    for message in (Watchdog(id=A_UUID, at=AT), AggregatedStatusRequest(id=A_UUID, component=SITE)):
        assert supervisor.receive(encoded(written(message)), 0.0) == []
    assert supervisor.take() == b""


def test_a_version_that_cannot_be_read_is_refused_and_ends_it():
    supervisor = _session("supervisor")
    document = {**written(_version()), "SXL": None}
    (failed,) = supervisor.receive(encoded(document) + encoded(written(_version())), 0.0)
    assert "SXL" in failed.reason
    assert _kinds(supervisor.take()) == ["MessageNotAck"]


def test_a_site_that_is_rejected_hears_why():
    site = _session("site")
    site.open(_version(), 0.0)
    answer = encoded(written(MessageNotAck(of=A_UUID, reason="SXL")))
    assert site.receive(answer, 0.0) == [Failed("the handshake was refused: SXL")]


def test_acknowledgements_are_told_once_and_strange_ones_not_at_all():
    pair = _connected()
    identifier = "0c2d54d1-7f5e-4c3b-9d5f-000000000001"
    pair.supervisor.send(AggregatedStatusRequest(id=identifier, component=SITE), 0.0)
    once = encoded(written(MessageAck(of=identifier)))
    assert pair.supervisor.receive(once, 0.0) == [Acknowledged(identifier)]
    assert pair.supervisor.receive(once, 0.0) == []
    assert pair.supervisor.receive(encoded(written(MessageNotAck(of=A_UUID, reason=None))), 0.0) == []
    pair.supervisor.send(AggregatedStatusRequest(id=A_UUID, component=SITE), 0.0)
    refusal = encoded(written(MessageNotAck(of=A_UUID, reason=None)))
    assert pair.supervisor.receive(refusal, 0.0) == [Refused(A_UUID, "no reason given")]


def test_a_reason_is_one_short_line_whatever_it_was():
    pair = _connected()
    pair.supervisor.send(AggregatedStatusRequest(id=A_UUID, component=SITE), 0.0)
    refusal = encoded(
        written(MessageNotAck(of=A_UUID, reason="no\n2026 ERROR all is lost\x1b[2J" + "x" * 9000))
    )
    (refused,) = pair.supervisor.receive(refusal, 0.0)
    assert refused.reason.startswith("no 2026 ERROR all is lost [2J")
    assert len(refused.reason) == 500


def test_messages_are_acknowledged_by_whoever_takes_them():
    pair = _connected()
    message = AggregatedStatusRequest(id=ANOTHER, component=SITE)
    assert pair.site.receive(encoded(written(message)), 0.0) == [Received(message)]
    assert pair.site.take() == b""
    pair.site.acknowledge(message)
    pair.site.refuse(A_UUID, "x" * 10_000)
    ack, refusal = FrameDecoder().feed(pair.site.take())
    assert (ack["type"], ack["oMId"]) == ("MessageAck", ANOTHER)
    assert len(refusal["rea"]) == 500


def test_garbage_is_forgiven_between_watchdogs_and_not_in_a_row():
    pair = _connected()
    assert pair.supervisor.receive(b"x\fy\f", 0.0) == []
    pair.supervisor.tick(60.0)
    assert pair.supervisor.receive(b"x\fy\f", 61.0) == []
    (failed,) = pair.supervisor.receive(b"x\f" + encoded(written(Watchdog(id=A_UUID, at=AT))), 62.0)
    assert "3 frames" in failed.reason


def test_a_message_that_is_wrong_is_refused_and_no_garbage():
    pair = _connected()
    for _ in range(10):
        document = {**written(Watchdog(id=A_UUID, at=AT)), "wTs": "now"}
        assert pair.supervisor.receive(encoded(document), 0.0) == []
    assert _kinds(pair.supervisor.take()) == ["MessageNotAck"] * 10


@pytest.mark.parametrize(
    "changes",
    [{"handshake_s": 0}, {"acknowledgement_s": float("nan")}, {"garbage_limit": 0}, {"message_bytes": 10}],
)
def test_times_and_limits_that_make_no_sense(changes):
    with pytest.raises(InputError):
        Timing(**changes)


def test_the_latest_version_that_both_know_is_spoken():
    for theirs, core in (
        (("3.1.5", "3.2"), "3.2.0"),
        (("3.2.2", "3.2.1"), "3.2.2"),
        (("3.2.1", "3.3.0"), "3.2.1"),
        (("3.2.00",), "3.2.0"),
    ):
        found = agreed(_version(core=theirs, sxl="1.2.1"), {SITE}, CORE_VERSIONS, "1.2.1")
        assert (found.site, found.core, found.sxl) == (SITE, core, "1.2.1")
    assert spelled(CORE_VERSIONS, ("3.2", "3.2.1")) == ("3.2", "3.2.1", "3.2.2")
    assert known_sxl("1.1", "sxl") == "1.1.0"
    assert not same_version("3.2.1", "3.2.1-beta")
    assert same_version("3.2.1-beta", "3.2.1-beta")
    with pytest.raises(InputError, match="RSMP versions"):
        agreed(_version(core=("3.2.1-beta",)), {SITE}, CORE_VERSIONS, "1.2.1")

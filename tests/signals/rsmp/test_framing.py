"""Bytes to JSON objects: chunks of any size, garbage between messages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.rsmp.framing import FrameDecoder, Garbage, encoded

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=10,
)
_OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), _JSON, max_size=4)


def _fed(data: bytes, cuts: list[int], limit: int = 10_000) -> list[object]:
    decoder, found, start = FrameDecoder(limit), [], 0
    for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        found += decoder.feed(data[start:cut])
        start = cut
    return found


@given(st.lists(_OBJECTS, max_size=5), st.lists(st.integers(0, 5000), max_size=20))
def test_messages_come_back_whole_however_they_are_cut(documents, cuts):
    data = b"".join(encoded(document) for document in documents)
    assert _fed(data, cuts) == documents


def test_byte_by_byte():
    decoder = FrameDecoder()
    found = [frame for byte in encoded({"a": "ж\f\n"}) for frame in decoder.feed(bytes([byte]))]
    assert found == [{"a": "ж\f\n"}]


def test_form_feeds_before_and_between_messages_are_passed_over():
    data = b"\f\f" + encoded({"a": 1}) + b"\f \r\n\f" + encoded({"b": 2})
    assert FrameDecoder().feed(data) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (b"{", "JSON"),
        (b"\xff\xfe{}", "UTF-8"),
        (b"[1]", "object"),
        (b"3", "object"),
        (b'{"a": 1, "a": 2}', "once"),
        (b'{"a": NaN}', "finite"),
        (b'{"a": ' + b"9" * 5000 + b"}", "finite"),
        (b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}", "levels"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": "' + b"x" * 12_000 + b'"}', "bytes at most"),
    ],
)
def test_garbage_is_told_and_what_follows_is_read(frame, said):
    garbage, message = _fed(frame + b"\f" + encoded({"after": True}), [1, 2, 7000, 11_999])
    assert isinstance(garbage, Garbage)
    assert said in garbage.reason
    assert message == {"after": True}


@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=9))
def test_bytes_of_any_kind_never_swallow_what_comes_after_the_next_form_feed(noise, cuts):
    found = _fed(noise + b"\f" + encoded({"after": 1}), cuts, limit=100)
    assert found[-1] == {"after": 1}
    assert all(isinstance(frame, dict | Garbage) for frame in found)


def test_a_message_that_never_ends_takes_no_memory():
    decoder = FrameDecoder(1000)
    for _ in range(1000):
        assert decoder.feed(b"x" * 999) == []
        assert decoder.waiting_bytes <= 1000
    (garbage,) = decoder.feed(b"\f")
    assert garbage == Garbage("must be 1000 bytes at most", 999_000)
    assert decoder.feed(encoded({"a": 1})) == [{"a": 1}]


def test_one_byte_under_the_limit_is_read_and_one_over_is_not():
    frame = encoded({"a": "x" * 91})
    assert len(frame) == 100
    assert FrameDecoder(99).feed(frame) == [json.loads(frame[:-1])]
    assert isinstance(FrameDecoder(98).feed(frame)[0], Garbage)

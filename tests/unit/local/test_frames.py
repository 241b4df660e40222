"""Messages between the run and its workers survive any cutting of the pipe's bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.frames import Frames, frame

json_objects = st.dictionaries(
    st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())
)


@given(st.lists(json_objects, max_size=5), st.data())
def test_messages_come_out_whole_and_in_order_however_the_bytes_are_cut(
    messages: list[dict[str, object]], data: st.DataObject
) -> None:
    stream = b"".join(frame(message) for message in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    frames = Frames()

    found = [
        message
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for message in frames.feed(stream[start:end])
    ]

    assert found == messages


def test_half_a_message_is_none() -> None:
    assert list(Frames().feed(frame({"a": 1})[:-1])) == []


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes"])
def test_what_json_cannot_hold_is_refused_before_anything_is_written(value: object) -> None:
    with pytest.raises(TypeError):
        frame({"value": value})

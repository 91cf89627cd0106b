"""Packed counts: whatever they are, they come back, and one tick's are left as they are."""

from __future__ import annotations

from itertools import product

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from fireline.telemetry.packing import FRAME, SMALL, Unpacker, kind_of, pack, unpack

LARGEST = st.sampled_from([1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**60])


@given(data=st.data(), largest=LARGEST)
def test_counts_come_back(data: st.DataObject, largest: int) -> None:
    shape = data.draw(array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))
    counts = data.draw(arrays(np.int64, shape, elements=st.integers(0, largest)))
    body = pack(counts)
    np.testing.assert_array_equal(unpack(body, len(counts)), counts)
    raw = np.frombuffer(Unpacker()(body), kind_of(body[0]))
    np.testing.assert_array_equal(raw.reshape(len(counts), -1), counts)


def test_a_tick_is_left_as_it_is_and_a_day_is_not() -> None:
    assert len(pack(np.arange(40)[None])) == 9 + 40
    day = np.tile(np.arange(40), (1440, 1))
    assert len(pack(day)) < day.size / 10


def test_what_begins_like_a_frame_is_not_taken_for_one() -> None:
    for length in range(4, 60):
        counts = np.array([*FRAME, *range(length - 4)], np.int64)[None]
        np.testing.assert_array_equal(unpack(pack(counts), 1), counts)


def test_what_was_stored_squeezed_before_is_still_read() -> None:
    rng = np.random.default_rng(0)
    same = 0
    for width, values in product(range(16, SMALL, 3), (2, 6, 16, 40)):
        raw = rng.integers(0, values, width).astype(np.uint8)
        packed = pa.Codec("zstd", compression_level=1).compress(raw.tobytes(), asbytes=True)
        same += len(packed) == width
        old = b"B" + width.to_bytes(8, "little") + packed
        np.testing.assert_array_equal(unpack(old, 1)[0], raw)
    assert same > 0, "some of them are as long squeezed as they are"


@given(data=st.data(), ticks=st.integers(1, 40), width=st.integers(1, 40))
def test_sums_among_counts_come_back_and_keep_small_counts_small(data, ticks, width):
    counts = data.draw(arrays(np.int64, (ticks, width), elements=st.integers(0, 2**17)))
    sums = data.draw(arrays(np.int64, (ticks, 2), elements=st.integers(-(2**60), 2**60)))
    whole = np.hstack([sums[:, :1], counts, sums[:, 1:]])
    body = pack(whole)
    np.testing.assert_array_equal(unpack(body, ticks), whole)
    raw = np.frombuffer(Unpacker()(body), kind_of(body[0])).reshape(ticks, -1)
    np.testing.assert_array_equal(raw, whole)


def test_a_day_of_sums_takes_little_more_than_its_sums() -> None:
    rng = np.random.default_rng(1)
    whole = np.hstack([rng.integers(0, 200, (96, 60)), rng.integers(-(2**50), 2**50, (96, 4))])
    assert len(pack(whole)) < 96 * (60 + 4 * 8) + 100

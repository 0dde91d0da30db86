"""Short stretches at many places of a file are the bytes that are there."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics.stretches import read_stretches


@pytest.fixture
def content(tmp_path):
    """A file of 1,000 random bytes: its descriptor and what it holds."""
    path, content = tmp_path / "file", np.random.default_rng(3).bytes(1000)
    path.write_bytes(content)
    with path.open("rb") as file:
        yield file.fileno(), content


@pytest.mark.parametrize("size", [1, 2, 8])
def test_stretches_are_those_of_the_file(content, size):
    descriptor, whole = content
    offsets = np.random.default_rng(size).integers(0, 1000 - size, 50)
    found = np.zeros((50, size), np.uint8)
    assert read_stretches(descriptor, offsets, found) == 50
    assert [one.tobytes() for one in found] == [whole[at:at + size] for at in offsets]


def test_those_that_follow_each_other_are_read_as_one(content):
    descriptor, whole = content
    offsets = np.concatenate([np.arange(0, 80, 8), np.arange(400, 480, 8), [3, 500, 508, 200]])
    found = np.zeros((len(offsets), 8), np.uint8)
    assert read_stretches(descriptor, offsets, found) == len(offsets)
    assert [one.tobytes() for one in found] == [whole[at:at + 8] for at in offsets]
    at_end = np.array([0, 500, 976, 984, 992, 1000])
    assert read_stretches(descriptor, at_end, found[:6]) == 2  # the last four are one, which is not whole
    assert [one.tobytes() for one in found[:2]] == [whole[at:at + 8] for at in at_end[:2]]


def test_it_stops_where_one_is_not_whole(content):
    descriptor, _ = content
    found = np.zeros((3, 2), np.uint8)
    for offsets, whole in ([0, 10, 999], 2), ([0, 1000, 2], 1), ([-1, 0, 2], 0):
        assert read_stretches(descriptor, np.array(offsets), found) == whole
    assert read_stretches(-1, np.array([0, 1, 2]), found) == 0

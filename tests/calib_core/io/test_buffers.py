"""Memory is used again, but never by two at once."""

from __future__ import annotations

import copy
import pickle

import numpy as np

from calib_core.io.buffers import Buffers, aligned


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def test_memory_comes_back_when_nobody_holds_it():
    buffers = Buffers()
    first = buffers.array((3, 4), np.uint16)
    place = address(first)
    assert (first.shape, first.dtype, first.flags.writeable) == ((3, 4), np.uint16, True)
    del first
    again = buffers.array((2, 6), np.uint16)
    assert address(again) == place
    other = buffers.array((2, 6), np.uint16)
    assert not np.shares_memory(again, other)


def test_arrays_begin_with_a_line_of_the_cache():
    buffers = Buffers()
    held = [buffers.array((n,), np.uint8) for n in (1, 77, 5000, 3 << 20)]
    held += [aligned((3, n), np.uint16) for n in (1, 77, 1 << 20)]
    assert [address(array) % 64 for array in held] == [0] * 7
    assert [(array.shape[0], array.dtype) for array in held[4:]] == [(3, np.uint16)] * 3


def test_a_view_of_a_view_holds_its_memory():
    buffers = Buffers()
    values = buffers.array((5, 4, 8), np.uint16)
    values[:] = 7
    row = values[2][1:][:, ::2]
    transposed = values.reshape(20, 8).T[1:3]
    del values
    for view in (row, transposed):
        assert not np.shares_memory(view, buffers.array((5, 4, 8), np.uint16))
    buffers.array((5, 4, 8), np.uint16)[:] = 9
    assert (row == 7).all()
    del row
    assert not np.shares_memory(transposed, buffers.array((5, 4, 8), np.uint16))
    assert (transposed == 7).all()


def test_no_more_is_held_than_was_in_use_once():
    buffers = Buffers()
    small = buffers.array((10,), np.uint8)
    large = buffers.array((1000,), np.uint8)
    places = address(small), address(large)
    del small, large
    assert address(buffers.array((900,), np.uint8)) == places[1]
    assert address(buffers.array((9,), np.uint8)) == places[0]
    buffers.array((2000,), np.uint8)
    assert sum(memory.nbytes for memory in buffers._free) == 2000
    buffers.clear()
    assert not buffers._free


def test_memory_that_was_used_is_filled_again():
    buffers = Buffers()
    buffers.array((30,), np.uint8)[:] = 9
    found = buffers.full((2, 7), np.uint16, 3)
    assert (found.dtype, found.tolist()) == (np.uint16, [[3] * 7] * 2)
    assert not buffers._free


def test_nothing_at_all_and_copies():
    buffers = Buffers()
    assert buffers.array((0, 5), np.float32).shape == (0, 5)
    values = buffers.array((4,), np.uint16)
    values[:] = 3
    for copied in (copy.deepcopy((buffers, values)), pickle.loads(pickle.dumps((buffers, values)))):
        assert not copied[0]._free
        assert copied[1].tolist() == [3, 3, 3, 3]
        assert not np.shares_memory(copied[1], values)
    del values
    assert len(buffers._free) == 1

"""Files in memory that was used before: as BytesIO does it, and HDF5 reads what it wrote."""

from __future__ import annotations

import io
import os

import h5py
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from calib_core.io.buffers import Buffers
from calib_core.store.memory_file import MemoryFile

steps = st.one_of(
    st.tuples(st.just("seek"), st.integers(0, 90)), st.tuples(st.just("write"), st.binary(max_size=40)),
    st.tuples(st.just("readinto"), st.integers(0, 40)), st.tuples(st.just("truncate"), st.integers(0, 90)),
    st.tuples(st.just("end"), st.just(0)))


def used() -> Buffers:
    """Buffers whose memory is full of something."""
    buffers = Buffers()
    buffers.array((4096,), np.uint8)[:] = 0xA5
    return buffers


@given(st.lists(steps, max_size=20), st.integers(0, 60))
def test_it_does_what_bytesio_does(done, size):
    ours, theirs = MemoryFile(used(), size), io.BytesIO()
    for name, value in done:
        if name == "readinto":
            into = [bytearray(value), bytearray(value)]
            assert ours.readinto(memoryview(into[0])) == theirs.readinto(into[1])
            assert into[0] == into[1]
        elif name == "end":
            assert ours.seek(0, os.SEEK_END) == theirs.seek(0, os.SEEK_END)
        elif name == "truncate" and value > len(theirs.getvalue()):  # BytesIO does not grow so, a file does
            assert ours.truncate(value) == value
            at = theirs.tell()
            theirs.seek(0, os.SEEK_END)
            theirs.write(bytes(value - theirs.tell()))
            theirs.seek(at)
        else:
            assert getattr(ours, name)(value) == getattr(theirs, name)(value)
        assert bytes(ours.getbuffer()) == theirs.getvalue()
        assert (ours.tell(), len(ours)) == (theirs.tell(), len(theirs.getvalue()))


def test_hdf5_writes_and_reads_it_and_the_memory_is_used_again():
    buffers, values = Buffers(), np.random.default_rng(3).normal(0, 1, (40, 30, 7))
    places = set()
    for size in (1 << 20, 1 << 20, 10):
        image = MemoryFile(buffers, size)
        with h5py.File(image, "w") as file:
            file.create_dataset("values", data=values, chunks=(4, 30, 7), fletcher32=True, compression="gzip")
        whole = np.frombuffer(image.getbuffer(), np.uint8)
        places.add(whole.ctypes.data)
        with h5py.File(io.BytesIO(whole.tobytes())) as file:
            np.testing.assert_array_equal(file["values"][()], values)
        del image, whole, file
    assert len(places) <= 2

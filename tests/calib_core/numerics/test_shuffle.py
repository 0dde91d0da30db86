"""Sorted bytes are those that HDF5 writes."""

from __future__ import annotations

import io

import h5py
import numpy as np
import pytest

from calib_core.numerics.shuffle import shuffled


@pytest.mark.parametrize("n", [0, 1, 7, 64, 1000])
def test_bytes_are_sorted_as_hdf5_sorts_them(n: int) -> None:
    words = np.random.default_rng(n).integers(0, 1 << 32, n, dtype=np.uint32)
    found = shuffled(words)
    np.testing.assert_array_equal(found, words.view(np.uint8).reshape(-1, 4).T)
    if n:
        with h5py.File(io.BytesIO(), "w") as file:
            dataset = file.create_dataset("words", (n,), np.uint32, chunks=(n,), shuffle=True, data=words)
            _, stored = dataset.id.read_direct_chunk((0,))
        assert stored == found.tobytes()


def test_other_numbers_are_refused() -> None:
    for words in (np.zeros(4, np.uint16), np.zeros(8, np.uint32)[::2]):
        with pytest.raises(ValueError, match="words must be"):
            shuffled(words)

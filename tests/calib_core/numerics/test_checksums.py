"""HDF5's checksum, by HDF5."""

from __future__ import annotations

import io
import zlib

import h5py
import numpy as np
import pytest

from calib_core.numerics.checksums import fletcher32


def by_hdf5(data: np.ndarray) -> int:
    """What HDF5's own filter puts behind a chunk."""
    with h5py.File(io.BytesIO(), "w") as file:
        dataset = file.create_dataset("d", data=data, chunks=data.shape, fletcher32=True)
        _, chunk = dataset.id.read_direct_chunk((0,))
    return int.from_bytes(chunk[-4:], "little")


LENGTHS = [*range(1, 20), 703, 704, 705, 706, 719, 720, 721, 1408, 99_999, 100_000]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", ["random", "zeros", "highest", "a last one"])
def test_it_is_that_of_hdf5(length: int, kind: str) -> None:
    data = np.zeros(length, np.uint8)
    if kind == "random":
        data[:] = np.random.default_rng(length).integers(0, 256, length)
    elif kind == "highest":
        data[:] = 255
    elif kind == "a last one":
        data[-1] = 1
    assert fletcher32(data) == by_hdf5(data)


def test_words_that_sum_to_the_modulus_are_not_nothing() -> None:
    """65535, and 1 + 65534: HDF5 has the modulus for a sum of 0 that is none."""
    for words in ([0xFFFF], [1, 0xFFFE], [0xFFFE, 1], [0x00FF, 0xFF00], [0xFF00, 0x00FF]):
        data = np.array(words, ">u2").view(np.uint8)
        assert fletcher32(data) == by_hdf5(data)


def test_of_what_is_compressed() -> None:
    """Such as the numbers of samples, of which each length of a chunk is another one."""
    for seed in range(20):
        packed = np.frombuffer(zlib.compress(np.random.default_rng(seed).integers(0, 3, 999).tobytes(), 1), np.uint8)
        assert fletcher32(packed) == by_hdf5(packed)

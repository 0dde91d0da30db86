"""Values that are taken out of chunks are those that HDF5 reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from calib_core.store.chunks import all_values

SHAPE = (6, 8, 5, 3)
VALUES = np.arange(np.prod(SHAPE)).reshape(SHAPE)


def written(folder: Path, values: np.ndarray = VALUES, **options: Any) -> Path:
    path = folder / "values.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=values, **options)
    return path


def read(path: Path) -> tuple[np.ndarray | None, np.ndarray]:
    with h5py.File(path, "r") as file:
        return all_values(file["data"]), file["data"][()]


@pytest.mark.parametrize("dtype", ["f4", "f8", "u4", "u2"])
@pytest.mark.parametrize(("chunks", "checked"), [
    ((6, 8, 1, 3), True), ((6, 8, 2, 3), True), ((6, 8, 2, 3), False), ((2, 8, 5, 3), True), ((6, 8, 5, 2), True),
    (SHAPE, True)])
def test_values_are_those_that_hdf5_reads(tmp_path, dtype, chunks, checked):
    """Also where the last chunk has more than the dataset."""
    found, expected = read(written(tmp_path, VALUES.astype(dtype), chunks=chunks, fletcher32=checked))
    assert found is not None
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found, VALUES)


def test_many_neighbours_are_copied_together(tmp_path):
    values = np.arange(4 * 6 * 40.0).reshape(4, 6, 40)
    found, _ = read(written(tmp_path, values, chunks=(4, 2, 40), fletcher32=True))
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("options", [
    {}, {"chunks": (3, 8, 2, 3)}, {"chunks": (6, 8, 1, 3), "compression": "gzip"},
    {"chunks": (6, 8, 1, 3), "shuffle": True}, {"chunks": (6, 8, 1, 3), "dtype": ">f4"}])
def test_what_is_stored_otherwise_is_left_to_hdf5(tmp_path, options):
    assert read(written(tmp_path, **options))[0] is None


def test_chunks_that_were_never_written_are_left_to_hdf5(tmp_path):
    with h5py.File(tmp_path / "values.h5", "w") as file:
        file.create_dataset("data", SHAPE, "f4", chunks=(6, 8, 1, 3), fletcher32=True)[:, :, 0] = 1
    assert read(tmp_path / "values.h5")[0] is None


def test_a_damaged_chunk_is_left_to_hdf5(tmp_path):
    """Which refuses it."""
    path = written(tmp_path, chunks=(6, 8, 1, 3), fletcher32=True)
    with h5py.File(path, "r") as file:
        begin = file["data"].id.get_chunk_info_by_coord((0, 0, 2, 0)).byte_offset
    data = bytearray(path.read_bytes())
    data[begin + 9] ^= 1
    path.write_bytes(data)
    with h5py.File(path, "r") as file:
        assert all_values(file["data"]) is None
        with pytest.raises(OSError, match="Can't"):
            file["data"][()]

"""A constant into its file in memory: order of axes, checksums, seal; against h5py and NumPy."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from time import thread_time

import h5py
import numpy as np
import pytest

from calib_core.constants.condition import Condition
from calib_core.constants.constant import INTERNAL_DIMS, OFFSET, Constant
from calib_core.io.buffers import Buffers
from calib_core.store.constant_image import put_constant
from calib_core.store.memory_file import MemoryFile

CELLS, PIXELS = 88, (512, 128)
FILE_DIMS = ("fast_scan", "slow_scan", "cell", "gain")
PROVENANCE = {"detector_type": "AGIPD-Type", "aggregator": "AGIPD03", "module": 3, "raw_data": [], "software": {},
              "parameters": {}}


@pytest.fixture(scope="module")
def offsets() -> np.ndarray:
    """(gain, cell, slow_scan, fast_scan) float32, 69 MB."""
    return np.random.default_rng(1).normal(5000, 70, (3, CELLS, *PIXELS)).astype(np.float32)


BUFFERS = Buffers()  # of a worker, who writes one constant after the other


def ours(offsets: np.ndarray) -> MemoryFile:
    made = Constant(
        kind=OFFSET, calibration="Offset", pdu="AGIPD_SIV1_AGIPDV11_M305", dims=INTERNAL_DIMS, shape=offsets.shape,
        file_dims=FILE_DIMS, labels={"cell": tuple(range(CELLS))}, condition=Condition((), {}), provenance=PROVENANCE,
        begin=datetime(2026, 3, 1, tzinfo=UTC), read=lambda part: offsets[:, part], read_count=None)
    image = MemoryFile(BUFFERS, offsets.nbytes * 2 + (8 << 20))
    put_constant(image, made, datetime(2026, 3, 1, tzinfo=UTC))
    return image


def plainly(offsets: np.ndarray) -> io.BytesIO:
    """As a script does it, with the same chunks and checksums."""
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        values = np.ascontiguousarray(offsets.transpose(3, 2, 1, 0), np.float64)
        file.create_dataset("data", data=values, chunks=(*values.shape[:2], 1, 3), fletcher32=True)
    hashlib.sha256(image.getbuffer()).hexdigest()
    return image


def test_constant_into_its_file(offsets, bar, bars) -> None:
    with h5py.File(ours(offsets)) as mine, h5py.File(plainly(offsets)) as other:
        stored = mine["AGIPD_SIV1_AGIPDV11_M305/Offset/0/data"]
        np.testing.assert_array_equal(stored[()], other["data"][()])
        size = stored.nbytes
    bar("constant_into_file", lambda: ours(offsets), lambda: plainly(offsets), 2.5)
    times = []
    for _ in range(5):
        start = thread_time()
        ours(offsets)
        times.append(thread_time() - start)
    bars.line(f"constant_into_file {size / np.median(times) / 1e9:.2f} GB/s")

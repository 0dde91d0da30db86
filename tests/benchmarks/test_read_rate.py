"""Rate of streaming frames against bare HDF5 reading of the same bytes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import perf_counter

import h5py
import numpy as np
import pytest
from extra_data.tests.mockdata import write_file
from extra_data.tests.mockdata.detectors import AGIPDModule

from calib_core.detector import FrameSelection
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run

TRAINS, CELLS = 8, 64
CHUNK = 4 << 20
SOURCE = "SPB_DET_AGIPD1M-1/DET/0CH0"
DATA = f"INSTRUMENT/{SOURCE}:xtdf/image/data"


@pytest.fixture(scope="module", params=[1, 16], ids=["chunk 1 frame", "chunk 16 frames"])
def run(request, tmp_path_factory) -> Path:
    """134 MB of one module, written once so that they are in the page cache."""
    folder = tmp_path_factory.mktemp("r0012")
    path = folder / "RAW-R0012-AGIPD00-S00000.h5"
    write_file(str(path), [AGIPDModule(SOURCE, frames_per_train=CELLS)], ntrains=TRAINS, chunksize=8,
               format_version="1.2")
    rng = np.random.default_rng(0)
    with h5py.File(path, "r+") as file:
        del file[DATA]
        dataset = file.create_dataset(DATA, (TRAINS * CELLS, 2, 512, 128), "u2", chunks=(request.param, 2, 512, 128),
                                      maxshape=(None, 2, 512, 128))
        for row in range(0, len(dataset), CELLS):
            dataset[row:row + CELLS] = rng.integers(1, 16384, (CELLS, 2, 512, 128), np.uint16)
    return folder


def library(path: Path) -> int:
    """Bare HDF5: the same bytes in blocks of the same size, into one buffer."""
    length = CHUNK // (1 << 18)
    total, buffer = 0, np.empty((length, 2, 512, 128), np.uint16)
    with h5py.File(path / "RAW-R0012-AGIPD00-S00000.h5") as file:
        dataset = file[DATA]
        for row in range(0, len(dataset), length):
            dataset.read_direct(buffer, np.s_[row:row + length])
            total += int(buffer.view(np.uint64).sum())
    return total % 2**64


def streamed(frames: ModuleFrames, cells: tuple[int, ...]) -> int:
    return sum(int(f.block.view(np.uint64).sum()) for f in frames.chunks(cells, CHUNK))


def wall(call) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def test_streaming_is_at_least_as_fast_as_bare_hdf5(run, bars):
    with Run.open(run) as opened:
        detector = opened.detectors[0]
        frames = opened.frames(detector, detector.modules[0], FrameSelection())
    halves = (frames.cells[:CELLS // 2], frames.cells[CELLS // 2:])
    with ThreadPoolExecutor(2) as pool:
        def two_threads() -> int:
            return sum(pool.map(lambda cells: streamed(frames, cells), halves))

        expected = library(run)
        assert streamed(frames, frames.cells) % 2**64 == expected
        assert two_threads() % 2**64 == expected
        times = [[wall(call) for call in (lambda: library(run), lambda: streamed(frames, frames.cells), two_threads)]
                 for _ in range(7)]
    bare, one, two = (median(some) for some in zip(*times, strict=True))
    size = TRAINS * CELLS * (1 << 18) / 1e9
    bars.ratio("read_rate", [a / b for a, b, _ in times], 1, f"two threads {bare / two:.2f}; {size / one:.1f} and "
               f"{size / two:.1f} GB/s, HDF5 {size / bare:.1f} GB/s ", wall=True)

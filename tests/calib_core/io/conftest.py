"""Small raw runs written by EXtra-data's own mock writers, with pixel values placed here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra_data.tests.mockdata import write_file
from extra_data.tests.mockdata.detectors import AGIPDModule
from extra_data.tests.mockdata.jungfrau import JUNGFRAUModule

from tests.calib_core.io.mocks import write_all

FIRST_TRAIN = 10000


@dataclass(frozen=True)
class RawRun:
    """A raw run on disk, with the names that tests need to damage it."""

    path: Path
    trains: int
    frames: int

    def file(self, module: int = 0, sequence: int = 0) -> Path:
        return next(self.path.glob(f"RAW-R0012-*{module:02d}-S{sequence:05d}.h5"))

    def image(self, module: int = 0) -> str:
        return f"SPB_DET_AGIPD1M-1/DET/{module}CH0:xtdf/image"

    def module(self, module: int = 1) -> str:
        return f"FXE_XAD_JF1M/DET/JNGFR{module:02d}:daqOutput/data"


def fill(dataset: h5py.Dataset, seed: int) -> None:
    """Random 14-bit samples in a small corner and the far end of every frame; the rest a number per frame."""
    rng = np.random.default_rng(seed)
    for row in range(len(dataset)):
        frame = np.full(dataset.shape[1:], 1 + row % 200, dataset.dtype)
        frame[..., :4, :] = rng.integers(1, 200, frame[..., :4, :].shape)
        frame[..., -1, -3:] = rng.integers(1, 200, 3)
        dataset[row] = frame


@pytest.fixture
def agipd_run(tmp_path: Path) -> Callable[..., RawRun]:
    """Make a run of AGIPD modules; without ``pixels`` the image data stay unwritten."""

    def make(modules: int = 2, sequences: int = 1, trains: int = 3, frames: int = 4, *, pixels: bool = False,
             version: str = "1.2") -> RawRun:
        folder = tmp_path / "raw" / "r0012"
        folder.mkdir(parents=True)
        run = RawRun(folder, trains, frames)
        for m in range(modules):
            for s in range(sequences):
                path = folder / f"RAW-R0012-AGIPD{m:02d}-S{s:05d}.h5"
                device = AGIPDModule(f"SPB_DET_AGIPD1M-1/DET/{m}CH0", frames_per_train=frames)
                write_file(str(path), [device], ntrains=trains, firsttrain=FIRST_TRAIN + s * trains, chunksize=8,
                           format_version=version)
                write_all(path, "INDEX")
                if pixels:
                    with h5py.File(path, "r+") as file:
                        fill(file[f"INSTRUMENT/{run.image(m)}/data"], 10 * m + s)
        return run

    return make


@pytest.fixture
def jungfrau_run(tmp_path: Path) -> Callable[..., RawRun]:
    """Make a run of JUNGFRAU modules with 16 memory cells in the burst order."""

    def make(modules: int = 1, trains: int = 2, *, pixels: bool = True) -> RawRun:
        folder = tmp_path / "raw" / "r0012"
        folder.mkdir(parents=True)
        run = RawRun(folder, trains, 16)
        for m in range(1, modules + 1):
            path = folder / f"RAW-R0012-JNGFR{m:02d}-S00000.h5"
            device = JUNGFRAUModule(f"FXE_XAD_JF1M/DET/JNGFR{m:02d}", raw=True)
            write_file(str(path), [device], ntrains=trains, firsttrain=FIRST_TRAIN, chunksize=1,
                       format_version="1.2")
            with h5py.File(path, "r+") as file:
                group = file[f"INSTRUMENT/{run.module(m)}"]
                group["memoryCell"][:] = np.roll(np.arange(16), 1)
                if pixels:
                    fill(group["adc"], m)
                    bits = np.random.default_rng(m).choice(np.array([0, 1, 3], "u1"), (trains, 16, 1, 1024))
                    group["gain"][:] = np.broadcast_to(bits, group["gain"].shape).copy()
        return run

    return make

"""The reader gives the trains, memory cells and bytes that EXtra-data gives: all types, versions, layouts and ways.

What is expected comes from EXtra-data and NumPy alone: where a type's data are, which bits of a word are the sample,
and how the frames of a train with several gain stages follow each other is written down here once more.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.detector import FrameSelection
from calib_core.detector.registry import detector_types
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run
from calib_core.simulate import default_settings, simulate

Array = Any
ALL = FrameSelection()


@dataclass(frozen=True)
class Keys:
    """Where a type's frames are: source of a module, keys, bits of a word, cells that are no frame, gain stages."""

    source: str
    pixels: str
    cell: str | None = None
    gain: str | None = None
    bits: int = 16
    shift: int | None = None
    no_cell: int = -1
    stages: int = 1

    @property
    def stored(self) -> tuple[str, ...]:
        """Paths of large datasets in a file."""
        return tuple(f"INSTRUMENT/{self.source}/{key.replace('.', '/')}" for key in (self.pixels, self.gain) if key)


XTDF = "image.data", "image.cellId"
RECEIVER = "data.adc", "data.memoryCell", "data.gain"
TYPES = {
    "AGIPD1M": Keys("SPB_DET_AGIPD1M-1/DET/3CH0:xtdf", *XTDF),
    "AGIPD500K": Keys("HED_DET_AGIPD500K2G/DET/3CH0:xtdf", *XTDF),
    "DSSC1M": Keys("SCS_DET_DSSC1M-1/DET/3CH0:xtdf", *XTDF),
    "LPD1M": Keys("FXE_DET_LPD1M-1/DET/3CH0:xtdf", *XTDF, bits=12, shift=12, stages=3),
    "LPDMINI": Keys("FXE_DET_LPD_MINI/DET/0CH0:xtdf", *XTDF, bits=12, shift=12),
    "JUNGFRAU": Keys("SPB_IRDA_JF4M/DET/JNGFR03:daqOutput", *RECEIVER, no_cell=255),
    "GOTTHARD2": Keys("SPB_50UM_GH2/DET/RECEIVER:daqOutput", *RECEIVER, no_cell=255),
    "GOTTHARD2_25UM": Keys("SA1_XTD9_HIREX/DET/GOTTHARD2_SLAVE:daqOutput", *RECEIVER, no_cell=255),
    "EPIX100": Keys("MID_EXP_EPIX-1/DET/RECEIVER:daqOutput", "data.image.pixels"),
    "EPIX10K": Keys("HED_IA1_EPIX10K-1/DET/RECEIVER:daqOutput", "data.image.pixels", bits=14, shift=14),
    "FASTCCD": Keys("SCS_CDIDET_FCCD2M/DAQ/FCCD:daqOutput", "data.image.pixels", bits=14, shift=14),
    "PNCCD": Keys("SQS_NQS_PNCCD1MP/CAL/PNCCD_FMT-0:output", "data.image"),
}
#: Three files; some trains of the module are lost, some are suspect, and the first two hold zeros.
COMMON = {"trains": 10, "trains_per_sequence": 4, "lost_trains": 0.2, "suspect_trains": 0.25, "empty_first": 2,
          "seed": 4}
ROWS = {"memory_cells": 5, "first_cell": 2, "vetoed_cells": 0.25, "short_trains": 0.5}
SETTINGS: dict[str, dict[str, Any]] = {
    **{name: {"modules": "3", **ROWS} for name in ("AGIPD1M", "AGIPD500K", "DSSC1M")},
    "LPD1M": {"modules": "3", **ROWS, "parallel_gain": True}, "LPDMINI": ROWS,
    "JUNGFRAU": {"modules": "3", "memory_cells": 16, "frames_per_train": 2, "vetoed_cells": 0.5},
    "GOTTHARD2": {"memory_cells": 2, "frames_per_train": 7, "format_version": "1.3"},
    "GOTTHARD2_25UM": {"memory_cells": 2, "frames_per_train": 6, "first_cell": 1, "lost_trains": 0.4},
    "EPIX100": {"format_version": "1.3"}, "FASTCCD": {"trains": 7, "trains_per_sequence": 3},
}


@dataclass(frozen=True)
class Stack:
    """Frames in the order of reading, flat."""

    train: Array
    cell: Array
    samples: Array
    gain: Array | None

    def where(self, chosen: Array) -> Stack:
        return Stack(self.train[chosen], self.cell[chosen], self.samples[chosen],
                     None if self.gain is None else self.gain[chosen])


def of_extra_data(path: Path, keys: Keys, selection: FrameSelection = ALL) -> Stack:
    """Keyed data of the trains that are selected, but for frames that hold nothing; signed samples begin at 0."""
    with RunDirectory(path, parallelize=False, inc_suspect_trains=selection.keep_suspect) as run:
        data = run[keys.source, keys.pixels]
        words, row_train = data.ndarray(), data.train_id_coordinates()
        cell = run[keys.source, keys.cell].ndarray().ravel() if keys.cell else np.zeros(len(words), int)
        gain = run[keys.source, keys.gain].ndarray() if keys.gain else None
    n, train = len(cell), np.repeat(row_train, len(cell) // len(words))
    words = words.reshape(n, -1)
    words = (words if keys.shift is not None else np.maximum(words, 0)).astype(np.uint16)
    if keys.shift is not None:
        gain = words >> keys.shift & 3
    found = Stack(train, cell, words & ((1 << keys.bits) - 1), None if gain is None else gain.reshape(n, -1))
    found = of_stage(found, selection.part, selection.parts)
    last = None if selection.max_trains is None else selection.skip_first + selection.max_trains
    wanted = np.unique(found.train)[selection.skip_first:last]
    return found.where(np.isin(found.train, wanted) & found.samples.any(axis=1) & (found.cell != keys.no_cell))


def of_stage(stack: Stack, stage: int, stages: int) -> Stack:
    """Frames of a gain stage: each train holds all stages behind each other, and the cells of the first alone."""
    trains = [np.split(np.flatnonzero(stack.train == train), stages) for train in np.unique(stack.train)]
    found = stack.where(np.concatenate([parts[stage] for parts in trains]))
    return replace(found, cell=stack.cell[np.concatenate([parts[0] for parts in trains])])


def ours(path: Path, keys: Keys, selection: FrameSelection = ALL) -> ModuleFrames:
    run = Run.open(path)
    (detector,) = run.detectors
    (module,) = (one for one in detector.modules if one.source == keys.source)
    return run.frames(detector, module, selection)


def read(frames: ModuleFrames, chunk_bytes: int = 1 << 30, cells: Any = None, **more: Any) -> Stack:
    """All chunks as arrays, copied because they share one buffer."""
    chunks = [(f.train.copy(), f.cell.copy(), f.block.reshape(len(f), -1).copy(),
               None if f.gain is None else f.gain.reshape(len(f), -1).copy())
              for f in frames.chunks(frames.cells if cells is None else cells, chunk_bytes, **more)]
    return Stack(*(None if column[0] is None else np.concatenate(column) for column in zip(*chunks, strict=True)))


def assert_same(got: Stack, expected: Stack) -> None:
    np.testing.assert_array_equal(got.train, expected.train)
    np.testing.assert_array_equal(got.cell, expected.cell)
    np.testing.assert_array_equal(got.samples, expected.samples)
    assert (got.gain is None) == (expected.gain is None)
    if expected.gain is not None:
        np.testing.assert_array_equal(got.gain, expected.gain)


def stages_of(keys: Keys, **selection: Any) -> list[FrameSelection]:
    return [FrameSelection(part=stage, parts=keys.stages, **selection) for stage in range(keys.stages)]


@pytest.fixture(scope="module", params=TYPES)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Keys]]:
    """Run of one type, in its first gain stage where each has a run of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    settings = default_settings(request.param).with_changes({**COMMON, **SETTINGS.get(request.param, {})})
    yield next(iter(simulate(settings, folder).runs.values())), TYPES[request.param]
    shutil.rmtree(folder)


def test_no_type_is_left_out() -> None:
    assert set(TYPES) == {kind.name for kind in detector_types() if kind.simulated is not None}


def test_runs_have_what_makes_reading_hard(case: tuple[Path, Keys]) -> None:
    path, keys = case
    with RunDirectory(path, parallelize=False) as run, \
            RunDirectory(path, parallelize=False, inc_suspect_trains=False) as sure:
        counts = run[keys.source, keys.pixels].data_counts(labelled=False)
        assert (counts == 0).any()
        assert len(sure.train_ids) < len(run.train_ids)
        assert len(sure[keys.source, keys.pixels].drop_empty_trains().train_ids) >= 3
        assert not run[keys.source, keys.pixels].ndarray().any(axis=-1).all()
        assert len(run[keys.source].files) == 3


def copied(path: Path, folder: Path) -> Path:
    """Copy of a run without what EXtra-data noted beside it."""
    made = folder / path.name
    made.mkdir()
    for file in path.glob("*.h5"):
        shutil.copyfile(file, made / file.name)
    return made


SELECTIONS: list[dict[str, Any]] = [
    {}, {"skip_first": 1}, {"skip_first": 2, "max_trains": 2}, {"max_trains": 4, "keep_suspect": True},
]


def test_selected_trains(case: tuple[Path, Keys]) -> None:
    path, keys = case
    for wanted in SELECTIONS:
        for selection in stages_of(keys, **wanted):
            assert_same(read(ours(path, keys, selection)), of_extra_data(path, keys, selection))


def make_older(file: h5py.File, version: str) -> None:
    """Take what a version of the format has not, and put what it has instead."""
    if version != "0.5":
        file["METADATA/dataFormatVersion"][0] = version.encode()
        if version == "1.1":
            file["INDEX/flag"][:] = 1 - file["INDEX/flag"][:]
        return
    del file["METADATA/dataFormatVersion"], file["INDEX/flag"]
    for name in list(file["METADATA/dataSources"]):
        file.move(f"METADATA/dataSources/{name}", f"METADATA/{name}")
    for name in [source.decode().partition("/")[2] for source in file["METADATA/dataSourceId"]]:
        index = file[f"INDEX/{name}"]
        count = index["count"][:].astype(np.int64)
        index["last"], index["status"] = index["first"][:] + np.maximum(count, 1) - 1, (count > 0).astype(np.uint64)
        del index["count"]


@pytest.mark.filterwarnings("ignore:Train validation is not fully supported for data format version 1.1")
@pytest.mark.parametrize("version", ["0.5", "1.0", "1.1", "1.3"])
def test_versions_of_the_format(case: tuple[Path, Keys], version: str, tmp_path: Path) -> None:
    path, keys = case
    older = copied(path, tmp_path)
    for one in older.iterdir():
        with h5py.File(one, "r+") as file:
            make_older(file, version)
    for selection in stages_of(keys):
        assert_same(read(ours(older, keys, selection)), of_extra_data(older, keys, selection))
    shutil.rmtree(older)


def virtual(file: h5py.File, name: str, data: Array) -> None:
    file[f"pieces/{name}"] = data
    layout = h5py.VirtualLayout(data.shape, data.dtype)
    layout[:] = h5py.VirtualSource(".", f"pieces/{name}", data.shape)
    file.create_virtual_dataset(name, layout)


def stored(**options: Any) -> Callable[[h5py.File, str, Array], None]:
    """Store with options that may depend on the data."""
    return lambda file, name, data: file.create_dataset(
        name, data=data, **{key: value(data) if callable(value) else value for key, value in options.items()})


#: Ways to store a dataset beside the simulator's own: the first three are read as bytes, the others through HDF5.
LAYOUTS: dict[str, Callable[[h5py.File, str, Array], Any]] = {
    "contiguous": stored(),
    "chunk per row": stored(chunks=lambda d: (1, *d.shape[1:])),
    "chunk of two rows": stored(chunks=lambda d: (min(2, len(d)), *d.shape[1:])),
    "chunks that cut frames": stored(chunks=lambda d: (min(2, len(d)), *d.shape[1:-1], d.shape[-1] // 3)),
    "gzip": stored(chunks=lambda d: (min(2, len(d)), *d.shape[1:]), compression="gzip", compression_opts=1),
    "shuffle and gzip": stored(chunks=lambda d: (1, *d.shape[1:]), compression="gzip", compression_opts=1,
                               shuffle=True),
    "checksums": stored(chunks=lambda d: (1, *d.shape[1:]), fletcher32=True),
    "other byte order": lambda file, name, d: file.create_dataset(name, data=d.astype(d.dtype.newbyteorder(">"))),
    "virtual": virtual,
}


@pytest.mark.parametrize("first", range(0, len(LAYOUTS), 3))
def test_layouts_and_ways_of_reading(case: tuple[Path, Keys], first: int, tmp_path: Path) -> None:
    """Each file of the run has another layout, in three turns all of them."""
    path, keys = case
    changed = copied(path, tmp_path)
    make = [*LAYOUTS.values()] * 2
    for number, one in enumerate(sorted(f for f in changed.iterdir() if holds(f, keys))):
        with h5py.File(one, "r+") as file:
            for name in keys.stored:
                data = file[name][()]
                del file[name]
                make[first + number](file, name, data)
    for selection in stages_of(keys)[-1:]:
        expected, frames = of_extra_data(path, keys, selection), ours(changed, keys, selection)
        assert_same(of_extra_data(changed, keys, selection), expected)
        check_ways(frames, expected)
    shutil.rmtree(changed)


def holds(path: Path, keys: Keys) -> bool:
    with h5py.File(path) as file:
        return keys.stored[0] in file


def check_ways(frames: ModuleFrames, expected: Stack) -> None:
    """Whole, by few frames, by one, by blocks of cells, by sequences, by threads, by pixels."""
    frame = frames.detector.frame_bytes
    for chunk_bytes in (1, 3 * frame, 10 * frame, 1 << 30):
        assert_same(read(frames, chunk_bytes), expected)
    cells = frames.cells
    assert cells == tuple(np.unique(expected.cell))
    for block in (cells[:2], cells[-1:]):
        assert_same(read(frames, 2 * frame, block), expected.where(np.isin(expected.cell, block)))
    by_file = [read(frames, 2 * frame, sequences=[one]) for one in frames.sequences]
    np.testing.assert_array_equal(np.concatenate([one.samples for one in by_file]), expected.samples)
    with ThreadPoolExecutor(4) as pool:
        for cell, got in zip(cells, pool.map(lambda cell: read(frames, frame, [cell]), cells), strict=True):
            assert_same(got, expected.where(expected.cell == cell))
    check_points(frames, expected)


def check_points(frames: ModuleFrames, expected: Stack) -> None:
    kind, cell = frames.detector, expected.cell[-1]
    mine = expected.where(expected.cell == cell)
    block = mine.samples.reshape(-1, kind.planes, *kind.shape)
    for row, col in ((0, 0), (kind.shape[0] - 1, kind.shape[1] - 1), (kind.shape[0] // 2, 77)):
        for plane in range(kind.planes):
            train, (samples,), gain = frames.read_pixel(row, col, cell, plane)
            np.testing.assert_array_equal(train, mine.train)
            np.testing.assert_array_equal(samples, block[:, plane, row, col])
            if mine.gain is not None:
                np.testing.assert_array_equal(gain, mine.gain.reshape(-1, *kind.shape)[:, row, col])
        train, samples = frames.read_row(row, cell, 1000)
        np.testing.assert_array_equal(train, mine.train)
        np.testing.assert_array_equal(samples, block[:, 0, row])

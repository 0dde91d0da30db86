"""Frames against EXtra-data's own arrays, bit for bit, in every layout of the file."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
from extra_data import H5File, RunDirectory
from extra_data.tests.make_examples import make_reduced_spb_run

from calib_core.detector import FrameSelection
from calib_core.errors import BadInput, BadParameter
from calib_core.io import storage
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run

ALL = FrameSelection()
ONE_FRAME = 1 << 18


def frames_of(run, module=0, selection=ALL):
    opened = Run.open(run.path)
    detector = opened.detectors[0]
    return opened.frames(detector, detector.modules[module], selection)


def whole(frames: ModuleFrames, cells=None, chunk_bytes=5 * ONE_FRAME, which=slice(None)):
    """All chunks as arrays, copied because they share one buffer."""
    chunks = [
        (f.block.copy(), f.cell.copy(), f.train.copy(), None if f.gain is None else f.gain.copy())
        for f in frames.chunks(frames.cells if cells is None else cells, chunk_bytes, which)
    ]
    return [np.concatenate(column) if column[0] is not None else None for column in zip(*chunks, strict=True)]


def reference(run, source, *keys):
    with RunDirectory(run.path, parallelize=False) as opened:
        return [opened[source, key].ndarray() for key in keys]


def rewrite(path, name, make):
    """Store a dataset of the file anew, in another layout."""
    with h5py.File(path, "r+") as file:
        data = file[name][()]
        del file[name]
        make(file, name, data)


LAYOUTS = {
    "contiguous": lambda f, n, d: f.create_dataset(n, data=d),
    "chunks of one frame": lambda f, n, d: f.create_dataset(n, data=d, chunks=(1, *d.shape[1:])),
    "chunks of five frames": lambda f, n, d: f.create_dataset(n, data=d, chunks=(5, *d.shape[1:])),
    "chunks that cut frames": lambda f, n, d: f.create_dataset(n, data=d, chunks=(2, 1, 128, 128)),
    "compressed": lambda f, n, d: f.create_dataset(n, data=d, chunks=(2, *d.shape[1:]), compression="gzip"),
    "big-endian": lambda f, n, d: f.create_dataset(n, data=d.astype(">u2")),
    "checksummed": lambda f, n, d: f.create_dataset(n, data=d, chunks=(1, *d.shape[1:]), fletcher32=True),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_frames_are_those_of_extra_data_in_every_layout(agipd_run, layout):
    run = agipd_run(modules=1, trains=3, frames=3, pixels=True)
    rewrite(run.file(), f"INSTRUMENT/{run.image()}/data", LAYOUTS[layout])
    data, cell, train = reference(run, "SPB_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data", "image.cellId",
                                  "image.trainId")
    frames = frames_of(run)
    block, cells, trains, _ = whole(frames)
    np.testing.assert_array_equal(block, data)
    np.testing.assert_array_equal(cells, cell[:, 0])
    np.testing.assert_array_equal(trains, train[:, 0])
    assert block.dtype == np.uint16
    wanted = (cell[:, 0] == 0) | (cell[:, 0] == 2)
    np.testing.assert_array_equal(whole(frames, [0, 2])[0], data[wanted])
    got = frames.read_pixel(511, 126, 2)
    np.testing.assert_array_equal(got[1], data[cell[:, 0] == 2, 0, 511, 126])
    assert got[2] is None


@pytest.mark.parametrize("plain", [True, False])
def test_rows_with_many_frames_match_extra_data(jungfrau_run, plain):
    run = jungfrau_run(modules=1, trains=2)
    if plain:
        for key in ("adc", "gain"):
            rewrite(run.file(1), f"INSTRUMENT/{run.module()}/{key}",
                    lambda f, n, d: f.create_dataset(n, data=d, chunks=(1, 3, *d.shape[2:])))
    with h5py.File(run.file(1), "r+") as file:
        file[f"INSTRUMENT/{run.module()}/memoryCell"][1, 5] = 255
    adc, gain, cell = reference(run, "FXE_XAD_JF1M/DET/JNGFR01:daqOutput", "data.adc", "data.gain",
                                "data.memoryCell")
    frames = frames_of(run)
    block, cells, trains, bits = whole(frames, chunk_bytes=7 << 20)
    there = cell.reshape(-1) != 255
    np.testing.assert_array_equal(block, adc.reshape(-1, 1, 512, 1024)[there])
    np.testing.assert_array_equal(bits, gain.reshape(-1, 512, 1024)[there])
    np.testing.assert_array_equal(cells, cell.reshape(-1)[there])
    np.testing.assert_array_equal(trains, np.repeat([10000, 10001], 16)[there])
    assert frames.excluded == {"no frame in this place": 1}
    which, samples, pixel_bits = frames.read_pixel(2, 1023, 15)
    np.testing.assert_array_equal(which, [10000, 10001])
    np.testing.assert_array_equal(samples, adc[:, 0, 2, 1023])
    np.testing.assert_array_equal(pixel_bits, gain[:, 0, 2, 1023])


def test_sequences_follow_each_other(agipd_run):
    run = agipd_run(modules=1, sequences=2, trains=2, frames=2, pixels=True)
    (data,) = reference(run, "SPB_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data")
    frames = frames_of(run)
    np.testing.assert_array_equal(whole(frames, chunk_bytes=3 * ONE_FRAME)[0], data)
    assert (frames.trains, frames.cells, frames.frames_per_cell) == (4, (0, 1), {0: 4, 1: 4})


def test_varying_numbers_of_frames_per_train(tmp_path):
    make_reduced_spb_run(tmp_path, raw=True, rng=np.random.RandomState(123), format_version="1.2")
    run = Run.open(tmp_path)
    detector = run.detectors[0]
    inventory = run.inventory(detector, modules=[0])
    with H5File(tmp_path / "RAW-R0238-AGIPD00-S00000.h5") as file:
        cells = file["SPB_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.cellId"].ndarray()
    assert inventory.modules[0].frames == len(cells)
    assert inventory.modules[0].cells == tuple(np.unique(cells).tolist())


def test_a_chunk_keeps_to_its_bytes_and_shares_one_buffer(agipd_run):
    frames = frames_of(agipd_run(modules=1, trains=3, frames=4, pixels=True))
    seen = [(f.block.nbytes, f.block.__array_interface__["data"][0]) for f in frames.chunks(range(4), 3 * ONE_FRAME)]
    assert [n for n, _ in seen] == [3 * ONE_FRAME] * 4
    assert len({address for _, address in seen}) == 1
    assert [len(f) for f in frames.chunks([1], 1)] == [1, 1, 1]
    assert all(f.block.flags.c_contiguous for f in frames.chunks([1], 1))


def test_some_frames_of_each_cell_by_their_number(agipd_run):
    frames = frames_of(agipd_run(modules=1, trains=4, frames=2, pixels=True))
    _, cells, trains, _ = whole(frames, [0, 1], which=slice(3))
    np.testing.assert_array_equal(np.bincount(cells), [3, 3])
    assert trains.max() == 10002
    assert list(frames.chunks([7], ONE_FRAME)) == []
    _, cells, trains, _ = whole(frames, [0, 1], which=slice(3, None))
    np.testing.assert_array_equal(cells, [0, 1])
    np.testing.assert_array_equal(trains, [10003, 10003])


def test_frames_that_were_never_written_are_not_zeros(agipd_run):
    run = agipd_run(modules=1, trains=3, frames=2)
    with h5py.File(run.file(), "r+") as file:
        file[f"INSTRUMENT/{run.image()}/data"][1:3] = 7
    frames = frames_of(run)
    assert frames.excluded == {"never written": 4}
    np.testing.assert_array_equal(frames.cell, [1, 0])
    np.testing.assert_array_equal(frames.train, [10000, 10001])
    assert (whole(frames)[0] == 7).all()


def test_nothing_written_is_refused_with_the_reason(agipd_run):
    with pytest.raises(BadInput, match=r"AGIPD00 has 0 trains.*12 frames never written"):
        frames_of(agipd_run(modules=1))


@pytest.mark.parametrize("chunk_bytes", [1, 100 * ONE_FRAME])
def test_all_zero_frames_are_left_out_and_counted_once(agipd_run, chunk_bytes):
    run = agipd_run(modules=1, trains=3, frames=2, pixels=True)
    with h5py.File(run.file(), "r+") as file:
        dataset = file[f"INSTRUMENT/{run.image()}/data"]
        dataset[1] = 0
        dataset[4] = 0
        dataset[4, 1, 511, 127] = 1  # the very last sample makes it a frame
        kept = np.delete(dataset[()], 1, axis=0)
    frames = frames_of(run)
    for _ in range(2):
        block, cells, trains, _ = whole(frames, chunk_bytes=chunk_bytes)
        np.testing.assert_array_equal(block, kept)
        np.testing.assert_array_equal(cells, [0, 0, 1, 0, 1])
        np.testing.assert_array_equal(trains, [10000, 10001, 10001, 10002, 10002])
        assert frames.excluded == {"all zero": 1}


def test_the_pixel_of_an_all_zero_frame_is_no_sample(agipd_run):
    run = agipd_run(modules=1, trains=3, frames=1, pixels=True)
    with h5py.File(run.file(), "r+") as file:
        dataset = file[f"INSTRUMENT/{run.image()}/data"]
        dataset[0] = 0
        dataset[1, 0, 5, 6] = 0
    train, samples, _ = frames_of(run).read_pixel(5, 6, 0)
    np.testing.assert_array_equal(train, [10001, 10002])
    assert samples[0] == 0
    assert samples[1] > 0


def test_trains_are_selected(agipd_run):
    run = agipd_run(modules=1, trains=5, frames=2, pixels=True)
    with h5py.File(run.file(), "r+") as file:
        file["INDEX/flag"][2] = 0
    frames = frames_of(run, selection=FrameSelection(skip_first=1, max_trains=2))
    np.testing.assert_array_equal(np.unique(frames.train), [10001, 10003])
    assert frames.excluded == {"of suspect trains": 2, "first trains skipped": 2, "beyond the trains wanted": 2}
    with_suspect = frames_of(run, selection=FrameSelection(keep_suspect=True))
    assert with_suspect.trains == 5
    with pytest.raises(BadInput, match="4 trains with usable frames; at least 5"):
        frames_of(run, selection=FrameSelection(min_trains=5))


def test_trains_are_selected_by_their_ids(agipd_run):
    run = agipd_run(modules=1, trains=6, frames=2, pixels=True)
    frames = frames_of(run, selection=FrameSelection(trains=((10001, 10002), (10005, 20000)), max_trains=2))
    np.testing.assert_array_equal(np.unique(frames.train), [10001, 10002])
    assert frames.excluded == {"of trains that are not wanted": 6, "beyond the trains wanted": 2}
    with pytest.raises(BadInput, match=r"0 trains with usable frames.*: 12 frames of trains that are not wanted"):
        frames_of(run, selection=FrameSelection(trains=((5, 7),)))


@pytest.mark.parametrize("wanted", [(0, 3, 1), (1, None, 2), (0, 5, 3), (4, 9, 1)])
def test_pulses_are_selected_by_their_place_in_the_train(agipd_run, wanted):
    """Whatever frames before them cannot be used: of the second train the first two are lost."""
    run = agipd_run(modules=1, trains=3, frames=6, pixels=True)
    with h5py.File(run.file(), "r+") as file:
        cells = file["INSTRUMENT/SPB_DET_AGIPD1M-1/DET/0CH0:xtdf/image/cellId"]
        cells[6:8] = 60000
    frames = frames_of(run, selection=FrameSelection(pulses=wanted))
    lost = ((1, 0), (1, 1))
    asked = [(train, pulse) for train in range(3) for pulse in range(6)[slice(*wanted)]]
    usable = [one for one in asked if one not in lost]
    assert sorted(zip((frames.train - 10000).tolist(), frames.cell.tolist(), strict=True)) == usable
    assert frames.excluded["of pulses that are not wanted"] == 16 - len(usable)


def test_pulses_of_rows_with_all_memory_cells_are_refused(jungfrau_run):
    run = jungfrau_run(modules=1, trains=2)
    with pytest.raises(BadParameter, match="Pulses cannot be chosen of JUNGFRAU: a row of its files has all memory"):
        frames_of(run, selection=FrameSelection(pulses=(0, 2, 1)))


def test_a_row_over_the_first_frames_of_a_cell(agipd_run):
    run = agipd_run(modules=1, trains=5, frames=3, pixels=True)
    data, cell, train = reference(run, "SPB_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data", "image.cellId",
                                  "image.trainId")
    chosen = np.flatnonzero(cell.ravel() == 2)[:4]
    got_train, got = frames_of(run).read_row(17, 2, 4)
    np.testing.assert_array_equal(got_train, train.ravel()[chosen])
    np.testing.assert_array_equal(got, data[chosen, 0, 17])


def test_a_pixel_outside_the_module_is_refused(agipd_run):
    frames = frames_of(agipd_run(modules=1, trains=1, frames=1, pixels=True))
    with pytest.raises(BadParameter, match="511, 127"):
        frames.read_pixel(512, 0, 0)
    with pytest.raises(BadParameter, match="0 to 511"):
        frames.read_row(512, 0, 4)


def test_a_file_cut_while_it_is_read_is_named(agipd_run):
    run = agipd_run(modules=1, trains=2, frames=2, pixels=True)
    frames = frames_of(run)
    with open(run.file(), "r+b") as file:
        file.truncate(5000)
    with pytest.raises(BadInput, match=r"RAW-R0012-AGIPD00-S00000\.h5 had \d+ bytes .* and has 5000 now"):
        whole(frames)


def test_a_module_that_was_refused_says_why(agipd_run):
    run = agipd_run(modules=1)
    rewrite(run.file(), f"INSTRUMENT/{run.image()}/data", lambda f, n, d: f.create_dataset(n, data=d.astype("f4")))
    with pytest.raises(BadInput, match=r"0 trains.*expected \(n, 2, 512, 128\) uint16, got .* float32"):
        frames_of(run)


@pytest.mark.parametrize("slow", [True, False])
def test_the_next_chunk_is_announced_only_where_reading_is_slow(agipd_run, monkeypatch, slow):
    frames = frames_of(agipd_run(modules=1, trains=3, frames=4, pixels=True))
    announced = []
    monkeypatch.setattr(storage.os, "posix_fadvise", lambda fd, offset, length, advice: announced.append(length))
    monkeypatch.setattr("calib_core.io.read_ahead._MEMORY_RATE", float("inf") if slow else 0.0)
    assert len(list(frames.chunks(range(4), 5 * ONE_FRAME))) == 3
    assert sum(announced) == (7 * ONE_FRAME if slow else 0)


def test_threads_read_the_same_bits(agipd_run):
    run = agipd_run(modules=2, trains=3, frames=4, pixels=True)
    opened = Run.open(run.path)
    detector = opened.detectors[0]

    def read(work):
        module, cell = work
        return whole(opened.frames(detector, detector.modules[module], ALL), [cell], 2 * ONE_FRAME)[0]

    work = [(m, c) for m in range(2) for c in range(4)] * 2
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(read, work))
    for (module, cell), block in zip(work, got, strict=True):
        source = f"SPB_DET_AGIPD1M-1/DET/{module}CH0:xtdf"
        data, cells = reference(run, source, "image.data", "image.cellId")
        np.testing.assert_array_equal(block, data[cells[:, 0] == cell])


def test_frames_outlive_their_run(agipd_run):
    run = agipd_run(modules=1, trains=1, frames=2, pixels=True)
    with Run.open(run.path) as opened:
        detector = opened.detectors[0]
        frames = opened.frames(detector, detector.modules[0], ALL)
    assert len(whole(frames)[0]) == 2


def test_planes_of_a_pixel_are_read_together(agipd_run):
    run = agipd_run(modules=1, trains=3, frames=2, pixels=True)
    data, cell = reference(run, "SPB_DET_AGIPD1M-1/DET/0CH0:xtdf", "image.data", "image.cellId")
    train, samples, bits = frames_of(run).read_pixel(511, 126, 1, 0, 1)
    np.testing.assert_array_equal(train, [10000, 10001, 10002])
    np.testing.assert_array_equal(samples, data[cell[:, 0] == 1, :, 511, 126].T)
    assert bits is None


def test_a_pixel_of_a_file_that_is_cut_meanwhile_is_told(agipd_run):
    run = agipd_run(modules=1, trains=3, frames=1, pixels=True)
    frames = frames_of(run)
    assert len(frames.read_pixel(5, 6, 0)[1]) == 3  # the file stays open
    os.truncate(run.file(), run.file().stat().st_size - 2 * ONE_FRAME)
    with pytest.raises(BadInput, match="ends before its data do"):
        frames.read_pixel(5, 6, 0)

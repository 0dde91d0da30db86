"""Trains that hold several gain stages one after the other, and XTDF data of one plane, from EXtra-data's mocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.tests import make_examples
from extra_data.tests.mockdata import write_file
from extra_data.tests.mockdata.detectors import LPDModule

from calib_core.detector import DetectorType, Frames, FrameSelection, RawLayout
from calib_core.detector.registry import declare, detector_type, withdraw
from calib_core.errors import BadInput, BadParameter
from calib_core.io.run import Run

SOURCE = "FXE_DET_LPD1M-1/DET/0CH0:xtdf"
IMAGE = f"INSTRUMENT/{SOURCE}/image"


def decode(arrays):
    return Frames(block=arrays["image.data"], cell=arrays["image.cellId"], train=arrays["image.trainId"],
                  gain=arrays.get("gain_bits"))


@pytest.fixture
def toy() -> Iterator[Callable[..., DetectorType]]:
    """Declare a detector with XTDF data of one plane."""

    def make(name, shape, max_cells, **layout):
        raw = RawLayout(
            source=rf"(?P<detector>\w+_{name}1M[^/]*)/DET/(?P<module>\d+)CH0:xtdf",
            source_format="{detector}/DET/{module}CH0:xtdf", aggregator=name + "{module:02d}", group="image",
            pixels="image.data", cell="image.cellId", pulse="image.pulseId", train="image.trainId", **layout)
        return declare(replace(detector_type("AGIPD1M"), name="TOY", shape=shape, raw=raw, planes=1,
                               signal_plane=None, max_cells=max_cells, decode=decode))

    yield make
    withdraw("TOY")


def opened(folder: Path):
    run = Run.open(folder)
    return run, next(d for d in run.detectors if d.type.name == "TOY")


def write(folder: Path, frames) -> Path:
    """One module with random words in every frame; memory cells behind the first third of a train are rubbish."""
    path = folder / "RAW-R0450-LPD00-S00000.h5"
    write_file(str(path), [LPDModule("FXE_DET_LPD1M-1/DET/0CH0", frames_per_train=np.array(frames, np.uint64))],
               ntrains=len(frames), chunksize=8, format_version="1.2")
    rng = np.random.default_rng(3)
    with h5py.File(path, "r+") as file:
        group, row = file[IMAGE], 0
        for n in frames:
            group["data"][row:row + n] = rng.integers(1, 1 << 16, (n, 1, 256, 256), np.uint16)
            group["cellId"][row:row + n // 3, 0] = np.arange(n // 3)[::-1]
            group["cellId"][row + n // 3:row + n, 0] = 60000
            row += n
    return folder


def chunk_of(run, detector, selection):
    frames = run.frames(detector, detector.modules[0], selection)
    (chunk,) = frames.chunks(frames.cells, 1 << 26)
    return chunk


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_part_of_each_train_is_read_with_the_cells_of_the_first(tmp_path, toy, part):
    toy("LPD", (256, 256), 512, adc_mask=0x0FFF, gain_shift=12)
    run, detector = opened(write(tmp_path, [6, 9]))
    with RunDirectory(tmp_path, parallelize=False) as reference:
        data = reference[SOURCE, "image.data"].ndarray()
    chosen = [*range(2 * part, 2 * part + 2), *range(6 + 3 * part, 6 + 3 * part + 3)]
    chunk = chunk_of(run, detector, FrameSelection(part=part, parts=3))
    np.testing.assert_array_equal(chunk.adc, data[chosen, 0] & 0x0FFF)
    np.testing.assert_array_equal(chunk.gain, data[chosen, 0] >> 12 & 3)
    np.testing.assert_array_equal(chunk.cell, [1, 0, 2, 1, 0])
    np.testing.assert_array_equal(chunk.train, [10000, 10000, 10001, 10001, 10001])
    frames = run.frames(detector, detector.modules[0], FrameSelection(part=part, parts=3))
    train, samples, bits = frames.read_pixel(7, 200, 1)
    expected = data[[chosen[0], chosen[3]], 0, 7, 200]
    np.testing.assert_array_equal(train, [10000, 10001])
    np.testing.assert_array_equal(samples, expected & 0x0FFF)
    np.testing.assert_array_equal(bits, expected >> 12 & 3)


def test_stock_is_taken_of_the_parts_when_told_so(tmp_path, toy):
    toy("LPD", (256, 256), 512)
    run, detector = opened(write(tmp_path, [6, 6]))
    as_it_is = run.inventory(detector)
    assert as_it_is.modules[0].frames == 4
    assert [p.code for p in as_it_is.problems if p.module == 0] == ["R14"]
    inventory = run.inventory(detector, parts=3)
    assert (inventory.modules[0].frames, inventory.modules[0].cells) == (12, (0, 1))
    assert [p for p in inventory.problems if p.module == 0] == []
    # as it is stored, with what the other gain stages have in place of memory cells
    np.testing.assert_array_equal(run.control(detector, parts=3).cell_order(), [1, 0, 60000, 60000, 60000, 60000])
    np.testing.assert_array_equal(run.control(detector, parts=3).pulses(), [0, 1])
    assert run.inventory(detector).modules[0].frames == 4


def test_trains_that_cannot_be_cut_are_left_out_and_counted(tmp_path, toy):
    toy("LPD", (256, 256), 512)
    run, detector = opened(write(tmp_path, [6, 7, 6, 2]))
    frames = run.frames(detector, detector.modules[0], FrameSelection(part=2, parts=3))
    assert frames.excluded == {"frames not divisible by 3": 9}
    np.testing.assert_array_equal(frames.train, [10000, 10000, 10002, 10002])
    (problem,) = [p for p in run.inventory(detector, parts=3).problems if p.code == "R11"]
    assert (problem.severity, problem.module) == ("exclude", 0)
    assert "2 trains" in problem.detail
    assert "10001" in problem.detail


def test_a_run_without_any_train_that_can_be_cut_says_so(tmp_path, toy):
    toy("LPD", (256, 256), 512)
    run, detector = opened(write(tmp_path, [7, 4]))
    with pytest.raises(BadInput, match="Left out: 11 frames not divisible by 3"):
        run.frames(detector, detector.modules[0], FrameSelection(parts=3))


@pytest.mark.parametrize(("part", "parts"), [(3, 3), (-1, 2), (0, 0)])
def test_a_part_that_is_none_is_refused(part, parts):
    with pytest.raises(BadParameter, match=f"part = {part} "):
        FrameSelection(part=part, parts=parts)


def test_a_whole_detector_of_parallel_gain(tmp_path, toy):
    toy("LPD", (256, 256), 512)
    make_examples.make_lpd_parallelgain_run(str(tmp_path), format_version="1.2")
    run, detector = opened(tmp_path)
    inventory = run.inventory(detector, parts=3)
    assert [(m.number, m.trains, m.frames) for m in inventory.modules] == [(n, 100, 30000) for n in range(16)]
    assert {m.cells for m in inventory.modules} == {tuple(range(100))}
    assert inventory.problems == ()
    assert run.inventory(detector).modules[5].cells == tuple(range(300))


def test_a_whole_detector_in_sequences(tmp_path, toy):
    toy("DSSC", (128, 512), 800)
    make_examples.make_scs_run(str(tmp_path))
    with h5py.File(tmp_path / "RAW-R0163-DSSC03-S00001.h5", "r+") as file:
        data = file["INSTRUMENT/SCS_DET_DSSC1M-1/DET/3CH0:xtdf/image/data"]
        written = np.random.default_rng(1).integers(1, 256, (5, 128, 512), np.uint16)
        data[64:69, 0] = written
    run, detector = opened(tmp_path)
    inventory = run.inventory(detector)
    assert [(m.number, m.trains, m.frames) for m in inventory.modules] == [(n, 128, 128 * 64) for n in range(16)]
    assert inventory.problems == ()
    frames = run.frames(detector, detector.module(3), FrameSelection())
    (chunk,) = frames.chunks(range(5), 1 << 24)
    np.testing.assert_array_equal(chunk.adc, written)
    np.testing.assert_array_equal(chunk.train, [10065] * 5)

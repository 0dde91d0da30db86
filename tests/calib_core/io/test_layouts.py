"""Layouts of raw data that a descriptor may declare, read from files that EXtra-data's mock writers lay out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory
from extra_data.tests.mockdata import write_file
from extra_data.tests.mockdata.base import DeviceBase

from calib_core.detector import DetectorType, Frames, FrameSelection, RawLayout
from calib_core.detector.registry import declare, detector_type, withdraw
from calib_core.io import storage
from calib_core.io.run import Run
from calib_core.io.words import split_words

ALL = FrameSelection()
SOURCE = "TOY_EXP_CAM-1/DET/RECEIVER0:daqOutput"
TRAINS = 5


def decode_with(layout: RawLayout) -> Callable:
    def decode(arrays):
        gain = arrays.get(layout.gain_bits or "gain_bits")
        return Frames(block=arrays[layout.pixels], cell=arrays[layout.cell or "cell"], train=arrays[layout.train],
                      gain=gain)
    return decode


@pytest.fixture
def toy() -> Iterator[Callable[..., DetectorType]]:
    """Declare a detector of one camera-like module; fields of its raw layout by keyword."""

    def make(shape, *, max_cells=1, planes=1, **layout):
        raw = RawLayout(**{
            "source": r"(?P<detector>TOY_EXP_CAM-1)/DET/RECEIVER(?P<module>\d+):daqOutput",
            "source_format": "{detector}/DET/RECEIVER{module}:daqOutput", "aggregator": "DA{module:02d}",
            "group": "data", "pixels": "data.image.pixels", "cell": None, "train": "data.trainId", **layout})
        return declare(replace(detector_type("JUNGFRAU"), name="TOY", shape=shape, raw=raw, planes=planes,
                               max_cells=max_cells, decode=decode_with(raw)))

    yield make
    withdraw("TOY")


def write(folder: Path, keys: dict[str, np.ndarray], **layouts) -> Path:
    """Run of one file with these keys, one row per train; ``layouts`` are options of the first key's dataset."""

    class Device(DeviceBase):
        output_channels = ("daqOutput/data",)
        instrument_keys = tuple((key, values.dtype.str[1:], values.shape[1:]) for key, values in keys.items())

    path = folder / "RAW-R0001-DA00-S00000.h5"
    write_file(str(path), [Device(SOURCE.split(":")[0])], ntrains=TRAINS, chunksize=TRAINS, format_version="1.2")
    with h5py.File(path, "r+") as file:
        for number, (key, values) in enumerate(keys.items()):
            name = f"INSTRUMENT/{SOURCE}/data/{key}"
            if layouts and not number:
                del file[name]
                file.create_dataset(name, data=values, **layouts)
            else:
                file[name][...] = values
    return folder


def opened(folder: Path, selection=ALL):
    run = Run.open(folder)
    (detector,) = run.detectors
    return run, detector, run.frames(detector, detector.modules[0], selection)


def whole(frames, cells=None, chunk_bytes=1 << 14):
    chunks = [(f.block.copy(), f.cell, f.train, None if f.gain is None else f.gain.copy())
              for f in frames.chunks(frames.cells if cells is None else cells, chunk_bytes)]
    return [np.concatenate(column) if column[0] is not None else None for column in zip(*chunks, strict=True)]


def words(shape, dtype="u2", seed=1):
    low, high = (-3000, 3000) if np.dtype(dtype).kind == "i" else (1, 1 << 16)
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


def test_rows_of_a_camera_are_frames_of_memory_cell_0(tmp_path, toy):
    toy((20, 30))
    pixels = words((TRAINS, 20, 30))
    run, detector, frames = opened(write(tmp_path, {"image/pixels": pixels}))
    block, cell, train, gain = whole(frames)
    with RunDirectory(tmp_path, parallelize=False) as reference:
        np.testing.assert_array_equal(block[:, 0], reference[SOURCE, "data.image.pixels"].ndarray())
    np.testing.assert_array_equal(cell, np.zeros(TRAINS))
    np.testing.assert_array_equal(train, 10000 + np.arange(TRAINS))
    assert gain is None
    inventory = run.inventory(detector)
    assert (inventory.modules[0].frames, inventory.modules[0].cells) == (TRAINS, (0,))
    assert inventory.problems == ()
    np.testing.assert_array_equal(run.control(detector).cells(), [0])
    np.testing.assert_array_equal(run.control(detector).cell_order(), [0])


STORED = {
    "contiguous": {},
    "in chunks": {"chunks": (1, 20, 30)},
    "compressed": {"chunks": (1, 20, 30), "compression": "gzip"},
}


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("dtype", ["u2", "i2"])
@pytest.mark.parametrize(("mask", "shift"), [(0x3FFF, 14), (0x0FFF, 12), (0x3FFF, None)])
def test_words_are_split_into_samples_and_gain_bits(tmp_path, toy, mask, shift, dtype, stored):
    kind = toy((20, 30), adc_mask=mask, gain_shift=shift)
    pixels = words((TRAINS, 20, 30))
    run, detector, frames = opened(write(tmp_path, {"image/pixels": pixels.view(dtype)}, **STORED[stored]))
    expected = [[[int(w) % (mask + 1) for w in row] for row in frame] for frame in pixels]
    block, _, _, gain = whole(frames)
    np.testing.assert_array_equal(block[:, 0], expected)
    _, samples, bits = frames.read_pixel(3, 29, 0)
    np.testing.assert_array_equal(samples, [frame[3][29] for frame in expected])
    if shift is None:
        assert gain is None
        assert bits is None
        assert kind.frame_bytes == 1200
        return
    codes = pixels // (1 << shift) % 4
    np.testing.assert_array_equal(gain, codes)
    np.testing.assert_array_equal(bits, codes[:, 3, 29])
    assert kind.frame_bytes == 1800
    three = codes[[0, 2, 4]]
    assert run.sample(detector).modal_gain_bits == np.bincount(three.ravel()).argmax()


def test_bits_of_a_word_without_sample_make_no_frame(tmp_path, toy):
    toy((20, 30), adc_mask=0x3FFF, gain_shift=14)
    pixels = words((TRAINS, 20, 30))
    pixels[1] = 0
    pixels[2] = 0xC000
    frames = opened(write(tmp_path, {"image/pixels": pixels}))[2]
    _, _, train, gain = whole(frames)
    np.testing.assert_array_equal(train, [10000, 10003, 10004])
    np.testing.assert_array_equal(gain, pixels[[0, 3, 4]] >> 14)
    assert frames.excluded == {"all zero": 2}


def test_words_and_bits_must_fit():
    layout = replace(detector_type("JUNGFRAU").raw, gain_shift=14, adc_mask=0x3FFF)
    with pytest.raises(ValueError, match="do not fit"):
        split_words(layout, np.zeros((2, 1, 4, 4), np.uint16), np.zeros((2, 4, 5), np.uint8))


@pytest.mark.parametrize("stored", STORED)
def test_negative_samples_are_0(tmp_path, toy, stored):
    toy((20, 30))
    pixels = words((TRAINS, 20, 30), "i2")
    frames = opened(write(tmp_path, {"image/pixels": pixels}, **STORED[stored]))[2]
    np.testing.assert_array_equal(whole(frames)[0][:, 0], np.where(pixels < 0, 0, pixels))
    for row, col in ((0, 0), (19, 7), (4, 4)):
        np.testing.assert_array_equal(frames.read_pixel(row, col, 0)[1], np.clip(pixels[:, row, col], 0, None))


def strips(folder: Path, toy, per_train: int, n: int = 64, **layouts):
    """Strips with two memory cells in turn and gain bits beside them."""
    toy((1, n), strips=True, frames_per_entry=True, cell="data.memoryCell", pixels="data.adc", gain_bits="data.gain",
        max_cells=2)
    adc = words((TRAINS, per_train, n))
    gain = (words((TRAINS, per_train, n), seed=2) % 4).astype("u1")
    cell = np.broadcast_to((np.arange(per_train) % 2).astype("u1"), (TRAINS, per_train))
    write(folder, {"adc": adc, "gain": gain, "memoryCell": cell}, **layouts)
    return adc, gain, cell


LAYOUTS = {
    "contiguous": {},
    "chunk per train": {"chunks": (1, 40, 64)},
    "chunks of some frames": {"chunks": (1, 7, 64)},
    "chunk per frame": {"chunks": (1, 1, 64)},
    "chunks that cut frames": {"chunks": (1, 40, 16)},
    "compressed": {"chunks": (1, 40, 64), "compression": "gzip"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("cells", [(0, 1), (1,)])
def test_strips_are_frames_of_one_row(tmp_path, toy, layout, cells):
    adc, gain, cell = strips(tmp_path, toy, 40, **LAYOUTS[layout])
    run, detector, frames = opened(tmp_path)
    assert [p for p in run.inventory(detector).problems if p.severity != "warn"] == []
    there = np.isin(cell, cells)
    block, got, train, bits = whole(frames, cells, chunk_bytes=33 * 192)
    assert block.shape == (there.sum(), 1, 1, 64)
    np.testing.assert_array_equal(block[:, 0, 0], adc[there])
    np.testing.assert_array_equal(bits[:, 0], gain[there])
    np.testing.assert_array_equal(got, cell[there])
    np.testing.assert_array_equal(train, np.nonzero(there)[0] + 10000)
    _, samples, codes = frames.read_pixel(0, 63, cells[-1])
    np.testing.assert_array_equal(samples, adc[cell == cells[-1]][:, 63])
    np.testing.assert_array_equal(codes, gain[cell == cells[-1]][:, 63])


def test_rows_of_strips_are_frames(tmp_path, toy):
    toy((1, 64), strips=True)
    pixels = words((TRAINS, 64))
    frames = opened(write(tmp_path, {"image/pixels": pixels}))[2]
    block, cell, _, _ = whole(frames)
    np.testing.assert_array_equal(block, pixels[:, None, None])
    np.testing.assert_array_equal(cell, np.zeros(TRAINS))
    np.testing.assert_array_equal(frames.read_pixel(0, 5, 0)[1], pixels[:, 5])


@pytest.mark.parametrize("stored", [{}, {"chunks": (1, 400, 64)}])
def test_small_frames_of_a_train_come_by_one_call(tmp_path, toy, monkeypatch, stored):
    adc, _, _ = strips(tmp_path, toy, 400, **stored)
    frames = opened(tmp_path)[2]
    calls, plain = [], storage.os.preadv

    def counted(fd, buffers, offset):
        calls.append(sum(len(b) for b in buffers))
        return plain(fd, buffers, offset)

    monkeypatch.setattr(storage.os, "preadv", counted)
    (chunk,) = frames.chunks([1], 1 << 22)
    np.testing.assert_array_equal(chunk.block[:, 0, 0], adc[:, 1::2].reshape(-1, 64))
    assert len(calls) <= 2 * TRAINS
    calls.clear()
    frames.read_pixel(0, 0, 0)
    assert len(calls) <= 2 * TRAINS


@pytest.mark.parametrize("span", [1, 1000, 1 << 22])
def test_small_frames_are_the_same_however_they_are_read_together(tmp_path, toy, monkeypatch, span):
    adc, _, _ = strips(tmp_path, toy, 40)
    monkeypatch.setattr(storage, "_SPAN", span)
    frames = opened(tmp_path)[2]
    np.testing.assert_array_equal(whole(frames, [0])[0][:, 0, 0], adc[:, ::2].reshape(-1, 64))
    np.testing.assert_array_equal(frames.read_pixel(0, 9, 1)[1], adc[:, 1::2, 9].reshape(-1))


def test_a_wrong_shape_is_told_as_the_layout_has_it(tmp_path, toy):
    toy((1, 64), strips=True)
    run = Run.open(write(tmp_path, {"image/pixels": words((TRAINS, 1, 3, 64))}))
    (problem,) = [p for p in run.inventory(run.detectors[0]).problems if p.code == "R17"]
    assert "expected (n, 1, 64) uint16, got (5, 1, 3, 64) uint16" in problem.detail

"""Frames of runs in parallel gain, read with those of all gain stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from extra_data import RunDirectory

from calib_core.detector import FrameSelection
from calib_core.io.all_stages import LAST_OF_STAGE, WITHOUT_OTHERS
from calib_core.io.frames import ALL_ZERO
from calib_core.io.run import Run
from calib_core.simulate import default_settings, simulate

SOURCE = "FXE_DET_LPD1M-1/DET/2CH0:xtdf"
CELLS, TRAINS = 3, 5
TOGETHER = FrameSelection(parts=3, together=True, drop_last=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = default_settings("LPD1M").with_changes({
        "modules": "2", "memory_cells": CELLS, "trains": TRAINS, "parallel_gain": True, "first_cell": 1})
    [path] = simulate(settings, tmp_path_factory.mktemp("parallel")).runs.values()
    return path


def words_of(path: Path):
    """Words as they are stored: (trains, stages, cells in the order of recording, slow_scan, fast_scan)."""
    return RunDirectory(path)[SOURCE]["image.data"].ndarray().reshape(TRAINS, 3, CELLS, 256, 256)


def read(path: Path, selection: FrameSelection, chunk_bytes: int, cells=range(CELLS)):
    """Words of all stages, trains and cells of all frames, as chunks bring them, and the frames."""
    with Run.open(path) as opened:
        [detector] = opened.detectors
        frames = opened.frames(detector, detector.modules[0], selection)
        found = []
        for chunk in frames.chunks(list(cells), chunk_bytes):
            assert len(chunk) * frames.bytes_of_frame <= max(chunk_bytes, frames.bytes_of_frame)
            words = [one.adc | one.gain.astype(np.uint16) << np.uint16(12) for one in (chunk, *chunk.others)]
            for one in chunk.others:
                np.testing.assert_array_equal(one.cell, chunk.cell)
                np.testing.assert_array_equal(one.train, chunk.train)
            found.append((np.array(words), chunk.train.copy(), chunk.cell.copy()))
        frames.close()
        return [np.concatenate(one, axis=axis) for one, axis in zip(zip(*found, strict=True), (1, 0, 0), strict=True)
                ], frames


@pytest.mark.parametrize("frames_at_once", [1, 2, 4, 100])
def test_each_frame_comes_with_those_of_the_other_stages(run: Path, frames_at_once: int) -> None:
    (words, train, cell), frames = read(run, TOGETHER, frames_at_once * 3 * 256 * 256 * 3)
    np.testing.assert_array_equal(words, words_of(run).transpose(1, 0, 2, 3, 4).reshape(3, -1, 256, 256))
    assert cell.tolist() == [1, 2, 0] * TRAINS
    assert len(np.unique(train)) == TRAINS
    assert len(frames) == TRAINS * CELLS


def test_the_last_frames_of_each_stage_can_be_left_out(run: Path) -> None:
    (words, _, cell), frames = read(run, replace(TOGETHER, drop_last=1), 1 << 30)
    np.testing.assert_array_equal(words, words_of(run)[:, :, :2].transpose(1, 0, 2, 3, 4).reshape(3, -1, 256, 256))
    assert cell.tolist() == [1, 2] * TRAINS
    assert frames.excluded == {LAST_OF_STAGE: TRAINS}


def test_frames_that_lack_one_of_their_stages_are_left_out_and_counted(run: Path, tmp_path: Path) -> None:
    """Frame 4 of the file, of medium gain, was never written, and frame 15, of low gain, is empty."""
    changed = tmp_path / run.name
    changed.mkdir()
    for path in run.iterdir():
        (changed / path.name).write_bytes(path.read_bytes())
    [path] = changed.glob("RAW-*-LPD02-*.h5")
    words = words_of(run)
    with h5py.File(path, "r+") as file:
        group = file[f"INSTRUMENT/{SOURCE}/image"]
        stored = group["data"][()]
        del group["data"]
        made = group.create_dataset("data", stored.shape, stored.dtype, chunks=(1, *stored.shape[1:]))
        for row in range(len(stored)):
            if row != 4:
                made[row] = 0 if row == 15 else stored[row]
    (found, _, _), frames = read(changed, TOGETHER, 4 * 3 * 256 * 256 * 3)
    whole = words.transpose(1, 0, 2, 3, 4).reshape(3, -1, 256, 256)
    kept = np.ones(TRAINS * CELLS, bool)
    kept[[1, 3]] = False  # second frame of the first train, first frame of the second
    np.testing.assert_array_equal(found, whole[:, kept])
    assert frames.excluded == {WITHOUT_OTHERS: 1, ALL_ZERO: 1}

"""Files whose frames no detector without light records, or that lie elsewhere than the others, are told by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.characterisation.dark_files import level_of, odd_levels, unlike_a_detector
from calib_core.detector import Frames
from calib_core.jobs.job import Job
from calib_core.jobs.survey import survey
from calib_core.remarks import Remark
from calib_core.simulate.run import simulate
from calib_core.simulate.settings import default_settings

FULL = 1000
pytestmark = pytest.mark.usefixtures("small_jungfrau")
FAMILIES = {
    "EPIX10K": {}, "GOTTHARD2_25UM": {"frames_per_train": 10}, "LPDMINI": {"modules": "0", "memory_cells": 2},
    "JUNGFRAU": {"modules": "1"},
}


def some(gain: int | None = None) -> Frames:
    rng = np.random.default_rng(2)
    block = rng.normal(500, 3, (6, 1, 8, 16)).round().astype(np.uint16)
    bits = None if gain is None else np.full((6, 8, 16), gain, np.uint8)
    return Frames(block, np.zeros(6, np.int64), np.arange(6, dtype=np.uint64), bits)


def told(frames: Frames, code: int | None = None) -> list[str]:
    return [words for _, words in unlike_a_detector(frames, FULL, code)]


def test_frames_of_noise_are_those_of_a_detector() -> None:
    assert not told(some())
    assert not told(some(gain=1), code=1)


@pytest.mark.parametrize(("rows", "share"), [(1, 0.125), (8, 1.0)])
def test_full_samples_are_told_with_their_share(rows: int, share: float) -> None:
    frames = some()
    frames.block[:, :, :rows] = FULL
    assert told(frames) == [f"{share:.0%} of its samples are full (1000 ADU or more); look at its frames."]
    frames.block[:, :, :rows, :13] = 500
    assert rows == 8 or not told(frames)


def test_frames_that_repeat_are_told() -> None:
    frames = some()
    frames.block[3] = frames.block[2]
    assert told(frames) == ["1 of 6 frames equal the one before to the bit; they are no independent samples."]


@pytest.mark.parametrize("bits", [0, 77])
def test_other_gain_bits_are_told(bits: int) -> None:
    assert told(some(gain=bits), code=1) == ["100% of its samples have other gain bits than 1; they are left out."]


def levels(*at: float, common_mode: float = 0.0) -> list[tuple[str, float]]:
    rng = np.random.default_rng(5)
    made = {f"file {i}": level_of([(level + rng.normal(0, common_mode) + rng.normal(0, 4, (32, 64))).astype("f4")
                                   for _ in range(6)]) for i, level in enumerate(at)}
    return [(name, round(value)) for name, value, _ in odd_levels(made)]


def test_a_file_that_lies_elsewhere_is_told() -> None:
    assert levels(0, 0, 0, 20) == [("file 3", 20)]
    assert levels(-60, 60) == [("file 1", 120)]
    assert levels(0, -30, 0, np.nan) == [("file 1", -30)]


def test_levels_that_noise_and_common_mode_explain_are_not_told() -> None:
    assert not levels(0, 2, -2, 1)
    assert not levels(0, 0, 0, 0, 0, 0, 0, 0, common_mode=30)
    assert not levels(500)


def found_in(kind: str, folder: Path, edit: Callable[[h5py.Group], None] | None) -> tuple[str, list[Remark]]:
    """Name of the edited file, the second of a module's run, and what is told of files by a job."""
    settings = default_settings(kind).with_changes({"trains": 24, "trains_per_sequence": 8, **FAMILIES[kind]})
    runs = list(simulate(settings, folder / "data").runs.values())
    path = min(one for one in runs[0].glob("*-S00001.h5") if "INSTRUMENT" in h5py.File(one))
    if edit:
        with h5py.File(path, "r+") as file:
            file["INSTRUMENT"].visititems(lambda _, item: edit(item) if _holds_frames(item) else None)
    job = Job(survey(runs).spec(folder / "out"))
    job.start()
    assert job.wait(60)
    remarks = [one for one in job.board.remarks if one.kind == "files"]
    job.close()
    return path.name, remarks


def _holds_frames(item: object) -> bool:
    return isinstance(item, h5py.Group) and any(
        isinstance(one, h5py.Dataset) and one.ndim > 2 for one in item.values())


def pixels(group: h5py.Group) -> h5py.Dataset:
    return next(one for one in group.values() if one.ndim > 2 and one.dtype.itemsize == 2)


def repeat(group: h5py.Group) -> None:
    pixels(group)[1:] = pixels(group)[:1]


def fill(group: h5py.Group) -> None:
    pixels(group)[...] = np.iinfo(pixels(group).dtype).max


def lighten(group: h5py.Group) -> None:
    pixels(group)[...] = pixels(group)[()] + 120


@pytest.mark.parametrize("kind", FAMILIES)
def test_of_clean_runs_nothing_is_told(kind: str, tmp_path: Path) -> None:
    assert found_in(kind, tmp_path, None)[1] == []


@pytest.mark.parametrize(("kind", "edit", "words"), [
    ("EPIX10K", repeat, "equal the one before"), ("LPDMINI", fill, "are full"), ("EPIX10K", lighten, "+12"),
    ("GOTTHARD2_25UM", lighten, "from those of the other files"), ("JUNGFRAU", repeat, "equal the one before"),
])
def test_the_file_is_named(kind: str, edit: Callable[[h5py.Group], None], words: str, tmp_path: Path) -> None:
    name, remarks = found_in(kind, tmp_path, edit)
    assert any(words in one.sentence for one in remarks)
    assert all(f"{name} of " in one.sentence and np.isfinite(one.value) for one in remarks)
    assert all(one.value > one.limit for one in remarks)


@pytest.mark.parametrize("kind", ["GOTTHARD2_25UM", "JUNGFRAU"])
def test_a_file_of_bits_that_do_not_exist_is_named(kind: str, tmp_path: Path) -> None:
    name, remarks = found_in(kind, tmp_path, lambda group: group["gain"].write_direct(
        np.full(group["gain"].shape, 77, group["gain"].dtype)))
    assert remarks
    assert all(f"{name} of " in one.sentence and "other gain bits" in one.sentence for one in remarks)

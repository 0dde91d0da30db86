"""Spectra over frames of corrected files: histograms of the good samples in them, with the photons put there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calib_core.axes import Picture, View
from calib_core.subjects.corrected import CorrectedSubject, find_corrected
from calib_core.subjects.shown import Shown
from calib_core.subjects.spectrum import spectra_of
from tests import corrected_files as files

TRAINS, ENERGY, NOISE = 40, 9.2, 1.4
Array = Any


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Array]]:
    """Folder of a corrected module with photons at a rate of 0.3 in one memory cell, and what was written."""
    folder = tmp_path_factory.mktemp("made")
    [raw] = files.raw_files(folder, "AGIPD1M", "AGIPD", trains=TRAINS, memory_cells=1, modules="3")
    of = files.source(files.AGIPD, 3, [1] * TRAINS)
    draw, shape = np.random.default_rng(6), (TRAINS, 512, 128)
    written = files.values(of, 3)
    written["image.data"] = (ENERGY * draw.poisson(0.3, shape) + draw.normal(0, NOISE, shape)).astype(np.float32)
    written["image.data"][5, 1, 1] = np.nan
    written["image.gain"] = (draw.random(shape) < 0.01).astype(np.uint8)
    written["image.mask"] = np.where(draw.random(shape) < 0.02, 4, 0).astype(np.uint32)
    written["image.mask"][:, 7] = 1 << 5
    written["image.cellId"] = np.zeros(TRAINS, np.uint16)
    files.write(folder / "proc", files.origin_of(raw), [(of, written)])
    return folder / "proc", written


@pytest.fixture
def shown(made: Any) -> Any:
    [found] = find_corrected([made[0]])
    subject = CorrectedSubject(found)
    picture = Picture(View({"train": 20, "cell": 0}), (3,), {}, np.ones(1))
    yield Shown(subject, picture, 3)
    subject.close()


def counted(edges: Array, values: Array) -> Array:
    return np.histogram(values[np.isfinite(values)].astype(float), edges)[0]


def test_a_module_has_the_good_samples_of_the_first_gain_stage(shown: Shown, made: Any) -> None:
    written = made[1]
    found = spectra_of(shown, 3, np.ones((512, 128), bool), "Module 3", 4)
    assert found is not None
    [one] = found.found
    # 32 frames next to the shown one have the samples that are enough
    frames = (1 << 21) // (512 * 128 * 97 // 100) + 1
    assert frames <= found.frames < TRAINS
    near = sorted(range(TRAINS), key=lambda i: (abs(i - 20), i < 20))[: found.frames]
    good = (written["image.mask"][near] & 4 == 0) & (written["image.gain"][near] == 0)
    np.testing.assert_array_equal(one.counts, counted(one.edges, written["image.data"][near][good]))
    assert found.words == f"Module 3 · memory cell 0 · {found.frames} of {TRAINS} frames · samples in HG"
    assert one.result.unit == "keV"
    assert one.comb is not None
    assert one.comb.spacing == pytest.approx(ENERGY, abs=4 * one.comb.errors["spacing"])
    assert one.comb.width == pytest.approx(NOISE, abs=4 * one.comb.errors["width"])
    assert one.comb.errors["spacing"] < 0.01


def test_marked_pixels_alone_are_counted_in_all_frames(shown: Shown, made: Any) -> None:
    written, pixels = made[1], np.zeros((512, 128), bool)
    pixels[6:9, 10:20] = True
    found = spectra_of(shown, 3, pixels, "Region", 0xFFFFFFFF)
    assert found is not None
    [one] = found.found
    good = pixels & (written["image.mask"] == 0) & (written["image.gain"] == 0)
    assert found.frames == TRAINS
    np.testing.assert_array_equal(one.counts, counted(one.edges, written["image.data"][good]))
    assert good[:, 7].sum() == 0  # a row that is flagged


def test_a_pixel_over_frames_is_read_from_all_of_them(shown: Shown, made: Any) -> None:
    assert shown.subject is not None
    found = shown.subject.along("corrected", "train", 3, 1, 1, {"train": 0, "cell": 0})
    np.testing.assert_array_equal(found, made[1]["image.data"][:, 1, 1].astype(float))
    flags = shown.subject.along("bad_pixels", "train", 3, 7, 100, {"train": 0, "cell": 0})
    np.testing.assert_array_equal(flags, made[1]["image.mask"][:, 7, 100])


def test_it_is_given_up_and_is_not_there_for_what_has_no_frames(shown: Shown) -> None:
    every = np.ones((512, 128), bool)
    assert spectra_of(shown, 3, every, "Module 3", 0, lambda: True) is None
    assert spectra_of(replace(shown, subject=None), 3, every, "Module 3", 0) is None

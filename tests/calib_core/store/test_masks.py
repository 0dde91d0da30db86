"""Masks that people made, read as flags."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.expert_mask import MaskEntry
from calib_core.detector import Detector, Module
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput
from calib_core.store.masks import entries_of_mask, read_mask

DSSC = detector_type("DSSC1M")


@pytest.fixture
def write(tmp_path):
    def write(values, name="bad_pixels"):
        path = tmp_path / "mask.h5"
        with h5py.File(path, "w") as file:
            file[name] = values
        return path

    return write


def test_a_real_mask_has_the_shares_that_its_owners_found(real_data: Path):
    flags = read_mask(real_data / "masks" / "dssc_p3004_r0195.h5", DSSC)
    assert flags.shape == (16, 128, 512)
    assert flags.dtype == np.uint32
    assert set(np.unique(flags)) == {0, int(BadPixels.EXPERT_CHOICE)}
    assert round(100 * (flags != 0).mean(), 3) == 1.359
    share = 100 * (flags != 0).mean(axis=(1, 2))
    assert np.flatnonzero(share > 5).tolist() == [4, 7, 12]
    np.testing.assert_allclose(share[[4, 7, 12]], 6, atol=0.5)


def test_the_good_pixels_of_the_same_file_are_the_others(real_data: Path):
    path = real_data / "masks" / "dssc_p3004_r0195.h5"
    good = read_mask(path, DSSC, "good_pixels", BadPixels.USER1)
    np.testing.assert_array_equal(good == int(BadPixels.USER1), read_mask(path, DSSC) == 0)


def test_flags_are_kept_and_one_module_is_enough(write):
    values = np.zeros(DSSC.shape, np.uint32)
    values[3, 4] = BadPixels.NO_DARK_DATA | BadPixels.USER2
    flags = read_mask(write(values), DSSC)
    np.testing.assert_array_equal(flags, values[None])


@pytest.mark.parametrize("values", [
    np.zeros((17, 128, 512), bool), np.zeros((0, 128, 512), bool), np.zeros((512, 128), bool),
    np.zeros((128, 512), np.float32), np.zeros((128, 512), np.int64), np.bool_(True),
], ids=str)
def test_other_arrays_are_refused_with_what_they_are(write, values):
    with pytest.raises(BadInput, match=r"a mask of DSSC 1M has up to 16 modules of 128 × 512 pixels, bool or uint32"):
        read_mask(write(values), DSSC)


def test_a_missing_array_is_refused_with_those_there_are(write):
    with pytest.raises(BadInput, match="has no array bad_pixels; its arrays are other"):
        read_mask(write(np.zeros(DSSC.shape, bool), "other"), DSSC)


def test_what_is_no_file_of_masks_is_refused(tmp_path):
    (tmp_path / "mask.h5").write_bytes(b"no mask")
    for path in (tmp_path / "mask.h5", tmp_path / "missing.h5"):
        with pytest.raises(BadInput, match=rf"{path.name} cannot be read as a mask"):
            read_mask(path, DSSC)


def test_a_real_mask_becomes_an_entry_with_its_source(real_data: Path):
    path = real_data / "masks" / "dssc_p3004_r0195.h5"
    detector = Detector("SCS_DET_DSSC1M-1", DSSC, tuple(Module(n, "", f"DSSC{n:02d}", f"UNIT_{n}") for n in (4, 7)))
    now = datetime(2026, 3, 1, tzinfo=UTC)
    [(entry, pixels)] = entries_of_mask(path, detector, MaskEntry("anna", "theirs", "", now, now))
    assert entry.drawn == "expert choice of bad_pixels in dssc_p3004_r0195.h5, by FXIhub/xfel3004"
    with h5py.File(path) as file:
        for number in (4, 7):
            np.testing.assert_array_equal(pixels[number], file["bad_pixels"][number])

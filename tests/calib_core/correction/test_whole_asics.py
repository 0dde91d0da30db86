"""ASICs that fail as a whole are flagged as a whole, in the memory cells in which they do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.cli.original_names import original_names, with_known_names
from calib_core.constants.badpixels import BadPixels
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.whole_asics import WholeAsics
from calib_core.detectors.dssc import DSSC1M

from .memory import bound

KIND = replace(DSSC1M, shape=(8, 8), asic_shape=(4, 4))
NOISY, COLD = int(BadPixels.NOISY_ADC), int(BadPixels.ASIC_STD_BELOW_NOISE)


def constants(noisy: int, cold: int) -> dict[str, OfSamples]:
    """Noise and offsets of memory cells 0 and 3: of the latter, pixels of one ASIC are noisy, of another silent."""
    noise, offset = np.full((1, 2, 8, 8), 0.6, np.float32), np.full((1, 2, 8, 8), 40, np.float32)
    noise[0, 1, :4, 4:].flat[:noisy] = 1.5
    noise[0, 1, 0, 0] = np.nan  # nothing is known of it
    offset[0, 1, 4:, :4].flat[:cold] = 0
    return {"Noise": OfSamples(noise, (0, 3)), "Offset": OfSamples(offset, (0, 3))}


def frames() -> Images:
    """One of memory cell 0, one of 3, and one of a memory cell that constants lack."""
    return Images.of(np.ones((3, 8, 8), np.float32), np.array([0, 3, 5]), np.arange(3)).copy()


@pytest.mark.parametrize(("noisy", "cold"), [(5, 5), (4, 5), (5, 4), (4, 4)])
def test_asics_with_more_bad_pixels_than_allowed_are_flagged(noisy: int, cold: int) -> None:
    """Four of sixteen are a quarter, which is allowed."""
    one, expected = frames(), np.zeros((3, 8, 8), np.uint32)
    expected[1, :4, 4:] = NOISY * (noisy > 4)
    expected[1, 4:, :4] = COLD * (cold > 4)
    bound(WholeAsics(), KIND, **constants(noisy, cold)).apply(one)
    np.testing.assert_array_equal(one.mask, expected)
    assert (one.values == 1).all()


def test_shares_of_one_allow_all() -> None:
    one = frames()
    bound(WholeAsics(noisy_share=1, cold_share=1), KIND, **constants(16, 16)).apply(one)
    assert not one.mask.any()


def test_without_noise_it_is_left_out_and_told() -> None:
    [skipped] = bound(WholeAsics(), KIND, Offset=constants(0, 0)["Offset"]).skipped
    assert "no Noise" in skipped.reason


def test_names_of_the_original_ask_for_it() -> None:
    given = ["--mask_noisy_asic", "0.5", "--noisy_pix_threshold=2", "--max-pulses", "500"]
    words, told = with_known_names(given, original_names("DSSC", "CORRECT"))
    assert words == ["--whole-asics-noisy-share", "0.5", "--whole-asics", "--whole-asics-noisy-above", "2",
                     "--pulses", ":500"]
    assert told == []

"""Regions of a module are flagged whatever their values, and do not move the limits of the pixels beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType, Region
from calib_core.detector.registry import detector_types

from .one_unit import characterise

FRAMES, SHAPE = 60, (32, 48)
EDGE, HOLE = np.s_[:2, :], np.s_[8:24, 8:40]


def detector(*regions: Region) -> DetectorType:
    """A detector of one ASIC, one gain stage and no gain bits."""
    kind = next(k for k in detector_types() if len(k.stages) == 1 and not k.has_gain_bits and k.planes == 1)
    return replace(kind, shape=SHAPE, asic_shape=SHAPE, bank_shape=None, max_cells=1, saturation=16383,
                   regions=regions)


REGIONS = (
    Region("edge", BadPixels.OVERSCAN, ((0, 2, 0, 48),)),
    Region("hole", BadPixels.NON_SENSITIVE, ((8, 24, 8, 40),), from_pass=2),
)


@pytest.fixture(scope="module")
def samples():
    """Frames of noise 5 ADU at 1000 ADU; what is no sensor is elsewhere and mostly louder."""
    rng = np.random.default_rng(3)
    values = rng.normal(1000, 5, (FRAMES, *SHAPE))
    values[:, *EDGE] += 8000
    values[:, *HOLE] = rng.normal(400, 90, values[:, *HOLE].shape)
    return np.rint(values).astype(np.uint16)[:, None]


def flags(method: Dark, kind: DetectorType, samples):
    return characterise(method, kind, samples[:, 0])[0]


WIDE = {"thresholds_offset_hard": ((0.0, 20000.0),), "thresholds_noise_hard": ((0.0, 1000.0),)}
METHODS = [Dark(**WIDE), RefinedDark(**WIDE).with_changes({"iterations": 2, "common_mode": False})]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_regions_have_their_flag_and_no_limits(method, samples):
    found = flags(method, detector(*REGIONS), samples)["bad_pixels"]
    assert (found[EDGE] == BadPixels.OVERSCAN).all()
    assert (found[HOLE] == BadPixels.NON_SENSITIVE).all()


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_their_values_do_not_move_the_limits_of_the_others(method, samples):
    """A standard deviation over all pixels is so wide with the regions that nothing else is ever outside."""
    noisy = samples.copy()
    noisy[:, 0, 30, 5] = 1000 + 8 * (noisy[:, 0, 30, 5].astype(int) - 1000)
    plain = method.with_changes({"spread": "plain"})
    outside = np.uint32(BadPixels.NOISE_OUT_OF_THRESHOLD)
    assert flags(plain, detector(*REGIONS), noisy)["bad_pixels"][30, 5] & outside
    assert not flags(plain, detector(), noisy)["bad_pixels"][30, 5] & outside


def test_without_regions_nothing_changes(samples):
    found = flags(METHODS[0], detector(), samples)["bad_pixels"]
    assert not (found & (BadPixels.OVERSCAN | BadPixels.NON_SENSITIVE)).any()


def test_regions_without_samples_say_so_too(samples):
    empty = samples.copy()
    empty[:, 0][:, *HOLE] = 0
    found = flags(METHODS[0], detector(*REGIONS), empty)["bad_pixels"]
    assert (found[HOLE] == BadPixels.NON_SENSITIVE | BadPixels.NO_DARK_DATA).all()


def test_a_pass_has_the_regions_from_its_number_on(samples):
    passes = flags(METHODS[1], detector(*REGIONS), samples)["bad_pixels_passes"]
    assert passes.shape == (3, *SHAPE)
    assert (passes[:, *EDGE] & BadPixels.OVERSCAN).all()
    assert not (passes[0][HOLE] & BadPixels.NON_SENSITIVE).any()
    assert (passes[1:, *HOLE] & BadPixels.NON_SENSITIVE).all()

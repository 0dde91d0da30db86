"""Darks of codes that are few: noise without that of rounding, and pixels that give one code only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.dark import Dark
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_types

from .one_unit import characterise

FRAMES, SHAPE, SIGMA = 200, (64, 64), 0.7
STUCK = (5, 6)


@pytest.fixture(scope="module")
def kind() -> DetectorType:
    found = next(k for k in detector_types() if len(k.stages) == 1 and not k.has_gain_bits and k.planes == 1)
    return replace(found, shape=SHAPE, asic_shape=SHAPE, bank_shape=None, max_cells=1, saturation=511, regions=())


@pytest.fixture(scope="module")
def samples() -> Any:
    """Codes of a signal at any place between two codes, and one pixel that gives always the same."""
    rng = np.random.default_rng(5)
    values = np.rint(rng.uniform(50, 60, SHAPE) + rng.normal(0, SIGMA, (FRAMES, *SHAPE)))
    values[:, *STUCK] = 55
    return values.astype(np.uint16)[:, None]


def maps(kind: DetectorType, samples: Any, **changes: Any) -> dict[str, Any]:
    return characterise(Dark(gate_floor=5.0, **changes), kind, samples[:, 0])[0]


def good(values: Any) -> Any:
    return np.delete(values.ravel(), np.ravel_multi_index(STUCK, SHAPE))


@pytest.mark.parametrize("estimator", ["robust", "median", "plain"])
def test_the_noise_is_that_of_the_signal_without_rounding(kind, samples, estimator):
    codes = good(maps(kind, samples, estimator=estimator)["noise"]) ** 2
    signal = good(maps(kind, samples, estimator=estimator, quantisation=True)["noise"]) ** 2
    error = np.sqrt(2 / (FRAMES - 1) / len(codes)) * (SIGMA**2 + 1 / 12)
    assert abs(codes.mean() - (SIGMA**2 + 1 / 12)) < 5 * error
    assert abs(signal.mean() - SIGMA**2) < 5 * error
    assert 10 * error < 1 / 12  # the two can be told apart


def test_a_pixel_of_one_code_has_its_flag_and_no_noise(kind, samples):
    for quantisation in (False, True):
        found = maps(kind, samples, quantisation=quantisation)
        stuck = found["bad_pixels"] & BadPixels.DATA_STD_IS_ZERO != 0
        assert np.argwhere(stuck).tolist() == [list(STUCK)]
        assert found["noise"][STUCK] == 0
        assert found["offset"][STUCK] == 55
        assert not (good(found["bad_pixels"])).any()


def test_one_frame_is_no_proof_that_a_pixel_is_stuck(kind, samples):
    found = maps(kind, samples[:1], ddof=0)
    assert not (found["bad_pixels"] & BadPixels.DATA_STD_IS_ZERO).any()


@pytest.mark.parametrize("estimator", ["robust", "median", "plain"])
def test_the_inspector_shows_the_same_noise(kind, samples, estimator):
    method = Dark(gate_floor=5.0, quantisation=True, estimator=estimator)
    noise = maps(kind, samples, quantisation=True, estimator=estimator)["noise"]
    for row, col in [(0, 0), STUCK, (63, 20)]:
        shown = {one.name: one.value for one in method.explain(samples[:, 0, row, col], kind).numbers}
        np.testing.assert_allclose(shown["σ"], noise[row, col], rtol=1e-5)

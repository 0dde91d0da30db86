"""Runs with light, scans and switched samples are told from darks; darks with bad pixels are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.dark_light import why_no_dark

NOISE, SHAPE, HIGHEST = 10.0, (40, 64, 32), 20.0


@pytest.fixture
def dark() -> Any:
    """Samples of pixels of different offsets; some are four times as noisy, some blink, some have a cosmic ray."""
    rng = np.random.default_rng(3)
    samples = rng.normal(rng.normal(5000, 300, SHAPE[1:]), NOISE, SHAPE)
    samples[:, :2] += rng.normal(0, 4 * NOISE, (40, 2, 32))
    samples[:, 5, :20] += 12 * NOISE * (rng.random((40, 20)) < 0.1)
    samples[7, 10:20, 3] += 2000
    return np.rint(samples)


def test_darks_with_bad_pixels_are_darks(dark: Any) -> None:
    bits = np.zeros(SHAPE, np.uint8)
    bits[:, :1] = 1
    assert why_no_dark(dark, bits, HIGHEST) == ""
    assert why_no_dark(dark[:2] * 3, None, HIGHEST) == ""  # nothing can be told of two frames


def test_few_photons_are_light(dark: Any) -> None:
    """One photon in a hundred frames and pixels is in 33% of the pixels after 40 frames."""
    photons = np.random.default_rng(4).random(SHAPE) < 0.01
    share = photons.any(axis=0).mean()
    told = why_no_dark(dark + 100.0 * photons, None, HIGHEST)
    assert "so there was light" in told
    assert abs(float(told.partition("%")[0]) / 100 - share) < 0.03


def test_much_light_scatters(dark: Any) -> None:
    lit = dark + 60.0 * np.random.default_rng(5).poisson(20, SHAPE)
    scatter = 1.4826 * np.median(np.abs(lit - np.median(lit, axis=0)), axis=0)
    assert why_no_dark(lit, None, HIGHEST) == (f"samples of a pixel scatter by {np.median(scatter):.3g} ADU, and "
                                               "those of darks by at most 20 ADU")


def test_a_scan_charges_some_lines(dark: Any) -> None:
    dark[:, ::8] += 20.0 * np.arange(40)[:, None, None]
    assert why_no_dark(dark, None, HIGHEST).startswith("12% of the pixels scatter by more than 60 ADU")


def test_switched_samples_are_no_dark(dark: Any) -> None:
    bits = np.zeros(SHAPE, np.uint8)
    bits[:10] = 2
    assert why_no_dark(dark, bits, HIGHEST) == "25% of the samples have other gain bits than most"

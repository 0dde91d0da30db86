"""Pixels that blink: how many of them are flagged, by share of the time and height, and how few others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from calib_core.characterisation.dark import Dark
from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType, GainStage
from calib_core.detectors.jungfrau import JUNGFRAU

from . import one_unit

SHAPE, ASIC = (128, 512), (64, 128)
HEIGHTS, EACH = (8.0, 12.0, 40.0), 400
#: Frames, share of cosmics, σ in ADU: expected recall by share of the time, from 8 σ on, as of a study with NumPy.
CASES = {
    (200, 0.0, 9.0): {0.02: 0.75, 0.05: 0.99, 0.10: 1.0, 0.30: 1.0},
    (200, 1e-3, 9.0): {0.05: 0.97, 0.10: 1.0},
    (200, 1e-2, 9.0): {0.05: 0.60, 0.10: 1.0, 0.30: 1.0},
    (200, 0.0, 0.85): {0.10: 1.0, 0.30: 1.0},
}


def kind_of(shape: tuple[int, int], asic: tuple[int, int]) -> DetectorType:
    """A camera of one gain stage without gain bits."""
    return replace(
        JUNGFRAU, name="CAMERA", shape=shape, asic_shape=asic, bank_shape=asic, max_cells=1, max_modules=1,
        regions=(), stages=(GainStage("G", "dark", "the gain"),), raw=replace(JUNGFRAU.raw, gain_bits=None))


def frames(rng: Any, n: int, cosmics: float, sigma: float, shape: tuple[int, int]) -> tuple[Any, Any]:
    """Samples (n, pixels) of good pixels, in ADU, and the σ of each pixel."""
    each = sigma * (1 + 0.05 * rng.normal(size=shape).ravel())
    values = 3000 + rng.normal(0, 30, each.size) + rng.normal(size=(n, each.size)) * each
    hit = rng.random(values.shape) < cosmics
    values[hit] += rng.exponential(44 * sigma, np.count_nonzero(hit))
    return values, each


@pytest.mark.parametrize("case", CASES, ids=str)
def test_blinking_pixels_are_flagged_as_often_as_statistics_allow(case: tuple[int, float, float]) -> None:
    n, cosmics, sigma = case
    rng, kind = np.random.default_rng(11), kind_of(SHAPE, ASIC)
    values, each = frames(rng, n, cosmics, sigma, SHAPE)
    heights = [max(height, 8.0 if sigma > 1 else 2 * 3.0 / sigma) for height in HEIGHTS]  # twice the gate's floor
    places = rng.permutation(each.size)[: len(CASES[case]) * len(heights) * EACH].reshape(-1, len(heights), EACH)
    for of_share, share in zip(places, CASES[case], strict=True):
        for pixels, height in zip(of_share, heights, strict=True):
            on = rng.random((n, EACH)) < share
            values[:, pixels] += on * height * each[pixels]
    raw = values.round().clip(1, 16000).astype(np.uint16).reshape(n, *SHAPE)
    maps, _ = one_unit.characterise(Dark(), kind, raw)
    flagged = (maps["bad_pixels"].ravel() & BadPixels.NOISE_OUT_OF_THRESHOLD) != 0
    for of_share, (share, expected) in zip(places, CASES[case].items(), strict=True):
        for pixels, height in zip(of_share, heights, strict=True):
            assert flagged[pixels].mean() == pytest.approx(expected, abs=0.05), (share, height)
    good = np.ones(each.size, bool)
    good[places.ravel()] = False
    assert np.count_nonzero(flagged & good) <= 12  # of about 60,000


@pytest.mark.parametrize("share", [0.05, 0.10, 0.20])
def test_thirty_frames_tell_less(share: float) -> None:
    """Three samples outside of 30 are enough; of two it depends on what the ASIC has in common."""
    kind, found, others = kind_of(SHAPE, ASIC), [], 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        values, each = frames(rng, 30, 0.0, 9.0, SHAPE)
        pixels = rng.permutation(each.size)[:130]
        values[:, pixels] += (rng.random((30, 130)) < share) * 12 * each[pixels]
        raw = values.round().clip(1, 16000).astype(np.uint16).reshape(30, *SHAPE)
        maps, _ = one_unit.characterise(Dark(), kind, raw)
        flagged = (maps["bad_pixels"].ravel() & BadPixels.NOISE_OUT_OF_THRESHOLD) != 0
        found.append(flagged[pixels].mean())
        others += np.count_nonzero(flagged) - np.count_nonzero(flagged[pixels])
    two, three = (float(binom.sf(least - 1, 30, share)) for least in (2, 3))
    assert three - 0.06 < np.mean(found) < two + 0.06
    assert others <= 2e-4 * 3 * each.size


def test_the_share_outside_is_that_of_the_samples() -> None:
    rng, kind = np.random.default_rng(3), kind_of((64, 64), (64, 64))
    values, _ = frames(rng, 100, 0.0, 9.0, (64, 64))
    values[:15, 7] += 300
    raw = values.round().astype(np.uint16).reshape(100, 64, 64)
    maps, _ = one_unit.characterise(Dark(), kind, raw)
    assert maps["outside"][0, 7] == pytest.approx(15, abs=0.01)
    np.testing.assert_allclose(maps["outside"], 100 - maps["samples"], atol=0.01)
    assert maps["bad_pixels"][0, 7] & BadPixels.NOISE_OUT_OF_THRESHOLD
    assert np.median(maps["explained"]) < 0.1
    reason = {one.what: one for one in Dark().reasons(
        one_unit.context_of(Dark(), kind), {"gain": 0}, {name: one[None] for name, one in maps.items()}, 0, 7, 100)}
    blinks = reason["Samples outside the gate"]
    chance = float(maps["explained"][0, 7]) / 100
    bad = [k for k in range(2, 100) if binom.sf(k - 1, 100, chance) < 1e-5 and k - 100 * chance >= 1]
    assert (blinks.value, blinks.set, blinks.high) == (15, True, bad[0] - 1)
    assert blinks.words.startswith("Outside of its gate in 15 of 100 samples (15.0%); chance and ASIC explain 0.0")


@pytest.mark.parametrize("estimator", ["median", "plain"])
def test_without_a_gate_there_is_no_rule(estimator: str) -> None:
    kind = kind_of((64, 64), (64, 64))
    method = Dark(estimator=estimator)
    assert not {one.name for one in method.results(kind)} & {"outside", "explained"}
    values, _ = frames(np.random.default_rng(1), 40, 0.0, 9.0, (64, 64))
    maps, _ = one_unit.characterise(method, kind, values.astype(np.uint16).reshape(40, 64, 64))
    assert "outside" not in maps


def test_fewer_than_twenty_frames_do_not_tell() -> None:
    rng, kind = np.random.default_rng(3), kind_of((64, 64), (64, 64))
    values, _ = frames(rng, 19, 0.0, 9.0, (64, 64))
    values[:6, 7] += 300
    maps, _ = one_unit.characterise(Dark(), kind, values.round().astype(np.uint16).reshape(19, 64, 64))
    assert not maps["bad_pixels"][0, 7]
    reason = next(one for one in Dark().reasons(
        one_unit.context_of(Dark(), kind), {"gain": 0}, {name: one[None] for name, one in maps.items()}, 0, 7, 19)
        if one.what == "Samples outside the gate")
    assert reason.words == "Whether the pixel blinks is not asked: fewer than 20 samples do not tell."


def test_noise_of_twice_its_asic_is_flagged_whatever_it_is() -> None:
    """And good pixels are not: limits follow from the statistics of a noise, not from the rounding to ADU."""
    kind = kind_of(SHAPE, ASIC)
    for n in (60, 200):
        for sigma in (0.85, 3.0, 9.0):
            rng = np.random.default_rng(int(100 * sigma) + n)
            values = 3000 + rng.normal(0, 30, SHAPE[0] * SHAPE[1])[None] + rng.normal(
                0, sigma, (n, SHAPE[0] * SHAPE[1]))
            noisy = rng.permutation(values.shape[1])[:500]
            values[:, noisy] += rng.normal(0, np.sqrt(3) * sigma, (n, 500))
            maps, _ = one_unit.characterise(Dark(), kind, values.round().astype(np.uint16).reshape(n, *SHAPE))
            flagged = (maps["bad_pixels"].ravel() & BadPixels.NOISE_OUT_OF_THRESHOLD) != 0
            assert flagged[noisy].mean() >= 0.99
            good = np.ones(flagged.size, bool)
            good[noisy] = False
            assert np.count_nonzero(flagged & good) <= 12, (n, sigma)


@pytest.mark.parametrize("n", [24, 200])
@pytest.mark.parametrize("iterations", [0, 1, 2])
def test_what_raw_samples_prove_stays_in_later_passes(n: int, iterations: int) -> None:
    """Stuck pixels get the common mode with a minus as what is left of them, which looks like any other."""
    rng, kind = np.random.default_rng(5), kind_of((64, 128), (32, 64))
    shifts = rng.normal(0, 6, (n, 2, 2)).repeat(32, axis=1).repeat(64, axis=2)
    values = 3000 + rng.normal(0, 30, (64, 128)) + rng.normal(0, 4, (n, 64, 128)) + shifts
    stuck = np.zeros((64, 128), bool)
    stuck[rng.integers(0, 64, 40), rng.integers(0, 128, 40)] = True
    stuck[:, 17] = True
    values[:, stuck], values[:, 3, 3], values[:, 60, 100] = 3000, 0, 16383
    maps, _ = one_unit.characterise(
        RefinedDark(iterations=iterations), kind, values.round().clip(0, 16383).astype(np.uint16))
    flags = maps["bad_pixels"]
    assert ((flags[stuck] & BadPixels.DATA_STD_IS_ZERO) != 0).all()
    assert flags[3, 3] & BadPixels.NO_DARK_DATA
    assert flags[60, 100] & BadPixels.NO_DARK_DATA
    assert ((flags[~stuck] & BadPixels.DATA_STD_IS_ZERO) == 0).all()


def test_why_a_stuck_pixel_stays_bad_is_told() -> None:
    rng, kind, method = np.random.default_rng(5), kind_of((64, 128), (32, 64)), RefinedDark(iterations=2)
    shifts = rng.normal(0, 6, (60, 2, 2)).repeat(32, axis=1).repeat(64, axis=2)
    values = 3000 + rng.normal(0, 4, (60, 64, 128)) + shifts
    values[:, 5, 5] = 3000
    maps, _ = one_unit.characterise(method, kind, values.round().astype(np.uint16))
    over = {name: one[None] for name, one in maps.items() if name in method.judged(kind)}
    found = method.reasons(one_unit.context_of(method, kind), {"gain": 0}, over, 5, 5, 60)
    [one] = [one for one in found if one.flag == BadPixels.DATA_STD_IS_ZERO and one.set]
    assert "raw samples" in one.words

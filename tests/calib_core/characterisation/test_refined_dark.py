"""Refined darks on frames of known truth: common mode, cosmic rays, regions, the same bits in any pieces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.refined_dark import RefinedDark
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType, GainStage, Region
from calib_core.detectors.jungfrau import JUNGFRAU

from . import one_unit

SHAPE, BANK, N = (64, 96), (32, 48), 160
SIGMA, COMMON = 4.0, 12.0


@pytest.fixture(scope="module")
def kind() -> DetectorType:
    base = JUNGFRAU
    hole = Region("hole", int(BadPixels.NON_SENSITIVE), ((28, 36, 44, 52),), from_pass=2)
    return replace(
        base, name="CCD", shape=SHAPE, asic_shape=(32, 96), bank_shape=BANK, max_cells=1, max_modules=1,
        stages=(GainStage("G", "dark", "the gain"),), regions=(hole,), raw=replace(base.raw, gain_bits=None))


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    rng = np.random.default_rng(5)
    offset = 3000 + rng.normal(0, 40, SHAPE)
    shifts = rng.normal(0, COMMON, (N, SHAPE[0], SHAPE[1] // BANK[1]))
    shifts -= shifts.mean(axis=0)
    noise = np.full(SHAPE, SIGMA)
    noise[10, 10] = 40.0
    values = offset + np.repeat(shifts, BANK[1], axis=2) + rng.normal(0, 1, (N, *SHAPE)) * noise
    values[:, 28:36, 44:52] = 3000 + rng.normal(0, 300, (N, 8, 8))
    track = [(20 + i, 5 + i) for i in range(8)]
    for row, col in track:
        values[77, row, col] += 400
    return {"values": values.round().clip(1, 16000).astype(np.uint16), "offset": offset, "noise": noise,
            "shifts": shifts, "track": track}


def characterise(
    kind: DetectorType, values: Any, chunk: int = 50, **changes: Any
) -> tuple[dict[str, Any], list[str]]:
    method = RefinedDark(thresholds_noise_hard=((0.5, 1000.0),)).with_changes(changes)
    return one_unit.characterise(method, kind, values, chunk)


@pytest.fixture(scope="module")
def found(kind: DetectorType, truth: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    return characterise(kind, truth["values"], cosmics=True, iterations=3)


def ordinary() -> Any:
    where = np.ones(SHAPE, bool)
    where[28:36, 44:52] = False
    where[10, 10] = False
    return where


def test_the_right_axis_is_chosen_and_told(found: Any) -> None:
    assert len(found[1]) == 1
    assert found[1][0].startswith("Common mode by row")


def test_noise_is_that_without_common_mode(found: Any, truth: dict[str, Any]) -> None:
    maps, where = found[0], ordinary()
    # a median of 48 pixels takes 1.57/48 of their own variance along, and rounding adds 1/12
    expected = np.sqrt(SIGMA**2 * (1 + 1.57 / 48 - 2 / 48) + 1 / 12)
    pulls = (maps["noise"][where] - expected) / (expected / np.sqrt(2 * (N - 1)))
    assert abs(pulls.mean()) < 0.1
    assert abs(pulls.std() - 1) < 0.05
    raw = np.median(maps["noise_raw"][where])
    assert raw == pytest.approx(np.hypot(SIGMA, COMMON), rel=0.1)


def test_offset_is_the_truth_within_its_error(found: Any, truth: dict[str, Any]) -> None:
    where = ordinary()
    pulls = (found[0]["offset"] - truth["offset"])[where] / (SIGMA / np.sqrt(N))
    assert abs(pulls.mean()) < 0.1
    assert abs(pulls.std() - 1) < 0.1


def test_a_cosmic_ray_is_left_out_and_none_is_invented(found: Any, truth: dict[str, Any]) -> None:
    left_out = found[0]["cosmic_rays"]
    assert all(left_out[at] == 1 for at in truth["track"])
    near = np.zeros(SHAPE, bool)
    for row, col in truth["track"]:
        near[row - 1 : row + 2, col - 1 : col + 2] = True
    assert not left_out[~near & ordinary()].any()


def test_noisy_pixel_and_hole_are_flagged_from_their_pass_on(found: Any) -> None:
    maps = found[0]
    assert maps["bad_pixels"][10, 10] & BadPixels.NOISE_OUT_OF_THRESHOLD
    assert (maps["bad_pixels"][28:36, 44:52] & BadPixels.NON_SENSITIVE).all()
    passes = maps["bad_pixels_passes"]
    assert len(passes) == 4
    assert not (passes[0] & BadPixels.NON_SENSITIVE).any()
    assert (passes[1][28:36, 44:52] & BadPixels.NON_SENSITIVE).all()
    assert (maps["bad_pixels"][ordinary()] != 0).mean() < 0.001


@pytest.mark.parametrize("chunk", [1, 7, 160])
def test_any_length_of_chunks_gives_the_same_bits(kind: DetectorType, truth: dict[str, Any], found: Any,
                                                  chunk: int) -> None:
    again, _ = characterise(kind, truth["values"], chunk, cosmics=True, iterations=3)
    for name, values in found[0].items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)


def test_without_iterations_it_is_a_plain_dark(kind: DetectorType, truth: dict[str, Any]) -> None:
    maps, notes = characterise(kind, truth["values"], iterations=0)
    assert notes == []
    np.testing.assert_array_equal(maps["noise"], maps["noise_raw"])


def test_no_common_mode_leaves_the_noise(kind: DetectorType, truth: dict[str, Any]) -> None:
    maps, _ = characterise(kind, truth["values"], iterations=1, common_mode=False)
    where = ordinary()
    # gates around a median and around a mean differ by a sample in few pixels
    same = np.isclose(maps["noise"][where], maps["noise_raw"][where], rtol=2e-3)
    assert same.mean() > 0.998

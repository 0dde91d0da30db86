"""Matched ASICs, against offsets that were put into frames made with NumPy, and against NumPy's own least squares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calib_core.correction.images import Images
from calib_core.correction.match_asics import MatchAsics
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.pipeline import Pipeline
from calib_core.detectors.agipd import AGIPD1M

Array = Any
SHAPE = (512, 128)


class Memory:
    """Constants of a module in memory."""

    def __init__(self, **found: OfSamples) -> None:
        self._found = found

    def get(self, kind: Any) -> Any:
        return self._found.get(kind.name)


def matched(frames: Array, stage: Any = 0, kind: Any = AGIPD1M, step: Any = None, **found: OfSamples) -> Images:
    one = Images.of(np.array(frames, np.float32), np.zeros(len(frames), np.int64), np.arange(len(frames))).copy()
    one.stage[...] = stage
    Pipeline([step or MatchAsics()]).bind(Memory(**found), kind).read().apply(one)
    return one


def smooth(rng: np.random.Generator) -> Array:
    """Light that goes on over all borders, and noise of 9 ADU."""
    row, column = np.indices(SHAPE)
    return 60 + 40 * np.sin(row / 150) * np.cos(column / 90) + rng.normal(0, 9, SHAPE)


def test_offsets_of_asics_are_found_but_for_their_mean() -> None:
    """A border has 8 steps of means of 16 samples: 9 · √(2 / 128) = 1.1 ADU each, less together."""
    rng = np.random.default_rng(1)
    offsets = rng.uniform(-20, 20, (5, 8, 2))
    given = [smooth(rng) + np.kron(one, np.ones((64, 64))) for one in offsets]
    one = matched(given)
    error = one.found["match_asics"] - (offsets - offsets.mean((1, 2), keepdims=True))
    assert one.found["match_asics"].shape == (5, 8, 2)
    assert np.abs(one.found["match_asics"].mean((1, 2))).max() < 1e-4
    assert error.std() < 2.0
    assert np.abs(error).max() < 6
    expected = np.array(given, np.float32) - np.kron(one.found["match_asics"], np.ones((64, 64), np.float32))
    np.testing.assert_allclose(one.values, expected, atol=1e-4)


def test_steps_that_are_too_large_are_not_believed_and_an_asic_without_a_border_stays() -> None:
    rng = np.random.default_rng(2)
    given = smooth(rng)[None]
    given[:, 64:128, :64] += 5000
    one = matched(given)
    found = one.found["match_asics"][0]
    assert np.isnan(found[1, 0])
    assert np.isfinite(found).sum() == 15
    np.testing.assert_array_equal(one.values[0, 64:128, :64], given[0, 64:128, :64].astype(np.float32))
    assert np.nanmax(np.abs(found)) < 6


@pytest.mark.parametrize("largest", [15.0, 1000.0])
def test_against_least_squares_with_flags_stages_and_numbers_that_are_none(largest: float) -> None:
    kind, rng = replace(AGIPD1M, shape=(48, 32), asic_shape=(16, 16)), np.random.default_rng(3)
    given = rng.normal(0, 9, (2, 48, 32)).astype(np.float32)
    given[rng.random(given.shape) < 0.05] = np.nan
    given[0, 14:18, 16:24] = np.nan  # a block without samples
    stage = (rng.random(given.shape) < 0.2).astype(np.uint8)
    flags = (rng.random((3, 1, 48, 32)) < 0.1).astype(np.uint32)
    one = matched(given, stage, kind, MatchAsics(largest=largest), BadPixelsDark=OfSamples(flags, (0,), 0))
    good = (stage == 0) & (flags[0] == 0) & np.isfinite(given)
    for frame in range(2):
        found = list(edges(given[frame].astype(float), good[frame], largest))
        matrix = np.array([np.eye(6)[other] - np.eye(6)[one] for one, other, _ in found])
        expected = np.linalg.lstsq(matrix, np.array([step for *_, step in found]), rcond=None)[0]
        np.testing.assert_allclose(one.found["match_asics"][frame].ravel(), expected, atol=1e-4)


def edges(values: Array, good: Array, largest: float) -> Any:
    """Both ASICs of 16 × 16 pixels and the mean step of each border, once for each of its blocks that is believed."""
    def mean(part: tuple[slice, slice]) -> float:
        return float(values[part][good[part]].mean()) if good[part].any() else np.nan

    for i, j, axis in np.ndindex(3, 2, 2):
        if (i, j)[axis] == 0:
            continue
        steps = []
        for k in range(2):
            edge, along = 16 * (i, j)[axis], slice(16 * (j, i)[axis] + 8 * k, 16 * (j, i)[axis] + 8 * k + 8)
            before, behind = ((across, along) if axis == 0 else (along, across)
                              for across in (slice(edge - 2, edge), slice(edge, edge + 2)))
            steps.append(mean(behind) - mean(before))
        believed = [step for step in steps if abs(step) < largest]
        yield from [(2 * i + j - (2, 1)[axis], 2 * i + j, np.mean(believed))] * len(believed)


def test_frames_do_not_know_of_each_other() -> None:
    given = [smooth(np.random.default_rng(seed)) for seed in range(3)]
    together = matched(given).found["match_asics"]
    np.testing.assert_array_equal(together, np.concatenate([matched([one]).found["match_asics"] for one in given]))

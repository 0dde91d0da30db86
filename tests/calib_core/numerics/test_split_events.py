"""Events against a second classification in plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.correction.split_events import codes
from calib_core.numerics.split_events import classify

from ...events import SHAPES, classified

SHAPE, ASIC = (48, 60), (24, 20)
CLASSES = (100, 200, 300, 400, 1000, 1001, 1002)


def frames(n: int, seed: int, whole: bool = False) -> np.ndarray:
    """Noise of 1 with photons that spill over; whole numbers make many samples equal."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (n, *SHAPE))
    for frame in values:
        for y, x in rng.integers(1, np.array(SHAPE) - 1, (60, 2)):
            frame[y - 1:y + 2, x - 1:x + 2] += rng.uniform(0, 12, (3, 3)) * (rng.random((3, 3)) < 0.4)
            frame[y, x] += 14
    return (np.round(values) if whole else values).astype(np.float32)


def thresholds(seed: int, n: int = 1) -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(seed).uniform(0.8, 1.2, (n, *SHAPE))
    return (5 * noise).astype("f4"), (3 * noise).astype("f4")


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("each", [False, True])
def test_codes_and_sums_are_those_of_a_second_classification(strict: bool, whole: bool, each: bool) -> None:
    values = frames(60, 3, whole)
    bad = np.random.default_rng(4).random(values.shape) < 0.01
    first, second = thresholds(5, len(values) if each else 1)
    patterns, sums, counts = classify(values, bad, first, second, 60.0, codes(), ASIC, strict)
    met: set[int] = set()
    for i, frame in enumerate(values):
        k = i if each else 0
        expected, total = classified(frame, bad[i], first[k], second[k], 60.0, ASIC, strict)
        np.testing.assert_array_equal(patterns[i], expected)
        np.testing.assert_array_equal(sums[i], total)
        classes = [int((expected // 100 == code // 100).sum() if code < 1000 else (expected == code).sum())
                   for code in CLASSES]
        np.testing.assert_array_equal(counts[i], [*classes, 0])
        met |= set(np.unique(expected).tolist())
    assert met >= {0, *SHAPES.values(), 1000, 1001, 1002}


def of_one(*samples: tuple[int, int, float]) -> tuple[np.ndarray, np.ndarray]:
    """Codes and sums of a frame with some samples and nothing else."""
    values = np.zeros((1, 12, 12), np.float32)
    for row, col, value in samples:
        values[0, row, col] = value
    flat = np.ones((1, 12, 12), np.float32)
    patterns, sums, _ = classify(values, values < 0, 5 * flat, 3 * flat, 100.0, codes(), (12, 12))
    return patterns[0], sums[0]


def test_of_equal_samples_the_first_is_the_largest() -> None:
    patterns, sums = of_one((5, 5, 9), (5, 6, 9))
    assert (patterns[5, 5], patterns[5, 6], sums[5, 5]) == (200, 0, 18)
    patterns, sums = of_one((5, 5, 9), (6, 5, 9))
    assert (patterns[5, 5], patterns[6, 5], sums[5, 5]) == (201, 0, 18)


def test_thresholds_themselves_are_not_above() -> None:
    patterns, sums = of_one((5, 5, 5), (8, 8, 5.5), (8, 9, 3))
    assert patterns[5, 5] == 0
    assert (patterns[8, 8], sums[8, 8]) == (100, 5.5)


def test_a_quad_needs_its_corner_and_not_that_it_is_the_smallest() -> None:
    patterns, _ = of_one((5, 5, 20), (5, 6, 6), (6, 5, 5), (6, 6, 7))
    assert patterns[5, 5] == 402
    patterns, _ = of_one((5, 5, 20), (5, 6, 6), (6, 5, 5), (4, 4, 7))
    assert patterns[5, 5] == 1000


def test_only_events_above_a_sum_are_counted() -> None:
    values = np.zeros((1, 12, 12), np.float32)
    values[0, 3, 3], values[0, 8, 8] = 6, 20
    flat = np.ones((1, 12, 12), np.float32)
    patterns, _, counts = classify(values, values < 0, 5 * flat, 3 * flat, 100.0, codes(), (12, 12), counted_above=10)
    assert (patterns[0, 3, 3], patterns[0, 8, 8], counts[0].tolist()) == (100, 100, [1, 0, 0, 0, 0, 0, 0, 1])


def test_small_events_of_any_kind_are_counted_together() -> None:
    """So many as a second classification finds; codes and sums do not change."""
    values = frames(20, 6)
    bad = np.random.default_rng(7).random(values.shape) < 0.01
    first, second = thresholds(8)
    patterns, sums, all_of_them = classify(values, bad, first, second, 60.0, codes(), ASIC)
    same, alike, counts = classify(values, bad, first, second, 60.0, codes(), ASIC, counted_above=18.0)
    np.testing.assert_array_equal(same, patterns)
    np.testing.assert_array_equal(alike, sums)
    np.testing.assert_array_equal(counts.sum(axis=1), all_of_them.sum(axis=1))
    for i in range(len(values)):
        for place, code in enumerate(CLASSES[:4]):  # sums of refused events are not in the files
            mine = patterns[i] // 100 == code // 100
            assert counts[i, place] == (sums[i][mine] > np.float32(18)).sum()
    assert counts[:, 7].sum() > 30


def test_what_does_not_fit_is_refused() -> None:
    values, flat = np.zeros((2, 12, 12), np.float32), np.ones((1, 12, 12), np.float32)
    with pytest.raises(ValueError, match="bad must be"):
        classify(values, np.zeros((1, 12, 12), bool), flat, flat, 1.0, codes(), (12, 12))
    with pytest.raises(ValueError, match="primary must be"):
        classify(values, values < 0, np.ones((3, 12, 12), np.float32), flat, 1.0, codes(), (12, 12))
    with pytest.raises(ValueError, match="frames have axes"):
        classify(values[0], values[0] < 0, flat, flat, 1.0, codes(), (12, 12))

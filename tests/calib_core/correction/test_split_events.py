"""The step against a second classification, and shares of classes against photons shared by error functions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.constants.constant import NOISE
from calib_core.correction.gain_map import GainMap
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.split_events import COUNTS, SplitEvents
from calib_core.correction.step import Images, Known
from calib_core.detector.registry import detector_type

from ...events import classified, shared
from ...known import images_of

SHAPE, ASIC = (200, 240), (100, 120)
#: ADU of the line, of the noise, and the cloud in pixels.
PEAK, SIGMA, CLOUD = 132.0, 3.0, 7 / 50


@pytest.fixture
def kind():
    whole = detector_type("EPIX100")
    return replace(whole, shape=SHAPE, asic_shape=ASIC, bank_shape=(100, 30), regions=(), variants=())


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(2).uniform(0.9, 1.1, SHAPE).astype(np.float32) * np.float32(SIGMA)


def lit(frames: int, photons: int, seed: int, spread: np.ndarray) -> Images:
    rng = np.random.default_rng(seed)
    values = [shared(SHAPE, photons, PEAK, CLOUD, rng) + rng.normal(0, spread) for _ in range(frames)]
    return images_of(np.array(values, np.float32)).copy()


def test_sums_stand_in_place_of_samples(kind, noise: np.ndarray) -> None:
    images = lit(4, 400, 6, noise)
    images.mask[:, 50:52] = 8
    images.values[1, 20, 20] = np.nan
    noise[70, 70] = 0
    before, bad = images.values.copy(), images.mask != 0
    bad[1, 20, 20] = bad[:, 70, 70] = True
    SplitEvents().bind(Known({NOISE.name: noise}), kind).apply(images)
    for frame, hidden, codes, sums in zip(before, bad, images.found["split_events"], images.values, strict=True):
        expected, total = classified(frame, hidden, np.float32(7) * noise, np.float32(5) * noise, 1000.0, ASIC)
        np.testing.assert_array_equal(codes, expected)
        np.testing.assert_array_equal(sums, total)
    assert {1000, 1001} < set(np.unique(images.found["split_events"]))
    assert (images.found["split_events"].dtype, images.values.dtype) == (np.int32, np.float32)
    assert images.found[COUNTS].sum() == np.count_nonzero(images.found["split_events"])


def test_thresholds_follow_the_relative_gain(kind, noise: np.ndarray) -> None:
    """In twice as many ADU the same samples are events, though the noise constant is that of the raw ones."""
    plain, doubled = lit(2, 200, 7, noise), lit(2, 200, 7, noise)
    SplitEvents().bind(Known({NOISE.name: noise}), kind).apply(plain)
    both = Known({NOISE.name: noise, "GainMap": np.full(SHAPE, 2, np.float32)})
    Pipeline([GainMap(), SplitEvents(largest=2000.0)]).bind(both, kind).apply(doubled)
    np.testing.assert_array_equal(doubled.found["split_events"], plain.found["split_events"])
    np.testing.assert_array_equal(doubled.values, 2 * plain.values)


def shares(codes: np.ndarray) -> np.ndarray:
    return np.array([(codes // 100 == number).sum() for number in (1, 2, 3, 4)] + [(codes == 1000).sum()])


def test_shares_of_classes_are_those_of_an_independent_simulation(kind) -> None:
    """Other photons, other noise, other code: the shares agree within three standard deviations."""
    spread = np.full(SHAPE, SIGMA, np.float32)
    images = lit(40, 48, 8, spread)
    SplitEvents().bind(Known({NOISE.name: spread}), kind).apply(images)
    found = shares(images.found["split_events"])
    rng, expected = np.random.default_rng(9), np.zeros(5, int)
    nothing = np.zeros(SHAPE, bool)
    for _ in range(60):
        frame = shared(SHAPE, 48, PEAK, CLOUD, rng) + rng.normal(0, SIGMA, SHAPE)
        codes, _ = classified(frame, nothing, 7 * spread, 5 * spread, 1000.0, ASIC)
        expected += shares(codes)
    n, m = found.sum(), expected.sum()
    p, q = found / n, expected / m
    error = np.sqrt(q * (1 - q) * (1 / n + 1 / m))
    assert n > 1500
    assert (abs(p - q) < 3 * error).all()
    # what the specification of the thresholds has for this energy, noise and cloud, which has no edges of ASICs
    assert abs(p[:4] - [0.43, 0.48, 0.05, 0.02]).max() < 0.04


def test_each_direction_is_as_frequent(kind) -> None:
    images = lit(40, 100, 10, np.full(SHAPE, SIGMA, np.float32))
    SplitEvents().bind(Known({NOISE.name: np.full(SHAPE, SIGMA, np.float32)}), kind).apply(images)
    codes = images.found["split_events"]
    counts = np.array([(codes == code).sum() for code in (200, 201, 202, 203)])
    assert counts.sum() > 1000
    assert (abs(counts - counts.mean()) < 4 * np.sqrt(counts.mean())).all()

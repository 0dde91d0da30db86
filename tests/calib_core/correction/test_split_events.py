"""The step against a second classification, and shares of classes against photons shared by error functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from calib_core.constants.constant import NOISE, ConstantKind
from calib_core.correction.absolute_gain import AbsoluteGain
from calib_core.correction.bound_constant import Known, KnownConstant
from calib_core.correction.gain_map import GainMap
from calib_core.correction.images import Images
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.split_events import COUNTS, SplitEvents
from calib_core.detector.registry import detector_type

from ...events import classified, shared
from ...known import images_of
from ...lit_frames import PIXEL, charge

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


def test_a_secondary_threshold_above_the_primary_is_the_primary(kind, noise: np.ndarray) -> None:
    high, same = lit(2, 200, 7, noise), lit(2, 200, 7, noise)
    for images, secondary in ((high, 9.0), (same, 6.0)):
        SplitEvents(primary=6.0, secondary=secondary).bind(Known({NOISE.name: noise}), kind).apply(images)
    np.testing.assert_array_equal(high.found["split_events"], same.found["split_events"])


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


@pytest.mark.parametrize(("primary", "secondary", "peak", "sigma", "cloud"), [
    pytest.param(4.0, 3.0, 1490.0, 13.0, 10 / 75, id="pnCCD"),
    pytest.param(7.0, 4.0, 125.0, 7.0, 7 / 30, id="FastCCD"),
])
def test_shares_at_other_thresholds_are_those_of_an_independent_simulation(
    primary: float, secondary: float, peak: float, sigma: float, cloud: float, kind,
) -> None:
    """As above, with light, noise and thresholds of other families; events of noise are no photons of half a line."""
    spread, rng = np.full(SHAPE, sigma, np.float32), np.random.default_rng(21)
    drawn = [shared(SHAPE, 48, peak, cloud, rng) + rng.normal(0, sigma, SHAPE) for _ in range(40)]
    images = images_of(np.array(drawn, np.float32)).copy()
    step = SplitEvents(primary=primary, secondary=secondary, largest=1e6)
    step.bind(Known({NOISE.name: spread}), kind).apply(images)
    found = shares(np.where(images.values > peak / 2, images.found["split_events"], 0))
    expected, nothing = np.zeros(5, int), np.zeros(SHAPE, bool)
    for _ in range(60):
        frame = shared(SHAPE, 48, peak, cloud, rng) + rng.normal(0, sigma, SHAPE)
        codes, sums = classified(frame, nothing, primary * spread, secondary * spread, 1e6, ASIC)
        expected += shares(np.where(sums > peak / 2, codes, 0))
    found, expected = found[:4], expected[:4]
    n, m = found.sum(), expected.sum()
    q = (found + expected) / (n + m)
    assert n > 1500
    assert (abs(found / n - expected / m) < 3 * np.sqrt(q * (1 - q) * (1 / n + 1 / m))).all()


def test_classes_lie_beside_the_line_by_what_is_lost_below_the_thresholds(kind) -> None:
    """Peaks that another simulation found at 7 and 5 σ for this energy, noise and cloud, as parts of the energy."""
    spread = np.full(SHAPE, SIGMA, np.float32)
    images = lit(150, 48, 12, spread)
    SplitEvents().bind(Known({NOISE.name: spread}), kind).apply(images)
    codes = images.found["split_events"] // 100
    # of the few of three and four samples the distribution is wide and lopsided
    for number, expected, near in ((1, 0.976, 0.005), (2, 0.989, 0.005), (3, 0.949, 0.02), (4, 1.008, 0.02)):
        sums = images.values[codes == number] / PEAK
        peak, width = np.median(sums), 2 * SIGMA / PEAK
        for _ in range(20):
            peak = sums[abs(sums - peak) < width].mean()
        assert len(sums) > 150
        assert peak == pytest.approx(expected, abs=near)


def test_noise_alone_makes_as_many_events_as_a_gaussian_has(kind) -> None:
    """At 4 σ 3.2e-5 of the samples, 33 in a frame of a million; edges of ASICs are refused, and counted."""
    images = images_of(np.random.default_rng(13).normal(0, SIGMA, (120, *SHAPE)).astype(np.float32)).copy()
    SplitEvents(primary=4.0, secondary=3.0).bind(
        Known({NOISE.name: np.full(SHAPE, SIGMA, np.float32)}), kind).apply(images)
    expected = images.values.size * norm.sf(4)
    assert expected > 150
    assert abs(images.found[COUNTS].sum() - expected) < 4 * np.sqrt(expected)


def test_each_direction_is_as_frequent(kind) -> None:
    images = lit(40, 100, 10, np.full(SHAPE, SIGMA, np.float32))
    SplitEvents().bind(Known({NOISE.name: np.full(SHAPE, SIGMA, np.float32)}), kind).apply(images)
    codes = images.found["split_events"]
    counts = np.array([(codes == code).sum() for code in (200, 201, 202, 203)])
    assert counts.sum() > 1000
    assert (abs(counts - counts.mean()) < 4 * np.sqrt(counts.mean())).all()


@dataclass(frozen=True)
class OfFile(KnownConstant):
    """A gain map with what its file tells."""

    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Both:
    """Noise and a gain map."""

    noise: np.ndarray
    attributes: Mapping[str, Any]

    def get(self, kind: ConstantKind) -> KnownConstant | None:
        """Constants of a module."""
        found = {"Noise": KnownConstant(self.noise),
                 "GainMap": OfFile(np.ones(SHAPE, np.float32), "gain.h5", attributes=self.attributes)}
        return found.get(kind.name)


def test_classes_have_their_own_gain_where_the_map_tells_it(kind, noise: np.ndarray) -> None:
    told = {"adu_per_class": [128.0, 130.0, 120.0, 134.0], "class_thresholds": [7.0, 5.0]}
    plain, scaled = lit(2, 200, 11, noise), lit(2, 200, 11, noise)
    SplitEvents(class_gain=False).bind(Both(noise, told), kind).apply(plain)
    bound = SplitEvents().bind(Both(noise, told), kind)
    assert bound.left_out == ()
    bound.apply(scaled)
    codes = plain.found["split_events"]
    np.testing.assert_array_equal(scaled.found["split_events"], codes)
    expected = plain.values.astype(float)
    for code, peak in zip((100, 200, 300, 400), told["adu_per_class"], strict=True):
        expected[codes // 100 == code // 100] *= 128.0 / peak
    np.testing.assert_allclose(scaled.values, expected, rtol=1e-6)
    assert all((codes // 100 == number).any() for number in (1, 2, 3, 4))


def test_with_factors_the_photons_of_every_class_lie_at_their_energy(kind) -> None:
    """Within 0.5 % with the factors that another simulation found for this energy, noise and cloud.

    Where the peak of the wide and lopsided sums of three and four samples lies is itself known to 1 % only.
    """
    peaks = [PEAK * part for part in (0.976, 0.989, 0.949, 1.008)]
    told = {"adu_per_class": peaks, "class_thresholds": [7.0, 5.0], "adu_per_photon": peaks[0],
            "photon_energy": 8.048}
    rng, noise = np.random.default_rng(15), np.full(SHAPE, SIGMA, np.float32)
    values = [charge(rng, 0.001, CLOUD * PIXEL, SHAPE) * PEAK + rng.normal(0, SIGMA, SHAPE) for _ in range(250)]
    images = images_of(np.array(values, np.float32)).copy()
    Pipeline([GainMap(), SplitEvents(), AbsoluteGain()]).bind(Both(noise, told), kind).apply(images)
    codes = images.found["split_events"] // 100
    for number, within in ((1, 0.005), (2, 0.005), (3, 0.02), (4, 0.02)):
        sums = images.values[codes == number] / 8.048
        peak, width = np.median(sums), 2 * SIGMA / PEAK
        for _ in range(20):
            peak = sums[near := abs(sums - peak) < width].mean()
        assert sums[near].std() / np.sqrt(near.sum()) < within / 5
        assert peak == pytest.approx(1, abs=within), number


@pytest.mark.parametrize(("told", "why"), [
    ({}, "gain.h5 does not tell adu_per_class, the peaks of events of one to four samples, which no job here "
         "measures"),
    ({"adu_per_class": [1.0, 2.0]}, "gain.h5 does not tell adu_per_class"),
    ({"adu_per_class": [128.0, 130.0, 0.0, 134.0], "class_thresholds": [7.0, 5.0]}, "gain.h5 does not tell"),
    ({"adu_per_class": [128.0, 130.0, 120.0, 134.0], "class_thresholds": [5.0, 3.0]},
     "that of gain.h5 is of the thresholds 5 and 3 σ, and events are told by 7 and 5 σ."),
    ({"adu_per_class": [128.0, 130.0, 120.0, 134.0]}, "that of gain.h5 is of the thresholds unknown σ"),
])
def test_a_gain_of_classes_that_is_not_known_or_of_other_thresholds_is_told(
    told: dict[str, Any], why: str, kind, noise: np.ndarray,
) -> None:
    bound = Pipeline([SplitEvents()]).bind(Both(noise, told), kind)
    [skipped] = bound.skipped
    assert skipped.reason.startswith(f"Gain of classes is left out: {why}")
    assert len(bound.steps) == 1
    assert Pipeline([SplitEvents(class_gain=False)]).bind(Both(noise, told), kind).skipped == ()


def test_absolute_gain_follows_relative_gain(kind, noise: np.ndarray) -> None:
    constants = Both(noise, {"adu_per_photon": 132.0, "photon_energy": 8.048})
    bound = Pipeline([GainMap(on=False), AbsoluteGain()]).bind(constants, kind)
    assert [one.reason for one in bound.skipped] == ["Absolute gain is left out: relative gain is not done."]
    assert len(Pipeline([GainMap(), AbsoluteGain()]).bind(constants, kind).steps) == 2

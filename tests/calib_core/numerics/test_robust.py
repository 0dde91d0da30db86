"""Medians against NumPy, one pixel at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calib_core.numerics import robust


def reference(samples, lowest, highest):
    pixels = samples.shape[1]
    middle, mad = np.full(pixels, np.nan, np.float32), np.full(pixels, np.nan, np.float32)
    count = np.zeros(pixels, np.uint32)
    for i in range(pixels):
        kept = samples[(samples[:, i] >= lowest) & (samples[:, i] <= highest), i].astype(np.float64)
        count[i] = kept.size
        if kept.size:
            middle[i] = np.median(kept)
            mad[i] = np.median(np.abs(kept - np.median(kept)))
    return middle, mad, count


def assert_equal_reference(samples, lowest=0, highest=65535):
    expected = reference(samples, lowest, highest)
    for found, truth in zip(robust.median_mad(samples, lowest, highest), expected, strict=True):
        np.testing.assert_array_equal(found, truth, strict=True)
    np.testing.assert_array_equal(robust.median(samples, lowest, highest), expected[0], strict=True)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 7, 8, 33, 128, 300])
@pytest.mark.parametrize("pixels", [1, 31, 33, 545])
@pytest.mark.parametrize(("bottom", "top"), [(0, 65536), (0, 2), (4990, 5010), (65530, 65536)])
def test_equal_to_numpy_with_ties_and_even_numbers(frames, pixels, bottom, top):
    rng = np.random.default_rng(frames * pixels)
    assert_equal_reference(rng.integers(bottom, top, (frames, pixels), dtype=np.uint16))


@given(frames=st.integers(1, 40), pixels=st.integers(1, 40), seed=st.integers(0, 2**32 - 1),
       limits=st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted),
       base=st.sampled_from([0, 5000, 65535 - 30]))
@settings(deadline=None, max_examples=150)
def test_samples_outside_the_limits_do_not_count(frames, pixels, seed, limits, base):
    rng = np.random.default_rng(seed)
    samples = (base + rng.integers(0, 31, (frames, pixels))).astype(np.uint16)
    assert_equal_reference(samples, base + limits[0], base + limits[1])


@given(seed=st.integers(0, 2**32 - 1), lost=st.floats(0, 1))
@settings(deadline=None, max_examples=30)
def test_many_missing_and_saturated_samples(seed, lost):
    rng = np.random.default_rng(seed)
    samples = rng.normal(5000, 10, (60, 70)).round().astype(np.uint16)
    samples[rng.random(samples.shape) < lost] = rng.choice([0, 16383])
    assert_equal_reference(samples, 1, 16382)


def darks(frames, pixels, seed=0):
    rng = np.random.default_rng(seed)
    samples = rng.normal(rng.normal(5000, 70, pixels), 11, (frames, pixels)).round().astype(np.uint16)
    samples[rng.random(samples.shape) < 1e-3] += 400
    return samples


def not_packed(samples, spread=True):
    """Pixels whose samples did not fit in 8 bits."""
    pixels = samples.shape[1]
    results = (np.empty(pixels, np.float32), np.empty(pixels, np.float32), np.empty(pixels, np.uint32))
    return robust.medians_of(samples, 0, samples.shape[1], np.uint16(1), np.uint16(16382), spread, *results)


@pytest.mark.parametrize("frames", [*range(1, 18), 63, 64, 65, 127, 128, 129, 251, 252, 253, 254, 255, 256, 257])
@pytest.mark.parametrize("base", [0, 1, 100, 128, 5000, 16300, 65280, 65400])
def test_both_ways_meet_at_any_number_of_frames_and_value(frames, base):
    """Narrow, wide and very wide samples side by side, at both ends of what 16 bits hold."""
    rng = np.random.default_rng(frames + base)
    width = rng.choice([0, 1, 2, 60, 126, 127, 128, 129, 200, 254, 255, 256, 257, 300, 20000, 65535], 130)
    samples = (base + rng.random((frames, 130)) * width).clip(0, 65535).astype(np.uint16)
    samples[rng.random(samples.shape) < 0.05] = rng.choice([0, 65535])
    assert_equal_reference(samples)
    assert_equal_reference(samples, 1, 65534)
    assert_equal_reference(samples, base, min(base + 200, 65535))


@pytest.mark.parametrize("frames", [3, 4, 30, 128, 252])
def test_darks_are_done_in_8_bits_with_dead_pixels_among_them(frames):
    samples = darks(frames, 4096)
    samples[:, ::7] = 0
    assert not_packed(samples) < 4096 * 0.02
    assert_equal_reference(samples[:, :300].copy(), 1, 16382)


@pytest.mark.parametrize("change", ["far", "wide", "lost", "long"])
def test_what_does_not_fit_in_8_bits_is_done_in_16(change):
    samples = darks(40, 128)
    if change == "far":  # the frames that are looked at first tell nothing of the others
        samples[:, 3] = 9000
        samples[np.arange(9) * 40 // 9, 3] = 200
    elif change == "wide":
        samples[:, 3] = np.linspace(100, 16000, 40)
    elif change == "lost":
        samples[:, 3] = np.where(np.arange(40) % 4, 0, samples[:, 3])
    else:
        samples = darks(300, 128)
    assert not_packed(samples) in ([128] if change == "long" else [32, 64])  # the pixels of a vector
    assert_equal_reference(samples, 1, 16382)


def test_order_of_frames_does_not_matter():
    rng = np.random.default_rng(1)
    samples = rng.integers(0, 16384, (51, 64), dtype=np.uint16)
    mixed = rng.permutation(samples, axis=0)
    for one, other in zip(robust.median_mad(samples, 0, 16383), robust.median_mad(mixed, 0, 16383), strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_frame_and_no_pixel():
    middle, mad, count = robust.median_mad(np.zeros((0, 5), np.uint16), 0, 65535)
    assert np.isnan(middle).all()
    assert np.isnan(mad).all()
    assert not count.any()
    assert robust.median(np.zeros((3, 0), np.uint16), 0, 65535).shape == (0,)


def test_saturated_pixel_has_no_median():
    samples = np.full((9, 40), 5000, np.uint16)
    samples[:, 7] = 16383
    middle, mad, count = robust.median_mad(samples, 1, 16382)
    assert np.flatnonzero(np.isnan(middle)).tolist() == [7]
    assert np.isnan(mad[7])
    assert count[7] == 0
    assert (np.delete(mad, 7) == 0).all()


def test_read_only_and_strided_samples():
    block = np.random.default_rng(2).integers(0, 9000, (20, 2, 50), dtype=np.uint16)
    block.flags.writeable = False
    assert_equal_reference(block[:, 1])


@pytest.mark.parametrize(("samples", "lowest", "highest"), [
    (np.zeros((3, 3), np.int16), 0, 10),
    (np.zeros(3, np.uint16), 0, 10),
    (np.zeros((3, 3), np.uint16), 10, 0),
    (np.zeros((3, 3), np.uint16), -1, 10),
    (np.zeros((3, 3), np.uint16), 0, 65536),
    (np.zeros((65536, 1), np.uint16), 0, 10),
])
def test_bad_input_is_refused(samples, lowest, highest):
    with pytest.raises(ValueError, match=r"limits|samples|frames"):
        robust.median_mad(samples, lowest, highest)


@given(middle=st.integers(0, 131070).map(lambda v: v / 2), mad=st.integers(0, 4000).map(lambda v: v / 2),
       sigma=st.floats(1, 20), floor=st.floats(0, 100))
@settings(deadline=None)
def test_gate_holds_exactly_the_whole_values_inside(middle, mad, sigma, floor):
    low, high = robust.gate(np.array([middle], np.float32), np.array([mad], np.float32), sigma, floor, 1, 16382)
    half = max(sigma * 1.4826 * mad, floor)
    values = np.arange(65536)
    wanted = (np.abs(values - middle) <= half) & (values >= 1) & (values <= 16382)
    found = (values >= int(low[0])) & (values <= int(high[0]))
    # A value whose distance is the half width to the last bit may fall on either side.
    unsure = np.isclose(np.abs(values - middle), half, rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(found[~unsure], wanted[~unsure])


def test_gate_is_empty_without_median_and_outside_the_limits():
    low, high = robust.gate(np.float32([np.nan, 5000, 200]), np.float32([np.nan, 2, 0]), 5, 3, 1, 1000)
    assert (low > high).tolist() == [True, True, False]
    assert (low[2], high[2]) == (197, 203)
    assert low.dtype == high.dtype == np.uint16
    with pytest.raises(ValueError, match="limits"):
        robust.gate(np.float32([1]), np.float32([1]), 5, 3, 10, 5)


def numpy_gate(median, mad, sigma, floor, lowest, highest):
    centre = median.astype(np.float64)
    half = np.maximum(sigma * 1.4826 * mad.astype(np.float64), floor)
    low, high = np.maximum(np.ceil(centre - half), lowest), np.minimum(np.floor(centre + half), highest)
    full = low <= high
    return np.where(full, low, 1).astype(np.uint16), np.where(full, high, 0).astype(np.uint16)


@pytest.mark.parametrize(("lowest", "highest"), [(1, 16382), (0, 65535), (300, 300)])
def test_gate_has_the_bits_of_numpy_and_goes_where_it_is_told(lowest, highest):
    rng = np.random.default_rng(6)
    median = (rng.integers(0, 131071, (5, 400)) / 2).astype(np.float32)
    mad = (rng.integers(0, 2000, (5, 400)) / 2).astype(np.float32)
    median[:, ::9], mad[:, ::9], mad[:, ::10] = np.nan, np.nan, 0
    for sigma, floor in ((5.0, 3.0), (0.0, 0.0), (1e9, 0.5), (3.3, 2.5)):
        out = np.zeros((2, 5, 400), np.uint16)
        robust.gate(median, mad, sigma, floor, lowest, highest, out=(out[0], out[1]))
        for one, expected in zip(out, numpy_gate(median, mad, sigma, floor, lowest, highest), strict=True):
            np.testing.assert_array_equal(one, expected)
    with pytest.raises(ValueError, match="low must be"):
        robust.gate(median, mad, 5, 3, 0, 9, out=(out[0, :, ::2], out[1]))


def test_gate_recovers_offset_and_noise_from_outliers():
    """One per cent of outliers: the gate keeps the core of the samples and drops the outliers."""
    rng = np.random.default_rng(4)
    samples = rng.normal(5000, 9, (128, 300)).round()
    outlier = rng.random(samples.shape) < 0.01
    samples = np.where(outlier, samples + 400, samples).astype(np.uint16)
    middle, mad, _ = robust.median_mad(samples, 1, 16382)
    low, high = robust.gate(middle, mad, 5.0, 3.0, 1, 16382)
    inside = (samples >= low) & (samples <= high)
    assert not inside[outlier].any()
    assert inside[~outlier].mean() > 0.999

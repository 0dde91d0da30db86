"""Closure pulls against NumPy, and their widths against simulated samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calib_core.numerics.closure import Quarters, expected_width, pulls, quarter_of, quarters

PIXELS, BANKS = 8192, 4
BANK = (np.arange(PIXELS) * BANKS // PIXELS).astype(np.int64)
GOOD = np.ones(PIXELS, bool)


def samples(n: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(1000, 9, (n, PIXELS))


def summed(values: Any, train: Any = None) -> Quarters:
    """Sums of samples inside a gate of five standard deviations."""
    trains = 1_000_000 + np.arange(len(values), dtype=np.uint64) if train is None else train
    gate = (np.full(PIXELS, at, np.float32) for at in (955, 1045))
    return quarters(np.rint(values).astype(np.float32), quarter_of(trains), *gate, BANK)


def test_quarters_are_those_of_the_trains() -> None:
    train = np.array([11, 12, 13, 14, 15, 16], np.uint64)
    np.testing.assert_array_equal(quarter_of(train), [0, 1, 0, 3, 2, 3])
    np.testing.assert_array_equal(quarter_of(2 * train), [0, 1, 0, 3, 2, 3])
    np.testing.assert_array_equal(quarter_of(np.repeat(train[:2], 2)), [0, 0, 3, 3])
    assert quarter_of(train[:0]).size == 0


@pytest.mark.parametrize("split", ["even and odd trains", "first and second half"])
def test_pulls_are_those_of_numpy(split: str) -> None:
    values = np.rint(samples(40))
    values[7, 5], values[3, 9] = 3000, np.nan
    kept = np.where((values >= 955) & (values <= 1045), values, np.nan)
    a, b = (kept[::2], kept[1::2]) if "even" in split else (kept[:20], kept[20:])
    n_a, n_b = (np.isfinite(one).sum(axis=0) for one in (a, b))
    s_a, s_b = np.nanstd(a, axis=0, ddof=1), np.nanstd(b, axis=0, ddof=1)
    means = (np.nanmean(a, axis=0) - np.nanmean(b, axis=0)) / np.sqrt(s_a**2 / n_a + s_b**2 / n_b)
    deviations = np.log(s_a / s_b) / np.sqrt(0.5 / (n_a - 1) + 0.5 / (n_b - 1))
    for found, expected in zip(pulls(summed(values), split, GOOD, BANK), (means, deviations), strict=True):
        medians = np.median(expected.reshape(BANKS, -1), axis=1)
        assert found.shift == pytest.approx(np.median(medians), abs=1e-6)
        left = (expected - np.repeat(medians, PIXELS // BANKS)).clip(-5, 5)
        assert found.width == pytest.approx(left.std(), rel=1e-6)
        assert (found.pixels, found.samples) == (PIXELS, 40)


@pytest.mark.parametrize(("n", "width"), [(20, 1.061), (30, 1.038), (60, 1.016), (128, 1.008)])
def test_widths_are_those_of_independent_samples(n: int, width: float) -> None:
    assert expected_width(n, 0.0, 2) == pytest.approx(width, abs=0.002)
    found = summed(samples(n))
    assert found.common < 0.02
    for split in ("even and odd trains", "first and second half"):
        means, deviations = pulls(found, split, GOOD, BANK)
        assert means.width == pytest.approx(width, abs=5 / np.sqrt(2 * PIXELS))
        assert deviations.width == pytest.approx(width, abs=0.015 + 5 / np.sqrt(2 * PIXELS))
        assert abs(means.shift) < 5 * np.sqrt(np.pi / 2 / PIXELS)


@pytest.mark.parametrize("share", [0.3, 0.44, 0.7])
def test_what_a_bank_has_in_common_is_found_and_makes_pulls_narrower(share: float) -> None:
    rng, n = np.random.default_rng(3), 128
    common = np.repeat(rng.normal(0, 9 * share, (n, BANKS)), PIXELS // BANKS, axis=1)
    found = summed(1000 + rng.normal(0, 9 * np.sqrt(1 - share**2), (n, PIXELS)) + common)
    assert found.common == pytest.approx(share, rel=0.25)
    for split in ("even and odd trains", "first and second half"):
        for one, power in zip(pulls(found, split, GOOD, BANK), (2, 4), strict=True):
            assert one.width == pytest.approx(expected_width(n, found.common, power), abs=0.05)
            assert abs(one.shift) < 5 * share


def test_a_drift_moves_halves_and_makes_trains_in_turn_narrower() -> None:
    drifting = samples(200) + np.linspace(-9, 9, 200)[:, None]
    found = summed(drifting)
    assert found.common < 0.05
    means, _ = pulls(found, "even and odd trains", GOOD, BANK)
    assert means.width == pytest.approx(0.86, abs=0.03)
    means, _ = pulls(found, "first and second half", GOOD, BANK)
    assert means.shift == pytest.approx(-6.9, abs=0.3)


def test_samples_that_are_not_independent_make_pulls_narrower() -> None:
    values = samples(201) - 1000
    for i in range(1, len(values)):
        values[i] = 0.3 * values[i - 1] + np.sqrt(1 - 0.3**2) * values[i]
    means, _ = pulls(summed(1000 + values), "even and odd trains", GOOD, BANK)
    assert means.width == pytest.approx(0.74, abs=0.03)
    means, _ = pulls(summed(1000 + values), "first and second half", GOOD, BANK)
    assert means.width == pytest.approx(1.37, abs=0.04)


def test_trains_in_turn_are_no_common_mode() -> None:
    found = summed(samples(128) + 4.5 * (np.arange(128) % 2)[:, None])
    assert found.common < 0.02
    means, _ = pulls(found, "even and odd trains", GOOD, BANK)
    assert abs(means.shift) > 2


def test_pixels_of_few_samples_and_bad_ones_are_left_out() -> None:
    for n, train in ((19, None), (40, np.array([1] * 33 + [2] * 7, np.uint64))):
        found = summed(samples(n), train)
        assert [one.pixels for one in pulls(found, "even and odd trains", GOOD, BANK)] == [0, 0]
    assert pulls(summed(samples(20)), "first and second half", BANK == 1, BANK)[0].pixels == PIXELS // BANKS


def test_what_does_not_fit_is_refused() -> None:
    low = np.zeros(PIXELS, np.float32)
    with pytest.raises(ValueError, match="values"):
        quarters(np.zeros((3, PIXELS)), np.zeros(3, np.int64), low, low, BANK)
    with pytest.raises(ValueError, match="bank"):
        quarters(np.zeros((3, PIXELS), np.float32), np.zeros(3, np.int64), low, low, BANK[1:])

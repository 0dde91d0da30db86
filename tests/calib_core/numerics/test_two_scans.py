"""Series that are the mean of two scans of one run, against what was drawn."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from calib_core.numerics.scan_columns import one_series, scan_starts, whole_scans
from calib_core.numerics.scan_fits import HOOK, LINE, medium_fits, region_lines
from calib_core.numerics.scan_regions import HIGH, MEDIUM, MIN_GAIN_STEP, OK, ScanRegions, scan_regions

from .scans import ZONE, Scan, scan

Array = Any
PIXELS, SWITCH = 2000, 200


@lru_cache(4)
def merged(number: int, later: int, loose: bool) -> tuple[Scan, Scan, Scan, ScanRegions]:
    """The first scan, the second, in which pixels switch later, their mean, and its regions."""
    pair = [scan(PIXELS, number, SWITCH, seed=9, again=1 + k, later=k * later, loose=loose) for k in range(2)]
    kept = np.concatenate([np.stack([one.analog, one.code]) for one in pair], axis=2).transpose(2, 0, 1)
    means = kept.astype(float).mean(axis=2).T
    scans = whole_scans(scan_starts(*means), len(kept))
    assert scans == [(0, number), (number, number)]
    analog, code = one_series(np.ascontiguousarray(kept), scans, np.arange(PIXELS), MIN_GAIN_STEP)
    both = replace(pair[0], analog=analog, code=code)
    return pair[0], pair[1], both, scan_regions(both.x, analog, code)


@pytest.mark.parametrize("loose", [False, True])
@pytest.mark.parametrize("later", [2, 10])
def test_regions_are_those_that_both_scans_have(later: int, loose: bool) -> None:
    first, second, both, found = merged(600, later, loose)
    high = (both.x < first.switch[:, None] - ZONE) & both.there
    medium = (both.x >= second.switch[:, None] + ZONE) & both.there
    assert (found.status == OK).mean() >= 0.998
    assert (found.label == HIGH)[high].mean() >= 0.99
    assert (found.label == MEDIUM)[medium].mean() >= 0.99
    assert medium[found.label == MEDIUM].mean() >= 0.99


@pytest.mark.parametrize("later", [2, 10])
def test_thresholds_are_half_as_uncertain_in_square(later: int) -> None:
    first, _, _, found = merged(600, later, False)
    error = found.threshold - first.threshold
    assert abs(np.median(error)) < 0.1  # halves that are all rounded upwards make 0.25
    expected = 25 / np.sqrt(2) / 2 * np.sqrt(1 / found.counts[:, HIGH] + 1 / found.counts[:, MEDIUM])
    assert (error / expected).std() < 1.25
    assert (abs(error) < 5).mean() >= 0.99


@pytest.mark.parametrize(("number", "later", "loose"), [(600, 2, False), (600, 10, True), (1200, 10, False)])
def test_lines_of_two_scans_are_unbiased_and_have_their_errors(number: int, later: int, loose: bool) -> None:
    first, _, both, found = merged(number, later, loose)
    high, medium = region_lines(both.x, both.analog, found.label), medium_fits(both.x, both.analog, found.label)
    good = (high.status == LINE) & (medium.status == HOOK)
    assert good.mean() > 0.99
    truth = first.high_slope / first.medium_slope
    ratio = high.slope / medium.slope
    error = ratio * np.hypot(high.slope_error / high.slope, medium.slope_error / medium.slope)
    for name, value, own, of in (("slope HG", high.slope, first.high_slope, high.slope_error),
                                 ("intercept HG", high.intercept, first.base, high.intercept_error),
                                 ("slope MG", medium.slope, first.medium_slope, medium.slope_error),
                                 ("intercept MG", medium.intercept, first.middle, medium.intercept_error),
                                 ("ratio", ratio, truth, error)):
        pull = ((value - own) / of)[good]
        assert abs(pull.mean()) < 0.1, name
        assert pull.std() == pytest.approx(1, abs=0.1), name
    off = (ratio / truth - 1)[good]
    assert abs(np.median(off)) < min(0.001, 3 * 1.2533 * off.std() / np.sqrt(off.size))

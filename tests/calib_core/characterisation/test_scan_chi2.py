"""χ² of fits of scans against NumPy's and SciPy's residuals of the same samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import curve_fit

from calib_core.characterisation.scan_chi2 import chi2, chi2_of_two
from calib_core.numerics.scan_fits import medium_fits, region_lines
from calib_core.numerics.scan_regions import HIGH, MEDIUM, scan_regions

from ..numerics.scans import scan

Array = Any
MARGIN = 20


def found(series: Any, **of_medium: Any) -> tuple[Array, Array]:
    """Regions, and χ² of both stages."""
    label = scan_regions(series.x, series.analog, series.code).label
    high, medium = (region_lines(series.x, series.analog, label), medium_fits(series.x, series.analog, label,
                                                                             **of_medium))
    return label, chi2_of_two(series.x, series.analog, label, high, medium)


def variance_of_neighbours(x: Array, y: Array) -> float:
    """Variance of noise by how far each sample is from the line through its neighbours."""
    part = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
    off = y[1:-1] - (1 - part) * y[:-2] - part * y[2:]
    return float(np.mean(off**2 / (1 + part**2 + (1 - part) ** 2)))


def hook(x: Array, height: float, length: float, slope: float, begin: float) -> Array:
    return height * np.exp(-x / length) + slope * x + begin


@pytest.mark.parametrize("hooked", [True, False])
def test_chi2_is_the_sum_of_residuals_over_freedom_and_noise(hooked: bool) -> None:
    """Of lines by NumPy's polyfit, of hooks by SciPy's curve_fit; a twentieth of the steps is lost."""
    s = scan(12, 600, 200, "trains", seed=3)
    label, values = found(s, hook=hooked)
    for p in range(12):
        for stage, region in enumerate((HIGH, MEDIUM)):
            mine = (label[p] == region) & (s.analog[p] > 0)
            x, y = s.x[mine].astype(float), s.analog[p, mine].astype(float)
            fitted = x <= x[-1] - MARGIN
            start, free = x[0] * stage, 2
            if stage and hooked:
                best = curve_fit(hook, x[fitted] - start, y[fitted], (100, 40, 0.6, 4800), xtol=1e-12, ftol=1e-12)[0]
                left, free = y[fitted] - hook(x[fitted] - start, *best), 4
            else:
                left = y[fitted] - np.polyval(np.polyfit(x[fitted], y[fitted], 1), x[fitted])
            expected = (left**2).sum() / (fitted.sum() - free) / variance_of_neighbours(x, y)
            assert values[stage, p] == pytest.approx(expected, rel=2e-3), (p, stage)


@pytest.mark.many
def test_it_is_one_where_curves_are_right_and_above_where_they_are_not() -> None:
    good = found(scan(2000, 600, 200, seed=5))[1]
    assert np.nanmedian(good, axis=1) == pytest.approx([1, 1], abs=0.02)
    assert (np.abs(good - 1) < 0.6).mean() > 0.99
    bent, straight = found(scan(2000, 600, 200, compression=0.05, seed=5), hook=False)[1]
    assert np.median(bent) > 5
    assert np.median(straight) > 1.5


def test_what_has_no_noise_has_no_chi2_that_is_infinite() -> None:
    deviation, noise, usual = np.array([[0.0, 2.0, 2.0]]), np.array([[0.0, 0.0, 1.0]]), np.full(1, np.nan)
    np.testing.assert_array_equal(chi2(deviation, noise, usual), [[0, np.nan, 4]])

"""Errors that a scan allows: against scattered fits of simulated series, NumPy's covariance, and measured figures."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics.scan_errors import ScanLines, scan_errors
from calib_core.numerics.scan_fits import medium_fits, region_lines
from calib_core.numerics.scan_regions import HIGH, MEDIUM

LINES = ScanLines(slope=30.0, ratio=45.0, noise=(11.0, 8.0), hook=120.0, decay=45.0)
BEGIN_HIGH, BEGIN_MEDIUM, MARGIN = 4950.0, 4700.0, 20


def allowed(steps: int, switch: int):
    return scan_errors(np.arange(switch - MARGIN), np.arange(switch, steps - MARGIN), switch, LINES)


def scattered(steps: int, switch: int, n: int = 3000) -> tuple[float, float, float]:
    """Scatter of slope, ratio and step at the switch between series that differ by their noise alone."""
    rng, x = np.random.default_rng(5), np.arange(steps, dtype=np.int32)
    low = LINES.slope / LINES.ratio
    is_medium = x >= switch
    clean = np.where(is_medium, BEGIN_MEDIUM + low * x + LINES.hook * np.exp(-(x - switch) / LINES.decay),
                     BEGIN_HIGH + LINES.slope * x)
    noise = np.where(is_medium, LINES.noise[1], LINES.noise[0])
    series = np.rint(clean + noise * rng.standard_normal((n, steps))).astype(np.uint16)
    label = np.tile(np.where(is_medium, MEDIUM, HIGH).astype(np.uint8), (n, 1))
    high = region_lines(x, series, label, margin=MARGIN)
    medium = medium_fits(x, series, label, margin=MARGIN, hook_c=(8.0, 160.0))
    by_high = (BEGIN_HIGH + LINES.slope * switch - high.intercept) / high.slope
    by_medium = (BEGIN_MEDIUM + low * switch - medium.intercept) / medium.slope
    ratio = high.slope / medium.slope
    return width(high.slope) / LINES.slope, width(ratio) / LINES.ratio, width(by_medium - by_high) / switch


def width(values: np.ndarray) -> float:
    """Standard deviation by the middle two thirds: a few hooks run to an end of their range."""
    low, high = np.percentile(values, [15.865, 84.135])
    return float(high - low) / 2


@pytest.mark.parametrize(("steps", "switch"), [(600, 200), (600, 300), (1200, 200)])
def test_fits_of_simulated_series_scatter_so_much(steps: int, switch: int) -> None:
    found, expected = allowed(steps, switch), scattered(steps, switch)
    assert found.slope == pytest.approx(expected[0], rel=0.1)
    assert found.ratio == pytest.approx(expected[1], rel=0.1)
    assert found.step == pytest.approx(expected[2], rel=0.1)


@pytest.mark.parametrize(("steps", "switch", "ratio", "step"), [
    (600, 200, 1.3, 2.0), (600, 350, 5.0, 3.4), (1200, 200, 0.19, 0.6)])
def test_figures_that_were_measured_by_others_come_back(steps: int, switch: int, ratio: float, step: float) -> None:
    found = allowed(steps, switch)
    assert 100 * found.ratio == pytest.approx(ratio, rel=0.1)
    assert 100 * found.step == pytest.approx(step, rel=0.1)


def test_lines_alone_are_those_of_numpy() -> None:
    high, medium = np.arange(3, 150), np.arange(260, 500)
    found = scan_errors(high, medium, 200, LINES, with_hook=False)
    of_high, of_medium = (np.polyfit(x, np.zeros(len(x)), 1, cov="unscaled", w=np.full(len(x), 1 / noise))[1]
                          for x, noise in zip((high, medium), LINES.noise, strict=True))
    low = LINES.slope / LINES.ratio
    assert found.slope == pytest.approx(np.sqrt(of_high[0, 0]) / LINES.slope)
    assert found.ratio == pytest.approx(np.hypot(found.slope, np.sqrt(of_medium[0, 0]) / low))


def test_steps_that_are_too_few_have_no_error_and_a_switch_at_the_begin_is_refused() -> None:
    found = scan_errors(np.arange(100), np.arange(120, 124), 120, LINES)
    assert np.isfinite(found.slope)
    assert np.isnan([found.ratio, found.step]).all()
    with pytest.raises(ValueError, match="behind step 0"):
        scan_errors(np.arange(100), np.arange(200), 0, LINES)

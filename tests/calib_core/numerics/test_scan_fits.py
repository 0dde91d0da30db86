"""Fits of simulated scans against what was drawn, NumPy, SciPy and iminuit; and their bits."""

from __future__ import annotations

import hashlib
import inspect
import os
import subprocess
import sys
from dataclasses import fields
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from iminuit import Minuit
from iminuit.cost import LeastSquares
from scipy.stats import t as student

from calib_core.numerics import scan_fits as fits
from calib_core.numerics.scan_fits import (
    FEW_POINTS,
    HOOK,
    LINE,
    WEAK,
    MediumFits,
    RegionLines,
    medium_fits,
    region_lines,
)
from calib_core.numerics.scan_regions import HIGH, MEDIUM, NONE, scan_regions

from .scans import LOSSES, Scan, scan

Array = Any


@lru_cache(3)
def fitted(number: int, switch: int, losses: str = "", compression: float = 0.0) -> tuple[Scan, Array, Array, Array]:
    """4,000 series, their labels, and the fits of those that have regions."""
    s = scan(4000, number, switch, losses, compression, seed=7)
    label = scan_regions(s.x, s.analog, s.code).label
    return s, label, region_lines(s.x, s.analog, label), medium_fits(s.x, s.analog, label)


def ratio(high: RegionLines, medium: MediumFits) -> tuple[Array, Array]:
    value = high.slope / medium.slope
    return value, value * np.hypot(high.slope_error / high.slope, medium.slope_error / medium.slope)


def is_pull(pull: Array, shift: float = 0.1, width: float = 0.1) -> bool:
    """Whether these are finite, with mean 0 and standard deviation 1."""
    return bool(abs(pull.mean()) < shift and abs(pull.std() - 1) < width)


@pytest.mark.parametrize("losses", LOSSES)
@pytest.mark.parametrize("switch", [60, 200, 350])
@pytest.mark.parametrize("number", [600, 1200])
def test_slopes_and_ratio_are_unbiased_and_have_their_errors(number, switch, losses):
    """All pixels that are not flagged, those too whose hooks are below three of their errors."""
    s, _, high, medium = fitted(number, switch, losses)
    assert (high.status == LINE).mean() > 0.99
    good = (high.status == LINE) & np.isin(medium.status, (HOOK, WEAK))
    assert good.mean() > 0.99
    # 600 steps of which half are in high gain leave many weak ones
    assert (medium.status == WEAK).mean() < (0.06 if (number, switch) == (600, 350) else 0.01)
    value, error = ratio(high, medium)
    assert is_pull(((high.slope - s.high_slope) / high.slope_error)[good])
    assert is_pull(((medium.slope - s.medium_slope) / medium.slope_error)[good])
    assert is_pull(((value - s.high_slope / s.medium_slope) / error)[good])
    for found, truth in ((high.slope, s.high_slope), (value, s.high_slope / s.medium_slope)):
        off = (found / truth - 1)[high.status == LINE]
        off = off[np.isfinite(off)]
        least = 3 * 1.2533 * np.subtract(*np.quantile(off, (0.8413, 0.1587))) / 2 / np.sqrt(off.size)
        assert abs(np.median(off)) < least
        assert switch == 350 or abs(np.median(off)) < 0.001


@pytest.mark.many
def test_a_switch_in_the_first_steps_leaves_few_samples_whose_errors_are_those_of_student():
    """The usual margin leaves none; of n samples pulls are as wide as Student's t with n - 2 degrees of freedom."""
    s = scan(6000, 600, 20, seed=7)
    label = scan_regions(s.x, s.analog, s.code).label
    assert (region_lines(s.x, s.analog, label).status == FEW_POINTS).all()
    high, medium = region_lines(s.x, s.analog, label, margin=3), medium_fits(s.x, s.analog, label)
    good = np.isin(medium.status, (HOOK, WEAK))
    assert good.all()
    assert (high.status == LINE).all()
    value, error = ratio(high, medium)
    pull = (high.slope - s.high_slope) / high.slope_error
    assert is_pull(pull)
    assert is_pull((medium.slope - s.medium_slope) / medium.slope_error)
    assert is_pull((value - s.high_slope / s.medium_slope) / error)
    width = np.sqrt(np.mean(student.var(high.n.astype(float) - 2)))
    assert 1.06 < width < 1.1
    assert pull.std() == pytest.approx(width, abs=0.03)


def test_pixels_that_go_to_and_fro_at_the_switch_have_their_lines_too():
    s = scan(4000, 600, 200, "trains", seed=3, loose=True)
    label = scan_regions(s.x, s.analog, s.code).label
    high, medium = region_lines(s.x, s.analog, label), medium_fits(s.x, s.analog, label)
    assert np.isin(medium.status, (HOOK, WEAK)).mean() >= 0.999
    good = np.isin(medium.status, (HOOK, WEAK))
    value, error = ratio(high, medium)
    assert is_pull(((value - s.high_slope / s.medium_slope) / error)[good])
    assert is_pull(((medium.slope - s.medium_slope) / medium.slope_error)[good])
    assert (medium.largest[good] < 8 * medium.deviation[good]).mean() > 0.999


@pytest.mark.parametrize(("number", "switch"), [(600, 60), (600, 200), (1200, 200)])
def test_hooks_and_intercepts_are_those_that_were_drawn(number, switch):
    s, label, _, medium = fitted(number, switch)
    good = medium.status == HOOK
    assert is_pull(((medium.decay - s.decay) / medium.decay_error)[good], width=0.15)
    start = s.x[np.argmax(label == MEDIUM, axis=1)]
    np.testing.assert_array_equal(medium.start[good], start[good])
    hook = s.hook * np.exp(-(start - s.switch) / s.decay)
    assert is_pull(((medium.hook - hook) / medium.hook_error)[good])
    assert is_pull(((medium.intercept - s.middle) / medium.intercept_error)[good])
    assert np.median(medium.deviation[good]) == pytest.approx(8, rel=0.02)


@pytest.mark.parametrize(("number", "switch"), [(600, 200), (600, 350), (1200, 200), (1200, 350)])
def test_compression_is_found_and_nothing_else(number, switch):
    bent = np.abs(fitted(number, switch, compression=0.02)[2].curvature_t)
    straight = np.abs(fitted(number, switch)[2].curvature_t)
    assert (bent > 5).mean() >= 0.99
    assert (straight > 5).mean() < 0.001
    assert np.nanstd(fitted(number, switch)[2].curvature_t) == pytest.approx(1, abs=0.05)


def test_the_first_part_of_high_gain_is_less_compressed():
    s, label, high, _ = fitted(600, 200, compression=0.02)
    part = region_lines(s.x, s.analog, label, part=0.6)
    off, off_part = (np.nanmedian(one.slope / s.high_slope) - 1 for one in (high, part))
    assert off < 2 * off_part < 0


def points(s: Scan, label: Array, p: int, region: int, first: float, last: float) -> tuple[Array, Array]:
    mine = (label[p] == region) & (s.x >= first) & (s.x <= last)
    return s.x[mine].astype(float), s.analog[p, mine].astype(float)


def test_lines_are_those_of_numpy():
    """Slope, intercept, their errors, residuals, and t of the quadratic term, of the same samples."""
    s, label, high, _ = fitted(600, 200, "trains")
    some = region_lines(s.x, s.analog[:50], label[:50], margin=31, first=9, part=0.9)
    for p in range(50):
        ends = s.x[label[p] == HIGH][[0, -1]]
        for found, first, last in (
            (high, 0, ends[1] - 20), (some, ends[0] + 9, min(ends[1] - 31, ends[0] + 0.9 * (ends[1] - ends[0]))),
        ):
            x, y = points(s, label, p, HIGH, first, last)
            (slope, intercept), covariance = np.polyfit(x, y, 1, cov=True)
            left = y - slope * x - intercept
            bend, of_bend = np.polyfit(x, y, 2, cov=True)
            expected = (slope, intercept, *np.sqrt(np.diag(covariance)), np.sqrt((left**2).mean()),
                        np.abs(left).max(), bend[0] / np.sqrt(of_bend[0, 0]))
            values = [getattr(found, field.name)[p] for field in fields(found)]
            np.testing.assert_allclose(values[:7], expected, rtol=1e-4)
            assert values[7:] == [len(x), LINE]


def test_straight_lines_of_medium_gain_are_those_of_numpy():
    s, label, _, _ = fitted(600, 200, "trains")
    for interval in (None, (402, 552)):
        found = medium_fits(s.x, s.analog[:50], label[:50], margin=30, hook=False, interval=interval)
        assert (found.status == LINE).all()
        assert np.isnan(found.hook).all()
        for p in range(50):
            last = s.x[label[p] == MEDIUM][-1] - 30
            x, y = points(s, label, p, MEDIUM, *(interval or (0, last)))
            (slope, intercept), covariance = np.polyfit(x, y, 1, cov=True)
            left = y - slope * x - intercept
            values = (found.slope, found.intercept, found.slope_error, found.intercept_error, found.covariance,
                      found.deviation, found.largest, found.n)
            expected = (slope, intercept, *np.sqrt(np.diag(covariance)), covariance[0, 1], np.sqrt((left**2).mean()),
                        np.abs(left).max(), len(x))
            np.testing.assert_allclose([one[p] for one in values], expected, rtol=1e-4)


def test_fixed_intervals_are_those_of_high_gain_too():
    s, label, _, _ = fitted(600, 200)
    found = region_lines(s.x, s.analog[:50], label[:50], margin=3, first=99, interval=(42, 122))
    for p in range(50):
        x, y = points(s, label, p, HIGH, 42, 122)
        assert (found.slope[p], found.n[p]) == (pytest.approx(np.polyfit(x, y, 1)[0], rel=1e-5), len(x))


def test_a_line_through_all_of_medium_gain_is_too_flat_and_late_ones_are_not():
    s, label, _, _ = fitted(600, 200)
    off = [np.median(medium_fits(s.x, s.analog, label, hook=False, **limits).slope / s.medium_slope) - 1
           for limits in ({}, {"interval": (402, 552)})]
    assert -0.3 < off[0] < -0.15
    assert abs(off[1]) < 0.03


def curve(x: Array, hook: float, decay: float, slope: float, intercept: float) -> Array:
    return hook * np.exp(-x / decay) + slope * x + intercept


def test_hooks_are_at_the_minimum_that_iminuit_finds():
    """1,000 series of lengths, switches and losses; errors too are those of its covariance."""
    away, errors, larger = [], [], []
    for number, switch, losses in ((600, 60, "trains"), (600, 200, "gaps"), (1200, 350, "")):
        s, label, _, medium = drawn(number, switch, losses)
        for p in np.flatnonzero(medium.status == HOOK):
            start = medium.start[p]
            x, y = points(s, label, p, MEDIUM, start, s.x[label[p] == MEDIUM][-1] - 20)
            at = medium.hook[p], medium.decay[p], medium.slope[p], medium.intercept[p] + start * medium.slope[p]
            cost = LeastSquares(x - start, y, medium.deviation[p], curve)
            fit = Minuit(cost, 100, 40, 0.6, y[-1] - 0.6 * (x[-1] - start))
            fit.limits["decay"], fit.tol = (2, 1000), 0.001
            fit.migrad()
            away.append(np.abs(np.subtract(at, fit.values) / fit.errors).max())
            freedom = np.sqrt(len(x) / (len(x) - 4))
            errors.append((medium.slope_error[p], medium.hook_error[p], medium.decay_error[p])
                          / (freedom * np.array([fit.errors[k] for k in (2, 0, 1)])))
            larger.append(fit.fcn(at) - fit.fval)
    assert len(away) >= 990
    assert (np.array(away) < 0.1).mean() >= 0.999
    assert (np.array(larger) < 0.01).mean() >= 0.999
    assert np.abs(np.median(errors, axis=0) - 1).max() < 0.02


def drawn(number: int, switch: int, losses: str) -> tuple[Scan, Array, RegionLines, MediumFits]:
    s = scan(334, number, switch, losses, seed=number + switch)
    label = scan_regions(s.x, s.analog, s.code).label
    return s, label, region_lines(s.x, s.analog, label), medium_fits(s.x, s.analog, label)


def weak_hooks() -> tuple[Scan, Array, MediumFits, Array]:
    """Where a scan ends soon behind the switch; and which hooks cannot be told from noise."""
    s, label, _, medium = fitted(600, 350, "gap over the switch")
    return s, label, medium, medium.status == WEAK


def test_slopes_beside_weak_hooks_are_not_those_of_lines_alone():
    """A line through the same samples is low by many of its errors, and without bias beside the hook."""
    s, label, medium, weak = weak_hooks()
    assert weak.sum() > 100
    line = medium_fits(s.x, s.analog[weak], label[weak], hook=False)
    assert np.median((line.slope - s.medium_slope[weak]) / line.slope_error) < -5
    pull = ((medium.slope - s.medium_slope) / medium.slope_error)[weak]
    assert abs(np.median(pull)) < 1
    assert np.abs(pull).max() < 4
    assert (np.abs(medium.hook) < 3 * medium.hook_error)[weak].all()
    assert not (np.abs(medium.hook) < 3 * medium.hook_error)[medium.status == HOOK].any()


def test_weak_hooks_and_their_errors_are_those_of_numpy():
    """No decay is better by half a unit of χ², and errors are from the derivatives at the one that was found."""
    s, label, medium, weak = weak_hooks()
    off, errors, better = [], [], []
    for p in np.flatnonzero(weak & (medium.decay > 8) & (medium.decay < 160))[:60]:
        x, y = points(s, label, p, MEDIUM, 0, s.x[label[p] == MEDIUM][-1] - 20)
        after, decay = x - medium.start[p], float(medium.decay[p])
        squares, best, known = least_squares(after, x, y, decay)
        shape = np.column_stack((known, best[0] * known[:, 0] * after / decay**2))
        covariance = np.linalg.inv(shape.T @ shape) * squares / (len(x) - 4)
        off.append((medium.slope[p] - best[1]) / medium.slope_error[p])
        errors.append(medium.slope_error[p] / np.sqrt(covariance[1, 1]))
        least = min(least_squares(after, x, y, one)[0] for one in np.geomspace(8, 160, 25))
        better.append((squares - least) / squares * (len(x) - 4))
    assert np.abs(off).max() < 0.6
    assert np.quantile(np.abs(np.array(errors) - 1), 0.9) < 0.02
    assert np.abs(np.array(errors) - 1).max() < 0.2
    assert max(better) < 0.5


def least_squares(after: Array, x: Array, y: Array, decay: float) -> tuple[float, Array, Array]:
    """Sum of squares, hook, slope and intercept at a decay, and what they are multiplied with."""
    known = np.stack((np.exp(-after / decay), x, np.ones_like(x)), axis=1)
    best = np.linalg.lstsq(known, y, rcond=None)[0]
    return float(((y - known @ best) ** 2).sum()), best, known


def test_no_hook_is_a_weak_one_unless_none_is_fitted():
    """Errors are those beside a hook that may be there, at least as large; without one they are those of lines."""
    s = scan(1000, hook=0.0)
    label = scan_regions(s.x, s.analog, s.code).label
    medium, line = medium_fits(s.x, s.analog, label), medium_fits(s.x, s.analog, label, hook=False)
    weak = medium.status == WEAK
    assert weak.mean() > 0.97
    assert (medium.hook_error[weak] > 0).all()
    pull = ((medium.slope - s.medium_slope) / medium.slope_error)[weak]
    assert abs(pull.mean()) < 0.1
    assert 0.5 < pull.std() < 1.1
    assert np.median(medium.slope_error[weak] / line.slope_error[weak]) > 1.5
    assert is_pull((line.slope - s.medium_slope) / line.slope_error)
    assert np.isnan(line.hook).all()


def test_a_decay_outside_of_its_range_is_told():
    s, label, _, _ = fitted(600, 200)
    found = medium_fits(s.x, s.analog[:500], label[:500], hook_c=(8, 20))
    assert (found.status == fits.DECAY_AT_END).mean() > 0.95
    end = found.status == fits.DECAY_AT_END
    assert (found.decay[end] == 20).all()
    for p in np.flatnonzero(end)[:20]:  # the rest is at the minimum for this decay
        x, y = points(s, label, p, MEDIUM, 0, s.x[label[p] == MEDIUM][-1] - 20)
        known = np.stack((np.exp(-(x - found.start[p]) / 20), x, np.ones_like(x)), axis=1)
        best = np.linalg.lstsq(known, y, rcond=None)[0]
        np.testing.assert_allclose((found.hook[p], found.slope[p], found.intercept[p]), best, rtol=1e-4)


@pytest.mark.parametrize("kind", ["nothing", "few", "an interval elsewhere"])
def test_too_few_samples_are_told(kind):
    s = scan(3)
    label = scan_regions(s.x, s.analog, s.code).label
    interval = (580, 599) if kind == "an interval elsewhere" else None
    if kind == "nothing":
        label[:] = NONE
    if kind == "few":
        label[:, 6:-29] = NONE
    for found in (region_lines(s.x, s.analog, label, margin=0, interval=interval),
                  medium_fits(s.x, s.analog, label, margin=0, interval=interval)):
        assert (found.status == FEW_POINTS).all()
        assert (found.n < 30).all()
        for field in fields(found)[:-2]:
            assert np.isnan(getattr(found, field.name)).all(), field.name


def test_a_switch_at_once_leaves_no_line_of_high_gain():
    s = scan(200, 600, 20)
    label = scan_regions(s.x, s.analog, s.code).label
    assert (region_lines(s.x, s.analog, label).status == FEW_POINTS).all()
    assert (medium_fits(s.x, s.analog, label).status == HOOK).mean() > 0.98


def test_samples_without_scatter_have_no_errors():
    x = np.arange(100, dtype=np.int32)
    analog = np.broadcast_to((5000 + 3 * x).astype(np.uint16), (2, 100)).copy()
    high = region_lines(x, analog, np.zeros((2, 100), np.uint8))
    assert (high.slope == 3).all()
    assert (high.intercept == 5000).all()
    assert not np.concatenate((high.slope_error, high.deviation, high.curvature_t)).any()
    medium = medium_fits(x, analog, np.full((2, 100), MEDIUM, np.uint8))
    assert np.isin(medium.status, (WEAK, HOOK, fits.DECAY_AT_END, fits.FAILED)).all()
    assert medium_fits(x, analog, np.full((2, 100), MEDIUM, np.uint8), hook=False).slope.tolist() == [3, 3]


def test_tiles_and_order_do_not_matter():
    s, label, high, medium = fitted(600, 200, "trains")
    order = np.random.default_rng(1).permutation(4000)[:300]
    for mine in (order[:1], order[1:64], order[64:]):
        for whole, fit in ((high, region_lines), (medium, medium_fits)):
            one = fit(s.x, s.analog[mine], label[mine])
            for field in fields(one):
                np.testing.assert_array_equal(getattr(one, field.name), getattr(whole, field.name)[mine])
    assert medium_fits(s.x, s.analog[:0], label[:0]).slope.size == 0


IMPORTS = """
import hashlib
from dataclasses import fields
from typing import Any as Array
import numpy as np
from calib_core.numerics.scan_fits import region_lines, medium_fits
from calib_core.numerics.scan_regions import scan_regions
"""


def digest(x: Array, analog: Array, code: Array) -> str:
    found = scan_regions(x, analog, code)
    parts = found, region_lines(x, analog, found.label), medium_fits(x, analog, found.label)
    together = b"".join(getattr(one, field.name).tobytes() for one in parts for field in fields(one))
    return hashlib.sha256(together).hexdigest()


def test_a_generic_processor_gives_the_same_bits(tmp_path):
    s = scan(300, 600, 150, "trains")
    np.savez(tmp_path / "scan.npz", x=s.x, analog=s.analog, code=s.code)
    code = f"{IMPORTS}\n{inspect.getsource(digest)}\nprint(digest(**np.load({str(tmp_path / 'scan.npz')!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=250, check=False,
        env=os.environ | {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.getcwd()})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest(s.x, s.analog, s.code)


@pytest.mark.parametrize(("limits", "message"), [
    ({"margin": -1}, "0 or more steps at the end of a region, not -1"),
    ({"interval": (122, 42)}, "two numbers that ascend, not 122 and 42"),
    ({"min_points": 3}, "needs at least"),
])
def test_impossible_limits_are_refused(limits, message):
    s = scan(2)
    label = np.zeros(s.analog.shape, np.uint8)
    for fit in (region_lines, medium_fits):
        with pytest.raises(ValueError, match=message):
            fit(s.x, s.analog, label, **limits)
    with pytest.raises(ValueError, match="not -1 and 1"):
        region_lines(s.x, s.analog, label, first=-1)
    with pytest.raises(ValueError, match=r"not 0 and 1\.5"):
        region_lines(s.x, s.analog, label, part=1.5)
    with pytest.raises(ValueError, match="are 9 and 8"):
        medium_fits(s.x, s.analog, label, hook_c=(9, 8))
    with pytest.raises(ValueError, match="label must be a C-contiguous uint8"):
        medium_fits(s.x, s.analog, label.astype(np.int64))
    with pytest.raises(ValueError, match="must ascend"):
        region_lines(s.x[::-1].copy(), s.analog, label)
    with pytest.raises(ValueError, match=r"axes \(n, s\)"):
        region_lines(s.x, s.analog[0], label)

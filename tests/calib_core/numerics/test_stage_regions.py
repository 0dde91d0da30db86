"""Regions of scans through three gain stages and lines in them, against what was drawn and NumPy; and their bits."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from calib_core.numerics._scan_series import FEW_HIGH, FEW_SAMPLES, INVERTED, NO_SWITCH, OK, SATURATED
from calib_core.numerics.scan_fits import region_lines
from calib_core.numerics.stage_regions import FEW_LOW, NO_LOW, NONE, STAGES, neighbour_noise, stage_regions

from .current_scans import NOISE, Drawn, X, drawn

Array = Any


@pytest.fixture(scope="module")
def made() -> Drawn:
    return drawn(3000)


@pytest.mark.parametrize("lost", [0.003, 0.05])
def test_samples_are_labelled_as_they_were_drawn(lost: float) -> None:
    made = drawn(1000, seed=3, lost=lost)
    found = stage_regions(X, made.analog, made.code)
    assert (found.status == OK).mean() > 0.999
    good = found.status == OK
    truth = (made.switch[:, :, None] < X).sum(axis=1)
    labelled = found.label != NONE
    clear = (np.abs(X - made.switch[:, :, None]) > 5).all(axis=1)
    assert (found.label == truth)[labelled & clear & good[:, None]].mean() > 0.9999
    there = (made.analog > 0) & (truth == 1)
    inside = (labelled & (truth == 1)).sum(axis=1) / there.sum(axis=1)
    assert np.median(inside[good]) == pytest.approx(0.70, abs=0.01)
    assert abs(np.median((found.switch[:, 0] - made.switch[:, 0])[good])) < 1  # of several best ends the first
    assert np.median(np.abs(found.switch[:, 1] - made.switch[:, 1])[good]) < 5  # samples are ten steps apart there
    pull = (found.level - made.level)[good] * np.sqrt(found.counts[good]) / 40
    assert abs(pull.mean()) < 0.1
    assert pull.std() == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(found.thresholds, (found.level[:, :2] + found.level[:, 1:]) / 2, rtol=1e-6)


def test_lines_are_unbiased_and_have_their_errors(made: Drawn) -> None:
    found = stage_regions(X, made.analog, made.code)
    good = found.status == OK
    for stage in STAGES:
        line = region_lines(X, made.analog, found.label, stage, margin=0, min_points=10)
        for name, truth in (("slope", made.slope), ("intercept", made.intercept)):
            pull = (getattr(line, name) - truth[:, stage])[good] / getattr(line, f"{name}_error")[good]
            assert abs(pull.mean()) < 0.1, (stage, name)
            assert pull.std() == pytest.approx(1, abs=0.1), (stage, name)


def test_noise_of_neighbours_is_that_which_was_drawn_and_a_bend_does_not_change_it(made: Drawn) -> None:
    found = stage_regions(X, made.analog, made.code)
    for stage in STAGES:
        _, variance = neighbour_noise(X, made.analog, found.label, stage)
        wanted = NOISE[stage] ** 2 + 1 / 12
        good = variance[found.status == OK]
        assert good.mean() == pytest.approx(wanted, abs=4 * good.std() / np.sqrt(good.size))
    bent = made.analog.copy()
    bent[found.label == 1] += np.rint(100 * np.cos(X / 300)).astype(np.int64)[None].repeat(
        len(bent), 0)[found.label == 1].astype(np.uint16)
    _, variance = neighbour_noise(X, bent, found.label, 1)
    assert np.median(variance) == pytest.approx(64, rel=0.03)
    line = region_lines(X, bent, found.label, 1, margin=0, min_points=10)
    assert np.median(line.deviation**2 / variance) > 10


def test_noise_of_neighbours_is_numpys(made: Drawn) -> None:
    label = stage_regions(X, made.analog, made.code).label[:20]
    middle, variance = neighbour_noise(X, made.analog[:20], label, 2)
    for pixel in range(20):
        mine = label[pixel] == 2
        x, y = X[mine].astype(float), made.analog[pixel, mine].astype(float)
        part = (x[1:-1] - x[:-2]) / (x[2:] - x[:-2])
        off = y[1:-1] - (1 - part) * y[:-2] - part * y[2:]
        expected = np.mean(off**2 / (1 + part**2 + (1 - part) ** 2))
        assert variance[pixel] == pytest.approx(expected, rel=1e-12)
        assert middle[pixel] == pytest.approx(x.mean(), rel=1e-12)


def test_regions_are_where_most_samples_lie_in_their_level() -> None:
    """Against all pairs of ends of a short series, tried one after the other."""
    rng = np.random.default_rng(8)
    for _ in range(30):
        stage = np.clip(np.arange(60) // 20 + rng.integers(-1, 2, 60) * (rng.random(60) < 0.2), 0, 2)
        code = (np.array([5750, 7250, 8450])[stage] + rng.integers(-50, 50, 60)).astype(np.uint16)
        x, analog = np.arange(60, dtype=np.int32), np.full(60, 5000, np.uint16)
        found = stage_regions(x, analog[None], code[None], min_points=4, trim=0.0)
        right = max(int((stage[:a] == 0).sum() + (stage[a:b] == 1).sum() + (stage[b:] == 2).sum())
                    for a in range(61) for b in range(a, 61))
        assert found.status[0] == OK
        assert found.misordered[0] == 60 - right
        assert found.counts[0].sum() == right


def test_what_is_no_scan_through_three_stages_says_why() -> None:
    one = drawn(1, seed=5, lost=0.0)
    analog, code = one.analog[0], one.code[0]
    first, second = np.searchsorted(X, one.switch[0])
    few, high = np.zeros_like(analog), np.where(np.arange(len(X)) < second - 9, code, 7250)
    few[:20] = analog[:20]
    short = np.where(np.arange(len(X)) < second + 9, analog, 0)
    late = np.where(np.arange(len(X)) > first - 9, analog, 0)
    full = np.where(np.arange(len(X)) > 20, 16383, analog)
    falling = np.repeat([8450, 7250, 5750], len(X) // 3 + 1)[:len(X)]
    cases = {
        FEW_SAMPLES: (few, code), NO_SWITCH: (analog, np.full_like(code, 5750)), NO_LOW: (analog, high),
        FEW_LOW: (np.where(np.arange(len(X)) < second + 11, analog, 0), code), INVERTED: (analog, falling),
        SATURATED: (full, code), FEW_HIGH: (np.where(np.arange(len(X)) > first - 12, analog, 0), code),
    }
    for status, (signal, signal_code) in cases.items():
        codes = np.where(signal > 0, signal_code, 0).astype(np.uint16)
        found = stage_regions(X, signal.astype(np.uint16)[None].copy(), codes[None].copy())
        assert found.status[0] == status
        assert (found.label == NONE).all()
        assert np.isnan(found.level).all()
    for signal in (short, late):  # fewer samples of a level than a region needs are no level
        codes = np.where(signal > 0, code, 0).astype(np.uint16)
        assert stage_regions(X, signal.astype(np.uint16)[None].copy(), codes[None].copy()).status[0] == NO_LOW


def test_tiles_make_no_difference(made: Drawn) -> None:
    whole = stage_regions(X, made.analog[:300], made.code[:300])
    for start, stop in ((0, 1), (1, 130), (130, 300)):
        part = stage_regions(X, made.analog[start:stop], made.code[start:stop])
        for one in fields(part):
            np.testing.assert_array_equal(getattr(part, one.name), getattr(whole, one.name)[start:stop])


@pytest.mark.parametrize("changes", [{"min_points": 3}, {"min_gain_step": 0.0}, {"trim": 0.5}])
def test_numbers_that_cannot_be_are_refused(made: Drawn, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="regions need"):
        stage_regions(X, made.analog[:2], made.code[:2], **changes)


def digest() -> str:
    made, found = drawn(400, seed=9), hashlib.sha256()
    regions = stage_regions(X, made.analog, made.code)
    results = [getattr(regions, one.name) for one in fields(regions)]
    for stage in STAGES:
        line = region_lines(X, made.analog, regions.label, stage, margin=0, min_points=10)
        results += [getattr(line, one.name) for one in fields(line)]
        results += neighbour_noise(X, made.analog, regions.label, stage)
    for one in results:
        found.update(np.ascontiguousarray(one).tobytes())
    return found.hexdigest()


def test_a_generic_processor_gives_the_same_bits(tmp_path) -> None:
    above = os.path.dirname(os.path.dirname(__file__))
    code = (f"import sys; sys.path.insert(0, {above!r}); "
            "from numerics import test_stage_regions as t; print(t.digest())")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.getcwd()})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest()

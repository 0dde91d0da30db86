"""Regions of simulated scans against what was drawn, NumPy, and scikit-learn."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from calib_core.numerics import scan_regions as regions
from calib_core.numerics.scan_regions import (
    HIGH,
    MEDIUM,
    NONE,
    OK,
    TRANSITION,
    scan_clusters,
    scan_features,
)

from .scans import LOSSES, ZONE, Scan, scan

SWITCHES = (20, 60, 200, 350)


def found(s: Scan, **limits: float) -> regions.ScanRegions:
    return regions.scan_regions(s.x, s.analog, s.code, **limits)


def share(some: Any, of: Any) -> float:
    return float((some & of).sum() / of.sum())


@pytest.mark.parametrize("number", [600, 1200])
@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("losses", LOSSES)
def test_regions_are_those_that_were_drawn(number, switch, losses):
    """1,000 series each, so 4,000 of each switch and length."""
    s = scan(1000, number, switch, losses, seed=switch)
    r = found(s)
    if (switch, losses) == (20, "gap over the switch"):  # five samples are left of high gain
        assert (r.status == regions.FEW_HIGH).all()
        return
    over = losses == "gap over the switch"
    assert (r.status == OK).mean() >= 0.998
    assert share(r.label == HIGH, s.high) >= 0.99
    assert share(r.label == MEDIUM, s.medium) >= 0.99
    assert share(s.medium, r.label == MEDIUM) >= 0.99
    assert share(s.x < s.switch[:, None] + ZONE, r.label == HIGH) == 1
    good = r.status == OK
    for k in range(3):
        np.testing.assert_array_equal(r.counts[:, k], (r.label == k).sum(axis=1))
    assert (r.label[~s.there] == NONE).all()
    assert r.misordered.mean() < 0.3
    expected = 25 / 2 * np.sqrt(1 / r.counts[good, HIGH] + 1 / r.counts[good, MEDIUM])
    error = r.threshold[good] - s.threshold[good]
    assert abs(np.median(error)) < 1
    assert np.std(error / expected) < 1.25
    assert (abs(error) < 5).mean() >= (0.98 if switch > 20 else 0.8)
    # what is between the levels is noise added to a ramp about the switch
    assert np.median(np.abs(r.first_switch[good] - s.switch[good] + ZONE)) < (15 if over else 4)
    assert np.median(np.abs(r.last_switch[good] - s.switch[good] - ZONE)) < (15 if over else 4)
    assert (r.first_switch[good] <= r.last_switch[good]).all()


@pytest.mark.parametrize(("number", "switch", "losses"), [(600, 20, ""), (600, 200, "trains"), (1200, 350, "")])
def test_no_sample_of_high_gain_is_in_medium_gain_where_pixels_go_to_and_fro(number, switch, losses):
    """Samples of high gain lie thousands of ADU from medium gain's line: one of them makes a hook of 8 steps."""
    s = scan(2000, number, switch, losses, seed=switch, loose=True)
    r = found(s)
    assert (r.status == OK).mean() >= 0.99
    assert share(r.label == HIGH, s.high) >= 0.99
    assert share(r.label == MEDIUM, s.medium) >= 0.995
    if switch == 20:  # high gain begins where medium gain ends, so that neither line is harmed
        assert share(s.medium, r.label == MEDIUM) >= 0.99
        return
    still = (s.analog > s.middle[:, None] + 2000) & (r.label == MEDIUM)
    assert still.any(axis=1).mean() < 0.0005


def test_samples_alone_between_gaps_have_slopes_and_regions():
    """Runs of one to seven steps with gaps between have slopes of their own side, one alone that over the gaps."""
    s = scan(100, 600, 200)
    kept = np.ones(600, bool)
    for start, length in ((20, 1), (50, 2), (80, 3), (110, 4), (140, 7)):
        kept[start - 12:start] = kept[start + length:start + length + 12] = False
    s = replace(s, x=s.x[kept], analog=s.analog[:, kept].copy(), code=s.code[:, kept].copy())
    features, _, used = scan_features(s.x, s.analog[0], s.code[0])
    alone = (s.x == 20)[used]
    np.testing.assert_allclose(features[used][~alone], numpy_features(s, 0)[0][~alone], atol=2 / 4096)
    r = found(s)
    assert (r.status == OK).all()
    assert share(r.label == HIGH, s.high) >= 0.99


def test_levels_of_the_gain_signal_are_those_that_were_drawn():
    s = scan(1000)
    r = found(s)
    assert np.median(r.low_spread) == pytest.approx(25, rel=0.03)
    assert np.median(r.high_spread) == pytest.approx(25, rel=0.03)
    s.code[:, 40:340:60] = 16000  # some wrong codes do not move them
    wrong = found(s)
    assert (wrong.status == OK).all()
    assert np.abs(wrong.threshold - r.threshold).max() < 1


def numpy_features(s: Scan, p: int) -> tuple[Any, Any, Any]:
    """Features and seeds of one series as the specification has them, step by step."""
    there = s.there[p]
    x, y, d = s.x[there].astype(float), s.analog[p, there].astype(float), s.code[p, there].astype(float)
    a, b = d.min(), d.max()
    for _ in range(25):
        below = d < (a + b) / 2
        a, b = d[below].mean(), d[~below].mean()
    below = d < (a + b) / 2
    middle = np.median(np.lib.stride_tricks.sliding_window_view(y, 5), axis=1)
    spike = np.zeros(len(y), bool)
    spike[2:-2] = np.abs(y[2:-2] - middle) >= 200
    y[spike] = middle[spike[2:-2]]
    i = np.arange(len(y))
    full = s.x[s.analog[p] >= 16383]
    over = np.searchsorted(full, x[1:]) > np.searchsorted(full, x[:-1])  # saturated samples are there
    gap = np.flatnonzero((np.diff(x) > 10) & ~over)  # no slope reaches over one
    first, last = np.append(0, gap + 1), np.append(gap, len(y) - 1)
    side = np.searchsorted(gap, i)
    before, after = np.maximum(i - 3, first[side]), np.minimum(i + 3, last[side])
    alone = before == after
    before, after = np.where(alone, i - 3, before), np.where(alone, i + 3, after)
    slope = (y[after] - y[before]) / (x[after] - x[before])
    typical = np.quantile(slope[below], 0.5, method="inverted_cdf")
    features = np.stack((np.clip(slope / typical, -1.5, 1.5), np.clip(1.5 * (d - a) / (b - a), -0.75, 2.25)), axis=1)
    first, last = np.flatnonzero(~below)[0], np.flatnonzero(below)[-1] + 1
    seeds = [features[: first - 6], features[first - 6 : last + 6], features[last + 6 :]]
    return features, np.array([one.mean(axis=0) for one in seeds]), there


@pytest.mark.parametrize(("switch", "losses"), [
    (60, ""), (200, "trains"), (350, "gaps"), (60, "gap over the switch")])
def test_features_and_seeds_are_those_of_numpy(switch, losses):
    s = scan(20, 600, switch, losses, sharp=True)
    s.analog[::2, 11] += 400
    s.analog[1::2, -20] -= 300
    for p in range(20):
        features, seeds, used = scan_features(s.x, s.analog[p], s.code[p])
        expected, of_groups, there = numpy_features(s, p)
        np.testing.assert_array_equal(used, there)
        assert np.isnan(features[~used]).all()
        np.testing.assert_allclose(features[used], expected, atol=2 / 4096)
        np.testing.assert_allclose(seeds, of_groups, atol=2 / 4096)


def test_clusters_are_those_of_scikit_learn():
    """From the same seeds nearly all labels, and no worse a minimum than the best of ten starts of its own.

    With a gap over the switch one cluster is empty, which scikit-learn fills with samples of the others.
    """
    equal = number = 0
    with threadpool_limits(1):
        for length, switch, losses in product((600, 1200), SWITCHES, LOSSES[:3]):
            s = scan(4, length, switch, losses, seed=3)
            for p in range(4):
                features, seeds, used = scan_features(s.x, s.analog[p], s.code[p])
                label, _ = scan_clusters(s.x, s.analog[p], s.code[p])
                seeded = KMeans(3, init=seeds, n_init=1, tol=0).fit(features[used])
                if not (s.there[p] & (np.abs(s.x - s.switch[p]) < ZONE)).any():
                    assert not (label == TRANSITION).any()
                    continue
                equal += int((seeded.labels_ == label[used]).sum())
                number += int(used.sum())
                if switch >= 60 and p < 2:
                    best = KMeans(3, n_init=10, random_state=0).fit(features[used]).inertia_
                    assert inertia(features[used], label[used]) <= 1.005 * best
    assert equal >= 0.999 * number > 60_000


def inertia(features: Any, label: Any) -> float:
    return sum(float(((one - one.mean(axis=0)) ** 2).sum()) for one in (features[label == k] for k in range(3)))


def test_clusters_and_regions_differ_by_what_is_misordered():
    s = scan(200)
    r = found(s)
    for p in range(200):
        label, middles = scan_clusters(s.x, s.analog[p], s.code[p])
        spike = (r.label[p] == NONE) & (label != NONE)  # the last of high gain behind the first of medium gain
        assert spike.sum() <= 2
        assert (label != r.label[p])[~spike].sum() == r.misordered[p]
        assert (np.diff(middles[:, 1]) > 0).all()


def test_a_pixel_that_switches_back_is_misordered():
    s = scan(50)
    back = (s.x >= 300) & (s.x < 340)
    s.analog[:, back] = s.analog[:, 120:160]
    s.code[:, back] = s.code[:, 120:160]
    r = found(s)
    assert (r.status == OK).all()
    assert (r.misordered >= 30).all()
    assert (r.label[:, back] != MEDIUM).all()
    assert share(r.label == HIGH, s.high) > 0.99


def test_spikes_are_in_no_region_and_change_nothing_else():
    s = scan(300)
    before = found(s)
    s.analog[:, 50] += 500
    s.analog[:, 400] = 15000
    r = found(s)
    assert (r.label[:, [50, 400]] == NONE).all()
    rest = np.delete(np.arange(600), [50, 400])
    assert (r.label[:, rest] == before.label[:, rest]).mean() > 0.9999


def never(s: Scan) -> None:
    s.code[s.code > 0] = np.random.default_rng(2).normal(5750, 25, s.code.shape)[s.code > 0]


def inverted(s: Scan) -> None:
    s.code[s.code > 0] = 13000 - s.code[s.code > 0]


def saturated(s: Scan) -> None:
    s.analog[s.analog > 0] = 16383


def lost(s: Scan) -> None:
    s.analog[:] = 0


def early(s: Scan) -> None:
    s.code[:, 4:] = s.code[:, 400:401]


def late(s: Scan) -> None:
    s.code[:, :-20] = s.code[:, :1]


def without_charge(s: Scan) -> None:
    s.analog[:] = np.where(s.analog > 0, 4900 - s.x // 8, 0)


@pytest.mark.parametrize(("change", "status"), [
    (never, regions.NO_SWITCH), (inverted, regions.INVERTED), (saturated, regions.SATURATED),
    (lost, regions.FEW_SAMPLES), (early, regions.FEW_HIGH), (late, regions.FEW_MEDIUM),
    (without_charge, regions.FLAT),
])
def test_what_has_no_regions_has_a_status_and_nothing_else(change, status):
    s = scan(64)
    broken = replace(s, analog=s.analog[::2].copy(), code=s.code[::2].copy())
    change(broken)
    s.analog[::2], s.code[::2] = broken.analog, broken.code
    r, alone = found(s), found(replace(s, analog=s.analog[1::2].copy(), code=s.code[1::2].copy()))
    assert (r.status[::2] == status).all()
    for name in ("low", "high", "low_spread", "high_spread", "threshold", "first_switch", "last_switch"):
        assert np.isnan(getattr(r, name)[::2]).all(), name
    assert (r.label[::2] == NONE).all()
    assert not r.counts[::2].any()
    assert not r.misordered[::2].any()
    for field in fields(r):  # their neighbours are as without them
        np.testing.assert_array_equal(getattr(r, field.name)[1::2], getattr(alone, field.name))
    features, seeds, used = scan_features(s.x, s.analog[0], s.code[0])
    assert not used.any()
    assert np.isnan(features).all()
    assert np.isnan(seeds).all()
    assert (scan_clusters(s.x, s.analog[0], s.code[0])[0] == NONE).all()


@pytest.mark.parametrize("switch", [2, 5, 8, 11, 14])
def test_a_switch_in_the_first_steps_has_a_status_or_its_regions(switch):
    s = scan(500, 600, switch)
    r = found(s)
    good = r.status == OK
    assert (good | np.isin(r.status, (regions.FEW_HIGH, regions.NO_SWITCH, regions.FLAT))).all()
    assert (good.mean() < 0.01) if switch < 5 else (good.mean() > 0.9) if switch == 14 else True
    if good.any():
        assert share(r.label[good] == MEDIUM, s.medium[good]) > 0.99
        assert share(s.x < s.switch[good, None] + ZONE, r.label[good] == HIGH) > 0.99


def test_saturated_samples_are_in_no_region():
    s = scan(200, 600, 300, slope=50.0)
    saturated = s.analog == 16383
    assert saturated.any(axis=1).all()
    r = found(s)
    assert (r.status == OK).all()
    assert (r.label[saturated] == NONE).all()
    assert share(r.label == HIGH, s.high) > 0.98


def test_tiles_and_order_do_not_matter():
    s = scan(101, 600, 200, "trains")
    whole = found(s)
    order = np.random.default_rng(1).permutation(101)
    for start, stop in ((0, 1), (1, 34), (34, 100), (100, 101)):
        mine = order[start:stop]
        one = found(replace(s, analog=s.analog[mine], code=s.code[mine]))
        for field in fields(one):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(whole, field.name)[mine])
    empty = found(replace(s, analog=s.analog[:0], code=s.code[:0]))
    assert empty.label.shape == (0, len(s.x))


def test_limits_are_obeyed():
    s = scan(100)
    assert (found(s, min_gain_step=3000).status == regions.NO_SWITCH).all()
    assert (found(s, min_high_points=250).status == regions.FEW_HIGH).all()
    assert (found(s, min_medium_points=500).status == regions.FEW_MEDIUM).all()
    assert (found(s, saturation=3000).status == regions.SATURATED).all()
    assert TRANSITION in found(s).label


@pytest.mark.parametrize(("change", "message"), [
    (lambda s: replace(s, x=s.x.astype(np.int64)), "x must be a C-contiguous int32"),
    (lambda s: replace(s, x=s.x[:-1]), r"x must be .* of shape \(600,\)"),
    (lambda s: replace(s, x=np.append(s.x[:-1], np.int32(7))), "must ascend, but 598 is followed by 7"),
    (lambda s: replace(s, x=np.append(s.x[:-1], np.int32(70_000))), "up to 65536 steps, but .* from 0 to 70000"),
    (lambda s: replace(s, analog=s.analog[0]), r"axes \(n, s\)"),
    (lambda s: replace(s, analog=s.analog.astype(np.float32)), "analog must be a C-contiguous uint16"),
    (lambda s: replace(s, code=s.code[:, ::2]), "code must be"),
])
def test_other_arrays_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        found(change(scan(2)))


def test_impossible_limits_are_refused():
    for limits in ({"min_high_points": 3}, {"min_medium_points": 0}, {"min_gain_step": 0.0}):
        with pytest.raises(ValueError, match="at least 4 samples each"):
            found(scan(2), **limits)

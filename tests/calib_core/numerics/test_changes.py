"""Scores of changes against their formula written out, and what is made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.numerics.changes import Rule, changes, reference_of, scores

RULE = Rule(60, 3, 60, 3.0, 1.57, 0.1, 0.9, 6.0, 7.0, 3.0)


def line(n: int, seed: int = 1, correlation: float = 0.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=n)
    for i in range(1, n):
        noise[i] = correlation * noise[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    return 4000 + 3 * noise


def scored(values: np.ndarray, rule: Rule = RULE):
    reference = reference_of(values, np.zeros(len(values)), rule)
    score, number = scores(values, reference, rule)
    return reference, score, number


def by_hand(values: np.ndarray, version: int) -> tuple[float, int]:
    """The largest S_k of a version, term by term as the rule is written."""
    first = values[:60]
    centre = np.median(first)
    spread = 1.4826 * np.median(np.abs(first - centre))
    z = (values - centre) / spread
    clipped = np.clip(z[:60], -3, 3)
    r = min(max(np.corrcoef(clipped[:-1], clipped[1:])[0, 1] + 0.1, 0), 0.9)
    found = {k: abs(np.clip(z[version + 1 - k:version + 1], -3, 3).sum())
             / np.sqrt(k * (1 + 1.57 * k / 60) * (1 + r) / (1 - r)) for k in range(3, 61)}
    best = max(found, key=found.__getitem__)
    return found[best], best


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_scores_are_those_of_the_formula(correlation):
    values = line(200, correlation=correlation)
    values[150:] += 5
    _, score, number = scored(values)
    assert np.isnan(score[:60]).all()
    assert not number[:60].any()
    for version in (60, 61, 100, 155, 199):
        expected, k = by_hand(values, version)
        # the correlation of sixty values is taken about one mean, NumPy's about two
        assert score[version] == pytest.approx(expected, rel=0.02)
        assert number[version] == k


def test_the_reference_is_median_spread_and_correlation_of_the_first_versions():
    values = line(80, seed=3)
    reference, _, _ = scored(values)
    first = values[:60]
    assert reference.centre == np.median(first)
    assert reference.spread == pytest.approx(1.4826 * np.median(np.abs(first - np.median(first))))
    shifts = np.clip((first - np.median(first)) / reference.spread, -3, 3)
    away = shifts - shifts.mean()
    assert reference.correlation == pytest.approx(max(0, (away[1:] * away[:-1]).sum() / (away**2).sum() + 0.1))
    assert reference.versions == 60


def test_nothing_is_said_before_there_is_a_reference():
    values = line(59)
    values[30:] += 100
    reference, score, number = scored(values)
    assert reference.versions == 59
    assert np.isnan(score).all()
    assert changes(values, score, number, reference, RULE) == ()


@pytest.mark.parametrize(("size", "start"), [(4.0, 130), (-4.0, 80), (10.0, 61), (3.0, 250)])
def test_a_step_has_its_start_and_size(size, start):
    values = line(330, seed=5)
    values[start:] += 3 * size
    reference, score, number = scored(values)
    [found] = changes(values, score, number, reference, RULE)
    assert abs(found.start - start) <= 2
    assert start <= found.seen <= start + 12
    assert found.until == 329
    assert found.sigmas == pytest.approx(size, rel=0.25)
    assert found.size == pytest.approx(3 * size, rel=0.15)
    assert (found.kind, found.level) == ("step", "red")


def test_a_drift_is_none_that_has_a_start():
    values = line(365, seed=6)
    values[60:] += 3 * 8 / 365 * np.arange(305)
    reference, score, number = scored(values)
    [found] = changes(values, score, number, reference, RULE)
    assert found.kind == "drift"


def test_what_comes_back_ends_and_what_comes_again_is_another():
    values = line(400, seed=7)
    values[100:130] += 12
    values[260:300] -= 12
    reference, score, number = scored(values)
    first, second = changes(values, score, number, reference, RULE)
    assert abs(first.start - 100) <= 2
    assert first.until < 260
    assert abs(second.start - 260) <= 2
    assert first.size > 0 > second.size


def test_one_wild_version_is_no_change():
    values = line(365, seed=8)
    for wild in (20, 200):
        values[wild] += 60
    reference, score, number = scored(values)
    assert changes(values, score, number, reference, RULE) == ()


def test_two_wild_versions_behind_each_other_count_as_three_σ_each():
    values = line(120, seed=9)
    values[100:102] = 1e9
    reference, score, _ = scored(values)
    assert score[101] < (6 + 3) / np.sqrt(3 * (1 + 1.57 * 3 / 60)) + 2
    assert reference.spread < 6


def test_versions_that_are_added_are_scored_as_if_they_had_been_there():
    values = line(300, seed=10, correlation=0.3)
    values[200:] += 10
    reference, score, number = scored(values)
    for known in (0, 59, 60, 61, 250, 299):
        later, k = scores(values, reference, RULE, known)
        np.testing.assert_array_equal(later, score[known:])
        np.testing.assert_array_equal(k, number[known:])


def test_a_line_that_never_differed_has_a_spread_where_its_errors_say_so():
    values = np.full(100, 2.0)
    values[90:] = 2.05
    silent = reference_of(values, np.zeros(100), RULE)
    assert silent.spread == 0
    assert list(silent.shifts(np.array([1.0, 2.0, 2.1]))) == [-np.inf, 0, np.inf]
    counted = reference_of(values, np.full(100, 0.1), RULE)
    assert counted.spread == 0.1
    for reference, told in ((silent, 1), (counted, 0)):
        score, number = scores(values, reference, RULE)
        assert len(changes(values, score, number, reference, RULE)) == told


def test_limits_are_those_of_the_rule():
    values = line(200, seed=11)
    values[100:] += 3 * 3
    reference, score, number = scored(values)
    most = np.nanmax(score)
    limits = (most - 1, most + 1, ["amber"]), (most - 2, most - 1, ["red"]), (most + 1, most + 2, [])
    for amber, red, level in limits:
        rule = replace(RULE, amber=amber, red=red)
        assert [one.level for one in changes(values, score, number, reference, rule)] == level


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match="one line"):
        scores(np.zeros((2, 80)), reference_of(np.zeros(80), np.zeros(80), RULE), RULE)

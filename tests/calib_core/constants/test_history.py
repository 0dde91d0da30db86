"""Lines of constants over time: gaps, confirmed changes, and versions that are added."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.constants.history import Judged, change_rule, judged, share_line

RULE = change_rule()


def line(n: int, seed: int = 1) -> np.ndarray:
    return 700 + 2 * np.random.default_rng(seed).normal(size=n)


def judge(values: np.ndarray, confirmed: tuple[int, ...] = (), before: Judged | None = None) -> Judged:
    return judged(values, np.zeros(len(values)), RULE, confirmed, before)


def test_the_rule_is_the_one_of_the_resource():
    assert (RULE.reference, RULE.shortest, RULE.longest, RULE.clip) == (60, 3, 60, 3.0)
    assert (RULE.amber, RULE.red, RULE.median_variance) == (6.0, 7.0, 1.57)


def test_a_reference_that_forms_says_how_far_it_is():
    assert judge(line(12)).forming == "reference forming, 12 of 60"
    assert judge(line(60)).forming == ""
    assert judge(np.array([])).forming == "reference forming, 0 of 60"


def test_versions_without_a_value_are_passed_over():
    values = line(300, seed=2)
    values[150:] += 12
    whole = judge(values)
    gaps = np.insert(values, [20, 155, 155, 200], np.nan)
    found = judge(gaps)
    there = np.isfinite(gaps)
    np.testing.assert_array_equal(found.score[there], whole.score)
    assert np.isnan(found.score[~there]).all()
    [ours], [theirs] = found.changes, whole.changes
    assert np.flatnonzero(there)[theirs.start] == ours.start
    assert (ours.size, ours.score) == (theirs.size, theirs.score)


def test_a_confirmed_change_begins_a_new_reference():
    values = line(400, seed=3)
    values[150:] += 12
    values[300:] += 12
    [first] = judge(values).changes
    found = judge(values, (first.start,))
    assert [begin for begin, _ in found.references] == [0, first.start]
    assert found.references[1][1].centre == pytest.approx(712, abs=1)
    [second] = found.changes
    assert abs(second.start - 300) <= 2
    assert second.size == pytest.approx(12, rel=0.15)
    assert judge(values[:200], (first.start,)).forming == f"reference forming, {200 - first.start} of 60"


def test_versions_that_are_added_one_by_one_are_judged_as_all_at_once():
    values = line(220, seed=4)
    values[[30, 31, 120]] = np.nan
    values[140:] += 8
    found = None
    for n in range(1, len(values) + 1):
        found = judge(values[:n], before=found)
    whole = judge(values)
    np.testing.assert_array_equal(found.score, whole.score)
    np.testing.assert_array_equal(found.number, whole.number)
    assert found.changes == whole.changes
    assert found.references == whole.references
    assert found.now == whole.changes[-1]


def test_versions_that_go_together_too_much_are_told_to_tell_nothing():
    steps = np.cumsum(np.random.default_rng(7).normal(size=400))
    found = judge(700 + steps)
    assert found.blind == "no change can be told, neighbouring versions have a correlation of 0.9"
    assert found.changes == ()
    assert judge(line(400, seed=8)).blind == ""
    assert judge(line(20)).blind == ""


def test_what_has_ended_is_not_now():
    values = line(300, seed=5)
    values[100:140] += 12
    assert judge(values).changes
    assert judge(values).now is None


def test_a_gap_at_the_end_ends_no_change():
    values = line(200, seed=9)
    values[100:] += 12
    assert judge(np.append(values, [np.nan, np.nan])).now == judge(values).changes[-1]
    assert judge(np.full(5, np.nan)).now is None


@pytest.mark.parametrize(("values", "errors", "confirmed", "said"), [
    (np.zeros(3), np.zeros(4), (), "errors"), (np.zeros((3, 3)), np.zeros((3, 3)), (), "errors"),
    (np.zeros(3), np.zeros(3), (3,), "version 3 of 3")])
def test_what_does_not_fit_is_refused(values, errors, confirmed, said):
    with pytest.raises(ValueError, match=said):
        judged(values, errors, RULE, confirmed)


def test_shares_have_logits_with_the_errors_of_counting():
    rng = np.random.default_rng(6)
    drawn = rng.binomial(65536, 0.01, 4000)
    logit, error = share_line(drawn, np.full(4000, 65536))
    assert np.median(logit) == pytest.approx(np.log(0.01 / 0.99), abs=2e-3)
    assert logit.std() == pytest.approx(np.median(error), rel=0.05)


def test_none_and_all_have_a_number_and_none_of_none_has_not():
    logit, error = share_line(np.array([0, 100, 0]), np.array([100, 100, 0]))
    assert np.isfinite(logit[:2]).all()
    assert logit[0] == -logit[1]
    assert np.isnan([logit[2], error[2]]).all()

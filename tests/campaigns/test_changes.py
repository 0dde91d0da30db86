"""A small part of the simulated years of constants; `changes.py` has the whole."""

from __future__ import annotations

import numpy as np
import pytest

from .changes import (
    LINES,
    NO_CHANGES,
    NOISES,
    drift_when_told,
    drifts,
    dying,
    exchanged,
    false_reds,
    highest,
    measure,
    steps,
)

NUMBER = 100


@pytest.mark.parametrize("noise", NOISES)
def test_steps_are_found_soon_with_their_start_and_size(noise):
    found = measure(*steps(noise, NUMBER, 4.0), 4.0, 6.0)
    least = 0.98 if noise in ("white", "correlation 0.3") else 0.85
    assert found.share >= least - 2 * np.sqrt(least * (1 - least) / NUMBER)
    assert found.after <= 30
    assert found.start <= 3
    assert found.size <= 0.15
    assert found.steps >= 0.9


@pytest.mark.parametrize("noise", NOISES)
def test_drifts_are_found_before_they_have_gone_far(noise):
    share, far, drift = drift_when_told(drifts(noise, NUMBER, 8.0), 8.0, 6.0)
    assert share >= 0.85 - 2 * np.sqrt(0.85 * 0.15 / NUMBER)
    assert far < 3.2  # of thousands of years 1.9, 1.7, 2.4, 3.0 and 2.7
    assert drift >= 0.8


@pytest.mark.parametrize("noise", NOISES)
def test_dying_modules_are_seen_in_time(noise):
    shares = dying(noise, NUMBER, 6.0)
    seen = np.where(np.isfinite(shares), shares, 1.0)
    assert np.median(seen) < 0.04
    assert np.quantile(seen, 0.95) < 0.08


@pytest.mark.parametrize("noise", NOISES)
def test_years_without_a_change_are_hardly_ever_told(noise):
    """Of a hundred years of one line one may be amber, of a hundred of all lines three lines may be red."""
    scores = highest(noise, 2000)
    assert (scores > 6).sum() <= 2000 / 100
    assert (scores > 7).sum() <= 1 + 3 * 2000 / (100 * LINES)


@pytest.mark.parametrize("what", NO_CHANGES)
def test_what_is_no_change_is_never_red(what):
    assert [false_reds(what, noise, NUMBER) for noise in NOISES] == [0] * len(NOISES)


def test_modules_that_changed_places_are_told_at_once():
    assert exchanged(20, shape=(128, 128)) == 20

"""Other programs for one series: what is put in comes out."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics.opinions import clusters, hook_line, line

X = np.arange(60, 200, dtype=float)


def test_a_line_comes_out() -> None:
    assert line(X, 3.5 * X - 17) == pytest.approx({"slope": 3.5, "intercept": -17}, rel=1e-6)


def test_a_hook_comes_out_with_noise_within_its_errors() -> None:
    true = {"slope": 2.4, "intercept": 4700.0, "hook": 120.0, "length": 12.0}
    clean = true["slope"] * X + true["intercept"] + true["hook"] * np.exp(-(X - X[0]) / true["length"])
    assert hook_line(X, clean, (2.0, 40.0)) == pytest.approx(true, rel=1e-4)
    noisy = hook_line(X, clean + np.random.default_rng(3).normal(0, 8, len(X)), (2.0, 40.0))
    assert noisy["slope"] == pytest.approx(true["slope"], abs=0.15)
    assert noisy["hook"] == pytest.approx(true["hook"], abs=30)


def test_three_clouds_are_three_clusters_in_the_order_of_their_gain_signal() -> None:
    rng = np.random.default_rng(5)
    middles, counts = np.array([[1.0, 0.0], [-1.5, 0.8], [0.0, 1.5]]), (50, 10, 140)
    points = np.concatenate([rng.normal(one, 0.02, (n, 2)) for one, n in zip(middles, counts, strict=True)])
    found = clusters(points[rng.permutation(len(points))])
    assert found.counts.tolist() == list(counts)
    np.testing.assert_allclose(found.middles, middles, atol=0.03)
    own = np.repeat(found.middles, counts, axis=0)
    assert found.inertia == pytest.approx(((points - own) ** 2).sum(), rel=1e-9)

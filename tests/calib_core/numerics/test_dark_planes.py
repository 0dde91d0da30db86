"""Planes through dark samples, against NumPy's least squares and the scatter of many of them."""

from __future__ import annotations

import numpy as np
import pytest

from calib_core.numerics.dark_planes import dark_planes


def terms(slow: int, fast: int) -> np.ndarray:
    row, column = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in (slow, fast))
    u, v = (row[:, None] + column) / 2, (row[:, None] - column) / 2
    return np.stack([np.ones((slow, fast)), u, v], -1)


@pytest.mark.parametrize("shape", [(6, 5), (7, 9)])
def test_against_numpy_turn_by_turn(shape: tuple[int, int]) -> None:
    rng, plane = np.random.default_rng(1), terms(*shape)
    values = (rng.normal(0, 5, (3, 2 * shape[0], 2 * shape[1])) + 0.5 * np.arange(2 * shape[1])).astype(np.float32)
    values[rng.random(values.shape) < 0.05] = np.nan
    use = rng.random(values.shape) > 0.1
    slopes, errors = dark_planes(values, use, shape, (-12.0, 14.0), 0.3, 3)
    assert slopes.shape == errors.shape == (3, 2, 2, 2)
    for i, y, x in np.ndindex(3, 2, 2):
        part = np.s_[i, y * shape[0]:(y + 1) * shape[0], x * shape[1]:(x + 1) * shape[1]]
        fit, error = np.zeros(3), np.zeros(3)
        for _ in range(3):
            rest = values[part].astype(float) - plane @ fit
            dark = use[part] & (rest >= -12) & (rest <= 14)
            change, *_ = np.linalg.lstsq(plane[dark], rest[dark], rcond=None)
            left = rest[dark] - plane[dark] @ change
            error = np.sqrt(np.diag(np.linalg.inv(plane[dark].T @ plane[dark])) * np.mean(left**2))
            fit += change
        np.testing.assert_allclose(slopes[i, y, x], fit[1:], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(errors[i, y, x], error[1:], rtol=1e-9)


def test_errors_are_as_large_as_the_scatter() -> None:
    values = np.random.default_rng(2).normal(0, 9, (400, 64, 64)).astype(np.float32)
    slopes, errors = dark_planes(values, np.ones(values.shape, bool), (64, 64), (-90.0, 90.0), 0.1, 2)
    pulls = (slopes / errors).ravel()
    assert abs(pulls.mean()) < 5 / np.sqrt(pulls.size)
    assert pulls.std() == pytest.approx(1, abs=5 / np.sqrt(2 * pulls.size))


def test_too_few_samples_and_those_on_a_line_have_no_plane() -> None:
    values, use = np.zeros((3, 8, 8), np.float32), np.zeros((3, 8, 8), bool)
    use[0], use[1, :2], use[2, :, 3] = True, True, True
    values[0] = 100
    slopes, errors = dark_planes(values, use, (8, 8), (-10.0, 10.0), 0.1, 2)
    assert np.isnan(slopes[[0, 2]]).all()
    assert np.isnan(errors[[0, 2]]).all()
    assert np.isfinite(slopes[1]).all()
    assert np.isnan(dark_planes(values, use, (8, 8), (-10.0, 10.0), 0.1, 0)[0]).all()


@pytest.mark.parametrize(("values", "use", "asic"), [
    (np.zeros((1, 8, 8)), np.ones((1, 8, 8), bool), (8, 8)),
    (np.zeros((1, 8, 8), np.float32), np.ones((1, 8, 7), bool), (8, 8)),
    (np.zeros((1, 8, 8), np.float32), np.ones((1, 8, 8), bool), (3, 8)),
])
def test_what_does_not_fit_is_refused(values: np.ndarray, use: np.ndarray, asic: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"values|use|do not tile"):
        dark_planes(values, use, asic, (-1.0, 1.0), 0.1, 1)

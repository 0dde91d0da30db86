"""What estimators make of a noise that is known: bias and spread, clean and beside cosmic rays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from calib_core.numerics import moments, robust

PIXELS, SIGMA, GATE_FRAMES = 65536, 9.0, 128
#: A cosmic ray adds so many σ on average.
HEIGHT = 44


def samples(frames: int, cosmics: float) -> Any:
    """(frames, pixels) uint16: a rounded normal signal, some samples of which are higher."""
    rng = np.random.default_rng(frames)
    found = rng.normal(5000, SIGMA, (frames, PIXELS))
    found += (rng.random(found.shape) < cosmics) * rng.exponential(HEIGHT * SIGMA, found.shape)
    return np.rint(found).astype(np.uint16)


def robustly(values: Any) -> tuple[Any, Any]:
    """Mean and deviation inside a gate of 5 σ, by MAD, about the median of the first frames."""
    middle, mad, _ = robust.median_mad(np.ascontiguousarray(values[:GATE_FRAMES]), 1, 16382)
    low, high = robust.gate(middle, mad, 5.0, 3.0, 1, 16382)
    mean, std, _ = moments.whole(values[:, None], 0, np.zeros(len(values), np.int64), 1, 1, (low[None], high[None]))
    return mean[0], std[0]


def between_quantiles(values: Any) -> tuple[Any, Any]:
    """Mean and deviation between the 5 % and the 95 % quantile of the first frames."""
    low, high = np.quantile(values[:GATE_FRAMES], (0.05, 0.95), axis=0)
    inside = (values >= low) & (values <= high)
    count, kept = inside.sum(axis=0), np.where(inside, values, 0.0)
    mean = kept.sum(axis=0) / count
    return mean, np.sqrt((np.where(inside, values - mean, 0) ** 2).sum(axis=0) / (count - 1))


ESTIMATORS = {
    "robust": robustly, "plain": lambda values: (values.mean(axis=0), values.std(axis=0, ddof=1)),
    "median": lambda values: (np.median(values, axis=0), values.std(axis=0, ddof=1)),
    "quantiles": between_quantiles,
}


def noise_of_normal(frames: int) -> tuple[float, float]:
    """Median of the deviations of so many normal samples, in σ, and its standard error for all pixels."""
    median = np.sqrt(stats.chi2.median(frames - 1) / (frames - 1))
    return float(median), float(np.sqrt(np.pi / 2) / np.sqrt(2 * (frames - 1) * PIXELS))


def check(name: str, frames: int, cosmics: float, bias: float, scatter: float) -> None:
    """What is known of an estimator: bias of the median pixel's noise, and scatter of offsets in σ / √n."""
    median, error = noise_of_normal(frames)
    spread = 5 / np.sqrt(2 * PIXELS)  # of a deviation of so many pixels, five times
    if name == "robust":
        assert abs(bias) < 0.01
        assert abs(scatter - 1) < 0.01 + 2 * cosmics + spread
    if name == "quantiles":  # in the limit of many frames a normal distribution between the two has 0.789 σ
        between = stats.truncnorm(*stats.norm.ppf([0.05, 0.95])).std() - 1
        assert between - 5 * error < bias < -0.14
    if cosmics == 0 and name != "quantiles":
        assert abs(bias + 1 - median) < 5 * error
    if cosmics == 0 and name == "plain":
        assert abs(scatter - 1) < spread
    if name == "median":  # π / 2 of the mean's variance in the limit, and that of rounding: it is a code again
        limit = np.sqrt(np.pi / 2 + frames / 12 / SIGMA**2)
        assert 1.2 < scatter < limit * (1 + 2 * cosmics) + spread
    if name == "plain" and cosmics == 1e-2:
        assert bias > 0.05
        assert scatter > 5


@pytest.mark.parametrize("cosmics", [0, 1e-3, 1e-2])
@pytest.mark.parametrize("frames", [60, 200])
def test_bias_of_the_noise_and_error_of_the_offset(frames, cosmics, bars):
    """Bounds are five standard errors of all pixels together, and what is recorded of each estimator."""
    values = samples(frames, cosmics)
    truth = np.hypot(SIGMA, 1 / np.sqrt(12))
    told = []
    for name, estimate in ESTIMATORS.items():
        offset, noise = estimate(values)
        bias, scatter = np.median(noise) / truth - 1, np.std(offset) * np.sqrt(frames) / truth
        told.append(f"{name} {100 * bias:+.1f} % "
                    f"({100 * (np.mean(noise) / truth - 1):+.1f} %), offset {np.std(offset):.2f} ADU")
        check(name, frames, cosmics, bias, scatter)
    bars.line(f"estimators n={frames} cosmics={cosmics:g}: noise, median (mean): " + "; ".join(told))

"""What estimators make of a noise that is known: bias and spread, clean and beside cosmic rays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

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


@pytest.mark.parametrize("cosmics", [0, 1e-3, 1e-2])
@pytest.mark.parametrize("frames", [60, 200])
def test_bias_of_the_noise_and_error_of_the_offset(frames, cosmics, bars):
    values = samples(frames, cosmics)
    truth = np.hypot(SIGMA, 1 / np.sqrt(12))
    told = []
    for name, estimate in ESTIMATORS.items():
        offset, noise = estimate(values)
        told.append(f"{name} {100 * (np.median(noise) / truth - 1):+.1f} % "
                    f"({100 * (np.mean(noise) / truth - 1):+.1f} %), offset {np.std(offset):.2f} ADU")
    bars.line(f"estimators n={frames} cosmics={cosmics:g}: noise, median (mean): " + "; ".join(told))

"""Darks by plain NumPy in float64: statistics of samples with and without gates, and pixels outside of soft limits.

Frames are samples (planes, memory cells, trains, pixels) float64, NaN where there is no measurement.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def moments(frames: Array, inside: Array, ddof: int) -> tuple[Array, Array, Array]:
    """Mean, standard deviation and number over the trains of the samples chosen."""
    count = inside.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(inside, frames, 0).sum(axis=2) / count
        squares = (np.where(inside, frames - mean[:, :, None], 0) ** 2).sum(axis=2)
        std = np.where(count > ddof, np.sqrt(squares / (count - ddof)), np.nan)
    return mean, std, count


def plain(frames: Array, ddof: int) -> tuple[Array, Array, Array]:
    return moments(frames, np.isfinite(frames), ddof)


def median_of(frames: Array) -> Array:
    """Median over the trains, NaN for pixels without a sample (without NumPy's warning about them)."""
    empty = np.isnan(frames).all(axis=2)
    filled = np.where(empty[:, :, None], 0, frames)
    complete = np.isfinite(filled).all(axis=2)
    found = np.median(filled, axis=2)
    found[~complete] = np.nanmedian(filled.transpose(0, 1, 3, 2)[~complete], axis=1)
    return np.where(empty, np.nan, found)


def gated(frames: Array, ddof: int, gate_samples: int) -> tuple[Array, Array, Array]:
    """Mean and deviation inside m ± max(5 · 1.4826 · MAD, 3 ADU), m and MAD of the first frames."""
    first = frames[:, :, :gate_samples]
    middle = median_of(first)
    mad = median_of(np.abs(first - middle[:, :, None]))
    half = np.maximum(5 * 1.4826 * mad, 3)[:, :, None]
    return moments(frames, np.abs(frames - middle[:, :, None]) <= half, ddof)


def limits(values: Array, spread: str, samples: float, sigma: float = 5.0) -> tuple[float, float]:
    """Soft limits of a group of pixels: median ± sigma · s; of standard deviations of so many samples, else 0."""
    kept = values[np.isfinite(values)].astype(np.float64)
    if spread == "plain":
        return np.median(kept) - sigma * kept.std(), np.median(kept) + sigma * kept.std()
    for _ in range(3):
        middle = np.median(kept)
        least = middle / np.sqrt(2 * samples) if samples else 1 / np.sqrt(12)
        half = sigma * max(1.4826 * np.median(np.abs(kept - middle)), least)
        kept = kept[np.abs(kept - middle) <= half]
    return middle - half, middle + half


def outside(
    values: Array, block: tuple[int, int], spread: str, hard: tuple[float, float], samples: float = 0
) -> Array:
    """Pixels outside the limits of their block, (slow_scan, fast_scan) bool."""
    found = np.zeros(values.shape, bool)
    for y in range(0, values.shape[0], block[0]):
        for x in range(0, values.shape[1], block[1]):
            part = np.s_[y:y + block[0], x:x + block[1]]
            if np.isfinite(values[part]).any():
                low, high = limits(values[part], spread, samples)
                found[part] = (values[part] < max(low, hard[0])) | (values[part] > min(high, hard[1]))
    return found

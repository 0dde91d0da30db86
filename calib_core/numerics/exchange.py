"""Whose map of pixels one is: modules that were exchanged are told by the patterns of their pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics.robust import MAD_TO_SIGMA

_Array = NDArray[Any]
_Float = NDArray[np.float64]


@dataclass(frozen=True)
class Exchange:
    """A map that fits another module better than its own.

    Attributes
    ----------
    module, fits : int
        Place of the map, and of the module whose earlier map it is like.
    own, other : float
        Correlation with the earlier maps of both.
    """

    module: int
    fits: int
    own: float
    other: float


def pattern(values: _Array, bad: _Array, block_shape: tuple[int, int], clip: float) -> _Float:
    """What tells a map from others: its pixels less the medians of their ASICs, in σ and clipped.

    Parameters
    ----------
    values : (slow_scan, fast_scan) float
        Such as offsets, ADU.
    bad : (slow_scan, fast_scan) bool
        Pixels that do not count; nor do those that are no number.
    block_shape : (int, int)
        Pixels of an ASIC; blocks tile the map.
    clip : float
        σ of all pixels at which one counts no further: few wild ones would be all that is compared.

    Returns
    -------
    (slow_scan, fast_scan) float64
        0 where a pixel does not count, NaN everywhere where none does.

    Raises
    ------
    ValueError
        Blocks do not tile the map.
    """
    slow, fast = block_shape
    if values.ndim != 2 or values.shape != bad.shape or values.shape[0] % slow or values.shape[1] % fast:
        raise ValueError(f"blocks of {slow} x {fast} pixels do not tile a map of {values.shape} and {bad.shape}")
    known = np.where(bad | ~np.isfinite(values), np.nan, values.astype(np.float64))
    blocks = known.reshape(known.shape[0] // slow, slow, -1, fast)
    there = np.isfinite(blocks).any((1, 3), keepdims=True)
    if not there.any():
        return np.full(values.shape, np.nan)
    away = blocks - np.nanmedian(np.where(there, blocks, 0.0), (1, 3), keepdims=True)
    spread = MAD_TO_SIGMA * float(np.nanmedian(np.abs(away)))
    shifts = np.clip(away / spread, -clip, clip) if spread > 0 else away * 0
    return np.asarray(np.nan_to_num(shifts).reshape(values.shape), np.float64)


def correlations(new: _Array, old: _Array) -> _Float:
    """Correlation of each pattern with each.

    Parameters
    ----------
    new : (n, ...) float64
    old : (m, ...) float64
        Of :func:`pattern`; pixels that do not count in one of the two do not.

    Returns
    -------
    (n, m) float64
        NaN where a pattern is none, or nothing is in it.
    """
    ours, theirs = new.reshape(len(new), -1), old.reshape(len(old), -1)
    product = ours @ theirs.T
    power = (ours * ours) @ (theirs != 0).T.astype(np.float64), (ours != 0).astype(np.float64) @ (theirs * theirs).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(power[0] * power[1] > 0, product / np.sqrt(power[0] * power[1]), np.nan)


def exchanges(found: _Array, pixels: int, sigma: float) -> tuple[Exchange, ...]:
    """Maps that fit another module better than their own.

    Parameters
    ----------
    found : (n, n) float64
        Correlations of new maps with earlier ones, of the same modules in the same order; NaN where there is none.
    pixels : int
        Behind each of them.
    sigma : float
        By how many errors of a correlation another one must be better.

    Returns
    -------
    tuple of Exchange
        None of a module that has no earlier map: it may be new.
    """
    least = sigma * np.sqrt(2 / max(pixels, 1))
    told = []
    for module in range(len(found)):
        own = found[module, module]
        if not np.isfinite(own):
            continue
        fits = int(np.nanargmax(found[module]))
        if found[module, fits] > own + least:
            told.append(Exchange(module, fits, float(own), float(found[module, fits])))
    return tuple(told)

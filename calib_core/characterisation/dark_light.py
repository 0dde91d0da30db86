"""Why samples are those of no dark: pixels that are much brighter in some frames, scatter too much, or switch."""

from __future__ import annotations

import numpy as np

from calib_core.axes import Array
from calib_core.numerics.robust import MAD_TO_SIGMA

#: Spreads from the pixel's median from which on a sample is far off; noise reaches it in one of 10¹¹.
_FAR = 7.0
#: Share of the pixels that may be far above in some frame, beyond those that are far below in one: pixels that blink
#: and tracks of cosmic rays are fewer, and of one photon in a hundred frames some pixels are ten times as many.
_MOST = 0.05
#: Spread of codes that are whole numbers, at least, ADU.
_LEAST_SPREAD = 1.0
#: How far beyond the highest noise the scatter of pixels is that are charged by something; pixels of a bad ASIC stay
#: below it, and scans charge some lines of pixels alone.
_CHARGED = 3.0


def why_no_dark(samples: Array, bits: Array | None, highest_noise: float) -> str:
    """Whether there was light on some pixels, or charge of another kind.

    Parameters
    ----------
    samples : (n, slow_scan, fast_scan) number
        Of n frames of one memory cell, ADU.
    bits : (n, slow_scan, fast_scan) integer, optional
        Gain bits, where the detector has any.
    highest_noise : float
        That darks may have, ADU.

    Returns
    -------
    str
        What speaks against a dark, with its number, to follow a colon; empty where nothing does, or where there are
        fewer than three frames.
    """
    if len(samples) < 3:
        return ""
    away = samples - np.median(samples, axis=0)
    spread = MAD_TO_SIGMA * np.median(np.abs(away), axis=0)
    return _other_bits(bits) or _scatter(spread, highest_noise) or _bright(away, spread)


def _other_bits(bits: Array | None) -> str:
    """Samples that have switched."""
    if bits is None or not bits.size:
        return ""
    other = 1 - float(np.bincount(bits.ravel()).max()) / bits.size
    return "" if other <= _MOST else f"{other:.0%} of the samples have other gain bits than most"


def _scatter(spread: Array, highest: float) -> str:
    """Pixels that scatter more than darks do, all of them or some lines."""
    typical, share = _typical(spread), float((spread > _CHARGED * highest).mean())
    if typical > highest:
        return f"samples of a pixel scatter by {typical:.3g} ADU, and those of darks by at most {highest:g} ADU"
    return "" if share <= _MOST else (
        f"{share:.0%} of the pixels scatter by more than {_CHARGED * highest:g} ADU, so something charges them")


def _bright(away: Array, spread: Array) -> str:
    """Pixels that are far brighter in some frames."""
    limit = _FAR * np.maximum(spread, max(_typical(spread), _LEAST_SPREAD))
    bright, dim = (float((one > limit).any(axis=0).mean()) for one in (away, -away))
    return "" if bright - dim <= _MOST else (
        f"{bright:.0%} of the pixels are far brighter in some of {len(away)} frames, so there was light")


def _typical(spread: Array) -> float:
    return float(np.median(spread[spread > 0])) if (spread > 0).any() else 0.0

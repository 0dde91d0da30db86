"""Samples of a scan, kept by their steps: taken from frames, and put together as one series for each pixel."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.numerics.kernels import njit

Array = npt.NDArray[Any]

#: A scan begins again where the mean gain signal falls by so much from one train to the next, ADU, or the mean signal
#: by so large a part of its range while the gain signal does not rise.
_LEAST_FALL, _PART, _NO_RISE = 175.0, 0.5, 50.0


def keep_pixels(block: Array, plane: int, pixels: Array, position: Array, kept: Array) -> None:
    """Keep the samples of some pixels of frames.

    Parameters
    ----------
    block : (n, planes, slow_scan, fast_scan) uint16, ADU
    plane : int
        Of the gain signal; that of the signal is the first.
    pixels : (p,) int64
        Flat places in a module.
    position : (n,) int64
        Where each frame goes along the first axis of ``kept``.
    kept : (positions, 2, pixels of a module) uint16
        Signal and gain signal; changed in place.
    """
    flat = np.ascontiguousarray(block).reshape(*block.shape[:2], -1)
    _keep(flat, plane, np.ascontiguousarray(pixels, np.int64), position, kept)


def scan_starts(signal: Array, code: Array, least_fall: float = _LEAST_FALL) -> list[int]:
    """Positions at which scans begin, of the means of charged pixels; the first is 0 where one runs on from before.

    Parameters
    ----------
    signal, code : (positions,) float64, ADU
        Mean signal and gain signal; NaN where there is no sample.
    least_fall : float
        Least fall of the gain signal between two scans, ADU.

    Returns
    -------
    list of int
        Ascending; empty where there is no sample.
    """
    there = np.flatnonzero(np.isfinite(signal) & np.isfinite(code))
    if not there.size:
        return []
    rise = np.diff(code[there])
    fall = -np.diff(signal[there])
    far = fall > _PART * np.ptp(signal[there])
    again = (rise < -least_fall) | (far & (rise < _NO_RISE))
    return [0, *(there[1:][again]).tolist()]


def whole_scans(starts: Sequence[int], positions: int) -> list[tuple[int, int]]:
    """First position and length of the scans of a run that are whole.

    Parameters
    ----------
    starts : sequence of int
        From :func:`scan_starts`.
    positions : int
        Trains of the run.

    Returns
    -------
    list of (int, int)
        In their order; those that are at least nine tenths as long as the longest. What comes before the first start
        of all is one of them only where it is as long, as in a run that begins with a scan.
    """
    edges = [*starts, positions]
    lengths = [end - begin for begin, end in itertools.pairwise(edges)]
    longest = max(lengths, default=0)
    return [(begin, length) for begin, length in zip(starts, lengths, strict=True) if length >= 0.9 * longest]


def one_series(kept: Array, scans: Sequence[tuple[int, int]], pixels: Array, step: float) -> tuple[Array, Array]:
    """Series of some pixels, one sample for each step.

    Parameters
    ----------
    kept : (positions, 2, pixels of a module) uint16
        From :func:`keep_pixels`.
    scans : sequence of (int, int)
        First position and length of the scans that are put together.
    pixels : (p,) int64
        Flat places in a module.
    step : float
        Of the gain signal between two stages, ADU: samples of one step whose gain signals differ by more than half of
        it are of different stages, so that the step is left out.

    Returns
    -------
    signal, code : (pixels, steps) uint16
        The mean over scans, rounded, halves to even numbers; 0 where there is no sample.
    """
    length = min(one for _, one in scans)
    parts = np.empty((len(scans), 2, len(pixels), length), np.uint16)
    for (begin, _), part in zip(scans, parts, strict=True):
        _turn(kept[begin:begin + length], np.ascontiguousarray(pixels, np.int64), part)
    signal, code = parts[0] if len(parts) == 1 else _merged(parts, step)
    return signal, code


def _merged(parts: Array, step: float) -> Array:
    """Mean of the samples (scans, 2, pixels, steps) that there are of each; 0 where they are of different stages."""
    there = parts[:, :1] > 0
    number = there.sum(axis=0)
    total = np.where(there, parts, 0).sum(axis=0, dtype=np.int64)
    code = np.where(there[:, 0], parts[:, 1].astype(np.int64), -1)
    lowest = np.where(code < 0, 1 << 30, code).min(axis=0)
    mixed = code.max(axis=0) - lowest > step / 2
    mean = np.rint(total / np.maximum(number, 1))  # halves to even: upwards, means of two are 0.25 ADU too high
    return np.where(mixed | (number == 0), 0, mean).astype(np.uint16)


@njit(nogil=True, cache=True)
def _keep(block, plane, pixels, position, kept):  # type: ignore[no-untyped-def]
    """Kernel of :func:`keep_pixels`."""
    for frame in range(block.shape[0]):
        here = kept[position[frame]]
        for pixel in pixels:
            here[0, pixel] = block[frame, 0, pixel]
            here[1, pixel] = block[frame, plane, pixel]


@njit(nogil=True, cache=True)
def _turn(kept, pixels, series):  # type: ignore[no-untyped-def]
    """Samples (positions, 2, pixels of a module) of some pixels as series (2, pixels, positions)."""
    for position in range(kept.shape[0]):
        for plane in range(2):
            row = kept[position, plane]
            for i in range(pixels.size):
                series[plane, i, position] = row[pixels[i]]

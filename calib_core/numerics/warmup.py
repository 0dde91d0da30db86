"""Compile or load every kernel before it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics import (
    changes,
    checksums,
    closure,
    common_mode,
    corrections,
    dark_means,
    dark_planes,
    first_samples,
    flag_counts,
    frame_sums,
    group_statistics,
    histograms,
    limits,
    lut,
    moments,
    noise_peak,
    normality,
    operations,
    order,
    photon_peaks,
    residuals,
    robust,
    scan_fits,
    scan_regions,
    shuffle,
    split_events,
    stability,
    stage_regions,
    stretches,
    tracks,
)

Array = NDArray[Any]


def warm_up(progress: Callable[[int, int], None] | None = None) -> None:
    """Call every kernel of the package once on tiny arrays, so that the cache of compiled code is filled or loaded.

    Safe in a background thread: kernels release the interpreter lock, compiling gives way to other threads.

    Parameters
    ----------
    progress : callable, optional
        Called with the number of kernels ready and the number of all kernels, first with 0.
    """
    calls = _calls()
    for done, call in enumerate(calls):
        if progress:
            progress(done, len(calls))
        call()
    if progress:
        progress(len(calls), len(calls))


def _calls() -> list[Callable[[], object]]:
    """One call per kernel, with the types and layouts that the program uses."""
    block = np.ones((2, 1, 4), np.uint16)
    gain = np.zeros((2, 4), np.uint8)
    slot = np.zeros(2, np.int64)
    count = np.zeros((1, 4), moments.COUNT_DTYPE)
    frames = np.zeros(1, np.int64)
    first = np.zeros((1, 1, 2, 4), np.uint16)
    low, high = np.zeros((1, 4), np.uint16), np.ones((1, 4), np.uint16)
    values = np.ones((2, 2), np.float32)
    soft = np.ones((1, 1), np.float32)
    image, use, reach = np.ones((1, 2, 2), np.float32), np.ones((1, 2, 2), np.bool_), np.ones((2, 2), np.float32)
    near = np.ones((2, 2), np.uint32)
    turns = np.arange(80, dtype=np.float32).reshape(40, 2)
    sums = np.zeros(2, residuals.TOTAL_DTYPE)
    median = order.MedianOfParts()
    return [
        lambda: moments.Sums(low, high).add(block, 0, slot),
        lambda: moments.Sums(low, high).add(block, 0, slot, (gain, 0, count)),
        lambda: moments.Sums(low.copy(), high.copy()).begin(0, block[:, 0], (0, 65535), 5.0, 3.0),
        lambda: moments.Sums(low, high).finish(),
        lambda: first_samples.keep(block, (0,), slot, frames.copy(), first),
        lambda: first_samples.keep(block, (0,), slot, frames.copy(), first, (gain, 0, count)),
        lambda: robust.median_mad(block[:, 0], 0, 65535),
        lambda: robust.gate(soft[0], soft[0], 5.0, 3.0, 0, 65535),
        lambda: limits.group_limits(values, (2, 2), 5.0),
        lambda: limits.outside(values, soft, soft, (2, 2), 0.0, 1.0),
        lambda: common_mode.near(image, use, reach),
        lambda: common_mode.subtract_medians(image, use, (2, 2), "row", 0.5, 1.0),
        lambda: common_mode.subtract_medians(image, use, (2, 2), "column", 0.5, 1.0),
        lambda: dark_means.dark_means(
            image, use, (2, 2), (0, 1), 0.5, 1, dark_means.no_maps((2, 2)), np.zeros(1, np.int64)),
        lambda: dark_means.add_dark(
            image, use, np.zeros((1, 1, 1)), (0, 1), dark_means.no_maps((2, 2)), np.zeros(1, np.int64),
            (np.zeros((1, 2, 2), np.int64), np.zeros((1, 2, 2), np.uint32))),
        lambda: dark_planes.dark_planes(image, use, (2, 2), (0, 1), 0.5, 1),
        lambda: residuals.add(image[0], use[0], reach[0], sums, sums.copy(), sums.astype(residuals.COUNT_DTYPE)),
        lambda: noise_peak.noise_peaks(values, use[0], np.ones(2), -9.0),
        lambda: lut.look_up(block[:, 0].copy(), slot, np.ones((1, 2, 4), np.uint16)),
        lambda: closure.pulls(
            closure.quarters(turns % np.float32(3), np.arange(40) % 4, 0 * reach[0], 2 * reach[0], slot),
            "even and odd trains", slot == 0, slot),
        lambda: normality.normality(block[:, 0], low[0], high[0]),
        lambda: stability.explained(values, values, values, values, near, near, near > 0, (2, 2)),
        lambda: stability.improbable(frames, frames, np.ones(1)),
        lambda: tracks.take_out(image, use, reach, reach, 2),
        lambda: split_events.classify(
            image, use, image, image, 1.0, np.zeros(split_events.PATTERNS, np.int32), (2, 2)),
        lambda: median.count(values, near - near),
        lambda: median.refine(values, near - near),
        lambda: checksums.fletcher32(np.ones(3, np.uint8)),
        lambda: stretches.read_stretches(-1, slot, np.zeros((2, 2), np.uint8)),
        *_of_statistics(),
        *_of_scans(np.arange(8, dtype=np.int32), np.ones((1, 8), np.uint16), np.zeros((1, 8), np.uint8)),
        *_of_light(np.ones((1, 8), np.uint32), np.arange(9.0)),
        *_of_histograms(image, use),
        *_of_corrections(block, gain, slot),
    ]


def _of_statistics() -> list[Callable[[], object]]:
    """Statistics of constants as files have them, and a line over time."""
    flags, cut = np.zeros((1, 1, 2, 2), np.uint32), group_statistics.Cut((2, 2), 1)
    line, rule = np.ones(4), changes.Rule(3, 3, 3, 3.0, 1.57, 0.1, 0.9, 6.0, 7.0, 3.0)
    return [
        lambda: group_statistics.numbers_of(np.ones((1, 1, 2, 2)), flags, cut),
        lambda: flag_counts.flagged(flags, cut),
        lambda: changes.scores(line, changes.reference_of(line, 0 * line, rule), rule),
    ]


def _of_histograms(image: Array, use: Array) -> list[Callable[[], object]]:
    values, good = image.reshape(1, -1), use.reshape(1, -1)
    pixels, zeros = values.shape[1], np.zeros(1, np.int64)
    sums = np.zeros((1, pixels), np.uint32), np.zeros((1, pixels), np.int64), np.zeros((1, pixels), np.int64)
    return [
        lambda: histograms.fill_histograms(
            values, good, np.zeros(pixels, np.int64), np.arange(3.0), np.zeros((pixels, 4), np.uint32),
            np.zeros((1, 4), np.int64)),
        lambda: histograms.add_moments(values, good, zeros, 16.0, 1e5, 0.0, sums, np.zeros((1, 2), np.int64)),
        lambda: histograms.isolated(image, use, image),
    ]


def _of_light(counts: Array, edges: Array) -> list[Callable[[], object]]:
    start = photon_peaks.Start(3.0, 1.0)
    return [lambda: photon_peaks.expected_counts(  # all models are in one kernel
        photon_peaks.fit_shelves(counts, edges, start, min_entries=1), edges)]


def _of_scans(x: Array, series: Array, label: Array) -> list[Callable[[], object]]:
    return [
        lambda: scan_regions.scan_regions(x, series, series),
        lambda: scan_fits.region_lines(x, series, label),
        lambda: scan_fits.medium_fits(x, series, label),
        lambda: stage_regions.stage_regions(x, series, series),
        lambda: stage_regions.neighbour_noise(x, series, label, 0),
    ]


def _of_corrections(block: Array, bits: Array, place: Array) -> list[Callable[[], object]]:
    """Corrections with all their constants; other chains are compiled when somebody has them."""
    def images(number: int, kind: Any) -> Array:
        return np.ones((number, 1, block.shape[2]), kind)

    def constant(number: int, kind: Any = np.float32) -> operations.Constant:
        return operations.Constant.of(images(number, kind), (0,), 0)

    out, flag = corrections.Samples.empty(len(block), block.shape[2]), np.uint32(1)
    bad, none = operations.AddFlags(constant(3, np.uint32)), operations.FlagNotFinite(flag)
    by_signal = operations.OfSignal(constant(2), np.uint16(9), flag, flag)
    by_bits = operations.OfBits((np.uint8(0), np.uint8(1), np.uint8(3)), flag)
    along = operations.OntoScale(constant(2), constant(2), constant(1, np.uint8), flag, flag)
    offset, flat = operations.Subtract(constant(3)), operations.Divide(constant(1))
    pixels, sums = images(1, np.float32)[0, 0], (np.int64, np.int64, np.uint32, np.uint32)
    total, squares, count, mask = (np.zeros(pixels.shape, kind) for kind in sums)
    stage, use = np.zeros(pixels.shape, np.uint8), np.ones(pixels.shape, np.bool_)
    return [
        lambda: corrections.correct(block, 0, None, place, by_signal, (
            offset, along, flat, operations.AddFlags(constant(1, np.uint32)), bad, none), out),
        lambda: corrections.correct(
            block, 0, bits, place, by_bits, (offset, operations.DivideKnown(constant(3)), bad, none), out),
        lambda: frame_sums.add_frames(
            pixels[None], mask[None], stage[None], use[None], np.zeros(1, np.int64), 64, 1e5,
            (total, squares, count, mask.copy()), images(3, np.uint32)[:, 0]),
        lambda: shuffle.shuffled(mask),
        lambda: frame_sums.sum_frames(np.ones((2, 2, 2, 4), np.uint16)[:, 0]),
        lambda: frame_sums.sum_frames(np.ones((2, 2, 4), np.uint16)),
    ]

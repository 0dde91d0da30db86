"""Whole chains of correction steps in one pass over the samples, with the bits of the steps one by one.

Frames of a memory cell go through all steps together, tile by tile, so that what is needed of the constants stays in
the cache; the operations are those of :mod:`calib_core.correction` for whole images, in single precision and in the
same order. Constants are (entries, cells, pixels) of one block of memory cells, ``place`` is the index of each
frame's memory cell among them, negative where they do not have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calib_core.numerics._arrays import check_array
from calib_core.numerics._frames import writable
from calib_core.numerics.kernels import njit

_Array = NDArray[Any]
_NAN = float("nan")
#: Pixels of a tile, whose constants and results take a quarter of a megabyte.
_TILE = 4096
#: Pixels that are looked at together for one of another stage.
_GROUP = 32


@dataclass(frozen=True, eq=False)
class Out:
    """Where corrected samples go, each (n, pixels) and C-contiguous.

    Attributes
    ----------
    values : float32
    stage : uint8
    mask : uint32
    use : bool
    """

    values: _Array
    stage: _Array
    mask: _Array
    use: _Array

    def row(self, frame: int) -> tuple[_Array, _Array, _Array, _Array]:
        """Arrays of one frame, (pixels,) each."""
        return self.values[frame], self.stage[frame], self.mask[frame], self.use[frame]

    @classmethod
    def empty(cls, frames: int, pixels: int, array: Callable[..., _Array] = np.empty) -> Out:
        """Arrays with anything in them.

        Parameters
        ----------
        frames, pixels : int
        array : callable
            Makes an array of a shape and type, with anything in it.
        """
        kinds = (np.float32, np.uint8, np.uint32, np.bool_)
        return cls(*(array((frames, pixels), kind) for kind in kinds))


@dataclass(frozen=True)
class Flags:
    """Bits that samples get: of no stage, of unknown stage, without a gain of their own, of no number."""

    wrong: int
    unknown: int
    guessed: int
    not_finite: int


def by_signal(
    block: _Array, plane: int, place: _Array, thresholds: _Array | None, fixed: int, offset: _Array,
    lines: tuple[_Array, _Array] | None, medium_low: float, adjust: bool, gain: tuple[_Array, _Array] | None,
    bad: _Array | None, marks: bool, missing: tuple[int, int], top: int, flags: Flags, out: Out,
) -> None:
    """Correct frames whose gain stage an analogue signal tells.

    Parameters
    ----------
    block : (n, planes, pixels) uint16, C-contiguous, ADU
        Samples in plane 0.
    plane : int
        Plane of the gain signal.
    place : (n,) int64
    thresholds : (2, cells, pixels) float32, optional, ADU
        Of the gain signal; without them all samples are of the stage ``fixed``.
    fixed : int
    offset : (3, cells, pixels) float32, ADU
    lines : pair of arrays, optional
        (4, cells, pixels) float32: ratio of high to medium gain, beginning of the line of high gain, anything,
        beginning of the line of medium gain; and (cells, pixels) uint8, 1 where the ratio is a guess.
    medium_low : float
        Ratio of medium to low gain.
    adjust : bool
        Whether signals of medium gain are moved to the line of high gain.
    gain : pair of arrays, optional
        (cells, pixels) float32, ADU/keV, and uint32 flags.
    bad : (3, cells, pixels) uint32, optional
        Flags by gain stage.
    marks : bool
        Whether samples that are no number are flagged.
    missing : pair of int
        Flags of a memory cell that is not there: of the gain, and of ``bad``.
    top : int, ADU
        Gain signals from here on are full.
    flags : Flags
    out : Out

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    _, pixels = _checked(block, place, offset, bad, 3, out)
    cells = offset.shape[1]
    if not 0 <= plane < block.shape[1]:
        raise ValueError(f"plane {plane} is none of {block.shape[1]}")
    _check_signal(thresholds, lines, gain, cells, pixels)
    for cell, frames in _by_cell(place):
        if cell < 0:
            for frame in frames.tolist():
                _without_constants(
                    block[frame, plane], thresholds is None, fixed, lines is not None, gain is not None, missing,
                    marks, top, flags, out.row(frame))
            continue
        _by_signal(
            writable(block), plane, frames, _of(thresholds, cell), np.uint8(fixed), _of(offset, cell),
            None if lines is None else _of(lines[0], cell), None if lines is None else writable(lines[1][cell]),
            np.float32(medium_low), bool(adjust), None if gain is None else writable(gain[0][cell]),
            None if gain is None else writable(gain[1][cell]), _of(bad, cell), bool(marks), np.uint16(top),
            (np.uint32(flags.wrong), np.uint32(flags.unknown), np.uint32(flags.guessed), np.uint32(flags.not_finite)),
            out.values, out.stage, out.mask, out.use)


def _by_cell(place: _Array) -> Iterator[tuple[int, _Array]]:
    """Memory cells, and the frames of each in their order."""
    for cell in np.unique(place):
        yield int(cell), np.flatnonzero(place == cell)


def _check_signal(
    thresholds: _Array | None, lines: tuple[_Array, _Array] | None, gain: tuple[_Array, _Array] | None, cells: int,
    pixels: int,
) -> None:
    if thresholds is not None:
        check_array(thresholds, "thresholds", (2, cells, pixels), np.float32)
    if lines is not None:
        check_array(lines[0], "lines", (4, cells, pixels), np.float32)
        check_array(lines[1], "guessed", (cells, pixels), np.uint8)
    if gain is not None:
        check_array(gain[0], "gain", (cells, pixels), np.float32)
        check_array(gain[1], "flags of gains", (cells, pixels), np.uint32)


def _of(values: _Array | None, cell: int) -> tuple[_Array, ...] | None:
    """Images of a memory cell, one after the other; None of what is not there."""
    return None if values is None else tuple(writable(one[cell]) for one in values)


def _without_constants(
    signal: _Array, is_fixed: bool, fixed: int, has_lines: bool, has_gain: bool, missing: tuple[int, int],
    marks: bool, top: int, flags: Flags, row: tuple[_Array, ...],
) -> None:
    """A frame of a memory cell that constants do not have."""
    values, stage, mask, use = row
    full = np.zeros(signal.shape, bool) if is_fixed else signal >= top
    values[:], stage[:], use[:] = np.nan, fixed if is_fixed else 0, is_fixed
    guessed = (has_lines or has_gain) and is_fixed and fixed > 0
    mask[:] = missing[1] | missing[0] * has_gain | flags.guessed * guessed | flags.not_finite * marks | (
        0 if is_fixed else flags.unknown)
    mask[full] |= np.uint32(flags.wrong)


def by_bits(
    block: _Array, bits: _Array, place: _Array, codes: tuple[int, ...], offset: _Array, gain: _Array | None,
    bad: _Array | None, marks: bool, missing: int, flags: Flags, out: Out,
) -> None:
    """Correct frames whose gain stage bits tell.

    Parameters
    ----------
    block : (n, planes, pixels) uint16, C-contiguous, ADU
        Samples in plane 0.
    bits : (n, pixels) uint8
    place : (n,) int64
    codes : three of int
        Gain bits of each stage.
    offset : (stages, cells, pixels) float32, ADU
    gain : (stages, cells, pixels) float32, optional, ADU/keV
        0 is no gain.
    bad : (stages, cells, pixels) uint32, optional
    marks : bool
        Whether samples that are no number are flagged.
    missing : int
        Flags of a memory cell that is not there.
    flags : Flags
    out : Out

    Raises
    ------
    ValueError
        If a shape or type does not fit.
    """
    number, pixels = _checked(block, place, offset, bad, len(codes), out)
    check_array(bits, "bits", (number, pixels), np.uint8)
    if gain is not None:
        check_array(gain, "gain", offset.shape, np.float32)
    stages, wrong = np.zeros(256, np.uint8), np.ones(256, np.bool_)
    stages[list(codes)], wrong[list(codes)] = range(len(codes)), False
    for cell, frames in _by_cell(place):
        if cell < 0:
            for frame in frames.tolist():
                values, stage, mask, use = out.row(frame)
                refused = wrong[bits[frame]]
                values[:], stage[:], use[:] = np.nan, stages[bits[frame]], ~refused
                mask[:] = np.where(refused, flags.wrong, 0) | missing | flags.not_finite * marks
            continue
        _by_bits(writable(block), writable(bits), frames, tuple(map(np.uint8, codes)), _of(offset, cell),
                 _of(gain, cell), _of(bad, cell), bool(marks), np.uint32(flags.wrong), np.uint32(flags.not_finite),
                 out.values, out.stage, out.mask, out.use)


def _checked(
    block: _Array, place: _Array, offset: _Array, bad: _Array | None, stages: int, out: Out
) -> tuple[int, int]:
    """Frames and pixels, once the arrays were found to fit."""
    if block.ndim != 3 or block.dtype != np.uint16:
        raise ValueError(f"frames must be (n, planes, pixels) uint16, but are {block.dtype} of shape {block.shape}")
    frames, _, pixels = block.shape
    check_array(block, "block", block.shape, np.uint16)
    check_array(place, "place", (frames,), np.int64)
    if offset.ndim != 3:
        raise ValueError(f"offsets must be (stages, cells, pixels), but have shape {offset.shape}")
    check_array(offset, "offset", (stages, offset.shape[1], pixels), np.float32)
    if place.max(initial=-1) >= offset.shape[1]:
        raise ValueError(f"memory cell {place.max()} is none of {offset.shape[1]}")
    if bad is not None:
        check_array(bad, "bad pixels", offset.shape, np.uint32)
    for name, kind in (("values", np.float32), ("stage", np.uint8), ("mask", np.uint32), ("use", np.bool_)):
        check_array(getattr(out, name), name, (frames, pixels), kind)
    return frames, pixels


# Loops over few arrays are what the compiler turns into vectors: it gives up where it would have to make sure of too
# many that they do not overlap. Nearly all samples are of the first stage, so it is taken for all; the others are
# done once more, one by one, from what was kept of them in ``work``: their places, and their flags so far.


@njit(nogil=True, cache=True, error_model="numpy")
def _by_signal(  # type: ignore[no-untyped-def]
    block, plane, frames, thresholds, fixed, offset, lines, guessed, medium_low, adjust, gain, gain_flags, bad, marks,
    top, flags, values, stages, masks, uses,
):
    work, lost = (np.empty(_TILE, np.int64), np.empty(_TILE, np.uint32)), False
    for number in range(frames.size * (-(-block.shape[2] // _TILE))):
        frame, start = frames[number % frames.size], number // frames.size * _TILE
        tile = slice(start, min(start + _TILE, block.shape[2]))
        adc, value, stage, mask = block[frame, 0, tile], values[frame, tile], stages[frame, tile], masks[frame, tile]
        if thresholds is None:
            _all_of(fixed, stage, mask, uses[frame, tile])
        else:
            if frame == frames[0]:
                lost = _some_lost(thresholds[0][tile]) or _some_lost(thresholds[1][tile])
            _stages(block[frame, plane, tile], thresholds[0][tile], thresholds[1][tile], lost, top, flags, stage,
                    mask, uses[frame, tile])
        others = _others(stage, mask, *work)
        _subtract(adc, offset[0][tile], value)
        if lines is not None:
            _scale(others, work, start, adc, offset, lines, guessed, medium_low, adjust, flags[2], stage, value)
        else:
            _subtract_others(others, work[0], start, adc, offset, stage, value)
        if gain is not None:
            _divide(gain[tile], value)
            _add_flags(gain_flags[tile], mask)
            _keep_flags(others, work, start, gain_flags)
            if lines is None:
                _give_up(others, work, flags[2], value)
        if bad is not None:
            _add_flags(bad[0][tile], mask)
        _put_back(others, work, start, bad, stage, mask)
        if marks:
            _mark(flags[3], value, mask)


@njit(nogil=True, cache=True, error_model="numpy")
def _by_bits(  # type: ignore[no-untyped-def]
    block, bits, frames, codes, offset, gain, bad, marks, wrong, not_finite, values, stages, masks, uses
):
    work = np.empty(_TILE, np.int64), np.empty(_TILE, np.uint32)
    for number in range(frames.size * (-(-block.shape[2] // _TILE))):
        frame, start = frames[number % frames.size], number // frames.size * _TILE
        tile = slice(start, min(start + _TILE, block.shape[2]))
        adc, value, stage, mask = block[frame, 0, tile], values[frame, tile], stages[frame, tile], masks[frame, tile]
        _stages_of_bits(bits[frame, tile], codes, wrong, stage, mask, uses[frame, tile])
        others = _others(stage, mask, *work)
        _subtract(adc, offset[0][tile], value)
        if gain is not None:
            _divide_some(gain[0][tile], value)
        if bad is not None:
            _add_flags(bad[0][tile], mask)
        _subtract_others(others, work[0], start, adc, offset, stage, value)
        if gain is not None:
            _divide_others(others, work[0], start, gain, stage, value)
        _put_back(others, work, start, bad, stage, mask)
        if marks:
            _mark(not_finite, value, mask)


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _all_of(fixed, stage, mask, use):  # type: ignore[no-untyped-def]
    for i in range(stage.size):
        stage[i] = fixed
    for i in range(mask.size):
        mask[i] = 0
    for i in range(use.size):
        use[i] = True


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _stages(signal, low, high, lost, top, flags, stage, mask, use):  # type: ignore[no-untyped-def]
    for i in range(signal.size):
        code = np.float32(signal[i])
        over = code > low[i]
        stage[i] = np.uint8(over) + np.uint8(over & (code > high[i]))
    for i in range(signal.size):
        mask[i] = flags[0] if signal[i] >= top else np.uint32(0)
    for i in range(signal.size):
        use[i] = signal[i] < top
    if lost:
        for i in range(signal.size):
            if low[i] != low[i] or (np.float32(signal[i]) > low[i] and high[i] != high[i]):
                mask[i] |= flags[1]
                use[i] = False


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _some_lost(values):  # type: ignore[no-untyped-def]
    """Whether one of them is no number."""
    lost = np.int32(0)
    for i in range(values.size):
        lost |= np.int32(values[i] != values[i])
    return lost != 0


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _stages_of_bits(bits, codes, wrong, stage, mask, use):  # type: ignore[no-untyped-def]
    first, second, third = codes
    for i in range(bits.size):
        stage[i] = np.uint8(bits[i] == second) + np.uint8(2) * np.uint8(bits[i] == third)
    for i in range(bits.size):
        use[i] = (bits[i] == first) | (bits[i] == second) | (bits[i] == third)
    for i in range(bits.size):
        mask[i] = np.uint32(0) if use[i] else wrong


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _others(stage, mask, places, kept):  # type: ignore[no-untyped-def]
    """Places of samples of other stages than the first, and their flags; their number."""
    number, whole = 0, stage.size - stage.size % _GROUP
    for start in range(0, whole, _GROUP):
        some = np.uint8(0)
        for i in range(_GROUP):
            some |= stage[start + i]
        if some:
            number = _pick(stage, mask, start, start + _GROUP, places, kept, number)
    return _pick(stage, mask, whole, stage.size, places, kept, number)


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _pick(stage, mask, start, stop, places, kept, number):  # type: ignore[no-untyped-def]
    for i in range(start, stop):
        if stage[i] > 0:
            places[number], kept[number] = i, mask[i]
            number += 1
    return number


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _subtract_others(number, places, start, adc, offset, stage, value):  # type: ignore[no-untyped-def]
    for k in range(number):
        i = places[k]
        value[i] = np.float32(adc[i]) - (offset[1][start + i] if stage[i] == 1 else offset[2][start + i])


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _scale(  # type: ignore[no-untyped-def]
    number, work, start, adc, offset, lines, guessed, medium_low, adjust, guess, stage, value
):
    _subtract_others(number, work[0], start, adc, offset, stage, value)
    for k in range(number):
        i = work[0][k]
        at = start + i
        value[i] = _scaled(value[i], lines[0][at], lines[1][at], lines[3][at], offset[0][at], offset[1][at],
                           adjust and stage[i] == 1 and guessed[at] == 0, stage[i] > 1, medium_low)
        work[1][k] |= guess if guessed[at] else np.uint32(0)


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _keep_flags(number, work, start, flags):  # type: ignore[no-untyped-def]
    for k in range(number):
        work[1][k] |= flags[start + work[0][k]]


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _give_up(number, work, guess, value):  # type: ignore[no-untyped-def]
    """Samples of stages that nothing has scaled have no energy."""
    for k in range(number):
        value[work[0][k]] = np.float32(_NAN)
        work[1][k] |= guess


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _put_back(number, work, start, bad, stage, mask):  # type: ignore[no-untyped-def]
    """Flags of samples of other stages, in place of those of the first."""
    for k in range(number):
        i = work[0][k]
        mask[i] = work[1][k]
        if bad is not None:
            mask[i] |= bad[1][start + i] if stage[i] == 1 else bad[2][start + i]


@njit(nogil=True, cache=True, error_model="numpy", no_cpython_wrapper=True)
def _divide_others(number, places, start, gain, stage, value):  # type: ignore[no-untyped-def]
    for k in range(number):
        i = places[k]
        one = gain[1][start + i] if stage[i] == 1 else gain[2][start + i]
        value[i] = value[i] / (np.float32(_NAN) if one == 0 else one)


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _subtract(adc, offset, value):  # type: ignore[no-untyped-def]
    for i in range(adc.size):
        value[i] = np.float32(adc[i]) - offset[i]


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _scaled(  # type: ignore[no-untyped-def]
    value, ratio, high_base, medium_base, high_offset, medium_offset, line, low, medium_low
):
    one = value + (medium_offset - medium_base) if line else value
    one = one * ratio
    one = one * medium_low if low else one
    return one + (high_base - high_offset) if line else one


@njit(nogil=True, cache=True, error_model="numpy", no_cpython_wrapper=True)
def _divide(gain, value):  # type: ignore[no-untyped-def]
    for i in range(gain.size):
        value[i] = value[i] / gain[i]


@njit(nogil=True, cache=True, error_model="numpy", no_cpython_wrapper=True)
def _divide_some(gain, value):  # type: ignore[no-untyped-def]
    for i in range(gain.size):
        value[i] = value[i] / (np.float32(_NAN) if gain[i] == 0 else gain[i])


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _add_flags(flags, mask):  # type: ignore[no-untyped-def]
    for i in range(mask.size):
        mask[i] |= flags[i]


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _mark(not_finite, value, mask):  # type: ignore[no-untyped-def]
    for i in range(mask.size):
        mask[i] |= np.uint32(0) if abs(value[i]) < np.float32(np.inf) else not_finite

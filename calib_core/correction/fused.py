"""Chains of steps that one kernel does in one pass over the samples, with the bits of the steps one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import OFFSET, RELATIVE_GAIN, SLOPES_FF, SLOPES_PC, THRESHOLDS_DARK
from calib_core.correction.capacitor import Lines, RelativeGain
from calib_core.correction.gain_stage import StageOfBits, StageOfSignal
from calib_core.correction.images import Images
from calib_core.correction.mask import Mask
from calib_core.correction.of_samples import OfSamples, places_of
from calib_core.correction.offset import Offset
from calib_core.correction.relative_gain import GainPerEnergy
from calib_core.correction.step import Bound, Step
from calib_core.correction.xray_gain import FlatField, XrayGain
from calib_core.detector import Frames
from calib_core.numerics.corrections import Flags, Out, by_bits, by_signal

_FLAGS = Flags(int(BadPixels.WRONG_GAIN_VALUE), int(BadPixels.GAIN_THRESHOLDING_ERROR), int(BadPixels.CI_EVAL_ERROR),
               int(BadPixels.VALUE_IS_NAN))
#: Gain stages that kernels know.
_STAGES = 3
#: Flags that are not of the same memory cells, so that nobody can put them together.
_APART = OfSamples(np.zeros((1, 1, 1, 1), np.uint32), (-1,), 0)
#: Makes an array of a shape and type, with anything in it.
MakeArray = Callable[..., Array]
#: Corrects frames as they are stored.
Correct = Callable[[Frames, MakeArray], Images]


def fused(steps: Sequence[Bound]) -> Correct | None:
    """One pass for a chain of steps whose constants are in memory.

    Parameters
    ----------
    steps : sequence of Bound

    Returns
    -------
    callable or None
        None where there is no kernel for this chain, or its constants are not of the same memory cells; the steps are
        done one by one then.
    """
    if not steps or len(steps[0].kind.stages) != _STAGES or any(
            isinstance(one.step, Mask) and one.step.chooses for one in steps):
        return None
    by_type = {type(one.step): one for one in steps}
    order = [type(one.step) for one in steps]
    if order[:1] == [StageOfSignal] and _is_part(order, (StageOfSignal, Offset, RelativeGain, XrayGain, Mask)):
        return _by_signal(by_type)
    if order[:1] == [StageOfBits] and _is_part(order, (StageOfBits, Offset, GainPerEnergy, Mask)):
        return _by_bits(by_type)
    return None


def _is_part(order: list[type[Step]], chain: tuple[type[Step], ...]) -> bool:
    """Whether steps are those of a chain in its order, some left out but not the offset, none with other work."""
    places = [next((i for i, one in enumerate(chain) if issubclass(step, one) and step.apply is one.apply), -1)
              for step in order]
    return Offset in order and -1 not in places and places == sorted(set(places))


def _find(steps: dict[type[Step], Bound], kind: type[Step]) -> Bound | None:
    return next((one for step, one in steps.items() if issubclass(step, kind)), None)


def _by_signal(steps: dict[type[Step], Bound]) -> Correct | None:
    stage, kind = steps[StageOfSignal], steps[StageOfSignal].kind
    offset = cast(OfSamples, steps[Offset].given[OFFSET.name])
    thresholds = cast("OfSamples | None", stage.given.get(THRESHOLDS_DARK.name))
    ratio, xray, mask = (_find(steps, one) for one in (RelativeGain, XrayGain, Mask))
    lines = None if ratio is None else cast(Lines, ratio.given[SLOPES_PC.name])
    field = None if xray is None else cast(FlatField, xray.given[SLOPES_FF.name])
    bad = _bad(mask)
    together = [offset, thresholds, *(() if lines is None else (lines.lines, lines.guessed)),
                *(() if field is None else (field.gain, field.flags)), bad]
    if not _of_same_cells(together) or bad is _APART:
        return None
    step = None if ratio is None else cast(RelativeGain, ratio.step)
    call = partial(
        by_signal, thresholds=None if thresholds is None else _flat(thresholds.data), fixed=kind.fixed_stage or 0,
        offset=_flat(offset.data),
        lines=None if lines is None else (_flat(lines.lines.data), _flat(lines.guessed.data)[0]),
        medium_low=1.0 if step is None else step.medium_low_ratio, adjust=step is not None and step.adjust_baseline,
        gain=None if field is None else (_flat(field.gain.data)[0], _flat(field.flags.data)[0]),
        bad=None if bad is None else _flat(bad.data), marks=mask is not None,
        missing=(0 if field is None else int(field.flags.missing), 0 if bad is None else int(bad.missing)),
        top=kind.saturation, flags=_FLAGS)

    def correct(frames: Frames, array: MakeArray) -> Images:
        out, images = _made(frames, array)
        call(_block(frames), kind.signal_plane or 0, place=places_of(offset.cells, frames.cell), out=out)
        images.one_scale = lines is not None
        return images

    return correct


def _by_bits(steps: dict[type[Step], Bound]) -> Correct | None:
    kind, offset = steps[StageOfBits].kind, cast(OfSamples, steps[Offset].given[OFFSET.name])
    ratio, mask = (_find(steps, one) for one in (GainPerEnergy, Mask))
    gain = None if ratio is None else cast(OfSamples, ratio.given[RELATIVE_GAIN.name])
    bad = _bad(mask)
    if not _of_same_cells([offset, gain, bad]) or bad is _APART:
        return None
    call = partial(by_bits, codes=tuple(stage.code for stage in kind.stages), offset=_flat(offset.data),
                   gain=None if gain is None else _flat(gain.data), bad=None if bad is None else _flat(bad.data),
                   marks=mask is not None,
                   missing=0 if bad is None else int(bad.missing), flags=_FLAGS)

    def correct(frames: Frames, array: MakeArray) -> Images:
        if frames.gain is None:
            raise ValueError("these frames have no gain bits")
        out, images = _made(frames, array)
        bits = np.ascontiguousarray(frames.gain).reshape(len(frames), -1)
        call(_block(frames), bits, places_of(offset.cells, frames.cell), out=out)
        return images

    return correct


def _bad(mask: Bound | None) -> OfSamples | None:
    """Flags of all constants of the mask together; none where there are none, or no mask."""
    given = [] if mask is None else [
        cast(OfSamples, mask.given[one.name]) for one in mask.step.optional if one.name in mask.given]
    if not given:
        return None
    first = given[0]
    if any(one.cells != first.cells or one.data.shape != first.data.shape for one in given):
        return _APART
    flags = first.data if len(given) == 1 else np.bitwise_or.reduce([one.data for one in given])
    return OfSamples(flags, first.cells, first.missing)


def _of_same_cells(constants: Sequence[OfSamples | None]) -> bool:
    there = [one for one in constants if one is not None]
    return all(isinstance(one, OfSamples) and one.cells == there[0].cells
               and one.data.shape[1:] == there[0].data.shape[1:] for one in there)


def _flat(values: Array) -> Array:
    """(entries, cells, pixels) of (entries, cells, slow_scan, fast_scan)."""
    return np.ascontiguousarray(values).reshape(*values.shape[:2], -1)


def _block(frames: Frames) -> Array:
    return np.ascontiguousarray(frames.block).reshape(*frames.block.shape[:2], -1)


def _made(frames: Frames, array: MakeArray) -> tuple[Out, Images]:
    """Flat arrays to write to, and the same as images."""
    n, shape = len(frames), frames.block.shape[2:]
    out = Out.empty(n, int(np.prod(shape)), array)
    values, stage, mask, use = (one.reshape(n, *shape) for one in (out.values, out.stage, out.mask, out.use))
    return out, Images(values, stage, mask, use, frames.cell, frames.train, None, frames.gain, frames.gain_signal)

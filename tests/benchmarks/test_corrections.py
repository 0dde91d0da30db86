"""Corrections in one pass against a copy of the same bytes, against NumPy, and against what others took."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from calib_core.correction.capacitor import RelativeGain
from calib_core.correction.gain_stage import StageOfBits, StageOfSignal
from calib_core.correction.images import Images
from calib_core.correction.mask import Mask, MaskWithScans
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.offset import Offset
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.relative_gain import GainPerEnergy
from calib_core.correction.xray_gain import XrayGain
from calib_core.detector import Frames
from calib_core.detectors.agipd import AGIPD1M
from calib_core.detectors.jungfrau import JUNGFRAU
from calib_core.io.buffers import Buffers

from .conftest import ratios

#: Time that the serial kernel of jungfrau_utils takes in units of :func:`convert`, as was once recorded: 64 frames of
#: 512 × 1024, one thread; it makes values alone, without mask and stages.
JUNGFRAU_UTILS = 11.5
CELLS, TRAINS = 16, 16


class Memory:
    """Constants of a module in memory."""

    def __init__(self, cells, shape):
        rng = np.random.default_rng(1)

        def made(levels, spread):
            values = rng.normal(1, spread, (len(levels), cells, *shape)).astype(np.float32)
            return OfSamples(values * np.array(levels, np.float32)[:, None, None, None], tuple(range(cells)))

        self._found = {
            "Offset": made([4900, 4700, 4600], 0.02), "ThresholdsDark": made([6500, 7900], 0.01),
            "SlopesPC": made([25, 4890, 0.55, 4680], 0.02), "SlopesFF": made([7.2], 0.03),
            "RelativeGain": made([41.4, -1.44, -0.1], 0.03),
            "BadPixelsDark": OfSamples((rng.random((3, cells, *shape)) < 0.003).astype(np.uint32),
                                       tuple(range(cells)), 8)}

    def get(self, kind):
        return self._found.get(kind.name)


def frames_of(kind, cells, trains, in_train_order):
    """Nearly all samples in high gain, as in an experiment."""
    rng = np.random.default_rng(2)
    n = cells * trains
    block = rng.integers(4800, 5100, (n, kind.planes, *kind.shape), np.uint16)
    cell = np.arange(n) % cells if in_train_order else np.repeat(np.arange(cells), trains)
    bits = None
    if kind.signal_plane is None:
        bits = np.zeros((n, *kind.shape), np.uint8)
        bits[rng.random(bits.shape) < 0.01] = 1
    else:
        block[:, 1] = rng.integers(5600, 5900, block[:, 1].shape)
        block[:, 1][rng.random(block[:, 1].shape) < 0.01] = 7200
    return Frames(block, cell, np.arange(n, dtype=np.uint64), bits, kind.signal_plane)


@njit(nogil=True, cache=True)
def convert(block, out):
    """Codes into numbers, which is the least that any correction does."""
    for frame in range(block.shape[0]):
        row, values = block[frame], out[frame]
        for i in range(row.size):
            values[i] = np.float32(row[i])


def test_against_jungfrau_utils_as_recorded(bars):
    """Values, mask and stages against its values alone; what it took is a recorded multiple of a conversion."""
    steps = [StageOfBits(), Offset(), GainPerEnergy(), Mask()]
    pipeline = Pipeline(steps).bind(Memory(1, JUNGFRAU.shape), JUNGFRAU).read()
    given, buffers = frames_of(JUNGFRAU, 1, 64, False), Buffers()
    flat = given.block.reshape(len(given), -1)
    out = np.ones(flat.shape, np.float32)

    def ours():
        return pipeline.corrected(given, buffers.array)

    def plain():
        convert(flat, out)

    ours(), plain()
    found = [JUNGFRAU_UTILS * one for one in ratios(ours, plain, 7)]
    bars.ratio("correct_jungfrau_vs_jungfrau_utils_recorded", found, 6.5)


@pytest.mark.parametrize(("kind", "cells", "in_train_order", "goal"), [
    (AGIPD1M, CELLS, False, 0.35), (AGIPD1M, CELLS, True, 0.25), (JUNGFRAU, 1, False, 0.35)])
def test_three_outputs(kind, cells, in_train_order, goal, bar):
    steps = ([StageOfSignal(), Offset(), RelativeGain(), XrayGain(), MaskWithScans()] if kind.planes == 2
             else [StageOfBits(), Offset(), GainPerEnergy(), Mask()])
    pipeline = Pipeline(steps).bind(Memory(cells, kind.shape), kind).read()
    given = frames_of(kind, cells, 2 * TRAINS if cells == 1 else TRAINS, in_train_order)

    def one_by_one():
        images = Images.of_frames(given)
        pipeline.apply(images)
        return images

    mine, theirs = pipeline.corrected(given), one_by_one()
    for name in ("values", "stage", "mask", "use"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
    buffers = Buffers()
    read = given.block.nbytes + (0 if given.gain is None else given.gain.nbytes)
    bytes_moved = (read + mine.values.nbytes + mine.mask.nbytes + mine.stage.nbytes) // 2
    source, target = np.ones((2, bytes_moved), np.uint8)
    name = f"correct_{kind.name.lower()}" + ("_in_train_order" if in_train_order else "")
    bar(f"{name}_vs_copy", lambda: pipeline.corrected(given, buffers.array), lambda: np.copyto(target, source), goal)
    if not in_train_order:
        bar(f"{name}_vs_numpy", lambda: pipeline.corrected(given, buffers.array), one_by_one, 20, 5)

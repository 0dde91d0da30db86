"""Operations on single samples against NumPy, at sizes that vectors do not fit, and what the pass refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calib_core.numerics.corrections import Samples, correct, go_on
from calib_core.numerics.operations import (
    AddFlags,
    Constant,
    DivideStages,
    Fixed,
    FlagFrom,
    FlagNotFinite,
    Kept,
    OfBits,
    OfSignal,
    RefuseFrom,
    Round,
    Subtract,
    ZeroOutside,
)

FRAMES, FLAG = 7, [np.uint32(1 << i) for i in range(6)]
CODES = np.uint8(0), np.uint8(1), np.uint8(3)


def constant(pixels: int, kind: Any = np.float32, entries: int = 3) -> Constant:
    rng = np.random.default_rng(2)
    return Constant.of(rng.integers(1, 200, (entries, 2, pixels)).astype(kind), (4, 1), 7)


def own(one: Constant, cell: Any, stage: Any) -> Any:
    """Values of each sample's memory cell and stage, 7 where there is none."""
    images = np.concatenate([np.array(one.images), np.full((len(one.images), 1, stage.shape[1]), 7)], axis=1)
    place = np.array([{4: 0, 1: 1}.get(number, 2) for number in cell.tolist()])
    return np.take_along_axis(images[:, place], np.minimum(stage, len(images) - 1)[None].astype(int), 0)[0]


@pytest.mark.parametrize("pixels", [1, 15, 16, 33, 4096 + 5])
@pytest.mark.parametrize("begin", [0, 1, 3])
def test_a_chain_is_what_numpy_makes_of_it(pixels: int, begin: int) -> None:
    """Rows begin anywhere; five frames are of one memory cell, so that its constants are copied."""
    rng = np.random.default_rng(3)
    memory = np.empty(FRAMES * pixels + begin, np.uint16)
    block = memory[begin:].reshape(FRAMES, 1, pixels)
    block[...] = rng.integers(0, 1000, block.shape)
    bits, cell = rng.integers(0, 4, (FRAMES, pixels)).astype(np.uint8), np.array([4, 4, 9, 4, 1, 4, 4])
    offset, bad, gains = constant(pixels), constant(pixels, np.uint32, 2), (2.0, 3.0, 7.0)
    out = Samples.empty(FRAMES, pixels)
    correct(block, 0, bits, cell, OfBits(CODES, FLAG[0]), (
        FlagFrom(np.float32(900), FLAG[1]), RefuseFrom(np.float32(950), FLAG[2]), Subtract(offset),
        DivideStages(tuple(np.float32(one) for one in gains)), AddFlags(bad)), out)
    go_on(out, None, cell, Kept(), (
        Round(np.float32(3), np.float32(0.5)), ZeroOutside(np.float32(2), np.float32(80), FLAG[3]),
        FlagNotFinite(FLAG[4])))

    codes, wrong = block[:, 0].astype(np.float32), bits == 2
    stage = np.select([bits == 1, bits == 3], [1, 2], 0).astype(np.uint8)
    values = (codes - own(offset, cell, stage).astype(np.float32)) / np.array(gains, np.float32)[stage]
    values = np.maximum(np.floor(values / np.float32(3) + np.float32(0.5)), 0)
    outside = (values < 2) | (values > 80)
    own_stage = np.where(stage < 2, stage, 0)  # flags of two stages: the third has those of the first
    mask = (FLAG[0] * wrong | FLAG[1] * (codes >= 900) | FLAG[2] * (codes >= 950) | own(bad, cell, own_stage)
            | FLAG[3] * outside)
    np.testing.assert_array_equal(out.stage, stage)
    np.testing.assert_array_equal(out.values, np.where(outside, 0, values))
    np.testing.assert_array_equal(out.mask, mask)
    np.testing.assert_array_equal(out.use, ~wrong & (codes < 950))


def test_what_does_not_fit_is_refused() -> None:
    block, cell, out = np.zeros((2, 2, 5), np.uint16), np.zeros(2, np.int64), Samples.empty(2, 5)
    of_bits, fixed = OfBits(CODES, FLAG[0]), Fixed(np.uint8(0))
    of_signal = OfSignal(constant(5, entries=2), np.uint16(9), FLAG[0], FLAG[1])
    with pytest.raises(ValueError, match="frames must be"):
        correct(block.astype(np.int16), 0, None, cell, fixed, (), out)
    with pytest.raises(ValueError, match="plane 2 is none of 2"):
        correct(block, 2, None, cell, of_signal, (), out)
    with pytest.raises(ValueError, match="no gain bits"):
        correct(block, 0, None, cell, of_bits, (), out)
    with pytest.raises(ValueError, match="bits must be"):
        correct(block, 0, np.zeros((2, 4), np.uint8), cell, of_bits, (), out)
    with pytest.raises(ValueError, match="an image must be"):
        correct(block, 0, None, cell, fixed, (Subtract(constant(6)),), out)
    far = constant(5)
    few = far._replace(images=tuple(one[:1] for one in far.images))
    with pytest.raises(ValueError, match="place 1 is none of 1"):
        correct(block, 0, None, cell, fixed, (Subtract(few),), out)
    with pytest.raises(ValueError, match="mask must be"):
        correct(block, 0, None, cell, fixed, (), Samples(out.values, out.stage, out.mask[:1], out.use))
    with pytest.raises(ValueError, match="no stages yet"):
        correct(block, 0, None, cell, Kept(), (), out)
    with pytest.raises(ValueError, match="looked at first"):
        go_on(out, None, cell, of_signal, ())

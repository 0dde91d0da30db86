"""Which sample of parallel gain is taken, against loops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calib_core.constants.badpixels import BadPixels
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.parallel_gain import StageOfBitsOrParallel
from calib_core.detector import Frames
from calib_core.detectors.lpd import LPD1M
from calib_core.errors import BadInput

SHAPE, CELLS, FRAMES = (6, 40), (2, 5), 8
KIND = replace(LPD1M, shape=SHAPE, in_parallel=True)


class Memory:
    def __init__(self, **found):
        self.found = found

    def get(self, kind):
        return self.found.get(kind.name)


@pytest.fixture
def constants() -> Memory:
    rng = np.random.default_rng(2)
    noise = rng.uniform(2, 9, (3, 2, *SHAPE)).astype(np.float32)
    offset = rng.normal(700, 40, (3, 2, *SHAPE)).astype(np.float32)
    for one in (noise, offset):
        one[rng.random(one.shape) < 0.02] = np.nan
    return Memory(Noise=OfSamples(noise, CELLS), Offset=OfSamples(offset, CELLS))


def frames() -> Frames:
    """Codes all over the range, a tenth of them full; a few with bits of another stage."""
    rng = np.random.default_rng(3)
    cell, train = rng.choice([*CELLS, 7], FRAMES), np.arange(FRAMES, dtype=np.uint64)

    def of_stage(stage: int, others: tuple[Frames, ...] = ()) -> Frames:
        block = rng.integers(500, 4096, (FRAMES, 1, *SHAPE)).astype(np.uint16)
        block[rng.random(block.shape) < 0.1] = 4095
        block[rng.random(block.shape) < 0.4] = rng.integers(600, 1100)
        bits = np.where(rng.random((FRAMES, *SHAPE)) < 0.05, rng.integers(0, 4), stage).astype(np.uint8)
        return Frames(block, cell, train, bits, None, others)

    return of_stage(0, (of_stage(1), of_stage(2)))


def by_loops(given: Frames, constants: Memory, step: StageOfBitsOrParallel, index: tuple[int, int, int]) -> int:
    codes = [float(one.adc[index]) for one in (given, *given.others)]
    frame, row, column = index
    place = CELLS.index(int(given.cell[frame])) if given.cell[frame] in CELLS else None
    noise, offset = ([np.nan] * 3 if place is None else constants.found[name].data[:, place, row, column]
                     for name in ("Noise", "Offset"))
    margins = step.margin_high, step.margin_mid
    if step.rule == "saturation":
        for stage in range(2):
            away = 0 if np.isnan(noise[stage]) else margins[stage] * noise[stage]
            if codes[stage] < 4095 - away:
                return stage
        return 2
    low = [codes[stage + 1] - offset[stage + 1] < margins[stage] * noise[stage + 1] for stage in range(2)]
    if not low[1] or codes[1] >= 4095:
        return 2
    return 0 if low[0] and codes[0] < 4095 else 1


@pytest.mark.parametrize("rule", ["saturation", "handover"])
def test_the_stage_that_the_rule_says_is_taken(rule: str, constants: Memory) -> None:
    step, given = StageOfBitsOrParallel(rule=rule, margin_high=5, margin_mid=100), frames()
    images = Images.of_frames(given)
    step.bind(constants, KIND).apply(images)
    everything = (given, *given.others)
    assert set(np.unique(images.stage)) == {0, 1, 2}
    for index in np.ndindex(FRAMES, *SHAPE):
        stage = by_loops(given, constants, step, index)
        assert images.stage[index] == stage, index
        assert images.values[index] == everything[stage].adc[index]
        wrong = everything[stage].gain[index] != stage
        assert images.mask[index] == (int(BadPixels.WRONG_GAIN_VALUE) if wrong else 0)
        assert images.use[index] == (not wrong)
    assert given.adc.dtype == np.uint16


def test_no_full_sample_is_taken_while_a_less_sensitive_one_is_not_full(constants: Memory) -> None:
    given = frames()
    for rule in ("saturation", "handover"):
        images = Images.of_frames(given)
        StageOfBitsOrParallel(rule=rule).bind(constants, KIND).apply(images)
        full = images.values >= 4095
        lower = np.array([one.adc >= 4095 for one in given.others])
        assert lower[1][full & (images.stage == 1)].all() or not (full & (images.stage == 1)).any()
        assert lower.all(axis=0)[full & (images.stage == 0)].all()


def test_where_gain_is_not_parallel_bits_tell_the_stage(constants: Memory) -> None:
    given = replace(frames(), others=())
    images = Images.of_frames(given)
    bound = StageOfBitsOrParallel().bind(Memory(), replace(KIND, in_parallel=False))
    assert bound.given == {}
    bound.apply(images)
    np.testing.assert_array_equal(images.stage, np.where(given.gain < 3, given.gain, 0))


def test_without_noise_and_offset_parallel_gain_is_refused() -> None:
    with pytest.raises(BadInput, match="noise and offset, but there is no Noise and no Offset; give"):
        StageOfBitsOrParallel().bind(Memory(), KIND)

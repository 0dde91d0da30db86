"""Every correction of every family: runs of its steps in one pass have the bits of the steps one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, pairwise, product
from typing import Any

import numpy as np
import pytest

from calib_core.characterisation.correct import Correct
from calib_core.characterisation.family import families
from calib_core.constants.constant import LUT, NOISE, OFFSET, PIXEL_ORDER, THRESHOLDS_DARK, ConstantKind
from calib_core.correction.fused import AtOnce, fused
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.round_photons import RoundPhotons
from calib_core.correction.step import Step
from calib_core.detector import DetectorType, Frames
from calib_core.errors import BadParameter

FRAMES = 13
#: Values of constants by their names, where they are not about 1.
LEVELS = {OFFSET.name: (400, 900, 1300), NOISE.name: (3,), THRESHOLDS_DARK.name: (900, 1500),
          "SlopesPC": (25, 390, 0.55, 880)}
Steps = tuple[Step, ...]


def is_of_samples(step: Step) -> bool:
    """Whether it works on single samples."""
    return type(step).operations is not Step.operations


def chains(steps: Steps, whole: bool) -> Iterator[Steps]:
    """Choices of optional steps that work on single samples, and all of these with each of the others."""
    steps = tuple(one.model_copy(update={"energy": 2.5}) if isinstance(one, RoundPhotons) else one for one in steps)
    free = [one.word for one in steps if not one.required and is_of_samples(one)]
    others = [one.word for one in steps if not one.required and not is_of_samples(one)]
    each = [{word for word, on in zip(free, one, strict=True) if on} for one in product((1, 0), repeat=len(free))]
    possible = [on for on in each if switched(steps, on)]
    for on in (*(possible if whole else covering(possible, free)), *({*free, word} for word in others),
               {*free, *others}):
        yield from switched(steps, on)


def switched(steps: Steps, on: set[str]) -> list[Steps]:
    """The chain in which of optional steps these are on; none where their units do not go together."""
    chain = tuple(one.model_copy(update={"on": one.required or one.word in on}) for one in steps)
    try:
        Pipeline(chain)
    except BadParameter:
        return []
    return [chain]


def covering(choices: Sequence[set[str]], words: Sequence[str]) -> Iterator[set[str]]:
    """Few choices in which each two steps are on and off in all ways in which they are so in any of all choices."""
    ways = [set(combinations([(word, word in one) for word in words], min(2, len(words)))) for one in choices]
    left = set().union(*ways)
    while left:
        best = max(range(len(choices)), key=lambda i: len(left & ways[i]))
        left -= ways[best]
        yield choices[best]


def methods() -> Iterator[tuple[DetectorType, Steps]]:
    for family in families():
        for method in family.methods:
            if isinstance(method, Correct):
                yield family.types[0], method.steps


def small(kind: DetectorType) -> DetectorType:
    """The type with modules of few pixels, no multiple of what a processor takes at once."""
    slow = 1 if kind.shape[0] == 1 else 4
    return replace(kind, shape=(slow, 70), asic_shape=(slow, 35), bank_shape=(slow, 35), converter_shape=None,
                   regions=(), variants=())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Compiling the kernel of a chain takes most of its test, so all choices are tried on request only."""
    if "chain" in metafunc.fixturenames:
        whole = metafunc.config.getoption("--whole")
        cases = [(small(kind), chain) for kind, steps in methods() for chain in chains(steps, whole)]
        metafunc.parametrize(("kind", "chain"), cases, ids=[
            f"{kind.name}-" + "-".join(one.word for one in chain if one.on and not one.required)
            for kind, chain in cases])


class Memory:
    """Constants of two memory cells of a module, of which a few values are none, 0, infinite or of the other sign."""

    def __init__(self, kind: DetectorType) -> None:
        self._kind, self._cells = kind, None if kind.max_cells == 1 else (0, 2)

    def get(self, constant: ConstantKind) -> OfSamples | None:
        if constant.name == LUT.name:
            return self._table()
        rng = np.random.default_rng(len(constant.name))
        if constant.name == PIXEL_ORDER.name:
            return OfSamples(rng.permutation(self._kind.pixels).reshape(1, 1, *self._kind.shape), None)
        calibration = self._kind.calibrations.get(constant.name)
        of_stages = calibration is None or "gain" in calibration.dims
        number = len(constant.used) or (len(self._kind.stages) if of_stages else 1)
        number = 2 if constant.name == THRESHOLDS_DARK.name else number
        shape = number, len(self._cells or (0,)), *self._kind.shape
        if constant.name.startswith("Bad"):
            return OfSamples((rng.random(shape) < 0.1).astype(np.uint32) << np.uint32(rng.integers(3, 9)),
                             self._cells, 8)
        levels = np.resize(LEVELS.get(constant.name, (1,)), number)[:, None, None, None]
        values = (levels * rng.normal(1, 0.02, shape)).astype(np.float32)
        for odd in (np.nan, np.inf, 0, -3):
            values[rng.random(shape) < 0.02] = odd
        return OfSamples(values, self._cells)

    def _table(self) -> OfSamples:
        codes = np.arange(self._kind.saturation + 1, dtype=np.uint16)[None, :, None]
        table = np.broadcast_to(codes, (self._kind.max_cells, len(codes[0]), self._kind.pixels))
        return OfSamples(table, None, dims=("cell", "adc", "fast_scan"))


def frames(kind: DetectorType) -> Frames:
    """Samples of all stages, of memory cells that constants have and of one that they lack."""
    rng = np.random.default_rng(3)
    shape = FRAMES, kind.planes, *kind.shape
    block = rng.integers(300, min(kind.saturation, 1800), shape).astype(np.uint16)
    block[rng.random(shape) < 0.02] = kind.saturation
    codes = [one.code for one in kind.stages]
    bits = rng.choice([*codes * 9, max(codes) + 1], (FRAMES, *kind.shape)).astype(np.uint8)
    cell = rng.integers(0, min(3, kind.max_cells), FRAMES)
    return Frames(block, cell, np.arange(FRAMES, dtype=np.uint64), bits if kind.has_gain_bits else None,
                  kind.signal_plane)


def bits_of(values: Any) -> Any:
    """Single-precision numbers by their bits; all that are none alike."""
    return np.where(np.isnan(values), np.float32(np.nan), values).view(np.uint32)


def test_one_pass_has_the_bits_of_the_steps_one_by_one(kind: DetectorType, chain: Steps) -> None:
    bound = Pipeline(chain).bind(Memory(kind), kind).read()
    given, one_by_one = frames(kind), Images.of_frames(frames(kind))
    bound.apply(one_by_one)
    found = bound.corrected(given)
    np.testing.assert_array_equal(bits_of(found.values), bits_of(one_by_one.values))
    for name in ("stage", "mask", "use"):
        np.testing.assert_array_equal(getattr(found, name), getattr(one_by_one, name), err_msg=name)
    assert found.one_scale == one_by_one.one_scale
    assert found.found.keys() == one_by_one.found.keys()
    for name, values in found.found.items():
        np.testing.assert_array_equal(values, one_by_one.found[name], err_msg=name)


def together(chain: Sequence[Step], kind: DetectorType) -> list[tuple[str, ...]]:
    bound = Pipeline(chain).bind(Memory(kind), kind).read()
    return [tuple(one.step.word for one in done.steps) for done in fused(bound.steps) if isinstance(done, AtOnce)]


@pytest.mark.parametrize(("kind", "steps"), [(small(kind), steps) for kind, steps in methods()],
                         ids=[kind.name for kind, _ in methods()])
def test_usual_steps_that_work_on_single_samples_are_done_together(kind: DetectorType, steps: Steps) -> None:
    """No run of two or more of them is left to be done one by one."""
    bound = Pipeline(steps).bind(Memory(kind), kind).read()
    alone = [is_of_samples(one.step) if not isinstance(one, AtOnce) else False for one in fused(bound.steps)]
    assert together(steps, kind)
    assert not any(a and b for a, b in pairwise(alone))

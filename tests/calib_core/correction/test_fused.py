"""One pass over the samples has the bits of the steps one by one, whatever constants hold and lack."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from calib_core.correction.asic_common_mode import AsicCommonMode
from calib_core.correction.bound_constant import Given
from calib_core.correction.capacitor import RelativeGain
from calib_core.correction.force_gain import ForceHigh
from calib_core.correction.fused import AtOnce, fused
from calib_core.correction.gain_stage import StageOfBits, StageOfSignal
from calib_core.correction.images import Images
from calib_core.correction.mask import Mask, MaskWithScans
from calib_core.correction.noise_peak import NoisePeak
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.offset import Offset
from calib_core.correction.pipeline import BoundPipeline, Pipeline
from calib_core.correction.relative_gain import GainPerEnergy
from calib_core.correction.set_min import SetMinimum
from calib_core.correction.step import Bound, Step
from calib_core.correction.xray_gain import XrayGain
from calib_core.detector import DetectorType, Frames
from calib_core.detectors.agipd import AGIPD1M
from calib_core.detectors.jungfrau import JUNGFRAU

SHAPE, CELLS, FRAMES = (37, 130), (0, 3, 5), 9
AGIPD = replace(AGIPD1M, shape=SHAPE)
JF = replace(JUNGFRAU, shape=SHAPE)
NO_DATA, NO_ENTRIES = 8, 512


class Memory:
    """Constants of a module in memory."""

    def __init__(self, found: dict[str, OfSamples]) -> None:
        self._found = found

    def get(self, kind: Any) -> Any:
        return self._found.get(kind.name)


def spoiled(rng: Any, values: Any) -> Any:
    """Values of which a few are no numbers, zeros or of the other sign."""
    values = values.astype(np.float32)
    for odd in (np.nan, np.inf, 0, -3):
        values[rng.random(values.shape) < 0.01] = odd
    return values


def of_lines(without: tuple[str, ...] = (), **others: Any) -> Memory:
    """Constants without combined ones, which would go before lines."""
    return constants(("RelativeGain", *without), **others)


def constants(without: tuple[str, ...] = (), cells: tuple[int, ...] | None = CELLS, **others: Any) -> Memory:
    rng = np.random.default_rng(5)
    number = 1 if cells is None else len(cells)
    levels = np.array([4900, 4700, 4600])[:, None, None, None]
    made = {
        "Offset": spoiled(rng, levels + rng.normal(0, 30, (3, number, *SHAPE))),
        "ThresholdsDark": spoiled(rng, np.array([6500, 7900])[:, None, None, None] + rng.normal(
            0, 100, (2, number, *SHAPE))),
        "SlopesPC": spoiled(rng, np.array([25, 4890, 0.55, 4680])[:, None, None, None] * rng.normal(
            1, 0.02, (4, number, *SHAPE))),
        "SlopesFF": spoiled(rng, rng.normal(7.2, 0.5, (1, number, *SHAPE))),
        "RelativeGain": spoiled(rng, np.array([41.4, -1.44, -0.1])[:, None, None, None] * rng.normal(
            1, 0.02, (3, number, *SHAPE))),
        "BadPixelsDark": (rng.random((3, number, *SHAPE)) < 0.05).astype(np.uint32) << np.uint32(3),
        "BadPixelsPC": (rng.random((3, number, *SHAPE)) < 0.05).astype(np.uint32) << np.uint32(6),
        "BadPixelsFF": (rng.random((3, number, *SHAPE)) < 0.05).astype(np.uint32) << np.uint32(7),
        "BadPixelsCS": (rng.random((3, number, *SHAPE)) < 0.05).astype(np.uint32) << np.uint32(10),
        "SlopesCS": spoiled(rng, rng.normal(4.48, 0.2, (1, number, *SHAPE))),
    }
    missing = {name: NO_DATA if name.startswith("Bad") else np.nan for name in made}
    found = {name: OfSamples(values, cells, missing[name]) for name, values in made.items() if name not in without}
    return Memory({**found, **{name: OfSamples(made[name], others[name], missing[name]) for name in others}})


def frames(kind: Any, bits: bool) -> Frames:
    rng = np.random.default_rng(6)
    block = rng.integers(0, 16384, (FRAMES, kind.planes, *SHAPE)).astype(np.uint16)
    if not bits:
        block[:, 1] = rng.integers(5000, 9500, (FRAMES, *SHAPE))
        block[:, 1][rng.random((FRAMES, *SHAPE)) < 0.01] = 16383
    gain = rng.choice([0, 1, 3, 2], (FRAMES, *SHAPE)).astype(np.uint8) if bits else None
    cells = rng.choice([0, 3, 5, 4, 9], FRAMES)  # of two of them constants know nothing
    return Frames(block, cells, np.arange(FRAMES, dtype=np.uint64), gain, None if bits else 1)


def check(steps: list[Step], kind: Any, memory: Memory, bits: bool, at_once: bool = True) -> BoundPipeline:
    bound = Pipeline(steps).bind(memory, kind).read()
    assert (len(fused(bound.steps)) == 1) == at_once
    given = frames(kind, bits)
    one_by_one = Images.of_frames(given)
    bound.apply(one_by_one)
    found = bound.corrected(given)
    for name in ("stage", "mask", "use", "values"):
        mine, theirs = getattr(found, name), getattr(one_by_one, name)
        assert mine.dtype == theirs.dtype
        np.testing.assert_array_equal(mine, theirs, err_msg=name)
    assert found.one_scale == one_by_one.one_scale
    np.testing.assert_array_equal(found.cell, given.cell)
    np.testing.assert_array_equal(found.train, given.train)
    return bound


@pytest.mark.parametrize(("ratio", "xray", "mask"), list(product((True, False), repeat=3)))
@pytest.mark.parametrize("fixed", [None, 0, 1, 2])
def test_frames_with_a_gain_signal(ratio: bool, xray: bool, mask: bool, fixed: int | None) -> None:
    kind = replace(AGIPD, fixed_stage=fixed)
    steps = [StageOfSignal(), Offset(), RelativeGain(on=ratio), XrayGain(on=xray), MaskWithScans(on=mask)]
    check(steps, kind, of_lines(), bits=False)


@pytest.mark.parametrize("without", [
    ("BadPixelsPC",), ("BadPixelsDark", "BadPixelsPC", "BadPixelsFF", "BadPixelsCS"), ("SlopesPC",), ("SlopesFF",),
    ("SlopesCS",), ("BadPixelsCS",), ("SlopesPC", "SlopesFF", "BadPixelsFF")])
def test_frames_with_a_gain_signal_without_some_constants(without: tuple[str, ...]) -> None:
    steps = [StageOfSignal(), Offset(), RelativeGain(adjust_baseline=False), XrayGain(), MaskWithScans()]
    check(steps, AGIPD, of_lines(without), bits=False)


@pytest.mark.parametrize(("gain", "mask"), list(product((True, False), repeat=2)))
def test_frames_with_gain_bits(gain: bool, mask: bool) -> None:
    check([StageOfBits(), Offset(), GainPerEnergy(on=gain), Mask(on=mask)], JF, constants(), bits=True)


@pytest.mark.parametrize("without", [("BadPixelsFF",), ("BadPixelsDark", "BadPixelsFF"), ("RelativeGain",)])
def test_frames_with_gain_bits_without_some_constants(without: tuple[str, ...]) -> None:
    check([StageOfBits(), Offset(), GainPerEnergy(), Mask()], JF, constants(without), bits=True)


@pytest.mark.parametrize("shifts", [True, False])
def test_frames_with_combined_constants(shifts: bool) -> None:
    rng, memory = np.random.default_rng(8), of_lines(("SlopesPC", "SlopesFF"))
    values = {
        "RelativeGain": np.array([45, 200])[:, None, None, None] * rng.normal(1, 0.02, (2, len(CELLS), *SHAPE)),
        "OffsetShift": rng.normal(900, 300, (2, len(CELLS), *SHAPE)),
        "GainADUperkeV": rng.normal(7.2, 0.5, (1, len(CELLS), *SHAPE)),
        "ThresholdsGain": rng.normal(6500, 100, (2, len(CELLS), *SHAPE))}
    memory._found |= {name: OfSamples(spoiled(rng, one), CELLS) for name, one in values.items()}
    memory._found["BadPixelsGain"] = OfSamples(
        (rng.random((3, len(CELLS), *SHAPE)) < 0.05).astype(np.uint32) << np.uint32(6), CELLS, NO_DATA)
    steps = [StageOfSignal(), Offset(), RelativeGain(adjust_baseline=shifts), XrayGain(), MaskWithScans()]
    bound = check(steps, AGIPD, memory, bits=False)
    assert [one.step.word for one in bound.steps] == [step.word for step in steps]


def test_one_image_for_all_frames() -> None:
    check([StageOfBits(), Offset(), GainPerEnergy(), Mask()], JF, constants(cells=None), bits=True)


@pytest.mark.parametrize("number", [1, 3])
def test_a_mask_of_people_has_one_image_or_one_of_each_stage(number: int) -> None:
    rng, memory = np.random.default_rng(9), constants()
    flags = (rng.random((number, 1, *SHAPE)) < 0.3).astype(np.uint32) << np.uint32(23)
    memory._found["BadPixelsManual"] = OfSamples(flags, None, NO_DATA)
    bound = check([StageOfBits(), Offset(), GainPerEnergy(), Mask()], JF, memory, bits=True)
    images = bound.corrected(frames(JF, bits=True))
    wanted = flags[:, 0][np.minimum(images.stage, number - 1), np.arange(SHAPE[0])[:, None], np.arange(SHAPE[1])]
    np.testing.assert_array_equal(images.mask & np.uint32(1 << 23), wanted)


@pytest.mark.parametrize("name", ["BadPixelsFF", "BadPixelsCS", "SlopesFF", "Offset"])
def test_constants_may_have_other_memory_cells(name: str) -> None:
    steps = [StageOfSignal(), Offset(), RelativeGain(), XrayGain(), MaskWithScans()]
    check(steps, AGIPD, of_lines(**{name: (0, 3, 4)}), bits=False)


def test_steps_that_look_at_more_than_single_samples_are_done_alone() -> None:
    levels = np.array([4900, 8000, 11000], np.float32)[:, None, None, None] * np.ones((3, 3, *SHAPE), np.float32)
    apart = {"Offset": OfSamples(levels, CELLS), "Noise": OfSamples(np.full_like(levels, 8), CELLS)}
    memory = constants()
    memory._found |= apart
    bound = check([StageOfSignal(), ForceHigh(), Offset(), Mask()], AGIPD, memory, bits=False, at_once=False)
    assert [type(one) for one in fused(bound.steps)] == [Bound, Bound, AtOnce]


def test_without_a_step_that_tells_stages_all_samples_are_of_the_first() -> None:
    check([Offset(), Mask()], AGIPD, of_lines(), bits=False)


def test_constants_of_other_types_are_left_to_the_steps() -> None:
    memory = constants()
    memory._found["Offset"] = replace(memory._found["Offset"], data=memory._found["Offset"].data.astype(float))
    check([StageOfSignal(), Offset(), Mask()], AGIPD, memory, bits=False, at_once=False)


def test_values_are_kept_after_steps_that_are_done_together() -> None:
    bound = check([StageOfBits(), Offset(), GainPerEnergy(), Mask()], JF, constants(), bits=True)
    given, one_by_one = frames(JF, bits=True), Images.of_frames(frames(JF, bits=True))
    bound.apply(one_by_one, ("offset",))
    found = bound.corrected(given, kept=("offset",))
    assert [len(one.steps) for one in fused(bound.steps, ("offset",)) if isinstance(one, AtOnce)] == [2, 2]
    np.testing.assert_array_equal(found.kept["offset"], one_by_one.kept["offset"])
    np.testing.assert_array_equal(found.values, one_by_one.values)


def test_of_a_chain_with_other_steps_between_the_first_are_done_in_one_pass() -> None:
    """Frames about the offsets, in which the steps between find something."""
    rng, memory = np.random.default_rng(9), of_lines()
    memory._found["Noise"] = OfSamples(np.full((3, 3, *SHAPE), 9, np.float32), CELLS)
    block = rng.normal(4900, 30, (FRAMES, 2, *SHAPE)).astype(np.uint16)
    block[:, 1] = rng.choice([5000, 7000, 9000], (FRAMES, *SHAPE), p=(0.9, 0.05, 0.05))
    given = Frames(block, rng.choice(CELLS, FRAMES), np.arange(FRAMES, dtype=np.uint64), None, 1)
    steps = [StageOfSignal(), Offset(), SetMinimum(), NoisePeak(widest_filter=30), AsicCommonMode(), RelativeGain(),
             XrayGain(), MaskWithScans()]
    bound = Pipeline(steps).bind(memory, replace(AGIPD, asic_shape=(37, 65))).read()
    assert [len(one.steps) if isinstance(one, AtOnce) else 1 for one in fused(bound.steps)] == [2, 1, 1, 1, 3]
    one_by_one = Images.of_frames(given)
    bound.apply(one_by_one)
    found = bound.corrected(given)
    for name in ("stage", "mask", "use", "values"):
        np.testing.assert_array_equal(getattr(found, name), getattr(one_by_one, name), err_msg=name)
    assert found.found.keys() == one_by_one.found.keys() == {"blc_set_min", "blc_noise", "cm"}
    for name, values in found.found.items():
        assert np.isfinite(values).any()
        np.testing.assert_array_equal(values, one_by_one.found[name], err_msg=name)


class Doubled(Offset):
    """Some other offset, such as a plugin may have."""

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        super().apply(images, given, kind)
        images.values *= 2


def test_a_step_with_other_work_is_not_taken_for_the_one_that_it_stems_from() -> None:
    check([StageOfSignal(), Doubled(), Mask()], AGIPD, of_lines(), bits=False, at_once=False)


def test_flags_that_are_chosen_take_values_away_and_are_left_out() -> None:
    mask = MaskWithScans(no_value="no dark data", left_out="ci_eval_error, ff_gain_eval_error")
    check([StageOfSignal(), Offset(), RelativeGain(), XrayGain(), mask], AGIPD, of_lines(), bits=False)

"""What corrected frames are on average, against NumPy, whatever values come out of the steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from calib_core.axes import Axis
from calib_core.characterisation.correct import Correct
from calib_core.characterisation.unit import Context, Unit
from calib_core.correction.bound_constant import Given, Known
from calib_core.correction.gain_stage import StageOfBits
from calib_core.correction.images import Images
from calib_core.correction.pipeline import BoundPipeline, Pipeline
from calib_core.correction.step import Step
from calib_core.detector import DetectorType, Frames
from calib_core.detector.registry import detector_type

SHAPE, N = (4, 6), 12
KIND = replace(detector_type("JUNGFRAU"), shape=SHAPE)
CODES = [stage.code for stage in KIND.stages]


class Odd(Step):
    """Puts values in that a division by next to nothing leaves."""

    word: ClassVar[str] = "odd"
    title: ClassVar[str] = "Odd"

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        images.values[0, 0, 0] = np.nan
        images.values[1, 0, 1] = np.inf
        images.values[2, 0, 2] = -3e38
        images.values[3, 0, 3] = 1e9


def summed(codes: Any, bits: Any, *steps: Step) -> dict[str, Any]:
    """Results of the only memory cell."""
    pipeline: BoundPipeline = Pipeline(steps).bind(Known({}), KIND)
    method, context = Correct(steps=steps), Context(KIND, (15,), before={0: pipeline})
    context = replace(context, axes={"cell": Axis("cell", "Memory cell", (15,))})
    unit = Unit(0, 0, ("run",), (0,), N)
    summary = method.begin(context, unit, 0, None)
    for part in (slice(0, 5), slice(5, N)):
        frames = Frames(codes[:, None], np.full(N, 15), np.arange(N, dtype=np.uint64), bits)
        summary.update("run", frames.part(part))
    return dict(summary.snapshot(0))


def test_values_that_are_no_signal_are_left_out_of_the_mean_and_counted() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(2000, 9000, (N, *SHAPE)).astype(np.uint16)
    found = summed(codes, np.full(codes.shape, CODES[0], np.uint8), StageOfBits(), Odd())
    good = np.ones(codes.shape, bool)
    for chunk, place in np.ndindex(2, 4):  # the step knows no more than the frames of a chunk
        good[5 * chunk + place, 0, place] = False
    values = np.where(good, codes, np.nan).astype(float)
    np.testing.assert_array_equal(found["samples"], good.sum(axis=0))
    np.testing.assert_allclose(found["mean"], np.nanmean(values, axis=0), rtol=1e-6)
    np.testing.assert_allclose(found["deviation"], np.nanstd(values, axis=0, ddof=1), rtol=1e-6)


def test_shares_are_of_samples_that_are_of_a_stage() -> None:
    rng = np.random.default_rng(4)
    codes = np.full((N, *SHAPE), 3000, np.uint16)
    wrong = next(code for code in range(4) if code not in CODES)
    bits = rng.choice([*CODES, wrong], codes.shape).astype(np.uint8)
    found = summed(codes, bits, StageOfBits())
    for stage, code in enumerate(CODES):
        np.testing.assert_allclose(found["shares"][stage], (bits == code).mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(found["samples"], (bits != wrong).sum(axis=0))


def test_numbers_of_a_module_are_those_of_all_its_pixels() -> None:
    rng = np.random.default_rng(5)
    codes = rng.integers(2000, 9000, (N, *SHAPE)).astype(np.uint16)
    wrong = next(code for code in range(4) if code not in CODES)
    bits = rng.choice([*CODES, wrong], codes.shape).astype(np.uint8)
    found = summed(codes, bits, StageOfBits(), Odd())
    good = bits != wrong
    np.testing.assert_allclose(found["raw_of_module"], codes.mean(), rtol=1e-12)  # of all samples as they are stored
    of_stages = np.array([(bits == code).sum() for code in CODES])
    np.testing.assert_allclose(found["fractions"], 100 * of_stages / good.sum(), rtol=1e-12)
    for chunk, place in np.ndindex(2, 4):
        good[5 * chunk + place, 0, place] = False
    np.testing.assert_allclose(found["mean_of_module"], codes[good].mean(), rtol=1e-12)
    assert found["frames"] == N
    stages = np.array([(bits == code).sum(axis=0) for code in CODES])
    np.testing.assert_array_equal(found["stage"], stages.argmax(axis=0))

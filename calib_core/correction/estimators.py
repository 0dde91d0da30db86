"""Steps that take something off whole frames, and the samples of a gain stage that may tell what."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import (
    BAD_PIXELS_DARK,
    BAD_PIXELS_FF,
    BAD_PIXELS_MANUAL,
    BAD_PIXELS_PC,
    ConstantKind,
)
from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.correction.step import CannotBeDone, Step
from calib_core.detector import DetectorType

#: Constants whose flags keep a sample out; each is taken where it is there.
FLAGS = (BAD_PIXELS_DARK, BAD_PIXELS_PC, BAD_PIXELS_FF, BAD_PIXELS_MANUAL)


class Estimator(Step):
    """A step that looks at all good samples of a frame."""

    optional: ClassVar[tuple[ConstantKind, ...]] = FLAGS

    def missing(self, given: Given, kind: DetectorType) -> tuple[str, ...]:
        """Flags, where there are none of any kind; which kinds are missing is told of the mask."""
        found = [one.name for one in FLAGS if not one.by_people]
        return () if any(name in given for name in found) else tuple(found)


def good_samples(images: Images, given: Given, stage: int, stages: Array | None = None) -> Array:
    """Samples of a gain stage that are a number and a measurement, without a flag of their own or of their pixel.

    Parameters
    ----------
    images : Images
    given : mapping
        Constants of a step; those of :data:`FLAGS` are looked at.
    stage : int
    stages : (n, slow_scan, fast_scan) uint8, optional
        In place of the images' own gain stages.

    Returns
    -------
    (n, slow_scan, fast_scan) bool
        A new one.
    """
    good: Array = (images.stage if stages is None else stages) == stage
    good &= images.use
    good &= images.mask == 0
    good &= np.isfinite(images.values)
    for one in FLAGS:
        if (flags := given.get(one.name)) is not None:
            assert isinstance(flags, OfSamples)
            good &= flags.entry(min(stage, len(flags.data) - 1), images) & ~np.uint32(images.trusted) == 0
    return good


def needs_high_gain(step: Step, kind: DetectorType) -> None:
    """Make sure that there can be samples of high gain.

    Parameters
    ----------
    step : Step
        That looks at them.
    kind : DetectorType

    Raises
    ------
    CannotBeDone
        Gain is fixed to another stage.
    """
    if kind.fixed_stage:
        raise CannotBeDone(f"{step.title} is left out: in fixed gain {kind.stages[kind.fixed_stage].short} there are "
                           f"no samples of {kind.stages[0].short}.")


def take_baseline_off(images: Images, found: Array, high_medium_ratio: float) -> None:
    """Subtract the baseline of each frame from samples of high gain, and what it is there from those of medium gain.

    Parameters
    ----------
    images : Images
        Values (n, slow_scan, fast_scan) float32, ADU; signals of low gain stay.
    found : (n,) float32, ADU
        NaN takes nothing off.
    high_medium_ratio : float
    """
    shift = np.nan_to_num(found)[:, None, None]
    np.subtract(images.values, shift, out=images.values, where=images.stage == 0)
    np.subtract(images.values, shift / np.float32(high_medium_ratio), out=images.values, where=images.stage == 1)

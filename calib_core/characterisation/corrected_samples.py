"""Samples of one pixel as they are behind the steps of a refined dark, from whole images of its memory cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.refined import BATCH
from calib_core.characterisation.sample_plot import moments, sample_plot
from calib_core.correction.images import Images
from calib_core.correction.pipeline import BoundPipeline
from calib_core.detector import Frames
from calib_core.explanation import Explanation


@dataclass(frozen=True)
class Taken:
    """Which samples of a run are a measurement.

    Attributes
    ----------
    lowest, highest : int
        Codes outside are none.
    code : int, optional
        Expected gain bits; any will do where there is none.
    stage : int
        Number of the gain stage.
    flags : (slow_scan, fast_scan) uint32
        Of pixels that have no say in what the others share.
    """

    lowest: int
    highest: int
    code: int | None
    stage: int
    flags: Array

    def images(self, frames: Frames, part: slice) -> Images:
        """Some frames, with the samples that count."""
        adc = frames.adc[part]
        use = (adc >= self.lowest) & (adc <= self.highest)
        if frames.gain is not None and self.code is not None:
            use &= frames.gain[part] == self.code
        return Images.of(adc.astype(np.float32), frames.cell[part], frames.train[part], use, self.stage, self.flags)


def corrected_samples(
    pipelines: Mapping[str, BoundPipeline], chunks: Iterable[Frames], taken: Taken, row: int, col: int
) -> tuple[str, Array]:
    """Take one pixel out of corrected images.

    Parameters
    ----------
    pipelines : mapping of BoundPipeline
        Alternatives by name, of which that with the lowest median noise over the images counts.
    chunks : iterable of Frames
        Of one memory cell.
    taken : Taken
    row, col : int

    Returns
    -------
    name : str
        Of the alternative.
    samples : (n,) float32, ADU
        Those that are a measurement, in the order of the frames.
    """
    samples: dict[str, list[Array]] = {name: [] for name in pipelines}
    squares = {name: np.zeros(taken.flags.shape) for name in pipelines}
    for chunk in chunks:
        for start in range(0, len(chunk), BATCH):
            for name, pipeline in pipelines.items():
                images = taken.images(chunk, slice(start, start + BATCH))
                pipeline.apply(images)
                samples[name].append(images.values[:, row, col][images.use[:, row, col]])
                if len(pipelines) > 1:
                    squares[name] += np.square(np.where(images.use, images.values, 0), dtype=np.float64).sum(axis=0)
    best = min(pipelines, key=lambda name: float(np.median(squares[name])))
    return best, np.concatenate([*samples[best], np.empty(0, np.float32)])


def corrected_plot(samples: Array, half_width: float) -> Explanation:
    """Histogram of corrected samples with the gate about 0, and mean and σ inside it.

    Parameters
    ----------
    samples : (n,) float32, ADU
    half_width : float, ADU
        Of the gate; NaN where there is none.

    Returns
    -------
    Explanation
    """
    gate = (-half_width, half_width) if np.isfinite(half_width) else None
    inside = samples if gate is None else samples[np.abs(samples) <= half_width]
    return sample_plot(samples, gate, *moments(inside), what="Corrected samples")

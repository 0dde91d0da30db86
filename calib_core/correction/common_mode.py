"""Common mode: what all pixels of one amplifier have in common in one frame is taken off."""

from __future__ import annotations

from typing import ClassVar, Literal, cast

import numpy as np

from calib_core.correction.step import Array, Images, Reference, Step
from calib_core.detector import DetectorType
from calib_core.numerics.common_mode import Axis, near, subtract_medians
from calib_core.params import knob

Axes = Literal["block", "row", "column", "block row", "block column", "row column", "block row column"]


class CommonMode(Step):
    """Take the median of each bank, or of its rows or columns, off each frame.

    Twice per axis: first of all samples within the limit beside their noise, wherever the shift has put them, then
    of those within the noise about that. A cut about 0 alone would bias the median of shifted frames towards 0.
    """

    title: ClassVar[str] = "Common mode"
    use_when: ClassVar[str] = "Pixels of one amplifier rise and fall together from frame to frame."
    caution: ClassVar[str] = "Where light hits most pixels of a segment, their median is signal, not common mode."

    axis: Axes = knob("row", help="Segments of a bank that share a shift; several are done in this order")
    min_share: float = knob(0.25, ge=0, le=1, help="Smallest share of usable samples; below it a segment is left")
    sigma: float = knob(5.0, ge=1, le=100, unit="σ", help="Samples further than this from the median do not count")
    limit: float = knob(100.0, ge=0, unit="ADU", help="Largest shift that is believed to be common mode")

    def apply(self, images: Images, reference: Reference, detector: DetectorType) -> Array | None:
        """Subtract the shifts.

        Returns
        -------
        shifts : (n, banks along slow, banks along fast, segments) float32, ADU
            What was subtracted; the segments of several axes follow each other.
        """
        reach = np.where(reference.bad, np.nan, self.sigma * reference.noise)
        axes = [cast(Axis, axis) for axis in self.axis.split()]
        return np.concatenate([self._take_off(images, reach, detector, axis) for axis in axes], axis=-1)

    def _take_off(self, images: Images, reach: Array, detector: DetectorType, axis: Axis) -> Array:
        bank = detector.bank_shape or detector.asic_shape
        shifts = []
        for far in (reach + self.limit, reach):
            use = near(images.values, images.use, far)
            shifts.append(subtract_medians(images.values, use, bank, axis, self.min_share, self.limit))
        return cast(Array, shifts[0] + shifts[1])



"""Offset: the dark signal of each pixel is taken off."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.correction.step import Array, Images, Reference, Step
from calib_core.detector import DetectorType


class Offset(Step):
    """Take the dark signal off; a pixel whose offset is not known has no signal (NaN)."""

    title: ClassVar[str] = "Offset"
    use_when: ClassVar[str] = "Always, and first: every later step works on signals about 0."

    def apply(self, images: Images, reference: Reference, detector: DetectorType) -> Array | None:
        """Subtract the offset; nothing is found on the way."""
        np.subtract(images.values, reference.offset, out=images.values, casting="same_kind")
        return None

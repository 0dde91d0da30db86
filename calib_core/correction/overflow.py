"""Overflow of codes: the code behind the largest is stored as 0, and becomes what it was."""

from __future__ import annotations

from typing import ClassVar

from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.params import knob


class Overflow(Step):
    """Take codes of 0 for the one behind the largest, which has no place among the bits."""

    word: ClassVar[str] = "overflow"
    title: ClassVar[str] = "Overflow of codes"
    use_when: ClassVar[str] = "Codes have eight bits, so that 256 is stored as 0, and no dark sample reaches 0."
    caution: ClassVar[str] = (
        "No run tells how many bits its codes have: in those of nine 0 is nothing else. Samples of dead pixels, "
        "which give 0 too, get a large value; the mask has them.")

    code: int = knob(256, ge=1, le=65535, unit="ADU", help="What codes of 0 stand for")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Change codes of 0; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32 or uint16, codes as they are stored.
        given : mapping
            Not asked.
        kind : DetectorType
            Not asked.
        """
        images.values[images.values == 0] = self.code

"""What a step learns of all frames of a file before it can be done."""

from __future__ import annotations

from typing import Protocol

from calib_core.correction.bound_constant import BoundConstant, Given
from calib_core.correction.images import Images
from calib_core.detector import DetectorType


class Gathering(Protocol):
    """Sums over the frames of one file, pass by pass; whole numbers, so that no order of frames matters."""

    def add(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Look at frames, which come once in each pass.

        Parameters
        ----------
        images : Images
            After the steps before; they stay as they are.
        given : mapping
            Constants of the step.
        kind : DetectorType
        """

    def settle(self) -> None:
        """End a pass."""

    @property
    def constants(self) -> dict[str, BoundConstant]:
        """What the step takes beside its constants once all passes are settled."""

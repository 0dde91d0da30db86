"""What a step finds of each frame beside the corrected samples."""

from __future__ import annotations

from dataclasses import dataclass

from calib_core.detector import DetectorType


@dataclass(frozen=True)
class OfFrames:
    """Numbers that a step finds of each frame; NaN where it was done without them.

    Attributes
    ----------
    key : str
        Name in corrected files, behind the group.
    unit : str
    help : str
        What they are.
    refused : str
        What is true of frames without one, such as “no noise peak was found”, for a sentence; empty where all have.
    of_asics : bool
        Whether each ASIC has its own.
    """

    key: str
    unit: str
    help: str
    refused: str = ""
    of_asics: bool = False

    def shape(self, kind: DetectorType) -> tuple[int, ...]:
        """Axes behind that of the frames: none, or ASICs along slow and along fast scan.

        Parameters
        ----------
        kind : DetectorType
        """
        return tuple(n // one for n, one in zip(kind.shape, kind.asic_shape, strict=True)) if self.of_asics else ()

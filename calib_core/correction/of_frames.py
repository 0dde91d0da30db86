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
    module : int, optional
        The only one whose frames have them; None where all have.
    length : int
        Of the line of numbers that each frame has; 0 where it has one, or those of ASICs.
    """

    key: str
    unit: str
    help: str
    refused: str = ""
    of_asics: bool = False
    module: int | None = None
    length: int = 0

    @property
    def looked_in(self) -> tuple[str, str]:
        """In what it is looked for, and what is true of those without; empty where all have it."""
        return ("ASICs of frames" if self.of_asics else "frames", self.refused) if self.refused else ("", "")

    def shape(self, kind: DetectorType) -> tuple[int, ...]:
        """Axes behind that of the frames: none, a line, or ASICs along slow and along fast scan.

        Parameters
        ----------
        kind : DetectorType
        """
        if self.length:
            return (self.length,)
        return tuple(n // one for n, one in zip(kind.shape, kind.asic_shape, strict=True)) if self.of_asics else ()

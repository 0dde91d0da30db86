"""What a correction step is: a pure function of images and of what is known of their pixels."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.params import Knobs

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Images:
    """Frames of one memory cell on their way through a pipeline; steps change both arrays in place.

    Attributes
    ----------
    values : (n, slow_scan, fast_scan) float32, ADU
    use : (n, slow_scan, fast_scan) bool
        Samples that are a measurement; steps take others out.
    """

    values: Array
    use: Array


@dataclass(frozen=True)
class Reference:
    """What is known of one memory cell's pixels: (slow_scan, fast_scan) offset and noise, ADU, and bad pixels."""

    offset: Array
    noise: Array
    bad: Array


class Step(Knobs):
    """A correction; its fields are its parameters.

    Subclasses set ``title``, ``use_when`` and ``caution``.
    """

    title: ClassVar[str]
    use_when: ClassVar[str] = ""
    caution: ClassVar[str] = ""

    @abstractmethod
    def apply(self, images: Images, reference: Reference, detector: DetectorType) -> Array | None:
        """Correct images in place.

        Returns
        -------
        ndarray, optional
            What was found on the way (shifts, events), for the screen.
        """

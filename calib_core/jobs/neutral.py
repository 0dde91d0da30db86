"""Constants with which nothing changes: zeros, ones, and thresholds that no signal passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.inputs import NEUTRAL
from calib_core.constants.constant import INTERNAL_DIMS, ConstantKind
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples
from calib_core.detector import DetectorType


@dataclass(frozen=True, eq=False)
class NeutralConstant:
    """A constant of one value, the same for all pixels, memory cells and gain stages of any module.

    Attributes
    ----------
    kind : ConstantKind
        One that has a neutral value.
    detector : DetectorType
    """

    kind: ConstantKind
    detector: DetectorType

    @property
    def why(self) -> str:
        """The word that it was asked for by."""
        return NEUTRAL

    @property
    def dims(self) -> Sequence[str]:
        """Names of the axes."""
        return INTERNAL_DIMS

    @property
    def unit(self) -> str:
        """None: neutral factors have no unit, and of others nobody asks."""
        return ""

    @property
    def data(self) -> Array:
        """(entries, 1, slow_scan, fast_scan) of one value; of flags uint32, else float32."""
        entries = len(self.kind.used or self.detector.stages)
        dtype = np.uint32 if self.kind.dtype.startswith("u") else np.float32
        return np.full((entries, 1, *self.detector.shape), self.kind.neutral, dtype)

    def read(self, cells: Sequence[int] = ()) -> OfSamples:
        """The constant in memory: one image for all frames.

        Parameters
        ----------
        cells : sequence of int
            Not asked.
        """
        return OfSamples(self.data, None, float(self.kind.neutral or 0), self.why)

    def of(self, images: Images) -> Array:
        """Values for images: they are asked of what :meth:`read` gives."""
        raise NotImplementedError("a constant is read first")


def neutral_of(kind: ConstantKind, detector: DetectorType) -> NeutralConstant | None:
    """The neutral constant of a kind.

    Parameters
    ----------
    kind : ConstantKind
    detector : DetectorType

    Returns
    -------
    NeutralConstant or None
        None where no value changes nothing: of noise, tables and lines, and of a conversion into another unit.
    """
    own = detector.calibrations.get(kind.name)
    unit = kind.unit if own is None or own.unit is None else own.unit
    return None if kind.neutral is None or "/" in unit else NeutralConstant(kind, detector)

"""Calibration constants: an array per module with its dimensions, unit, condition and provenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.constants.condition import Condition

#: Canonical order of the axes of a constant inside the program.
INTERNAL_DIMS = ("gain", "cell", "slow_scan", "fast_scan")


@dataclass(frozen=True)
class ConstantKind:
    """What a calibration is: canonical name, unit, dtype in the file, and which axis replaces ``gain``.

    ``planes`` names what the first axis counts: gain stages, or for thresholds the five stored planes.
    """

    name: str
    unit: str
    dtype: str
    help: str
    planes: tuple[str, ...] = ()


OFFSET = ConstantKind("Offset", "ADU", "f8", "Pedestal of each pixel")
NOISE = ConstantKind("Noise", "ADU", "f8", "Standard deviation of each pixel in the dark")
BAD_PIXELS_DARK = ConstantKind("BadPixelsDark", "", "u4", "Bad-pixel flags found in the dark")
LUT = ConstantKind("Lut", "ADU", "u2", "Linear code of each code of the converter")
THRESHOLDS_DARK = ConstantKind(
    "ThresholdsDark", "ADU", "f8", "Thresholds between gain stages and mean gain signal of each stage",
    planes=("threshold 1-2", "threshold 2-3", "mean signal 1", "mean signal 2", "mean signal 3"),
)


@dataclass(frozen=True)
class Constant:
    """One constant of one module; immutable, its values read on demand so that large ones need no memory.

    Attributes
    ----------
    kind : ConstantKind
    calibration : str
        The family's database name, such as ``Offset10Hz``.
    pdu : str
        Physical detector unit.
    shape : tuple of int
        In the order of :data:`INTERNAL_DIMS`: (gain or planes, cell, slow_scan, fast_scan).
    file_dims : tuple of str
        Order of the axes in the file, slowest first.
    condition : Condition
    begin : datetime
        Begin of validity, aware UTC.
    provenance : mapping
        Plain JSON: inputs, parameters, versions, times.
    read : callable
        ``read(slice over fast_scan) -> ndarray`` of the values in internal order.
    read_count : callable, optional
        The same for the number of samples behind each value (uint32).
    """

    kind: ConstantKind
    calibration: str
    pdu: str
    shape: tuple[int, ...]
    file_dims: tuple[str, ...]
    condition: Condition
    begin: datetime
    provenance: Mapping[str, Any]
    read: Callable[[slice], npt.NDArray[Any]]
    read_count: Callable[[slice], npt.NDArray[Any]] | None = None
    cells: tuple[int, ...] = field(default=())

    def values(self) -> npt.NDArray[Any]:
        """All values in internal order (gain, cell, slow_scan, fast_scan)."""
        return self.read(np.s_[:])

    @property
    def dataset(self) -> str:
        """Path of the group in the file: ``/<PDU>/<Calibration>/0``."""
        return f"/{self.pdu}/{self.calibration}/0"

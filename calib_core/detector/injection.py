"""How a detector charges pixels by itself: which of them in which run of a scan."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from calib_core.detector.clues import Device


@dataclass(frozen=True)
class Injection:
    """Columns of pixels (along fast_scan) that a source on the chip charges, a part of them in each run.

    Attributes
    ----------
    patterns : tuple of tuple of int
        Columns of each pattern, ascending; together they are all columns of a module.
    device, key : Device, str
        Where slow control tells the number of a run's pattern.
    """

    patterns: tuple[tuple[int, ...], ...]
    device: Device
    key: str

    def number_of(self, columns: Collection[int]) -> int | None:
        """Number of the pattern that has just these columns; None where there is none such.

        Parameters
        ----------
        columns : collection of int
        """
        wanted = tuple(sorted(columns))
        return self.patterns.index(wanted) if wanted in self.patterns else None

"""How a detector charges pixels by itself: which of them in which run of a scan."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calib_core.detector.clues import Device


@dataclass(frozen=True)
class UsualScan:
    """What a pixel usually does in a scan.

    Attributes
    ----------
    slope : float, ADU per step
        Of high gain.
    ratio : float
        This slope in units of that of medium gain.
    hook, decay : float, ADU and steps
        Of the exponential at the begin of medium gain.
    switch : float, steps
        Where it changes to medium gain.
    """

    slope: float
    ratio: float
    hook: float
    decay: float
    switch: float


@dataclass(frozen=True)
class Injection:
    """Lines of pixels that a source on the chip charges, a part of them in each run.

    Attributes
    ----------
    title : str
        What the source is, such as “pulse capacitor”.
    lines : str
        What its lines of pixels are called, such as “columns”.
    patterns : tuple of tuple of int
        Lines of each pattern, ascending; together they are all lines of a module.
    axis : int
        Along which lines are counted: 1 for columns (along fast_scan), 0 for rows (along slow_scan).
    halves : int
        Parts of a module, along the other axis, whose lines are charged by themselves; those of the second are
        counted on behind those of the first.
    device, key : Device, str
        Where slow control tells the number of a run's pattern; nowhere where there is no key.
    current_key : str
        Of the same device: where it tells the current of a source that has one.
    usual : UsualScan, optional
        What pixels usually do, of a source that is scanned through high and medium gain.
    noise : tuple of float, ADU
        Of a sample in each gain stage that is scanned through, as usual; empty where nobody tells.
    """

    title: str
    lines: str
    patterns: tuple[tuple[int, ...], ...]
    device: Device
    key: str = ""
    axis: int = 1
    halves: int = 1
    current_key: str = ""
    usual: UsualScan | None = None
    noise: tuple[float, ...] = ()

    def number_of(self, lines: Collection[int]) -> int | None:
        """Number of the pattern that has just these lines; None where there is none such.

        Parameters
        ----------
        lines : collection of int
        """
        wanted = tuple(sorted(lines))
        return self.patterns.index(wanted) if wanted in self.patterns else None

    def line_of(self, shape: tuple[int, int]) -> npt.NDArray[np.int64]:
        """Line of each pixel of a module, (slow_scan, fast_scan).

        Parameters
        ----------
        shape : (int, int)
        """
        place, other = np.indices(shape)[:: 1 if self.axis == 0 else -1]
        return np.asarray(place + shape[self.axis] * (other * self.halves // shape[1 - self.axis]), np.int64)

    def pixels_of_lines(self, shape: tuple[int, int], every: int = 1) -> npt.NDArray[np.int64]:
        """Flat places of the pixels of each line of a module, (lines, k); one pixel in so many.

        Parameters
        ----------
        shape : (int, int)
        every : int
        """
        order = np.argsort(self.line_of(shape), axis=None, kind="stable")
        return np.asarray(order.reshape(shape[self.axis] * self.halves, -1)[:, ::every], np.int64)

    def charged(self, shape: tuple[int, int], *patterns: int) -> npt.NDArray[np.bool_]:
        """Pixels of some patterns, (slow_scan, fast_scan).

        Parameters
        ----------
        shape : (int, int)
        *patterns : int
        """
        lines = [line for one in patterns for line in self.patterns[one]]
        return np.asarray(np.isin(self.line_of(shape), lines))

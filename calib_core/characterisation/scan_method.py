"""Characterisations whose runs are scans in which the detector charges its pixels by itself."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from calib_core.axes import Array, At
from calib_core.characterisation.method import Method
from calib_core.characterisation.unit import Context
from calib_core.explanation import Explanation

#: Gives a result without pixels by its name, or None before there is one.
Known = Callable[[str], Array | None]


@dataclass(frozen=True)
class ScanSamples:
    """Samples of one pixel in a run: train ids (n,) uint64, signal and gain signal (n,) uint16 in ADU."""

    train: Array
    signal: Array
    code: Array


class ScanMethod(Method):
    """A characterisation of scans: of its runs it is looked which pixels they charge."""

    work: ClassVar[Literal["dark", "correction", "gain"]] = "gain"

    @abstractmethod
    def explain_scan(self, context: Context, key: str, at: At, samples: ScanSamples, known: Known) -> Explanation:
        """What the samples of one pixel look like in the scan, and what is made of them.

        Parameters
        ----------
        context : Context
        key : str
            Of the arranged input.
        at : mapping
            Indices along axes.
        samples : ScanSamples
        known : callable
        """

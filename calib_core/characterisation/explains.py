"""What a characterisation says of one pixel: why it has its flags, and what its samples or results look like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from calib_core.axes import Array, At
from calib_core.characterisation.sample_plot import moments, sample_plot
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.detector import DetectorType, Frames
from calib_core.explanation import Explanation, Reason, RuleText

#: Does calls, at the same time where it can.
AtOnce = Callable[[Sequence[Callable[[], None]]], None]


@dataclass(frozen=True)
class OfPixel:
    """What there is of one pixel in the results of its module, finished ones and numbers of those to come.

    Attributes
    ----------
    along : callable
        Gives a result along an axis, by both names: (n,) float64, NaN where it is not there.
    values : callable
        Gives a result without pixels by its name; None where there is none.
    plane : callable
        Gives an image (slow_scan, fast_scan) of a result at indices along its axes; None where there is none.
    module, row, col : int
    """

    along: Callable[[str, str], Array]
    values: Callable[[str], Array | None]
    plane: Callable[[str, At], Array | None]
    module: int
    row: int
    col: int


class Explains:
    """The part of a method that explains; unless it says otherwise, a pixel has the mean and σ of its samples."""

    title: ClassVar[str]
    #: Whether other parameters can be tried on a part of a module, by what the first pass keeps of one entry.
    tries_parts: ClassVar[bool] = False

    @property
    def borrows(self) -> str:
        """What is taken as the job has found it while parameters are tried, in words; empty for nothing."""
        return ""

    def part(
        self, context: Context, unit: Unit, kept: Accumulator, place: tuple[slice, slice], of: OfPixel,
        at_once: AtOnce,
    ) -> Maps:
        """Results of some pixels with these parameters, from samples that were kept with others.

        Parameters
        ----------
        context : Context
        unit : Unit
            With one entry of the axis by which work is split.
        kept : Accumulator
            What the first pass has kept of that; it is not settled, and stays as it is.
        place : (slice, slice)
            Whole ASICs, along slow_scan and fast_scan.
        of : OfPixel
            What the parameters before have made.
        at_once : callable
            Does pieces of the work.

        Returns
        -------
        dict of (…, rows, columns) arrays
            By result, over its axes but those that the unit has one entry of; of memory cells those of the unit.

        Raises
        ------
        BadInput
            The samples are not those that these parameters take.
        NotImplementedError
            Nothing can be tried, see :attr:`tries_parts`.
        """
        raise NotImplementedError(f"{self.title} tries no parts")

    def judged(self, kind: DetectorType | None) -> tuple[str, ...]:
        """Results that :meth:`reasons` looks at; none where a method gives no reasons.

        Parameters
        ----------
        kind : DetectorType or None

        Returns
        -------
        tuple of str
            Names of results over the axis that :attr:`combines` names, or over one whose entries are looked at side
            by side, and that of :attr:`split`.
        """
        return ()

    def rules(self, kind: DetectorType) -> tuple[RuleText, ...]:
        """Rules by which pixels are flagged, in words; none by default.

        Parameters
        ----------
        kind : DetectorType

        Returns
        -------
        tuple of RuleText
        """
        return ()

    def reasons(
        self, context: Context, at: At, maps: Mapping[str, Array], row: int, col: int, frames: float = np.nan
    ) -> tuple[Reason, ...]:
        """Why a pixel has the flags that it has: what each rule says of it that can set one.

        It asks for no run: the results of a job or constants from a disk will do.

        Parameters
        ----------
        context : Context
            With the detector type and the axes; nothing else is looked at.
        at : mapping
            Indices along axes.
        maps : mapping of (axis, slow_scan, fast_scan) arrays
            Finished results of one module, those of :meth:`judged` that are there, at one index of the axis by which
            work is split; over the axis whose entries are looked at side by side where they have one, else over the
            combined one.
        row, col : int
        frames : float
            Frames that the run has at this place; NaN where that is not known.

        Returns
        -------
        tuple of Reason
            Each flag that the maps have is set by at least one of them; what cannot be told is said.
        """
        return ()

    def explain(self, samples: Array, detector: DetectorType) -> Explanation:
        """What the raw samples of one pixel at one place look like, and what this method makes of them.

        Their mean and deviation, unless it does something else.

        Parameters
        ----------
        samples : (n,) uint16, ADU
            In the order of their trains, with the right gain bits.
        detector : DetectorType

        Returns
        -------
        Explanation
            Histogram with the gate, where there is one, and the mean; number of samples, mean and σ.
        """
        return sample_plot(samples, None, *moments(samples))

    def explain_results(
        self, context: Context, at: At, pixel: OfPixel, compare: bool = False,
    ) -> Explanation | None:
        """What results say of one pixel, of a method that explains pixels by them and not by raw samples.

        Parameters
        ----------
        context : Context
            With axes; a set of files has the files that it was made of too, where they still are, and no more.
        at : mapping
            Indices along axes.
        pixel : OfPixel
        compare : bool
            Whether other programs are asked for the same, which takes longer.

        Returns
        -------
        Explanation or None
            None, as by default, where raw samples are to be looked at.
        """
        return None

    def corrected_from(self) -> tuple[str, ...]:
        """Results without which samples cannot be looked at behind the method's steps; none where it has no steps.

        Returns
        -------
        tuple of str
        """
        return ()

    def explain_corrected(
        self, context: Context, key: str, chunks: Iterable[Frames], maps: Maps, row: int, col: int
    ) -> Explanation:
        """What the samples of one pixel look like behind the method's steps.

        Parameters
        ----------
        context : Context
        key : str
            Of the arranged input.
        chunks : iterable of Frames
            Of one memory cell.
        maps : dict of (slow_scan, fast_scan) arrays
            Finished results of that memory cell, those of :meth:`corrected_from`.
        row, col : int

        Returns
        -------
        Explanation

        Raises
        ------
        NotImplementedError
            The method has no steps.
        """
        raise NotImplementedError(f"{self.title} has no steps")

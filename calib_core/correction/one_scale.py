"""The scale of high gain in memory: a factor and a shift for each pixel, memory cell and further gain stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Self

import numpy as np

from calib_core.axes import Array
from calib_core.correction.images import Images
from calib_core.correction.of_samples import OfSamples, places_of
from calib_core.numerics.combined_gain import Chosen, Origin, own_or_usual, shift_of_low, shift_of_medium

#: Places among the entries of the pulse capacitor's slopes that are read.
_HIGH, _HIGH_BEGIN, _MEDIUM, _MEDIUM_BEGIN = range(4)


class Guess(IntFlag):
    """Ratios that are not a pixel's own: of high to medium gain, and of medium to low gain."""

    MEDIUM = 1
    LOW = 2


@dataclass(frozen=True, eq=False)
class Scale:
    """Signals of medium and low gain times a factor, plus a shift, are those of high gain.

    Attributes
    ----------
    factors, shifts : OfSamples
        (2, cell, slow_scan, fast_scan) float32: of medium and of low gain; shifts in ADU of high gain.
    guessed : OfSamples
        (1, cell, slow_scan, fast_scan) uint8: ratios (:class:`Guess`) that are not the pixel's own and that no
        constant flags.
    """

    factors: OfSamples
    shifts: OfSamples
    guessed: OfSamples
    why: str = ""
    dims: Sequence[str] = ("gain", "cell", "slow_scan", "fast_scan")

    @property
    def data(self) -> Array:
        """The factors."""
        return self.factors.data

    def read(self, cells: Sequence[int] = ()) -> Self:
        """It lies in memory already."""
        return self

    def of(self, images: Images) -> Array:
        """The factor of medium gain of each pixel."""
        return self.factors.entry(0, images)

    @classmethod
    def of_lines(
        cls, slopes: OfSamples, offset: OfSamples, ratios: OfSamples | None = None, *, ratio: float, low: float,
        adjust: bool, number: float | None = None,
    ) -> Scale:
        """Scale by lines of high and medium gain, whose memory it takes.

        Parameters
        ----------
        slopes : OfSamples
            (4, cell, slow_scan, fast_scan): slope and beginning of high gain, then of medium gain.
        offset : OfSamples
            Of all stages, ADU.
        ratios : OfSamples, optional
            (1, cell, slow_scan, fast_scan): of medium to low gain; of pixels that have none the median stands in.
        ratio : float
            Of memory cells in which no pixel has lines.
        low : float
            Ratio of medium to low gain of memory cells in which no pixel has one.
        adjust : bool
            Whether medium gain is shifted to the line of high gain.
        number : float, optional
            ADU of high gain by which all pixels are shifted in place of what their lines say.
        """
        slopes = _by_cells(slopes, offset)
        guessed = np.zeros((1, *slopes.data.shape[1:]), np.uint8)
        place = _places(offset, slopes)
        of_low = None if ratios is None else _places(ratios, slopes)
        for cell in range(slopes.data.shape[1]):
            values = slopes.data[:, cell]
            with np.errstate(divide="ignore", invalid="ignore"):
                quotient = values[_HIGH] / values[_MEDIUM]
                good = np.isfinite([*values, quotient]).all(axis=0) & (quotient > 0) & (values[_HIGH] > 0)
                usual = float(np.median(quotient[good])) if good.any() else ratio
                factor: Array = np.where(good, quotient, usual)
                shift = (offset.data[1, place[cell]] - values[_MEDIUM_BEGIN]) * factor + (
                    values[_HIGH_BEGIN] - offset.data[0, place[cell]])
            guessed[0, cell] = np.where(good, 0, Guess.MEDIUM)
            further = np.full(factor.shape, np.float32(low))
            if ratios is not None and of_low is not None:
                known = _low_ratios(ratios, int(of_low[cell]), low)
                further = known.values
                guessed[0, cell] |= np.where(known.own, 0, Guess.LOW).astype(np.uint8)
            values[0], values[1] = factor, factor * further
            values[2], values[3] = np.where(good & adjust, shift if number is None else number, 0), 0
        return cls(OfSamples(slopes.data[:2], slopes.cells, why=slopes.why),
                   OfSamples(slopes.data[2:], slopes.cells, why=slopes.why),
                   OfSamples(guessed, slopes.cells, 1, slopes.why), slopes.why)

    @classmethod
    def of_factors(cls, factors: OfSamples) -> Scale:
        """Scale of combined constants without shifts.

        Parameters
        ----------
        factors : OfSamples
            Of medium and low gain.
        """
        return cls.combined(factors, OfSamples(np.zeros_like(factors.data), factors.cells, why=factors.why))

    @classmethod
    def combined(cls, factors: OfSamples, shifts: OfSamples) -> Scale:
        """Scale of combined constants with the shifts that belong to the offsets.

        Parameters
        ----------
        factors, shifts : OfSamples
            Of medium and low gain; shifts in ADU.
        """
        guessed = np.zeros((1, *factors.data.shape[1:]), np.uint8)
        return cls(factors, shifts, OfSamples(guessed, factors.cells, 1, factors.why), factors.why)

    @classmethod
    def anew(cls, factors: OfSamples, offset: OfSamples, begins: OfSamples) -> Scale:
        """Scale of combined constants with other offsets than they were made with.

        Parameters
        ----------
        factors : OfSamples
            Of medium and low gain.
        offset : OfSamples
            Of all stages, ADU.
        begins : OfSamples
            (4, cell, slow_scan, fast_scan), ADU: of the lines of high and medium gain over the pulse capacitor, and
            of medium and low gain over the current source.
        """
        shifts = np.empty_like(factors.data)
        place, of_line = _places(offset, factors), _places(begins, factors)
        for cell in range(factors.data.shape[1]):
            offsets, lines = (one.data[:, at].astype(np.float64) for one, at in (
                (offset, place[cell]), (begins, of_line[cell])))
            medium = _known(factors.data[0, cell])
            with np.errstate(divide="ignore", invalid="ignore"):
                low = _known(factors.data[1, cell] / factors.data[0, cell])
            of_medium = shift_of_medium(medium, offsets, lines[:2])
            shifts[:, cell] = of_medium.values, shift_of_low(of_medium, medium, low, offsets, lines[2:]).values
        return cls.combined(factors, OfSamples(shifts, factors.cells, why=factors.why))


def _known(values: Array) -> Chosen:
    """Values that are taken as they are."""
    none = np.zeros(values.shape, np.bool_)
    return Chosen(values.astype(np.float64), np.full(values.shape, Origin.OWN, np.uint8), none, none)


def _low_ratios(ratios: OfSamples, place: int, usual: float) -> Chosen:
    """Ratios of medium to low gain of a memory cell; a negative place has none."""
    own = ratios.data[0, place] if place >= 0 else np.full(ratios.data.shape[2:], np.nan)
    return own_or_usual(own, 0, np.inf, usual)


def _by_cells(slopes: OfSamples, offset: OfSamples) -> OfSamples:
    """Slopes of each memory cell that offsets are of, where one image of slopes is that of all."""
    if slopes.cells is not None or offset.cells is None:
        return slopes
    return OfSamples(np.repeat(slopes.data, len(offset.cells), axis=1), offset.cells, slopes.missing, slopes.why)


def _places(of: OfSamples, cells: OfSamples) -> Array:
    """Places of memory cells in a constant; the last one stands for those that it has not, which have no offset."""
    own = cells.cells
    return places_of(of.cells, np.zeros(1, np.int64) if own is None else np.array(own, np.int64))

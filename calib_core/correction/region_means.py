"""Means of regions: corrected frames become lines, over the rows or columns of some pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.named_regions import NamedRegion, OfRegions
from calib_core.correction.of_frames import OfFrames
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.params import knob

_ORDER = ("module, first row, that behind the last, first column, that behind the last, and -2 for the mean over "
          "rows or -1 for that over columns")
_OVER_ROWS, _OVER_COLUMNS = -2, -1


class RegionMeans(OfRegions):
    """Make lines of regions: the mean of their good pixels over rows or columns, in each frame."""

    word: ClassVar[str] = "rois"
    title: ClassVar[str] = "Means of regions"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    follows: ClassVar[str] = "relative_gain"
    use_when: ClassVar[str] = "Spectra or profiles of some regions are looked at, rather than whole images."
    caution: ClassVar[str] = (
        "Samples below the threshold count as 0, so that noise does not add up; what charge they hold is lost.")

    order: ClassVar[str] = _ORDER
    example: ClassVar[str] = "3,0,512,100,300,-1"

    regions: str = knob("", unit="numbers", help=f"Of each region: {_ORDER}; the files have their lines as roi1, "
                        "roi2 and so on")
    threshold: float = knob(2.0, ge=-1e6, le=1e6, unit="keV", help="Samples below this count as 0")

    @property
    def found_of_frames(self) -> Mapping[str, OfFrames]:
        """A line for each region, of its module alone."""
        return {self._found(number): self._line(number, one) for number, one in enumerate(self.named(), 1)}

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Find the lines, (n, length) float32 each; samples stay.

        Parameters
        ----------
        images : Images
            Corrected samples with their flags. Flagged ones, and those that are no finite number, are in no mean;
            where there is no other the line is NaN.
        given : mapping
            Not asked.
        kind : DetectorType
            Its number tells which regions are of it.
        """
        for number, region in enumerate(self.named(), 1):
            if region.module == kind.number:
                where = (slice(None), *region.place)
                images.found[self._found(number)] = self._means(images.values[where], images.mask[where], region.more)

    def _means(self, values: Array, mask: Array, over: int) -> Array:
        good = (mask == 0) & np.isfinite(values)
        total = np.where(good & (values >= self.threshold), values, 0).sum(axis=over, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / good.sum(axis=over), np.float32)

    def _found(self, number: int) -> str:
        return f"{self.word}.{number}"

    def _line(self, number: int, region: NamedRegion) -> OfFrames:
        (top, bottom), (left, right) = region.rows, region.columns
        what, length = ("rows", right - left) if region.more == _OVER_ROWS else ("columns", bottom - top)
        return OfFrames(f"roi{number}.data", "keV", f"mean over {what} of rows {top} to {bottom - 1} and columns "
                        f"{left} to {right - 1}", module=region.module, length=length)

    def region_of(self, *numbers: int) -> NamedRegion:
        """The region of a module, of rows and of columns, and over which of them its mean is."""
        module, top, bottom, left, right, over = numbers
        if over not in (_OVER_ROWS, _OVER_COLUMNS):
            raise BadParameter(f"{self.word}_regions: a mean is over rows ({_OVER_ROWS}) or over columns "
                               f"({_OVER_COLUMNS}), not {over}.")
        return NamedRegion(module, (top, bottom), (left, right), over)

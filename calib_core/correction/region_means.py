"""Means of regions: corrected frames become lines, over the rows or columns of some pixels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.images import Images
from calib_core.correction.named_regions import NamedRegion, check_on, groups_of
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.step import Bound, Step
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.params import knob
from calib_core.typed import plain

_ORDER = ("module, first row, that behind the last, first column, that behind the last, and -2 for the mean over "
          "rows or -1 for that over columns")
_EXAMPLE = "3,0,512,100,300,-1"
_OVER_ROWS, _OVER_COLUMNS = -2, -1


class RegionMeans(Step):
    """Make lines of regions: the mean of their good pixels over rows or columns, in each frame."""

    word: ClassVar[str] = "rois"
    title: ClassVar[str] = "Means of regions"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    follows: ClassVar[str] = "relative_gain"
    use_when: ClassVar[str] = "Spectra or profiles of some regions are looked at, rather than whole images."
    caution: ClassVar[str] = (
        "Samples below the threshold count as 0, so that noise does not add up; what charge they hold is lost.")

    regions: str = knob("", unit="numbers", help=f"Of each region: {_ORDER}; the files have their lines as roi1, "
                        "roi2 and so on")
    threshold: float = knob(2.0, ge=-1e6, le=1e6, unit="keV", help="Samples below this count as 0")

    @property
    def modules(self) -> tuple[int, ...]:
        """Modules that have regions."""
        return tuple(one.module for one in self._regions())

    @property
    def found_of_frames(self) -> Mapping[str, OfFrames]:
        """A line for each region, of its module alone."""
        return {self._found(number): self._line(number, one) for number, one in enumerate(self._regions(), 1)}

    def check(self) -> None:
        """Refuse regions that are written otherwise, with BadParameter."""
        list(self._regions())
        if self.on and not plain(self.regions):
            raise BadParameter(f"{self.word} is not allowed without {self.word}_regions, such as {_EXAMPLE}.")

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take no constants.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType
            Of the module.

        Raises
        ------
        BadParameter
            A region is on no module of its type.
        """
        for region in self._regions():
            check_on(region, kind, f"{self.word}_regions")
        return super().bind(constants, kind)

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
        for number, region in enumerate(self._regions(), 1):
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

    def _regions(self) -> Iterator[NamedRegion]:
        name = f"{self.word}_regions"
        for module, top, bottom, left, right, over in groups_of(self.regions, name, _ORDER, _EXAMPLE):
            if over not in (_OVER_ROWS, _OVER_COLUMNS):
                raise BadParameter(f"{name}: a mean is over rows (-2) or over columns (-1), not {over}.")
            yield NamedRegion(module, (top, bottom), (left, right), over)

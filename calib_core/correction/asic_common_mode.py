"""Common mode of ASICs and memory cells: the mean of samples without signal is taken off."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.correction.bound_constant import Given
from calib_core.correction.cell_means import CELL_MEANS, CellMeans, GatheredMeans
from calib_core.correction.estimators import Estimator, good_samples
from calib_core.correction.images import Images
from calib_core.correction.of_frames import OfFrames
from calib_core.detector import DetectorType
from calib_core.numerics.dark_means import dark_means, no_maps
from calib_core.params import Limits, knob

#: Of a pixel and row of memory cells: its sum and number, and their mean while a turn ends.
_SUM_BYTES = 12 + 3 * 8


class AsicCommonMode(Estimator):
    """Take off what samples of high gain without light have in common, in turns.

    First in each pixel over the memory cells of a row and the trains of a file, which needs a pass over the file for
    each turn; then over the pixels of each ASIC in each frame.
    """

    word: ClassVar[str] = "cm"
    title: ClassVar[str] = "Common mode of ASICs"
    of_frames: ClassVar[OfFrames | None] = OfFrames(
        "commonMode", "ADU", "common mode that was taken off samples of high gain of each ASIC",
        "too few samples were dark", of_asics=True)
    use_when: ClassVar[str] = "Pixels of one ASIC rise and fall together from frame to frame, and most have no light."
    caution: ClassVar[str] = (
        "Signal within the dark range is taken off too: where charge is shared with the next pixel, at a cloud of "
        "8 µm in pixels of 200 µm, 0.2, 1 and 3.5 ADU at 0.05, 0.3 and 1 photons of 9 keV a pixel. A photon of less "
        "than 5 keV lies within the range itself. Each turn with memory cells reads all files once more.")

    dark_range: Limits = knob((-30.0, 30.0), unit="ADU", help="Signals of pixels without light")
    dark_fraction: float = knob(
        0.15, ge=0, le=1, help="Share of the pixels of an ASIC, and of the frames of a pixel, that must be dark")
    n_itr: int = knob(4, ge=1, le=100, help="Turns in which means are taken, each about those before")
    cells: bool = knob(True, help="Take off what the memory cells of a row have in common over the trains of a file")
    row: int = knob(32, ge=1, le=10000, unit="memory cells", help="Neighbouring memory cells that are a row")

    @property
    def passes(self) -> int:
        """One for each turn, where memory cells are looked at."""
        return self.n_itr if self.cells else 0

    def gathering(self, kind: DetectorType, cells: Array) -> GatheredMeans:
        """Sums of nothing yet.

        Parameters
        ----------
        kind : DetectorType
        cells : (n,) int64
            Memory cells of all frames.
        """
        rows = int(cells.max(initial=0)) // self.row + 1
        return GatheredMeans(rows, self.row, kind.shape, self.dark_range, self.dark_fraction)

    def bytes_of_file(self, kind: DetectorType) -> int:
        """Sums of a row of memory cells, and what each turn has found of it, twice while a turn ends.

        Parameters
        ----------
        kind : DetectorType
        """
        rows = kind.max_cells // self.row + 1
        return rows * kind.pixels * (_SUM_BYTES + 2 * 4 * self.passes) if self.passes else 0

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the shifts; those of ASICs are found, (n, ASICs along slow, ASICs along fast) float32, ADU.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0; those of other stages than high gain stay.
        given : mapping
            Flags of pixels that have no say, and what was gathered of memory cells, where it was.
        kind : DetectorType
            Its ASICs.
        """
        means = given.get(CELL_MEANS, CellMeans(no_maps(kind.shape), self.row))
        assert isinstance(means, CellMeans)
        use = good_samples(images, given, 0)
        found = dark_means(images.values, use, kind.asic_shape, self.dark_range, self.dark_fraction, self.n_itr,
                           means.data, means.rows(images)).astype(np.float32)
        images.found[self.word] = found
        shift = np.nan_to_num(found)
        for axis, pixels in enumerate(kind.asic_shape, 1):
            shift = np.repeat(shift, pixels, axis)
        if len(means.data):
            shift += means.of(images)
        np.subtract(images.values, shift, out=images.values, where=images.stage == 0)

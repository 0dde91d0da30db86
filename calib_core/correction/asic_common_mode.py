"""Common mode of ASICs and memory cells: the mean of samples without signal is taken off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import NOISE, ConstantKind
from calib_core.correction.bound_constant import Constants, Given
from calib_core.correction.cell_means import CELL_MEANS, CellMeans, GatheredMeans
from calib_core.correction.estimators import FLAGS, Estimator, good_samples
from calib_core.correction.images import Images
from calib_core.correction.noise_peak import NoiseLevel
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.step import Bound, CannotBeDone
from calib_core.correction.when_read import WhenRead
from calib_core.detector import DetectorType
from calib_core.numerics.dark_means import dark_means, no_maps
from calib_core.numerics.shared_charge import dark_bias
from calib_core.params import Limits, knob

#: Of a pixel and row of memory cells: its sum and number, and their mean while a turn ends.
_SUM_BYTES = 12 + 3 * 8
#: Biases are looked up for noise in whole parts of an ADU, so many.
_NOISE_PARTS = 10


class AsicCommonMode(Estimator):
    """Take off what samples of high gain without light have in common, in turns.

    First in each pixel over the memory cells of a row and the trains of a file, which needs a pass over the file for
    each turn; then over the pixels of each ASIC in each frame.
    """

    word: ClassVar[str] = "cm"
    title: ClassVar[str] = "Common mode of ASICs"
    optional: ClassVar[tuple[ConstantKind, ...]] = (*FLAGS, NOISE)
    of_frames: ClassVar[OfFrames | None] = OfFrames(
        "commonMode", "ADU", "common mode that was taken off samples of high gain of each ASIC",
        "too few samples were dark", of_asics=True)
    of_common_mode: ClassVar[bool] = True
    use_when: ClassVar[str] = "Pixels of one ASIC rise and fall together from frame to frame, and most have no light."
    caution: ClassVar[str] = (
        "Signal within the dark range is taken off too: where charge is shared with the next pixel, at a cloud of "
        "8 µm in pixels of 200 µm, 0.2, 1 and 3.5 ADU at 0.05, 0.3 and 1 photons of 9 keV a pixel. A photon of less "
        "than 5 keV lies within the range itself; docs/corrections.md has more. Each turn with memory cells reads "
        "all files once more.")

    dark_range: Limits = knob((-30.0, 30.0), unit="ADU", help="Signals of pixels without light")
    dark_fraction: float = knob(
        0.15, ge=0, le=1, help="Share of the pixels of an ASIC, and of the frames of a pixel, that must be dark")
    n_itr: int = knob(4, ge=1, le=100, help="Turns in which means are taken, each about those before")
    cells: bool = knob(True, help="Take off what the memory cells of a row have in common over the trains of a file")
    row: int = knob(32, ge=1, le=10000, unit="memory cells", help="Neighbouring memory cells that are a row")
    light: bool = knob(False, help="Leave in what weak flat light puts into the dark range by sharing of charge, "
                       "up to 3 photons a pixel; the mean of each ASIC tells how much light there is, and the noise "
                       "is needed")
    light_photon: float = knob(66.24, ge=1, le=16383, unit="ADU", help="Signal of a photon of this light")
    light_cloud: float = knob(0.04, ge=0, le=0.5, unit="pixels",
                              help="Standard deviation of the charge of a photon of this light")

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

    def beside(self, cell: int, cells: Sequence[int]) -> Sequence[int]:
        """Memory cells of the same row.

        Parameters
        ----------
        cell : int
        cells : sequence of int
        """
        return [one for one in cells if one // self.row == cell // self.row]

    def bytes_of_file(self, kind: DetectorType) -> int:
        """Sums of a row of memory cells, and what each turn has found of it, twice while a turn ends.

        Parameters
        ----------
        kind : DetectorType
        """
        rows = kind.max_cells // self.row + 1
        return rows * kind.pixels * (_SUM_BYTES + 2 * 4 * self.passes) if self.passes else 0

    def bind(self, constants: Constants, kind: DetectorType) -> Bound:
        """Take flags as far as there are any, and the noise where light is looked at.

        Parameters
        ----------
        constants : Constants
        kind : DetectorType

        Raises
        ------
        CannotBeDone
            There is no noise, and it is needed.
        """
        bound = super().bind(constants, kind)
        noise = bound.given.get(NOISE.name)
        given = {name: one for name, one in bound.given.items() if name != NOISE.name}
        if not self.light:
            return replace(bound, given=given)
        if noise is None:
            raise CannotBeDone(f"{self.title} is left out: it looks at weak light by the noise, but there is no "
                               f"{NOISE.name}; give --constants-noise, or --no-cm-light.")
        level = WhenRead(noise, partial(NoiseLevel.made, widest=float("inf")))
        return replace(bound, given={**given, NOISE.name: level})

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the shifts; those of ASICs are found, (n, ASICs along slow, ASICs along fast) float32, ADU.

        Parameters
        ----------
        images : Images
            Values (n, slow_scan, fast_scan) float32, ADU about 0; those of other stages than high gain stay.
        given : mapping
            Flags of pixels that have no say, what was gathered of memory cells, where it was, and the noise, where
            light is looked at.
        kind : DetectorType
            Its ASICs.
        """
        means = given.get(CELL_MEANS, CellMeans(no_maps(kind.shape), self.row))
        assert isinstance(means, CellMeans)
        use = good_samples(images, given, 0)
        found = dark_means(images.values, use, kind.asic_shape, self.dark_range, self.dark_fraction, self.n_itr,
                           means.data, means.rows(images)).astype(np.float32)
        if self.light:
            found -= self._of_light(images, use, found, means, given)
        images.found[self.word] = found
        shift = np.nan_to_num(found)
        for axis, pixels in enumerate(kind.asic_shape, 1):
            shift = np.repeat(shift, pixels, axis)
        if len(means.data):
            shift += means.of(images)
        np.subtract(images.values, shift, out=images.values, where=images.stage == 0)

    def _of_light(self, images: Images, use: Array, found: Array, means: CellMeans, given: Given) -> Array:
        """What light put into the dark range of each ASIC, by how far its mean lies above its dark samples."""
        level = given[NOISE.name]
        assert isinstance(level, NoiseLevel)
        above = _of_asics(images.values, use, found.shape) - found
        if len(means.data):
            above -= _of_asics(means.of(images), use, found.shape)
        bias = np.zeros(found.shape, np.float32)
        for i, sigma in enumerate(np.rint(level.of_cells(images.cell) * _NOISE_PARTS).tolist()):
            if np.isfinite(sigma):
                table = dark_bias(self.light_photon, self.light_cloud, sigma / _NOISE_PARTS, self.dark_range,
                                  self.n_itr * (2 if len(means.data) else 1))
                bias[i] = np.interp(above[i], *table)
        return bias


def _of_asics(values: Array, use: Array, shape: tuple[int, ...]) -> Array:
    """Mean of the used samples of each ASIC, NaN where there are none; (n, ASICs along slow, along fast)."""
    n, slow, fast = shape
    blocks = n, slow, values.shape[1] // slow, fast, values.shape[2] // fast
    total = np.where(use, values, 0).reshape(blocks).sum((2, 4), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(total / use.reshape(blocks).sum((2, 4)))

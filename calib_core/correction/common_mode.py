"""Common mode: what all pixels of one amplifier have in common in one frame is taken off."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal, cast

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import BAD_PIXELS_DARK, BAD_PIXELS_MANUAL, NOISE, ConstantKind
from calib_core.correction.bound_constant import Given, is_flagged, shared
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.numerics.common_mode import Axis, near, shares, subtract_medians
from calib_core.params import knob

Axes = Literal["auto", "block", "row", "column", "block row", "block column", "row column", "block row column"]


class CommonMode(Step):
    """Take the median of each bank, or of its rows or columns, off each frame.

    Twice per axis: first of all samples within the limit beside their noise, wherever the shift has put them, then
    of those within the noise about that. A cut about 0 alone would bias the median of shifted frames towards 0.
    """

    word: ClassVar[str] = "common_mode"
    title: ClassVar[str] = "Common mode"
    needs: ClassVar[tuple[ConstantKind, ...]] = (NOISE,)
    optional: ClassVar[tuple[ConstantKind, ...]] = (BAD_PIXELS_DARK, BAD_PIXELS_MANUAL)
    use_when: ClassVar[str] = "Pixels of one amplifier rise and fall together from frame to frame."
    caution: ClassVar[str] = (
        "Where light hits most pixels of a segment, their median is signal, not common mode; charge that few photons "
        "share moves it too, as docs/corrections.md has it.")

    axis: Axes = knob("row", help="Segments of a bank whose median is subtracted; several are done in this order; "
                      "auto: rows or columns, whichever gives the lower noise")
    min_share: float = knob(0.25, ge=0, le=1, help="Smallest share of usable samples; below it a segment is left")
    sigma: float = knob(5.0, ge=1, le=100, unit="σ", help="Samples further than this from the median do not count")
    limit: float = knob(100.0, ge=0, le=65535, unit="ADU", help="Largest shift that is believed to be common mode")

    @property
    def looked_in(self) -> tuple[str, str]:
        """Segments of frames, and why nothing is taken off some that have enough good pixels."""
        return "segments of frames", (
            f"the median is beyond {self.limit:g} ADU, or less than {self.min_share:.0%} of the samples tell it")

    def alternatives(self) -> dict[str, Step]:
        """Rows or columns, where the data are to decide."""
        return {axis: self.with_changes({"axis": axis}) for axis in ("row", "column")} if self.axis == "auto" else {}

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Subtract the shifts.

        They are found, (n, banks along slow, banks along fast, segments) float32, ADU; the segments of several axes
        follow each other. NaN stands where nothing was subtracted from a segment with enough good pixels, 0 where it
        has not enough of them.

        Parameters
        ----------
        images : Images
            Signals float32, C-contiguous, about 0. All of one memory cell: the noise of the first frame holds for
            all. Samples out of use have no say in the shift but get it too.
        given : mapping
            Noise in ADU; a pixel where it is NaN, or that has bad-pixel flags, has no say in the shift but gets it
            too.
        kind : DetectorType
            Its banks, or ASICs where it declares none, are what has a common mode.

        Raises
        ------
        BadParameter
            The axis is left for the data to decide.
        """
        if self.axis == "auto":
            raise BadParameter("common_mode_axis = 'auto' is not allowed here; only a dark can try both axes.")
        counting = self.counting(images)
        reach = self.sigma * shared(given[NOISE.name].of(counting))
        reach = np.where(is_flagged(given, counting, *self.optional), np.nan, reach)
        axes = [cast(Axis, axis) for axis in self.axis.split()]
        found = [self._take_off(counting, reach, kind, axis) for axis in axes]
        images.found[self.word] = np.concatenate(found, axis=-1)

    def counting(self, images: Images) -> Images:
        """The same samples, of which those are in use that have a say in the shift.

        Parameters
        ----------
        images : Images
            All of one gain stage; their values are shared.
        """
        return images

    def _take_off(self, images: Images, reach: Array, kind: DetectorType, axis: Axis) -> Array:
        bank = kind.bank_shape or kind.asic_shape
        shifts = []
        for far in (reach + self.limit, reach):
            use = near(images.values, images.use, far)
            shifts.append(subtract_medians(images.values, use, bank, axis, self.min_share, self.limit))
        refused = np.isnan(shifts).all(axis=0) & (shares(np.isfinite(reach), bank, axis) >= self.min_share)
        return np.where(refused, np.float32(np.nan), np.nansum(shifts, axis=0, dtype=np.float32))


class CommonModeOfFirstStage(CommonMode):
    """Take the median of samples of the first gain stage off all samples of their segment.

    What an amplifier adds is the same number of ADU in all stages; samples of others hold signal.
    """

    def counting(self, images: Images) -> Images:
        """Samples of the first gain stage, with the constants of that stage.

        Parameters
        ----------
        images : Images
            Their values are shared.
        """
        stage = np.broadcast_to(np.uint8(0), images.stage.shape)
        return replace(images, stage=stage, use=images.use & (images.stage == 0))

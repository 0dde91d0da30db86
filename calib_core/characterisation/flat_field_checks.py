"""Checks of modules whose flat light was counted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.ranges import format_numbers
from calib_core.remarks import CheckText, Remark

#: Share of the pixels and groups of memory cells of a module that may have too few samples.
_MOST = 0.05


class EmptyCells(Check):
    """Each memory cell has frames."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText("cells", "memory cells without a frame", "any", "none where all of them are recorded",
                         "they were vetoed, or left out with their pulses: histograms are of the others")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence with their numbers.

        Yields
        ------
        Remark
            In memory cells.
        """
        frames = finished.values("frames")
        empty = [int(cell) for cell, number in zip(context.cells, frames, strict=True) if not number]
        if empty:
            yield Remark(
                self.text.kind, module, "", float(len(empty)), 0.0, "memory cells",
                f"Module {module}: {len(empty)} of {len(context.cells)} memory cells have no frame "
                f"({format_numbers(empty)}); histograms of their groups are of the others.", cells=tuple(empty))


class FewSamples(Check):
    """Nearly all pixels have enough samples."""

    def __init__(self, least: int) -> None:
        self._least = least

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText("entries", "share of the pixels and groups of memory cells with too few samples",
                         f"> {_MOST:.0%}", "none where there are enough frames",
                         "the run is too short for groups of so few memory cells, or pixels are not of high gain")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the share, with the groups that have most of them.

        Yields
        ------
        Remark
            In per cent.
        """
        labels = context.axes["group"].labels
        shares = [float(np.mean(finished.filled("bad_pixels", {"group": i}) != 0)) for i in range(len(labels))]
        share, worst = float(np.mean(shares)), int(np.argmax(shares))
        if share > _MOST:
            yield Remark(
                self.text.kind, module, "", 100 * share, 100 * _MOST, "%",
                f"Module {module}: {share:.1%} of the pixels and groups of memory cells have fewer than "
                f"{self._least} samples, of memory cells {labels[worst]} {shares[worst]:.1%}; give more runs, or "
                "larger groups (--cell-group).")

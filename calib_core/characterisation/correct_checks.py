"""Checks of corrected modules."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.constants.badpixels import BadPixels
from calib_core.remarks import CheckText, Remark

#: Share of the pixels and memory cells of a module that may have a flag.
_MOST = 0.1


class Flagged(Check):
    """Most of what is corrected is free of flags."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "flags", "share of the pixels and memory cells of a module that have a flag in any frame",
            f"> {_MOST:.0%}", "none: darks of good modules flag less than 1 %",
            "constants that do not belong to the run, or hold no values, flag most of a module")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the share, with the flag that most have.

        Yields
        ------
        Remark
            In per cent.
        """
        pixels, flagged = 0, 0
        of_flag = dict.fromkeys(BadPixels, 0)
        for cell in range(len(context.cells)):
            flags = finished.filled("bad_pixels", {"cell": cell})
            pixels, flagged = pixels + flags.size, flagged + int(np.count_nonzero(flags))
            for flag in of_flag:
                of_flag[flag] += int(np.count_nonzero(flags & np.uint32(flag)))
        if flagged > _MOST * pixels:
            most, count = max(of_flag.items(), key=lambda one: one[1])
            yield Remark(
                self.text.kind, module, "", 100 * flagged / pixels, 100 * _MOST, "%",
                f"Module {module}: {flagged / pixels:.1%} of the pixels and memory cells have a flag, "
                f"{count / pixels:.1%} “{most.label}”; look at the constants before the frames are used.")

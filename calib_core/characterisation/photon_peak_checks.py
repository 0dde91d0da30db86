"""Checks of modules whose gains were taken from photon peaks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.flat_field_model import is_fitted
from calib_core.characterisation.unit import Context
from calib_core.constants.constant import FF_FIT
from calib_core.numerics.photon_peaks import AT_END, BRIGHT, FAILED, FAINT, FEW_ENTRIES, frames_needed
from calib_core.remarks import CheckText, Remark

#: Why there is no gain, by the status of a fit.
_WHY = {FEW_ENTRIES: "too few samples", FAINT: "less than 0.02 photons in a frame", BRIGHT: "more than 2.5",
        AT_END: "a fit at an end of its range", FAILED: "a fit that has not ended"}
#: Share of the pixels with enough samples that may have no gain.
_UNTOLD = 0.02


class GainsTold(Check):
    """Most pixels have a gain."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "gains", "share of the pixels and groups with samples that have no gain", f"> {_UNTOLD:.0%}",
            "none where light is between 0.02 and 2.5 photons in a pixel",
            "the light is too weak or too strong, or the peaks are not where they are looked for")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the share, and on pixels with too little or too much light.

        Yields
        ------
        Remark
            In per cent.
        """
        with_samples = untold = 0
        why = dict.fromkeys(_WHY, 0)
        for _, known in _groups(context, finished):
            status = known["status"][known["entries"] > 0]
            with_samples += status.size
            untold += int(np.count_nonzero(~is_fitted(status)))
            why = {one: number + int(np.count_nonzero(status == one)) for one, number in why.items()}
        if untold > _UNTOLD * with_samples:
            reasons = ", ".join(f"{number / with_samples:.1%} for {_WHY[one]}" for one, number in why.items()
                                if number)
            yield Remark(
                self.text.kind, module, "", 100 * untold / with_samples, 100 * _UNTOLD, "%",
                f"Module {module}: {untold / with_samples:.1%} of the pixels and groups with samples have no gain, "
                f"{reasons}.")


class GainErrors(Check):
    """Gains are known as well as is asked for.

    Parameters
    ----------
    limit : float
        Relative error, per cent.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "gain errors", "median of the relative errors of gains in a group of memory cells",
            f"> {self._limit:g} %", "never", "there are too few frames; how many it takes is told")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the worst group.

        Yields
        ------
        Remark
            In per cent.
        """
        worst, needed, place = 0.0, 0.0, 0
        frames = finished.values("frames")
        for group, known in _groups(context, finished):
            good = is_fitted(known["status"])
            if good.any():
                error = float(np.median(known["gain error"][good] / known["gain"][good]))
                if error > worst:
                    worst, place = error, group
                    needed = float(frames_needed(frames[group], np.array(1.0), np.array(error), self._limit / 100))
        if worst > self._limit / 100:
            yield Remark(
                self.text.kind, module, "", 100 * worst, self._limit, "%",
                f"Module {module}: gains of memory cells {context.axes['group'].labels[place]} are known to "
                f"{worst:.2%} with {int(frames[place])} frames; {self._limit:g} % would take {needed:,.0f}.")


def _groups(context: Context, finished: Finished) -> Iterator[tuple[int, dict[str, Array]]]:
    """Fits of each group that is there."""
    for group in range(len(context.axes["group"])):
        at = {"group": group, "parameter": 0}
        if finished.has("fits", at):
            yield group, {name: finished.filled("fits", {**at, "parameter": FF_FIT.index(name)})
                          for name in ("gain", "gain error", "entries", "status")}

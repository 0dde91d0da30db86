"""Checks of modules that a scan was made of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.numerics.scan_fits import STRAIGHT
from calib_core.numerics.scan_regions import NO_SWITCH, OK
from calib_core.remarks import CheckText, Remark

#: Share of the pixels and memory cells that may have a straight line for want of a hook, and that may never switch.
_STRAIGHT, _UNSWITCHED = 0.01, 0.01


class StraightLines(Check):
    """Hooks of medium gain are seen, so that its slopes are free of them."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "straight", "share of the fitted pixels and memory cells whose medium gain is a straight line, since its "
            "hook is below three of its errors", f"> {_STRAIGHT:.0%}", "none where hooks are 20 times their errors",
            "such slopes are low, by more than their errors tell: the scan is too short behind the switch")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the share.

        Yields
        ------
        Remark
            In per cent.
        """
        fitted = straight = 0
        for regions, medium in _statuses(context, finished, "regions", "fit MG"):
            good = regions == OK
            fitted += int(np.count_nonzero(good))
            straight += int(np.count_nonzero(good & (medium == STRAIGHT)))
        if straight > _STRAIGHT * fitted:
            yield Remark(
                self.text.kind, module, "", 100 * straight / fitted, 100 * _STRAIGHT, "%",
                f"Module {module}: medium gain of {straight / fitted:.1%} of the fitted pixels and memory cells is a "
                "straight line, as its hook cannot be told from noise; such slopes are low by more than their "
                "errors. A longer scan would tell.")


class Switched(Check):
    """Pixels that are charged change their gain stage."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "switched", "share of the charged pixels and memory cells that stay in one gain stage",
            f"> {_UNSWITCHED:.0%}", "none", "the scan has too few steps, or too little charge in each")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the share.

        Yields
        ------
        Remark
            In per cent.
        """
        charged = never = 0
        for (regions,) in _statuses(context, finished, "regions"):
            charged += int(np.count_nonzero(np.isfinite(regions)))
            never += int(np.count_nonzero(regions == NO_SWITCH))
        if never > _UNSWITCHED * charged:
            yield Remark(
                self.text.kind, module, "", 100 * never / charged, 100 * _UNSWITCHED, "%",
                f"Module {module}: {never / charged:.1%} of the charged pixels and memory cells never switch to "
                "medium gain; they have no slopes of it, and are flagged.")


def _statuses(context: Context, finished: Finished, *names: str) -> Iterator[tuple[np.ndarray, ...]]:
    """Images of some statuses of each memory cell; NaN where a pixel is not charged."""
    places = context.axes["quantity"]
    for cell in range(len(context.axes["cell"])):
        yield tuple(finished.filled("fits", {"quantity": places.index(name), "cell": cell}) for name in names)

"""Checks of modules that a scan was made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from calib_core.characterisation.checks import Check
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.scan_rules import why_no_lines
from calib_core.characterisation.unit import Context
from calib_core.numerics.scan_fits import WEAK
from calib_core.numerics.scan_regions import OK
from calib_core.remarks import CheckText, Remark

#: Share of the pixels and memory cells whose hook may be hidden by noise, and that may lack a line.
_WEAK, _UNLINED = 0.01, 0.01
#: Reasons that are told, and statuses of regions and fits are below that.
_REASONS, _STATUSES = 2, 10


class WeakHooks(Check):
    """Hooks of medium gain are seen, so that its slopes are known well beside them."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "weak hooks", "share of the fitted pixels and memory cells whose hook of medium gain is below "
            "three of its errors", f"> {_WEAK:.0%}", "none where hooks are 20 times their errors",
            "errors of such slopes are larger than others: the scan is too short behind the switch, or has no hook")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the share.

        Yields
        ------
        Remark
            In per cent.
        """
        fitted = weak = 0
        for regions, medium in _statuses(context, finished, "regions", "fit MG"):
            good = regions == OK
            fitted += int(np.count_nonzero(good))
            weak += int(np.count_nonzero(good & (medium == WEAK)))
        if weak > _WEAK * fitted:
            yield Remark(
                self.text.kind, module, "", 100 * weak / fitted, 100 * _WEAK, "%",
                f"Module {module}: the hook of {weak / fitted:.1%} of the fitted pixels and memory cells cannot be "
                "told from noise; it is fitted all the same, and the errors of their medium gain are larger for it. "
                "A longer scan would tell; where there are no hooks, fit none (--no-fit-hook).")


class Lined(Check):
    """Pixels that are charged have lines of both gain stages."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "lines", "share of the charged pixels and memory cells without a line of high or of medium gain, by what "
            "is wrong", f"> {_UNLINED:.0%}", "none",
            "the scan has too few steps, or too little or too much charge in each")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the share, with the most frequent reasons.

        Yields
        ------
        Remark
            In per cent.
        """
        found: Counter[str] = Counter()
        for statuses in _statuses(context, finished, "regions", "fit HG", "fit MG"):
            known = [np.nan_to_num(one[np.isfinite(statuses[0])]).astype(int) for one in statuses]
            numbers = np.bincount(np.ravel_multi_index(tuple(known), (_STATUSES,) * 3))
            for place in np.flatnonzero(numbers).tolist():
                found[why_no_lines(*map(int, np.unravel_index(place, (_STATUSES,) * 3)))] += int(numbers[place])
        charged, bad = found.total(), found.total() - found[""]
        if bad > _UNLINED * charged:
            del found[""]
            why = "; ".join(f"{number / charged:.1%}: {one}" for one, number in found.most_common(_REASONS))
            yield Remark(
                self.text.kind, module, "", 100 * bad / charged, 100 * _UNLINED, "%",
                f"Module {module}: {bad / charged:.1%} of the charged pixels and memory cells have no lines of both "
                f"gain stages and are flagged ({why}).")


def _statuses(context: Context, finished: Finished, *names: str) -> Iterator[tuple[np.ndarray, ...]]:
    """Images of some statuses of each memory cell; NaN where a pixel is not charged."""
    places = context.axes["quantity"]
    for cell in range(len(context.axes["cell"])):
        yield tuple(finished.filled("fits", {"quantity": places.index(name), "cell": cell}) for name in names)

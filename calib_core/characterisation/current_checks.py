"""Checks of modules that scans of a current source were made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from calib_core.characterisation.checks import Check
from calib_core.characterisation.current_fits import WHY
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.numerics.scan_regions import OK
from calib_core.remarks import CheckText, Remark

#: Share of the pixels and memory cells that no current may fit, and reasons that are told.
_UNFITTED, _REASONS = 0.01, 2


class Taken(Check):
    """Each charged pixel has a current that fits it."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText("current", "share of the charged pixels and memory cells that no current fits",
                         f"> {_UNFITTED:.0%}", "none", "a current is too small to reach low gain in the scan, or too "
                         "large for high gain; another one would tell")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on the share, with the most frequent reasons.

        Yields
        ------
        Remark
            In per cent.
        """
        found: Counter[int] = Counter()
        place = context.axes["parameter"].index("status")
        for cell in range(len(context.axes["cell"])):
            status = finished.filled("lines", {"parameter": place, "cell": cell})
            values, numbers = np.unique(status[np.isfinite(status)].astype(int), return_counts=True)
            found.update(dict(zip(values.tolist(), numbers.tolist(), strict=True)))
        charged, bad = found.total(), found.total() - found[OK]
        if bad > _UNFITTED * charged:
            del found[OK]
            why = "; ".join(f"{number / charged:.1%}: {WHY[one]}" for one, number in found.most_common(_REASONS))
            yield Remark(self.text.kind, module, "", 100 * bad / charged, 100 * _UNFITTED, "%",
                         f"Module {module}: {bad / charged:.1%} of the charged pixels and memory cells fit in no "
                         f"current and are flagged ({why}).")

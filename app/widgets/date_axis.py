"""An axis of times whose words have room beside each other."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg

#: Least distance of a number from the name of its month, or whatever is larger, pixels.
_APART = 34


class DateAxis(pg.DateAxisItem):
    """Axis of seconds since 1970; a day that would lie over the name of its month is left out."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, Any]]:
        """Places of the words, the largest steps first."""
        found, taken = list[tuple[float, Any]](), list[float]()
        for step, places in super().tickValues(low, high, size):
            least = _APART * (high - low) / max(1.0, size)
            free = [one for one in places if all(abs(one - other) >= least for other in taken)]
            found.append((step, free))
            taken += free
        return found

"""An axis on which whole numbers have no words between them, as memory cells and steps of a scan have none."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg


class WholeAxis(pg.AxisItem):
    """Axis below a plot; what lies on it may be whole numbers alone."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self._whole = False

    def set_whole(self, whole: bool) -> None:
        """Whether all positions are whole numbers."""
        if whole != self._whole:
            self._whole = whole
            self.picture = None
            self.update()

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, Any]]:
        """Places of the words, the largest steps first."""
        found = super().tickValues(low, high, size)
        return [(step, [one for one in places if float(one).is_integer()]) for step, places in found
                ] if self._whole else found

"""Prepares in the background what would otherwise make the first maps late."""

from __future__ import annotations

import importlib
import threading

import numpy as np
from PyQt6.QtCore import QObject, pyqtSignal

from app.widgets import colour, levels
from app.widgets.placement import Placement
from calib_core.numerics import kept_code, warmup


class Preparation(QObject):
    """Loads kernels and the geometry library; ``progress`` tells how many of how many are ready."""

    progress = pyqtSignal(int, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._stopped, self._telling = False, threading.Lock()

    def stop(self) -> None:
        """End after the kernel that is being made; no thread touches this object after that."""
        with self._telling:
            self._stopped = True

    def prepare(self) -> tuple[str, ...]:
        """Prepare all; to be run in a thread, which compiles or loads without stopping the window.

        Returns what is to be said about where compiled kernels are kept.
        """
        try:
            draw_once()
            warmup.warm_up(self._tell)
            # the first assembled picture would otherwise wait for this import
            importlib.import_module("extra_geom")
        except _Stopped:
            return ()
        return kept_code.notes()

    def _tell(self, ready: int, total: int) -> None:
        with self._telling:
            if self._stopped:
                raise _Stopped
            self.progress.emit(ready, total)


class _Stopped(Exception):
    """The window has gone meanwhile."""


def draw_once() -> None:
    """Call each kernel of the maps once, on the types that the maps use."""
    placement = Placement.stacked((1, 2, 2))
    view = colour.Viewport(2, 2, 1.0, 1.0, 1.0)
    values, flags, canvas = np.zeros(4, np.float32), np.ones(4, np.uint32), np.zeros((2, 2), np.uint32)
    layer = np.zeros((2, 2), np.uint32)
    paint = colour.Paint(colour.colour_table("viridis"), 0.0, 1.0, colour.DARK_GROUND)
    colour.lay_flags(layer, view, placement.index, flags, 1, colour.flag_table())
    for shown in (values, None):
        colour.render(canvas, view, placement.index, shown, layer, paint)
    sample = levels.good_sample(values, flags, 0, levels.sample_places(placement.index, (0, 2, 0, 2)))
    levels.share_flagged(flags, 1, placement.index, np.ones(1, bool))
    levels.count_bins(sample, 0.0, 1.0, np.zeros(8, np.int64))
    assert placement.module_boxes.shape == (1, 4)

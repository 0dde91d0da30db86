"""What is remarkable of parts of a module, outlined in all maps of the place where it holds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PyQt6.QtCore import QObject

from app.panels.maps.maps_presenter import MapsPresenter
from app.session.session import Session
from calib_core.remarks import Remark
from calib_core.subjects.shown import Shown


class Outlines(QObject):
    """Gives the parts that remarks of the subject are about to all maps."""

    def __init__(self, session: Session, maps: MapsPresenter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._maps = session, maps
        self._made: tuple[tuple[Remark, ...], tuple[int, ...], np.ndarray | None] = ((), (), None)
        for signal in (maps.drawn, session.picture_changed, session.subject_told):
            signal.connect(self._draw)

    def _draw(self) -> None:
        placement, shown = self._maps.placement, self._session.shown
        if placement is None or shown.kind is None or shown.subject is None:
            return
        remarks = () if self._maps.form == "cells" else tuple(remarks_at(shown))
        if (remarks, placement.modules) != self._made[:2]:
            pixels = outlined(remarks, placement.modules, shown.kind.shape) if remarks else None
            self._made = (remarks, placement.modules, pixels)
        for view in self._maps.views:
            view.set_outlined(self._made[2])


def remarks_at(shown: Shown) -> Iterable[Remark]:
    """Remarks on parts of modules that hold at the place that is shown."""
    labels = {axis: shown.label(axis) for axis in shown.at}
    return (one for one in shown.subject.remarks if one.boxes and one.holds(labels))


def outlined(remarks: Iterable[Remark], modules: tuple[int, ...], shape: tuple[int, int]) -> np.ndarray:
    """Pixels that remarks are about.

    Parameters
    ----------
    remarks : iterable of Remark
    modules : tuple of int
    shape : (int, int)
        Pixels (slow_scan, fast_scan) of a module.

    Returns
    -------
    (modules, slow_scan, fast_scan) bool
    """
    found = np.zeros((len(modules), *shape), bool)
    for one in remarks:
        for top, bottom, left, right in one.boxes if one.module in modules else ():
            found[modules.index(one.module), top:bottom, left:right] = True
    return found

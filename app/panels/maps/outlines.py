"""What is remarkable of parts of a module, and pixels that were picked out, outlined in all maps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PyQt6.QtCore import QObject

from app.panels.maps.maps_presenter import MapsPresenter
from app.session.session import Session
from calib_core.remarks import Remark
from calib_core.subjects.shown import Shown


class Outlines(QObject):
    """Gives the parts that remarks of the subject are about, and single pixels, to all maps."""

    def __init__(self, session: Session, maps: MapsPresenter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._maps = session, maps
        self._made: tuple[object, np.ndarray | None] = (None, None)
        for signal in (maps.drawn, session.picture_changed, session.subject_told, session.outlined_changed):
            signal.connect(self._draw)

    def _draw(self) -> None:
        placement, shown = self._maps.placement, self._session.shown
        if placement is None or shown.kind is None or shown.subject is None:
            return
        remarks = () if self._maps.form == "cells" else tuple(remarks_at(shown))
        single = {} if self._maps.form == "cells" else self._session.outlined
        tried = None if shown.picture is None else shown.picture.tried
        key = (remarks, placement.modules, id(single), tried)
        if key != self._made[0]:
            pixels = outlined(remarks, placement.modules, shown.kind.shape) if remarks or single or tried else None
            if tried is not None and tried.module in placement.modules:
                pixels[placement.modules.index(tried.module), tried.rows, tried.columns] = True
            for module in single.keys() & set(placement.modules):
                pixels[placement.modules.index(module), *single[module].T] = True
            self._made = (key, pixels)
        for view in self._maps.views:
            view.set_outlined(self._made[1])


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

"""A module, or the region in it, over memory cells: median and spread of the good pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.panels.inspect.inspector_presenter import long_axis
from app.panels.maps.map_statistics import good_values, median_spread
from app.panels.maps.slots import Choice
from app.panels.maps.values import positions
from app.running.background import Background
from app.session.session import Session
from calib_core.axes import Axis
from calib_core.subjects.shown import Shown

_READING = "Reading the module over cells"
_INTERVAL = 400
#: Shortest time between two readings of a running job, ms: each reads a map of every memory cell.
_LIVE_INTERVAL = 3000

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ModuleCurve:
    """Pixels along an axis: (n,) positions, medians and robust standard deviations, NaN where nothing is done.

    ``name`` tells which pixels.
    """

    choice: Choice
    axis: Axis
    name: str
    cells: npt.NDArray[np.float64]
    median: Array
    spread: Array


class ModuleCurvePresenter(QObject):
    """Reads the looked-at module, or the region in it, over memory cells in the background while it is wanted.

    ``ready`` brings a :class:`ModuleCurve`, or None where there is none.
    """

    ready = pyqtSignal(object)

    def __init__(
        self, session: Session, background: Background, choice: Callable[[], Choice | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._background, self._choice = session, background, choice
        self._wanted, self._number, self._others = True, 0, self._elsewhere()
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._start)
        for signal in (session.subject_changed, session.pixel_changed, session.excluded_changed,
                       session.region_changed):
            signal.connect(self.refresh)
        session.picture_changed.connect(self._take_picture)

    def set_wanted(self, wanted: bool) -> None:
        """Tell whether anybody wants to see it."""
        self._wanted = wanted
        self.refresh()

    def refresh(self) -> None:
        """Read again soon; what is being read now is given up."""
        self._number += 1
        self._background.drop(_READING)
        self.ready.emit(None)
        self._timer.start(_INTERVAL)

    def _take_picture(self) -> None:
        shown = self._session.shown
        if self._elsewhere() != self._others:
            self._others = self._elsewhere()
            self.refresh()
        elif shown.subject is not None and not self._timer.isActive() and not shown.subject.ended:
            self._timer.start(_LIVE_INTERVAL)

    def _elsewhere(self) -> tuple[int, dict[str, int]]:
        """Module, and indices along all axes but the one that is read."""
        shown, choice = self._session.shown, self._choice()
        along = long_axis(choice.result, shown.axes) if choice is not None else ""
        return shown.module, {axis: index for axis, index in shown.at.items() if axis != along}

    def _start(self) -> None:
        shown, choice = self._session.shown, self._choice()
        if not self._wanted or choice is None or shown.picture is None or not shown.subject.modules:
            return
        number = self._number
        self._background.run(_READING, partial(
            read_module, shown, choice, self._session.excluded, lambda: number != self._number), self.ready.emit,
            self._session.tell_trouble, in_turn=True)


def read_module(shown: Shown, choice: Choice, excluded: int, stopped: Callable[[], bool]) -> ModuleCurve | None:
    """Median and spread of a map over the pixels of the shown module without the flags ``excluded``, along its axis.

    Where a part of the region is in the module, of that alone.

    Returns
    -------
    ModuleCurve or None
        None where ``stopped`` told to give up.
    """
    axis, module, subject = shown.axes[long_axis(choice.result, shown.axes)], shown.module, shown.subject
    region = shown.region if shown.region is not None and module in shown.region.modules else None
    inside = ... if region is None else region.masks([module])[0]
    found = np.full((2, len(axis)), np.nan)
    for i in range(len(axis)):
        if stopped():
            return None
        at = {**shown.at, axis.name: i}
        values = subject.plane(choice.result.name, module, at)
        if values is not None:
            marked = None if shown.flags is None else subject.plane(shown.flags.name, module, at)
            good = good_values(values, marked, excluded)[0][inside]
            found[:, i] = [np.nan if one is None else one for one in median_spread(good[np.isfinite(good)])]
    name = f"module {module}" if region is None else f"region in module {module}"
    return ModuleCurve(choice, axis, name, positions(axis), found[0], found[1])


"""Strip detectors as images: memory cells, or frames one after the other, downwards, strips to the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.panels.maps.slots import Choice, picks_behind
from app.running.background import Background
from app.session.session import Session
from calib_core.axes import At, Axis, Pick, Picture, Result
from calib_core.geometry import NO_PIXEL, Placement
from calib_core.subjects.shown import Shown

_READING = "Reading all rows of the strips"
_INTERVAL = 300
_ASPECT = 4 / 3


def rows_of(axes: Mapping[str, Axis]) -> str:
    """Name of the axis whose entries are rows: trains where single frames are looked at, else memory cells.

    Parameters
    ----------
    axes : mapping of str to Axis

    Returns
    -------
    str
        Empty where there is neither.
    """
    return next((name for name in ("train", "cell") if name in axes), "")


class CellImages(QObject):
    """Reads maps of all memory cells or trains in the background while somebody looks at them.

    ``ready`` tells that :attr:`picture` is new: its maps are (modules, rows, strips).
    """

    ready = pyqtSignal()

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.picture: Picture | None = None
        self._of = Shown()
        self._session, self._background = session, background
        self._chosen: tuple[Choice, ...] = ()
        self._timer = QTimer(self, singleShot=True, interval=_INTERVAL)
        self._timer.timeout.connect(self._start)

    def read(self, chosen: Sequence[Choice]) -> None:
        """Read these maps, at once where others were read before, else at most every few tenths of a second.

        What was read at another place is forgotten: it has no name on the screen any more.
        """
        if not self._is_shown(self._of):
            self.picture = None
        changed, self._chosen = tuple(chosen) != self._chosen, tuple(chosen)
        if changed or self.picture is None:
            self._start()
        elif not self._timer.isActive():
            self._timer.start()

    def forget(self) -> None:
        """Forget what was read of another subject."""
        self._timer.stop()
        self._background.drop(_READING)
        self.picture = None
        self._chosen = ()

    def _start(self) -> None:
        shown = self._session.shown
        if shown.picture is not None and rows_of(shown.axes):
            picks = picks_behind(self._chosen, shown.results, errors=False)
            self._background.run(_READING, partial(read_cells, shown, picks), partial(self._take, shown))

    def _take(self, of: Shown, picture: Picture) -> None:
        """Show what was read, unless something else is shown since."""
        if self._is_shown(of):
            self._of, self.picture = of, picture
            self.ready.emit()

    def _is_shown(self, of: Shown) -> bool:
        """Whether something is of what is on the screen, in whichever row."""
        shown, rows = self._session.shown, rows_of(self._session.shown.axes)
        return shown.subject is of.subject and {**shown.at, rows: 0} == {**of.at, rows: 0}


def read_cells(shown: Shown, picks: Sequence[Pick]) -> Picture:
    """Results over all memory cells or trains for modules of one row, at the place that is shown, as a picture.

    Returns
    -------
    Picture
        Maps are (modules, rows, strips); rows that nobody has are blank.
    """
    modules = shown.picture.modules
    by_name = {one.name: one for one in shown.results}
    found = {pick: np.stack([_module(shown, by_name[pick.result], pick, module) for module in modules])
             for pick in picks}
    return Picture(shown.picture.view, modules, found, np.ones(len(modules)))


def _module(shown: Shown, one: Result, pick: Pick, module: int) -> npt.NDArray[np.generic]:
    rows = rows_of(shown.axes)
    places = ({**shown.at, **dict(pick.at), rows: row} for row in range(len(shown.axes[rows])))
    return np.stack([_row(shown, one, module, at) for at in places])


def _row(shown: Shown, one: Result, module: int, at: At) -> npt.NDArray[np.generic]:
    found = shown.subject.plane(one.name, module, at)
    return np.full(shown.kind.shape[1], one.blank, one.numpy_dtype) if found is None else found[0]


def strip_rows(
    modules: Sequence[int], cells: int, strips: int, only: int | None = None, rows: str = "memory cells"
) -> Placement:
    """Modules below each other, memory cells or trains downwards and strips to the right; few become high rows.

    Parameters
    ----------
    modules : sequence of int
        Numbers of all modules that there are data of.
    cells, strips : int
    only : int, optional
        The one module to show.
    rows : str
        What ``cells`` counts.
    """
    shown = [i for i, module in enumerate(modules) if only in (None, module)]
    height = max(1, round(strips / _ASPECT / (len(shown) * cells)))
    gap = np.full((max(1, height * cells // 12), strips), NO_PIXEL, np.int32)
    parts = []
    for i in shown:
        index = np.arange(cells * strips, dtype=np.int32).reshape(cells, strips) + np.int32(i * cells * strips)
        parts += [gap, index.repeat(height, axis=0)]
    title = f"Strips × {rows}"
    return Placement(np.concatenate(parts[1:]), tuple(modules), title, f"{rows} downwards, strips to the right")

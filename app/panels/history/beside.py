"""Control values of the runs behind versions, beside their lines; knows no widgets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PyQt6.QtCore import QObject, pyqtSignal

from app.panels.history.history_presenter import HistoryPresenter
from app.running.background import Background
from app.session.session import Session
from calib_core.subjects.values_beside import BesideSearch, ValuesBeside, names_beside

_READING = "Reading control values"
_WHILE = 0.5


class BesidePresenter(QObject):
    """Takes what versions recorded, and reads of their runs what they did not, while somebody looks.

    Signals
    -------
    changed()
        There are other values, or other names to choose from.
    """

    changed = pyqtSignal()

    def __init__(self, session: Session, history: HistoryPresenter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self._background = Background(self)
        self._background.failed.connect(lambda text: session.say("ERROR", text))
        self._search: BesideSearch | None = None
        self.name = ""
        self.names: Mapping[str, str] = {}
        self.found: ValuesBeside | None = None
        history.listed.connect(self._take_rows)

    def choose(self, name: str) -> None:
        """Take values of a name, or of a control source and key with a blank between; empty takes none."""
        if name != self.name:
            self.name = name
            self._start()

    def close(self) -> None:
        """Read no more."""
        self._background.close()

    def _take_rows(self) -> None:
        self.names = names_beside(self._history.rows)
        self._start()

    def _start(self) -> None:
        self._search, self.found = None, None
        if self.name and self._history.rows:
            self._search = BesideSearch(self._history.rows, self.name)
            self._work(self._search)
        self.changed.emit()

    def _work(self, search: BesideSearch) -> None:
        self._background.run(_READING, partial(search.work, _WHILE), partial(self._take, search), in_turn=True)

    def _take(self, search: BesideSearch, found: ValuesBeside) -> None:
        if search is self._search:
            self.found = found
            self.changed.emit()
            if search.lacking:
                self._work(search)

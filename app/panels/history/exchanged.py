"""Modules that were exchanged, found by their maps in the background once the lines are there; knows no widgets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.panels.history.history_presenter import HistoryPresenter
from app.running.background import Background
from app.session.session import Session
from calib_core.subjects.exchanges_over_time import Compared, Exchanged, ExchangeSearch
from calib_core.subjects.listed import Listed
from calib_core.subjects.timeline import Timeline

_SEARCHING = "Looking for exchanged modules"
#: Pause before maps are read, so that lines come first, ms, and how long is read until it is told anew, s.
_PAUSE, _WHILE = 400, 0.5


class ExchangedPresenter(QObject):
    """Compares the maps of the versions in sight with those before, while somebody looks.

    Signals
    -------
    changed()
        More is found, or there is something else to say.
    """

    changed = pyqtSignal()

    def __init__(self, session: Session, history: HistoryPresenter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self._background = Background(self)
        self._background.failed.connect(lambda text: session.say("ERROR", text))
        self._search: ExchangeSearch | None = None
        self._asked: object = None
        self._known: dict[Compared, tuple[Exchanged, ...]] = {}
        self.found: tuple[Exchanged, ...] = ()
        self.words: tuple[str, ...] = ()
        self.rest = ""
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._start)
        history.drawn.connect(self._timer.start)

    def close(self) -> None:
        """Read no more."""
        self._timer.stop()
        self._background.close()

    def _start(self) -> None:
        """Search in other lines than before, as soon as all of their versions are known."""
        timeline = self._history.timeline
        if timeline is None or not self._history.shown or timeline.known < timeline.number:
            return
        asked = _asked(timeline)
        if asked == self._asked:
            return
        self._asked, self.found, self.words, self.rest = asked, (), (), ""
        self._search = ExchangeSearch(timeline.lines, timeline.asked.entry, self._history.versions,
                                      self._known)
        self.changed.emit()
        self._work(self._search)

    def _work(self, search: ExchangeSearch) -> None:
        if search.lacking:
            self._background.run(_SEARCHING, partial(search.work, _WHILE), lambda _: self._take(search), in_turn=True)

    def _take(self, search: ExchangeSearch) -> None:
        if search is self._search:
            self.found, self.rest = search.found, _rest(search)
            self.words = tuple(f"⇄ {one.begin.astimezone():%-d %b}: {one.words}" for one in reversed(search.found))
            self.changed.emit()
            self._work(search)


def _asked(timeline: Timeline) -> object:
    return timeline.asked.entry, tuple(one.path for line in timeline.lines for one in line.rows)


def _rest(search: ExchangeSearch) -> str:
    """What is not looked at yet, or cannot be."""
    return "\n".join((
        *([f"maps of {search.lacking:,} moments are to be compared yet"] if search.lacking else []),
        *([f"{len(search.unread):,} maps cannot be read: {search.unread[0]}"] if search.unread else [])))


def marks_of(found: Sequence[Exchanged]) -> tuple[tuple[float, str], ...]:
    """Times of exchanges and short words on them, both ways of two modules in one.

    Parameters
    ----------
    found : sequence of Exchanged
    """
    marks: dict[tuple[float, frozenset[int]], str] = {}
    for one in found:
        place = one.begin.timestamp(), frozenset((one.module, one.fits))
        sign = "↔" if place in marks else "like"
        first, second = sorted(place[1]) if place in marks else (one.module, one.fits)
        marks[place] = f"⇄ m{first} {sign} m{second}  {one.other:.2f} : {one.own:.2f}"
    return tuple((when, words) for (when, _), words in marks.items())


def around(
    found: Sequence[Exchanged], timeline: Timeline | None, at: float
) -> tuple[Listed, Listed] | None:
    """The version before the first exchange of a time and the one of then, of the module that was exchanged.

    Parameters
    ----------
    found : sequence of Exchanged
    timeline : Timeline, optional
        None has none.
    at : float
        Seconds since 1970.
    """
    for one in found:
        for line in timeline.lines if timeline is not None else ():
            if line.module == one.module and one.begin.timestamp() == at in line.times[1:]:
                place = int(np.searchsorted(line.times, at))
                return line.rows[place - 1], line.rows[place]
    return None

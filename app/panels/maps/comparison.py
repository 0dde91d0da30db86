"""What of a comparison the slots show: A, B, their difference, its pull, A and B in turns, or all of one map."""

from __future__ import annotations

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.panels.maps.maps_presenter import MapsPresenter
from app.session.session import Session
from calib_core.subjects.pair import PairSubject

#: Ways to compare by their keys, in the order of the key that goes through them.
WAYS = ("a", "b", "difference", "ratio", "pull")
_FIRST = "difference"
#: One map in all of these ways, side by side.
BESIDE, _SIDE_BY_SIDE = "beside", ("a", "b", "difference", "pull")
_BLINK = 600


class Comparison(QObject):
    """Changes all slots together; other maps may be put into single slots as ever.

    Signals
    -------
    changed(way)
        One of :data:`WAYS` is shown, or :data:`BESIDE`; empty where nothing is compared.

    Attributes
    ----------
    begins_with : str
        Way in which the next comparison begins that follows none.
    """

    changed = pyqtSignal(str)

    def __init__(self, session: Session, maps: MapsPresenter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._maps = session, maps
        self._of: PairSubject | None = None
        self._way, self.begins_with = "", _FIRST
        self._alone: tuple[str, ...] = ()
        self._blink = QTimer(self, interval=_BLINK)
        self._blink.timeout.connect(self._turn)
        session.subject_changed.connect(self._take_subject)

    @property
    def blinks(self) -> bool:
        """Whether A and B are shown in turns."""
        return self._blink.isActive()

    def choose(self, way: str) -> None:
        """Show one of :data:`WAYS` in all slots, or :data:`BESIDE`."""
        self.blink(False)
        self._show(way)

    def step(self) -> None:
        """Show the next way."""
        if self._way == BESIDE:
            self.choose(WAYS[0])
        else:
            self.choose(WAYS[(WAYS.index(self._way) + 1) % len(WAYS)] if self._way else _FIRST)

    def blink(self, on: bool) -> None:
        """Show A and B in turns, or stop."""
        if on and self._of is not None:
            self._show("a")
            self._blink.start()
        else:
            self._blink.stop()

    def _turn(self) -> None:
        self._show("b" if self._way == "a" else "a")

    def _show(self, way: str) -> None:
        if self._of is None:
            return
        if way == BESIDE:
            self._alone = self._alone or self._maps.last
            self._maps.show_beside(self._of, _SIDE_BY_SIDE)
        else:
            self._end_beside()
            self._maps.show_variant(self._of, way)
        self._way = way
        self.changed.emit(way)

    def _end_beside(self) -> None:
        """Give the slots the maps that they had before one of them was shown in all ways."""
        if self._alone:
            self._maps.want(self._alone)
            self._alone = ()

    def _take_subject(self) -> None:
        """A comparison goes on as the one before, or begins; without one the maps are those of A again."""
        subject = self._session.subject
        pair = subject if isinstance(subject, PairSubject) else None
        if pair is self._of:
            return
        self.blink(False)
        way = self._way if self._of is not None and pair is not None else ""
        self._of, self._way = pair, ""
        if pair is not None:
            self._show(way or self.begins_with)
        else:
            self._end_beside()
            self._maps.show_bases()
            self.changed.emit("")

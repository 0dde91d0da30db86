"""Why the selected pixel is flagged at all other places: in each memory cell and gain stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.panels.inspect.inspector_presenter import long_axis
from app.panels.maps.values import positions
from app.running.background import Background
from app.session.session import Session
from calib_core.axes import Axis, Result
from calib_core.explanation import Reason
from calib_core.subjects.shown import Shown, in_words

_READING = "Reading why over cells"
_INTERVAL = 300
#: Shortest time between two readings of a running job, ms.
_LIVE_INTERVAL = 5000

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RuleCurve:
    """A rule along an axis: (n,) values, limits and whether the flag is set; NaN and False where nothing is told."""

    values: Numbers
    low: Numbers
    high: Numbers
    set: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """What rules say of a pixel along an axis, at one place along the others.

    Attributes
    ----------
    shown : Shown
        What was shown when it was asked.
    axis : Axis, optional
        None where there is one place only.
    others : mapping of str to int
        Indices along the other axes.
    reasons : tuple of tuple of Reason
        At each position.
    """

    shown: Shown
    axis: Axis | None
    others: dict[str, int]
    reasons: tuple[tuple[Reason, ...], ...]

    @property
    def words(self) -> str:
        """The place along the other axes."""
        axes = self.shown.axes
        return " · ".join(in_words(axes[name], axes[name].labels[i]) for name, i in self.others.items())

    @property
    def positions(self) -> Numbers:
        """Labels along the axis."""
        return np.zeros(1) if self.axis is None else positions(self.axis)

    def is_at(self, at: dict[str, int]) -> bool:
        """Whether it is of a place, wherever that is along the axis."""
        return all(at.get(name) == i for name, i in self.others.items())

    def of(self, flag: int, what: str) -> RuleCurve:
        """One rule along the axis."""
        found = [next((one for one in here if (one.flag, one.what) == (flag, what)), None) for here in self.reasons]
        numbers = np.array([(one.value, one.low, one.high) if one is not None else (np.nan,) * 3 for one in found])
        return RuleCurve(*numbers.T, np.array([one is not None and one.set for one in found]))


class WhyOver(QObject):
    """Asks the subject for the reasons at all places of the selected pixel, those of the shown gain stage first.

    ``ready`` brings what is known so far, a tuple of :class:`Judged`, and how many of them there will be.
    """

    ready = pyqtSignal(tuple, int)

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._background = session, background
        self._wanted, self._number, self._of, self._unfinished = False, 0, Shown(), False
        self._found: tuple[Judged, ...] = ()
        self._left: list[dict[str, int]] = []
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._start)
        for signal in (session.pixel_changed, session.subject_changed, session.picture_changed, session.subject_told):
            signal.connect(self._take)

    def set_wanted(self, wanted: bool) -> None:
        """Tell whether anybody looks at it; nothing is read while nobody does."""
        self._wanted = wanted
        if not wanted:
            self._found = () if self._left else self._found
            self._stop()
        elif not self._found:
            self._timer.start(0)

    def _take(self) -> None:
        shown = self._session.shown
        same = shown.subject is self._of.subject and shown.pixel == self._of.pixel and shown.picture is not None
        self._of = shown
        if not same:
            self._stop()
            self._found = ()
            self.ready.emit((), 0)
            self._timer.start(_INTERVAL)
        elif self._unfinished and not self._timer.isActive() and not self._left:
            self._timer.start(_LIVE_INTERVAL)

    def _stop(self) -> None:
        self._number += 1
        self._left = []
        self._background.drop(_READING)
        self._timer.stop()

    def _start(self) -> None:
        shown = self._session.shown
        if not self._wanted or shown.pixel is None or shown.picture is None or shown.flags is None:
            return
        self._found, self._left = (), other_places(shown, shown.flags)
        self._unfinished = not shown.subject.ended
        self._next(shown, shown.flags)

    def _next(self, shown: Shown, flags: Result) -> None:
        number = self._number
        read = partial(read_judged, shown, flags, self._left[0], lambda: number != self._number)
        self._background.run(_READING, read, partial(self._add, shown, flags), self._fail)

    def _fail(self, error: Exception) -> None:
        self._left = []
        self._session.say("WARN", f"Why the pixel is flagged in other places cannot be told: {error}")

    def _add(self, shown: Shown, flags: Result, judged: Judged | None) -> None:
        if judged is None:
            return
        self._found, self._left = (*self._found, judged), self._left[1:]
        self.ready.emit(self._found, len(self._found) + len(self._left))
        if self._left:
            self._next(shown, flags)


def other_places(shown: Shown, flags: Result) -> list[dict[str, int]]:
    """Places along all axes of the flags but their long one; that which is shown comes first."""
    along = long_axis(flags, shown.axes)
    names = [name for name in flags.over if name != along and name in shown.at]
    places = [dict(zip(names, one, strict=True)) for one in product(*(range(len(shown.axes[n])) for n in names))]
    return sorted(places, key=lambda place: any(shown.at[name] != i for name, i in place.items()))


def read_judged(
    shown: Shown, flags: Result, others: dict[str, int], stopped: Callable[[], bool]
) -> Judged | None:
    """What rules say of the selected pixel along the long axis of the flags.

    Returns
    -------
    Judged or None
        None where ``stopped`` told to give up.
    """
    along = long_axis(flags, shown.axes)
    axis = shown.axes[along] if along else None
    found: list[Sequence[Reason]] = []
    for i in range(1 if axis is None else len(axis)):
        if stopped():
            return None
        at = {**shown.at, **others, **({along: i} if along else {})}
        found.append(tuple(shown.subject.reasons(*shown.pixel, at)))
    return Judged(shown, axis, others, tuple(found))

"""Numbers of the looked-at module over memory cells, or another axis: means and shares, while they grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, QTimer, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.panels.inspect.tables import heading_label
from app.panels.maps.values import name_of, positions
from app.session.session import Session
from app.widgets.series_plot import SeriesPlot
from calib_core.axes import Axis, Result
from calib_core.subjects.shown import Shown

HINT = "What is shown has no numbers of whole modules."
_NO_FRAMES = "No frame of this module has come yet."
#: Shortest time between two looks at the numbers, ms.
_INTERVAL = 250

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """A result of one module along an axis, as a curve for each entry of its other axes, by their labels."""

    result: Result
    axis: Axis
    curves: tuple[tuple[str, Array], ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is no number yet."""
        return not any(np.isfinite(values).any() for _, values in self.curves)


def courses_of(shown: Shown) -> tuple[Course, ...]:
    """All results of the shown module that have no pixels, over one axis or beside that over one of slots."""
    if shown.subject is None or not shown.subject.modules:
        return ()
    found = []
    for one in shown.results:
        along = [shown.axes[name] for name in one.over if not shown.axes[name].of_slot]
        if one.pixels or one.hidden or one.is_table or one.role == "count" or len(along) != 1 or len(one.over) > 2:
            continue
        values = shown.subject.values(one.name, shown.module)
        if values is not None:
            found.append(Course(one, along[0], _curves(shown, one, values)))
    return tuple(found)


def _curves(shown: Shown, result: Result, values: Array) -> tuple[tuple[str, Array], ...]:
    side = [place for place, name in enumerate(result.over) if shown.axes[name].of_slot]
    if not side:
        return (("", values),)
    labels = shown.axes[result.over[side[0]]].labels
    return tuple((str(label), np.take(values, i, axis=side[0])) for i, label in enumerate(labels))


def frames_text(shown: Shown) -> str:
    """How many frames are behind the numbers of the shown module, and which share of all that is, while they come."""
    counted = [one for one in shown.results if one.role == "count" and not one.pixels and not one.is_table]
    values = [shown.subject.values(one.name, shown.module) for one in counted] if shown.subject is not None else []
    number = sum(int(one.sum()) for one in values[:1] if one is not None)
    words = f"Module {shown.module} · {number:,} frames"
    picture = shown.picture
    if picture is None or shown.module not in picture.modules:
        return words
    share = float(picture.coverage[picture.modules.index(shown.module)])
    return words if share >= 1 else f"{words}, about {share:.0%} of all"


class CoursesPresenter(QObject):
    """Looks at the numbers again and again while somebody sees them.

    ``ready`` brings a heading and a tuple of :class:`Course`.
    """

    ready = pyqtSignal(str, tuple)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._shown = session, False
        self.courses: tuple[Course, ...] = ()
        self._timer = QTimer(self, singleShot=True, interval=_INTERVAL)
        self._timer.timeout.connect(self._look)
        for signal in (session.subject_told, session.picture_changed, session.pixel_changed, session.subject_changed):
            signal.connect(self._soon)

    def set_shown(self, shown: bool) -> None:
        """Tell whether anybody sees the numbers."""
        self._shown = shown
        self._soon()

    def _soon(self) -> None:
        if self._shown and not self._timer.isActive():
            self._timer.start()

    def _look(self) -> None:
        shown = self._session.shown
        self.courses = courses_of(shown)
        self.ready.emit(frames_text(shown) if self.courses else "", self.courses)

    def go(self, course: Course, x: float) -> None:
        """Look at the entry of a course's axis that is nearest to a place."""
        self._session.look_at({course.axis.name: int(np.abs(positions(course.axis) - x).argmin())})

    def at(self, course: Course) -> float:
        """Place along a course's axis that is on the screen; NaN where there is none."""
        index = self._session.shown.at.get(course.axis.name)
        return float("nan") if index is None else float(positions(course.axis)[index])


class CoursesPanel(QWidget):
    """A plot for each result, side by side; a click goes to the place along the axis."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.presenter = CoursesPresenter(session, self)
        self.heading, self.plots = heading_label("courses_heading"), list[SeriesPlot]()
        self._row = QHBoxLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(2)
        column.addWidget(self.heading)
        column.addLayout(self._row, 1)
        self.presenter.ready.connect(self._show)
        self._have(1)
        self.plots[0].say(HINT)

    def _show(self, heading: str, found: tuple[Course, ...]) -> None:
        self.heading.setText(heading)
        self._have(max(1, len(found)))
        for plot in self.plots:
            plot.clear()
        self.plots[0].say(_NO_FRAMES if found else HINT)
        for plot, course in zip(self.plots, found, strict=False):
            self._draw(plot, course)

    def _draw(self, plot: SeriesPlot, course: Course) -> None:
        plot.say(_NO_FRAMES)
        if course.is_empty:
            return
        plot.set_labels("", name_of(course.axis).lower(), course.result.title, course.axis.unit, course.result.unit)
        for name, values in course.curves:
            plot.add_curve(positions(course.axis), values, None, name)
        at = self.presenter.at(course)
        plot.set_marker(at if np.isfinite(at) else None)

    def _have(self, number: int) -> None:
        """Show so many plots."""
        while len(self.plots) < number:
            plot, place = SeriesPlot(self), len(self.plots)
            plot.setObjectName(f"course_{place}")
            plot.x_clicked.connect(lambda x, place=place: self._go(place, x))
            self.plots.append(plot)
            self._row.addWidget(plot, 1)
        for place, plot in enumerate(self.plots):
            plot.setVisible(place < number)

    def _go(self, place: int, x: float) -> None:
        if place < len(self.presenter.courses):
            self.presenter.go(self.presenter.courses[place], x)

"""Numbers of the looked-at module: means and shares over memory cells or another axis, and tables, as they grow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, QTimer, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.panels.inspect.tables import heading_label
from app.panels.maps.slots import Choice
from app.panels.maps.values import content_of, name_of, positions
from app.session.session import Session
from app.widgets.plain import tip
from app.widgets.series_plot import SeriesPlot
from app.widgets.values_view import Rows, ValuesView
from calib_core.axes import Axis, Pick, Result
from calib_core.subjects.shown import Shown

HINT = "What is shown has no numbers of whole modules."
_ONE = "There is one memory cell; its numbers stand above."
_NO_FRAMES = "No frame of this module has come yet."
#: So little that several side by side do not widen a small window.
_LEAST_WIDTH = 80
#: Shortest time between two looks at the numbers, s.
_INTERVAL = 0.25

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
        along = _along(shown, one)
        if one.pixels or one.hidden or one.is_table or one.role == "count" or along is None or len(one.over) > 2:
            continue
        values = shown.subject.values(one.name, shown.module)
        if values is not None:
            found.append(Course(one, along, _curves(shown, one, values, along)))
    return tuple(found)


def _along(shown: Shown, result: Result) -> Axis | None:
    """Axis along which a result is drawn: one that is there for it, else the only one that is no slot's."""
    axes = [shown.axes[name] for name in result.over]
    drawn = [axis for axis in axes if axis.drawn] or [axis for axis in axes if not axis.of_slot]
    return drawn[0] if len(drawn) == 1 else None


def _curves(shown: Shown, result: Result, values: Array, along: Axis) -> tuple[tuple[str, Array], ...]:
    """A curve for each entry of a slot's axis; of another axis the one of its place."""
    for place, name in enumerate(result.over):
        if name != along.name and not shown.axes[name].of_slot:
            return (("", np.take(values, min(shown.at.get(name, 0), values.shape[place] - 1), axis=place)),)
    side = [place for place, name in enumerate(result.over) if shown.axes[name].of_slot and name != along.name]
    if not side:
        return (("", values),)
    labels = shown.axes[result.over[side[0]]].labels
    return tuple((str(label), np.take(values, i, axis=side[0])) for i, label in enumerate(labels))


def tables_of(shown: Shown) -> tuple[tuple[Choice, Rows], ...]:
    """Tables of all modules, such as classes of events beside the expected ones."""
    found = []
    for choice in (Choice(one, Pick(one.name)) for one in shown.results if one.is_table and not one.hidden):
        content = content_of(shown, choice)
        if isinstance(content, Rows):
            found.append((choice, content))
    return tuple(found)


def numbers_text(courses: Sequence[Course]) -> str:
    """Numbers of an axis with one entry, which make no curve."""
    told = []
    for course in courses:
        numbers = ", ".join(f"{name} {values[0]:.5g}".strip() for name, values in course.curves)
        told.append(f"{course.result.title} {numbers} {course.result.unit}".rstrip())
    return " · ".join(told)


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

    ``ready`` brings a heading, a tuple of :class:`Course` of more than one entry, and tables with their rows.
    """

    ready = pyqtSignal(str, tuple, tuple)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._shown = session, False
        self.courses: tuple[Course, ...] = ()
        self._looked = -_INTERVAL
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._look)
        for signal in (session.subject_told, session.picture_changed, session.pixel_changed, session.subject_changed):
            signal.connect(self._soon)

    def set_shown(self, shown: bool) -> None:
        """Tell whether anybody sees the numbers."""
        self._shown = shown
        self._soon()

    def _soon(self) -> None:
        """Look once those that ask now are done, or as soon as the last look is long enough ago."""
        if self._shown and not self._timer.isActive():
            self._timer.start(max(0, round(1000 * (self._looked + _INTERVAL - time.monotonic()))))

    def _look(self) -> None:
        self._looked = time.monotonic()
        shown = self._session.shown
        found = courses_of(shown)
        self.courses = tuple(one for one in found if len(one.axis) > 1)
        alone = numbers_text([one for one in found if len(one.axis) == 1 and not one.is_empty])
        heading = " · ".join(filter(None, (frames_text(shown), alone))) if found else ""
        self.ready.emit(heading, self.courses, tables_of(shown))

    def go(self, course: Course, x: float) -> None:
        """Look at the entry of a course's axis that is nearest to a place, where it has such a place."""
        if course.axis.of_slot:
            return
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
        self._drawn: dict[int, Result] = {}
        self._row, self.table = QHBoxLayout(), ValuesView(self)
        self.table.setObjectName("course_table")
        self.table.setMinimumWidth(_LEAST_WIDTH)
        self.table.hide()
        self._row.addWidget(self.table, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(2)
        column.addWidget(self.heading)
        column.addLayout(self._row, 1)
        self.presenter.ready.connect(self._show)
        self._have(1)
        self.plots[0].say(HINT)

    def _show(
        self, heading: str, found: tuple[Course, ...], tables: tuple[tuple[Choice, Rows], ...]
    ) -> None:
        self.heading.setText(heading)
        self.heading.setToolTip(tip(heading))
        self._have(len(found) if found or tables else 1)
        for plot, course in zip_longest(self.plots, found):
            if course is None or course.is_empty:
                plot.clear()
                plot.say(_NO_FRAMES)
            else:
                self._draw(plot, course)
        self.plots[0].say(_NO_FRAMES if found else _ONE if heading else HINT)
        self.table.setVisible(bool(tables))
        for choice, rows in tables[:1]:
            self.table.show_content(choice.title, choice.unit, rows)

    def _draw(self, plot: SeriesPlot, course: Course) -> None:
        place = self.plots.index(plot)
        if self._drawn.get(place) != course.result or not plot.renew(positions(course.axis), course.curves):
            self._draw_anew(plot, course)
        self._drawn[place] = course.result
        at = self.presenter.at(course)
        plot.set_marker(at if np.isfinite(at) else None)

    def _draw_anew(self, plot: SeriesPlot, course: Course) -> None:
        plot.clear()
        plot.set_labels(course.result.title, name_of(course.axis).lower(), course.result.unit or "value",
                        course.axis.unit)
        for name, values in course.curves:
            plot.add_curve(positions(course.axis), values, None, name)
        plot.mark(course.result.marks)

    def _have(self, number: int) -> None:
        """Show so many plots."""
        while len(self.plots) < number:
            plot, place = SeriesPlot(self), len(self.plots)
            plot.setObjectName(f"course_{place}")
            plot.setMinimumWidth(_LEAST_WIDTH)
            plot.x_clicked.connect(lambda x, place=place: self._go(place, x))
            self.plots.append(plot)
            self._row.insertWidget(place, plot, 1)
        for place, plot in enumerate(self.plots):
            plot.setVisible(place < number)

    def _go(self, place: int, x: float) -> None:
        if place < len(self.presenter.courses):
            self.presenter.go(self.presenter.courses[place], x)

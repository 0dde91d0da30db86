"""Panel of lines over time: what is drawn at the left, the plot, and what has changed at the right."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from PyQt6.QtCore import QSignalBlocker, Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.forms.tone_label import NoteLabel
from app.panels.history.beside import BesidePresenter
from app.panels.history.changed import ChangedPanel
from app.panels.history.chosen_pixels import SCOPES, ChosenPresenter
from app.panels.history.exchanged import ExchangedPresenter, around, marks_of
from app.panels.history.history_presenter import HistoryPresenter
from app.panels.history.scene import at_letters, scene_of, shifts_at
from app.session.session import Session
from app.widgets.plain import PlainLabel
from app.widgets.timeline_plot import TimelinePlot
from calib_core.subjects.timeline import QUANTITIES

#: Lengths of time by their names, days; a cycle is half a year.
SPANS = {"week": 7, "month": 30, "cycle": 182, "all": 0}
_FORMS = ("shift from reference", "value")
_DAY = 86400.0
_NOTHING = "nothing"
#: Shortest time between two drawings while lines grow, ms.
_INTERVAL = 100
_LEFT, _RIGHT = 216, 290


class TimelinePanel(QWidget):
    """Lines of all modules; a click on a point shows its maps as B, with Shift as A.

    Signals
    -------
    part_chosen(part)
        Another part of the time is brushed: (first, last) seconds since 1970, or None.
    point_shown()
        The version of a point is to be B, and may be decided on.
    """

    part_chosen, point_shown = pyqtSignal(object), pyqtSignal()

    def __init__(self, session: Session, presenter: HistoryPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self.presenter = session, presenter
        self.plot, self.changed = TimelinePlot(self), ChangedPanel(presenter, self)
        self.chosen = ChosenPresenter(session, presenter, self)
        self.exchanged = ExchangedPresenter(session, presenter, self)
        self.values = BesidePresenter(session, presenter, self)
        self.quantity, self.form, self.stage, self.scope, self.beside = (
            QComboBox(objectName=f"history_{name}") for name in ("quantity", "form", "stage", "scope", "beside"))
        self.spans, self.told, self.of_chosen = QButtonGroup(self), NoteLabel("muted"), NoteLabel("info")
        self.told.setObjectName("history_told")
        self.of_chosen.setObjectName("history_chosen")
        self.of_exchanged = NoteLabel("muted")
        self.of_values = NoteLabel("ok")
        self.of_values.setObjectName("history_values")
        self._drawn: object = None
        self._timer = QTimer(self, singleShot=True, interval=_INTERVAL)
        self._timer.timeout.connect(self.draw)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        left, grid = QVBoxLayout(), QGridLayout()
        spans = QHBoxLayout()
        spans.setSpacing(2)
        for name in SPANS:
            button = QToolButton(text=name, checkable=True, objectName=f"span_{name}")
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(name) + 12)
            self.spans.addButton(button)
            spans.addWidget(button)
        for row, (name, box, texts) in enumerate((
                ("Show", self.quantity, QUANTITIES.values()), ("As", self.form, _FORMS), ("Stage", self.stage, ()),
                ("Of", self.scope, SCOPES.values()), ("Beside", self.beside, (_NOTHING,)))):
            box.addItems(texts)
            box.setMinimumContentsLength(6)
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            grid.addWidget(PlainLabel(name), row, 0)
            grid.addWidget(box, row, 1)
        self.beside.setEditable(True)
        self.beside.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.beside.setToolTip("What constants recorded of their runs, such as a temperature; or type a control "
                               "source and a key of it, with a blank between, which is read from the runs")
        grid.setColumnStretch(1, 1)
        help_ = NoteLabel("muted")
        help_.say("click B · Shift-click A · drag a part · wheel zoom · double click all")
        for item in (spans, grid):
            left.addLayout(item)
        left.addWidget(help_)
        left.addWidget(self.told)
        left.addWidget(self.of_chosen)
        left.addWidget(self.of_values)
        left.addWidget(self.of_exchanged)
        left.addStretch(1)
        inside, side = QWidget(), QScrollArea(objectName="history_side")
        inside.setLayout(left)
        side.setWidget(inside)  # what is told may be longer than the panel is high
        side.setWidgetResizable(True)
        side.setFrameShape(QFrame.Shape.NoFrame)
        side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        side.setFixedWidth(_LEFT)
        left.setContentsMargins(6, 4, 6, 4)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        for widget in (side, self.plot, self.changed):
            self._split.addWidget(widget)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([_LEFT, 10_000, _RIGHT])
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._split)

    def _connect(self) -> None:
        presenter = self.presenter
        presenter.drawn.connect(self._soon)
        presenter.grouped.connect(self._show_groups)
        presenter.told.connect(self._tell)
        self.plot.pointed.connect(self._point)
        self.plot.row_pointed.connect(self._point_row)
        self.plot.exchange_pointed.connect(self._point_exchange)
        self.plot.brushed.connect(self._take_part)
        self.quantity.activated.connect(lambda i: presenter.ask(quantity=list(QUANTITIES)[i]))
        self.stage.activated.connect(lambda i: presenter.ask(entry=i))
        self.form.activated.connect(lambda _: self.draw())
        self.scope.activated.connect(lambda i: self.chosen.choose(list(SCOPES)[i]))
        self.chosen.changed.connect(self._show_chosen)
        self.exchanged.changed.connect(self._show_exchanged)
        self.values.changed.connect(self._show_values)
        self.beside.activated.connect(lambda i: self.values.choose(self.beside.itemText(i) if i > 0 else ""))
        self.beside.lineEdit().returnPressed.connect(lambda: self.values.choose(self.beside.currentText().strip()))
        for button in self.spans.buttons():
            button.clicked.connect(partial(self.show_span, button.text()))
        self._session.pixel_changed.connect(self._frame_asic)

    @property
    def shifted(self) -> bool:
        """Whether lines are shown as shifts from their references."""
        return self.form.currentIndex() == 0

    def close_background(self) -> None:
        """Read no more; for the end of the window."""
        self.chosen.close()
        self.exchanged.close()
        self.values.close()

    def show_span(self, name: str) -> None:
        """Show the newest versions of a length of time, one of :data:`SPANS`."""
        first, last = self.plot.scene.span
        if SPANS[name]:
            first = max(first, last - SPANS[name] * _DAY)
        if np.isfinite(first):
            self.plot.show_times(first, last)

    def _soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _tell(self, words: str) -> None:
        self.told.say(words)
        timeline = self.presenter.timeline
        self.plot.say("" if timeline is not None and timeline.lines else words)

    def draw(self) -> None:
        """Draw the lines as they are known now."""
        presenter, timeline = self.presenter, self.presenter.timeline
        if timeline is None:
            return
        self._show_entries()
        line = presenter.line()
        self.changed.show_changes(timeline, line)
        chosen = self.chosen.line
        key = (timeline, self.shifted, line, chosen, self.exchanged.found)
        if key != self._drawn:
            self._drawn = key
            scene = scene_of(timeline, presenter.calibration, self.shifted, -1 if line is None else line.module,
                             presenter.units, None if chosen is None else (self.chosen.scope, chosen))
            self.plot.show_scene(replace(scene, exchanges=marks_of(self.exchanged.found)))
        self.plot.show_letters(at_letters(presenter.letters(), shifts_at(line, self.shifted)))
        self._frame_asic()

    def _show_chosen(self) -> None:
        self.of_chosen.say(self.chosen.words)
        self._soon()

    def _show_exchanged(self) -> None:
        self.of_exchanged.say(self.exchanged.rest)
        self.changed.show_exchanged(self.exchanged.words)
        self._soon()

    def _show_values(self) -> None:
        """Control values below the lines, and the names that there are to choose from."""
        names, found = [_NOTHING, *self.values.names], self.values.found
        if [self.beside.itemText(i) for i in range(self.beside.count())] != names:
            with QSignalBlocker(self.beside):
                self.beside.clear()
                self.beside.addItems(names)
                self.beside.setCurrentText(self.values.name or _NOTHING)
        self.of_values.say(found.words if found is not None else "")
        title = "" if found is None else f"{found.name} [{found.unit}]" if found.unit else found.name
        nothing = np.empty(0)
        self.plot.beside.show_values(title, *((nothing, nothing) if found is None else (found.times, found.values)))

    def _show_entries(self) -> None:
        labels = [str(one) for one in self.presenter.timeline.entries]
        if [self.stage.itemText(i) for i in range(self.stage.count())] != labels:
            with QSignalBlocker(self.stage):
                self.stage.clear()
                self.stage.addItems(labels)
        self.stage.setCurrentIndex(min(self.presenter.asked.entry, len(labels) - 1))
        self.stage.setEnabled(len(labels) > 1)
        timeline = self.presenter.timeline
        self.quantity.setCurrentIndex(list(QUANTITIES).index(timeline.asked.quantity))
        self.quantity.setEnabled(not timeline.of_flags)

    def _show_groups(self) -> None:
        """ASICs of the module that is looked at."""
        groups, kind = self.presenter.groups, self._session.shown.kind
        name = groups.name(None if kind is None else kind.asic_shape)
        self.plot.show_heat(f"{name} of m{groups.line.module}", groups.line.times, groups.shifts)
        self._frame_asic()

    def _frame_asic(self) -> None:
        """Frame the ASIC of the selected pixel, else the one that is drawn as a line."""
        pixel, groups = self._session.shown.pixel, self.presenter.groups
        there = groups is not None and pixel is not None and pixel[0] == groups.line.module
        row = groups.row_of(*pixel[1:]) if there else self.chosen.group if self.chosen.scope == "asic" else None
        self.plot.heat.choose(-1 if row is None else row)

    # -- the pointer

    def _point(self, key: int, index: int, shift: bool) -> None:
        lines = self.presenter.timeline.lines if self.presenter.timeline is not None else ()
        line = lines[key] if key < len(lines) else self.chosen.line
        if line is not None and index < len(line.rows):
            self.presenter.pick(line.rows[index], shift)
            if not shift:
                self.point_shown.emit()

    def _point_exchange(self, at: float) -> None:
        """Compare the maps of the first module that was exchanged at a time with those before."""
        pair = around(self.exchanged.found, self.presenter.timeline, at)
        if pair is not None:
            self.presenter.pick_both(*pair)
            self.point_shown.emit()

    def _point_row(self, row: int) -> None:
        """Draw an ASIC as a line, and select the pixel in its middle."""
        groups = self.presenter.groups
        self.scope.setCurrentIndex(list(SCOPES).index("asic"))
        self.chosen.choose_group(row)
        if groups is not None and self._session.shown.picture is not None:
            self._session.set_pixel((groups.line.module, *groups.middle_of(row)))

    def _take_part(self) -> None:
        self.part_chosen.emit(self.plot.part)
        self.changed.show_part(self.plot.part)

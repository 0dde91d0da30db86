"""Tables beside the maps: the shown map per ASIC, and all maps per gain stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, QSignalBlocker, QTimer, pyqtSignal
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.panels.maps.map_statistics import asic_blocks, good_values, median_spread
from app.panels.maps.maps_presenter import MapsPresenter
from app.panels.maps.pixel_text import left_out_text
from app.panels.maps.slots import Choice, flags_of
from app.running.background import Background
from app.session.session import Session
from app.widgets.number_table import NumberTable, Row, TableColumn
from app.widgets.plain import PlainLabel
from calib_core.axes import At
from calib_core.subjects.shown import Shown

_ASICS, _STAGES = "Statistics per ASIC", "Statistics per gain stage"
_INTERVAL = 400
_MODULE, _BAD = TableColumn("module"), TableColumn("bad", "{:.2%}", "Share of pixels with one of the chosen flags")


#: Heading of rows, and what to call for columns and rows.
Work = tuple[str, Callable[[], tuple]]


class TablePresenter(QObject):
    """Makes the rows of one table in the background while it is to be seen.

    ``ready`` brings heading, columns and rows together, so that the heading is that of the rows; nothing of another
    subject stays.

    Parameters
    ----------
    name : str
        What is being done, for messages.
    make : callable
        ``make() -> (heading, callable) or None``: what is to be made and what to call in the background for it, None
        where there is nothing.
    """

    ready = pyqtSignal(str, object, object)

    def __init__(
        self, session: Session, background: Background, name: str, make: Callable[[], Work | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._background, self._name, self._make = session, background, name, make
        self._shown = False
        self._timer = QTimer(self, singleShot=True, interval=_INTERVAL)
        self._timer.timeout.connect(self._start)
        for signal in (session.picture_changed, session.excluded_changed):
            signal.connect(self.refresh)
        session.subject_changed.connect(self.forget)

    def set_shown(self, shown: bool) -> None:
        """Tell whether the table is to be seen; nothing is computed while it is not."""
        self._shown = shown
        self.refresh()

    def refresh(self) -> None:
        """Make the rows again soon, if somebody looks at them."""
        if self._shown and not self._timer.isActive():
            self._timer.start()

    def forget(self) -> None:
        """Show no rows until there are others."""
        self._background.drop(self._name)
        self.ready.emit("", (), ())
        self.refresh()

    def _start(self) -> None:
        made = self._make()
        if made is None:
            self._background.drop(self._name)
            self.ready.emit("", (), ())
        else:
            heading, work = made
            self._background.run(self._name, work, lambda found: self.ready.emit(heading, *found),
                                 self._session.tell_trouble)


class AsicTable(QWidget):
    """One of the shown maps per module and ASIC."""

    def __init__(
        self, session: Session, background: Background, maps: MapsPresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._maps = session, maps
        self.choice = QComboBox(objectName="asic_map")
        self.choice.setMinimumContentsLength(18)
        self.heading = heading_label("asic_heading")
        self.table = NumberTable(self)
        self.table.setObjectName("asic_table")
        self.presenter = TablePresenter(session, background, _ASICS, self._work, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(_row(PlainLabel("Map"), self.choice, self.heading))
        layout.addWidget(self.table, 1)
        self.presenter.ready.connect(partial(show_rows, self.heading, self.table))
        self.table.row_chosen.connect(lambda row: session.set_module(row[0]))
        self.choice.activated.connect(self.presenter.refresh)
        maps.slots_changed.connect(self._offer)

    def _offer(self) -> None:
        shown = [choice for choice in dict.fromkeys(self._maps.chosen) if not choice.is_flags]
        current = self.choice.currentData()
        with QSignalBlocker(self.choice):
            self.choice.clear()
            for choice in shown:
                self.choice.addItem(choice.heading, choice.key)
            self.choice.setCurrentIndex(max(0, self.choice.findData(current)))
        self.presenter.refresh()

    def _work(self) -> Work | None:
        shown = self._session.shown
        choice = next((c for c in self._maps.offered if c.key == self.choice.currentData()), None)
        if shown.picture is None or shown.kind is None or choice is None or choice.values(shown.picture) is None:
            return None
        heading = f"{choice.title} · {shown.place_text} · {left_out_text(self._session.excluded)}"
        return heading, partial(asic_table, shown, choice, self._session.excluded)


class StageTable(QWidget):
    """Medians of all maps per module and gain stage, of the memory cell that is looked at."""

    def __init__(
        self, session: Session, background: Background, maps: MapsPresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._maps = session, maps
        self.heading = heading_label("stage_heading")
        self.table = NumberTable(self)
        self.table.setObjectName("stage_table")
        self.presenter = TablePresenter(session, background, _STAGES, self._work, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(_row(self.heading))
        layout.addWidget(self.table, 1)
        self.presenter.ready.connect(partial(show_rows, self.heading, self.table))
        self.table.row_chosen.connect(self._go)

    def _work(self) -> Work | None:
        shown = self._session.shown
        if shown.kind is None or "gain" not in shown.at:
            return None
        heading = ", ".join(filter(None, ("Medians", shown.place(but="gain"), left_out_text(
            self._session.excluded))))
        valued = [c for c in self._maps.offered if not c.pick.at and c.result.numpy_dtype.kind == "f"]
        return heading, partial(stage_table, shown, valued, self._session.excluded)

    def _go(self, row: Row) -> None:
        self._session.set_module(row[0])
        self._session.look_at({"gain": self._session.axes["gain"].index(row[1])})


def asic_table(shown: Shown, choice: Choice, excluded: int) -> tuple[tuple[TableColumn, ...], list[Row]]:
    """Columns and rows of a shown map per module and ASIC; pixels with a flag of ``excluded`` count as bad."""
    unit = f" [{choice.unit}]" if choice.unit else ""
    columns = (
        _MODULE, TableColumn("ASIC"), TableColumn("pixels"), _BAD, TableColumn(f"median{unit}", "{:.5g}"),
        TableColumn(f"σ{unit}", "{:.4g}", "1.4826 × median absolute deviation of the good pixels"),
        TableColumn(f"smallest{unit}", "{:.5g}"), TableColumn(f"largest{unit}", "{:.5g}"),
    )
    picture, shape, rows = shown.picture, shown.kind.asic_shape, []
    flags = flags_of(picture, shown)
    for i, module in enumerate(picture.modules):
        good, bad = good_values(choice.values(picture)[i], None if flags is None else flags[i], excluded)
        blocks = zip(asic_blocks(good, shape), asic_blocks(bad, shape), strict=True)
        rows += [(module, asic, *_described(values, flagged)) for asic, (values, flagged) in enumerate(blocks)]
    return columns, rows


def _described(values: npt.NDArray[np.float64], bad: npt.NDArray[np.bool_]) -> Row:
    finite = values[np.isfinite(values)]
    ends = (None, None) if finite.size == 0 else (float(finite.min()), float(finite.max()))
    return (bad.size, float(bad.mean()), *median_spread(finite), *ends)


def stage_table(
    shown: Shown, valued: Sequence[Choice], excluded: int
) -> tuple[tuple[TableColumn, ...], list[Row]]:
    """Columns and rows of the maps' medians per module and gain stage; stages that are not done have none."""
    medians = [TableColumn(choice.heading, "{:.5g}", "Median of the good pixels") for choice in valued]
    columns = (_MODULE, TableColumn("gain stage"), *medians, _BAD)
    rows = [(module, label, *_stage(shown, {**shown.at, "gain": gain}, module, valued, excluded))
            for module in shown.subject.modules for gain, label in enumerate(shown.axes["gain"].labels)]
    return columns, rows


def _stage(
    shown: Shown, at: At, module: int, valued: Sequence[Choice], excluded: int
) -> tuple[float | None, ...]:
    flags = None if shown.flags is None else shown.subject.plane(shown.flags.name, module, at)
    medians = []
    for choice in valued:
        values = shown.subject.plane(choice.result.name, module, at)
        good = np.empty(0) if values is None else good_values(values, flags, excluded)[0]
        medians.append(median_spread(good[np.isfinite(good)])[0])
    bad = None if flags is None else float(((flags & np.uint32(excluded)) != 0).mean())
    return (*medians, bad)


def heading_label(name: str) -> QLabel:
    """Room for the words over a table; a long text must not widen the window."""
    label = PlainLabel("", objectName=name)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def show_rows(
    label: QLabel, table: NumberTable, heading: str, columns: Sequence[TableColumn], rows: Sequence[Row]
) -> None:
    """Show rows under their heading."""
    label.setText(heading)
    table.set_rows(columns, rows)


def _row(*widgets: QWidget) -> QHBoxLayout:
    """Widgets beside each other; the last takes the room that is left."""
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    row.setStretch(len(widgets) - 1, 1)
    return row

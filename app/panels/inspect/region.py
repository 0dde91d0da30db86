"""The marked region: how to mark one, and the statistics of its good pixels in each shown map."""

from __future__ import annotations

from functools import partial

from PyQt6.QtCore import QSignalBlocker
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.panels.inspect.tables import TablePresenter, Work, heading_label, show_rows
from app.panels.maps.map_statistics import describe, region_values
from app.panels.maps.maps_presenter import MapsPresenter
from app.panels.maps.pixel_text import left_out_text
from app.panels.maps.regions import FORMS, SIDES, TITLES, Regions
from app.panels.maps.slots import Choice
from app.running.background import Background
from app.session.session import Session
from app.widgets.number_table import NumberTable, Row, TableColumn
from calib_core.store.table import Cell
from calib_core.subjects.shown import Shown
from calib_core.typed import parse_number

_NAME = "Statistics of the region"
HINT = "Mark pixels in a map: all maps, the curve, the histogram and exports then have the region too."
#: What is told of each map, as :func:`describe` has it.
_TOLD = ("pixels", "left out", "mean", "σ", "median", "smallest", "largest")


class RegionPanel(QWidget):
    """Buttons that begin to mark, and a column for each shown map."""

    def __init__(
        self, session: Session, background: Background, maps: MapsPresenter, regions: Regions,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._maps, self._regions = session, maps, regions
        self.buttons = {form: QToolButton(text=TITLES[form], checkable=True, objectName=f"mark_{form}")
                        for form in FORMS}
        self.map, self.side = QComboBox(objectName="threshold_map"), QComboBox(objectName="threshold_side")
        self.limit = QLineEdit(objectName="threshold_limit")
        self.threshold = QToolButton(text="Mark", objectName="mark_threshold")
        self.remove = QToolButton(text="Remove", objectName="remove_region")
        self.heading = heading_label("region_heading")
        self.heading.setWordWrap(True)
        self.table = NumberTable(self)
        self.table.setObjectName("region_table")
        self.presenter = TablePresenter(session, background, _NAME, self._work, self)
        row, column = QHBoxLayout(), QVBoxLayout(self)
        row.setSpacing(2)
        for form, button in self.buttons.items():
            button.setToolTip(FORMS[form])
            button.clicked.connect(partial(self._mark, form))
            row.addWidget(button)
        row.addWidget(self.remove)
        row.addStretch(1)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addLayout(self._threshold_row())
        column.addWidget(self.heading)
        column.addWidget(self.table, 1)
        self.remove.clicked.connect(regions.remove)
        regions.tool_changed.connect(self._take_tool)
        self.presenter.ready.connect(self._show)
        maps.slots_changed.connect(self.presenter.refresh)
        maps.slots_changed.connect(self._offer_maps)
        session.region_changed.connect(self._take_region)
        session.subject_changed.connect(self._take_region)
        self._take_region()

    def _threshold_row(self) -> QHBoxLayout:
        """Line in which a map, a side and a value mark pixels."""
        self.map.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.map.setMinimumContentsLength(6)
        self.map.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.side.addItems(SIDES)
        self.limit.setPlaceholderText("value")
        self.limit.setFixedWidth(7 * self.limit.fontMetrics().horizontalAdvance("0") + 16)
        self.threshold.setToolTip("Mark all shown pixels whose value is above or below (Enter)")
        self.threshold.clicked.connect(self._mark_threshold)
        self.limit.returnPressed.connect(self._mark_threshold)
        row = QHBoxLayout()
        row.setSpacing(2)
        for widget, stretch in ((self.map, 1), (self.side, 0), (self.limit, 0), (self.threshold, 0)):
            row.addWidget(widget, stretch)
        return row

    def _offer_maps(self) -> None:
        """Offer the maps that are shown; the choice stays where it is still there."""
        kept = self.map.currentData()
        chosen = [one for one in dict.fromkeys(self._maps.chosen) if not one.is_flags and one.result.pixels]
        with QSignalBlocker(self.map):
            self.map.clear()
            for one in chosen:
                self.map.addItem(one.heading, one.key)
            self.map.setCurrentIndex(max(0, self.map.findData(kept)))

    def _mark_threshold(self) -> None:
        choice = next((one for one in self._maps.chosen if one.key == self.map.currentData()), None)
        try:
            limit = parse_number(self.limit.text())
        except ValueError as error:
            self.heading.setText(f"The value of a threshold is a number: {error}.")
            return
        if choice is not None:
            self._regions.take_threshold(choice, self.side.currentText(), limit)

    def _mark(self, form: str, on: bool) -> None:
        self._regions.set_tool(form if on else "")

    def _take_tool(self, tool: str) -> None:
        for form, button in self.buttons.items():
            button.setChecked(form == tool)
        self.heading.setText(FORMS[tool] if tool else self._words)
        self.presenter.refresh()

    @property
    def _words(self) -> str:
        shown = self._session.shown
        if shown.region is not None:
            return _capital(shown.region.words)
        return HINT if shown.marked is None or shown.picture is None else "Nothing of the region is in this picture."

    def _take_region(self) -> None:
        self.heading.setText(self._words)
        self.remove.setEnabled(self._session.region is not None)
        self.presenter.forget()

    def _show(self, heading: str, columns: tuple[TableColumn, ...], rows: list[Row]) -> None:
        show_rows(self.heading, self.table, FORMS.get(self._regions.tool) or heading or self._words, columns, rows)

    def _work(self) -> Work | None:
        shown = self._session.shown
        if shown.region is None or shown.picture is None:
            return None
        words = (_capital(shown.region.words), shown.place_text, left_out_text(self._session.excluded))
        chosen = [choice for choice in dict.fromkeys(self._maps.chosen) if not choice.is_flags]
        return " · ".join(words), partial(region_table, shown, chosen, self._session.excluded)


def region_table(
    shown: Shown, chosen: list[Choice], excluded: int
) -> tuple[tuple[TableColumn, ...], list[Row]]:
    """Columns, one for each map, and rows of the region without pixels that have a flag of ``excluded`` or no value.

    What is told are the number of pixels, how many are left out, and mean, standard deviation, median, least and
    largest of the rest.
    """
    found = {choice: values for choice in chosen if (values := region_values(shown, choice, excluded)) is not None}
    columns = [TableColumn(""), *(TableColumn(choice.heading) for choice in found)]
    told = zip(*map(describe, found.values()), strict=True)
    return tuple(columns), [(name, *map(_text, row)) for name, row in zip(_TOLD, told, strict=False)]


def _text(value: Cell) -> str:
    return "–" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""The pixels in which two that are compared differ most."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from app.panels.inspect.tables import TablePresenter, Work, heading_label, show_rows
from app.panels.maps.pixel_text import flag_names
from app.running.background import Background
from app.session.session import Session
from app.widgets.number_table import NumberTable, Row, TableColumn
from calib_core.axes import Result
from calib_core.subjects.changes import most_changed
from calib_core.subjects.pair import PairSubject
from calib_core.subjects.shown import Shown
from calib_core.subjects.variants import base_of

_WORK, _MOST = "The pixels that changed most", 10
_HINT = "Compare two sources to see the pixels that changed most."


class ChangesTable(QWidget):
    """A row for each pixel, the largest change first; a click selects it."""

    def __init__(self, session: Session, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.choice, self.heading = QComboBox(objectName="changed_map"), heading_label("changes_heading")
        self.choice.setMinimumContentsLength(14)
        self.heading.setText(_HINT)
        self.table = NumberTable(self)
        self.table.setObjectName("changes_table")
        self.presenter = TablePresenter(session, background, _WORK, self._work, self)
        top = QHBoxLayout()
        top.addWidget(self.choice)
        top.addWidget(self.heading, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.addLayout(top)
        column.addWidget(self.table, 1)
        self.presenter.ready.connect(self._show)
        self.table.row_chosen.connect(lambda row: session.set_pixel(row[:3]))
        self.choice.activated.connect(self.presenter.refresh)
        session.subject_changed.connect(self._offer)

    def _offer(self) -> None:
        """Offer what is compared, each result once; the choice stays."""
        before, pair = self.choice.currentData(), self._pair(self._session.shown)
        self.choice.clear()
        for one in pair.results if pair is not None else ():
            if one.name == base_of(one.name) and one.pixels and one.role != "count":
                self.choice.addItem(one.title.removesuffix(" A"), one.name)
        self.choice.setCurrentIndex(max(0, self.choice.findData(before)))
        self.presenter.refresh()

    def _show(self, heading: str, columns: Sequence[TableColumn], rows: Sequence[Row]) -> None:
        show_rows(self.heading, self.table, heading or _HINT, columns, rows)

    @staticmethod
    def _pair(shown: Shown) -> PairSubject | None:
        return shown.subject if isinstance(shown.subject, PairSubject) else None

    def _work(self) -> Work | None:
        shown = self._session.shown
        pair, name = self._pair(shown), self.choice.currentData()
        if pair is None or shown.picture is None or name is None:
            return None
        heading = f"{_MOST} pixels whose {self.choice.currentText()} changed most at {shown.place_text}"
        return heading, partial(changes_table, pair, name, shown.at)


def changes_table(pair: PairSubject, name: str, at: dict[str, int]) -> tuple[tuple[TableColumn, ...], list[Row]]:
    """Columns and rows of the pixels that changed most: where they are, and by how much or by which flags."""
    of = {one.name: one for one in pair.results}
    value = _value_column(pair, name, of)
    columns = (TableColumn("module"), TableColumn("row"), TableColumn("column"), value)
    if pair.role_of(name) != "flags":
        return columns, list(most_changed(pair, name, at, _MOST))
    return columns, [(module, row, col, f"{'new' if mask > 0 else 'healed'}: {flag_names(int(abs(mask)))}")
                     for module, row, col, mask in most_changed(pair, name, at, _MOST)]


def _value_column(pair: PairSubject, name: str, of: dict[str, Result]) -> TableColumn:
    if pair.role_of(name) == "flags":
        return TableColumn("flags", help="Flags that are new in A, or that B alone has")
    one = of[pair.variant(name, "pull")]
    return TableColumn(f"{one.title} [{one.unit}]" if one.unit else one.title, "{:.5g}")

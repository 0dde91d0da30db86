"""Panel of what can be looked at: jobs and opened constants, with the letters of those that are compared."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import QItemSelectionModel, QPoint, Qt, pyqtSignal
from PyQt6.QtGui import QKeySequence, QShortcut
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.panels.start.offering import Offering
from app.session.session import Session
from app.session.sources import Source, Sources
from app.session.standings import Standings
from app.widgets.plain import PlainLabel, tip

NOTHING = "Nothing to look at yet: run a job, or open constants or corrected files."


class SourcesPanel(QWidget):
    """One row per source; a double click shows it as A, “Compare” takes the current one as B.

    Where a characterisation takes the constants of all selected rows, a button with its verb puts that job together.

    Signals
    -------
    open_wanted()
        The operator wants to open results that are on disk.
    correction_wanted(source)
        The operator wants to correct a run with the constants of a source.
    """

    open_wanted = pyqtSignal()
    correction_wanted = pyqtSignal(object)

    def __init__(
        self, session: Session, sources: Sources, offering: Offering, standings: Standings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._sources, self._offering, self._standings = session, sources, offering, standings
        self._listed: tuple[Source, ...] = ()
        self.table, self.empty = QTableWidget(0, 3), PlainLabel(NOTHING, wordWrap=True)
        self.open_button = QPushButton("Open…", objectName="open_results")
        self.compare_button = QPushButton("Compare", objectName="compare_source")
        self.correct_button = QPushButton("Correct…", objectName="correct_with_source")
        self.take_button = QPushButton(objectName="take_sources")
        self.close_button = QPushButton("Close", objectName="close_source")
        self._lay_out()
        self._connect()
        self.refresh()

    @property
    def current(self) -> Source | None:
        """Source of the current row."""
        entries, row = self._sources.entries, self.table.currentRow()
        return entries[row] if 0 <= row < len(entries) else None

    @property
    def selected(self) -> tuple[Source, ...]:
        """Sources of the selected rows, from above."""
        entries, model = self._sources.entries, self.table.selectionModel()
        rows = sorted({index.row() for index in model.selectedRows()}) if model is not None else []
        return tuple(entries[row] for row in rows if row < len(entries))

    def refresh(self) -> None:
        """Show the sources as they are now; the current row stays, and several that are selected stay so."""
        entries, row, chosen = self._sources.entries, self.table.currentRow(), self._chosen()
        self._listed = entries
        self.table.setRowCount(len(entries))
        for i, (one, title) in enumerate(zip(entries, differing([_title(one) for one in entries]), strict=True)):
            for column, text in enumerate((self._sources.letter(one), title, self._state(one))):
                item = QTableWidgetItem(text)
                item.setToolTip(tip(self._tip(one)))
                self.table.setItem(i, column, item)
        if entries:
            self.table.setCurrentCell(min(max(row, 0), len(entries) - 1), 1)
        if len(chosen) > 1:
            self._choose([i for i, one in enumerate(entries) if one in chosen])
        self.table.setVisible(bool(entries))
        self.empty.setVisible(not entries)
        self._offer()

    def _chosen(self) -> tuple[Source, ...]:
        """Sources of the selected rows, as these were filled."""
        model = self.table.selectionModel()
        rows = {index.row() for index in model.selectedRows()} if model is not None else set()
        return tuple(one for row, one in enumerate(self._listed) if row in rows)

    def _choose(self, rows: Sequence[int]) -> None:
        """Select rows and no others."""
        model, way = self.table.selectionModel(), QItemSelectionModel.SelectionFlag
        self.table.clearSelection()
        for row in rows:
            model.select(self.table.model().index(row, 1), way.Select | way.Rows)

    def menu_for(self, source: Source) -> QMenu:
        """Context menu of a row."""
        menu = QMenu(self)
        menu.addAction("Show as A", lambda: self._sources.show(source))
        compared = source is self._sources.b
        menu.addAction("Stop comparing" if compared else "Compare A with this",
                       lambda: self._sources.compare(None if compared else source))
        correct = menu.addAction("Correct a run…", lambda: self.correction_wanted.emit(source))
        correct.setEnabled(self._offering.can_correct(source))
        offer = self._offering.offer((source,))
        if offer is not None:
            menu.addAction(offer.method.verb, lambda: self._offering.take((source,)))
        menu.addSeparator()
        menu.addAction("Close", lambda: self._remove(source)).setEnabled(_can_close(source))
        return menu

    def _lay_out(self) -> None:
        self.table.setObjectName("sources")
        self.table.horizontalHeader().hide()
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(25)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header, letters = self.table.horizontalHeader(), self.table.fontMetrics()
        header.setMinimumSectionSize(22)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(0, letters.horizontalAdvance("AMM"))
        header.resizeSection(2, letters.horizontalAdvance("cancelledM"))
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.open_button.setToolTip("Open a folder of constants or of corrected files (Ctrl+Shift+O)")
        self.compare_button.setToolTip("Compare what is shown (A) with the current row (B), or end that")
        self.correct_button.setToolTip("Correct a run with the constants of the current row, or a run of that job")
        shown = (self.open_button, self.compare_button, self.correct_button, self.take_button, self.close_button)
        for button in shown:
            button.setMinimumWidth(40)
        buttons = QHBoxLayout()
        for button in shown:
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(4)
        column.addWidget(self.table, 1)
        column.addWidget(self.empty, 1)
        column.addLayout(buttons)

    def _connect(self) -> None:
        self._sources.changed.connect(self.refresh)
        self._session.subject_told.connect(self._show_states)
        self._standings.changed.connect(self.refresh)
        self.table.cellDoubleClicked.connect(lambda row, _: self._sources.show(self._sources.entries[row]))
        self.table.currentCellChanged.connect(lambda *_: self._offer())
        self.table.itemSelectionChanged.connect(self._offer)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.open_button.clicked.connect(self.open_wanted)
        self.compare_button.clicked.connect(self._compare)
        self.correct_button.clicked.connect(lambda: self.correction_wanted.emit(self.current))
        self.take_button.clicked.connect(lambda: self._offering.take(self.selected))
        self.close_button.clicked.connect(lambda: self._remove(self.current))
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(lambda: self._remove(self.current))

    def _offer(self) -> None:
        """What can be done with the current row."""
        current, sources = self.current, self._sources
        compared = current is not None and current is sources.b
        self.compare_button.setText("Stop" if compared else "Compare")
        self.compare_button.setEnabled(current is not None and sources.a is not None and current is not sources.a)
        self._offer_taking()
        self.correct_button.setEnabled(current is not None and self._offering.can_correct(current))
        self.close_button.setEnabled(current is not None and _can_close(current))

    def _offer_taking(self) -> None:
        """What takes the constants of the selected rows; of several rows it is said where nothing does."""
        offer = self._offering.offer(self.selected)
        self.take_button.setVisible(offer is not None or len(self.selected) > 1)
        self.take_button.setEnabled(offer is not None)
        self.take_button.setText(offer.method.verb if offer is not None else "Combine")
        self.take_button.setToolTip(
            f"{offer.method.title}, with the constants of the selected rows" if offer is not None
            else "No characterisation takes the constants of all selected rows")

    def _compare(self) -> None:
        current = self.current
        self._sources.compare(None if current is self._sources.b else current)

    def _remove(self, source: Source | None) -> None:
        if source is not None and _can_close(source):
            self._sources.remove(source)

    def _show_states(self) -> None:
        for row, one in enumerate(self._sources.entries):
            item = self.table.item(row, 2)
            if item is not None and item.text() != self._state(one):
                item.setText(self._state(one))
                self._offer()

    def _state(self, source: Source) -> str:
        """What was decided, else the state, with a mark where there is something to be read."""
        if source.opened is None:
            return "on disk"  # nobody looked at it yet
        word = self._standings.word(source.opened) or source.opened.state
        return f"{word} !" if source.opened.notes else word

    def _tip(self, source: Source) -> str:
        opened = source.opened
        notes = opened.notes if opened is not None else ()
        standing = None if opened is None else self._standings.of(opened)
        told = () if standing is None or opened is None else (f"{opened.state}; {standing.sentence}",)
        return "\n".join((_title(source), *told, *(f"• {note}" for note in notes)))

    def _show_menu(self, at: QPoint) -> None:
        row = self.table.rowAt(at.y())
        if row >= 0:
            menu = self.menu_for(self._sources.entries[row])
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(self.table.viewport().mapToGlobal(at))


def _title(source: Source) -> str:
    return source.opened.title if source.opened is not None else source.title


def differing(titles: Sequence[str]) -> list[str]:
    """Titles of rows without their first part, the detector, where it is that of all of several."""
    parts = [title.partition(" · ") for title in titles]
    same = len(titles) > 1 and len({first for first, *_ in parts}) == 1 and all(rest for *_, rest in parts)
    return [rest for *_, rest in parts] if same else list(titles)


def _can_close(source: Source) -> bool:
    return source.opened is None or source.opened.ended

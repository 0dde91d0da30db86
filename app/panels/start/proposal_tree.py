"""Tree of proposals and their runs, read away from the window's thread and only where somebody looks."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QModelIndex, Qt, pyqtSignal
from PyQt6.QtGui import QStandardItem, QStandardItemModel
from PyQt6.QtWidgets import QAbstractItemView, QTreeView, QWidget

from app.running.background import Background
from app.widgets.plain import tip
from calib_core.io import locate
from calib_core.plain_text import shown

_PATH = Qt.ItemDataRole.UserRole
_FILLED = Qt.ItemDataRole.UserRole + 1


class ProposalTree(QTreeView):
    """Proposals below a data root; several runs can be chosen, double click or Enter opens them."""

    chosen = pyqtSignal(tuple)
    selection_changed = pyqtSignal()

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._root: Path | None = None
        self._model = QStandardItemModel(self)
        self.setModel(self._model)
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.expanded.connect(self._fill_runs)
        self.doubleClicked.connect(lambda _: self.choose())
        self.selectionModel().selectionChanged.connect(lambda *_: self.selection_changed.emit())

    def fill(self, root: Path | None) -> None:
        """Show the proposals of a root; None shows why there are none."""
        self._root = root
        self._model.clear()
        if root is None:
            self._say("No data root: choose a folder above, or drop a run folder here.")
            return
        self._say("reading …")
        self._background.run("proposals", lambda: locate.proposals(root), self._show_proposals, self._refuse)

    def paths(self) -> tuple[Path, ...]:
        """Run folders that are selected, in the order of the tree."""
        chosen = sorted(self.selectedIndexes(), key=lambda index: (index.parent().row(), index.row()))
        return tuple(index.data(_PATH) for index in chosen if index.parent().isValid() and index.data(_PATH))

    def choose(self) -> None:
        """Open the selected runs."""
        if self.paths():
            self.chosen.emit(self.paths())

    def keyPressEvent(self, event: object) -> None:
        """Enter opens."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.paths():
            self.choose()
        else:
            super().keyPressEvent(event)

    def _show_proposals(self, entries: tuple[locate.ProposalEntry, ...]) -> None:
        self._model.clear()
        for entry in reversed(entries):
            item = QStandardItem(f"p{entry.number:06d}   {entry.instrument}  {entry.cycle}")
            item.setData(entry.path, _PATH)
            item.appendRow(_note("reading …"))
            self._model.appendRow(item)
        if not entries:
            self._say(f"There are no proposals under {self._root}.")

    def _fill_runs(self, index: QModelIndex) -> None:
        item = self._model.itemFromIndex(index)
        path = item.data(_PATH)
        if path is None or item.data(_FILLED):
            return
        item.setData(True, _FILLED)
        self._background.run(
            f"runs of {path}", lambda: locate.runs_of(path), lambda runs: self._show_runs(path, runs),
            lambda error: self._replace_runs(path, [_note(str(error))]),
        )

    def _show_runs(self, path: Path, entries: tuple[locate.RunEntry, ...]) -> None:
        rows = [_run_item(entry) for entry in entries if entry.kind == "raw"]
        self._replace_runs(path, rows or [_note("no raw runs")])

    def _replace_runs(self, path: Path, rows: list[QStandardItem]) -> None:
        """Fill a proposal, where the tree still shows it."""
        for i in range(self._model.rowCount()):
            item = self._model.item(i)
            if item.data(_PATH) == path:
                item.removeRows(0, item.rowCount())
                item.appendRows(rows)

    def _refuse(self, error: Exception) -> None:
        self._say(str(error))

    def _say(self, text: str) -> None:
        self._model.clear()
        self._model.appendRow(_note(text))


def _run_item(entry: locate.RunEntry) -> QStandardItem:
    item = QStandardItem(f"r{entry.number:04d}")
    item.setData(entry.path, _PATH)
    item.setToolTip(tip(shown(str(entry.path))))
    return item


def _note(text: str) -> QStandardItem:
    item = QStandardItem(text)
    item.setFlags(Qt.ItemFlag.NoItemFlags)
    return item

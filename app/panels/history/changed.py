"""What has changed: a row for each line, what is told of the current one, and scores against their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QHeaderView, QLineEdit, QPushButton, QSplitter, QVBoxLayout, QWidget

from app.forms.tone_label import NoteLabel
from app.panels.history.history_presenter import HistoryPresenter
from app.panels.history.scene import changes_of, confirmed_words
from app.widgets.number_table import NumberTable, Row, TableColumn
from app.widgets.plain import tip
from app.widgets.score_plot import ScorePlot
from calib_core.constants.history import change_rule
from calib_core.numerics.changes import Change
from calib_core.subjects.timeline import ModuleLine, Timeline, change_words

_COLUMNS = (
    TableColumn("", help="▲ red, ! amber"), TableColumn("m", help="Module"),
    TableColumn("start", help="Of a step; drifts have none"),
    TableColumn("size", "{:+.3g}", "Median of the changed versions less that of the reference"),
    TableColumn("σ", "{:+.1f}", "Size in σ of the reference"), TableColumn("S", "{:.1f}", "The largest score"),
)
#: Column that has the unit of the lines.
_SIZE = 3
#: Around the title of a column, pixels.
_AROUND = 14
_NONE = "No change is told."


class ChangedPanel(QWidget):
    """A click on a row looks at its module; “Confirm” takes the change as the new reference."""

    def __init__(self, presenter: HistoryPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._presenter = presenter
        self._lines: list[ModuleLine] = []
        self._chosen: ModuleLine | None = None
        self.table, self.words, self.scores = NumberTable(self), NoteLabel(), ScorePlot()
        self.table.setObjectName("changed_lines")
        self.words.setObjectName("change_words")
        self.exchanged = NoteLabel("error")
        self.exchanged.setObjectName("exchanged_words")
        self.confirm = QPushButton("Confirm", objectName="confirm_change")
        self.maps = QPushButton("Show maps", objectName="show_change")
        self.undo = QPushButton("Undo", objectName="undo_confirmation")
        self.comment = QLineEdit(objectName="confirm_comment", placeholderText="why it is as it should be")
        self._lay_out()
        self.table.row_chosen.connect(self._choose)
        self.confirm.clicked.connect(self._confirm)
        self.undo.clicked.connect(presenter.unconfirm)
        self.maps.clicked.connect(self._show_maps)
        self._tell(None)

    def _lay_out(self) -> None:
        self.confirm.setToolTip("What comes from the start of this change on is as it should be: a new reference "
                                "begins there; a store keeps that of its versions, with your name and why; of "
                                "others it holds as long as this window is open")
        self.maps.setToolTip("Show the newest version as A, and the last one before the change as B")
        self.table.horizontalHeader().setMinimumSectionSize(22)
        self.table.setMinimumHeight(44)
        buttons = QHBoxLayout()
        for button in (self.confirm, self.maps, self.undo):
            buttons.addWidget(button)
        upper = QWidget()
        column = QVBoxLayout(upper)
        column.setContentsMargins(2, 2, 4, 2)
        column.setSpacing(3)
        column.addWidget(self.exchanged)
        column.addWidget(self.table, 1)
        column.addWidget(self.words)
        column.addWidget(self.comment)
        column.addLayout(buttons)
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(upper)
        split.addWidget(self.scores)
        split.setSizes([3, 2])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(split)

    def show_changes(self, timeline: Timeline, line: ModuleLine | None) -> None:
        """Show what has changed in some lines; that of the module that is looked at is told."""
        found = changes_of(timeline)
        self._lines = [one for one, _ in found]
        columns = (*_COLUMNS[:_SIZE], replace(_COLUMNS[_SIZE], title=f"size [{timeline.unit}]"),
                   *_COLUMNS[_SIZE + 1:]) if timeline.unit else _COLUMNS
        self.table.set_rows(columns, [_row(one, change) for one, change in found])
        header = self.table.horizontalHeader()
        for column in (0, 1, _SIZE):  # the others share what is left
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            title = columns[column].title or "▲"
            header.resizeSection(column, _AROUND + header.fontMetrics().horizontalAdvance(title))
        self._tell(line, timeline)
        self._tell_confirmed(line)

    def _tell_confirmed(self, line: ModuleLine | None) -> None:
        """Who has confirmed what the reference of a line begins with, and what can be taken back."""
        own = [confirmed_words(*one) for one in self._presenter.confirmed if line is not None and one[0] in line.rows]
        if own:
            self.words.say("\n".join((self.words.text(), own[-1])), "text" if self._chosen is not None else "muted")
            self.words.setToolTip(tip("\n".join(own)))
        last = self._presenter.last_confirmed
        self.undo.setEnabled(last is not None)
        self.undo.setToolTip("Nothing can be taken back here" if last is None else tip(
            f"Take back: m{last[0].module}, {confirmed_words(*last)}"))

    def show_exchanged(self, told: Sequence[str]) -> None:
        """Say which modules were exchanged, the newest first; the first of them where there is room."""
        more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
        self.exchanged.say(f"{told[0]}{more}" if told else "")
        self.exchanged.setToolTip(tip("\n".join(told)))

    def show_part(self, part: tuple[float, float] | None) -> None:
        """Show the scores of a part of the time, seconds since 1970."""
        if part is not None and not self.scores.is_empty:
            self.scores.plot.setXRange(*part, padding=0)

    def _confirm(self) -> None:
        if self._chosen is not None:
            self._presenter.confirm(self._chosen, self.comment.text().strip())
            self.comment.clear()

    def _choose(self, row: Row) -> None:
        self._presenter.look_at(int(row[1]))

    def _tell(self, line: ModuleLine | None, timeline: Timeline | None = None) -> None:
        self._chosen = line if line is not None and line.change is not None else None
        for button in (self.confirm, self.maps):
            button.setEnabled(self._chosen is not None)
        self.comment.setVisible(self._chosen is not None)  # room for words where there is nothing to confirm
        if timeline is None or line is None:
            self.words.say(_NONE, "muted")
            return
        if self._chosen is not None:
            entry = timeline.entries[timeline.asked.entry] if timeline.entries else ""
            told = change_words(line, line.change, entry, timeline.unit)
            self.words.say("\n".join(told[:2]), "text")
            self.words.setToolTip(tip("\n".join(told)))
        else:
            why = line.judged.forming or line.judged.blind or "no change is told"
            self.words.say(f"Module {line.module}: {why}.", "muted")
            self.words.setToolTip("")
        rule = change_rule()
        shown = [one for one in timeline.lines if one.level or one is line]
        names = ", ".join(f"m{one.module}" for one in shown[:3]) + (" …" if len(shown) > 3 else "")
        self.scores.show_scores(f"S of {names}", (rule.amber, rule.red), [
            (one.level, one.times, one.judged.score) for one in shown])

    def _show_maps(self) -> None:
        line = self._chosen
        if line is not None and line.change is not None:
            self._presenter.pick_both(line.rows[-1], line.rows[max(0, line.change.start - 1)])


def _row(line: ModuleLine, change: Change) -> Row:
    begin = line.rows[change.start].begin
    return ("▲" if change.level == "red" else "!", line.module,
            f"{begin:%-d %b}" if change.kind == "step" else "drift", change.size, change.sigmas, change.score)

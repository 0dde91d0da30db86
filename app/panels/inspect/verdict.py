"""Panel of the verdict: the worst of each kind of test, and sign-off with a comment."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QColor, QResizeEvent
from PyQt6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.panels.inspect.verdict_presenter import Judged, VerdictPresenter
from app.widgets.elided_label import ElidedLabel
from app.widgets.plain import PlainLabel, tip
from app.widgets.tones import tones_of
from calib_core.constants.tested import MARKS, OF_TYPE, Test
from calib_core.store.statuses import Status

HINT = "Constants that are shown are tested against those that were accepted before."
SIGNS = {"ok": "✓", "amber": "!", "red": "✗", "told": "·"}
_TONES = {"ok": "ok", "amber": "warning", "red": "error"}
_HEADINGS = ("", "test", "ASIC", "number", "amber", "red")
_ASIC, _RED, _WIDE, _ACROSS = 2, 5, 400, 8
#: What is done, on the button that confirms it.
_VERBS = {Status.ACCEPTED: "Accept", Status.REJECTED: "Reject", Status.WITHDRAWN: "Withdraw"}


class VerdictPanel(QWidget):
    """A row for each kind of test, modules to choose, a comment, and two steps to a decision.

    A click on a row looks at its place. “Accept…” and “Reject…” ask once more, here, where the window stays alive.
    What was accepted before is withdrawn in place of rejected.

    Signals
    -------
    decided()
        The operator has confirmed a decision.
    accepted_wanted()
        The operator wants to look at the accepted constants as B.
    """

    decided, accepted_wanted = pyqtSignal(), pyqtSignal()

    def __init__(self, presenter: VerdictPresenter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.presenter = presenter
        self.heading, self.state = ElidedLabel(), ElidedLabel()
        self.table = QTableWidget(0, len(_HEADINGS), objectName="verdict")
        self.as_b = QToolButton(text="as B", objectName="accepted_as_b")
        self.every = QCheckBox("every module", objectName="verdict_every")
        self.sentence = PlainLabel("", wordWrap=True, objectName="verdict_sentence")
        self.comment = QLineEdit(objectName="verdict_comment", placeholderText="Comment")
        self.counts = PlainLabel("", objectName="verdict_counts")
        self.reject = QPushButton("Reject…", objectName="reject_constants")
        self.accept = QPushButton("Accept…", objectName="accept_constants")
        self.undo = QPushButton("Undo", objectName="undo_decision")
        self.confirm = QPushButton("", objectName="confirm_decision")
        self.back = QPushButton("Back", objectName="leave_decision")
        self.question = PlainLabel("", wordWrap=True, objectName="verdict_question")
        self.steps, self.modules = QStackedWidget(), QWidget(objectName="verdict_modules")
        self._boxes: dict[int, QToolButton] = {}
        self._tests: tuple[Test, ...] = ()
        self._wanted: Status | None = None
        self._lay_out()
        self._connect()
        self._show()

    # -- making

    def _lay_out(self) -> None:
        self.heading.setObjectName("verdict_heading")
        self.state.setObjectName("verdict_state")
        table, header = self.table, self.table.horizontalHeader()
        table.setHorizontalHeaderLabels(_HEADINGS)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setMinimumHeight(110)
        header.setMinimumSectionSize(16)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.every.setToolTip("Every test of every module and gain stage, worst first, in place of the worst of each")
        for column in (_RED - 1, _RED):
            table.horizontalHeaderItem(column).setToolTip(f"Limit; with {OF_TYPE} that of the detector type")
        self.undo.setToolTip("Take the last decision back")
        self.as_b.setToolTip("Show the maps of the newest accepted constants before these as B (Ctrl+B)")
        grid = QGridLayout(self.modules)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        grid.setColumnStretch(_ACROSS, 1)
        for row in ((self.counts, None, self.undo, self.reject, self.accept), (None, self.back, self.confirm)):
            step = QWidget()
            step.setLayout(_row(*row))
            self.steps.addWidget(step)
        self.steps.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        for button in (self.undo, self.reject, self.accept, self.back, self.confirm):
            button.setMinimumWidth(40)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(4)
        column.addLayout(_row(self.heading, self.as_b, self.every))
        below = (self.sentence, self.modules, self.comment, self.question, self.steps)
        for widget in (self.state, self.table, *below):
            column.addWidget(widget, int(widget is self.table))

    def _connect(self) -> None:
        presenter = self.presenter
        presenter.changed.connect(self._show)
        presenter.said.connect(self._say)
        self.table.cellClicked.connect(lambda row, _: presenter.go(self._tests[row]))
        self.table.currentCellChanged.connect(self._tell)
        self.every.toggled.connect(self._fill)
        self.as_b.clicked.connect(self.accepted_wanted)
        self.accept.clicked.connect(lambda: self._ask(Status.ACCEPTED))
        self.reject.clicked.connect(lambda: self._ask(self._refusal()))
        self.back.clicked.connect(lambda: self._ask(None))
        self.confirm.clicked.connect(self._decide)
        self.undo.clicked.connect(presenter.undo)
        self.comment.textChanged.connect(self._allow)
        self.comment.returnPressed.connect(self.confirm.click)

    # -- what is shown

    @property
    def chosen(self) -> tuple[int, ...]:
        """Modules that are ticked."""
        return tuple(module for module, box in self._boxes.items() if box.isChecked())

    def begin(self, status: Status) -> None:
        """Ask for a decision, as the buttons do; nothing where none can be made."""
        if (self.accept if status is Status.ACCEPTED else self.reject).isEnabled():
            self._ask(status if status is Status.ACCEPTED else self._refusal())

    def _show(self) -> None:
        judged = self.presenter.judged
        self.heading.setText("" if judged is None else against(judged, self.presenter.letter))
        self.heading.setToolTip(tip(self.heading.text()))
        self.as_b.setVisible(judged is not None and not self.presenter.letter)
        self._say(HINT if judged is None else judged.standing.sentence)
        self._offer_modules(() if judged is None else judged.modules)
        self._ask(None)
        self._fill()

    def _say(self, text: str) -> None:
        self.state.setText(text)
        self.state.setToolTip(tip(text))

    def _fill(self) -> None:
        """Rows of the tests, in the colours of what became of them."""
        judged, tones = self.presenter.judged, tones_of(self.palette())
        every = () if judged is None else tuple(sorted(judged.tests, key=lambda one: MARKS.index(one.mark)))
        self._tests = every if self.every.isChecked() else self.presenter.rows
        self.table.setRowCount(len(self._tests))
        for row, one in enumerate(self._tests):
            colour = QColor(getattr(tones, _TONES.get(one.mark, "muted")))
            texts = (SIGNS[one.mark], title_of(one), asic_of(one), one.number, *one.marked_bounds)
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(tip(limits_words(one)))
                if column > 1:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if column == 0 or one.mark in ("amber", "red"):
                    item.setForeground(colour)
                self.table.setItem(row, column, item)
        self._tell(self.table.currentRow())

    def _tell(self, row: int, *_: int) -> None:
        self.sentence.setText(self._tests[row].sentence if 0 <= row < len(self._tests) else "")
        self.sentence.setVisible(bool(self.sentence.text()))

    def _offer_modules(self, modules: Sequence[int]) -> None:
        """A box for each module with its worst mark; all are ticked."""
        if tuple(self._boxes) != tuple(modules):
            for box in self._boxes.values():
                box.deleteLater()
            self._boxes = {module: self._box(place, module) for place, module in enumerate(modules)}
        tones = tones_of(self.palette())
        for module, box in self._boxes.items():
            marks = [mark for mark, n in self.presenter.counts((module,)).items() if n]
            worst = next((mark for mark in MARKS if mark in marks), "told")
            box.setText(f"{module} {SIGNS[worst]}")
            box.setStyleSheet(f"QToolButton:checked {{ color: {getattr(tones, _TONES.get(worst, 'muted'))} }}")
        self.modules.setVisible(len(modules) > 1)

    def _box(self, place: int, module: int) -> QToolButton:
        box = QToolButton(self.modules, objectName=f"verdict_module_{module}", checkable=True, checked=True)
        box.setToolTip(f"Whether module {module} is accepted or rejected with the others")
        box.toggled.connect(self._count)
        self.modules.layout().addWidget(box, place // _ACROSS, place % _ACROSS)
        return box

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """A narrow table does without ASICs and the red limit, which the sentence below has too."""
        super().resizeEvent(event)
        for column in (_ASIC, _RED):
            self.table.setColumnHidden(column, self.width() < _WIDE)
        self._count()

    # -- sign-off

    def _count(self) -> None:
        """Numbers of marks of the chosen modules, and how many these are, at the buttons."""
        judged, chosen = self.presenter.judged, self.chosen
        counts = self.presenter.counts(chosen)
        self.counts.setText("   ".join(f"{counts[mark]} {SIGNS[mark]}" for mark in ("ok", "amber", "red"))
                            if judged is not None else "")
        statuses = set() if judged is None else {judged.standing.by_module[module] for module in chosen}
        word = f" module{'s' if len(chosen) != 1 else ''}" if self.width() >= _WIDE else ""
        self.accept.setText(f"Accept… {len(chosen)}{word}" if chosen else "Accept…")
        self.accept.setEnabled(Status.DRAFT in statuses)
        self.reject.setText(f"{_VERBS[self._refusal()]}…")
        self.reject.setEnabled(bool(statuses & {Status.DRAFT, Status.ACCEPTED}))
        self.undo.setVisible(judged is not None and judged.standing.last is not None)

    def _refusal(self) -> Status:
        """What a refusal makes of the chosen modules: what was accepted is withdrawn where none is a draft."""
        judged = self.presenter.judged
        statuses = set() if judged is None else {judged.standing.by_module[module] for module in self.chosen}
        return Status.WITHDRAWN if Status.ACCEPTED in statuses and Status.DRAFT not in statuses else Status.REJECTED

    def _ask(self, status: Status | None) -> None:
        """Ask for a decision once more, or leave that."""
        self._wanted = status
        self.steps.setCurrentIndex(int(status is not None))
        self.modules.setEnabled(status is None)
        self.question.setVisible(status is not None)
        if status is not None:
            self.question.setText(self._question(status))
            self.confirm.setText(f"{_VERBS[status]} {len(self.chosen)} module{'s' if len(self.chosen) != 1 else ''}")
            self.comment.setFocus()
        self._count()
        self._allow()

    def _question(self, status: Status) -> str:
        judged, counts = self.presenter.judged, self.presenter.counts(self.chosen)
        assert judged is not None
        units = [one.pdu for one in judged.found.files if judged.found.modules[one.pdu] in self.chosen]
        names = sorted(set(units) & set(judged.stands_in))
        some = f"{', '.join(names[:2])}{' …' if names[2:] else ''}"
        several = len(names) > 1
        taken = f" {some} {'are' if several else 'is'} taken for the name{'s' * several} of units."
        confirmed = taken if names else ""
        red = counts["red"]
        needs = f" {red} red: say in the comment why." if red and status is Status.ACCEPTED else ""
        return f"They are {status} in {self.presenter.store}, by {self.presenter.author}.{confirmed}{needs}"

    def _allow(self) -> None:
        """Red needs a comment to be accepted, and so does a refusal."""
        red = self.presenter.counts(self.chosen).get("red", 0)
        needs = self._wanted is not Status.ACCEPTED or red > 0
        self.confirm.setEnabled(self._wanted is not None and (not needs or bool(self.comment.text().strip())))

    def _decide(self) -> None:
        if self._wanted is not None:
            self.presenter.decide(self.chosen, self._wanted, self.comment.text().strip())
            self.comment.clear()
            self._ask(None)
            self.decided.emit()


def against(judged: Judged, letter: str = "") -> str:
    """What the constants are compared with; without the detector where it is the same.

    Where it is not A that is judged, as ``letter`` says, that is told.
    """
    if judged.accepted is None:
        return "nothing accepted before"
    detector = f"{judged.found.identifier} · "
    other = judged.accepted.title.removeprefix(detector)
    return f"B {judged.found.title.removeprefix(detector)} against A {other}" if letter == "B" else f"against {other}"


def title_of(test: Test) -> str:
    """Where a test is worst, by module and gain stage, and what it is of."""
    return f"m{test.module} {test.stage}".rstrip() + f" · {test.title}"


def limits_words(test: Test) -> str:
    """A test's sentence, and where its limits are from."""
    return "\n".join(filter(None, (test.sentence, f"Limits: {test.limits.source}." if test.limits.source else "")))


def asic_of(test: Test) -> str:
    """ASIC that is furthest off; a dash where none is."""
    return "–" if test.asic is None else str(test.asic)


def _row(*widgets: QWidget | None) -> QHBoxLayout:
    """Widgets beside each other; None takes the room that is left."""
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        if widget is None:
            row.addStretch(1)
        else:
            row.addWidget(widget, int(isinstance(widget, ElidedLabel)))
    return row

"""Panel that opens runs: a box to type in, recent runs, a tree of proposals, and dropped folders."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QAction, QDragEnterEvent, QDropEvent, QKeySequence
from PyQt6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.forms.fold import Fold
from app.forms.tone_label import NoteLabel
from app.panels.start.opening import Opener, accept_drop
from app.panels.start.proposal_tree import ProposalTree
from app.running.background import Background
from app.session.session import Session
from app.widgets.plain import PlainLabel, tip
from calib_core.io.locate import data_root, label

_BUSY, _ERROR, _ASK = "busy", "error", "pending"


class RunPicker(QWidget):
    """Opens runs for the session; nothing here waits for a disk.

    Signals
    -------
    recent_changed()
        Another entry is in front of :attr:`recent`.
    constants_chosen(identifier)
        The answer to :meth:`ask_constants_of`.
    """

    recent_changed = pyqtSignal()
    constants_chosen = pyqtSignal(str)

    def __init__(self, session: Session, background: Background | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._background = background or Background(self)
        self.opener = Opener(session, self._background, self)
        self.box, self.open_button = QLineEdit(), QPushButton("Open")
        self.message, self.progress = NoteLabel(), QProgressBar()
        self.detectors = QComboBox()
        self.root_label, self.root_button = PlainLabel(), QPushButton("Data root…")
        self.tree, self.recent_list = ProposalTree(self._background), QListWidget()
        self.open_selected = QPushButton("Open selected")
        self.browse = Fold("Recent and browse", shown=True)
        self.tabs = QTabWidget()
        self.focus_action = QAction("Open run…", self)
        self._tree_filled = False
        self._answer: Callable[[str], None] = self.opener.choose
        self._lay_out()
        self._connect()
        self.set_root(data_root())
        self._say("", "")

    @property
    def recent(self) -> list[str]:
        """Texts that open recent runs again, newest first."""
        return self.opener.recent

    @recent.setter
    def recent(self, texts: Sequence[str]) -> None:
        self.opener.recent = list(texts)
        self._show_recent()

    def set_root(self, root: Path | None) -> None:
        """Take another folder above all instruments."""
        self.opener.root = root
        self._tree_filled = False
        self.root_label.setText(str(root) if root else "no data root")
        self.root_label.setToolTip("Folder above instruments and proposals; EXTRA_DATA_DATA_ROOT sets it")
        if self.tree.isVisible():
            self._fill_tree()

    def focus_box(self) -> None:
        """Put the cursor into the box, with its text selected."""
        self.box.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.box.selectAll()

    def close_background(self) -> None:
        """Answer nothing more; for the end of the window."""
        self._background.close()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders."""
        accept_drop(self._session, event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open dropped folders."""
        accept_drop(self._session, event)

    def _lay_out(self) -> None:
        self.setAcceptDrops(True)
        self.box.setPlaceholderText("p900450 r12-14, or the path of a run")
        self.box.setToolTip("Proposal and runs, or paths of run folders, then Enter (Ctrl+K comes here)")
        self.box.setClearButtonEnabled(True)
        self.progress.setRange(0, 0)
        self.progress.setMaximumHeight(3)
        self.progress.setTextVisible(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.setSpacing(4)
        column.addLayout(_row((self.box, 1), (self.open_button, 0)))
        for widget in (self.progress, self.message, self.detectors, self.browse):
            column.addWidget(widget)
        self._lay_out_browse()
        self._name()

    def _lay_out_browse(self) -> None:
        browser = QWidget()
        column = QVBoxLayout(browser)
        column.setContentsMargins(4, 4, 4, 4)
        column.addLayout(_row((self.root_label, 1), (self.root_button, 0)))
        column.addWidget(self.tree)
        column.addWidget(self.open_selected)
        self.open_selected.setEnabled(False)
        self.tabs.addTab(self.recent_list, "Recent")
        self.tabs.addTab(browser, "Browse")
        self.tabs.setDocumentMode(True)
        inner = QVBoxLayout(self.browse.content)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.tabs)

    def _name(self) -> None:
        names = {"run_box": self.box, "run_open": self.open_button, "run_message": self.message,
                 "run_detectors": self.detectors, "run_tree": self.tree, "run_recent": self.recent_list,
                 "run_open_selected": self.open_selected, "run_root": self.root_button}
        for name, widget in names.items():
            widget.setObjectName(name)

    def _connect(self) -> None:
        self.focus_action.setShortcut(QKeySequence("Ctrl+K"))
        self.focus_action.triggered.connect(self.focus_box)
        self.addAction(self.focus_action)
        self.box.returnPressed.connect(self._open_box)
        self.open_button.clicked.connect(self._open_box)
        self.tree.chosen.connect(self.opener.open_paths)
        self.tree.selection_changed.connect(self._show_selection)
        self.open_selected.clicked.connect(self.tree.choose)
        self.recent_list.itemActivated.connect(self._open_recent)
        self.detectors.activated.connect(self._choose_detector)
        self.root_button.clicked.connect(self._ask_root)
        self.browse.toggled.connect(self._give_room)
        self.tabs.currentChanged.connect(lambda _: self._fill_tree())
        self.opener.busy.connect(lambda text: self._say(_BUSY, text))
        self.opener.failed.connect(lambda sentence: self._say(_ERROR, sentence))
        self.opener.several.connect(self._ask_detector)
        self.opener.opened.connect(self._opened)
        self.opener.recent_changed.connect(self._show_recent)
        self.opener.recent_changed.connect(self.recent_changed)

    def _open_box(self) -> None:
        self.opener.open_text(self.box.text())

    def _open_recent(self, item: QListWidgetItem) -> None:
        self.opener.open_text(item.data(Qt.ItemDataRole.UserRole))

    def _opened(self) -> None:
        self._say("", "")
        self.browse.open(False)

    def _give_room(self, shown: bool) -> None:
        """A folded browser leaves its height to the panel below."""
        height = QSizePolicy.Policy.Preferred if shown else QSizePolicy.Policy.Maximum
        self.setSizePolicy(QSizePolicy.Policy.Preferred, height)

    def _say(self, kind: str, text: str) -> None:
        """Show what is going on below the box; an error says so with a word as well as a colour."""
        self.progress.setVisible(kind == _BUSY)
        self.detectors.setVisible(kind == _ASK)
        self.message.say(f"! {text}" if kind == _ERROR else text, kind if kind in (_ERROR, _ASK) else "muted")

    def ask_constants_of(self, identifiers: tuple[str, ...]) -> None:
        """Ask of which detector constants are to be shown."""
        self._ask("? There are constants of several detectors.", identifiers, self.constants_chosen.emit)

    def _ask_detector(self, identifiers: tuple[str, ...]) -> None:
        self._ask("? These runs hold several detectors.", identifiers, self.opener.choose)

    def _ask(self, question: str, identifiers: tuple[str, ...], answer: Callable[[str], None]) -> None:
        self._say(_ASK, question)
        self._answer = answer
        self.detectors.clear()
        self.detectors.addItems(["Choose a detector …", *identifiers])
        self.detectors.setFocus()

    def _choose_detector(self, index: int) -> None:
        if index > 0:
            self._say("", "")
            self._answer(self.detectors.itemText(index))

    def _ask_root(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Folder above instruments and proposals",
                                                 str(self.opener.root or Path.home()))
        if found:
            self.set_root(Path(found))

    def _fill_tree(self) -> None:
        if self.tabs.currentIndex() == 1 and not self._tree_filled:
            self._tree_filled = True
            self.tree.fill(self.opener.root)

    def _show_selection(self) -> None:
        number = len(self.tree.paths())
        self.open_selected.setEnabled(number > 0)
        self.open_selected.setText(f"Open {number} run{'s' if number > 1 else ''}" if number else "Open selected")

    def _show_recent(self) -> None:
        self.recent_list.clear()
        for text in self.recent:
            item = QListWidgetItem(_recent_title(text))
            item.setData(Qt.ItemDataRole.UserRole, text)
            item.setToolTip(tip(text))
            self.recent_list.addItem(item)


def _recent_title(text: str) -> str:
    """Short name of recent runs, without asking a disk; the text itself where it is none of ours."""
    try:
        first, *rest = [label(Path(word)) for word in shlex.split(text)]
    except (ValueError, OSError):
        return text
    return ", ".join([first, *(_same_proposal(first, other) for other in rest)])


def _same_proposal(first: str, other: str) -> str:
    proposal, _, run = other.partition(" ")
    return run if run and first.startswith(proposal) else other


def _row(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(4)
    for widget, stretch in widgets:
        row.addWidget(widget, stretch)
    return row

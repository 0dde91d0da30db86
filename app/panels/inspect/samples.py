"""Tab of the inspector: raw samples of the selected pixel, and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt6.QtCore import QSignalBlocker, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.forms.tone_label import NoteLabel
from app.panels.inspect.samples_presenter import SAMPLES_HINT, SamplesPresenter
from app.running.background import Background
from app.session.session import Session
from app.widgets.explanation_view import ExplanationView
from app.widgets.icons import icon
from app.widgets.plain import tip
from calib_core.explanation import Explanation


class SamplesPanel(QWidget):
    """A row of buttons, the explanation of the pixel, and sentences on what it leaves out."""

    def __init__(self, session: Session, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.presenter = SamplesPresenter(session, background, self)
        self.view = ExplanationView(SAMPLES_HINT, self)
        self.view.setObjectName("samples")
        self.read_button = QPushButton(icon("chart"), "Read raw", objectName="read_raw")
        self.always = QCheckBox("always", objectName="read_always")
        self.corrected = QCheckBox("corrected", objectName="read_corrected", visible=False)
        self.compare_button = QPushButton("Compare", objectName="compare_fits", visible=False)
        self.tried, self.notes = NoteLabel("pending"), NoteLabel("muted")
        self._offered: list[QToolButton] = []
        self._lay_out()
        self._connect()

    def set_about(self, about: bool) -> None:
        """Explain each pixel without being asked, since it is what the operator looks at; or as before."""
        for widget in (self.read_button, self.always):
            widget.setVisible(not about)
        for widget in self._offered:
            widget.setVisible(about)
        self.presenter.set_follows(about or self.always.isChecked())

    def _lay_out(self) -> None:
        self.read_button.setToolTip("Read the raw samples of this pixel, memory cell and gain stage from the run")
        self.always.setToolTip("Read raw samples at each click")
        self.tried.setObjectName("tried")
        self.notes.setObjectName("samples_notes")
        self._buttons = QHBoxLayout()
        for widget in (self.read_button, self.always, self.corrected, self.compare_button):
            self._buttons.addWidget(widget)
        self._buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(self._buttons)
        column.addWidget(self.tried)
        column.addWidget(self.view, 1)
        column.addWidget(self.notes)

    def offer(self, actions: Mapping[str, QAction]) -> None:
        """Have buttons, by their short texts, for actions that go from pixel to pixel."""
        for text, action in actions.items():
            button = QToolButton(self, text=text, objectName=f"button_{action.objectName()}", visible=False)
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self._buttons.insertWidget(len(self._offered), button)
            self._offered.append(button)

    def _connect(self) -> None:
        presenter = self.presenter
        presenter.explained.connect(self._show)
        presenter.hint.connect(self.view.say)
        self.read_button.clicked.connect(presenter.explain)
        self.compare_button.clicked.connect(presenter.compare)
        self.always.toggled.connect(presenter.set_follows)
        self.corrected.toggled.connect(presenter.set_corrected)
        self.view.span_moved.connect(presenter.move)

    def _show(self, found: Explanation | None) -> None:
        self.tried.say("" if found is None or not found.tried else f"Tried: {found.tried}")
        self.notes.say("" if found is None else "\n".join(found.notes))
        if found is None:
            self.view.clear()
            return
        self.view.show_explanation(found)
        self.corrected.setVisible(bool(found.steps))
        self.corrected.setToolTip(tip(f"Look at the samples after {found.steps}; reads whole images"))
        self.compare_button.setVisible(bool(found.others))
        self.compare_button.setToolTip(tip(f"Ask {found.others} for the same numbers of this pixel"))
        with QSignalBlocker(self.corrected):
            self.corrected.setChecked(self.presenter.corrected)

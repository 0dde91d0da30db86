"""Whose the keyboard is: editors keep their keys, and after opening and running the maps have them."""

from __future__ import annotations

from PyQt6.QtCore import QObject, Qt
from PyQt6.QtGui import QKeyEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from app.panels.start.job_form import JobForm
from app.panels.start.run_picker import RunPicker
from app.session.session import Session
from app.widgets.banner import Banner
from app.window.docks import Docks
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec

_KEYS_OF_EDITORS = (
    Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown,
    Qt.Key.Key_Home, Qt.Key.Key_Space,
)


class Focus(QObject):
    """Gives the keyboard to the maps once runs are open or a job runs, and takes messages away that this answers."""

    def __init__(
        self, session: Session, picker: RunPicker, form: JobForm, docks: Docks, maps: QWidget, banner: Banner,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._picker, self._docks, self._maps, self._banner = picker, docks, maps, banner
        opener = picker.opener
        opener.opened.connect(self._take_opened)
        opener.failed.connect(lambda sentence: banner.say("error", sentence, "opening"))
        opener.failed.connect(lambda _: form.hold("What was opened last cannot be used; open runs again."))
        opener.several.connect(lambda _: docks.bring("runs"))
        form.refused.connect(lambda sentence: banner.say("error", sentence, "starting"))
        session.spec_changed.connect(self._take_spec)
        picker.focus_action.triggered.connect(self._focus_box)
        session.job_started.connect(self._take_job)

    def _take_opened(self) -> None:
        """Runs that are open need no more typing; whoever types elsewhere meanwhile goes on."""
        self._banner.clear("opening")
        focus = QApplication.focusWidget()
        own = focus is None or self._picker.isAncestorOf(focus)
        self._docks.bring("job")
        if own:
            self._maps.setFocus()

    def _focus_box(self) -> None:
        self._docks.bring("runs")
        self._picker.focus_box()

    def _take_spec(self, spec: JobSpec | None) -> None:
        """What was wrong with the form is right by now, or something else is."""
        if spec is not None:
            self._banner.clear("starting")

    def _take_job(self, job: Job | None) -> None:
        if job is not None:
            self._banner.clear("starting")
            self._maps.setFocus()


def is_edited(event: QKeyEvent) -> bool:
    """Whether whoever has the keyboard needs a key that is a shortcut elsewhere."""
    focus = QApplication.focusWidget()
    if event.key() == Qt.Key.Key_Escape:
        return isinstance(focus, (QLineEdit, QAbstractSpinBox))
    plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
    editors = (QAbstractSpinBox, QComboBox, QAbstractItemView, QPlainTextEdit)
    return plain and event.key() in _KEYS_OF_EDITORS and isinstance(focus, editors)

"""Keeps the session on disk while the window is open, and brings it back at the next start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QLockFile, QObject, QTimer

from app.running.background import Background
from app.session.session import Session
from app.session.state import STATE_VARIABLE, SavedState, make_folder, read_state, write_state

SAVE_DELAY = 2000


class Keeper(QObject):
    """Saves two seconds after the last change and at the end; only the first of several windows saves.

    Parameters
    ----------
    gather : callable
        State of the window's own parts, as fields of :class:`SavedState`.
    """

    def __init__(
        self, folder: Path, session: Session, background: Background, gather: Callable[[], dict[str, Any]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._folder, self._session, self._background, self._gather = folder, session, background, gather
        self._lock = QLockFile(str(folder / "window.lock"))
        self._lock.setStaleLockTime(0)
        unusable = make_folder(folder)
        self.saves = not unusable and self._lock.tryLock(0)
        self.found, note = read_state(folder)
        self.was_clean = self.found.clean
        self.notes = [note] if note else []
        if unusable:
            self.notes.append(f"Neither this session nor a log is kept: {unusable}. "
                              f"Set {STATE_VARIABLE} to a folder that you can write.")
        elif not self.saves:
            self.notes.append("Another window is open; this one does not save its session.")
        self._timer = QTimer(self, singleShot=True, interval=SAVE_DELAY)
        self._timer.timeout.connect(self.save)

    def begin(self) -> None:
        """Note on disk that a window is open, and follow the session from now on."""
        session = self._session
        for signal in (
            session.survey_changed, session.spec_changed, session.view_changed, session.module_changed,
            session.pixel_changed, session.region_changed, session.arrangement_changed, session.overlay_changed,
            session.excluded_changed,
        ):
            signal.connect(self.touch)
        self._write(self.found.model_copy(update={"clean": False}))

    def touch(self) -> None:
        """Save soon."""
        self._timer.start()

    def save(self) -> None:
        """Save in the background."""
        if self.saves:
            state, folder = self.state(), self._folder
            self._background.run("Saving the session", lambda: write_state(folder, state), self._tell)

    def end(self) -> None:
        """Save at once and note that the window closed as it should."""
        self._timer.stop()
        self._background.drop("Saving the session")
        self._write(self.state(clean=True))
        self._lock.unlock()

    def state(self, clean: bool = False) -> SavedState:
        """The state as it is now; what was found on disk stays until something replaces it."""
        session, found = self._session, self.found
        survey = session.survey
        return found.model_copy(update={
            "clean": clean,
            "runs": tuple(run.path for run in survey.runs) if survey is not None else found.runs,
            "detector": survey.detector.identifier if survey is not None and survey.detector else found.detector,
            "spec": session.spec if survey is not None else found.spec,
            "out_folder": session.out_folder,
            "place": dict(session.place),
            "module": session.module,
            "pixel": (session.module, *session.cross) if session.cross else None,
            "region": session.region,
            "arrangement": session.arrangement,
            "overlay": session.overlay & 0xFFFFFFFF,
            "excluded": session.excluded & 0xFFFFFFFF,
            **self._gather(),
        })

    def _write(self, state: SavedState) -> None:
        if self.saves:
            self._tell(write_state(self._folder, state))

    def _tell(self, note: str) -> None:
        if note:
            self._session.say("WARN", note)

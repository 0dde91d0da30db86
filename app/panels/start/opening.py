"""From what an operator types, picks, or drops to the survey of those runs; knows no widgets but signals."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QMimeData, QObject, pyqtSignal

from app.running.background import Background
from app.session.session import Session
from calib_core.errors import CalibrationError, SeveralDetectors
from calib_core.io.locate import label, parse_runs
from calib_core.jobs.survey import Survey, survey
from calib_core.store.constant_paths import stand_alone_in
from calib_core.subjects.on_disk import are_results
from calib_core.typed import parse_path

MOST_RECENT = 20
_WORK = "survey"


class Opener(QObject):
    """Surveys runs away from the window's thread; only the newest request counts.

    Signals
    -------
    busy(text)
        Runs are being looked at.
    failed(sentence)
        They cannot be opened.
    several(identifiers)
        They hold several detectors; one has to be chosen with :meth:`choose`.
    opened()
        The session has the survey.
    recent_changed()
        Another entry is in front of :attr:`recent`.
    """

    busy = pyqtSignal(str)
    failed = pyqtSignal(str)
    several = pyqtSignal(tuple)
    opened = pyqtSignal()
    recent_changed = pyqtSignal()

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._background = session, background
        self.root: Path | None = None
        self.recent: list[str] = []
        self._wanted: tuple[Path, ...] = ()
        session.open_requested.connect(self.open_paths)
        session.task_requested.connect(self.try_paths)

    def open_text(self, text: str) -> None:
        """Open what was typed, such as ``p900450 r12-14`` or paths; also the look-up happens elsewhere."""
        paths = typed_paths(text)
        if are_results(paths):
            self._session.results_requested.emit(paths)
        elif text.strip():
            self._start(f"Looking for {text.strip()} …", lambda: parse_runs(text, self.root), "", ("", ""))

    def open_paths(self, paths: Sequence[Path], detector: str = "", task: tuple[str, str] = ("", "")) -> None:
        """Open run folders, for one detector where they hold several, and for one characterisation."""
        if paths:
            names = ", ".join(label(path) for path in paths)
            self._start(f"Looking at {names} …", lambda: list(paths), detector, task)

    def try_paths(self, paths: Sequence[Path], detector: str, task: tuple[str, str]) -> None:
        """Open runs for a characterisation that may not be able to take them; that is told, and nothing changes."""
        self._background.run(_WORK, lambda: self._look(lambda: list(paths), detector, task), self._done,
                             partial(self._keep_open, " ".join(task)))

    def choose(self, detector: str) -> None:
        """Open the same runs for one of their detectors."""
        self.open_paths(self._wanted, detector)

    def stop(self) -> None:
        """Forget the request that is under way."""
        self._background.drop(_WORK)

    def _start(self, text: str, find: Callable[[], list[Path]], detector: str, task: tuple[str, str]) -> None:
        self.busy.emit(text)
        self._background.run(_WORK, lambda: self._look(find, detector, task), self._done, self._fail)

    def _look(
        self, find: Callable[[], list[Path]], detector: str, task: tuple[str, str]
    ) -> tuple[tuple[Path, ...], Any]:
        """Survey in the worker's thread; the paths come back also where the detector is still open."""
        paths = tuple(find())
        try:
            family, method = task
            return paths, survey(paths, detector=detector, family=family, method=method)
        except SeveralDetectors as error:
            return paths, error

    def _done(self, result: tuple[tuple[Path, ...], Survey | SeveralDetectors]) -> None:
        self._wanted, found = result
        if isinstance(found, SeveralDetectors):
            self.several.emit(found.identifiers)
            return
        self._remember(recent_text(self._wanted))
        self._session.set_survey(found)
        self.opened.emit()

    def _fail(self, error: Exception) -> None:
        sentence = str(error) if isinstance(error, CalibrationError) else f"The runs cannot be opened: {error!r}."
        self._session.say("ERROR", sentence)
        self.failed.emit(sentence)

    def _keep_open(self, task: str, error: Exception) -> None:
        self._session.say("INFO", f"The form stays as it is, since these runs are none for {task}: {error}")
        self.opened.emit()

    def _remember(self, text: str) -> None:
        self.recent = [text, *(t for t in self.recent if t != text)][:MOST_RECENT]
        self.recent_changed.emit()


def typed_paths(text: str) -> tuple[Path, ...]:
    """Paths that were typed, none unless each word is the path of something that is there."""
    try:
        words = [parse_path(word) for word in shlex.split(text)]
    except ValueError:
        return ()
    return tuple(words) if all(word.is_absolute() and word.exists() for word in words) else ()


def recent_text(paths: Sequence[Path]) -> str:
    """Text for the list of recent runs; :func:`calib_core.io.locate.parse_runs` understands it."""
    return shlex.join(str(path) for path in paths)


def dropped(mime: QMimeData) -> tuple[Path, ...]:
    """Folders and files that were dropped and are there."""
    local = (Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())
    return tuple(path for path in local if path.exists())


def dropped_runs(mime: QMimeData) -> tuple[Path, ...]:
    """Run folders among what was dropped, by name; a file stands for the folder that it is in."""
    return tuple(sorted({path if path.is_dir() else path.parent for path in dropped(mime)}))


def accept_drop(session: Session, event: Any) -> bool:
    """Take a drag that enters, or a drop that opens runs or results; False where it holds nothing that is there.

    Files of constants that stand alone cannot be opened: they are looked at for the store.
    Serves ``dragEnterEvent`` as well as ``dropEvent``: only a drop opens.
    """
    paths = dropped(event.mimeData())
    if not paths:
        event.ignore()
        return False
    event.acceptProposedAction()
    if event.type() == event.Type.Drop:
        if stand_alone_in(paths):
            session.injection_requested.emit(paths)
        elif are_results(paths):
            session.results_requested.emit(paths)
        else:
            session.open_runs(dropped_runs(event.mimeData()))
    return True

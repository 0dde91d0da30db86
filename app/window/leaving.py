"""What becomes of running jobs when the window is closed: asked once, and they may go on without a window."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path

from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtNetwork import QLocalServer, QLocalSocket
from PyQt6.QtWidgets import QApplication, QMessageBox, QWidget

from app.running.jobs_model import JobsModel, eta_text, job_label
from calib_core.jobs.job import Job

_PATIENCE = 1000


class Answer(Enum):
    """What to do with running jobs."""

    GO_ON = "go on"
    CANCEL = "cancel"
    STAY = "stay"


class Leaving(QObject):
    """Asks, and keeps the program alive without a window until its jobs have ended or somebody wants it back.

    Parameters
    ----------
    folder : Path
        Of the window's state: another start with the same one finds this program.
    window : QWidget
    first : bool
        Whether no other window has this state; only the first can be found again.

    Signals
    -------
    left()
        The window goes, the jobs go on.
    over()
        There is no window, and the last job has ended.
    """

    left = pyqtSignal()
    over = pyqtSignal()

    def __init__(self, folder: Path, jobs: JobsModel, window: QWidget, first: bool = True) -> None:
        super().__init__(window)
        self.ask: Callable[[Sequence[Job]], Answer] = self._ask
        self.hidden = False
        self._name, self._jobs, self._window, self._first = _server_name(folder), jobs, window, first
        self._server: QLocalServer | None = None
        jobs.ended.connect(self._take_end)

    def ends(self) -> bool:
        """Ask what to do with running jobs, if there are any; whether the program may end."""
        running = self._jobs.running
        answer = self.ask(running) if running else Answer.CANCEL
        if answer is Answer.GO_ON:
            self._hide()
        return answer is Answer.CANCEL

    def _hide(self) -> None:
        """Go on without a window; the terminal is told how to have it back."""
        self.hidden = True
        QApplication.setQuitOnLastWindowClosed(False)
        self._window.hide()
        self.left.emit()
        number = len(self._jobs.running)
        jobs, them = (f"{number} jobs go on", "them") if number > 1 else ("1 job goes on", "it")
        again = f"Start the window again to see {them}." if self._listen() else (
            "It cannot be shown again; the constants are written all the same.")
        print(f"The window is closed; {jobs} in process {os.getpid()}. {again}", file=sys.stderr, flush=True)

    def _listen(self) -> bool:
        """Wait for another start; False where there is another window, or the system refuses."""
        if not self._first:
            return False
        QLocalServer.removeServer(self._name)  # of a program that was killed
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._come_back)
        return self._server.listen(self._name)

    def _come_back(self) -> None:
        assert self._server is not None
        socket = self._server.nextPendingConnection()
        if socket is not None:
            socket.write(b"shown")
            socket.flush()
            socket.disconnectFromServer()
        self._server.close()
        self._server, self.hidden = None, False
        QApplication.setQuitOnLastWindowClosed(True)
        self._window.show()
        self._window.activateWindow()

    def _take_end(self, _job: Job) -> None:
        if self.hidden and not self._jobs.running:
            self.over.emit()

    def _ask(self, running: Sequence[Job]) -> Answer:
        one = len(running) == 1
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Jobs are running")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"{'A job is' if one else f'{len(running)} jobs are'} running.")
        box.setInformativeText("\n".join(map(_line, running)))
        them = "it" if one else "them"
        role = QMessageBox.ButtonRole
        buttons = {
            box.addButton(f"Let {them} go on", role.AcceptRole): Answer.GO_ON,
            box.addButton(f"Cancel {them}", role.DestructiveRole): Answer.CANCEL,
            box.addButton("Stay here", role.RejectRole): Answer.STAY,
        }
        box.exec()
        return next((answer for button, answer in buttons.items() if button is box.clickedButton()), Answer.STAY)


def summon(folder: Path) -> bool:
    """Ask a program that goes on without a window to show it again.

    Parameters
    ----------
    folder : Path
        Of the window's state.

    Returns
    -------
    bool
        Whether there is one, and its window comes.
    """
    socket = QLocalSocket()
    socket.connectToServer(_server_name(folder))
    return socket.waitForConnected(_PATIENCE) and socket.waitForReadyRead(_PATIENCE)


def _server_name(folder: Path) -> str:
    return f"calibwb-{hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]}"


def _line(job: Job) -> str:
    board = job.board
    left = f", {eta_text(board.eta)} to go" if board.eta is not None else ""
    return f"{job_label(job)}: {board.done:.0%}{left}"

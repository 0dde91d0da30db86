"""Keeps the window alive: hooks for uncaught errors, a log on disk, and a watch over the event loop."""

from __future__ import annotations

import faulthandler
import logging
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
from PyQt6.QtCore import (
    QCoreApplication,
    QMessageLogContext,
    QObject,
    Qt,
    QTimer,
    QtMsgType,
    pyqtSignal,
    qInstallMessageHandler,
)

from app.session.state import make_folder
from calib_core.plain_text import PlainFormatter

PROBE_INTERVAL = 20
LONG_GAP = 0.2
STUCK = 2.0
LOG_BYTES = 2 << 20

_log = logging.getLogger("calibwb")
_QT_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}


class Supervisor(QObject):
    """Takes every uncaught error of any thread, logs it and tells the window in one sentence.

    An exception that reaches Qt without a hook ends the process; with it, the window lives.
    """

    failed = pyqtSignal(str)

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.log_path: Path | None = None
        self.errors = 0
        self._folder = folder
        self._fault_file: IO[str] | None = None
        self._had_faults = False
        self._handler: logging.Handler | None = None
        self._before = (sys.excepthook, threading.excepthook)

    def install(self) -> None:
        """Put all hooks in place; to be called before the first widget is made."""
        self._had_faults = faulthandler.is_enabled()
        if not make_folder(self._folder):  # else all goes to the terminal; who keeps the session says so
            self._log_to_disk()
        sys.excepthook = self._uncaught
        threading.excepthook = self._uncaught_in_thread
        qInstallMessageHandler(self._qt_message)

    def _log_to_disk(self) -> None:
        self.log_path = self._folder / "calibwb.log"
        self._handler = RotatingFileHandler(self.log_path, maxBytes=LOG_BYTES, backupCount=2, delay=True)
        self._handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logging.getLogger().addHandler(self._handler)
        self._fault_file = (self._folder / "faults.txt").open("a")
        faulthandler.enable(self._fault_file)

    def uninstall(self) -> None:
        """Put the former hooks back."""
        sys.excepthook, threading.excepthook = self._before
        qInstallMessageHandler(None)
        if self._fault_file is not None:
            faulthandler.disable()
            self._fault_file.close()
        if self._had_faults and sys.__stderr__ is not None:
            faulthandler.enable(sys.__stderr__)
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
            self._handler.close()

    def _uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QCoreApplication.quit()
            return
        self.errors += 1
        _log.error("uncaught error\n%s", "".join(traceback.format_exception(kind, error, trace)))
        self.failed.emit(
            f"Unexpected error: {error or kind.__name__}. The program goes on; details are {self._place}."
        )

    @property
    def _place(self) -> str:
        return f"in {self.log_path}" if self.log_path else "on the terminal"

    def _uncaught_in_thread(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            self._uncaught(args.exc_type, args.exc_value, args.exc_traceback)

    def _qt_message(self, level: QtMsgType, context: QMessageLogContext, text: str | None) -> None:
        _log.log(_QT_LEVELS.get(level, logging.WARNING), "Qt: %s", text)


class LoopProbe(QObject):
    """Measures how late the event loop is, with a timer of its own, and logs where it hangs.

    A thread looks on: while the loop does not answer for long, it logs what the window's thread is doing.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._gaps: deque[float] = deque(maxlen=500)
        self._last = time.perf_counter()
        self._window_thread = threading.get_ident()
        self._ended = threading.Event()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Start measuring."""
        self._last = time.perf_counter()
        self._timer.start(PROBE_INTERVAL)
        threading.Thread(target=self._watch, name="calibwb-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Stop measuring."""
        self._timer.stop()
        self._ended.set()

    def percentile(self, percent: float) -> float:
        """Percentile of the gaps of the last seconds beyond the timer's own interval, ms; 0 without any."""
        return 1e3 * float(np.percentile(list(self._gaps), percent)) if self._gaps else 0.0

    def _tick(self) -> None:
        now = time.perf_counter()
        gap = max(0.0, now - self._last - PROBE_INTERVAL / 1e3)
        self._last = now
        self._gaps.append(gap)
        if gap > LONG_GAP:
            _log.warning("the event loop did not answer for %.0f ms", 1e3 * gap)

    def _watch(self) -> None:
        said_at = 0.0
        while not self._ended.wait(STUCK / 2):
            if time.perf_counter() - self._last > STUCK and self._last != said_at:
                said_at = self._last
                _log.warning("the event loop hangs in\n%s", _stack_of(self._window_thread))


def _stack_of(thread: int) -> str:
    """Where a thread is, the newest call first.

    No frame is held for that: a painter that lives in one would live on when its painting is done, nothing could be
    painted there any more, and another thread would end it.
    """
    with tempfile.TemporaryFile() as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        stacks = file.read().decode(errors="replace").split("\n\n")
    return next((one for one in stacks if f"0x{thread:016x}" in one), "")

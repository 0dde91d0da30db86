"""Start of the window: hooks before the first widget, kernels prepared once it is shown."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PyQt6.QtCore import QCoreApplication, QEvent, QTimer
from PyQt6.QtWidgets import QApplication

from app.running.display import lacking_display
from app.running.supervision import Supervisor
from app.session.state import state_folder
from calib_core.cli.words import Parser
from calib_core.typed import parse_path

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

#: The window's thread waits no longer than this for a thread that holds the interpreter, s.
SWITCH_INTERVAL = 0.0005


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window and return the exit status once it is closed."""
    options = _parser().parse_args(sys.argv[1:] if argv is None else argv)
    os.umask(os.umask(0o022) | 0o022)  # what is written is the owner's alone to write
    sys.setswitchinterval(SWITCH_INTERVAL)
    if QApplication.instance() is None and (why := lacking_display()):
        print(f"calibwb window: {why}", file=sys.stderr)
        return 2
    app = QApplication.instance() or QApplication([sys.argv[0]])
    app.setApplicationName("calibwb")
    supervisor = Supervisor(state_folder())
    supervisor.install()
    try:
        return _run(app, supervisor, options)
    finally:
        supervisor.uninstall()


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="calibwb window", description="Window of the calibration workbench.")
    parser.add_argument("results", metavar="RESULTS", nargs="*", type=parse_path,
                        help="folder of constants or of corrected files, or such files, to look at")
    parser.add_argument("--compare", metavar="RESULTS", type=parse_path, help="what to compare them with")
    parser.add_argument("--theme", choices=("dark", "light"), help="look of the window; kept for the next start")
    parser.add_argument("--runs", metavar="TEXT", action="append", default=[],
                        help="open runs, such as 'p900450 r12-14' or paths; several are opened one after the other")
    parser.add_argument("--start", action="store_true", help="run their jobs as soon as they are known")
    parser.add_argument("--out-folder", type=parse_path, metavar="FOLDER", help="where constants go")
    parser.add_argument("--data-root", type=parse_path, metavar="FOLDER", help="root of the tree of proposals")
    parser.add_argument("--pictures", type=parse_path, metavar="FOLDER",
                        help="save pictures of the window once all is done, then close")
    return parser


def _run(app: QApplication, supervisor: Supervisor, options: argparse.Namespace) -> int:
    from app.running.garbage import Garbage
    from app.running.warmup import Preparation
    from app.window.leaving import summon
    from app.window.main_window import MainWindow
    from app.window.tour import PICTURE_SIZE, Tour
    from calib_core.io.foreign import end_trying

    asked = options.runs or options.results or options.pictures
    if not asked and summon(state_folder()):
        print("The window whose jobs went on is shown again.")
        return 0
    window = MainWindow(state_folder(), supervisor, restores=not (options.runs or options.results))
    if options.theme:
        window.set_theme(options.theme)
    if options.pictures:
        window.resize(*PICTURE_SIZE)
    window.show()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _: _take_signal(window, got))
    preparation = Preparation()
    preparation.progress.connect(window.status.show_kernels)
    QTimer.singleShot(0, lambda: window.background.run("Preparing kernels", preparation.prepare,
                                                    lambda notes: _warn(window, notes)))
    if options.out_folder:
        window.session.out_folder = options.out_folder.absolute()
    if options.data_root:
        window.picker.set_root(options.data_root)
    if options.results:
        window.results.open([path.absolute() for path in options.results],
                              then=[options.compare.absolute()] if options.compare else [])
    tour = Tour(window, options.runs, options.start, options.pictures)
    tour.begin()
    garbage = Garbage()
    garbage.start()
    try:
        status: int = app.exec()
    finally:
        garbage.stop()
        preparation.stop()
        end_trying()
    failed = bool(tour.missed) or any(job.board.error for job in window.jobs.jobs)
    # widgets go before the program does: Python's end would delete them in any order
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    return status or int(failed)


def _warn(window: MainWindow, notes: Sequence[str]) -> None:
    for note in notes:
        window.session.say("WARN", note)


def _take_signal(window: MainWindow, number: int) -> None:
    """End; but a terminal that goes away takes no job with it that was to go on."""
    if not (number == signal.SIGHUP and window.leaving.hidden):
        QTimer.singleShot(0, window.end)


if __name__ == "__main__":
    sys.exit(main())

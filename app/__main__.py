"""Start of the window: hooks before the first widget, kernels prepared once it is shown."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QObject, QTimer, pyqtSignal
from PyQt6.QtWidgets import QApplication

from app.state import state_folder
from app.supervision import Supervisor

#: The window's thread waits no longer than this for a thread that holds the interpreter, s.
SWITCH_INTERVAL = 0.0005
_SETTLE = 500


class _Kernels(QObject):
    """Prepares kernels in the background and tells how far it is."""

    progress = pyqtSignal(int, int)

    def warm_up(self) -> None:
        """Prepare all kernels; runs in a thread."""
        from calib_core.numerics.warmup import warm_up

        warm_up(self.progress.emit)


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window and return the exit status once it is closed."""
    options = _parser().parse_args(sys.argv[1:] if argv is None else argv)
    sys.setswitchinterval(SWITCH_INTERVAL)
    app = QApplication.instance() or QApplication([sys.argv[0]])
    app.setApplicationName("calibwb")
    supervisor = Supervisor(state_folder())
    supervisor.install()
    try:
        return _run(app, supervisor, options)
    finally:
        supervisor.uninstall()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="calibwb", description="Window of the calibration workbench.")
    parser.add_argument("--theme", choices=("dark", "light"), help="look of the window; kept for the next start")
    parser.add_argument("--runs", metavar="TEXT", default="", help="open runs, such as 'p900450 r12-14' or paths")
    parser.add_argument("--start", action="store_true", help="run the job as soon as the runs are known")
    parser.add_argument(
        "--screenshot", type=Path, metavar="FILE",
        help="save a picture of the window once the job has ended, then close",
    )
    return parser


def _run(app: QApplication, supervisor: Supervisor, options: argparse.Namespace) -> int:
    from app.main_window import MainWindow

    window = MainWindow(state_folder(), supervisor)
    if options.theme:
        window.set_theme(options.theme)
    window.show()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: QTimer.singleShot(0, window.close))
    kernels = _Kernels()
    kernels.progress.connect(window.status.show_kernels)
    QTimer.singleShot(0, lambda: window.background.run("Preparing kernels", kernels.warm_up, lambda _: None))
    if options.start:
        window.session.survey_changed.connect(lambda survey: QTimer.singleShot(0, window.form.run))
    if options.runs:
        window.picker.opener.open_text(options.runs)
    if options.screenshot:
        _photograph(window, options)
    return app.exec()


def _photograph(window: object, options: argparse.Namespace) -> None:
    """Save a picture and close: after the job where one is started, else once the window has settled."""
    def take() -> None:
        if not window.grab().save(str(options.screenshot)):
            print(f"The picture {options.screenshot} cannot be written.", file=sys.stderr)
        window.close()

    if options.start:
        window.jobs.ended.connect(lambda _: QTimer.singleShot(_SETTLE, take))
        window.picker.opener.failed.connect(lambda _: QTimer.singleShot(_SETTLE, take))
    else:
        QTimer.singleShot(_SETTLE, take)


if __name__ == "__main__":
    sys.exit(main())

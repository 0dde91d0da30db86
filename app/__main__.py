"""Starts the window."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from app import theme
from app.main_window import MainWindow
from app.state import state_folder
from app.supervision import Supervisor
from calib_core.errors import CalibrationError
from calib_core.io.locate import parse_runs
from calib_core.jobs.survey import survey
from calib_core.numerics.warmup import warm_up

_SIZE = (1680, 1020)


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window; returns the exit status."""
    options = _parser().parse_args(argv)
    sys.setswitchinterval(0.0005)
    supervisor = Supervisor(state_folder())
    supervisor.install()
    application = QApplication.instance() or QApplication(["calibwb"])
    theme.apply(application, options.theme)
    window = MainWindow(supervisor)
    window.resize(*_SIZE)
    if options.out_folder:
        window.session.out_folder = options.out_folder.absolute()
    if options.data_root:
        window.picker.set_root(options.data_root)
    window.show()
    window.background.run("Preparing kernels", warm_up, lambda _: None)
    try:
        _open(window, options)
    except CalibrationError as error:
        window.session.say("ERROR", str(error))
    if options.pictures:
        return _take_pictures(application, window, options.pictures)
    return application.exec()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("calibwb window", description="Open the workbench.")
    parser.add_argument("--theme", choices=sorted(theme.THEMES), default="dark")
    parser.add_argument("--runs", action="append", default=[], help="runs to open, such as: p900450 r12-14")
    parser.add_argument("--start", action="store_true", help="start the darks of the opened runs")
    parser.add_argument("--out-folder", type=Path, help="where constants go")
    parser.add_argument("--data-root", type=Path, help="folder with instruments, cycles and proposals")
    parser.add_argument("--pictures", type=Path, help="write pictures of the window into this folder and end")
    return parser


def _open(window: MainWindow, options: argparse.Namespace) -> None:
    for text in options.runs:
        found = survey(parse_runs(text, options.data_root))
        window.session.set_survey(found)
        if options.start:
            window.session.start(found.spec(window.session.out_folder))


def _take_pictures(application: QApplication, window: MainWindow, folder: Path) -> int:
    """Wait for all jobs and write a picture of the window for each."""
    folder.mkdir(parents=True, exist_ok=True)
    for job in reversed(window.jobs.jobs):
        window.session.set_job(job)
        while not job.wait(0):
            application.processEvents()
        for arrangement in ("assembled", "stacked", "module"):
            window.session.set_arrangement(arrangement)
            _settle(application)
            window.grab().save(str(folder / f"{job.spec.family.lower()}-{arrangement}.png"))
    failed = any(job.board.error for job in window.jobs.jobs)
    window.close()
    return int(failed)


def _settle(application: QApplication) -> None:
    waited: list[bool] = []
    QTimer.singleShot(1500, lambda: waited.append(True))
    while not waited:
        application.processEvents()


if __name__ == "__main__":
    sys.exit(main())

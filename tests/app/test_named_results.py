"""Results that the command line names are looked at as soon as the window is there."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from tests import corrected_files as files

#: Looks at the window from inside its own loop, and tells what it shows.
SCRIPT = """
import sys
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication
from app.__main__ import main
from app.window.main_window import MainWindow
from calib_core.subjects.masked import bare

app = QApplication([])
timer = QTimer(interval=50)

def look():
    for window in app.topLevelWidgets():
        shown = window.session.shown if isinstance(window, MainWindow) else None
        if shown is not None and shown.subject is not None and shown.picture is not None:
            timer.stop()
            print(type(bare(shown.subject)).__name__, shown.subject.title, shown.subject.plane(
                "corrected", 1, {"train": 1, "cell": 0})[3, 5])
            window.end()

timer.timeout.connect(look)
timer.start()
sys.exit(main([sys.argv[1]]))
"""


def test_a_folder_of_corrected_files_is_shown(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    [raw] = files.raw_files(folder, "JUNGFRAU", "JNGFR", trains=2, memory_cells=1, modules="1", proposal=900451,
                            first_run=4)
    of = files.source(files.JUNGFRAU, 1, [1, 1], 1)
    values = files.values(of, 1)
    values["data.memoryCell"] = np.zeros(2, np.uint8)
    files.write(tmp_path / "proc", files.origin_of(raw), [(of, values)])
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "CALIBWB_STATE_DIR": str(tmp_path / "state")}
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path / "proc")], env=environment, timeout=300,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    value = values["data.adc"][1, 3, 5]
    assert done.stdout.split("\n")[0] == f"CorrectedSubject SPB_IRDA_JF4M · p900451 r4 · corrected {value!s}"



"""A window is painted before anything that takes long is imported: nobody waits for kernels to see it."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from pathlib import Path

from PyQt6.QtWidgets import QApplication

from app.widgets.histogram_bar import HistogramBar
from app.widgets.map_canvas import MapCanvas
from app.window.main_window import MainWindow

app = QApplication([])
painted = set()
for kind in (HistogramBar, MapCanvas):
    really = kind.paintEvent
    kind.paintEvent = lambda self, event, of=(really, kind): (painted.add(of[1].__name__), of[0](self, event))[1]
window = MainWindow(Path(sys.argv[1]))
window.show()
for _ in range(20):
    app.processEvents()
print(sorted(painted), [name for name in ("numba", "sklearn", "scipy", "extra_data", "extra_geom", "matplotlib")
                        if name in sys.modules])
"""


def test_it_imports_no_compiler_and_no_library_of_data(tmp_path):
    done = subprocess.run([sys.executable, "-c", CODE, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['HistogramBar', 'MapCanvas'] []", done.stderr

"""Parts of a module that a check told are outlined in the maps, where it holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from fake_job import FakeJob, show
from PyQt6.QtGui import QColor

from app.widgets.tones import tones_of
from calib_core.remarks import Remark

#: ASIC 3 of module 1, in the first memory cell alone.
REMARK = Remark("bad ASIC", 1, "HG", 3.1, 1.5, "", "ASIC 3 of module 1 is noisy.", (3,), ((64, 128, 64, 128),), (0,))


def amber(view) -> int:
    """Number of screen pixels in the colour of outlines."""
    image = view.canvas.grab().toImage()
    wanted = QColor(tones_of(view.palette()).pending).rgb() & 0xFFFFFF
    bits = image.constBits().asarray(image.sizeInBytes())
    found = np.frombuffer(bits, np.uint32).reshape(image.height(), -1) & 0xFFFFFF
    return int(np.count_nonzero(found == wanted))


def test_the_asic_is_outlined_where_it_is_told(open_window, tmp_path, qtbot):
    window = open_window()
    job = FakeJob(modules=2, cells=3, out_folder=tmp_path / "constants")
    show(window, job)
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)

    def view():
        return window.maps.presenter.views[0]

    qtbot.waitUntil(lambda: view()._values is not None)
    before = amber(view())
    job.board = replace(job.board, remarks=(REMARK,))
    window.session.subject_told.emit()
    qtbot.waitUntil(lambda: amber(view()) > before + 40)  # two sides of 64 pixels, however small the map
    outlined = view()._outlined.reshape(2, 512, 128)
    assert outlined[1, 64:128, 64:128].all()
    assert outlined.sum() == 64 * 64
    window.session.look_at({"cell": 2})
    qtbot.waitUntil(lambda: window.session.shown.at["cell"] == 2)
    qtbot.waitUntil(lambda: view()._outlined is None)
    window.session.look_at({"cell": 0})
    qtbot.waitUntil(lambda: view()._outlined is not None)
    show(window, FakeJob(modules=2, cells=3, out_folder=tmp_path / "others"))
    qtbot.waitUntil(lambda: view()._outlined is None)

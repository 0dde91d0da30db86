"""A window on a job of known maps."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PyQt6.QtCore import QCoreApplication, QEvent

from calib_core.detector.registry import declare, detector_type, withdraw

sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("screen")


@pytest.fixture(scope="session")
def loaded():
    """The window's modules, which no collection of garbage goes through again."""
    import app.window.main_window  # noqa: F401

    gc.collect()
    gc.freeze()


#: Collections of what is young before there is one of everything, which takes as long as fifty of them.
YOUNG = 50


def delete_widgets():
    """Delete what asked for it; otherwise it would be given the look of the program once more."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture(autouse=True)
def garbage(qapp, loaded):
    """Collect garbage between tests and at no other time, as the window does.

    A window goes before the next test: pytest holds it until then.
    """
    gc.disable()
    gc.collect(1 if gc.get_count()[2] < YOUNG else 2)
    yield
    delete_widgets()
    gc.collect(0)
    gc.enable()  # tests without a window come between


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    """A store of constants of the test's own, so that nobody's is looked at."""
    monkeypatch.setenv("CALIBWB_STORE", str(tmp_path / "store"))


#: Milliseconds that a test waits for what must come: the machine may be busy.
PATIENCE = 60000


@pytest.fixture
def qtbot(qtbot):
    """Pytest-qt's own, which waits longer: where all is well no test does."""
    qtbot.waitUntil = partial(qtbot.waitUntil, timeout=PATIENCE)
    qtbot.waitSignal = partial(qtbot.waitSignal, timeout=PATIENCE)
    return qtbot


@pytest.fixture
def open_window(qtbot, qapp, tmp_path):
    """Open windows that keep their session in one folder; all are closed at the end."""
    from app.window.leaving import Answer
    from app.window.main_window import MainWindow

    look = qapp.palette(), qapp.style().objectName()
    opened = []

    def make(folder=tmp_path / "state", supervisor=None):
        window = MainWindow(folder, supervisor)
        window.leaving.ask = lambda _: Answer.CANCEL
        opened.append(window)
        window.resize(1280, 800)
        window.show()
        qtbot.waitExposed(window)
        return window

    yield make
    for window in opened:
        window.close()
        window.deleteLater()
    delete_widgets()
    qapp.setStyle(look[1])
    qapp.setPalette(look[0])


@pytest.fixture
def fake_job(tmp_path):
    from fake_job import FakeJob

    return FakeJob(modules=4, cells=32, out_folder=tmp_path / "constants")


@pytest.fixture
def strips():
    """A detector of strips with two memory cells and three gain stages, of which no geometry is known."""
    kind = declare(replace(
        detector_type("AGIPD1M"), name="STRIPS", title="Strips", shape=(1, 1280), asic_shape=(1, 128),
        max_modules=4, max_cells=2, geometry=lambda n: None))
    yield kind
    withdraw("STRIPS")


@pytest.fixture
def strip_job(strips, tmp_path):
    from fake_job import REFINED, FakeJob

    return FakeJob("STRIPS", modules=2, cells=2, out_folder=tmp_path / "constants", maps=REFINED)


@pytest.fixture
def window(open_window, fake_job, qtbot):
    """A window that shows the job's maps, assembled."""
    from fake_job import show

    window = open_window()
    show(window, fake_job)
    qtbot.waitUntil(lambda: window.maps.presenter.placement is not None)
    qtbot.waitUntil(lambda: window.maps.presenter.placement.title == "Assembled")
    return window

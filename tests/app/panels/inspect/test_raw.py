"""The samples of a pixel in the inspector, as they are and behind the steps of the method."""

from __future__ import annotations

from fake_job import FakeJob, show
from PyQt6.QtCore import Qt


def title(samples):
    [plot] = samples.view.plots
    return plot.plot.getPlotItem().titleLabel.text


def test_corrected_samples_are_offered_where_the_method_has_steps(open_window, tmp_path, qtbot):
    window = open_window()
    inspector, job = window.inspector, FakeJob(modules=2, cells=1, out_folder=tmp_path / "constants")
    job.steps = "offset, common mode"
    show(window, job)
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    window.session.set_pixel((0, 3, 4))
    inspector.tabs.setCurrentIndex(2)
    assert inspector.samples.corrected.isHidden()
    qtbot.mouseClick(inspector.samples.read_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not inspector.samples.corrected.isHidden())
    assert "Raw samples" in title(inspector.samples)
    inspector.samples.corrected.click()
    qtbot.waitUntil(lambda: "Corrected samples" in title(inspector.samples))
    assert "offset, common mode" in inspector.samples.corrected.toolTip()


def test_they_are_not_where_it_has_none(open_window, tmp_path, qtbot):
    window = open_window()
    inspector = window.inspector
    show(window, FakeJob(modules=2, cells=1, out_folder=tmp_path / "constants"))
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    window.session.set_pixel((0, 3, 4))
    inspector.samples.presenter.corrected = True  # ticked where another method was shown
    inspector.samples.presenter.explain()
    qtbot.waitUntil(lambda: "samples 500" in inspector.samples.view.numbers.text)
    assert "Raw samples" in title(inspector.samples)
    assert inspector.samples.corrected.isHidden()

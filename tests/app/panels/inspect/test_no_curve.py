"""What the inspector says where there is nothing to draw."""

from __future__ import annotations

from fake_job import FakeJob, show

from app.panels.inspect.inspector_presenter import CURVE_HINT, NO_CURVE


def hint(plot):
    return plot.findChild(type(plot._hint), "plot_hint").text()


def test_results_with_one_value_of_each_pixel_offer_no_curve(open_window, tmp_path, qtbot):
    window = open_window()
    inspector = window.inspector
    assert hint(inspector.curve_plot) == CURVE_HINT
    show(window, FakeJob(modules=2, cells=1, out_folder=tmp_path / "constants"))
    qtbot.waitUntil(lambda: window.session.shown.picture is not None)
    window.session.set_pixel((0, 3, 4))
    assert hint(inspector.curve_plot) == NO_CURVE
    assert inspector.choice.isHidden()
    show(window, FakeJob(modules=2, cells=4, out_folder=tmp_path / "constants"))
    qtbot.waitUntil(lambda: not inspector.curve_plot.is_empty)
    assert not inspector.choice.isHidden()

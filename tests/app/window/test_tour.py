"""The tour that the demo takes without a display."""

from __future__ import annotations

from PyQt6.QtGui import QImage

from app.window import tour
from app.window.tour import Tour
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants


def test_each_job_is_run_and_photographed_in_each_arrangement_and_theme(open_window, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(tour, "_SETTLE", 50)
    settings = default_settings("JUNGFRAU").with_changes({"modules": "1", "trains": 12})
    made = simulate(settings, tmp_path / "data")
    window = open_window()
    window.session.out_folder = tmp_path / "constants"
    Tour(window, [" ".join(map(str, made.runs.values()))], True, tmp_path / "pictures").begin()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=60000)
    assert len(list_constants(tmp_path / "constants")) == 3
    pictures = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    looks = [f"{look}-{theme}" for look in ("assembled", "stacked", "module") for theme in ("dark", "light")]
    assert pictures == sorted(["jungfrau.png", *(f"jungfrau-{look}.png" for look in looks)])
    dark, light = (QImage(str(tmp_path / "pictures" / f"jungfrau-module-{theme}.png")) for theme in ("dark", "light"))
    assert dark.pixelColor(5, dark.height() - 5).lightness() < 100 < light.pixelColor(5, 5).lightness()


def test_runs_that_cannot_be_opened_do_not_stop_the_tour(open_window, qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(tour, "_SETTLE", 10)
    window = open_window()
    Tour(window, [str(tmp_path / "nothing here")], True, tmp_path / "pictures").begin()
    qtbot.waitUntil(lambda: not window.isVisible(), timeout=20000)
    assert not list((tmp_path / "pictures").iterdir())

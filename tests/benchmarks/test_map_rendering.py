"""Time from a change of state to painted maps, beside pyqtgraph's ImageItem with the same picture."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
import pyqtgraph as pg
import pytest
from PyQt6.QtWidgets import QApplication, QGridLayout, QWidget

from app.widgets.camera import CameraModel
from app.widgets.colour import colour_table, flag_table
from app.widgets.map_view import MapView

SHAPE = (16, 512, 128)
SIDE = 1024
ROUNDS = 60
TITLES = ("Offset", "Noise", "Relative gain", "Thresholds")


@pytest.fixture(scope="module")
def scene():
    """A layout of 1 Mpx in 2 columns of 8 modules on their sides, values of a few memory cells, and flags."""
    rng = np.random.default_rng(0)
    numbers = np.arange(np.prod(SHAPE), dtype=np.int32).reshape(2, 8, 512, 128)
    index = np.ascontiguousarray(numbers.transpose(1, 3, 0, 2).reshape(SIDE, SIDE))
    cells = rng.normal(5500, 100, (4, *SHAPE)).astype("f4")
    flags = (rng.random(SHAPE) < 0.01).astype("u4") << rng.integers(0, 20, SHAPE).astype("u4")
    return index, cells, flags


def make_window(qtbot, scene, count: int, size: tuple[int, int]) -> tuple[QWidget, list[MapView]]:
    index, cells, flags = scene
    window, camera = QWidget(), CameraModel()
    qtbot.addWidget(window)
    layout = QGridLayout(window)
    views = [MapView() for _ in range(count)]
    for place, view in enumerate(views):
        view.set_camera(camera)
        view.set_placement(index, SHAPE)
        view.set_map(cells[place % 4], "ADU", TITLES[place])
        view.set_flags(flags)
        view.set_overlay(0xFFFFFFFF, visible=True)
        layout.addWidget(view, place // 2, place % 2)
    window.resize(*size)
    window.show()
    qtbot.waitExposed(window)
    qtbot.wait(150)
    return window, views


def painted(views: list[MapView], change: Callable[[], object]) -> Callable[[], None]:
    """Make a call that changes something and returns when all views have been painted."""

    def call() -> None:
        before = [view.paint_count for view in views]
        change()
        while any(view.paint_count == count for view, count in zip(views, before, strict=True)):
            QApplication.processEvents()

    return call


def times(call: Callable[[], object]) -> np.ndarray:
    """Milliseconds of each of the rounds."""
    call()
    found = []
    for _ in range(ROUNDS):
        start = perf_counter()
        call()
        found.append(1000 * (perf_counter() - start))
    return np.array(found)


@pytest.fixture
def report(bars):
    def tell(name: str, ours: np.ndarray, goal: float, other: np.ndarray | None = None) -> None:
        times = {"median": float(np.median(ours)), "p95": float(np.percentile(ours, 95))}
        beside = "" if other is None else (
            f"pyqtgraph's ImageItem {np.median(other):.1f} ms, ratio={np.median(other) / np.median(ours):.2f} ")
        bars.times(name, times, {"median": goal}, beside)

    return tell


class PaintedPlot(pg.GraphicsView):
    """Graphics view that counts its paintings."""

    count = 0

    def paintEvent(self, event):
        super().paintEvent(event)
        self.count += 1


def image_items(qtbot, scene, size) -> tuple[PaintedPlot, list[pg.ImageItem]]:
    """Show the same picture by ImageItems: one of the values, one of the flags as RGBA over it."""
    index, cells, flags = scene
    plot = PaintedPlot()
    qtbot.addWidget(plot)
    box = pg.ViewBox(lockAspect=True, invertY=True, enableMenu=False)
    plot.setCentralItem(box)
    lut = colour_table("viridis").view(np.uint8).reshape(-1, 4)[:, [2, 1, 0]]
    values = pg.ImageItem(cells[0].reshape(-1)[index], lut=lut, levels=(5200, 5800))
    shown = flags.reshape(-1)[index]
    lowest = np.where(shown > 0, np.log2(np.maximum(shown & -shown.astype("i8"), 1)), 0).astype(int)
    rgba = np.where(shown > 0, flag_table()[lowest], 0).astype("u4").view(np.uint8).reshape(SIDE, SIDE, 4)
    overlay = pg.ImageItem(np.ascontiguousarray(rgba[..., [2, 1, 0, 3]]), levels=None)
    box.addItem(values)
    box.addItem(overlay)
    plot.resize(*size)
    plot.show()
    qtbot.waitExposed(plot)
    qtbot.wait(150)
    return plot, [values, overlay]


def changing_levels(apply: Callable[[float, float], object]) -> Callable[[], None]:
    state = {"low": 5200.0}

    def change() -> None:
        state["low"] += 0.5
        apply(state["low"], 5800.0)

    return change


def test_one_map_is_recoloured(qtbot, scene, report):
    _window, views = make_window(qtbot, scene, 1, (1140, 1070))
    canvas = views[0].canvas
    assert canvas.width() * canvas.height() > 1_000_000
    plot, (values, _) = image_items(qtbot, scene, (canvas.width(), canvas.height()))

    def other() -> None:
        count = plot.count
        move()
        while plot.count == count:
            QApplication.processEvents()

    move = changing_levels(lambda low, high: values.setLevels((low, high)))
    ours = painted(views, changing_levels(views[0].set_levels))
    report("map_recolour_1mpx_with_flags", times(ours), 20, times(other))


def test_flags_are_toggled(qtbot, scene, report):
    _window, views = make_window(qtbot, scene, 1, (1140, 1070))
    state = {"bits": 0xFFFFFFFF}

    def toggle() -> None:
        state["bits"] ^= 0xFF
        views[0].set_overlay(state["bits"], visible=True)

    report("map_flag_toggle_1mpx", times(painted(views, toggle)), 20)


def test_four_maps_are_recoloured(qtbot, scene, report):
    _window, views = make_window(qtbot, scene, 4, (1000, 900))
    change = changing_levels(lambda low, high: [view.set_levels(low, high) for view in views])
    report("map_recolour_four", times(painted(views, change)), 40)


def test_key_step_repaints_four_maps(qtbot, scene, report):
    _, cells, flags = scene
    _window, views = make_window(qtbot, scene, 4, (1000, 900))
    state = {"cell": 0}

    def step() -> None:
        state["cell"] += 1
        for place, view in enumerate(views):
            view.set_map(cells[(state["cell"] + place) % 4], "ADU", TITLES[place])
            view.set_flags(flags)

    report("map_key_step_four", times(painted(views, step)), 50)

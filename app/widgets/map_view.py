"""A map with its title, its picture and its colour bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QEvent, QPoint, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QGridLayout, QWidget

from app.widgets import colour
from app.widgets.camera import CameraModel
from app.widgets.histogram_bar import HistogramBar
from app.widgets.levels import good_sample, percentile_levels, sample_places, share_flagged
from app.widgets.map_canvas import MapCanvas
from app.widgets.map_picture import PaintedMap
from app.widgets.map_title import MapTitle
from app.widgets.placement import Pixel, Placement
from app.widgets.tones import is_dark

ALL_FLAGS = 0xFFFFFFFF


class MapView(QWidget):
    """One map: values of (modules, slow_scan, fast_scan), or flags when the values are uint32.

    Nothing is coloured or counted while the view is hidden. ``level_changed`` tells levels that the operator has
    set on the bar, not those that follow from percentiles; ``levels_reset`` that these are wanted again.
    """

    pixel_hovered = pyqtSignal(object)
    pixel_clicked = pyqtSignal(int, int, int)
    level_changed = pyqtSignal(float, float)
    levels_reset = pyqtSignal()
    menu_requested = pyqtSignal(QPoint)
    painted = pyqtSignal(float)
    region_marked = pyqtSignal(str, tuple)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._placement: Placement | None = None
        self._default_placement = False
        self._values: np.ndarray | None = None
        self._flags: np.ndarray | None = None
        self._level_values: list[np.ndarray] = []
        self._is_flag_map = False
        self._selected, self._overlay, self._excluded = ALL_FLAGS, False, ALL_FLAGS
        self._coverage: np.ndarray | None = None
        self._region: np.ndarray | None = None
        self._outlined: np.ndarray | None = None
        self._colour_map, self._scale, self._reverse = "viridis", "linear", False
        self._flag_colours = colour.flag_table()
        self._percentiles: tuple[float, float] | None = (1.0, 99.0)
        self._middle: float | None = None
        self._levels = (0.0, 1.0)
        self._levels_stale, self._bar_stale = True, False
        self._build()
        self._histogram_tick = QTimer(self, singleShot=True, interval=60)
        self._histogram_tick.timeout.connect(self._count)

    def _build(self) -> None:
        self._title = MapTitle(self)
        self.canvas = MapCanvas(self)
        self.bar = HistogramBar(self)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._title, 0, 0)
        layout.addWidget(self.canvas, 1, 0)
        layout.addWidget(self.bar, 0, 1, 2, 1)
        layout.setRowStretch(1, 1)
        layout.setColumnStretch(0, 1)
        self.canvas.hovered.connect(self.pixel_hovered)
        self.canvas.clicked.connect(self.pixel_clicked)
        self.canvas.painted.connect(self.painted)
        # maps come before the bars beside them
        self.canvas.painted.connect(self._tell_bar, Qt.ConnectionType.QueuedConnection)
        self.canvas.marked.connect(self.region_marked)
        self.canvas.menu_requested.connect(self.menu_requested)
        self.canvas.view_changed.connect(lambda: self._histogram_tick.start())
        self.bar.levels_dragged.connect(self._take_levels)
        self.bar.auto_requested.connect(self._reset_levels)

    # -- data

    def set_placement(self, index: np.ndarray, shape: Pixel, names: Sequence[str] = ()) -> None:
        """Use a layout: (rows, columns) int32 of flat indices into ``shape``, -1 where there is no pixel.

        A map of another shape is forgotten, since it no longer fits. ``names`` are those of the modules.
        """
        self._use(Placement(index, shape, names))
        self._default_placement = False

    def _use(self, placement: Placement) -> None:
        if self._placement is not None and self._placement.shape != placement.shape:
            self._values = self._flags = None
            self._level_values = []
            self.canvas.set_flags(None, 0, self._flag_colours)
            self.canvas.set_picture(None, None)
            self.canvas.set_coverage(None)
            self.set_region(None)
            self.set_outlined(None)
        self._placement = placement
        self.canvas.set_placement(placement)
        self._schedule()

    def set_map(self, values: np.ndarray, unit: str = "", title: str = "", counted: str = "") -> None:
        """Show values: (modules, slow_scan, fast_scan) float32, or uint32 for a map of flags.

        The array is kept, not copied, and must not be changed afterwards.
        """
        values = np.asarray(values)
        if self._placement is None or (self._default_placement and self._placement.shape != values.shape):
            self._use(Placement.stacked(values.shape))
            self._default_placement = True
        self._is_flag_map = values.dtype == np.uint32
        self._values = self._flat(values, np.uint32 if self._is_flag_map else np.float32)
        self._title.show_map(title, unit, counted)
        self.bar.set_unit(unit)
        self._schedule()

    def set_flags(self, flags: np.ndarray | None) -> None:
        """Use bad-pixel flags, (modules, slow_scan, fast_scan) uint32, for the overlay and the statistics."""
        self._flags = None if flags is None else self._flat(np.asarray(flags), np.uint32)
        self._schedule()

    def set_errors(self, errors: np.ndarray | None) -> None:
        """Take errors of the values; an image has no place for them."""

    def set_level_values(self, values: Sequence[np.ndarray]) -> None:
        """Let levels follow the percentiles of other values of the same shape; none for those of the map itself."""
        self._level_values = [self._flat(np.asarray(one), np.float32) for one in values]
        self._schedule()

    def clear(self) -> None:
        """Forget map, flags and coverage; the layout stays."""
        self._values = self._flags = None
        self._level_values = []
        self._title.clear()
        self.set_coverage(None)
        self._schedule()

    def _flat(self, array: np.ndarray, dtype: type) -> np.ndarray:
        if self._placement is None or array.shape != self._placement.shape:
            expected = None if self._placement is None else self._placement.shape
            raise ValueError(
                f"an array of shape {array.shape} does not fit the layout, which is for {expected}"
            )
        return np.ascontiguousarray(array, dtype).reshape(-1)

    def set_coverage(self, coverage: np.ndarray | None) -> None:
        """Show how much of each module has been read, (modules,) from 0 to 1; None when all is there."""
        self._coverage = None if coverage is None else np.asarray(coverage, float)
        self._schedule()

    def set_region(self, region: np.ndarray | None) -> None:
        """Draw the border of a region: (modules, slow_scan, fast_scan) bool; None for none."""
        if region is None:
            self._region = None
        elif self._region is None or self._region.base is not region:
            self._region = self._flat(region, bool)
        self.canvas.set_region(self._region)

    def set_outlined(self, pixels: np.ndarray | None) -> None:
        """Draw the border of what is remarkable: (modules, slow_scan, fast_scan) bool; None for nothing."""
        if pixels is None:
            self._outlined = None
        elif self._outlined is None or self._outlined.base is not pixels:
            self._outlined = self._flat(pixels, bool)
        self.canvas.set_outlined(self._outlined)

    def set_tool(self, form: str) -> None:
        """Mark a region of a form by the next drag on the map; empty for none any more."""
        self.canvas.set_tool(form)

    # -- looks

    def set_overlay(self, selected_bits: int, visible: bool = True) -> None:
        """Choose the flags that are drawn, and whether they are drawn over values too."""
        changed = (selected_bits, visible) != (self._selected, self._overlay)
        self._selected, self._overlay = selected_bits, visible
        if changed:
            self._schedule()

    def set_excluded(self, bits: int) -> None:
        """Choose the flags whose pixels are left out of percentiles and histogram, drawn or not."""
        if bits != self._excluded:
            self._excluded = bits
            self._schedule()

    def set_levels(self, low: float, high: float) -> None:
        """Fix the values of the first and the last colour."""
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ValueError(f"colour levels must be two rising numbers, not {low} and {high}")
        self._percentiles, self._levels = None, (float(low), float(high))
        self._schedule()

    def set_percentiles(self, low: float, high: float, middle: float | None = None) -> None:
        """Let the levels follow each new map; with ``middle`` they lie symmetrically about that value."""
        if not 0 <= low < high <= 100:
            raise ValueError(f"percentiles must be rising numbers from 0 to 100, not {low} and {high}")
        self._percentiles, self._middle = (low, high), middle
        self._schedule()

    def fit_levels_to_view(self) -> None:
        """Fix the levels at the percentiles of the pixels in sight."""
        self._levels = percentile_levels(
            self._sample(in_sight=True), *(self._percentiles or (1.0, 99.0))
        )
        self._percentiles = None
        self._schedule()

    def set_scale(self, scale: str) -> None:
        """Choose how colours follow values between the levels: linear, log, sqrt or asinh."""
        colour.colour_table(self._colour_map, scale)
        self._scale = scale
        self._schedule()

    def set_colour_map(self, name: str, reverse: bool = False) -> None:
        """Choose the colours by name, one of ``colour.COLOUR_MAPS``."""
        colour.colour_table(name, self._scale)
        self._colour_map, self._reverse = name, reverse
        self._schedule()

    def set_camera(self, camera: CameraModel) -> None:
        """Look through a camera shared with other maps."""
        self.canvas.set_camera(camera)
        if self._levels_stale:
            self._schedule()

    def set_crosshair(self, module: int | None, row: int | None = None, col: int | None = None) -> None:
        """Mark the selected pixel; None removes the mark."""
        self.canvas.set_selected(None if module is None else (module, row or 0, col or 0))

    # -- what is being shown

    @property
    def levels(self) -> tuple[float, float]:
        """Values of the first and the last colour."""
        return self._levels

    @property
    def percentiles(self) -> tuple[float, float] | None:
        """Percentiles that the levels follow, None when the levels are fixed."""
        return self._percentiles

    @property
    def paint_count(self) -> int:
        """How often the picture has been painted."""
        return self.canvas.paint_count

    @property
    def last_paint(self) -> float:
        """Time of the last painting, on the clock of ``time.perf_counter``."""
        return self.canvas.last_paint

    def value_at(self, module: int, row: int, col: int) -> float | int | None:
        """Return the value of a detector pixel as it is, whatever its flags; None without a map."""
        if self._values is None:
            return None
        return self._values.reshape(self._placement.shape)[module, row, col].item()

    def image(self) -> QImage:
        """Return the picture with title and colour bar as it is on the screen."""
        self._refresh()
        self._tell_bar()
        self._count()
        return self.grab().toImage()

    def painted_map(self) -> PaintedMap | None:
        """Return the map as it is on the screen, for a picture in a file; None without one."""
        self._refresh()
        if self._values is None or self._placement is None:
            return None
        flags, drawn = (self._values, self._selected) if self._is_flag_map else (
            self._flags, self._selected if self._overlay else 0)
        values = None if self._is_flag_map else self._values
        return PaintedMap(self._placement.index, values, flags, drawn, self._paint(), self._placement.names,
                          self._placement.module_boxes, self._region)

    # -- from state to picture

    def _schedule(self) -> None:
        self._levels_stale = True
        if self.isVisible():
            self._ask()

    def _ask(self) -> None:
        self.canvas.camera.turns.ask(self._bring_up_to_date)

    def _bring_up_to_date(self) -> None:
        """Make the picture in one turn: those of all maps at once would keep the operator waiting.

        All are painted together, since whatever is painted at once has Qt go through the whole window.
        """
        if self._levels_stale:
            self._refresh()
            self.canvas.prepare()

    def _refresh(self) -> None:
        if not self._levels_stale:
            return
        self._levels_stale = False
        self.canvas.set_coverage(self._coverage)
        if self._values is None:
            self.canvas.set_picture(None, None)
            self.bar.set_message("")
        elif self._is_flag_map:
            self.canvas.set_flags(self._values, self._selected, self._flag_colours)
            self.canvas.set_picture(None, self._paint())
            self._histogram_tick.start()
        else:
            self._show_values()

    def _show_values(self) -> None:
        if self._percentiles is not None:
            samples = [self._sample(values) for values in self._level_values] or [self._sample()]
            low, high = percentile_levels(np.concatenate(samples), *self._percentiles)
            if self._middle is not None:
                reach = max(high - self._middle, self._middle - low, 1e-12)
                low, high = self._middle - reach, self._middle + reach
            self._levels = (low, high)
        self._bar_stale = True
        self.canvas.set_flags(self._flags, self._selected if self._overlay else 0, self._flag_colours)
        self.canvas.set_picture(self._values, self._paint())

    def _tell_bar(self) -> None:
        """Give the bar the values and levels of the map that is painted."""
        if not self._bar_stale or self._values is None or self._is_flag_map:
            return
        self._bar_stale = False
        self.bar.set_sample(self._sample(in_sight=True))
        self.bar.set_levels(*self._levels)
        only = self._only_value() if self._percentiles is not None else None
        if only is None:
            self.bar.set_colours(self._table())
        else:  # a scale would look as if there were something to see
            self.bar.set_message(f"all\n{only:g}")

    def _only_value(self) -> float | None:
        """Value of the whole map where there is but one."""
        sample = self._sample()
        if not self._values.size or (sample.size and (sample != sample[0]).any()):
            return None
        low, high = np.fmin.reduce(self._values, axis=None), np.fmax.reduce(self._values, axis=None)
        return float(low) if low == high else None

    def _paint(self) -> colour.Paint:
        ground = colour.DARK_GROUND if is_dark(self.palette()) else colour.LIGHT_GROUND
        return colour.Paint(self._table(), *self._levels, ground)

    def _table(self) -> np.ndarray:
        instead = {} if is_dark(self.palette()) else colour.IN_LIGHT
        return colour.colour_table(instead.get(self._colour_map, self._colour_map), self._scale, self._reverse)

    def _sample(self, values: np.ndarray | None = None, in_sight: bool = False) -> np.ndarray:
        """Good values of the map, or of others that go with it."""
        if self._values is None or self._is_flag_map:
            return np.empty(0, np.float32)
        values = self._values if values is None else values
        flags, excluded, index = self._flags, self._excluded, self._placement.index
        whole = (0, index.shape[0], 0, index.shape[1])
        window = self.canvas.viewport().window(index.shape) if in_sight else whole
        linked = self.canvas.camera
        places = linked.places.of((index,), window, lambda: sample_places(index, window))
        return linked.samples.of((values, flags, places), excluded,
                                 lambda: good_sample(values, flags, excluded, places))

    def _count(self) -> None:
        if not self._is_flag_map or self._values is None:
            self.bar.set_sample(self._sample(in_sight=True))
            return
        # modules that nothing was read of have no flags yet
        begun = np.ones(1, bool) if self._coverage is None else self._coverage > 0
        bad = share_flagged(self._values, self._selected, self._placement.index, begun)
        self.bar.set_message(f"{bad:.2%}\nflagged")

    def _take_levels(self, low: float, high: float) -> None:
        self.set_levels(low, high)
        self.level_changed.emit(low, high)

    def _reset_levels(self) -> None:
        self.set_percentiles(1.0, 99.0, self._middle)
        self.levels_reset.emit()

    def showEvent(self, event) -> None:
        """Bring the picture up to date."""
        super().showEvent(event)
        self._ask()

    def changeEvent(self, event) -> None:
        """Follow the theme: the ground has another colour, and so have differences."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and not self._levels_stale and self._values is not None:
            if self.bar.has_scale:
                self.bar.set_colours(self._table())
            self.canvas.set_picture(None if self._is_flag_map else self._values, self._paint())

"""A map of strips as curves, one per module, with its title."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from app.widgets import colour
from app.widgets.levels import percentile_levels
from app.widgets.map_title import MapTitle
from app.widgets.placement import Pixel
from app.widgets.series_plot import SeriesPlot

#: Room above and below the levels, as a share of their distance.
_MARGIN = 0.3
#: More modules show the error band of the selected one only, else bands hide each other.
_MOST_BANDS = 3
#: Least width of the plot in a file, in its pixels.
_PAPER_WIDTH = 1200


class CurveView(QWidget):
    """One map of (modules, 1, strips): a curve per module with its error, flagged strips marked.

    Its face is that of :class:`app.widgets.map_view.MapView`; flags (uint32 values) are shown as ticks at the
    numbers of their bits. The range of the values follows percentiles of the good strips, widened a little.
    """

    pixel_hovered = pyqtSignal(object)
    pixel_clicked = pyqtSignal(int, int, int)
    menu_requested = pyqtSignal(QPoint)
    strips_marked = pyqtSignal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shape: Pixel = (0, 0, 0)
        self._modules: Sequence[int] = ()
        self._names: tuple[str, ...] = ()
        self._values: np.ndarray | None = None
        self._flags: np.ndarray | None = None
        self._errors: np.ndarray | None = None
        self._level_values: list[np.ndarray] = []
        self._coverage: np.ndarray | None = None
        self._region: np.ndarray | None = None
        self._outlined: np.ndarray | None = None
        self._drawing = False
        self._first: float | None = None
        self._middle: float | None = None
        self._selected_bits, self._overlay, self._excluded = 0xFFFFFFFF, False, 0xFFFFFFFF
        self._percentiles: tuple[float, float] | None = (1.0, 99.0)
        self._levels = (0.0, 1.0)
        self._pixel: Pixel | None = None
        self._unit = ""
        self._flag_colours = colour.flag_table()
        self._title = MapTitle(self)
        self.series = SeriesPlot(self, "no map")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self._title)
        layout.addWidget(self.series, 1)
        self._tick = QTimer(self, singleShot=True, interval=0)
        self._tick.timeout.connect(self.refresh)
        self.series.plot.scene().sigMouseClicked.connect(self._clicked)
        self.series.plot.scene().sigMouseMoved.connect(self._moved)
        self.series.plot.viewport().installEventFilter(self)

    # -- data

    def set_placement(self, index: np.ndarray, shape: Pixel, names: Sequence[str] = ()) -> None:
        """Show the modules that a layout shows; arrays of another shape are forgotten."""
        if shape != self._shape:
            self._forget()
        self._shape = shape
        self._modules = np.unique(index[index >= 0] // (shape[1] * shape[2])).tolist()
        self._names = tuple(names) or tuple(f"m{module}" for module in range(shape[0]))
        self._schedule()

    def set_map(self, values: np.ndarray, unit: str = "", title: str = "", counted: str = "") -> None:
        """Show values: (modules, 1, strips) float32, or uint32 for flags; kept, not copied."""
        self._values = self._flat(values)
        self._title.show_map(title, unit, counted)
        self._unit = unit
        self._schedule()

    def set_errors(self, errors: np.ndarray | None) -> None:
        """Draw a band of ± these errors, (modules, 1, strips); None for no band."""
        self._errors = self._flat(errors)
        self._schedule()

    def set_level_values(self, values: Sequence[np.ndarray]) -> None:
        """Let the range follow other values of the same shape; none for those of the map itself."""
        self._level_values = [self._flat(one) for one in values]
        self._schedule()

    def set_flags(self, flags: np.ndarray | None) -> None:
        """Use bad-pixel flags, (modules, 1, strips) uint32, for marks and range."""
        self._flags = self._flat(flags)
        self._schedule()

    def set_coverage(self, coverage: np.ndarray | None) -> None:
        """Tell in the legend how much of each module has been read, (modules,) from 0 to 1; None when all."""
        self._coverage = coverage
        self._schedule()

    def clear(self) -> None:
        """Forget map, flags and errors."""
        self._forget()
        self._title.clear()
        self._schedule()

    def _forget(self) -> None:
        self._values = self._flags = self._errors = None
        self._level_values = []

    def _flat(self, array: np.ndarray | None) -> np.ndarray | None:
        if array is not None and array.shape != self._shape:
            raise ValueError(f"an array of shape {array.shape} does not fit curves for {self._shape}")
        return None if array is None else array.reshape(self._shape[0], -1)

    def set_region(self, region: np.ndarray | None) -> None:
        """Shade the strips of a region: (modules, 1, strips) bool; None for none."""
        self._region = None if region is None else region.any(axis=(0, 1))
        self._schedule()

    def set_outlined(self, pixels: np.ndarray | None) -> None:
        """Outline remarkable strips: (modules, 1, strips) bool; None for none."""
        self._outlined = None if pixels is None else pixels.any(axis=(0, 1))
        self._schedule()

    def set_tool(self, form: str) -> None:
        """Mark strips by the next drag, whatever the form; empty for none any more."""
        self._drawing, self._first = bool(form), None
        self.setCursor(Qt.CursorShape.CrossCursor if form else Qt.CursorShape.ArrowCursor)

    # -- looks

    def set_overlay(self, selected_bits: int, visible: bool = True) -> None:
        """Choose the flags that are drawn, and whether strips with them are marked on values too."""
        self._selected_bits, self._overlay = selected_bits, visible
        self._schedule()

    def set_excluded(self, bits: int) -> None:
        """Choose the flags whose strips are left out of the range."""
        self._excluded = bits
        self._schedule()

    def set_percentiles(self, low: float, high: float, middle: float | None = None) -> None:
        """Let the range of the values follow percentiles of the good strips, symmetric about a middle if there is."""
        self._percentiles, self._middle = (low, high), middle
        self._schedule()

    def set_levels(self, low: float, high: float) -> None:
        """Fix the range of the values."""
        self._percentiles, self._levels = None, (low, high)
        self._schedule()

    def set_colour_map(self, name: str) -> None:
        """Take a colour map; curves have the colours of their modules, so nothing changes."""

    def set_crosshair(self, module: int | None, row: int | None = None, col: int | None = None) -> None:
        """Mark the selected strip by a line and a ring on the curve of its module; None removes both."""
        before, self._pixel = self._pixel, None if module is None else (module, row or 0, col or 0)
        # the module of the error band may be another one
        if self._pixel is None or before is None or self._pixel[0] != before[0]:
            self._schedule()
        else:
            self._mark_selected()

    def link(self, other: CurveView) -> None:
        """Show the same strips as another view."""
        self.series.plot.setXLink(other.series.plot)

    def fit(self) -> None:
        """Show all strips and the range of the values."""
        if self._values is not None and self._values.shape[1]:
            self.series.plot.setXRange(0, self._values.shape[1] - 1, padding=0.02)
            self.series.plot.setYRange(*self._range(), padding=0)

    @property
    def levels(self) -> tuple[float, float]:
        """Percentiles of the good strips, or the levels that were set."""
        return self._levels

    def value_at(self, module: int, row: int, col: int) -> float | int | None:
        """Return the value of a strip as it is, whatever its flags; None without a map."""
        return None if self._values is None else self._values.reshape(self._shape)[module, row, col].item()

    def image(self) -> QImage:
        """Return the plot with its title as it is on the screen."""
        self.refresh()
        return self.grab().toImage()

    def paper_image(self) -> QImage:
        """Return the plot without its title as it is drawn, for a picture in a file."""
        self.refresh()
        return self.series.paper_image(_PAPER_WIDTH)

    # -- from state to plot

    def _schedule(self) -> None:
        if self.isVisible():
            self._tick.start()

    def refresh(self) -> None:
        """Bring the plot up to date."""
        fresh = self.series.is_empty
        self.series.clear()
        if self._values is None or not len(self._modules):
            return
        self.series.set_labels("", "strip", "flag bit" if self._are_flags else self._unit)
        self._draw_flags() if self._are_flags else self._draw_values()
        if self._region is not None:
            self.series.shade(self._region)
        if self._outlined is not None:
            self.series.shade(self._outlined, filled=False)
        self._mark_selected()
        if fresh:
            self.fit()
        else:
            self.series.plot.setYRange(*self._range(), padding=0)

    @property
    def _are_flags(self) -> bool:
        return self._values is not None and self._values.dtype == np.uint32

    def _mark_selected(self) -> None:
        if self.series.is_empty or self._values is None:  # what is forgotten stays drawn until the next refresh
            return
        if self._pixel is None or self._pixel[0] not in self._modules:
            self.series.set_marker(None)
            return
        module, strip = self._pixel[0], self._pixel[1] * self._shape[2] + self._pixel[2]
        value = np.nan if self._are_flags else float(self._values[module, strip])
        self.series.set_marker(strip, value)

    def _with(self, module: int, bits: int) -> np.ndarray:
        """Which strips of a module have one of some flags."""
        if self._flags is None:
            return np.zeros(self._values.shape[1], bool)
        return (self._flags[module] & np.uint32(bits)) != 0

    def _draw_values(self) -> None:
        strips = np.arange(self._values.shape[1])
        chosen = self._pixel[0] if self._pixel is not None else self._modules[0]
        for module in self._modules:
            band = self._errors is not None and (len(self._modules) <= _MOST_BANDS or module == chosen)
            self.series.add_curve(strips, self._values[module], self._errors[module] if band else None,
                                  self._label(module))
        if self._overlay:
            for module in self._modules:
                self._mark_bad(module)

    def _mark_bad(self, module: int) -> None:
        """Mark flagged strips on their curve, at the edge of the range where they lie outside or have no value."""
        bad = np.flatnonzero(self._with(module, self._selected_bits))
        low, high = self._range()
        inner = np.clip(np.nan_to_num(self._values[module, bad], nan=low), low, high)
        bits = self._flags[module, bad] & np.uint32(self._selected_bits) if len(bad) else ()
        self.series.add_marks(bad, inner, [self._colour_of(int(one)) for one in bits])

    def _draw_flags(self) -> None:
        """One tick per strip and flag, modules side by side within the height of a bit."""
        for place, module in enumerate(self._modules):
            shift = 0.6 * ((place + 0.5) / len(self._modules) - 0.5)
            self.series.add_curve(np.empty(0), np.empty(0), None, self._label(module))
            for bit in range(32):
                chosen = np.uint32(1 << bit & self._selected_bits)
                hit = np.flatnonzero(self._values[module] & chosen)
                colours = [self._colour_of(1 << bit)] * len(hit)
                self.series.add_marks(hit, np.full(len(hit), bit + shift), colours, size=5)

    def _colour_of(self, bits: int) -> str:
        return f"#{int(self._flag_colours[colour.first_bit(bits)]) & 0xFFFFFF:06x}"

    def _label(self, module: int) -> str:
        part = 1.0 if self._coverage is None else float(self._coverage[module])
        return self._names[module] if part >= 1 else f"{self._names[module]} · {part:.0%}"

    def _range(self) -> tuple[float, float]:
        if self._are_flags:
            bits = int(np.bitwise_or.reduce(self._values[self._modules], axis=None)) & self._selected_bits
            return -1.0, float(max(bits.bit_length(), 4))
        if self._percentiles is not None:
            self._levels = percentile_levels(self._good(), *self._percentiles)
            if self._middle is not None:
                reach = max(self._levels[1] - self._middle, self._middle - self._levels[0], 1e-12)
                self._levels = (self._middle - reach, self._middle + reach)
        low, high = self._levels
        margin = _MARGIN * (high - low)
        return low - margin, high + margin

    def _good(self) -> np.ndarray:
        good = [values[module][~self._with(module, self._excluded)]
                for values in self._level_values or [self._values] for module in self._modules]
        found = np.concatenate(good)
        return found[np.isfinite(found)]

    # -- mouse

    def _pixel_at(self, place: object) -> Pixel | None:
        """Strip under a point of the scene, of the module whose curve is nearest."""
        box = self.series.plot.getViewBox()
        if self._values is None or not box.sceneBoundingRect().contains(place):
            return None
        point = box.mapSceneToView(place)
        strip = round(point.x())
        if not 0 <= strip < self._values.shape[1]:
            return None
        away = np.abs(self._values[self._modules, strip].astype(float) - point.y())
        module = self._modules[0 if np.isnan(away).all() or self._are_flags else int(np.nanargmin(away))]
        return (module, *divmod(strip, self._shape[2]))

    def _clicked(self, event: object) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            self.menu_requested.emit(event.screenPos().toPoint())
        elif event.double():
            self.fit()
        else:
            pixel = self._pixel_at(event.scenePos())
            if pixel is not None:
                self.pixel_clicked.emit(*pixel)

    def _moved(self, place: object) -> None:
        self.pixel_hovered.emit(self._pixel_at(place))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let a drag mark strips while somebody wants to, where it would move the plot else."""
        kinds = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.MouseButtonRelease)
        if not self._drawing or self._values is None or event.type() not in kinds:
            return super().eventFilter(watched, event)
        scene = self.series.plot.mapToScene(event.position().toPoint())
        strip = self.series.plot.getViewBox().mapSceneToView(scene).x()
        if event.type() == QEvent.Type.MouseButtonPress:
            self._first = strip
        elif event.type() == QEvent.Type.MouseButtonRelease and self._first is not None:
            ends = np.clip(np.rint(sorted((self._first, strip))), 0, self._values.shape[1] - 1)
            self._first = None
            self.strips_marked.emit(*map(int, ends))
        return True

    # -- events

    def leaveEvent(self, event: QEvent) -> None:
        """Forget the pointer."""
        super().leaveEvent(event)
        self.pixel_hovered.emit(None)

    def showEvent(self, event: QEvent) -> None:
        """Bring the plot up to date."""
        super().showEvent(event)
        self._tick.start()

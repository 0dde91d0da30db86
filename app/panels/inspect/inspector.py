"""The inspector: the selected pixel over memory cells, why it is flagged, its raw samples, the map's histograms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QSignalBlocker, Qt
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from app.panels.inspect.inspector_presenter import CURVE_HINT, WHY_HINT, Curve, InspectorPresenter
from app.panels.inspect.mask import MaskPanel
from app.panels.inspect.module_curve import ModuleCurve, ModuleCurvePresenter
from app.panels.inspect.region import RegionPanel
from app.panels.inspect.samples import SamplesPanel
from app.panels.inspect.why import WhyTable
from app.panels.inspect.why_over import WhyOver
from app.panels.maps.maps_presenter import MapsPresenter
from app.panels.maps.pixel_text import left_out_text
from app.panels.maps.regions import Regions
from app.panels.maps.slots import Choice
from app.panels.maps.values import name_of
from app.running.background import Background
from app.session.expert_masks import ExpertMasks
from app.session.session import Session
from app.widgets.colour import first_bit, flag_table
from app.widgets.plain import PlainLabel
from app.widgets.series_plot import SeriesPlot
from calib_core.axes import Axis
from calib_core.subjects.shown import Shown

Array = npt.NDArray[np.generic]

HISTOGRAM_HINT = "Histogram of the map, per ASIC"
#: Title of the tab of raw samples.
_SAMPLES = "Raw"
#: More curves have no legend.
_MOST_NAMES = 2


class InspectorPanel(QWidget):
    """Under the selected pixel in words, one tab for each way to look closer at it."""

    def __init__(
        self, session: Session, background: Background, maps: MapsPresenter, regions: Regions, masks: ExpertMasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.region = RegionPanel(session, background, maps, regions)
        self.mask = MaskPanel(session, masks)
        self.presenter = InspectorPresenter(session, background, maps, self)
        self.module_curve = ModuleCurvePresenter(session, background, lambda: self.presenter.chosen, self)
        self.why_over = WhyOver(session, background, self)
        self._session = session
        self._module: ModuleCurve | None = None
        self._curve_drawn = True
        self._flag_colours = flag_table()
        self.text = PlainLabel("Click a pixel to inspect it.", wordWrap=True, objectName="pixel_text")
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.choice = QComboBox(objectName="curve_map")
        self.choice.setMinimumContentsLength(12)
        self.tabs, self.why = QTabWidget(self, objectName="inspector_tabs"), WhyTable(WHY_HINT, self)
        self.with_module = QCheckBox("module", objectName="with_module", checked=True)
        self.curve_plot, self.histograms = SeriesPlot(self, CURVE_HINT), SeriesPlot(self, HISTOGRAM_HINT)
        self.by_stage = QCheckBox("by gain stage", objectName="histogram_by_stage", visible=False)
        self.samples = SamplesPanel(session, background, self)
        # a long text must not widen the panel
        self.text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        self.by_stage.setToolTip("A curve for each gain stage, of means for that of most samples")
        self.with_module.setToolTip("Median and robust standard deviation of the module's good pixels")
        tabs = self.tabs
        tabs.setDocumentMode(True)
        tabs.addTab(_column(_row(self.choice, self.with_module), self.curve_plot), "Pixel")
        tabs.addTab(self.why, "Why")
        tabs.addTab(self.samples, _SAMPLES)
        tabs.addTab(_column(_row(self.by_stage), self.histograms), "Histogram")
        tabs.addTab(self.region, "Region")
        tabs.addTab(self.mask, "Mask")
        for plot in (self.curve_plot, self.histograms):
            plot.setMinimumHeight(90)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(self.text)
        layout.addWidget(tabs, 1)

    def _connect(self) -> None:
        shown = self.presenter
        shown.curve_ready.connect(self._show_curve)
        shown.curve_hint.connect(self.curve_plot.say)
        shown.why_hint.connect(self.why.say)
        shown.reasoned.connect(self.why.show_reasons)
        self.why_over.ready.connect(self.why.show_over)
        self.why.place_chosen.connect(lambda axis, index: self._session.look_at({axis: index}))
        shown.histograms_ready.connect(self._show_histograms)
        shown.text_changed.connect(lambda text: self.text.setText(text or "Click a pixel to inspect it."))
        self.choice.activated.connect(self._choose)
        self.with_module.toggled.connect(self.module_curve.set_wanted)
        self.module_curve.ready.connect(self._take_module)
        self.by_stage.toggled.connect(shown.set_by_stage)
        self.curve_plot.x_clicked.connect(self._go_to_cell)
        self._session.subject_changed.connect(self._offer)
        self.tabs.currentChanged.connect(self._take_tab)
        self._session.picture_changed.connect(self._mark)

    def set_about_samples(self, title: str) -> None:
        """Bring the samples forward under a title of their own, and read them at each click; or as before."""
        place = self.tabs.indexOf(self.samples)
        if title:
            self.tabs.setCurrentIndex(place)
        self.tabs.setTabText(place, title or _SAMPLES)
        self.samples.set_about(bool(title))

    def begin_mask(self) -> None:
        """Bring the mask forward, and wait for a reason."""
        self.tabs.setCurrentWidget(self.mask)
        self.mask.begin()

    def _take_tab(self, _index: int) -> None:
        self._draw_curve()
        self.region.presenter.set_shown(self.tabs.currentWidget() is self.region)
        self.presenter.set_counts(self.tabs.currentWidget() is self.histograms.parentWidget())
        self.why_over.set_wanted(self.tabs.currentWidget() is self.why)

    def _choose(self) -> None:
        self.presenter.choose(self.choice.currentData())
        self.module_curve.refresh()

    def _go_to_cell(self, x: float) -> None:
        curve = self.presenter.curve
        if curve is not None:
            self._session.look_at({curve.axis.name: int(np.abs(curve.cells - x).argmin())})

    def _mark(self) -> None:
        curve, at = self.presenter.curve, self._session.shown.at
        self.why.set_place(at)
        if curve is not None and curve.axis.name in at and self._curve_drawn:
            self.curve_plot.set_marker(float(curve.cells[min(at[curve.axis.name], len(curve.cells) - 1)]))

    def _offer(self) -> None:
        self.by_stage.setVisible(self.presenter.has_stages)
        with QSignalBlocker(self.choice):
            self.choice.clear()
            for choice in self.presenter.offered:
                self.choice.addItem(choice.heading, choice.key)
            chosen = self.presenter.chosen
            for widget in (self.choice, self.with_module):
                widget.setVisible(chosen is not None)
            self.choice.setCurrentIndex(-1 if chosen is None else self.choice.findData(chosen.key))

    def _take_module(self, curve: ModuleCurve | None) -> None:
        self._module = curve
        self._show_curve(self.presenter.curve)

    def _show_curve(self, curve: Curve | None) -> None:
        """Draw the pixel's curve, at once or when somebody looks."""
        self._curve_drawn = False
        self._draw_curve()

    def _draw_curve(self) -> None:
        """The pixel, and its module in another colour, where they are looked at; either may be missing."""
        if self._curve_drawn or self.tabs.currentWidget() is not self.curve_plot.parentWidget():
            return
        self._curve_drawn = True
        curve, module = self.presenter.curve, self._module
        self.curve_plot.clear()
        if curve is not None and np.isfinite(curve.values).any():
            self._name_axes(curve.choice, curve.axis)
            self.curve_plot.add_curve(curve.cells, curve.values, curve.error, "pixel ± noise" if module else "")
            self._mark_flagged(curve)
        if module is not None and np.isfinite(module.median).any():
            self._name_axes(module.choice, module.axis)
            self.curve_plot.add_curve(
                module.cells, module.median, module.spread, f"{module.name} ± σ")
        self._mark()

    def _mark_flagged(self, curve: Curve) -> None:
        """Mark memory cells in which the pixel is flagged, in the colours of the flags."""
        bad = np.flatnonzero((curve.flags != 0) & np.isfinite(curve.values))
        colours = [f"#{int(self._flag_colours[first_bit(int(curve.flags[i]))]) & 0xFFFFFF:06x}" for i in bad]
        self.curve_plot.add_marks(curve.cells[bad], curve.values[bad], colours)

    def _name_axes(self, choice: Choice, axis: Axis) -> None:
        self.curve_plot.set_labels("", name_of(axis).lower(), choice.result.title, axis.unit, choice.unit)

    def _show_histograms(self, found: tuple[Shown, Choice, int, str, Array, list[tuple[str, Array]]] | None) -> None:
        self.histograms.clear()
        if found is None or not found[-1]:
            self.histograms.say("All good pixels have the same value." if found is not None else HISTOGRAM_HINT)
            return
        of, choice, excluded, parts, centres, counts = found
        title = f"Module {of.module} · {of.place_text}: {choice.title} per {parts}\n{left_out_text(excluded)}"
        self.histograms.set_labels(title, choice.title, "log₁₀ pixels", choice.unit)
        names = len(counts) <= _MOST_NAMES or parts != "ASIC"
        for name, one in counts:
            with np.errstate(divide="ignore"):
                height = np.where(one > 0, np.log10(one), np.nan)
            self.histograms.add_curve(centres, height, None, name if names else "")


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row


def _column(row: QHBoxLayout, plot: QWidget) -> QWidget:
    whole = QWidget()
    column = QVBoxLayout(whole)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    column.addLayout(row)
    column.addWidget(plot, 1)
    return whole

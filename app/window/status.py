"""The status bar: the pixel under the cursor, how fresh the maps are, and how the program fares."""

from __future__ import annotations

import time
from collections import deque

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QLabel, QStatusBar, QWidget

from app.panels.maps.maps_presenter import MapsPresenter
from app.panels.maps.pixel_text import Pixel, place_text, values_text
from app.running.supervision import LoopProbe, Supervisor
from app.session.session import Session
from app.widgets.elided_label import ElidedLabel
from app.widgets.plain import PlainLabel, tip
from app.window.layouts import NARROW
from calib_core.io.budget import default_memory_mb, resident_bytes

_INTERVAL = 500
_RATE_SPAN = 2.0
_GIB = 1 << 30


class StatusBar(QStatusBar):
    """Left: pixel and values; right: scale, rate and age of the data, event loop, memory."""

    def __init__(
        self, session: Session, maps: MapsPresenter, probe: LoopProbe, supervisor: Supervisor | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._maps, self._probe, self._supervisor = session, maps, probe, supervisor
        self._pixel: Pixel | None = None
        self._pictures: deque[float] = deque(maxlen=100)
        self.pixel, self.view, self.scale = ElidedLabel(), _label("status_view"), _label("status_scale")
        self.pixel.setObjectName("status_pixel")
        self.pixel.setContentsMargins(6, 0, 6, 0)
        self.live, self.loop, self.memory = _label("status_live"), _label("status_loop"), _label("status_memory")
        self.kernels, self.errors = _label("status_kernels"), _label("status_errors")
        self.addWidget(self.pixel, 1)
        for label in (self.errors, self.kernels, self.view, self.scale, self.live, self.loop, self.memory):
            self.addPermanentWidget(label)
        maps.hovered.connect(self.show_pixel)
        session.picture_changed.connect(self._take_picture)
        session.pixel_changed.connect(self._show)
        session.subject_changed.connect(self._show_view)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._refresh)
        self._timer.start(_INTERVAL)
        self._refresh()

    def show_pixel(self, pixel: Pixel | None) -> None:
        """Show the pixel under the cursor; without one, the selected pixel."""
        self._pixel = pixel
        self._show()

    def show_kernels(self, ready: int, total: int) -> None:
        """Tell how many kernels are prepared; nothing once all are."""
        self.kernels.setText(f"preparing kernels {ready}/{total}" if ready < total else "")
        self.kernels.setVisible(ready < total)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Leave the room of a narrow window to pixel and place; the tool bar has the scale as well."""
        super().resizeEvent(event)
        for label in (self.scale, self.loop):
            label.setVisible(self.width() >= NARROW)

    def _take_picture(self) -> None:
        self._pictures.append(time.monotonic())
        self._show()
        self._show_view()

    def _show(self) -> None:
        shown = self._session.shown
        pixel = self._pixel or shown.pixel
        if pixel is None or shown.picture is None or not shown.has_pixel(pixel):
            self.pixel.setText("")
            return
        values = values_text(self._maps.values_at(pixel))
        self.pixel.setText(f"{place_text(shown.kind, pixel)}   │   {values}")
        self.pixel.setToolTip(tip(self.pixel.text()))

    def _show_view(self) -> None:
        shown = self._session.shown
        sizes = [f"{len(shown.axes[name])} {shown.axes[name].title.lower()}s" for name in shown.at]
        modules = [f"{len(shown.subject.modules)} modules"] if shown.picture is not None and shown.kind else []
        self.view.setText(shown.place_text)
        self.view.setToolTip(" × ".join([*modules, *sizes]))

    def _refresh(self) -> None:
        self.scale.setText("scale {:g}–{:g} %".format(*self._maps.percentiles))
        self.live.setText(self._freshness())
        self.loop.setText(f"loop p95 {self._probe.percentile(95):.0f} ms")
        self.loop.setToolTip("How late the event loop is, 95th percentile of the last 10 s")
        self.memory.setText(f"RAM {resident_bytes() / _GIB:.1f}/{self._budget() / 1024:.1f} GiB")
        self.memory.setToolTip("Memory of the program, and the job's budget")
        errors = self._supervisor.errors if self._supervisor is not None else 0
        self.errors.setText(f"{errors} unexpected error{'s' if errors > 1 else ''}" if errors else "")

    def _freshness(self) -> str:
        if self._session.frozen:
            return "frozen (Space)"
        subject = self._session.subject
        if subject is None or subject.ended or not self._pictures:
            return "" if subject is None else subject.state
        now = time.monotonic()
        rate = sum(at > now - _RATE_SPAN for at in self._pictures) / _RATE_SPAN
        return f"live {rate:.0f} Hz · data age {now - self._pictures[-1]:.1f} s"

    def _budget(self) -> float:
        spec = self._session.spec
        return float(spec.memory_mb if spec is not None else default_memory_mb(0))


def _label(name: str) -> QLabel:
    label = PlainLabel(objectName=name)
    label.setContentsMargins(6, 0, 6, 0)
    return label

"""A row of pixels over frames, from the raw data: common mode and cosmic rays as the eye sees them."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.running.background import Background
from app.session.session import Session
from app.widgets.icons import icon
from app.widgets.map_view import MapView
from app.widgets.plain import PlainLabel
from calib_core.axes import At
from calib_core.subjects.base import RowFrames

_READING = "Reading raw frames"


class FramesPresenter(QObject):
    """Reads the row of the selected pixel, of strips all of them; what was read of another place is forgotten.

    ``ready`` brings :class:`RowFrames` or None, ``place_changed`` the row in words.
    """

    ready = pyqtSignal(object)
    place_changed = pyqtSignal(str)

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._background = session, background
        self._at: tuple[int, int, At] | None = None
        for signal in (session.subject_changed, session.pixel_changed, session.picture_changed):
            signal.connect(self._move)

    @property
    def place(self) -> tuple[int, int, At] | None:
        """Module, row, and indices along axes of the frames that would be read; None where nothing is selected."""
        shown = self._session.shown
        if shown.kind is None or shown.picture is None:
            return None
        if shown.kind.is_strips:
            return shown.module, 0, shown.at
        return (*shown.pixel[:2], shown.at) if shown.pixel is not None else None

    def read(self) -> None:
        """Read the frames."""
        if self.place is None:
            self._session.say("WARN", "No row is selected; click a pixel first.")
            return
        self._background.run(
            _READING, partial(self._session.shown.subject.frames, *self.place), self._take,
            lambda error: self._session.say("WARN", str(error)))

    def _take(self, frames: RowFrames | None) -> None:
        if frames is None:
            self._session.say("WARN", f"{self._session.shown.subject.title} has no raw frames to read.")
        self.ready.emit(frames)

    def _move(self) -> None:
        if self.place != self._at:
            self._at = self.place
            self._background.drop(_READING)
            self.place_changed.emit(self._words())
            self.ready.emit(None)

    def _words(self) -> str:
        if self.place is None:
            return ""
        (module, row, _), shown = self.place, self._session.shown
        of = "" if shown.kind.is_strips else f" · row {row}"
        return f"module {module}{of} · {shown.place_text}"


class FramesPanel(QWidget):
    """An image of pixels to the right and frames downwards."""

    def __init__(self, session: Session, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.presenter = FramesPresenter(session, background, self)
        self.read_button = QPushButton(icon("chart"), "Read frames", objectName="read_frames")
        self.read_button.setToolTip("Read the first raw frames of the selected row, memory cell and gain stage")
        self.minus_median = QCheckBox("minus median", objectName="minus_median", checked=True)
        self.minus_median.setToolTip("Subtract each pixel's median over the frames: common mode shows as lines")
        self.place = PlainLabel("", objectName="frames_place")
        self.view = MapView(self)
        self.view.setObjectName("frames_map")
        self._samples: RowFrames | None = None
        top = QHBoxLayout()
        for widget in (self.read_button, self.minus_median, self.place):
            top.addWidget(widget)
        top.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        self.read_button.clicked.connect(self.presenter.read)
        self.minus_median.toggled.connect(lambda: self._show(self._samples))
        self.presenter.ready.connect(self._show)
        self.presenter.place_changed.connect(self.place.setText)

    def _show(self, samples: RowFrames | None) -> None:
        self._samples = samples
        if samples is None or samples.values.size == 0:
            self.view.clear()
            return
        values = over_frames(samples.values, self.minus_median.isChecked())[None]
        index = np.arange(values.size, dtype=np.int32).reshape(values.shape[1:])
        self.view.set_placement(index, values.shape)
        self.view.set_map(values, "ADU", f"{len(samples.trains)} frames")


def over_frames(values: npt.NDArray[np.uint16], minus_median: bool) -> npt.NDArray[np.float32]:
    """Samples (frames, pixels) for the screen, as they are or minus each pixel's median over the frames."""
    shown = values.astype(np.float32)
    return shown - np.median(shown, axis=0) if minus_median else shown

"""Spectrum of the pixel, region or module over frames before and after the correction, with the photons in it."""

from __future__ import annotations

from functools import partial

import numpy as np
from PyQt6.QtCore import QObject, QTimer, pyqtSignal
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from app.panels.inspect.tables import heading_label
from app.panels.maps.pixel_text import left_out_text
from app.running.background import Background
from app.session.session import Session
from app.widgets.number_table import NumberTable, Row, TableColumn
from app.widgets.plain import PlainLabel
from app.widgets.series_plot import SeriesPlot
from calib_core.axes import Array
from calib_core.subjects.shown import Shown
from calib_core.subjects.spectrum import Spectra, Spectrum, results_for, spectra_of

HINT = "Spectra are of single frames: look at the preview of a correction, or at corrected files."
READING = "Reading frames …"
NO_SAMPLES = "There are no good samples here."
SHARED = "Charge shared with neighbours below the noise stays in the peaks: they may lie 1 to 2 % low."
_WORK = "Reading a spectrum"
_INTERVAL = 300
#: What a spectrum is of, by its name in the list.
SCOPES = ("module", "region", "pixel")


def pixels_of(shown: Shown, scope: str) -> tuple[Array, str] | None:
    """Pixels (slow_scan, fast_scan) of the shown module that are wanted, and these in words; None without any."""
    if shown.kind is None:
        return None
    if scope == "pixel" and shown.pixel is not None:
        one = np.zeros(shown.kind.shape, bool)
        one[shown.pixel[1:]] = True
        return one, "Module {}, row {}, column {}".format(*shown.pixel)
    region = shown.region
    if scope == "region" and region is not None and shown.module in region.modules:
        return region.masks([shown.module])[0], f"Region in module {shown.module}"
    return (np.ones(shown.kind.shape, bool), f"Module {shown.module}") if scope == "module" else None


class SpectrumPresenter(QObject):
    """Reads frames in the background while somebody looks at their spectrum; only the newest wish counts.

    Signals
    -------
    ready(spectra)
        :class:`Spectra`, or None while there are none.
    hint(text)
        What to read while there are none.
    """

    ready = pyqtSignal(object)
    hint = pyqtSignal(str)

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._background = session, background
        self.scope, self._wanted, self._number = SCOPES[0], False, 0
        self.spectra: Spectra | None = None
        self._timer = QTimer(self, singleShot=True, interval=_INTERVAL)
        self._timer.timeout.connect(self._start)
        for signal in (session.subject_changed, session.picture_changed, session.pixel_changed,
                       session.region_changed, session.excluded_changed):
            signal.connect(self.refresh)

    def set_shown(self, shown: bool) -> None:
        """Tell whether anybody looks at the spectrum; nothing is read while nobody does."""
        self._wanted = shown
        self.refresh()

    def set_scope(self, scope: str) -> None:
        """Take other pixels, one of :data:`SCOPES`."""
        self.scope = scope
        self.refresh()

    def refresh(self) -> None:
        """Read again soon; what is being read now is given up."""
        self._number += 1
        self._background.drop(_WORK)
        if self._wanted:
            self._timer.start()

    def _start(self) -> None:
        shown, number = self._session.shown, self._number
        chosen = pixels_of(shown, self.scope)
        if shown.picture is None or not results_for(shown.results):
            self._give(None, HINT)
        elif chosen is None:
            self._give(None, f"Mark a {self.scope} in a map, or choose another part of the module.")
        else:
            self.hint.emit(READING)
            self._background.run(_WORK, partial(
                spectra_of, shown, shown.module, *chosen, self._session.excluded, lambda: number != self._number),
                self._take, self._miss)

    def _take(self, found: Spectra | None) -> None:
        if found is not None:
            self._give(found, NO_SAMPLES)

    def _miss(self, error: Exception) -> None:
        self._session.tell_trouble(error)
        self._give(None, "The frames could not be read; see the log.")

    def _give(self, found: Spectra | None, hint: str) -> None:
        self.spectra = found
        self.hint.emit(hint)
        self.ready.emit(found)


class SpectrumPanel(QWidget):
    """A plot with the photons marked, over a table of the peaks."""

    def __init__(self, session: Session, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.presenter = SpectrumPresenter(session, background, self)
        self.scope = QComboBox(objectName="spectrum_scope")
        self.scope.addItems(SCOPES)
        self.heading, self.note = heading_label("spectrum_heading"), PlainLabel("", objectName="spectrum_note")
        self.note.setWordWrap(True)
        self.plot, self.table = SeriesPlot(self, HINT), NumberTable(self)
        self.table.setObjectName("spectrum_table")
        self._lay_out()
        self.scope.textActivated.connect(self.presenter.set_scope)
        self.presenter.hint.connect(self.plot.say)
        self.presenter.ready.connect(self._show)
        self._show(None)

    def _lay_out(self) -> None:
        top, middle, beside = QHBoxLayout(), QHBoxLayout(), QVBoxLayout()
        top.addWidget(self.scope)
        top.addWidget(self.heading, 1)
        beside.addWidget(self.table, 1)
        beside.addWidget(self.note)
        middle.addWidget(self.plot, 1)
        middle.addLayout(beside, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(2)
        column.addLayout(top)
        column.addLayout(middle, 1)
        self.table.setMinimumWidth(310)  # what its numbers take, and no more, so that a small window stays small

    def _show(self, spectra: Spectra | None) -> None:
        self.plot.clear()
        there = spectra is not None and bool(spectra.found[0].samples)
        for widget in (self.table, self.note):
            widget.setVisible(there)
        self.heading.setText("" if spectra is None else f"{spectra.words} · "
                                                        f"{left_out_text(self._session.excluded)}")
        if spectra is None or not there:
            return
        self._draw(spectra)
        self.table.set_rows(*table_of(spectra))
        self.note.setText(note_of(spectra))

    def _draw(self, spectra: Spectra) -> None:
        after, *before = spectra.found
        self.plot.set_labels("", after.result.title, "log₁₀ samples in a bin", after.result.unit)
        self._add(after.edges, after.counts, after.result.title)
        for one in before:
            ratio = ratio_of(one, after)
            if ratio is not None:
                unit = f"{one.result.unit}/{after.result.unit}" if one.result.unit != after.result.unit else ""
                self._add(one.edges / ratio, one.counts, f"{one.result.title} ÷ {ratio:.4g} {unit}".rstrip())
        if after.comb is not None:
            self._add(after.edges, after.comb.curve(after.edges), "fit")
            self.plot.mark([(after.comb.position(k)[0], f"{k} ph") for k in range(len(after.comb.counts))])

    def _add(self, edges: Array, counts: Array, name: str) -> None:
        with np.errstate(divide="ignore"):
            height = np.where(counts >= 0.5, np.log10(np.maximum(counts, 1e-9)), np.nan)
        self.plot.add_curve((edges[1:] + edges[:-1]) / 2, height, None, name)


def ratio_of(before: Spectrum, after: Spectrum) -> float | None:
    """What the first is divided by to lie on the axis of the second: 1 where both have one unit, else by the photons.

    None where only one of them has photons.
    """
    if before.result.unit == after.result.unit:
        return 1.0
    if before.comb is None or after.comb is None:
        return None
    return before.comb.spacing / after.comb.spacing


def table_of(spectra: Spectra) -> tuple[tuple[TableColumn, ...], list[Row]]:
    """Columns, one for each spectrum, and rows of what was fitted; empty where there are no peaks."""
    columns = [TableColumn("fit"), *(TableColumn(_heading(one)) for one in spectra.found)]
    combs = [one.comb for one in spectra.found]
    peaks = max((len(comb.counts) for comb in combs if comb is not None), default=0)
    rows: list[Row] = [("samples", *(f"{one.samples:,}" for one in spectra.found))]
    for k in range(peaks):
        rows.append((f"{k} photons" if k != 1 else "1 photon", *(
            _pair(*comb.position(k)) if comb is not None and _is_there(comb.counts, k) else "–" for comb in combs)))
    if peaks:
        rows.append(("spacing", *("–" if comb is None else _pair(comb.spacing, comb.errors["spacing"])
                                  for comb in combs)))
        for k in (0, 1):
            rows.append((f"σ of {k}", *("–" if comb is None else _pair(*comb.width_of(k)) for comb in combs)))
        rows.append(("σ of 1 [spacing]", *("–" if comb is None else _pair(*comb.sharpness(1)) for comb in combs)))
        rows.append(("χ²/degree", *("–" if comb is None else f"{comb.chi2:.2f}" for comb in combs)))
    return tuple(columns), rows


def _is_there(counts: Array, k: int) -> bool:
    """Whether a peak has samples of its own, so that its place says something."""
    return k < len(counts) and bool(counts[k] > 3 * np.sqrt(max(counts[k], 1.0)))


def _heading(one: Spectrum) -> str:
    return f"{one.result.title} [{one.result.unit}]" if one.result.unit else one.result.title


def _pair(value: float, error: float) -> str:
    """A value with as many digits as its error has two of."""
    digits = max(0, 1 - int(np.floor(np.log10(error)))) if 0 < error < np.inf else 3
    return f"{value:.{min(digits, 6)}f} ± {error:.{min(digits, 6)}f}"


def note_of(spectra: Spectra) -> str:
    """What is to be known of the fit."""
    without = [one.result.title for one in spectra.found if one.comb is None]
    missing = f"No peaks of photons were found in: {', '.join(without)}." if without else ""
    return " ".join(filter(None, (missing, _sharper(spectra), SHARED if len(without) < len(spectra.found) else "")))


def _sharper(spectra: Spectra) -> str:
    """By how much the peak of one photon has become narrower; empty where it is not known of both."""
    combs = [one.comb for one in spectra.found if one.comb is not None]
    if len(combs) < 2:
        return ""
    (after, error), (before, other) = (one.sharpness(1) for one in combs)
    change = after / before - 1
    of_change = after / before * float(np.hypot(error / after, other / before))
    word = "narrower" if change < 0 else "wider"
    return (f"The peak of one photon is {after:.2%} of the spacing wide (σ), and was {before:.2%}: "
            f"{abs(change):.1%} ± {of_change:.1%} {word}.")

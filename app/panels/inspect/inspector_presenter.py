"""What the inspector shows of the selected pixel, read in the background, without the widgets that show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.panels.maps.map_statistics import asic_blocks
from app.panels.maps.maps_presenter import MapsPresenter
from app.panels.maps.pixel_text import asic_number_of, place_text, values_text
from app.panels.maps.slots import Choice, flags_of
from app.panels.maps.values import positions
from app.running.background import Background
from app.session.session import Session
from calib_core.axes import Axis, Pick, Result
from calib_core.explanation import Reason
from calib_core.subjects.shown import STAGE, Shown

Array = npt.NDArray[np.generic]

_CURVE, _HISTOGRAM = "Reading the pixel over cells", "Histogram per ASIC"
_WHY = "Reading why"
CURVE_HINT = "Click a pixel to see it over the cells"
NO_CURVE = "Each pixel has one value: there is no curve of it."
WHY_HINT = "Click a pixel to see which rules it keeps and which it breaks."
_ASIC_BINS = 80
_INTERVAL = 400
#: As many lines can be told apart.
_MOST_ASICS = 16


@dataclass(frozen=True)
class Curve:
    """A pixel along an axis at the place that was shown: (n,) positions, values, flags and, if any, errors."""

    shown: Shown
    choice: Choice
    axis: Axis
    cells: Array
    values: Array
    flags: npt.NDArray[np.uint32]
    error: Array | None


class InspectorPresenter(QObject):
    """Reads what the inspector shows in the background; answers to old questions are dropped.

    Signals
    -------
    curve_ready(curve), reasoned(reasons), histograms_ready(found)
        Something to be drawn; None clears.
    curve_hint(text), why_hint(text)
        What to read while there is no curve, or while there are no rules.
    text_changed(text)
        The selected pixel in words.
    """

    curve_ready = pyqtSignal(object)
    reasoned = pyqtSignal(tuple)
    histograms_ready = pyqtSignal(object)
    curve_hint = pyqtSignal(str)
    why_hint = pyqtSignal(str)
    text_changed = pyqtSignal(str)

    def __init__(
        self, session: Session, background: Background, maps: MapsPresenter, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._counts = self._by_stage = False
        self.curve: Curve | None = None
        self.awaited: Shown | None = None
        self._session, self._background, self._maps = session, background, maps
        self._key = ""
        self._curve_of, self._reasoned_of, self._counted = Shown(), Shown(), -1
        self._curve_timer = _single_shot(self, 1000, self.read_curve)
        self._why_timer = _single_shot(self, 1000, self.reason)
        self._histogram_timer = _single_shot(self, _INTERVAL, self._count)
        session.pixel_changed.connect(self._take_place)
        session.subject_changed.connect(self._take_subject)
        session.picture_changed.connect(self._take_picture)
        session.excluded_changed.connect(self._histogram_timer.start)
        session.region_changed.connect(self._histogram_timer.start)
        maps.slots_changed.connect(self._histogram_timer.start)

    @property
    def offered(self) -> tuple[Choice, ...]:
        """Maps that have several values of a pixel along an axis and are no flags."""
        axes = self._session.axes
        return tuple(choice for choice in self._maps.offered if choice.result.pixels and not choice.pick.at
                     and not choice.is_flags and long_axis(choice.result, axes))

    @property
    def chosen(self) -> Choice | None:
        """The map that is shown along an axis."""
        return next((c for c in self.offered if c.key == self._key), next(iter(self.offered), None))

    @property
    def axis(self) -> str:
        """Name of the axis along which pixels are shown; empty where there is none."""
        choice = self.chosen
        return long_axis(choice.result, self._session.axes) if choice is not None else ""

    def choose(self, key: str) -> None:
        """Show another map along its axis."""
        self._key = key
        self._show_curve(None)
        self.read_curve()

    def read_curve(self) -> None:
        """Read the selected pixel along the axis of the arrow keys."""
        shown, choice = self._session.shown, self.chosen
        self._curve_of = shown
        if shown.pixel is None or choice is None or shown.picture is None:
            self._background.drop(_CURVE)
            self.curve_hint.emit(NO_CURVE if choice is None and self._session.results else CURVE_HINT)
            self._show_curve(None)
            return
        self.awaited = shown
        self.curve_hint.emit(f"Reading {pixel_text(shown)} …")
        self._background.run(_CURVE, partial(read_curve, shown, choice), self._take_curve, self._miss_curve)

    def reason(self) -> None:
        """Read why the selected pixel has its flags."""
        shown = self._session.shown
        if shown.pixel is None or shown.picture is None:
            self._background.drop(_WHY)
            self.why_hint.emit(WHY_HINT)
            self.reasoned.emit(())
            return
        self.why_hint.emit(f"Reading {pixel_text(shown)} …")
        self._background.run(
            _WHY, partial(shown.subject.reasons, *shown.pixel, shown.at), self._take_reasons, self._miss_reasons)

    def _take_reasons(self, found: tuple[Reason, ...]) -> None:
        self.why_hint.emit("No rules are known for these results.")
        self.reasoned.emit(found)

    def _miss_reasons(self, error: Exception) -> None:
        self._session.tell_trouble(error)
        self.why_hint.emit("Rules could not be read; see the log.")

    def _take_subject(self) -> None:
        self._background.drop(_HISTOGRAM)
        self.histograms_ready.emit(None)
        self._take_place()

    def _take_place(self) -> None:
        """Read again what belongs to another place than the one that is shown; until then there is nothing of it."""
        shown = self._session.shown
        self._describe()
        if shown.module != self._counted and not self._histogram_timer.isActive():
            self._histogram_timer.start()
        if not same_place(shown, self._curve_of, but=self.axis):
            self._show_curve(None)
            self.read_curve()
        if not same_place(shown, self._reasoned_of):
            self._reasoned_of = shown
            self.reasoned.emit(())
            self.reason()

    def _take_picture(self) -> None:
        self._take_place()
        if not self._histogram_timer.isActive():
            self._histogram_timer.start()
        subject = self._session.shown.subject
        if subject is not None and not subject.ended and not self._curve_timer.isActive():
            self._curve_timer.start()
            self._why_timer.start()

    def _describe(self) -> None:
        shown = self._session.shown
        if shown.pixel is None or shown.picture is None:
            self.text_changed.emit("")
            return
        values = values_text(self._maps.values_at(shown.pixel))
        self.text_changed.emit(f"{place_text(shown.kind, shown.pixel)} · {shown.place_text}\n{values}")

    def _take_curve(self, curve: Curve) -> None:
        self.curve_hint.emit(f"There are no values of {pixel_text(curve.shown)} yet." if not curve.shown.subject.ended
                             else f"There are no values of {pixel_text(curve.shown)}.")
        self._show_curve(curve)

    def _miss_curve(self, error: Exception) -> None:
        self.curve_hint.emit("The curve could not be read; see the log.")
        self._show_curve(None)
        self._session.tell_trouble(error)

    def _show_curve(self, curve: Curve | None) -> None:
        self.curve, self.awaited = curve, None
        self.curve_ready.emit(curve)

    def set_counts(self, wanted: bool) -> None:
        """Tell whether anybody looks at the histograms; nothing is counted while nobody does."""
        self._counts = wanted
        if wanted:
            self._histogram_timer.start(0)

    @property
    def has_stages(self) -> bool:
        """Whether it is known of each value which gain stage it is of, and there are several."""
        kind = self._session.shown.kind
        return kind is not None and len(kind.stages) > 1 and any(one.name == STAGE for one in self._session.results)

    def set_by_stage(self, wanted: bool) -> None:
        """Count pixels of each gain stage rather than of each ASIC."""
        self._by_stage = wanted
        self._histogram_timer.start(0)

    def _count(self) -> None:
        self._histogram_timer.setInterval(_INTERVAL)
        if not self._counts:
            return
        shown, choice = self._session.shown, next((c for c in self._maps.chosen if not c.is_flags), None)
        picture, module = shown.picture, shown.module
        self._counted = module
        values = None if picture is None or choice is None else choice.values(picture)
        if values is None or module not in picture.modules:
            self._background.drop(_HISTOGRAM)
            self.histograms_ready.emit(None)
            return
        at, flags = picture.modules.index(module), flags_of(picture, shown)
        bad = np.zeros(shown.kind.shape, bool) if flags is None else (
            flags[at] & np.uint32(self._session.excluded)) != 0
        region = None if shown.region is None else shown.region.masks([module])[0]
        stages = picture.maps.get(Pick(STAGE)) if self._by_stage and self.has_stages else None
        count = partial(asic_histograms, values[at], bad, shown.kind.asic_shape, shown.cross, region)
        if stages is not None:
            names = [stage.short for stage in shown.kind.stages]
            count = partial(stage_histograms, values[at], bad, stages[at], names, region)
        parts = "ASIC" if stages is None else "gain stage"
        self._background.run(
            _HISTOGRAM, count, partial(self._take_histograms, shown, choice, self._session.excluded, parts))

    def _take_histograms(
        self, of: Shown, choice: Choice, excluded: int, parts: str, found: tuple[Array, list[tuple[str, Array]]]
    ) -> None:
        self.histograms_ready.emit((of, choice, excluded, parts, *found))


def pixel_text(shown: Shown) -> str:
    """The selected pixel in words that fit into a sentence."""
    return "module {}, row {}, column {}".format(*shown.pixel)


def read_curve(shown: Shown, choice: Choice) -> Curve:
    """Read the selected pixel of a map along its axis, with the map of its errors where there is one."""
    axis = shown.axes[long_axis(choice.result, shown.axes)]
    result, along = choice.result, partial(shown.subject.along, axis=axis.name)
    module, row, col = shown.pixel
    place = {"module": module, "row": row, "col": col, "at": shown.at}
    error = along(result.error, **place) if result.error else None
    cells = positions(axis)
    has_flags = shown.flags is not None and axis.name in shown.flags.over
    flags = np.nan_to_num(along(shown.flags.name, **place)) if has_flags else np.zeros(len(cells))
    return Curve(shown, choice, axis, cells, along(result.name, **place), flags.astype(np.uint32), error)


def long_axis(result: Result, axes: Mapping[str, Axis]) -> str:
    """Axis along which a pixel is looked at: the longest one of numbers, the later of two as long; empty if none."""
    known = [axes[name] for name in result.over if name in axes and not axes[name].of_slot and len(axes[name]) > 1
             and not any(isinstance(label, str) for label in axes[name].labels)]
    return max(reversed(known), key=len).name if known else ""


def same_place(one: Shown, other: Shown, but: str = "") -> bool:
    """Whether two are the same pixel of the same subject at the same place, an axis left aside."""
    at = [{**shown.at, but: 0} for shown in (one, other)]
    return one.subject is other.subject and one.pixel == other.pixel and at[0] == at[1]


def asic_histograms(
    values: Array, bad: Array, asic_shape: tuple[int, int], cross: tuple[int, int] | None = None,
    region: Array | None = None,
) -> tuple[Array, list[tuple[str, Array]]]:
    """Histograms of a module over common bins, without bad pixels: of each ASIC while they can be told apart.

    Of more ASICs than :data:`_MOST_ASICS` there is the whole module, and the ASIC of the selected pixel. Where a part
    of the module is marked there are the whole module and that part.

    Parameters
    ----------
    values, bad : (slow_scan, fast_scan)
        The map, and where it is not to be trusted.
    asic_shape : (int, int)
    cross : (int, int), optional
        Selected pixel.
    region : (slow_scan, fast_scan) bool, optional
        Marked pixels.

    Returns
    -------
    centres : (bins,) float64
        Middles of the bins, from the 0.1st to the 99.9th percentile; empty where all values are the same.
    counts : list of (str, (bins,) int64)
        With their names.
    """
    values = np.where(bad, np.nan, values.astype(np.float64))
    blocks = {f"ASIC {number}": block for number, block in enumerate(asic_blocks(values, asic_shape))}
    if region is not None and region.any():
        blocks = {"module": values, "region": values[region]}
    elif len(blocks) > _MOST_ASICS:
        own = "" if cross is None else f"ASIC {asic_number_of(values.shape, asic_shape, *cross)}"
        blocks = {"module": values, **({own: blocks[own]} if own else {})}
    return _histograms(values, blocks)


def stage_histograms(
    values: Array, bad: Array, stages: Array, names: Sequence[str], region: Array | None = None
) -> tuple[Array, list[tuple[str, Array]]]:
    """Histograms of a module, or of the marked part of it, over common bins, of each gain stage that there is.

    Parameters
    ----------
    values, bad : (slow_scan, fast_scan)
        The map, and where it is not to be trusted.
    stages : (slow_scan, fast_scan)
        Numbers of gain stages; NaN where there is none.
    names : sequence of str
        Of the gain stages.
    region : (slow_scan, fast_scan) bool, optional
        Marked pixels.

    Returns
    -------
    centres : (bins,) float64
        As :func:`asic_histograms` has them.
    counts : list of (str, (bins,) int64)
    """
    values = np.where(bad, np.nan, values.astype(np.float64))
    if region is not None and region.any():
        values = np.where(region, values, np.nan)
    return _histograms(values, {name: values[stages == i] for i, name in enumerate(names) if (stages == i).any()})


def _histograms(values: Array, blocks: Mapping[str, Array]) -> tuple[Array, list[tuple[str, Array]]]:
    """Histograms of parts of values over bins of all of them."""
    finite = values[np.isfinite(values)]
    if finite.size == 0 or finite.min() == finite.max():
        return np.empty(0), []
    low, high = np.percentile(finite, (0.1, 99.9))
    edges = np.linspace(low, high if high > low else low + 1, _ASIC_BINS + 1)
    counts = [(name, np.histogram(block[np.isfinite(block)], edges)[0]) for name, block in blocks.items()]
    return (edges[:-1] + edges[1:]) / 2, counts


def _single_shot(parent: QObject, interval: int, call: object) -> QTimer:
    timer = QTimer(parent, singleShot=True, interval=interval)
    timer.timeout.connect(call)
    return timer

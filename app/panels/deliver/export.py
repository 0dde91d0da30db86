"""Export of what is shown: pictures, tables, a selection, a mask, and copies of the files that it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

from PyQt6.QtCore import QObject, QUrl, pyqtSignal
from PyQt6.QtGui import QDesktopServices

from app.panels.deliver.copies import copy_files
from app.panels.deliver.naming import file_name, free_path, heading, left_out
from app.panels.deliver.pictures import Moment, Tile, moment
from app.panels.inspect.inspector_presenter import Curve, InspectorPresenter, pixel_text
from app.panels.inspect.samples_presenter import SamplesPresenter
from app.panels.maps.map_statistics import COLUMNS, statistics_rows
from app.panels.maps.maps import MapsPanel, save_image
from app.panels.maps.pixel_text import flags_text
from app.running.background import Background
from app.session.session import Session
from calib_core.axes import Result
from calib_core.errors import Cancelled
from calib_core.store.table import Column, write_csv
from calib_core.subjects.pixel_file import ExplainedPixel
from calib_core.subjects.selection import Selection, write_selection
from calib_core.subjects.shown import Shown

NOTHING = "There are no maps to export yet; run a job or open constants first."


@dataclass(frozen=True)
class Extent:
    """How much goes into an HDF5 file: all modules or the shown one, all places or one, the region alone or all."""

    modules: bool = False
    places: bool = False
    region: bool = False


class ExportPresenter(QObject):
    """Writes files in the background, each from what is on the screen when it is asked for.

    Signals
    -------
    said(level, sentence, path)
        How it went: level INFO or ERROR; the path is empty where nothing was written.
    progressed(share)
        Of a selection that is being written, 0 to 1; -1 when it has ended.
    """

    said = pyqtSignal(str, str, str)
    progressed = pyqtSignal(float)

    def __init__(
        self, session: Session, background: Background, maps: MapsPanel, inspector: InspectorPresenter,
        samples: SamplesPresenter, parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._background, self._maps, self._inspector = session, background, maps, inspector
        self._samples = samples
        self._stop: Event | None = None

    def name(self, what: Sequence[str], suffix: str, place: bool = True) -> str:
        """Name that is proposed for a file of the selected pixel, or of everything that is shown."""
        return file_name(self._session.shown, what, suffix, place)

    def picture_name(self, what: str) -> str:
        """Name that is proposed for a picture."""
        return _picture_name(moment(self._session, self._maps), what)

    def picture(self, path: Path) -> None:
        """Write one picture of all maps, at the resolution of the data."""
        taken = self._moment()
        if taken is not None:
            free = free_path(path, ".png")
            self._write(free, lambda: save_image(taken.whole(), free), _replaced(path, free))

    def pictures(self, folder: Path) -> None:
        """Write a picture of each map into a folder, under names that tell the map and its place."""
        taken = self._moment()
        if taken is None:
            return
        images: dict[Path, Tile] = {}
        for tile in taken.tiles:
            images[free_path(folder / _picture_name(taken, tile.choice.title), ".png", images)] = tile
        self._write(folder, lambda: [save_image(taken.single(tile), path) for path, tile in images.items()],
                    f"{len(images)} pictures.")

    def statistics(self, path: Path) -> None:
        """Write statistics of the shown maps per module and ASIC."""
        shown, excluded = self._session.shown, self._session.excluded
        if self._has_maps(shown):
            region = "" if shown.region is None else f"\nregion: {shown.region.words}"
            words = f"{heading(shown)}{region}\n{left_out(excluded, shown)}"
            rows = partial(statistics_rows, shown, self._maps.presenter.chosen, excluded)
            free = free_path(path, ".csv")
            self._write(free, lambda: write_csv(free, COLUMNS, rows(), words), _replaced(path, free))

    def curve(self, path: Path) -> None:
        """Write the selected pixel along its axis, with the names of its flags."""
        curve, awaited = self._inspector.curve, self._inspector.awaited
        if curve is None or curve.shown.pixel is None:
            self.said.emit("ERROR", "There is no curve to export; click a pixel first." if awaited is None else (
                f"The curve of {pixel_text(awaited)} is still being read; export it in a moment."), "")
            return
        columns, data = _columns(curve)
        words = f"{heading(curve.shown, but=curve.axis.name)}\n{pixel_text(curve.shown)}\nleft out: nothing"
        free = free_path(path, ".csv")
        self._write(free, lambda: write_csv(free, columns, zip(*data, strict=True), words), _replaced(path, free))

    def selection(self, path: Path, extent: Extent, all_results: bool = False) -> None:
        """Write maps as HDF5: the shown ones or all, of the shown module and place or of all."""
        shown = self._session.shown
        if self._has_maps(shown):
            shown_maps = tuple(one.result for one in self._maps.presenter.chosen)
            offered = tuple(one.result for one in self._maps.presenter.offered)
            flags = () if shown.flags is None else (shown.flags,)
            beside = tuple(one for one in offered if one.name in {mine.quality for mine in shown_maps})
            results = (*(offered if all_results else (*shown_maps, *beside)), *flags)
            self._select(path, shown, [one for one in results if one.pixels], extent, self._samples.pixel)

    def mask(self, path: Path, extent: Extent) -> None:
        """Write as HDF5 which pixels have a flag that is left out, of the shown module and place or of all."""
        shown = self._session.shown
        if not self._has_maps(shown):
            return
        if shown.flags is None or not self._session.excluded:
            why = "these results have no bad-pixel flags" if shown.flags is None else (
                "no flag is left out; tick under “out” beside the maps the flags that make a pixel bad")
            self.said.emit("ERROR", f"There is no mask to export: {why}.", "")
            return
        self._select(path, shown, [shown.flags], extent)

    def _select(
        self, path: Path, shown: Shown, results: Sequence[Result], extent: Extent,
        pixel: ExplainedPixel | None = None,
    ) -> None:
        if self._stop is not None:
            self.said.emit("ERROR", "A selection is being written already; cancel it or wait for its end.", "")
            return
        excluded = self._session.excluded
        words = {"place": "all" if extent.places else shown.place_text, "left_out": flags_text(excluded, "any flag")}
        numbers = shown.subject.modules if extent.modules else (shown.module,)
        chosen = Selection(
            tuple(dict.fromkeys(results)), numbers,
            {} if extent.places else {name: (index,) for name, index in shown.at.items()}, excluded, words,
            shown.region_in(numbers), extent.region, pixel)
        free, stop = free_path(path, ".h5"), Event()
        self._stop = stop

        def step(share: float) -> None:
            if stop.is_set():
                raise Cancelled(f"The export was cancelled; there is no {free}.")
            self.progressed.emit(share)

        self.progressed.emit(0.0)

        def write() -> str:
            missing = write_selection(free, shown.subject, chosen, step)
            return f"{missing} of its images are missing, since they are not done." if missing else ""

        self._write(free, write, _replaced(path, free), self._end)

    def _end(self) -> None:
        self._stop = None
        self.progressed.emit(-1.0)

    def cancel(self) -> None:
        """Stop a selection that is being written; nothing of it stays."""
        if self._stop is not None:
            self._stop.set()

    def files(self, paths: Sequence[Path], folder: Path) -> None:
        """Copy files into another folder; constants keep their names and their tree, nothing is replaced."""
        self._write(folder, partial(copy_files, paths, folder), f"{len(paths)} files.")

    def open_folder(self, folder: Path) -> None:
        """Show a folder."""
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self.said.emit("ERROR", f"No program opens folders here; the files are in {folder}.", "")

    def _moment(self) -> Moment | None:
        """What is on the screen now, with pictures; None where there are no maps, which is said."""
        if not self._has_maps(self._session.shown):
            return None
        taken = moment(self._session, self._maps, draw=True)
        if not taken.tiles:
            self.said.emit("ERROR", NOTHING, "")
        return taken if taken.tiles else None

    def _has_maps(self, shown: Shown) -> bool:
        if shown.picture is None or shown.kind is None:
            self.said.emit("ERROR", NOTHING, "")
            return False
        return True

    def _write(
        self, path: Path, write: Callable[[], object], more: str = "", ended: Callable[[], None] = lambda: None
    ) -> None:
        def tell(level: str, sentence: str, written: Path | None) -> None:
            ended()
            self._tell(level, sentence, written)

        def done(found: object) -> None:
            words = (f"{path} was written.", more, found if isinstance(found, str) else "")
            tell("INFO", " ".join(filter(None, words)), path)

        self._background.run(f"Writing {path}", write, done,
                             lambda error: tell(_level(error), str(error), None))

    def _tell(self, level: str, sentence: str, path: Path | None) -> None:
        self._session.say(level, sentence)
        self.said.emit(level, sentence, str(path or ""))


def _level(error: Exception) -> str:
    return "INFO" if isinstance(error, Cancelled) else "ERROR"


def _picture_name(taken: Moment, what: str) -> str:
    return file_name(taken.shown, [what], ".png", module=taken.module, but=taken.but)


def _replaced(wished: Path, free: Path) -> str:
    """Sentence on a file that has another name than was asked for, since that one is taken."""
    return "" if free.stem in (wished.stem, wished.name) else "The name that was asked for is taken, that file stays."


def _columns(curve: Curve) -> tuple[list[Column], list[list[object]]]:
    """Columns of a curve: labels, values, flags by their names where they are known along it, errors if any."""
    axis, flags = curve.axis, curve.shown.flags
    columns = [Column(axis.title.lower(), axis.unit), Column(curve.choice.title, curve.choice.unit)]
    data: list[list[object]] = [list(axis.labels), curve.values.tolist()]
    if flags is not None and axis.name in flags.over:
        columns.append(Column("flags"))
        data.append([flags_text(int(bits)) if bits else "" for bits in curve.flags])
    if curve.error is not None:
        columns.append(Column("error", curve.choice.unit))
        data.append(curve.error.tolist())
    return columns, data

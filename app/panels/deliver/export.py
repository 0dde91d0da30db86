"""Export of what is shown: pictures, tables, a selection, a mask, and copies of the files that it came from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from threading import Event

from PyQt6.QtCore import QObject, QUrl, pyqtSignal
from PyQt6.QtGui import QDesktopServices, QImage

from app.panels.deliver.naming import caption, file_name, free_path, heading, left_out
from app.panels.inspect.inspector_presenter import InspectorPresenter
from app.panels.maps.map_statistics import COLUMNS, statistics_rows
from app.panels.maps.maps import MapsPanel, save_image
from app.panels.maps.slots import Choice
from app.running.background import Background
from app.session.session import Session
from app.widgets.map_picture import map_image, side_by_side, with_caption, with_words
from app.widgets.map_view import MapView
from calib_core.errors import Cancelled
from calib_core.store.table import Column, write_csv
from calib_core.subjects.selection import Selection, write_selection
from calib_core.subjects.shown import Shown

NOTHING = "There are no maps to export yet; run a job or open constants first."


class ExportPresenter(QObject):
    """Writes files in the background, each from what is on the screen when it is asked for.

    Signals
    -------
    said(level, sentence, path)
        How it went: level INFO or ERROR; the path is empty where nothing was written.
    """

    said = pyqtSignal(str, str, str)

    def __init__(
        self, session: Session, background: Background, maps: MapsPanel, inspector: InspectorPresenter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._background, self._maps, self._inspector = session, background, maps, inspector
        self._stopped = Event()

    def name(self, what: Sequence[str], suffix: str, place: bool = True) -> str:
        """Name that is proposed for a file of what is shown."""
        return file_name(self._session.shown, what, suffix, place)

    def picture(self, path: Path) -> None:
        """Write one picture of all maps, at the resolution of the data."""
        images = [image for _, image in self._images()]
        if images:
            path = free_path(path, ".png")
            self._write(path, lambda: save_image(self._with_words(side_by_side(images, 2)), path))

    def pictures(self, folder: Path) -> None:
        """Write a picture of each map into a folder, under names that tell the map and its place."""
        images = [(free_path(folder / self.name([choice.title], ".png"), ".png"), image)
                  for choice, image in self._images()]
        if images:
            self._write(folder, lambda: [save_image(image, path) for path, image in images])

    def statistics(self, path: Path) -> None:
        """Write statistics of the shown maps per module and ASIC."""
        shown, excluded = self._session.shown, self._session.excluded
        if self._has_maps(shown):
            words = f"{heading(shown)}\n{left_out(excluded, shown)}"
            rows = partial(statistics_rows, shown, self._maps.presenter.chosen, excluded)
            path = free_path(path, ".csv")
            self._write(path, lambda: write_csv(path, COLUMNS, rows(), words))

    def curve(self, path: Path) -> None:
        """Write the selected pixel along its axis, with the names of its flags."""
        curve = self._inspector.curve
        if curve is None or curve.shown.pixel is None:
            self.said.emit("ERROR", "There is no curve to export; click a pixel first.", "")
            return
        result, axis = curve.choice.result, curve.axis
        columns = [Column(axis.title.lower(), axis.unit), Column(result.title, result.unit), Column("flags")]
        data = [list(axis.labels), curve.values.tolist(), curve.flags.tolist()]
        if curve.error is not None:
            columns.append(Column("error", result.unit))
            data.append(curve.error.tolist())
        place = "module {}, row {}, column {}".format(*curve.shown.pixel)
        words, path = f"{heading(curve.shown, but=axis.name)}\n{place}", free_path(path, ".csv")
        self._write(path, lambda: write_csv(path, columns, zip(*data, strict=True), words))

    def selection(self, path: Path, all_modules: bool, all_places: bool, mask_only: bool = False) -> None:
        """Write the shown maps, of the shown module and place or of all, as HDF5; or the mask of bad pixels alone."""
        shown = self._session.shown
        if not self._has_maps(shown):
            return
        flags = (shown.flags,) if shown.flags is not None else ()
        maps = () if mask_only else tuple(one.result for one in self._maps.presenter.chosen if one.result.pixels)
        results = tuple(dict.fromkeys((*maps, *flags)))
        chosen = Selection(
            results, shown.subject.modules if all_modules else (shown.module,),
            {} if all_places else {name: (index,) for name, index in shown.at.items()}, self._session.excluded,
            {"place": "all" if all_places else shown.place_text})
        path, stopped = free_path(path, ".h5"), Event()
        self._stopped = stopped

        def step(share: float) -> None:
            if stopped.is_set():
                raise Cancelled("The export was cancelled.")

        self._write(path, lambda: write_selection(path, shown.subject, chosen, step))

    def cancel(self) -> None:
        """Stop a selection that is being written; nothing of it stays."""
        self._stopped.set()

    def files(self, paths: Sequence[Path], folder: Path) -> None:
        """Copy files into another folder under their own names; files of the same name there stay as they are."""
        self._write(folder, lambda: [_copy(path, folder) for path in paths])

    def open_folder(self, folder: Path) -> None:
        """Show a folder."""
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self.said.emit("ERROR", f"No program opens folders here; the files are in {folder}.", "")

    def _images(self) -> list[tuple[Choice, QImage]]:
        """Each shown map with its caption, as the screen has it at this moment."""
        shown = self._session.shown
        if not self._has_maps(shown):
            return []
        found = []
        for choice, view in self._maps.shown_views():
            painted = view.painted_map() if isinstance(view, MapView) else None
            lines = caption(shown, self._session.overlay if self._maps.presenter.flags_visible else 0,
                            self._session.excluded)
            if painted is not None:
                found.append((choice, self._with_words(map_image(painted, choice.heading, lines), choice)))
            elif not isinstance(view, MapView):
                picture = view.grab().toImage()
                found.append((choice, self._with_words(with_caption(picture, choice.heading, lines), choice)))
        return found

    def _with_words(self, image: QImage, choice: Choice | None = None) -> QImage:
        shown = self._session.shown
        words: Mapping[str, str] = {
            "Title": choice.heading if choice is not None else "Maps", "Source": shown.subject.title,
            "Place": shown.place_text, "Description": heading(shown)}
        return with_words(image, words)

    def _has_maps(self, shown: Shown) -> bool:
        if shown.picture is None or shown.kind is None:
            self.said.emit("ERROR", NOTHING, "")
            return False
        return True

    def _write(self, path: Path, write: Callable[[], object]) -> None:
        self._background.run(f"Writing {path}", write, lambda _: self._tell("INFO", f"{path} was written.", path),
                             lambda error: self._tell("ERROR", str(error), None))

    def _tell(self, level: str, sentence: str, path: Path | None) -> None:
        self._session.say(level, sentence)
        self.said.emit(level, sentence, str(path or ""))


def _copy(path: Path, folder: Path) -> None:
    target = folder / path.name
    if target.exists():
        raise FileExistsError(f"{target} exists already; choose another folder.")
    shutil.copy2(path, target)

"""Export of what is shown: pictures, tables, and the constants that the job wrote."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QObject, Qt, QUrl
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.panels.inspect.inspector_presenter import InspectorPresenter
from app.panels.maps.map_statistics import COLUMNS, statistics_rows
from app.panels.maps.maps import MapsPanel, save_image
from app.panels.maps.pixel_text import flag_names
from app.running.background import Background
from app.running.jobs_model import JobsModel
from app.session.session import Session
from app.widgets.icons import icon
from calib_core.store.table import Column, write_csv
from calib_core.subjects.shown import Shown

AskFile = Callable[[str, str, str], str]
AskFolder = Callable[[str], str]


class ExportPresenter(QObject):
    """Writes files in the background and tells the session how it went."""

    def __init__(
        self, session: Session, background: Background, maps: MapsPanel, inspector: InspectorPresenter,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._background, self._maps, self._inspector = session, background, maps, inspector

    def picture(self, path: Path) -> None:
        """Write the picture of all maps."""
        image = self._maps.image()
        self._write(path, lambda: save_image(image, path))

    def pictures(self, folder: Path) -> None:
        """Write a picture of each map into a folder."""
        images = [(folder / f"{_file_name(title)}.png", image) for title, image in self._maps.slot_images()]
        self._write(folder, lambda: [save_image(image, path) for path, image in images])

    def statistics(self, path: Path) -> None:
        """Write statistics of the shown maps per module and ASIC."""
        shown = self._session.shown
        if shown.picture is None or shown.kind is None:
            self._session.say("ERROR", "There are no maps to export yet; run a job first.")
            return
        heading = f"{_heading(shown)}\nleft out are pixels with: {flag_names(self._session.excluded)}"
        rows = partial(statistics_rows, shown, self._maps.presenter.chosen, self._session.excluded)
        self._write(path, lambda: write_csv(path, COLUMNS, rows(), heading, overwrite=True))

    def curve(self, path: Path) -> None:
        """Write the selected pixel over memory cells."""
        curve = self._inspector.curve
        if curve is None:
            self._session.say("ERROR", "There is no curve to export; click a pixel first.")
            return
        spec = curve.choice.result
        columns = [Column("memory cell"), Column(spec.title, spec.unit)]
        data = [curve.cells.tolist(), curve.values.tolist()]
        if curve.error is not None:
            columns.append(Column("error", spec.unit))
            data.append(curve.error.tolist())
        comment = "{}\nmodule {}, row {}, column {}".format(_heading(curve.shown, but="cell"), *curve.shown.pixel)
        rows = zip(*data, strict=True)
        self._write(path, lambda: write_csv(path, columns, rows, comment, overwrite=True))

    def constants(self, paths: list[Path], folder: Path) -> None:
        """Copy constant files into another folder; files of the same name there stay as they are."""
        self._write(folder, lambda: [_copy(path, folder) for path in paths])

    def open_folder(self) -> None:
        """Show the folder of the subject's constants."""
        files = self._session.subject.files if self._session.subject is not None else ()
        folder = files[0].parent if files else self._session.out_folder
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            self._session.say("WARN", f"No program opens folders here; the constants are in {folder}.")

    def _write(self, path: Path, write: Callable[[], object]) -> None:
        self._background.run(
            f"Writing {path}", write,
            lambda _: self._session.say("INFO", f"{path} was written."),
            lambda error: self._session.say("ERROR", str(error)),
        )


def _heading(shown: Shown, but: str = "") -> str:
    """Whose numbers these are, and at which place along all axes but one."""
    about = [f"{name}: {text}" for name, text in shown.subject.about.items()]
    return "\n".join([shown.subject.title, shown.place(but), *about])


def _copy(path: Path, folder: Path) -> None:
    target = folder / path.name
    if target.exists():
        raise FileExistsError(f"{target} exists already; choose another folder.")
    shutil.copy2(path, target)


def _file_name(title: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in title.lower())


class ExportPanel(QWidget):
    """Buttons for pictures and tables beside the list of constants; only file choosers open windows."""

    def __init__(
        self, session: Session, jobs: JobsModel, background: Background, maps: MapsPanel,
        inspector: InspectorPresenter, parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.presenter = ExportPresenter(session, background, maps, inspector, self)
        self._session = session
        self.ask_file: AskFile = self._ask_file
        self.ask_folder: AskFolder = self._ask_folder
        self.outputs = QListWidget(objectName="outputs")
        self.outputs.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.outputs.setTextElideMode(Qt.TextElideMode.ElideLeft)
        self.outputs.setToolTip("Constants that the job wrote, HDF5")
        self._lay_out()
        session.subject_changed.connect(self._list)
        jobs.board_changed.connect(self._list)

    def _lay_out(self) -> None:
        buttons = QVBoxLayout()
        for name, text, act in (
            ("export_picture", "Picture of all maps…", self.export_picture),
            ("export_pictures", "Picture of each map…", self.export_pictures),
            ("export_statistics", "Statistics as CSV…", self.export_statistics),
            ("export_curve", "Pixel curve as CSV…", self.export_curve),
        ):
            buttons.addWidget(self._button(name, text, "export", act))
        buttons.addStretch(1)
        files = QHBoxLayout()
        files.addWidget(self._button("open_folder", "Open folder", "open", self.presenter.open_folder))
        files.addWidget(self._button("copy_constants", "Copy to…", "copy", self.copy_constants))
        files.addStretch(1)
        right = QVBoxLayout()
        right.addWidget(self.outputs, 1)
        right.addLayout(files)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(6, 4, 6, 4)
        whole.addLayout(buttons)
        whole.addLayout(right, 1)

    def _button(self, name: str, text: str, picture: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(icon(picture), text, objectName=name)
        button.clicked.connect(lambda: act())
        return button

    def export_picture(self) -> None:
        """Ask for a file and write the picture of all maps."""
        self._to_file("maps.png", "Pictures (*.png)", self.presenter.picture)

    def export_pictures(self) -> None:
        """Ask for a folder and write a picture of each map."""
        self._to_folder("Folder for the pictures", self.presenter.pictures)

    def export_statistics(self) -> None:
        """Ask for a file and write the statistics."""
        self._to_file("statistics.csv", "Tables (*.csv)", self.presenter.statistics)

    def export_curve(self) -> None:
        """Ask for a file and write the curve of the selected pixel."""
        self._to_file("pixel.csv", "Tables (*.csv)", self.presenter.curve)

    def copy_constants(self) -> None:
        """Ask for a folder and copy the chosen constants, or all, into it."""
        chosen = self.outputs.selectedItems() or [self.outputs.item(i) for i in range(self.outputs.count())]
        paths = [Path(item.text()) for item in chosen]
        if paths:
            self._to_folder("Copy constants to", lambda folder: self.presenter.constants(paths, folder))

    def _to_file(self, name: str, kinds: str, write: Callable[[Path], None]) -> None:
        path = self.ask_file("Export", name, kinds)
        if path:
            write(Path(path))

    def _to_folder(self, title: str, write: Callable[[Path], None]) -> None:
        folder = self.ask_folder(title)
        if folder:
            write(Path(folder))

    def _ask_file(self, title: str, name: str, kinds: str) -> str:
        return QFileDialog.getSaveFileName(self, title, str(self._session.out_folder.parent / name), kinds)[0]

    def _ask_folder(self, title: str) -> str:
        return QFileDialog.getExistingDirectory(self, title)

    def _list(self) -> None:
        outputs = [str(path) for path in self._session.subject.files] if self._session.subject is not None else []
        if len(outputs) != self.outputs.count():
            self.outputs.clear()
            self.outputs.addItems(outputs)

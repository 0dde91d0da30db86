"""Panel of the export: buttons, how it went beside them, and the files that the subject came from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.forms.tone_label import NoteLabel
from app.panels.deliver.export import ExportPresenter, Extent
from app.panels.inspect.inspector_presenter import InspectorPresenter
from app.panels.inspect.samples_presenter import SamplesPresenter
from app.panels.maps.maps import MapsPanel
from app.running.background import Background
from app.running.jobs_model import JobsModel
from app.session.session import Session
from app.widgets.icons import icon
from app.widgets.plain import tip
from calib_core.errors import BadInput
from calib_core.store.constants import read_constant

AskFile = Callable[[str, str, str], str]
AskFolder = Callable[[str], str]

_GONE = "gone"
_COLUMNS = ("kind", "module", "detector unit", "written", "MiB")


class ExportPanel(QWidget):
    """Buttons beside the list of files; only file choosers open windows. How it went is said below the buttons."""

    def __init__(
        self, session: Session, jobs: JobsModel, background: Background, maps: MapsPanel,
        inspector: InspectorPresenter, samples: SamplesPresenter, parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.presenter = ExportPresenter(session, background, maps, inspector, samples, self)
        self._session, self._background = session, background
        self._shown, self._listed = False, ()
        self._texts: dict[Path, tuple[str, ...]] = {}
        self.ask_file: AskFile = self._ask_file
        self.ask_folder: AskFolder = self._ask_folder
        self.said, self.open_button = NoteLabel(), QPushButton("Open folder", objectName="open_written")
        self.all_modules = QCheckBox("all modules", objectName="all_modules")
        self.all_places = QCheckBox("all cells and stages", objectName="all_places")
        self.all_results = QCheckBox("all results", objectName="all_results")
        self.region_only = QCheckBox("region only", objectName="region_only")
        self.progress, self.cancel_button = QProgressBar(), QPushButton("Cancel", objectName="cancel_export")
        self.files = QTableWidget(0, len(_COLUMNS), objectName="outputs")
        self._written = Path()
        self._lay_out()
        self._connect(jobs)

    def _connect(self, jobs: JobsModel) -> None:
        self.presenter.said.connect(self._tell)
        self.presenter.progressed.connect(self._show_progress)
        self.cancel_button.clicked.connect(self.presenter.cancel)
        self.open_button.clicked.connect(lambda: self.presenter.open_folder(self._written))
        self._session.subject_changed.connect(self._list)
        jobs.board_changed.connect(self._list)

    def _lay_out(self) -> None:
        buttons = QGridLayout()
        for number, (name, text, act) in enumerate((
            ("export_picture", "Picture of all maps…", self.export_picture),
            ("export_pictures", "Picture of each map…", self.export_pictures),
            ("export_statistics", "Statistics as CSV…", self.export_statistics),
            ("export_curve", "Pixel curve as CSV…", self.export_curve),
            ("export_selection", "Shown maps as HDF5…", self.export_selection),
            ("export_mask", "Mask as HDF5…", self.export_mask),
        )):
            buttons.addWidget(self._button(name, text, "export", act), number // 2, number % 2)
        choices = QGridLayout()
        for number, box in enumerate((self.all_modules, self.all_places, self.all_results, self.region_only)):
            choices.addWidget(box, number // 2, number % 2)
        choices.setColumnStretch(1, 1)
        self.all_results.setToolTip("HDF5 holds all results that have pixels, else those that are shown as maps")
        self.all_modules.setToolTip("HDF5 holds all modules, else the one that is looked at")
        self.region_only.setToolTip("HDF5 holds the rectangle about the marked region, with its place in the module, "
                                    "else whole modules")
        self.all_places.setToolTip("HDF5 holds all memory cells, gain stages and trains, else those of the maps")
        told = QHBoxLayout()
        for widget, stretch in ((self.progress, 1), (self.cancel_button, 0), (self.said, 1), (self.open_button, 0)):
            told.addWidget(widget, stretch)
            widget.hide()
        self.progress.setRange(0, 100)
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        for part in (buttons, choices):
            left.addLayout(part)
        left.addStretch(1)
        beside = QVBoxLayout()
        beside.addWidget(_scrolled(left), 1)
        beside.addLayout(told)  # how it went is in sight however low the panel is
        whole = QHBoxLayout(self)
        whole.setContentsMargins(6, 4, 6, 4)
        whole.addLayout(beside, 1)
        whole.addLayout(self._files_column(), 1)

    def _files_column(self) -> QVBoxLayout:
        self.files.setHorizontalHeaderLabels(_COLUMNS)
        self.files.verticalHeader().hide()
        self.files.verticalHeader().setDefaultSectionSize(22)
        self.files.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.files.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.files.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        row = QHBoxLayout()
        button = self._button("copy_files", "Copy files to…", "copy", self.copy_files)
        button.setToolTip("Copies the chosen files, or all; constants keep their names and folders, so that the copy "
                          "can be opened like the original")
        row.addWidget(button)
        row.addStretch(1)
        column = QVBoxLayout()
        column.addWidget(self.files, 1)
        column.addLayout(row)
        return column

    def _button(self, name: str, text: str, picture: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(icon(picture), text, objectName=name)
        button.clicked.connect(lambda: act())
        return button

    def export_picture(self) -> None:
        """Ask for a file and write the picture of all maps."""
        self._to_file(self.presenter.picture_name("maps"), "Pictures (*.png)", self.presenter.picture)

    def export_pictures(self) -> None:
        """Ask for a folder and write a picture of each map."""
        self._to_folder("Folder for the pictures", self.presenter.pictures)

    def export_statistics(self) -> None:
        """Ask for a file and write the statistics."""
        self._to_file(self.presenter.name(["statistics"], ".csv"), "Tables (*.csv)", self.presenter.statistics)

    def export_curve(self) -> None:
        """Ask for a file and write the curve of the selected pixel."""
        self._to_file(self.presenter.name(["pixel"], ".csv", place=False), "Tables (*.csv)", self.presenter.curve)

    def export_selection(self) -> None:
        """Ask for a file and write the shown maps, or all."""
        everything = self.all_results.isChecked()
        self._to_hdf5("results" if everything else "maps", partial(self.presenter.selection, all_results=everything))

    def export_mask(self) -> None:
        """Ask for a file and write the mask of the pixels with flags that are left out."""
        self._to_hdf5("mask", self.presenter.mask)

    def _to_hdf5(self, what: str, write: Callable[[Path, Extent], None]) -> None:
        boxes = (self.all_modules, self.all_places, self.region_only)
        extent = Extent(*(box.isChecked() for box in boxes))
        words = [what] if extent.modules else [f"m{self._session.shown.module:02d}", what]
        self._to_file(self.presenter.name(words, ".h5", place=not extent.places), "HDF5 (*.h5)",
                      lambda path: write(path, extent))

    def copy_files(self) -> None:
        """Ask for a folder and copy the chosen files, or all, into it."""
        rows = sorted({index.row() for index in self.files.selectedIndexes()}) or range(self.files.rowCount())
        paths = [Path(self.files.item(row, 0).data(Qt.ItemDataRole.UserRole)) for row in rows]
        if paths:
            self._to_folder("Copy files to", lambda folder: self.presenter.files(paths, folder))

    def _to_file(self, name: str, kinds: str, write: Callable[[Path], None]) -> None:
        path = self.ask_file("Export", name, kinds)
        if path:
            write(Path(path))

    def _to_folder(self, title: str, write: Callable[[Path], None]) -> None:
        folder = self.ask_folder(title)
        if folder:
            write(Path(folder))

    def _ask_file(self, title: str, name: str, kinds: str) -> str:
        options = QFileDialog.Option.DontConfirmOverwrite  # nothing is ever replaced
        return QFileDialog.getSaveFileName(
            self, title, str(self._session.out_folder.parent / name), kinds, options=options)[0]

    def _ask_folder(self, title: str) -> str:
        return QFileDialog.getExistingDirectory(self, title)

    def _tell(self, level: str, sentence: str, path: str) -> None:
        self.said.say(sentence, "error" if level == "ERROR" else "ok")
        written = Path(path)
        self._written = written if written.is_dir() else written.parent
        self.open_button.setVisible(bool(path))

    def _show_progress(self, share: float) -> None:
        """Show how far a selection is, with a button that cancels it; a share below 0 hides both."""
        for widget in (self.progress, self.cancel_button):
            widget.setVisible(share >= 0)
        if share >= 0:
            self.said.say("")
            self.open_button.hide()
            self.progress.setValue(round(100 * share))

    def _list(self) -> None:
        """List the files of the subject where somebody looks; those that are known are not opened again."""
        paths = self._session.subject.files if self._session.subject is not None else ()
        if paths != self._listed and self._shown:
            self._listed, known = paths, self._texts
            self._background.run("Listing files", lambda: [(path, known.get(path) or _texts(path)) for path in paths],
                                 self._show_files)

    def set_shown(self, shown: bool) -> None:
        """Tell whether the panel is to be seen; no file is opened while it is not."""
        self._shown = shown
        self._list()

    def _show_files(self, found: list[tuple[Path, tuple[str, ...]]]) -> None:
        self._texts = {path: texts for path, texts in found if _GONE not in texts}
        self.files.setRowCount(len(found))
        for row, (path, texts) in enumerate(found):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(tip(str(path)))
                item.setData(Qt.ItemDataRole.UserRole, str(path))
                self.files.setItem(row, column, item)


def _scrolled(layout: QVBoxLayout) -> QScrollArea:
    """Room that scrolls where a layout is higher than the panel."""
    inner, area = QWidget(), QScrollArea()
    inner.setLayout(layout)
    area.setWidget(inner)
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setMinimumWidth(inner.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
    return area


def _texts(path: Path) -> tuple[str, ...]:
    """Calibration, module, detector unit, time of writing and size; the name where a file is no constant."""
    try:
        told = path.stat()
        written, size = datetime.fromtimestamp(told.st_mtime).astimezone(), f"{told.st_size / (1 << 20):.1f}"
        known = read_constant(path)
    except OSError:
        return path.name, "", path.parent.name, _GONE, "–"
    except BadInput:
        return path.name, "", path.parent.name, f"{written:%d %b %H:%M}", size
    written, module = known.created or written, known.attributes.get("module", "")
    return known.calibration, str(module), known.pdu, f"{written.astimezone():%d %b %H:%M}", size

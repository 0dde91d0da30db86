"""What people mask in the window: read beside what is shown, written as constants, the same in all panels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PyQt6.QtCore import QObject, pyqtSignal

from app.running.background import Background
from app.session.session import Session
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.expert_mask import MaskBook, MaskEntry, Told, author_here, taking_back
from calib_core.errors import CalibrationError
from calib_core.store.expert_masks import MaskFiles
from calib_core.store.masks import entries_of_mask
from calib_core.subjects.masked import Masks, detector_of
from calib_core.subjects.region import RegionOfInterest

_READING, _WRITING = "Reading expert masks", "Writing an expert mask"
#: Pixels of an entry, by the number of the module.
Pixels = Mapping[int, np.ndarray]


@dataclass(frozen=True)
class Asked:
    """What the operator asks for beside the pixels.

    Attributes
    ----------
    reason, author : str
    flags : int
    axes : tuple of str
        Axes of which the shown entry alone is masked: ``cell``, ``gain``.
    """

    reason: str
    author: str
    flags: int = int(BadPixels.EXPERT_CHOICE)
    axes: tuple[str, ...] = ()


class ExpertMasks(QObject):
    """Keeps the expert masks of what is looked at, and adds to them.

    Signals
    -------
    changed()
        There are other entries.
    said(sentence, wrong)
        How it went; empty when something begins.
    """

    changed = pyqtSignal()
    said = pyqtSignal(str, bool)

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._background = session, background
        self.masks, self.author = Masks(), author_here()
        self._files: MaskFiles | None = None
        session.subject_changed.connect(self.read)

    @property
    def folder(self) -> Path:
        """Folder of constants in which masks are kept: the one that corrections take."""
        return self._session.constants_folder or self._session.out_folder

    @property
    def told(self) -> tuple[Told, ...]:
        """Entries about modules of what is shown, the newest first."""
        subject = self._session.shown.subject
        units = set() if subject is None else set(subject.units.values())
        return tuple(one for one in self.masks.book.told if units & set(one.units))

    @property
    def begin(self) -> datetime:
        """From when on an entry holds that is made now: from the begin of the data that are shown."""
        subject = self._session.shown.subject
        return datetime.now(UTC) if subject is None or subject.when is None else subject.when

    def read(self) -> None:
        """Read the masks of the modules that are looked at."""
        files = self._files_of()
        if files is not None:
            self._background.run(_READING, lambda: (files.read(), files.trouble), self._take, self._fail)

    def add(self, region: RegionOfInterest | None, asked: Asked) -> None:
        """Mask the pixels of a region."""
        if region is None:
            self.said.emit("No pixel is marked; mark a region in a map first.", True)
            return
        masks = dict(zip(region.modules, region.masks(region.modules), strict=True))
        self._write([(self._entry(region.words, asked), masks)], f"{region.size:,} pixels are masked")

    def add_file(self, path: Path, asked: Asked) -> None:
        """Mask what a file of others has; an entry for each of its flags."""
        files = self._files_of()
        if files is None:
            self.said.emit("Nothing is shown that a mask could be of; open a run or constants first.", True)
            return
        entry = self._entry("", asked)
        self._start(lambda: files.add(entries_of_mask(path, files.detector, entry)), f"{path.name} is taken")

    def take_back(self, entry: MaskEntry) -> None:
        """Let an entry count no more, by another entry."""
        back = taking_back(entry, self.author, datetime.now(UTC))
        self._write([(back, {})], f"“{entry.reason}” is taken back")

    def undo(self) -> None:
        """Take back the last entry of the one who sits here."""
        last = MaskBook.last(self.told, self.author)
        if last is None:
            self.said.emit(f"There is no entry of {self.author} that could be taken back; choose one of others in "
                           "the list.", True)
            return
        self.take_back(last.entry)

    def _entry(self, drawn: str, asked: Asked) -> MaskEntry:
        shown = self._session.shown
        cells = (shown.label("cell"),) if "cell" in asked.axes else ()
        stages = (shown.label("gain"),) if "gain" in asked.axes else ()
        return MaskEntry(asked.author, asked.reason, drawn, datetime.now(UTC), self.begin, asked.flags, cells, stages)

    def _write(self, entries: list[tuple[MaskEntry, Pixels]], done: str) -> None:
        files = self._files_of()
        if files is None:
            self.said.emit("It is not known which units the modules are; nothing can be masked.", True)
            return
        self._start(lambda: files.add(entries), done)

    def _start(self, write: Callable[[], object], done: str) -> None:
        files, folder = self._files, self.folder
        self.said.emit("", False)

        def work() -> tuple[MaskBook, tuple[str, ...]]:
            write()
            return files.read(), files.trouble

        def take(found: tuple[MaskBook, tuple[str, ...]]) -> None:
            self._take(found)
            sentence = f"{done}, in {folder}."
            self._session.say("INFO", sentence[:1].upper() + sentence[1:])
            self.said.emit(sentence[:1].upper() + sentence[1:], False)

        self._background.run(_WRITING, work, take, self._refuse)

    def _files_of(self) -> MaskFiles | None:
        """Files of the masks of what is looked at; None where its units are not known."""
        subject = self._session.shown.subject
        detector = None if subject is None else detector_of(subject)
        if detector is None:
            return None
        known = self._files
        if known is None or (known.root, known.detector) != (self.folder, detector):
            same = known is not None and known.root == self.folder
            self._files = replace(known, detector=detector) if same else MaskFiles(self.folder, detector)
        return self._files

    def _take(self, found: tuple[MaskBook, tuple[str, ...]]) -> None:
        """Let what was read hold; that of other units stays as it was."""
        book, trouble = found
        for sentence in trouble:
            self._session.tell_trouble(CalibrationError(sentence))
        units = {one.pdu for one in self._files.detector.modules} if self._files is not None else set()
        kept = {unit: one for unit, one in self.masks.book.modules.items() if unit not in units}
        before = {unit: len(one.history) for unit, one in self.masks.book.modules.items()}
        now = {**kept, **book.modules}
        if {unit: len(one.history) for unit, one in now.items()} != before:
            self.masks.take(MaskBook(now))
            if self._session.subject is not None:  # a comparison makes its picture again
                self._session.subject.look_at(self._session.view)
            self._session.refresh()
        self.changed.emit()

    def _fail(self, error: Exception) -> None:
        self._session.tell_trouble(error)

    def _refuse(self, error: Exception) -> None:
        sentence = str(error) if isinstance(error, CalibrationError) else f"Nothing was masked: {error!r}."
        self._session.say("ERROR", sentence)
        self.said.emit(sentence, True)

"""What can be looked at: jobs and opened constants; one is A, and another may be B, with which it is compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from app.session.session import Session
from calib_core.detector import DetectorType
from calib_core.errors import CalibrationError
from calib_core.subjects.base import Subject
from calib_core.subjects.constant_sets import ConstantSet
from calib_core.subjects.masked import Masks, masked
from calib_core.subjects.on_disk import opened
from calib_core.subjects.pair import PairSubject


@dataclass(eq=False)
class Source:
    """Something that can be looked at; what takes memory is made when somebody does.

    Attributes
    ----------
    title : str
    opens : callable
        Makes the subject.
    known_kind, known_files
        Of what is on disk: type of the detector, and files, before the subject is made.
    """

    title: str
    opens: Callable[[], Subject]
    known_kind: DetectorType | None = None
    known_files: tuple[Path, ...] = ()
    _subject: Subject | None = field(default=None, init=False)

    @property
    def subject(self) -> Subject:
        """The subject, made at the first call."""
        if self._subject is None:
            self._subject = self.opens()
        return self._subject

    @property
    def opened(self) -> Subject | None:
        """The subject where it has been made."""
        return self._subject

    @property
    def kind(self) -> DetectorType | None:
        """Type of the detector, where it is known."""
        return self.known_kind if self._subject is None else self._subject.kind

    @property
    def files(self) -> tuple[Path, ...]:
        """Where its results are kept: all of them once it has ended, none before."""
        if self._subject is None:
            return self.known_files
        return tuple(self._subject.files) if self._subject.ended else ()


class Sources(QObject):
    """Keeps what was opened, and shows one of it or two compared, with what people masked.

    Parameters
    ----------
    session : Session
    masks : Masks

    Signals
    -------
    changed()
        There is another source, or A or B is another.
    closed(subject)
        A source was let go, and its subject is closed.
    """

    changed = pyqtSignal()
    closed = pyqtSignal(object)

    def __init__(self, session: Session, masks: Masks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._masks = session, masks
        self._masked: dict[Source, Subject] = {}
        self._entries: list[Source] = []
        self._pair: PairSubject | None = None
        self.a: Source | None = None
        self.b: Source | None = None

    @property
    def entries(self) -> tuple[Source, ...]:
        """All sources, the newest first."""
        return tuple(self._entries)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Subjects of A and B, as far as there are."""
        return tuple(one.subject for one in (self.a, self.b) if one is not None)

    def letter(self, source: Source) -> str:
        """``A``, ``B``, or nothing."""
        return "A" if source is self.a else "B" if source is self.b else ""

    def add(self, *sources: Source) -> None:
        """Take sources, newest first, without showing them."""
        self._entries = [*sources, *self._entries]
        self.changed.emit()

    def of_set(self, found: ConstantSet) -> Source:
        """What shows a set of constants: a source that has it already, or a new one."""
        files = {one.path for one in found.files}
        for one in self._entries:
            if one.opened is not None and files <= set(one.opened.files):
                return one
        source = Source(found.title, partial(opened, found))
        self.add(source)
        return source

    def show(self, source: Source) -> None:
        """Look at a source; it is compared with B, unless it is B."""
        self.a, self.b = source, None if source is self.b else self.b
        self._present()

    def compare(self, source: Source | None) -> None:
        """Compare A with a source, or with nothing any more; what cannot be compared is told and stays away."""
        self.b = None if source is self.a else source
        if self.a is None and source is not None:
            self.a, self.b = source, None
        self._present()

    def remove(self, source: Source) -> None:
        """Let a source go; another is shown in its place."""
        self._entries.remove(source)
        was_shown = source in (self.a, self.b)
        if source is self.b:
            self.b = None
        elif source is self.a:
            self.a, self.b = self.b or next(iter(self._entries), None), None
        if was_shown:
            self._present()
        self._let_go(source)

    def exchange(self, source: Source, other: Source) -> None:
        """Let a source go, and put another in its place, which is shown as it was."""
        letter = self.letter(source)
        self._entries[self._entries.index(source)] = other
        if letter == "A":
            self.a = other
        elif letter == "B":
            self.b = other
        if letter:
            self._present()
        self._let_go(source)

    def _let_go(self, source: Source) -> None:
        self._masked.pop(source, None)
        if source.opened is not None:
            source.opened.close()
            self.closed.emit(source.opened)
        self.changed.emit()

    def close(self) -> None:
        """End what is compared and all subjects that are no jobs; those end by themselves."""
        self._leave_pair()
        for one in self._entries:
            if one.opened is not None and one.opened.ended:
                one.opened.close()

    def _present(self) -> None:
        before, self._pair = self._pair, None
        subject = None if self.a is None else self._looked_at(self.a)
        if self.a is not None and self.b is not None:
            try:
                subject = self._pair = PairSubject(self._looked_at(self.a), self._looked_at(self.b))
            except CalibrationError as error:
                self.b = None
                self._session.say("ERROR", str(error))
        if subject is not self._session.subject:
            self._session.set_subject(subject)
        if before is not None:
            before.close()
        self.changed.emit()

    def _looked_at(self, source: Source) -> Subject:
        """A source's subject with what people masked, always the same one."""
        if source not in self._masked:
            self._masked[source] = masked(source.subject, self._masks)
        return self._masked[source]

    def _leave_pair(self) -> None:
        if self._pair is not None:
            self._pair.close()
            self._pair = None

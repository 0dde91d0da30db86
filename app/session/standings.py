"""What was decided on the constants that are open: draft, accepted, rejected."""

from __future__ import annotations

from functools import partial

from PyQt6.QtCore import QObject, pyqtSignal

from app.running.background import Background
from app.session.session import Session
from app.session.sources import Sources
from calib_core.subjects.base import Subject
from calib_core.subjects.masked import bare
from calib_core.subjects.pair import PairSubject
from calib_core.subjects.sign_off import SignOff, Standing, set_of

#: Marks of words that are no drafts, so that colour alone says nothing.
_MARKS = {"accepted": "✓ ", "rejected": "✗ ", "withdrawn": "✗ "}


class Standings(QObject):
    """Asks the store for each source that has ended, away from the window's thread, once and after each decision.

    Signals
    -------
    changed()
        It is known of another source, or something was decided.
    decided()
        Something was decided.

    Attributes
    ----------
    letter : str
        Which of two that are compared is decided on, ``A`` or ``B``.
    """

    changed, decided = pyqtSignal(), pyqtSignal()

    def __init__(
        self, session: Session, sources: Sources, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._sources, self._background = session, sources, background
        self._known: dict[Subject, Standing | None] = {}
        self.letter = "A"
        sources.changed.connect(self.look)
        sources.closed.connect(self._forget)
        session.subject_told.connect(self.look)

    def of(self, subject: Subject) -> Standing | None:
        """What was decided on a subject's constants; None where it has none, or that is not known yet."""
        return self._known.get(subject)

    def word(self, subject: Subject | None) -> str:
        """It in a word, with a mark; of two that are compared that of each."""
        if isinstance(subject, PairSubject):
            both = (("A", self.word(subject.a)), ("B", self.word(subject.b)))
            return " · ".join(f"{letter} {word}" for letter, word in both if word)
        own = bare(subject)
        found = None if own is None else self.of(own)
        return "" if found is None else f"{_MARKS.get(found.word, '')}{found.word}"

    def decide_on(self, letter: str) -> None:
        """Tell which of two that are compared is decided on, ``A`` or ``B``."""
        if letter != self.letter:
            self.letter = letter
            self.changed.emit()

    def sides(self, subject: Subject | None) -> tuple[Subject | None, Subject | None]:
        """What is decided on, and what it is compared with; without what people masked, which nobody measured."""
        if not isinstance(subject, PairSubject):
            return bare(subject), None
        a, b = bare(subject.a), bare(subject.b)
        return (a, b) if self.letter == "A" else (b, a)

    def look(self) -> None:
        """Ask for sources of which it is not known."""
        for one in self._sources.entries:
            subject = one.opened
            if subject is not None and subject.ended and subject not in self._known and subject.files:
                self._known[subject] = None
                self._background.run(f"Standing of {id(subject)}", partial(_standing, subject),
                                     partial(self.tell, subject), lambda _: None)

    def tell(self, subject: Subject, standing: Standing | None) -> None:
        """Take what is known of a subject now; the others are asked again, since they may be superseded."""
        if all(one.opened is not subject for one in self._sources.entries):
            return  # it was let go meanwhile, and nobody holds it any more
        before = self._known.get(subject)
        self._known[subject] = standing
        if before is not None:
            self._known = {subject: standing}
            self.look()
        self.changed.emit()
        if before is not None and before != standing:
            self.decided.emit()

    def _forget(self, subject: Subject) -> None:
        self._background.drop(f"Standing of {id(subject)}")
        self._known.pop(subject, None)


def _standing(subject: Subject) -> Standing | None:
    found = set_of(subject)
    if found is None or not any("provenance" in one.attributes for one in found.files):
        return None  # files of other programs are nobody's drafts
    return SignOff().standing(found)

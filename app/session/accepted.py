"""What was accepted before as B beside the constants that are shown."""

from __future__ import annotations

from functools import partial

from PyQt6.QtCore import QObject

from app.running.background import Background
from app.session.session import Session
from app.session.sources import Source, Sources
from calib_core.errors import CalibrationError
from calib_core.subjects.base import Subject
from calib_core.subjects.constant_sets import ConstantSet
from calib_core.subjects.masked import bare
from calib_core.subjects.sign_off import SignOff, set_of

_WORK = "Accepted constants"


class AcceptedBefore(QObject):
    """Finds what a verdict compares with, and shows it; that there is none is said."""

    def __init__(
        self, session: Session, sources: Sources, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._sources, self._background = session, sources, background

    def compare(self) -> None:
        """Take the newest accepted constants before A, of its units and operating condition, as B."""
        a = self._sources.a
        if a is None or not a.files:
            self._session.say("WARN", "There is nothing to compare yet; show constants that are written.")
            return
        found = partial(_accepted_before, bare(a.subject))
        self._background.run(_WORK, found, partial(self._show, a), self._fail)

    def _show(self, a: Source, found: ConstantSet | str) -> None:
        if isinstance(found, str):
            self._session.say("WARN", found)
        elif self._sources.a is a:  # else another was shown meanwhile
            self._sources.compare(self._sources.of_set(found))

    def _fail(self, error: Exception) -> None:
        self._session.say("ERROR", str(error) if isinstance(error, CalibrationError)
                          else f"Accepted constants cannot be opened: {error!r}.")


def _accepted_before(subject: Subject) -> ConstantSet | str:
    """What was accepted before a subject's constants; a sentence where there is nothing."""
    own, sign_off = set_of(subject), SignOff()
    if own is None:
        return f"There is nothing to compare: {subject.title} has no constants."
    found = sign_off.accepted_before(own)
    return found if found is not None else (
        f"There is nothing to compare: {sign_off.folder} has no accepted constants of the units and the operating "
        f"condition of {own.title}. “Compare” in Sources takes others as B.")

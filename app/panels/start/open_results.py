"""From folders and files of results to sources that can be looked at, without waiting for a disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from app.running.background import Background
from app.session.session import Session
from app.session.sources import Source, Sources
from calib_core.errors import CalibrationError
from calib_core.subjects.constants import ConstantSet
from calib_core.subjects.on_disk import Found, find_on_disk, opened

_WORK = "Opening results"


class ResultsOpener(QObject):
    """Finds results away from the window's thread; the newest is shown, the others are listed.

    Signals
    -------
    opened()
        Something that was found is shown.
    several(identifiers)
        There are some of several detectors; one has to be chosen with :meth:`choose`.
    failed(sentence)
        There are none that can be used.
    """

    opened = pyqtSignal()
    several = pyqtSignal(tuple)
    failed = pyqtSignal(str)

    def __init__(
        self, session: Session, sources: Sources, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._sources, self._background = session, sources, background
        self._found: tuple[Found, ...] = ()
        self._then: tuple[Path, ...] = ()
        self._take: Callable[[Source], None] = sources.show

    def open(self, paths: Sequence[Path], compare: bool = False, then: Sequence[Path] = ()) -> None:
        """Open folders or files: as A, or as B beside what is shown; ``then`` are opened as B after A."""
        self._then = tuple(then)
        self._take = self._sources.compare if compare else self._sources.show
        self._session.say("INFO", f"Looking for results in {', '.join(map(str, paths[:3]))} …")
        self._background.run(_WORK, partial(find_on_disk, list(paths)), self._choose_detector, self._fail)

    def bring_back(self, shown: Sequence[Path], compared: Sequence[Path]) -> None:
        """Show results of the last session again, two compared where they were; what is gone is told."""
        def both() -> tuple[list[tuple[Found, ...]], str]:
            found = [find_on_disk(list(shown))]
            try:
                return found + [find_on_disk(list(paths)) for paths in (compared,) if paths], ""
            except CalibrationError as error:
                return found, str(error)

        self._background.run(_WORK, both, self._show_again, lambda error: self._session.say("WARN", str(error)))

    def put_in_place_of(self, source: Source, files: Sequence[Path]) -> None:
        """Let a source go and offer the files that it has written instead; without any it is let go alone."""
        def exchange(found: tuple[Found, ...]) -> None:
            if source in self._sources.entries:
                self._sources.exchange(source, _source(found[0]))

        def remove(error: Exception) -> None:
            if source in self._sources.entries:
                self._sources.remove(source)
            self._session.say("WARN", f"Its maps are gone, since its files cannot be opened. {error}")

        if files:
            name = f"{_WORK} in place of {id(source)}"  # several may be removed at once
            self._background.run(name, partial(find_on_disk, list(files)), exchange, remove)
        else:
            self._sources.remove(source)

    def choose(self, identifier: str) -> None:
        """Open what was found of one detector."""
        self._show([one for one in self._found if one.identifier == identifier])

    def _choose_detector(self, found: tuple[Found, ...]) -> None:
        self._found = found
        names = tuple(dict.fromkeys(one.identifier for one in found))
        if len(names) > 1:
            self.several.emit(names)
        else:
            self._show(found)

    def _show(self, found: Sequence[Found]) -> None:
        made = [_source(one) for one in found]
        self._sources.add(*made)
        if len(made) > 1:
            self._session.say("INFO", f"{len(made)} results are listed in Sources; the first is shown.")
        self._take(made[0])
        self.opened.emit()
        if self._then:
            self.open(self._then, compare=True)

    def _show_again(self, both: tuple[Sequence[tuple[Found, ...]], str]) -> None:
        found, gone = both
        if self._session.subject is not None:
            return  # something else was opened meanwhile
        if gone:
            self._session.say("WARN", gone)
        made = [_source(sets[0]) for sets in found if sets]
        self._sources.add(*made)
        self._sources.show(made[0])
        for other in made[1:]:
            self._sources.compare(other)

    def _fail(self, error: Exception) -> None:
        sentence = str(error) if isinstance(error, CalibrationError) else f"Results cannot be opened: {error!r}."
        self._session.say("ERROR", sentence)
        self.failed.emit(sentence)


def _source(found: Found) -> Source:
    if not isinstance(found, ConstantSet):
        return Source(found.title, partial(opened, found))
    return Source(found.title, partial(opened, found), found.kind, tuple(one.path for one in found.files))

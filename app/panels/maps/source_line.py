"""The line over the maps that says whose they are, of which place, and whether they are up to date."""

from __future__ import annotations

from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.forms.tone_label import colour_text
from app.panels.maps.pixel_text import asic_number
from app.session.session import Session
from app.session.standings import Standings
from app.widgets.elided_label import ElidedLabel
from app.widgets.plain import tip
from app.widgets.sentence_list import SentenceList
from calib_core.subjects.shown import Shown, in_words

NOTHING = "Nothing is shown yet: open runs and press Run, or open constants."


class SourceLine(ElidedLabel):
    """One line, always there, so that it moves no map; a click lists the notes, which the tool tip has too."""

    def __init__(self, session: Session, standings: Standings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._standings, self.list = session, standings, SentenceList(self)
        self._said: tuple[str, str, tuple[str, ...]] | None = None
        self.setObjectName("source_line")
        self.setMargin(3)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for signal in (session.subject_changed, session.subject_told, session.picture_changed, session.view_changed,
                       session.module_changed, session.frozen_changed, standings.changed):
            signal.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say what is shown now."""
        shown = self._session.shown
        if shown.subject is None:
            self._say(NOTHING, "muted", ())
            return
        notes = shown.subject.notes
        # place and notes first: they are to be seen where there is no room for all
        tried = "" if shown.picture is None or shown.picture.tried is None else tried_text(shown)
        parts = [shown.place_text or self._without_place(), tried, f"! {_number(notes)}" if notes else "",
                 self._standings.word(shown.subject), shown.subject.title, self._state()]
        self._say("   │   ".join(filter(None, parts)), self._tone(bool(notes)), notes)

    def _without_place(self) -> str:
        """Why there is no place: what has no pixels has none, and of the others none is there yet."""
        results = self._session.shown.subject.results
        return "" if results and not any(one.pixels for one in results) else "waiting for the first picture"

    def _state(self) -> str:
        session = self._session
        wish = " · ".join(in_words(session.axes[name], label) if name in session.axes else f"{name} {label}"
                          for name, label in session.pending.items())
        if session.frozen:
            return f"frozen{f', {wish} waits' if wish else ''}: Space goes on"
        return f"on the way: {wish}" if wish else session.shown.subject.state

    def _tone(self, has_notes: bool) -> str:
        picture = self._session.shown.picture
        if self._session.frozen or self._session.pending or (picture is not None and picture.tried is not None):
            return "pending"
        return "warning" if has_notes else "text"

    def _say(self, text: str, tone: str, notes: tuple[str, ...]) -> None:
        if (text, tone, notes) == self._said:
            return
        self._said = text, tone, notes
        self.setText(text)
        self.setToolTip(tip("\n".join((text, *(f"• {note}" for note in notes)))))
        colour_text(self, tone)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """List the notes."""
        subject = self._session.shown.subject
        if subject is not None and subject.notes:
            heading = f"{subject.title}: {subject.state}, {_number(subject.notes)}"
            self.list.show_at(self.mapToGlobal(self.rect().bottomLeft()), heading, subject.notes)


def tried_text(shown: Shown) -> str:
    """Which part of the picture was made with which other parameters."""
    tried, kind = shown.picture.tried, shown.kind
    asic = asic_number(kind, tried.rows.start, tried.columns.start)
    return f"tried on ASIC {asic} of module {tried.module} alone: {tried.words}"


def _number(notes: tuple[str, ...]) -> str:
    return f"{len(notes)} note{'s' if len(notes) > 1 else ''}"

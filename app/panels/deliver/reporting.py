"""Reports on the constants that are shown: HTML beside them, and the same as PDF."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PyQt6.QtCore import QBuffer, QIODevice, QMarginsF, QObject
from PyQt6.QtGui import QPageLayout, QPageSize, QPdfWriter, QTextDocument

from app.running.background import Background
from app.session.session import Session
from app.session.standings import Standings
from calib_core.errors import CalibrationError
from calib_core.store.files import write_atomically
from calib_core.subjects.base import Subject
from calib_core.subjects.report import keep_written, write_report
from calib_core.subjects.sign_off import SignOff, set_of

_WORK = "Report"
_MARGIN, _DOTS = 12.0, 96


class Reporting(QObject):
    """Writes the report of what is shown, away from the window's thread; where it is, is said."""

    def __init__(
        self, session: Session, background: Background, standings: Standings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._background, self._standings = session, background, standings

    def write(self) -> None:
        """Write the report on what is decided on, compared with the other or what was accepted before."""
        a, b = self._standings.sides(self._session.subject)
        if a is None or not a.ended or not a.files:
            self._session.say("WARN", "There are no constants to report on yet; show some that are written.")
            return
        self._session.say("INFO", "Writing the report …")
        self._background.run(_WORK, partial(_write, a, b), self._tell, self._fail)

    def _tell(self, paths: tuple[Path, Path]) -> None:
        self._session.say("INFO", f"The report is written: {paths[0]}, and as PDF beside it.")

    def _fail(self, error: Exception) -> None:
        self._session.say("ERROR", str(error) if isinstance(error, CalibrationError)
                          else f"The report cannot be written: {error!r}.")


def _write(a: Subject, b: Subject | None) -> tuple[Path, Path] | None:
    found = set_of(a)
    if found is None:
        raise CalibrationError(f"{a.title} has no constants to report on.")
    sign_off = SignOff()
    accepted = set_of(b) if b is not None else sign_off.accepted_before(found)
    made = write_report(found, accepted, sign_off.standing(found))
    keep_written(found, sign_off)
    pdf = made.path.with_suffix(".pdf")
    write_atomically(pdf, pdf_of(made.html), overwrite=True)
    return made.path, pdf


def pdf_of(html: str) -> bytes:
    """A page of HTML as PDF on A4.

    Parameters
    ----------
    html : str
        With its pictures in it.
    """
    document, buffer = QTextDocument(), QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setResolution(_DOTS)
    writer.setPageLayout(QPageLayout(QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait,
                                     QMarginsF(_MARGIN, _MARGIN, _MARGIN, _MARGIN), QPageLayout.Unit.Millimeter))
    document.setPageSize(writer.pageLayout().paintRectPixels(_DOTS).size().toSizeF())
    document.setHtml(html)
    document.print(writer)
    buffer.close()
    return bytes(buffer.data())

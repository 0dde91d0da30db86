"""Another constant for one module: looks for its versions, and gives the chosen one to the form; knows no widgets."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from app.panels.start.previewing import Previewer
from app.running.background import Background
from app.session.session import Session
from calib_core.characterisation.family import named
from calib_core.jobs.constant_rows import ConstantRow, rows_of
from calib_core.jobs.preview import Preview
from calib_core.jobs.versions import versions_of

_WORK = "Versions of a constant"


class Choosing(QObject):
    """What the list of constants shows and offers.

    Signals
    -------
    offered(versions)
        Versions of the constant that was asked for.
    """

    offered = pyqtSignal(object)

    def __init__(
        self, session: Session, previewer: Previewer, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._previewer, self._background = session, previewer, background
        self._of: Preview | None = None
        self._rows: tuple[ConstantRow, ...] = ()

    @property
    def corrects(self) -> bool:
        """Whether what is open is to be corrected, so that there is something to choose."""
        return self._session.survey is not None and self._session.survey.method.corrects

    @property
    def rows(self) -> tuple[ConstantRow, ...]:
        """Constants of all steps that are on."""
        subject = self._previewer.subject
        preview = None if subject is None else subject.preview
        if preview is not self._of:
            self._of, self._rows = preview, () if preview is None else _rows(preview)
        return self._rows

    def ask(self, module: int, kind: str) -> None:
        """Look for versions of a constant, in the background."""
        subject = self._previewer.subject
        if subject is None:
            return
        folders: list[Path] = [self._session.out_folder]
        if self._session.constants_folder is not None:
            folders.append(self._session.constants_folder)
        work = partial(versions_of, subject.preview.plan, module, kind, folders)
        self._background.run(_WORK, work, self.offered.emit)


def _rows(preview: Preview) -> tuple[ConstantRow, ...]:
    steps = [link.step for link in preview.links if link.step.on]
    return rows_of(preview.plan.before, steps, preview.plan.detector_type, named(preview.plan.spec.family))

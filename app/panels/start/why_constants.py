"""Why these constants: looks which versions a run resolves to, in the background; knows no widgets."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from app.running.background import Background
from app.session.session import Session
from calib_core.characterisation.inputs import ALL_CONSTANTS, NEUTRAL
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.why import WhyOfRun, asked_by, why
from calib_core.jobs.why_words import answers_of, run_words
from calib_core.store.local.index import is_index
from calib_core.store.opening import open_store, usual_store
from calib_core.store.statuses import CALCAT_WORD
from calib_core.subjects.constant_sets import holds_constants

_WORK = "Why these constants"


class WhyConstants(QObject):
    """Answers for a run of the form.

    Signals
    -------
    told(heading, sentences)
        Run and operating condition, and for each kind what is taken, was compared and just missed.
    """

    told = pyqtSignal(str, tuple)

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._background = session, background

    def ask(self, run: Path, spec: JobSpec) -> None:
        """Look for the constants of a run as a job would.

        Parameters
        ----------
        run : Path
        spec : JobSpec
            Of the form: where constants are, and what is taken.
        """
        store = self._store(spec)
        if store != CALCAT_WORD and not (Path(store).is_file() or _has_constants(Path(store))):
            self.told.emit(f"There are no constants in {store}", (
                "Give a folder of constants or a store in the form, or inject constants into your own store "
                f"({usual_store()}) with calibwb store inject.",))
            return
        self._background.run(_WORK, partial(_found, run, store, spec), self._tell,
                             lambda error: self.told.emit("Why cannot be told", (str(error),)))

    def _store(self, spec: JobSpec) -> str:
        """What the form gives; else the operator's own store, else the folder that constants go to."""
        [given] = spec.inputs.get(ALL_CONSTANTS, ())[:1] or ("",)
        if given not in ("", NEUTRAL):
            return given
        own = [self._session.constants_folder, usual_store(), self._session.out_folder]
        return str(next((one for one in own if one is not None and _has_constants(one)), usual_store()))

    def _tell(self, found: WhyOfRun) -> None:
        answers = ("\n".join((one.heading, *one.lines)) for one in answers_of(found))
        self.told.emit(f"{run_words(found)}. Constants of {found.store}", (*answers, *found.notes))


def _has_constants(folder: Path) -> bool:
    return is_index(folder) or holds_constants(folder)


def _found(run: Path, store: str, spec: JobSpec) -> WhyOfRun:
    with closing(open_store(store)) as opened:
        return why(run, opened, asked_by(spec))

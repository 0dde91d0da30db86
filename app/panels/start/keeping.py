"""Constants into the store and out of it: puts the jobs together that do so; knows no widgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from app.session.session import Session
from calib_core.characterisation.family import Family, families
from calib_core.characterisation.method import Method
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import without_runs
from calib_core.pixel_rectangles import format_spans
from calib_core.ranges import format_numbers
from calib_core.store.local.store import LocalStore
from calib_core.subjects.listed import Listed

#: Folder of copies beside that of a job's constants.
EXPORTED = "exported"
#: Folder of lines over time beside it.
STATISTICS = "statistics"


class Keeping(QObject):
    """Proposes jobs that copy constants out of a store, or take them into it.

    Signals
    -------
    wanted(spec)
        The form is to show a job, which one key starts.
    """

    wanted = pyqtSignal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        session.injection_requested.connect(self.inject)

    def inject(self, paths: Sequence[Path]) -> None:
        """Look at files of constants at once, and show the job that takes them.

        Parameters
        ----------
        paths : sequence of Path
            Files, and folders of them.
        """
        family, method = _task("injection")
        spec = self._show(family, method, tuple(map(str, paths)), self._session.out_folder, {})
        self._session.start(spec.model_copy(update={"parameters": {method.looks_by: True}}))

    def export(self, rows: Sequence[Listed]) -> None:
        """Show the job that copies versions, those of a store by their numbers and others by their files.

        Parameters
        ----------
        rows : sequence of Listed
            At least one.
        """
        family, method = _task("export")
        stores = {one.store.title: one.store for one in rows if isinstance(one.store, LocalStore)}
        kept = next(iter(stores), "")
        numbers = [one.version.number for one in rows if one.store is not None and one.store.title == kept]
        files = [str(one.path) for one in rows if one.store is None or one.store.title != kept]
        parameters = {"versions": format_numbers(sorted(set(numbers)))} if numbers else {"take": "all"}
        self._show(family, method, tuple(dict.fromkeys([*([kept] if kept else []), *files])),
                   self._session.out_folder.with_name(EXPORTED), parameters)

    def lines(self, rows: Sequence[Listed], places: Sequence[str], of_region: bool = False) -> None:
        """Show the job that writes the numbers of versions over time, of the place that has most of them.

        Parameters
        ----------
        rows : sequence of Listed
            Of one kind and detector, at least one.
        places : sequence of str
            Folders and stores that they are in.
        of_region : bool
            Whether they are those of the region that is marked, and of its modules alone.
        """
        family, method = _task("statistics")
        region = self._session.shown.region if of_region else None
        inside = {place: sum(one.path.is_relative_to(place) for one in rows) for place in places}
        place = max(inside, key=lambda one: inside[one])
        if left := len(rows) - inside[place]:
            self._session.say("WARN", f"{left} of {len(rows)} versions are not in {place}, and are left out.")
        last = rows[-1]
        named = last.kind is None or last.detector != last.kind.title  # else nothing tells the detector
        parameters = {"calibrations": last.version.calibration,
                      **({} if region is None else {"region": format_spans(region.spans)})}
        self._show(family, method, (place,), self._session.out_folder.with_name(STATISTICS), parameters,
                   last.detector if named else "", () if region is None else region.modules)

    def _show(
        self, family: Family, method: Method, given: tuple[str, ...], out_folder: Path, parameters: dict[str, Any],
        detector: str = "", modules: Sequence[int] = (),
    ) -> JobSpec:
        [one] = method.inputs(None)
        self._session.set_survey(without_runs(family, method))
        spec = JobSpec.checked(family=family.name, method=method.command, inputs={one.name: given},
                               out_folder=out_folder, parameters=parameters, detector=detector,
                               modules=tuple(modules))
        self.wanted.emit(spec)
        return spec


def _task(work: str) -> tuple[Family, Method]:
    """What does some work with constants of any detector."""
    found: Iterable[tuple[Family, Method]] = (
        (family, method) for family in families() if not family.types for method in family.methods)
    return next(one for one in found if one[1].work == work)

"""Versions of a constant of one module that could be taken in place of the one that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from calib_core.characterisation.inputs import NEUTRAL
from calib_core.detector import Detector
from calib_core.errors import BadInput
from calib_core.jobs.choice_words import age
from calib_core.jobs.differences import difference
from calib_core.jobs.plan import Plan
from calib_core.jobs.resolution import OfRun, unit_in
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.step_constants import statuses_of
from calib_core.store.base import Query
from calib_core.store.base import Version as StoreVersion
from calib_core.store.calcat.addresses import ROOTS
from calib_core.store.constants import folder_of_type, read_constant
from calib_core.store.local.index import is_index
from calib_core.store.local.store import LocalStore
from calib_core.store.stated import Stated
from calib_core.store.statuses import CALCAT_WORD


@dataclass(frozen=True)
class Version:
    """A version of a constant.

    Attributes
    ----------
    path : Path
    age : str
        Relative to the run.
    differs : str
        In what it is of another operating condition than the run; empty where it is of the same.
    """

    path: Path
    age: str
    differs: str = ""


@dataclass(frozen=True)
class Versions:
    """Versions of a constant of one module, the nearest to the run first, and sentences on what cannot be read."""

    module: int
    kind: str
    found: tuple[Version, ...]
    unread: tuple[str, ...] = ()


def versions_of(plan: Plan, module: int, kind: str, folders: Sequence[Path] = ()) -> Versions:
    """Look for versions of a constant in what was given to a job, in further folders, and in the facility's store.

    Parameters
    ----------
    plan : Plan
    module : int
    kind : str
        Canonical name.
    folders : sequence of Path
        Roots of trees of constants.

    Returns
    -------
    Versions
        Those of the module's unit; each file once.
    """
    assert plan.detector is not None
    places = dict.fromkeys(path.absolute() for path in (*_given(plan.spec), *folders, *ROOTS))
    stored: list[Stated] = []
    unread: list[str] = []
    name = plan.detector.type.calibrations[kind].name
    pdu, run = plan.detector.module(module).pdu, plan.before.run
    for path in dict.fromkeys(path for place in places for path in _files(place, plan.detector, module)):
        try:
            one = read_constant(path)
            stored += [one] if (one.calibration, one.pdu) == (name, pdu) else []
        except BadInput as error:
            unread.append(str(error))
    stored += [one for place in places if is_index(place) for one in _of_store(place, name, plan, module)]
    mine = sorted(stored, key=lambda one: (run.apart(one), str(one.path)))
    return Versions(module, kind, tuple(_version(one, plan.detector, run) for one in mine), tuple(unread))


def _of_store(folder: Path, name: str, plan: Plan, module: int) -> tuple[StoreVersion, ...]:
    """Versions of the unit that was there when the run was recorded, of those that a job may take."""
    assert plan.detector is not None
    with closing(LocalStore(folder)) as store:
        unit = unit_in(store, plan.detector, module, plan.before.run.start)
        return store.find(Query((name,), (unit,), take="all", statuses=statuses_of(plan.spec)))


def _given(spec: JobSpec) -> Iterator[Path]:
    """Files and folders of constants that a job was given."""
    for of_module in spec.constants.values():
        yield from (Path(path) for path in of_module.values() if path != NEUTRAL)
    yield from (Path(path) for paths in spec.inputs.values() for path in paths
                if path not in (NEUTRAL, CALCAT_WORD))


def _files(place: Path, detector: Detector, module: int) -> list[Path]:
    """Files of a module's unit below a root of constants; the file itself where it is one; none of a store."""
    if place.is_file() or is_index(place):
        return [place] if place.is_file() else []
    folder = place / folder_of_type(detector.type.database_type) / detector.module(module).pdu.lower()
    return sorted(folder.glob("cal.*.h5"))


def _version(one: Stated, detector: Detector, run: OfRun) -> Version:
    return Version(one.path, age(one, run), difference(one, detector.type, run.condition))

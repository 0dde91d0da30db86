"""Versions that the facility's database has beside those that are listed: asked by their conditions, back in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from calib_core.constants.condition import Value
from calib_core.errors import CalibrationError
from calib_core.jobs.asking import question_of
from calib_core.store.base import Query, Version
from calib_core.store.calcat.credentials import LoginNeeded
from calib_core.store.calcat.store import CalCat
from calib_core.store.stated import condition_of
from calib_core.subjects.listed import Listed
from calib_core.subjects.version_list import VersionList, in_time

#: How many begins of each kind the database is asked for; it tells one at a time.
BACK = 10
_STEP = timedelta(microseconds=1)


@dataclass(frozen=True)
class Beside:
    """What is listed, with what the database has.

    Attributes
    ----------
    versions : VersionList
    sentence : str
        How many there are and as of when, or why there are none.
    lacks_login : bool
        Whether a login would help.
    """

    versions: VersionList
    sentence: str
    lacks_login: bool = False


@dataclass(frozen=True)
class _Question:
    """A row that stands for kinds of one detector and operating condition, and what the database is asked by."""

    row: Listed
    calibrations: tuple[str, ...]
    condition: dict[str, Value]


def with_calcat(listed: VersionList, store: CalCat | None = None) -> Beside:
    """Ask the database for the kinds, detectors and operating conditions that are listed.

    Of each kind the newest condition of the list is asked for, and the last ten begins; what is listed already
    stays as it is.

    Parameters
    ----------
    listed : VersionList
    store : CalCat, optional
        The usual one unless given.

    Returns
    -------
    Beside
        A database that cannot be asked is a sentence, and the list as it was.
    """
    with closing(store or CalCat()) as asked:
        try:
            found = [row for one in _questions(listed.rows) for row in _answers(asked, one)]
        except CalibrationError as error:
            return Beside(listed, str(error), isinstance(error, LoginNeeded))
        known = {_same(row) for row in listed.rows}
        new = [row for row in found if _same(row) not in known]
        by_path = {**listed.by_path, **{row.path: row for row in new}}
        versions = replace(listed, rows=in_time((*listed.rows, *new)), by_path=by_path)
        return Beside(versions, _sentence(asked, len(found), len(new)))


def _sentence(store: CalCat, found: int, new: int) -> str:
    if not found:
        return (f"{store.title} has nothing of the detectors, kinds and operating conditions that are listed"
                f"{''.join(f'. {note}' for note in store.notes)}.".replace("..", "."))
    as_of = f"as of {store.as_of:%Y-%m-%d %H:%M} UTC"
    more = f", {found - new} of them listed already" if new < found else ""
    return " ".join((f"{store.title}: {found} versions {as_of}{more}; at most the last {BACK} begins of each kind.",
                     *store.notes))


def _questions(rows: Sequence[Listed]) -> Iterator[_Question]:
    """Kinds of each detector, those of one operating condition together; of each kind the newest row counts."""
    newest = {(row.detector, row.version.calibration): row for row in rows
              if row.kind is not None and row.detector != row.kind.title}
    groups: dict[tuple[str, str], list[tuple[Listed, dict[str, Value]]]] = {}
    for (detector, name), row in newest.items():
        assert row.kind is not None
        if any(one.name == name for one in row.kind.calibrations.values()):
            asked = question_of(row.kind, name, condition_of(row.kind, row.version))
            groups.setdefault((detector, repr(sorted(asked.items()))), []).append((row, asked))
    for some in groups.values():
        row, asked = some[0]
        yield _Question(row, tuple(one.version.calibration for one, _ in some), asked)


def _answers(store: CalCat, asked: _Question) -> Iterator[Listed]:
    """Versions of a question, the newest first, a begin at a time."""
    row, seen = asked.row, set[int]()
    at: datetime | None = None  # now; as a time it would be another question each time, which nobody kept
    for _ in range(BACK):
        found = store.find(Query(asked.calibrations, detector=row.detector, condition=asked.condition, at=at))
        yield from (_listed(store, row, one) for one in found if one.number not in seen)
        seen |= {one.number for one in found}
        begins = [one.begin for one in found if one.begin is not None]
        if not begins:
            return
        at = max(begins) - _STEP


def _listed(store: CalCat, row: Listed, one: Version) -> Listed:
    """A version in the line of the row that it was found by."""
    assert one.begin is not None
    return Listed(one, row.detector, row.kind, one.module or 0, one.begin, row.condition, one.raw_data, None, store)


def _same(row: Listed) -> tuple[str, str, datetime]:
    return row.version.pdu, row.version.calibration, row.begin

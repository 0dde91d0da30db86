"""The table of an injection: each file with what was made sure of, what it changes, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isnan
from pathlib import Path

from calib_core.constants.matching import Setting
from calib_core.errors import BadInput
from calib_core.store.base import Version
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import Candidate, candidate_of, told_apart
from calib_core.store.local.comparing import SIGMAS, Difference, difference_of, replaced_by
from calib_core.store.local.store import LocalStore
from calib_core.store.local.values import Maps
from calib_core.store.table import Cell

#: Columns with the type of their values, as results have them.
COLUMNS = (
    ("state", "O"), ("unit", "O"), ("calibration", "O"), ("valid from (UTC)", "O"),
    ("median |difference| [σ]", "f8"), (f"beyond {SIGMAS:g} σ [%]", "f8"), ("σ of", "O"), ("compared with", "O"),
    ("takes the place of", "O"), ("no number [%]", "f8"), ("at most [%]", "f8"), ("told", "O"), ("shape", "O"),
    ("axes", "O"), ("condition", "O"), ("file", "O"))
#: What a row says of its file, when it is taken, and when it is not.
NEW, UNSURE, KNOWN, REFUSED = "new", "unsure", "known", "refused"
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Examined:
    """A file that was looked at, and what it changes.

    Attributes
    ----------
    candidate : Candidate
    replaces : Version, optional
        The accepted version whose place it would take.
    difference : Difference, optional
        To the accepted version; None where there is none.
    """

    candidate: Candidate
    replaces: Version | None = None
    difference: Difference | None = None

    @property
    def state(self) -> str:
        """What becomes of the file, in a word."""
        one = self.candidate
        return REFUSED if one.refused else KNOWN if one.known is not None else UNSURE if one.stands_in else NEW

    @property
    def told(self) -> str:
        """Why it is refused or unsure, or what is doubtful of it."""
        one = self.candidate
        doubt = f"nobody has told the physical unit behind {one.stands_in}" if one.stands_in else ""
        return one.refused or "; ".join(filter(None, (doubt, *(note.rstrip(".") for note in one.notes))))

    @property
    def compared(self) -> str:
        """The difference in words; empty where nothing was compared."""
        found = self.difference
        if found is None:
            return ""
        if found.why:
            return f"not compared with version {found.version.number}: {found.why}"
        if found.sigma == "flags":
            return f"flags of {found.beyond:.2%} are others than in version {found.version.number}"
        return (f"median |difference| {found.median:.3g} σ ({found.sigma}) to version {found.version.number}, "
                f"{found.beyond:.2%} beyond {SIGMAS:g} σ")

    @property
    def line(self) -> str:
        """What would become of the file, and what it changes, in a line."""
        one, record = self.candidate, self.candidate.record
        if one.refused:
            return f"refused  {one.refused}"
        if one.known is not None:
            return f"known    {one.path}: version {one.known.number}, {one.known.status}"
        assert record is not None
        doubt = f"; {one.stands_in} is not confirmed" if one.stands_in else ""
        place = f"; takes the place of version {self.replaces.number}" if self.replaces is not None else ""
        compared = f"; {self.compared}" if self.compared else ""
        return (f"{self.state:7}  {record.calibration} of {record.pdu}, valid from {_time(record.begin)} UTC, "
                f"{' × '.join(map(str, record.shape))} ({', '.join(record.dims)}), {one.missing:.2%} without a number"
                f"{place}{compared}{doubt}  ({one.path})")

    @property
    def row(self) -> Row:
        """Values of :data:`COLUMNS`; NaN and empty where there is none."""
        one, record, found, nothing = self.candidate, self.candidate.record, self.difference, float("nan")
        if record is None:
            known = one.known
            of = (known.pdu, known.calibration, _time(known.begin)) if known is not None else ("", "", "")
            return (self.state, *of, nothing, nothing, "", _named(known), "", nothing, nothing, self.told, "", "", "",
                    str(one.path))
        assert one.looked is not None
        numbers = (nothing, nothing) if found is None else (found.median, 100 * found.beyond)
        return (self.state, record.pdu, record.calibration, _time(record.begin), *numbers,
                "" if found is None else found.sigma or found.why, _named(None if found is None else found.version),
                _named(self.replaces), 100 * one.missing, 100 * one.looked.limit, self.told,
                " × ".join(map(str, record.shape)), " ".join(record.dims),
                ", ".join(f"{name} {_value(each)}" for name, each in record.settings.items()), str(one.path))


def examine(store: LocalStore, path: Path, about: ByOperator, maps: Maps | None = None) -> Examined:
    """Look through a file, and compare it with what is accepted.

    Parameters
    ----------
    store : LocalStore
    path : Path
    about : ByOperator
    maps : Maps, optional
        Bad-pixel maps by which its numbers are made; without these they are not made.
    """
    found = candidate_of(store, path, about, maps)
    if found.record is None:
        return Examined(found)
    try:
        return Examined(found, replaced_by(store, found), difference_of(store, found))
    except BadInput as error:  # what is accepted is damaged; that is told, and is no fault of the file
        return Examined(replace(found, notes=(*found.notes, str(error))))


def examine_all(
    store: LocalStore, paths: Sequence[Path], about: ByOperator, told: Callable[[int, int], None] | None = None
) -> tuple[Examined, ...]:
    """Look through files; the same bytes that come again are refused.

    Parameters
    ----------
    store : LocalStore
    paths : sequence of Path
    about : ByOperator
    told : callable, optional
        Told after each file how many are done, and of how many.
    """
    found: list[Examined] = []
    for path in paths:
        found.append(examine(store, path, about))
        if told is not None:
            told(len(found), len(paths))
    return apart(found)


def apart(found: Sequence[Examined]) -> tuple[Examined, ...]:
    """Files with those refused that have the same bytes as one before.

    Parameters
    ----------
    found : sequence of Examined
    """
    return tuple(replace(one, candidate=each) for one, each in zip(
        found, told_apart([one.candidate for one in found]), strict=True))


def numbers_of(rows: Sequence[Examined]) -> str:
    """How many files are new, unsure, known and refused, in a sentence.

    Parameters
    ----------
    rows : sequence of Examined
    """
    counts = {word: sum(one.state == word for one in rows) for word in (NEW, UNSURE, KNOWN, REFUSED)}
    words = {NEW: "new", UNSURE: "of units whose names nobody has confirmed", KNOWN: "there already",
             REFUSED: "refused"}
    told = ", ".join(f"{number} {words[word]}" for word, number in counts.items() if number)
    return f"{len(rows)} file{'s' * (len(rows) != 1)}: {told or 'none'}."


def _named(one: Version | None) -> str:
    return "" if one is None else f"version {one.number}, {one.status}"


def _time(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def _value(one: Setting) -> str:
    return " / ".join(f"{each:g}" if not isinstance(each, str) else each for each in one.values) + (
        f" {one.unit}" if one.unit else "")


def as_cells(row: Row) -> Row:
    """A row for a table on disk: an empty cell where there is no number.

    Parameters
    ----------
    row : tuple
    """
    return tuple(None if isinstance(one, float) and isnan(one) else one for one in row)

"""Our own store: constants that were injected, and what was decided on them. Nothing is ever changed or deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from calib_core.errors import BadInput, BadParameter
from calib_core.store.base import Query, Version
from calib_core.store.constants import StoredConstant, read_constant
from calib_core.store.local.index import Index
from calib_core.store.local.lines import Lines
from calib_core.store.local.lookup import Lookup
from calib_core.store.local.numbers import Numbers
from calib_core.store.local.records import Place, add_act, add_decision, add_place, as_time, microseconds
from calib_core.store.local.writing import Writing
from calib_core.store.statuses import Status

#: What a version must be to become something, and the word for doing so.
_FROM = {Status.ACCEPTED: (Status.DRAFT, "accept"), Status.REJECTED: (Status.DRAFT, "reject"),
         Status.WITHDRAWN: (Status.ACCEPTED, "withdraw")}
#: Acts that can be taken back.
_DECISIONS = ("accept", "reject", "withdraw")
#: Where the checksum of the file that it is an exported copy of is in the provenance of a version.
COPY_OF = "copy_of"
Clock = Callable[[], datetime]


def now() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


class LocalStore:
    """Constants in a folder with an index; several programs may use it at once, each thread as it likes.

    Parameters
    ----------
    folder : Path
    create : bool
        Whether it is made where there is none.
    clock : callable
        Tells the time, aware.

    Raises
    ------
    BadInput
        It is no store, or of a newer program.
    OutputFailed
        It cannot be made.
    """

    tells_others = True
    notes: tuple[str, ...] = ()

    def __init__(self, folder: Path, create: bool = False, clock: Clock = now) -> None:
        self.folder, self.clock = folder, clock
        self.index = Index(folder, create)
        self.lookup, self.numbers = Lookup(self.index, folder), Numbers(self.index)
        self.lines = Lines(self.index, folder)

    @property
    def title(self) -> str:
        """Its folder."""
        return str(self.folder)

    def close(self) -> None:
        """Let go of the index; it is opened again when it is asked."""
        self.index.close()

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Write records, all of them or none; what was kept of those that are none after all is forgotten."""
        try:
            with self.index.writing() as writing:
                yield writing
        except BaseException:
            self.lookup.forget()
            raise

    def find(self, query: Query) -> tuple[Version, ...]:
        """Versions that answer, by kind, unit and begin.

        Parameters
        ----------
        query : Query
        """
        return self.lookup.find(query)

    def read(self, version: Version) -> StoredConstant:
        """The file of a version, after it was made sure that it is the one that was injected.

        Its seal says which file it is, and is made sure of when the values are read.

        Parameters
        ----------
        version : Version

        Raises
        ------
        BadInput
            It is gone, damaged or changed.
        """
        if not version.sha256:
            raise BadInput(f"{self.title} has no file of {described(version)}; it is in the database that it was "
                           "recorded from.")
        stored = read_constant(version.path)
        if stored.identity != version.identity:
            raise BadInput(f"{version.path} is another file than the one that was injected as version "
                           f"{version.number}: its checksum (SHA-256) differs; calibwb store check tells more.")
        return stored

    def maps_near(self, unit: str, begin: datetime, span: timedelta) -> list[StoredConstant]:
        """Bad-pixel maps of a unit that begin within a span of a time, those that can be read.

        Parameters
        ----------
        unit : str
        begin : datetime
            Aware.
        span : timedelta
        """
        found = []
        for one in self.named(self.lines.maps_near(unit, begin, span)):
            try:
                found.append(self.read(one))
            except BadInput:  # a check tells of it; without it all pixels count as good, which is said
                continue
        return found

    def units_of(self, detector: str, at: datetime | None) -> Mapping[str, str]:
        """Physical units that were installed in a detector, by their aggregators; nothing where nobody has told.

        Parameters
        ----------
        detector : str
        at : datetime or None
            Aware; now where there is none.
        """
        places = self.lookup.places(at or self.clock())
        return {place.aggregator: name for name, place in places.items() if place.detector == detector}

    def install(
        self, unit: str, place: Place, detector_type: str, begin: datetime, author: str, comment: str
    ) -> None:
        """Note that a unit is at a place of a detector from a time on.

        Parameters
        ----------
        unit : str
            Empty where nothing is there any more.
        place : Place
        detector_type : str
            The database's name.
        begin : datetime
            Aware.
        author, comment : str
        """
        with self.writing() as writing:
            act = add_act(writing, "install", author, comment, self.clock())
            add_place(writing, act, place, unit, detector_type, begin)

    def decide(self, numbers: Sequence[int], status: Status, author: str, comment: str) -> tuple[Version, ...]:
        """Accept, reject or withdraw versions, all of them or none.

        Of one kind, unit, operating condition and begin one is accepted: it supersedes the one before.

        Parameters
        ----------
        numbers : sequence of int
        status : Status
        author, comment : str

        Raises
        ------
        BadParameter
            One of them is not there, or cannot become that; or two of them are of the same.
        """
        if status not in _FROM:
            raise BadParameter(f"status = {status} is not allowed; it takes {', '.join(_FROM)}.")
        needed, word = _FROM[status]
        with self.writing() as writing:
            chosen = self.named(numbers)
            for one in chosen:
                if one.status != needed:
                    raise BadParameter(f"{described(one)} is {one.status} and cannot be {status}; "
                                       f"only what is {needed} can.")
            act = add_act(writing, word, author, comment, self.clock())
            changed = list(numbers)
            for one in chosen:
                if status == Status.ACCEPTED:
                    changed += _supersede(writing, act, one, numbers)
                add_decision(writing, act, one.number, status)
        return tuple(self.lookup.versions(changed))

    def undo(self, author: str, comment: str) -> tuple[Version, ...]:
        """Take back the last decision: what it was about is what it was before.

        Parameters
        ----------
        author, comment : str

        Raises
        ------
        BadParameter
            There is none, or it was taken back already.
        """
        with self.writing() as writing:
            last = writing.rows(f"SELECT * FROM act WHERE what IN {(*_DECISIONS, 'undo')} ORDER BY id DESC LIMIT 1")
            if not last:
                raise BadParameter(f"{self.title}: nothing was decided yet, so that there is nothing to take back.")
            if last[0]["what"] == "undo":
                raise BadParameter(f"{self.title}: the last decision was taken back already, by {last[0]['author']} "
                                   f"at {as_time(last[0]['at']):%Y-%m-%d %H:%M} UTC; decide anew.")
            before = dict(_before(writing, last[0]["id"]))
            act = add_act(writing, "undo", author, comment, self.clock(), last[0]["id"])
            for number, status in sorted(before.items(), key=lambda one: one[1] == Status.ACCEPTED):
                add_decision(writing, act, number, status)
        return tuple(self.lookup.versions(before))

    def last_decided(self) -> tuple[int, ...]:
        """Numbers of the versions that the last decision was about; none where nothing can be taken back."""
        last = self.index.rows(f"SELECT * FROM act WHERE what IN {(*_DECISIONS, 'undo')} ORDER BY id DESC LIMIT 1")
        if not last or last[0]["what"] == "undo":
            return ()
        return tuple(row[0] for row in self.index.rows(
            "SELECT version FROM decision WHERE act = ?", (last[0]["id"],)))

    def history(self, number: int) -> tuple[Version, ...]:
        """A version after each decision on it, the oldest first; ``injected`` is the time of each.

        Parameters
        ----------
        number : int
        """
        return self.lookup.history(self.named([number])[0])

    def every(self) -> list[Version]:
        """All versions, whatever was decided on them."""
        return self.lookup.versions(row[0] for row in self.index.rows("SELECT id FROM version ORDER BY id"))

    def of_file(self, sha256: str) -> Version | None:
        """The version that has a file's bytes, wherever the file is; None where there is none.

        Parameters
        ----------
        sha256 : str
        """
        found = self.index.one("SELECT id FROM version WHERE sha256 = ?", (sha256,))
        return None if found is None else self.named([found])[0]

    def made_of(self, sha256: str) -> Version | None:
        """The version whose file was made of another file; None where there is none.

        Parameters
        ----------
        sha256 : str
            Of that file.
        """
        found = self.index.one("SELECT id FROM version WHERE provenance LIKE ? AND "
                               "json_extract(provenance, '$.made_of') = ?", (f"%{sha256}%", sha256))
        return None if found is None else self.named([found])[0]

    def copy_of(self, sha256: str, begin: datetime) -> Version | None:
        """The version that came as an exported copy of a file; None where there is none.

        Parameters
        ----------
        sha256 : str
            Of that file.
        begin : datetime
            From when on it is valid, aware: by that it is found among very many.
        """
        found = self.index.one(
            "SELECT id FROM version WHERE pdu IN (SELECT id FROM pdu) AND constant IN (SELECT id FROM constant) "
            "AND begin_at = ? AND json_extract(provenance, ?) = ?", (microseconds(begin), f"$.{COPY_OF}", sha256))
        return None if found is None else self.named([found])[0]

    def named(self, numbers: Sequence[int]) -> list[Version]:
        """Versions of numbers, in their order.

        Parameters
        ----------
        numbers : sequence of int

        Raises
        ------
        BadParameter
            There is none of a number, or it is given twice.
        """
        known = {one.number: one for one in self.lookup.versions(numbers)}
        for number in numbers:
            if number not in known:
                raise BadParameter(f"{self.title} has no version {number}.")
        if len(known) < len(numbers):
            raise BadParameter(f"Versions {', '.join(map(str, numbers))} are not each named once.")
        return [known[number] for number in numbers]


def described(one: Version) -> str:
    """A version in words, such as “Version 12 (Offset of UNIT, 2026-03-02 08:00 UTC)”.

    Parameters
    ----------
    one : Version
    """
    begin = f"{one.begin:%Y-%m-%d %H:%M} UTC" if one.begin else "no time"
    return f"Version {one.number} ({one.calibration} of {one.pdu}, {begin})"


def _supersede(writing: Writing, act: int, one: Version, with_it: Sequence[int]) -> Iterator[int]:
    """Put an end to what is accepted of the same constant, unit and begin."""
    same = writing.rows(
        "SELECT other.version FROM standing me JOIN standing other ON other.pdu = me.pdu "
        "AND other.constant = me.constant AND other.begin_at = me.begin_at AND other.status = 'accepted' "
        "WHERE me.version = ?", (one.number,))
    for row in same:
        if row[0] in with_it:
            raise BadParameter(f"{described(one)} and version {row[0]} are of the same kind, unit, operating "
                               "condition and begin; accept one of them.")
        add_decision(writing, act, row[0], Status.SUPERSEDED)
        yield row[0]


def _before(writing: Writing, act: int) -> Iterator[tuple[int, Status]]:
    """Versions that an act was about, and what each was before."""
    for row in writing.rows(
        "SELECT d.version, (SELECT b.status FROM decision b WHERE b.version = d.version AND b.id < d.id "
        "ORDER BY b.id DESC LIMIT 1) FROM decision d WHERE d.act = ?", (act,)
    ):
        yield row[0], Status(row[1])

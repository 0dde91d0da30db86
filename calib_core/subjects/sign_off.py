"""Sign-off: what the store of constants knows of a set, what was accepted before it, and decisions on it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from calib_core.constants.condition import Condition
from calib_core.constants.expert_mask import author_here
from calib_core.detector.registry import unit_name
from calib_core.errors import BadInput, CalibrationError
from calib_core.store.bare_files import with_axes
from calib_core.store.base import Query, Version
from calib_core.store.constants import StoredConstant
from calib_core.store.files import write_atomically
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.index import is_index
from calib_core.store.local.injecting import inject
from calib_core.store.local.store import LocalStore
from calib_core.store.opening import usual_store
from calib_core.store.stated import condition_of
from calib_core.store.statuses import Status
from calib_core.subjects.base import Subject
from calib_core.subjects.constant_sets import ConstantSet, find_sets
from calib_core.subjects.constants import ConstantsSubject
from calib_core.subjects.provenance_words import time_text

_EVERY = frozenset(Status)
#: Folder of a store that has the reports on its versions.
_REPORTS = "reports"
#: What becomes of constants, as people say it; the first that holds for a module's constants counts.
_ORDER = (Status.DRAFT, Status.REJECTED, Status.WITHDRAWN, Status.SUPERSEDED, Status.ACCEPTED)


@dataclass(frozen=True)
class Standing:
    """What was decided on a set of constants.

    Attributes
    ----------
    by_module : mapping of int to Status
        Draft where nobody has decided.
    last : Version, optional
        With who decided last, when and why.
    """

    by_module: Mapping[int, Status]
    last: Version | None = None

    @property
    def word(self) -> str:
        """In a word or two: one status, or how many modules have the others than draft."""
        statuses = list(self.by_module.values())
        if len(set(statuses)) == 1:
            return str(statuses[0])
        counts = {one: statuses.count(one) for one in reversed(_ORDER) if one in statuses}
        return ", ".join(f"{number} {one}" for one, number in counts.items())

    @property
    def sentence(self) -> str:
        """Who decided, when and why; or that nobody did."""
        one = self.last
        if one is None or one.injected is None:
            return "Draft: nobody has accepted these constants yet."
        why = f": {one.comment}" if one.comment else ""
        return f"{self.word.capitalize()}, by {one.author} {time_text(one.injected, datetime.now(UTC))}{why}"


class SignOff:
    """The operator's store of constants as whoever accepts sees it; safe to use from any thread.

    Parameters
    ----------
    folder : Path, optional
        Of the store; the usual one unless given.
    author : str
        Who decides; the name of the login unless given.
    """

    def __init__(self, folder: Path | None = None, author: str = "") -> None:
        self.folder, self.author = folder or usual_store(), author or author_here()
        self._named = folder is not None

    def standing(self, found: ConstantSet) -> Standing:
        """What was decided on a set.

        Parameters
        ----------
        found : ConstantSet

        Raises
        ------
        BadInput
            The store cannot be read.
        """
        drafts = dict.fromkeys(found.modules.values(), Status.DRAFT)
        if not is_index(self.folder):
            return Standing(drafts)
        with closing(LocalStore(self.folder)) as store:
            known = [(found.modules[one.pdu], version) for one in found.files
                     for version in [_version(store, one, found)] if version is not None]
            told = {module: [version.status for number, version in known if number == module] for module in drafts}
            words = {module: next((one for one in _ORDER if one in statuses), Status.DRAFT)
                     for module, statuses in told.items()}
            decided = [version for _, version in known if version.status is not Status.DRAFT]
            last = max((store.history(one.number)[-1] for one in decided), default=None, key=_when)
        return Standing(words, last)

    def accepted_before(self, new: ConstantSet) -> ConstantSet | None:
        """What is accepted of the units and the operating condition of a set, the newest before it.

        Parameters
        ----------
        new : ConstantSet

        Returns
        -------
        ConstantSet or None
            Of each module and kind the newest that began before, or else the first after; None where there is none.

        Raises
        ------
        BadInput
            The store, or a file of it, cannot be read.
        """
        if not is_index(self.folder):
            return None
        files, modules = [], {}
        with closing(LocalStore(self.folder)) as store:
            for one in new.files:
                if (version := _accepted(store, one, new)) is not None:
                    stored = with_axes(store.read(version), new.kind)[0]
                    files.append(stored)
                    modules[stored.pdu] = new.modules[one.pdu]
        if not files:
            return None
        begins = [one.begin for one in files if one.begin is not None]
        created = max(one.created or datetime.min.replace(tzinfo=UTC) for one in files)
        when = time_text(max(begins), datetime.now(UTC)) if begins else ""
        return ConstantSet(new.identifier, " · ".join(filter(None, (new.identifier, "accepted", when))), new.kind,
                           created, tuple(files), modules)

    def stands_in(self, found: ConstantSet, modules: Sequence[int]) -> tuple[str, ...]:
        """Names of units that nobody has told, so that they have to be confirmed.

        Parameters
        ----------
        found : ConstantSet
        modules : sequence of int
        """
        if not is_index(self.folder):
            return tuple(sorted({one.pdu for one in _files(found, modules) if _stands_in(one)}))
        with closing(LocalStore(self.folder)) as store:
            return tuple(sorted({one.pdu for one in _files(found, modules)
                                 if _stands_in(one) and _unit(store, one) == one.pdu}))

    def take(self, found: ConstantSet, why: str) -> str:
        """Take a set as drafts without a question, so that who looks for versions finds them.

        Without a store, unless one was named, nothing is done. Constants of units whose names stand in are left in
        their folder: nobody is there to confirm them.

        Parameters
        ----------
        found : ConstantSet
        why : str
            What is noted.

        Returns
        -------
        str
            What became of it, to be part of a line; empty where there is no store.
        """
        if not (self._named or is_index(self.folder)):
            return ""
        try:
            unsure = self.stands_in(found, tuple(found.modules.values()))
            paths = [one.path for one in found.files if one.pdu not in unsure]
            with closing(LocalStore(self.folder, create=True)) as store:
                made = inject(store, candidates_of(store, paths), self.author, why)
        except CalibrationError as error:
            return f"not in the store: {str(error).rstrip('.')}"
        number = len(made.versions) + len(made.known)
        left = f"not in the store: units behind {', '.join(unsure)}, which nobody has told" if unsure else ""
        return ", ".join(filter(None, (f"{number} versions in {self.folder}" if number else "", left)))

    def decide(self, found: ConstantSet, modules: Sequence[int], status: Status, comment: str) -> Standing:
        """Accept, reject or withdraw modules of a set; what the store has not yet is taken as drafts first.

        Names of units that stand in are taken for theirs: whoever asks has confirmed them.

        Parameters
        ----------
        found : ConstantSet
        modules : sequence of int
        status : Status
            Accepted, rejected or withdrawn.
        comment : str

        Returns
        -------
        Standing
            As it is now.

        Raises
        ------
        BadInput, BadParameter, OutputFailed
            They cannot be taken, or were decided on already; then nothing is decided.
        """
        with closing(LocalStore(self.folder, create=True)) as store:
            paths = [one.path for one in _files(found, modules)]
            made = inject(store, candidates_of(store, paths, ByOperator(confirmed=True)), self.author, comment)
            numbers = [one.number for one in (*made.versions, *made.known) if one.status is not status]
            if not numbers:
                raise BadInput(f"All of {found.title} is {status} already; undo takes the last decision back.")
            store.decide(numbers, status, self.author, comment)
        return self.standing(found)

    def undo(self, found: ConstantSet, comment: str = "") -> Standing:
        """Take the last decision back, where it was about a set.

        Parameters
        ----------
        found : ConstantSet
        comment : str

        Raises
        ------
        BadInput
            The last decision was about other constants.
        BadParameter
            There is none, or it was taken back already.
        """
        if not is_index(self.folder):
            raise BadInput(f"{self.folder}: nothing was decided yet, so that there is nothing to take back.")
        with closing(LocalStore(self.folder)) as store:
            own = {version.number for one in found.files if (version := _version(store, one, found)) is not None}
            last = set(store.last_decided())
            if last and not own & last:
                raise BadInput(f"The last decision in {store.title} was about other constants than {found.title}; "
                               "show those to take it back.")
            store.undo(self.author, comment)
        return self.standing(found)


    def keep_report(self, found: ConstantSet, name: str, page: bytes) -> Path | None:
        """Keep the report on a set beside its versions; it goes before an older one.

        Parameters
        ----------
        found : ConstantSet
        name : str
            Of its file.
        page : bytes

        Returns
        -------
        Path or None
            Where it is kept; None where the store has none of the constants.

        Raises
        ------
        BadInput, OutputFailed
            The store cannot be read, or not written.
        """
        if not is_index(self.folder):
            return None
        with closing(LocalStore(self.folder)) as store:
            if all(_version(store, one, found) is None for one in found.files):
                return None
            path = self.folder / _REPORTS / name
            write_atomically(path, page, overwrite=True)
            with store.writing() as writing:
                writing.same("report", path=f"{_REPORTS}/{name}", sha256=hashlib.sha256(page).hexdigest())
        return path

    def report_of(self, name: str) -> Path | None:
        """The newest report of a name that is kept; None where there is none.

        Parameters
        ----------
        name : str

        Raises
        ------
        BadInput
            It is gone, or another file than the one that was kept.
        """
        if not is_index(self.folder):
            return None
        with closing(LocalStore(self.folder)) as store:
            known = store.index.one("SELECT sha256 FROM report WHERE path = ? ORDER BY id DESC LIMIT 1",
                                    (f"{_REPORTS}/{name}",))
        path = self.folder / _REPORTS / name
        if known is not None and (not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != known):
            raise BadInput(f"{path} is gone, or another file than the report that was kept; show the constants, and "
                           "write it again.")
        return None if known is None else path


def set_of(subject: Subject) -> ConstantSet | None:
    """Constants that a subject is, or has written; reads what each file tells of itself.

    Parameters
    ----------
    subject : Subject

    Returns
    -------
    ConstantSet or None
        None where there are none.

    Raises
    ------
    BadInput
        Its files cannot be read any more.
    """
    if isinstance(subject, ConstantsSubject):
        return subject.found
    files = [path for path in subject.files if path.name.startswith("cal.") and path.suffix == ".h5"]
    return find_sets(files)[0] if files and subject.ended else None


def _files(found: ConstantSet, modules: Sequence[int]) -> Iterator[StoredConstant]:
    return (one for one in found.files if found.modules[one.pdu] in modules)


def _unit(store: LocalStore, one: StoredConstant) -> str:
    """Unit that the store knows where a file says that it is; else the file's own name of it."""
    detector = str(one.attributes.get("provenance", {}).get("detector", ""))
    aggregator = str(one.attributes.get("karabo_da", ""))
    return store.units_of(detector, one.begin).get(aggregator) or one.pdu


def _stands_in(one: StoredConstant) -> bool:
    detector = str(one.attributes.get("provenance", {}).get("detector", ""))
    return one.pdu == unit_name(detector, str(one.attributes.get("karabo_da", "")))


def _every(store: LocalStore, one: StoredConstant, statuses: frozenset[Status]) -> tuple[Version, ...]:
    units = tuple(dict.fromkeys((_unit(store, one), one.pdu)))
    return store.find(Query((one.calibration,), units, take="all", statuses=statuses))


def _version(store: LocalStore, one: StoredConstant, found: ConstantSet) -> Version | None:
    """The version that has the bytes of a file."""
    candidates = [each for each in _every(store, one, _EVERY) if each.begin == one.begin]
    return next((each for each in candidates if each.identity == one.identity), None) if candidates else None


def _accepted(store: LocalStore, one: StoredConstant, found: ConstantSet) -> Version | None:
    """The newest accepted version before a file, of its unit and condition, or else the first after it."""
    own, begin = _asked(one, found), one.begin
    others = [each for each in _every(store, one, frozenset({Status.ACCEPTED}))
              if each.begin is not None and own.matches(condition_of(found.kind, each).of(
                  own.values)) is None and each.identity != one.identity]
    if begin is None:
        return others[-1] if others else None
    before = [each for each in others if each.begin is not None and each.begin <= begin]
    return before[-1] if before else next(iter(others), None)


def _asked(one: StoredConstant, found: ConstantSet) -> Condition:
    """What the database's queries of a kind have of a file's condition."""
    names = {name for calibration in found.kind.calibrations.values() if calibration.name == one.calibration
             for name in found.kind.condition_of(calibration)}
    return condition_of(found.kind, one).of(names)


def _when(one: Version) -> datetime:
    return one.injected or datetime.min.replace(tzinfo=UTC)

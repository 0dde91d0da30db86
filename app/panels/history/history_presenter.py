"""Which constants are looked at over time, their lines as they grow, and what is compared of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.panels.history.places import found_in, place_of, report_on
from app.panels.history.working import Known, Worked, progress_of, work, work_groups
from app.running.background import Background
from app.session.session import Session
from app.session.sources import Source, Sources
from calib_core.errors import CalibrationError
from calib_core.store.calcat.addresses import usual_address
from calib_core.store.calcat.credentials import Credentials, keep
from calib_core.store.local.confirmations import Confirmed
from calib_core.store.local.index import is_index
from calib_core.store.opening import usual_store
from calib_core.store.statuses import Status
from calib_core.subjects.constant_sets import ConstantSet
from calib_core.subjects.groups_over_time import Groups
from calib_core.subjects.kept_lines import confirm, in_store, last_record, unconfirm
from calib_core.subjects.listed import Listed, Rows
from calib_core.subjects.same_conditions import Condition
from calib_core.subjects.sign_off import SignOff
from calib_core.subjects.timeline import Asked, ModuleLine, Quantity, Timeline
from calib_core.subjects.version_list import VersionList, decisions_on, set_of

_FINDING, _WORKING, _OPENING = "Looking for versions", "Reading versions", "Opening a version"
_LOGIN, _REPORT = "Login to CalCat", "Report on a version"
_GROUPING, _DECISIONS = "Groups of pixels over time", "Decisions on a version"
_WATCHING, _CONFIRMING = "Records of stores", "Confirming a change"
_LEAVING = "Leaving stores"
#: Begin of the names of the kind that is looked at first where there is one.
_FIRST = "Offset"
#: Seconds of reading between two looks at the lines: short at first, then seldom enough to leave most of the time.
_WHILES = (0.2, 2.0)
#: Pause after which places are gone through again, ms: jobs write the constants of each module by themselves.
_AGAIN = 1500
#: Pause after which stores are asked whether anybody has written, ms.
_WATCH = 2000
#: Of folders nobody decides.
_COUNT = (None, Status.ACCEPTED)
NOTHING = "No constants yet: open a folder of constants or a store."


class HistoryPresenter(QObject):
    """Knows the versions in some places, and of one kind of one detector their numbers.

    Signals
    -------
    listed()
        Other versions are there, or another kind is looked at.
    drawn()
        Lines are others, or the module that is looked at.
    grouped()
        More is known of the groups of pixels of the module that is looked at.
    decided(row, versions)
        The version after each decision on it, the newest first.
    told(words)
        How far it is, or why there is nothing.
    report_found(path)
        The report on a version's constants that the store keeps.
    calcat_told(words, lacks_login)
        What the facility's database said, and whether a login would help.
    """

    listed = pyqtSignal()
    drawn = pyqtSignal()
    grouped = pyqtSignal()
    decided = pyqtSignal(object, object)
    told = pyqtSignal(str)
    calcat_told = pyqtSignal(str, bool)
    report_found = pyqtSignal(object)

    def __init__(self, session: Session, sources: Sources, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._sources = session, sources
        self._background = Background(self)
        self._places: list[str] = []
        self._added = ""
        self._shown = self._asked_once = False
        self._known = Known()
        self._picked: list[Source] = []
        self._while, self._left_out = _WHILES[0], 0
        self.versions = VersionList(())
        self.detector = self.calibration = ""
        self.rows = Rows()
        self.drafts, self.calcat = True, False
        self.asked = Asked()
        self.timeline: Timeline | None = None
        self.groups: Groups | None = None
        self._again = QTimer(self, singleShot=True, interval=_AGAIN)
        self._again.timeout.connect(self.find)
        self._watch = QTimer(self, interval=_WATCH)
        self._watch.timeout.connect(self._look_for_records)
        self._records: tuple[int, ...] = ()
        self.confirmed: tuple[tuple[Listed, Confirmed], ...] = ()
        self._background.failed.connect(lambda text: session.say("ERROR", text))
        sources.changed.connect(self._take_sources)
        session.module_changed.connect(lambda _: self._take_module())
        session.subject_changed.connect(self.drawn.emit)

    # -- places

    @property
    def places(self) -> tuple[str, ...]:
        """Folders, stores and files whose versions are listed."""
        return tuple(self._places)

    @property
    def shown(self) -> bool:
        """Whether anybody looks."""
        return self._shown

    def set_shown(self, shown: bool) -> None:
        """Tell whether anybody looks; nothing is read while nobody does."""
        self._shown = shown
        if shown:
            self._background.drop(_LEAVING)
            self._known.stores.hold()
            self._take_sources()
            self._work()
            self._watch.start()
        else:
            self._background.drop(_WORKING)
            self._watch.stop()
            self._background.run(_LEAVING, self._known.stores.let_go, lambda _: None)

    def _look_for_records(self) -> None:
        """Go through the places again where somebody has written into a store: another window, or a program."""
        call = partial(last_record, tuple(self._places), self._known.stores)
        self._background.run(_WATCHING, call, self._take_records, self._watch_no_more)

    def _watch_no_more(self, error: Exception) -> None:
        """Say once that a store cannot be asked; the next look at the layout asks again."""
        self._watch.stop()
        self._session.say("ERROR", f"{error} What is written there meanwhile is not seen.")

    def _take_records(self, found: tuple[int, ...]) -> None:
        if found != self._records:
            self._records = found
            self.find()

    def add_place(self, given: str) -> None:
        """Take the versions of one more folder, store or file; one that cannot be used is forgotten again."""
        self._added = given
        if given not in self._places:
            self._places.append(given)
        self.find()

    def find(self) -> None:
        """Go through the places again; the operator's own store is made by the first decision."""
        self._take_places()
        if not self._places:
            self.told.emit(NOTHING)
        elif self._shown:
            self.told.emit(f"Looking for versions in {', '.join(self._places)} …")
            find = partial(found_in, tuple(self._places), self.calcat)
            self._background.run(_FINDING, find, self._take, self._fail)

    def _take_sources(self) -> None:
        """A line grows as constants are opened and made."""
        if self._shown and (self._take_places() or not self._asked_once):
            self._asked_once = True
            self.find()
        self.drawn.emit()

    def _take_places(self) -> bool:
        """Take the operator's own store and the folders of what is open; says whether there is another place."""
        known, store = len(self._places), usual_store()
        found = [str(store)] if is_index(store) else []
        found += [place for source in self._sources.entries if source not in self._picked
                  and (place := place_of(source))]
        self._places += [one for one in dict.fromkeys(found) if one not in self._places]
        return len(self._places) > known

    def take_ended(self) -> None:
        """Look again: a job has ended, which may have written constants."""
        if self._shown:
            self._take_sources()
            self._again.start()

    def take_calcat(self, on: bool) -> None:
        """Ask the facility's database too, or no more."""
        self.calcat = on
        self.calcat_told.emit("Asking CalCat …" if on else "", False)
        self.find()

    def keep_login(self, credentials: Credentials) -> None:
        """Put a login to the facility's database into the system's keyring, and ask again."""
        self._background.run(_LOGIN, partial(keep, usual_address(), credentials), lambda _: self.find(),
                             lambda error: self.calcat_told.emit(str(error), True))

    def _take(self, found: tuple[VersionList, str, bool]) -> None:
        versions, *said = found
        if self.calcat:
            self.calcat_told.emit(*said)
        self._take_versions(versions)

    def _take_versions(self, found: VersionList) -> None:
        self._added = ""
        self.versions = found
        for path, one in found.numbers.items():
            self._known.put(path, one)
        subject = self._session.subject
        preset = subject.identifier if subject is not None else ""
        detectors = found.detectors
        if self.detector not in detectors:
            self.detector = preset if preset in detectors else next(iter(detectors), "")
        kinds = found.calibrations(self.detector)
        if self.calibration not in kinds:
            self.calibration = first_kind(kinds)
        self._begin()
        self.listed.emit()
        if self._shown and self.rows and self._sources.a is None:
            self._open((self.rows[-1],), self._show_unasked)

    def _fail(self, error: Exception) -> None:
        sentence = str(error) if isinstance(error, CalibrationError) else f"Versions cannot be listed: {error!r}."
        self._places = [one for one in self._places if one != self._added]
        self.told.emit(sentence)
        self._session.say("ERROR", sentence)

    # -- what is asked

    def choose(self, detector: str, calibration: str) -> None:
        """Look at another detector or kind."""
        kinds = self.versions.calibrations(detector)
        self.detector = detector
        self.calibration = calibration if calibration in kinds else first_kind(kinds)
        self.asked = Asked(quantity=self.asked.quantity, confirmed=self.asked.confirmed)
        self._begin()
        self.listed.emit()

    def ask(self, *, condition: Condition | None = None, entry: int | None = None,
            quantity: Quantity | None = None) -> None:
        """Look at another operating condition, gain stage or number."""
        changes = {"condition": condition, "entry": entry, "quantity": quantity}
        self.asked = replace(self.asked, **{name: value for name, value in changes.items() if value is not None})
        self._begin()

    def take_drafts(self, on: bool) -> None:
        """Look at versions whatever was decided on them, or at those alone that were accepted or lie in folders."""
        self.drafts = on
        self._begin()

    def confirm(self, line: ModuleLine, comment: str = "") -> None:
        """Take the change of a line as it is: what comes from its start on is the new reference.

        A store keeps that of its versions, with who and why; of others it is this window's.
        """
        if line.change is None:
            return
        row = line.rows[line.change.start]
        if in_store(row):
            call = partial(confirm, row, SignOff().author, comment)
            self._background.run(_CONFIRMING, call, lambda _: self._begin())
        else:
            self.asked = replace(self.asked, confirmed=self.asked.confirmed | {(line.unit, row.begin)})
            self._begin()

    @property
    def last_confirmed(self) -> tuple[Listed, Confirmed] | None:
        """The confirmation that can be taken back: the last one in its store, of the kind that is looked at."""
        return next((found for found in self.confirmed if found[1].last), None)

    def unconfirm(self) -> None:
        """Take the last confirmation back."""
        if self.last_confirmed is not None:
            call = partial(unconfirm, self.last_confirmed[0], SignOff().author)
            self._background.run(_CONFIRMING, call, lambda _: self._begin())

    @property
    def units(self) -> Mapping[str, str]:
        """Units of the parameters of operating conditions, by the database's names."""
        told = self.rows[-1].version.conditions if self.rows else {}
        return {name: str(one.get("unit", "")) for name, one in told.items()}

    def _begin(self) -> None:
        every = self.versions.of(self.detector, self.calibration)
        self.rows = every if self.drafts else Rows(one for one in every if one.version.status in _COUNT)
        self._left_out = len(every) - len(self.rows)
        self._while = _WHILES[0]
        self._work(0.0)

    def _work(self, seconds: float | None = None) -> None:
        if self._shown and (self.rows or self._left_out):
            call = partial(work, self.versions, self.rows, self._known, self.asked,
                           self._while if seconds is None else seconds)
            self._background.run(_WORKING, call, self._take_worked)

    def _take_worked(self, worked: Worked) -> None:
        self.timeline, self.confirmed = worked.timeline, worked.confirmed
        if self.asked.entry >= max(1, len(worked.timeline.entries)):
            self.ask(entry=0)
            return
        self.told.emit(progress_of(worked, len(self.rows), self._left_out))
        self.drawn.emit()
        self._group()
        if worked.lacking:
            self._while = min(2 * self._while, _WHILES[1])
            self._work()

    def _group(self, seconds: float = _WHILES[0]) -> None:
        """Make the groups of the module that is looked at, a while at a time; a line that has no version has none."""
        line = self.line()
        if line is None or not self._shown:
            return
        call = partial(work_groups, line, self._known, self.timeline.asked, seconds)
        self._background.run(_GROUPING, call, partial(self._take_groups, line))

    def _take_groups(self, line: ModuleLine, worked: tuple[Groups, int]) -> None:
        self.groups, lacking = worked
        self.grouped.emit()
        if lacking and line is self.line():
            self._group(_WHILES[1])

    # -- the module, A and B

    def _take_module(self) -> None:
        self.drawn.emit()
        self._group()

    def line(self, module: int | None = None) -> ModuleLine | None:
        """The newest line of a module, or of the one that is looked at; the first one where that has none."""
        lines = self.timeline.lines if self.timeline is not None else ()
        wanted = self._session.module if module is None else module
        of_module = sorted((one for one in lines if one.module == wanted), key=lambda one: one.times[-1])
        return of_module[-1] if of_module else lines[0] if lines and module is None else None

    def letters(self) -> dict[str, datetime]:
        """Begins of what is compared, as far as it is among the versions."""
        known, found = self.versions.by_path, {}
        for letter, source in (("A", self._sources.a), ("B", self._sources.b)):
            files = source.opened.files if source is not None and source.opened is not None else ()
            own = [known[path.absolute()] for path in files if path.absolute() in known]
            begins = [one.begin for one in own if one.version.calibration == self.calibration]
            if begins:
                found[letter] = max(begins)
        return found

    def look_at(self, module: int) -> None:
        """Look at another module."""
        self._session.set_module(module)

    def pick(self, row: Listed, as_a: bool = False) -> None:
        """Show the constants of a version's time as B beside A, or as A; of several asked for the last counts."""
        self._session.set_module(row.module)
        self._open((row,), partial(self._show, as_a))

    def pick_both(self, a: Listed, b: Listed) -> None:
        """Compare the constants of two versions' times."""
        self._session.set_module(a.module)
        self._open((a, b), partial(self._show, True))

    def _open(self, rows: Sequence[Listed], show: Callable[[Sequence[ConstantSet]], None]) -> None:
        """Open versions."""
        def find() -> list[ConstantSet]:
            return [set_of(one, self.versions) for one in rows]

        self._background.run(_OPENING, find, show, lambda error: self._session.say("ERROR", str(error)))

    def _show_unasked(self, found: Sequence[ConstantSet]) -> None:
        """Look at versions if there is still nothing else, such as a job that was started meanwhile."""
        if self._sources.a is None:
            self._show(True, found)

    def _show(self, as_a: bool, found: Sequence[ConstantSet]) -> None:
        """Look at versions, the first as A or B, a second one as B."""
        sources = [self._source_of(one) for one in found]
        if as_a or self._sources.a is None:
            self._sources.show(sources[0])
        elif sources[0] is not self._sources.a:
            self._sources.compare(sources[0])
        for other in sources[1:]:
            self._sources.compare(other)
        self._let_go()

    def _source_of(self, found: ConstantSet) -> Source:
        """What shows a set: one that is open already, or a new one, which is let go after it was looked at."""
        known = self._sources.entries
        source = self._sources.of_set(found)
        if source not in known:
            self._picked.append(source)
        return source

    def _let_go(self) -> None:
        """Versions that were looked at and are neither A nor B any more are no sources."""
        for one in [one for one in self._picked if not self._sources.letter(one)]:
            self._picked.remove(one)
            if one in self._sources.entries:
                self._sources.remove(one)

    def ask_decisions(self, row: Listed) -> None:
        """Ask what was decided on a version."""
        self._background.run(_DECISIONS, partial(decisions_on, row),
                             lambda found: self.decided.emit(row, tuple(reversed(found))))

    def find_report(self, row: Listed) -> None:
        """Look for the report on the constants of a version."""
        self._background.run(_REPORT, partial(report_on, row, self.versions), self.report_found.emit,
                             lambda error: self._session.say("WARN", str(error)))

    def close(self) -> None:
        """Read no more."""
        self._background.close()
        self._known.stores.let_go()


def first_kind(kinds: Sequence[str]) -> str:
    """Kind of constants that is looked at first: the database's name of offsets has an ending for some detectors."""
    return next((one for one in kinds if one.startswith(_FIRST)), next(iter(kinds), ""))

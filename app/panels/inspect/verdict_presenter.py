"""Verdict on the constants that are shown: tests away from the window's thread, and decisions in the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from PyQt6.QtCore import QObject, pyqtSignal

from app.running.background import Background
from app.session.session import Session
from app.session.standings import Standings
from calib_core.constants.tested import Test, count, worst
from calib_core.errors import CalibrationError, Cancelled
from calib_core.store.statuses import Status
from calib_core.subjects.base import Subject
from calib_core.subjects.constant_sets import ConstantSet
from calib_core.subjects.judging import judge
from calib_core.subjects.report import keep_written
from calib_core.subjects.sign_off import SignOff, Standing, set_of

_TESTS, _DECISION = "Verdict", "Decision"


@dataclass(frozen=True)
class Judged:
    """What was found of a set of constants.

    Attributes
    ----------
    subject : Subject
        Whose they are.
    found, accepted : ConstantSet
        None where there is none.
    tests : tuple of Test
    standing : Standing
    stands_in : tuple of str
        Names of units that have to be confirmed.
    """

    subject: Subject
    found: ConstantSet
    accepted: ConstantSet | None
    tests: tuple[Test, ...]
    standing: Standing
    stands_in: tuple[str, ...] = ()
    @property
    def modules(self) -> tuple[int, ...]:
        """Numbers of the modules."""
        return tuple(sorted(set(self.found.modules.values())))


class VerdictPresenter(QObject):
    """Tests what is shown once it has ended and somebody looks; the newest question counts.

    Signals
    -------
    changed()
        There are other tests, or something was decided.
    said(text)
        What is being done, or why there is nothing.
    """

    changed, said = pyqtSignal(), pyqtSignal(str)
    _stepped = pyqtSignal(int, int)

    def __init__(
        self, session: Session, background: Background, standings: Standings, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._background, self._standings = session, background, standings
        self._shown, self._number, self._module = False, 0, -1
        self._asked: tuple[Subject, Subject | None] | None = None
        self.judged: Judged | None = None
        session.subject_changed.connect(self.refresh)
        session.subject_told.connect(self.refresh)
        standings.changed.connect(self.refresh)
        self._stepped.connect(self._tell_module)

    def set_shown(self, shown: bool) -> None:
        """Tell whether the verdict is to be seen; nothing is tested while it is not."""
        self._shown = shown
        self.refresh()

    def refresh(self) -> None:
        """Test what is shown now, if it is something else and has ended."""
        sides = self._standings.sides(self._session.subject)
        if self._asked is not None and self._asked != sides:
            self._leave()
        if not self._shown or sides[0] is None or sides == self._asked:
            return
        a, b = sides
        if not a.ended or (b is not None and not b.ended):
            self.said.emit("The verdict comes when the constants are written.")
            return
        self._asked = (a, b)
        self._number += 1
        self.said.emit("Testing …")
        step = partial(self._step, self._number)
        self._background.run(_TESTS, partial(_judge, a, b, step), self._take, self._fail)

    def close(self) -> None:
        """Leave what is being tested."""
        self._number += 1

    def _leave(self) -> None:
        """Hold nothing of what is no longer shown."""
        self.close()
        self._background.drop(_TESTS)
        self._asked, was_judged, self.judged = None, self.judged is not None, None
        if was_judged:
            self.changed.emit()

    @property
    def letter(self) -> str:
        """Which of two that are compared is judged; empty where there is one alone."""
        return self._standings.letter if self._asked is not None and self._asked[1] is not None else ""

    @property
    def store(self) -> str:
        """Folder of the store that is decided in."""
        return str(SignOff().folder)

    @property
    def author(self) -> str:
        """Who decides."""
        return SignOff().author

    @property
    def rows(self) -> tuple[Test, ...]:
        """The worst of each kind of test of the modules that are shown."""
        return () if self.judged is None else worst(self.judged.tests)

    def counts(self, modules: tuple[int, ...]) -> dict[str, int]:
        """How many kinds of test have each mark, of some modules."""
        tests = () if self.judged is None else self.judged.tests
        return {str(mark): n for mark, n in count([one for one in tests if one.module in modules]).items()}

    def go(self, test: Test) -> None:
        """Look at the place of a test: gain stage, memory cell, and the middle of its ASIC."""
        session, axes = self._session, self._session.axes
        wanted = {"cell": test.cell}
        names = (axis for one in session.results if one.name == test.result for axis in one.over if axis != "cell")
        wanted |= dict.fromkeys(names, test.stage)
        session.look_at({axis: axes[axis].index(label) for axis, label in wanted.items()
                         if axis in axes and label in axes[axis].labels})
        session.set_module(test.module)
        kind = None if self.judged is None else self.judged.found.kind
        if test.asic is not None and kind is not None:
            high, wide = kind.asic_shape
            row, column = divmod(test.asic, kind.shape[1] // wide)
            session.set_pixel((test.module, row * high + high // 2, column * wide + wide // 2))

    def decide(self, modules: tuple[int, ...], status: Status, comment: str) -> None:
        """Accept, reject or withdraw modules."""
        judged = self.judged
        if judged is not None:
            self._act(partial(_decide, judged.found, modules, status, comment))

    def undo(self) -> None:
        """Take the last decision back."""
        if self.judged is not None:
            self._act(partial(SignOff().undo, self.judged.found))

    def _act(self, work: Callable[[], Standing]) -> None:
        self.said.emit("Writing into the store …")
        assert self.judged is not None
        self._background.run(_DECISION, work, partial(self._decided, self.judged), self._refused)

    def _decided(self, judged: Judged, standing: Standing) -> None:
        self._standings.tell(judged.subject, standing)
        if self.judged is judged:
            self.judged = replace(judged, standing=standing)
        self._session.say("INFO", f"{judged.found.title}: {standing.sentence}")
        self.changed.emit()

    def _take(self, judged: Judged | None) -> None:
        if judged is None:
            self.said.emit("There are no constants to judge.")
            return
        self.judged = judged
        self._standings.tell(judged.subject, judged.standing)
        self.changed.emit()

    def _fail(self, error: Exception) -> None:
        self.said.emit(_sentence(error))

    def _refused(self, error: Exception) -> None:
        self.said.emit(_sentence(error))
        self._session.say("ERROR", _sentence(error))

    def _step(self, number: int, module: int) -> None:
        """From the thread that tests: go on, or leave what nobody waits for."""
        if number != self._number:
            raise Cancelled("Something else is judged.")
        if module != self._module:
            self._module = module
            self._stepped.emit(number, module)

    def _tell_module(self, number: int, module: int) -> None:
        if number == self._number and self._asked is not None and self.judged is None:
            self.said.emit(f"Testing module {module} …")


def _decide(found: ConstantSet, modules: tuple[int, ...], status: Status, comment: str) -> Standing:
    """Decide on modules; a report that was written before goes into the store with them."""
    sign_off = SignOff()
    standing = sign_off.decide(found, modules, status, comment)
    keep_written(found, sign_off)
    return standing


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, CalibrationError) else f"That failed: {error!r}."


def _judge(a: Subject, b: Subject | None, step: Callable[[int], None]) -> Judged | None:
    """What is found of A; None where there are no constants, or nobody waits any more."""
    found = set_of(a)
    if found is None:
        return None
    sign_off = SignOff()
    accepted = set_of(b) if b is not None else sign_off.accepted_before(found)
    try:
        tests = judge(found, accepted, step=step)
    except Cancelled:
        return None
    stands_in = sign_off.stands_in(found, tuple(found.modules.values()))
    return Judged(a, found, accepted, tests, sign_off.standing(found), stands_in)

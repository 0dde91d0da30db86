"""Opens runs one after the other, starts their jobs, and takes pictures of the window at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject, QTimer
from PyQt6.QtWidgets import QWidget

from app.panels.maps.slots import SLOT_COUNTS
from app.panels.start.log import GOOD_NEWS
from app.session.session import LAYOUTS
from app.window.theme import THEMES
from calib_core.cli.summary import closing_table
from calib_core.jobs.summary import summary_of
from calib_core.plain_text import shown

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

#: Time for maps and plots to settle before a picture is taken, ms.
_SETTLE = 700
#: Size of the window in pictures.
PICTURE_SIZE = (1680, 1020)


class Tour(QObject):
    """A walk through runs without an operator; each job starts when the one before has ended.

    Parameters
    ----------
    texts : sequence of str
        Runs to open, as an operator would type them.
    start : bool
        Whether to run their jobs.
    pictures : Path, optional
        Folder for pictures of each job in each arrangement (strips: form) and theme, and of its maps alone under the
        name of the detector type; after the last the closing table of all jobs is printed and the window closes.

    Attributes
    ----------
    missed : list of str
        Why runs were not opened or their job not started.
    """

    def __init__(self, window: MainWindow, texts: Sequence[str], start: bool, pictures: Path | None) -> None:
        super().__init__(window)
        self._window, self._waiting, self._start, self._pictures = window, list(texts), start, pictures
        self._steps: Iterator[Callable[[], None]] = iter(())
        self.missed: list[str] = []
        window.picker.opener.opened.connect(self._run)
        window.picker.opener.failed.connect(self._miss)
        window.picker.opener.several.connect(
            lambda found: self._miss(f"The runs hold several detectors: {', '.join(found)}; none is opened."))
        window.jobs.ended.connect(self._go_on)

    def begin(self) -> None:
        """Open the first runs once the event loop runs: a window that closes before does not end it."""
        QTimer.singleShot(0, self._go_on)

    def _run(self) -> None:
        if self._start:
            QTimer.singleShot(0, self._start_job)
        else:
            self._go_on()

    def _start_job(self) -> None:
        if not self._window.form.run(again=True):
            self._miss(self._window.form.reason.text())

    def _miss(self, why: str) -> None:
        """Say what is left out, where nobody sees the window, and go on."""
        self.missed.append(why)
        print(f"calibwb: {shown(why)}", file=sys.stderr)
        self._go_on()

    def _go_on(self, *_: object) -> None:
        if self._waiting:
            self._window.picker.opener.open_text(self._waiting.pop(0))
        elif self._pictures is not None:
            self._steps = self._photographs(self._pictures)
            self._step()

    def _step(self) -> None:
        step = next(self._steps, None)
        if step is None:
            for job in self._window.jobs.jobs:
                print(closing_table(summary_of(job)), flush=True)
            self._window.end()
            return
        step()
        QTimer.singleShot(_SETTLE, self._step)

    def _photographs(self, folder: Path) -> Iterator[Callable[[], None]]:
        """Changes of the window, each followed by its picture."""
        folder.mkdir(parents=True, exist_ok=True)
        window = self._window
        window.banner.clear(GOOD_NEWS)
        for job in reversed(window.jobs.jobs):
            yield partial(window.tasks.show_job, job)
            yield lambda: _select_middle(window)
            kind = job.plan.kind.name.lower() if job.plan is not None and job.plan.kind else job.spec.family.lower()
            for theme in THEMES:
                yield lambda theme=theme: window.set_theme(theme)
                for name, show in _looks(window):
                    yield show
                    yield partial(_save, window, folder / f"{kind}-{name}-{theme}.png")
            name, show = _looks(window)[0]
            yield lambda: window.set_theme(next(iter(THEMES)))
            yield show
            most = max(SLOT_COUNTS)
            if len(window.maps.presenter.offered) >= most:
                yield partial(window.set_slots, most)
            yield partial(_save, window.maps, folder / f"{kind}.png")
            yield partial(window.set_slots, 4)


def _looks(window: MainWindow) -> list[tuple[str, Callable[[], None]]]:
    """Names of the ways to look at the shown job, each with the call that changes to it, the usual one first."""
    maps, session = window.maps.presenter, window.session
    if len(maps.forms) > 1:
        return [(form, partial(maps.set_form, form)) for form in maps.forms]
    return [(arrangement, partial(session.set_arrangement, arrangement)) for arrangement in LAYOUTS]


def _select_middle(window: MainWindow) -> None:
    shown = window.session.shown
    if shown.kind is not None:
        slow, fast = shown.kind.shape
        window.session.set_pixel((shown.subject.modules[0], slow // 2, fast // 2))


def _save(widget: QWidget, path: Path) -> None:
    if not widget.grab().save(str(path)):
        print(f"The picture {path} cannot be written.", file=sys.stderr)

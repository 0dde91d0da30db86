"""The ASIC, the region or the pixel that is looked at, as a line over time that grows while it is read; knows no
widgets."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.panels.history.history_presenter import HistoryPresenter
from app.running.background import Background
from app.session.session import Session
from calib_core.errors import CalibrationError
from calib_core.subjects.listed import Listed
from calib_core.subjects.pixels_over_time import (
    ChosenPixels,
    PixelNumbers,
    chosen_pixel,
    chosen_region,
    numbers_of_pixels,
    pixel_line,
)
from calib_core.subjects.timeline import Asked, ModuleLine
from calib_core.subjects.version_list import VersionList

_READING = "Reading chosen pixels"
#: What has a line beside those of modules, by its name in the list.
SCOPES = {"": "modules alone", "asic": "modules, ASIC", "region": "modules, region", "pixel": "modules, pixel"}
_NOTHING = {"asic": "Click a row of the ASICs, or a pixel in a map: its ASIC becomes a line.",
            "region": "Mark a region in a map: it becomes a line.",
            "pixel": "Click a pixel in a map: it becomes a line."}
#: Pause before anything is read, ms, and how long is read until the line is drawn anew, s.
_PAUSE, _WHILE = 150, 0.3
#: Choices whose numbers are kept.
_KEPT = 16


@dataclass
class _Known:
    """Numbers of chosen pixels by the files of versions, and why others have none."""

    numbers: dict[Path, PixelNumbers] = field(default_factory=dict)
    unread: dict[Path, str] = field(default_factory=dict)

    def lacks(self, rows: Sequence[Listed]) -> list[Listed]:
        """Versions that nothing is known of, the newest first."""
        return [one for one in reversed(rows) if one.path not in self.numbers and one.path not in self.unread]


@dataclass(frozen=True, eq=False)
class _Worked:
    """What is known after a while, and how many versions are not read yet."""

    line: ModuleLine | None
    lacking: int
    unread: tuple[str, ...]


class ChosenPresenter(QObject):
    """Reads chosen pixels of the versions in sight, the newest first, while somebody looks.

    Signals
    -------
    changed()
        The line has grown, is another one or is gone, or there is something else to say.
    """

    changed = pyqtSignal()

    def __init__(self, session: Session, history: HistoryPresenter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._history = session, history
        self._background = Background(self)
        self._background.failed.connect(lambda text: session.say("ERROR", text))
        self._kept: OrderedDict[ChosenPixels, _Known] = OrderedDict()
        self._asked: object = None
        self.group = -1
        self.scope, self.words = "", ""
        self.line: ModuleLine | None = None
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE)
        self._timer.timeout.connect(self._start)
        for signal in (session.region_changed, session.pixel_changed, session.picture_changed, history.drawn):
            signal.connect(self._timer.start)
        session.pixel_changed.connect(self._take_pixel)
        history.grouped.connect(lambda: self._timer.start() if self.scope == "asic" else None)

    def choose(self, scope: str) -> None:
        """Take the ASIC, the region or the pixel as a line, or none of them: one of :data:`SCOPES`."""
        self.scope = scope
        self._take_pixel()
        self._start()

    def choose_group(self, group: int) -> None:
        """Take a group of pixels, such as an ASIC, by its row among those of the module."""
        self.scope, self.group = "asic", group
        self._start()

    def close(self) -> None:
        """Read no more."""
        self._timer.stop()
        self._background.close()

    def _start(self) -> None:
        """Read, unless that is what is being read or was."""
        line = self._history.line()
        if self.scope == "asic":
            self._show_group(line)
            return
        chosen = self._chosen(line) if line is not None and self._history.shown else None
        asked = chosen and line and (chosen, tuple(one.path for one in line.rows), self._history.timeline.asked)
        if asked == self._asked and (asked or not (self.scope or self.line)):
            return
        self._asked = asked
        if not asked:
            self._background.drop(_READING)
            self.line, self.words = None, _NOTHING.get(self.scope, "")
            self.changed.emit()
        elif chosen is not None and line is not None:
            self._work(chosen, line)

    def _take_pixel(self) -> None:
        """The ASIC of the pixel that is looked at is the one that is meant."""
        groups, shown = self._history.groups, self._session.shown
        if groups is not None and shown.pixel is not None and shown.pixel[0] == groups.line.module:
            found = groups.row_of(*shown.pixel[1:])
            self.group = self.group if found is None else found

    def _show_group(self, line: ModuleLine | None) -> None:
        """Make a line of what is known of a group already; nothing is read for it."""
        groups, kind = self._history.groups, self._session.shown.kind
        there = groups is not None and groups.line is line and 0 <= self.group < len(groups.values)
        asked = (groups, self.group) if there else None
        if asked == self._asked and asked is not None:
            return
        self._asked = asked
        self._background.drop(_READING)
        self.line, self.words = None, _NOTHING["asic"]
        if there:
            self.line = groups.line_of(self.group)
            name = groups.name(None if kind is None else kind.asic_shape)
            self.words = ", ".join(filter(None, (f"{name} {self.group} of m{line.module}", groups.made)))
        self.changed.emit()

    def _chosen(self, line: ModuleLine) -> ChosenPixels | None:
        shown = self._session.shown
        cell = shown.label("cell") if "cell" in shown.at else 0
        if self.scope == "region":
            return chosen_region(shown.region, line.module, cell)
        if self.scope == "pixel" and shown.pixel is not None and shown.pixel[0] == line.module:
            return chosen_pixel(*shown.pixel, cell)
        return None

    def _work(self, chosen: ChosenPixels, line: ModuleLine) -> None:
        known = self._kept.setdefault(chosen, _Known())
        self._kept.move_to_end(chosen)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        call = partial(_read, self._history.versions, line, chosen, known, self._history.timeline.asked)
        self._background.run(_READING, call, partial(self._take, chosen, line))

    def _take(self, chosen: ChosenPixels, line: ModuleLine, worked: _Worked) -> None:
        self.line = worked.line
        number, unread = len(line.rows), worked.unread
        self.words = " · ".join(filter(None, (
            f"{chosen.words} of m{chosen.module}, memory cell {chosen.cell}",
            f"{number - worked.lacking:,} of {number:,} versions read" if worked.lacking else "",
            f"{len(unread):,} cannot be read: {unread[0]}" if unread else "")))
        self.changed.emit()
        if worked.lacking:
            self._work(chosen, line)


def _read(
    versions: VersionList, line: ModuleLine, chosen: ChosenPixels, known: _Known, asked: Asked,
) -> _Worked:
    """Read some versions and make the line."""
    end = time.monotonic() + _WHILE
    for one in known.lacks(line.rows):
        try:
            known.numbers[one.path] = numbers_of_pixels(one, versions, chosen)
        except CalibrationError as error:
            known.unread[one.path] = str(error)
        if time.monotonic() > end:
            break
    unread = tuple(known.unread[one.path] for one in line.rows if one.path in known.unread)
    return _Worked(pixel_line(line, known.numbers, asked), len(known.lacks(line.rows)), unread)

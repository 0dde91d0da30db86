"""Navigator and bad-pixel flags, wired to the session."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, Qt, QTimer
from PyQt6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from app.panels.maps.slots import changes_of, flags_of
from app.running.background import Background
from app.session.session import Session
from app.widgets.flag_panel import FlagPanel
from app.widgets.navigator import AxisChoice, Navigator
from calib_core.axes import Pick, Picture
from calib_core.constants.badpixels import BadPixels, flag_presets

_COUNTING = "Counting flags"
_COUNT_INTERVAL = 150


class NavigationPresenter(QObject):
    """Keeps navigator, flags and session in step; what is not there is not offered."""

    def __init__(
        self, session: Session, background: Background, navigator: Navigator, flags: FlagPanel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._background = session, background
        self._navigator, self._flags = navigator, flags
        self._count_timer = QTimer(self, singleShot=True, interval=_COUNT_INTERVAL)
        self._count_timer.timeout.connect(self._count)
        flags.set_flags([(int(flag), flag.label) for flag in BadPixels])
        flags.set_presets([(one.name, one.help, one.flags) for one in flag_presets()])
        flags.selection_changed.connect(lambda bits: session.set_overlay(_with_unknown(bits)))
        flags.excluded_changed.connect(lambda bits: session.set_excluded(_with_unknown(bits)))
        navigator.module_changed.connect(session.set_module)
        navigator.index_changed.connect(lambda axis, index: session.look_at({axis: index}))
        session.overlay_changed.connect(flags.set_selection)
        session.excluded_changed.connect(flags.set_excluded)
        session.subject_changed.connect(self._take_subject)
        session.view_changed.connect(self._show_state)
        session.module_changed.connect(self._show_state)
        session.picture_changed.connect(self._show_state)
        session.picture_changed.connect(self._count_soon)
        self._take_subject()

    def _take_subject(self) -> None:
        if not self._session.axes:
            self._background.drop(_COUNTING)
            self._navigator.set_ranges([], [])
            self._flags.set_counts({}, 0)
            return
        offered = [AxisChoice(axis.name, axis.title, axis.labels) for axis in self._session.axes.values()
                   if not axis.of_slot and len(axis)]
        self._navigator.set_ranges(self._session.subject.modules, offered)
        self._show_state()

    def _show_state(self) -> None:
        """Show what is wished, marked as long as something else is on the screen."""
        if self._session.axes:
            self._navigator.set_state(self._session.module, self._session.view.at, bool(self._session.pending))
            picture = self._session.shown.picture
            self._navigator.set_there({} if picture is None else picture.there)

    def _count_soon(self) -> None:
        if not self._count_timer.isActive():
            self._count_timer.start()

    def _count(self) -> None:
        picture = self._session.shown.picture
        flags = flags_of(picture, self._session.shown) if picture is not None else None
        if flags is not None:
            there = picture.coverage > 0
            seen, changes = flags[there], self._changes(picture, there)
            self._background.run(
                _COUNTING, lambda: (count_flags(seen), seen.size, [count_flags(one) for one in changes]),
                self._show_counts)

    def _changes(self, picture: Picture, there: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.uint32]]:
        """Flags that are new and healed in a comparison, of modules that there are data of; none else."""
        names = changes_of(self._session.shown.flags)
        found = [picture.maps.get(Pick(name)) for name in names]
        return [one[there] for one in found if one is not None]

    def _show_counts(self, found: tuple[dict[int, int], int, list[dict[int, int]]]) -> None:
        counts, total, changes = found
        self._flags.set_counts(counts, total)
        if len(changes) == 2:
            new, healed = changes
            self._flags.set_changes({flag: (new[flag], healed[flag]) for flag in new})


def _with_unknown(bits: int) -> int:
    """Chosen flags; where all that have a name are chosen, those without one are too."""
    return 0xFFFFFFFF if bits == sum(map(int, BadPixels)) else bits


def count_flags(flags: npt.NDArray[np.uint32]) -> dict[int, int]:
    """Number of pixels that have each flag."""
    bad = flags[flags != 0]
    return {int(flag): int(np.count_nonzero(bad & np.uint32(flag))) for flag in BadPixels}


class NavigationPanel(QWidget):
    """Module and place above the flags."""

    def __init__(self, session: Session, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.navigator, self.flags = Navigator(self), FlagPanel(self)
        self.presenter = NavigationPresenter(session, background, self.navigator, self.flags, self)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(self.navigator)
        parts.addWidget(self.flags)
        parts.setStretchFactor(1, 1)
        parts.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(parts)

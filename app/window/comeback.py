"""What comes back at the next start: looks, runs with their form, and the results that were looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QByteArray, QObject
from PyQt6.QtWidgets import QPushButton

from app.session.keeper import Keeper
from app.session.state import SavedState
from app.window import theme
from app.window.layouts import LAYOUTS
from calib_core.jobs.survey import Survey
from calib_core.subjects.on_disk import lasting

if TYPE_CHECKING:
    from app.window.main_window import MainWindow


class Comeback(QObject):
    """Keeps a window's state on disk and brings it back.

    Parameters
    ----------
    folder : Path
        Where the state is kept.
    """

    def __init__(self, folder: Path, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.keeper = Keeper(folder, window.session, window.background, self._own_state, self)
        self._restoring: SavedState | None = None
        self._first_folder = window.session.out_folder
        self.restore_button = QPushButton("Restore", objectName="restore")
        self.restore_button.clicked.connect(self.restore_runs)

    def begin(self, restores: bool) -> None:
        """Bring back how the window looked and, if wanted, its runs and results; then keep what changes."""
        window, keeper = self._window, self.keeper
        self._bring_back()
        if restores and keeper.saves:  # while another window is open, what that keeps is no crash
            self._bring_back_runs()
            found = keeper.found
            if found.shown:
                window.results.bring_back(found.shown, found.compared)
        window.session.survey_changed.connect(self._take_survey)
        for signal in (window.maps.presenter.slots_changed, window.picker.recent_changed, window.sources.changed,
                       window.jobs.ended):
            signal.connect(lambda *_: keeper.touch())
        keeper.begin()

    def _own_state(self) -> dict[str, Any]:
        window, found = self._window, self.keeper.found
        shown, compared = ([lasting(subject) for subject in window.sources.subjects] + [(), ()])[:2]
        kept = {"shown": tuple(shown), "compared": tuple(compared)} if window.sources.a is not None else {
            "shown": found.shown, "compared": found.compared}
        return {
            **kept,
            "theme": theme.current(),
            "slots": window.maps.slots,
            "maps": tuple(c.key for c in window.maps.presenter.chosen) or window.maps.presenter.wanted,
            "percentiles": window.maps.presenter.percentiles,
            "recent": tuple(window.picker.recent),
            "root": window.picker.opener.root,
            "watched": window.watch.folder.text(),
            "layout": window.docks.layout.name,
            "layouts": {name: _text(state) for name, state in window.docks.states().items()},
            "geometry": _text(window.saveGeometry()),
        }

    def _bring_back(self) -> None:
        window, found, session = self._window, self.keeper.found, self._window.session
        window.set_theme(found.theme)
        window.maps.presenter.wanted = found.maps
        window.scale.show_percentiles(*found.percentiles)
        window.maps.presenter.set_percentiles(*window.scale.percentiles)
        window.set_slots(found.slots or window.docks.layout.slots)
        window.picker.recent = list(found.recent)
        if found.root is not None and found.root.is_dir():
            window.picker.set_root(found.root)
        window.watch.folder.setText(found.watched)
        session.set_arrangement(found.arrangement)
        session.set_overlay(found.overlay)
        session.set_excluded(found.excluded)
        session.module = found.module
        session.cross = found.pixel[1:] if found.pixel else None
        session.place.update(found.place)
        session.set_region(found.region)
        if found.geometry:
            window.restoreGeometry(_bytes(found.geometry))
        if found.layouts:
            layout = next((one for one in LAYOUTS if one.name == found.layout), window.docks.layout)
            window.docks.restore({name: _bytes(state) for name, state in found.layouts.items()}, layout)
            window.follow_layout(layout)
        for note in self.keeper.notes:
            session.say("WARN", note)

    def _bring_back_runs(self) -> None:
        """Open the runs of the last session, or after a crash offer to do so."""
        runs = self.keeper.found.runs
        if runs and self.keeper.was_clean:
            self.restore_runs()
        elif runs:
            names = ", ".join(path.name for path in runs)
            text = f"The last session ended unexpectedly. “Restore” opens {names} again as they were."
            self._window.session.say("WARN", text)
            self._window.banner.say("warning", text, "crash", self.restore_button)

    def restore_runs(self) -> None:
        """Open the runs of the last session with its parameters."""
        found = self.keeper.found
        self._window.banner.clear("crash")
        self._restoring = found
        task = (found.spec.family, found.spec.method) if found.spec is not None else ("", "")
        self._window.session.open_runs(found.runs, found.detector, task)

    def _take_survey(self, survey: Survey | None) -> None:
        """Show the form of the last session once its runs, and no others, are open again."""
        found, self._restoring = self._restoring, None
        if survey is None or found is None or found.spec is None:
            return
        if {run.path for run in survey.runs} == set(found.runs):
            folder, spec = self._window.session.out_folder, found.spec
            if folder != self._first_folder:  # somebody has asked for it since the start
                spec = spec.model_copy(update={"out_folder": folder})
            self._window.form.show_spec(spec)


def _text(state: QByteArray) -> str:
    return bytes(state.toBase64()).decode()


def _bytes(text: str) -> QByteArray:
    return QByteArray.fromBase64(text.encode())

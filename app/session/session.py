"""What is open, chosen and looked at: the only state that panels share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QObject, pyqtSignal

from calib_core.axes import Array, At, Axis, Label, Pick, Picture, Result, View
from calib_core.errors import CalibrationError
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import Survey
from calib_core.subjects.base import Subject
from calib_core.subjects.region import RegionOfInterest
from calib_core.subjects.shown import Pixel, Shown

LAYOUTS = ("assembled", "stacked", "module")


class Session(QObject):
    """Shared state of the window; every change has a signal, nothing else connects panels.

    What is wished (:attr:`view`, :attr:`module`) and what is on the screen (:attr:`shown`) are two things: labels,
    numbers and exports come from what is on the screen alone.

    Attributes
    ----------
    survey : Survey, optional
        What is known of the runs that were opened.
    spec : JobSpec, optional
        What the form would run.
    subject : Subject, optional
        What is looked at: a job, constants on disk, a pair.
    view : View
        What was wished last, by indices along the axes of the subject.
    shown : Shown
        What is on the screen: the newest picture, or the one that was frozen.
    place : dict
        The wish by labels, also of axes that the subject does not have: it outlives the subject.
    module : int
        Module that is wished.
    cross : (row, column), optional
        Selected pixel; it is the same in every module.
    region : RegionOfInterest, optional
        Marked pixels.
    outlined : mapping of int to (n, 2) int64
        Rows and columns of pixels that are outlined in the maps, by the number of their module.
    arrangement : str
        One of :data:`LAYOUTS`.
    overlay : int
        Bad-pixel flags that are drawn over the maps.
    excluded : int
        Bad-pixel flags whose pixels are left out of statistics, levels and exports.
    out_folder : Path
        Where constants go.
    constants_folder : Path, optional
        Where constants were written or opened last: a correction takes them unless the operator says otherwise.
    corrected_folder : Path, optional
        Where corrected files went last.
    frozen : bool
        Whether the picture stays as it is while the subject goes on; where there is none yet, the first one comes.
    is_drawing : callable
        Whether the picture that was taken last is still being drawn, as whoever draws it knows: a newer one of the
        same place waits for that, so that what comes often is not in the way of its own being seen.

    Signals
    -------
    subject_changed()
        There is another subject, or it is known now what it has.
    subject_told()
        Something of the subject is new: its state, its notes, a picture.
    view_changed(view), module_changed(module)
        Something else is wished.
    picture_changed()
        Another picture is on the screen, or none.
    pixel_changed()
        Another pixel is selected in what is on the screen.
    region_changed()
        Other pixels are marked in what is on the screen, or none.
    outlined_changed()
        Other pixels are outlined, or none.
    """

    survey_changed = pyqtSignal(object)
    spec_changed = pyqtSignal(object)
    job_started = pyqtSignal(object)
    subject_changed = pyqtSignal()
    subject_told = pyqtSignal()
    view_changed = pyqtSignal(object)
    module_changed = pyqtSignal(int)
    picture_changed = pyqtSignal()
    pixel_changed = pyqtSignal()
    region_changed = pyqtSignal()
    outlined_changed = pyqtSignal()
    arrangement_changed = pyqtSignal(str)
    overlay_changed = pyqtSignal(object)
    excluded_changed = pyqtSignal(object)
    frozen_changed = pyqtSignal(bool)
    open_requested = pyqtSignal(object, str, object)
    task_requested = pyqtSignal(object, str, object)
    results_requested = pyqtSignal(tuple)
    injection_requested = pyqtSignal(tuple)
    message = pyqtSignal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.survey: Survey | None = None
        self.spec: JobSpec | None = None
        self.subject: Subject | None = None
        self.view, self.shown = View(), Shown()
        self.place: dict[str, Label] = {}
        self.module = 0
        self.cross: tuple[int, int] | None = None
        self.region: RegionOfInterest | None = None
        self.outlined: Mapping[int, Array] = {}
        self.arrangement = LAYOUTS[0]
        self.overlay = self.excluded = 0xFFFFFFFF
        self.frozen = False
        self.is_drawing: Callable[[], bool] = lambda: False
        self.out_folder = Path.cwd() / "constants"
        self.constants_folder: Path | None = None
        self.corrected_folder: Path | None = None
        self._troubles: set[str] = set()
        self._prepared, self._seen, self._late = False, -1, False

    def open_runs(self, paths: Sequence[Path], detector: str = "", task: tuple[str, str] = ("", "")) -> None:
        """Ask for a survey of run folders; whoever surveys listens.

        ``detector`` names one where they hold several, ``task`` a family and its characterisation, else the first.
        """
        self.open_requested.emit(tuple(paths), detector, task)

    def try_runs(self, paths: Sequence[Path], detector: str, task: tuple[str, str]) -> None:
        """Ask for a survey of runs for another characterisation; what is open stays where it cannot take them."""
        self.task_requested.emit(tuple(paths), detector, task)

    def start(self, spec: JobSpec) -> Job:
        """Start a job; who keeps what can be looked at shows it."""
        job = Job(spec)
        job.start()
        self.job_started.emit(job)
        return job

    def set_survey(self, survey: Survey | None) -> None:
        """Take the survey of newly opened runs."""
        self.survey = survey
        self.survey_changed.emit(survey)

    def set_spec(self, spec: JobSpec | None) -> None:
        """Take what the form would run."""
        self.spec = spec
        self.spec_changed.emit(spec)

    @property
    def in_form(self) -> tuple[tuple[str, str], dict[str, Any]]:
        """Family and command of the characterisation that the form shows, and its parameters; nothing without one."""
        return (("", ""), {}) if self.spec is None else (
            (self.spec.family, self.spec.method), dict(self.spec.parameters))

    # -- the subject and its pictures

    def set_subject(self, subject: Subject | None) -> None:
        """Look at something else, at the same place as far as it has it; that is never frozen."""
        self.subject = subject
        self.view = replace(self.view, modules=())  # those of the subject before may not be there
        self._prepared, self._seen, self._late = False, -1, False
        self._troubles.clear()
        self.shown = Shown(subject, None, self.module, self.cross, self.region)
        self.set_frozen(False)
        if subject is not None:
            subject.look_at(self.view)
        self.subject_changed.emit()
        self.picture_changed.emit()
        self.refresh()

    def refresh(self) -> None:
        """Take what is new of the subject; to be called again and again."""
        subject = self.subject
        if subject is None:
            return
        if subject.version == self._seen:
            if self._late:
                self._take_newest()
            return
        self._seen = subject.version
        self.subject_told.emit()
        if not self._prepared and subject.results:
            self._prepare(subject)
        if self._prepared:
            self._take_newest()

    def _prepare(self, subject: Subject) -> None:
        """Wish a place that the subject has."""
        self._prepared = True
        if subject.modules and self.module not in subject.modules:
            self.module = subject.modules[0]
        self.shown = replace(self.shown, module=self.module)
        self.subject_changed.emit()
        at = {axis.name: axis.nearest(self.place[axis.name]) if axis.name in self.place else 0
              for axis in self.axes.values() if not axis.of_slot}
        self._wish(View(at, self.view.modules, self.view.picks))
        self.module_changed.emit(self.module)
        self.pixel_changed.emit()

    def _take_newest(self) -> None:
        picture = self.subject.picture if self.subject is not None else None
        before = self.shown.picture
        self._late = False
        if picture is None or picture is before or (self.frozen and before is not None):
            return
        if before is not None and picture.view == before.view and self.is_drawing():
            self._late = True
            return
        self.shown = replace(self.shown, picture=picture)
        self._follow_module()
        self.picture_changed.emit()

    def _module_in(self, picture: Picture | None) -> int:
        """The wished module where the picture has it; else the one that is on the screen."""
        if picture is None or not picture.modules or self.module in picture.modules:
            return self.module
        return self.shown.module if self.shown.module in picture.modules else picture.modules[0]

    @property
    def axes(self) -> Mapping[str, Axis]:
        """Axes of the subject by name; empty until it is known what it has."""
        return {} if self.subject is None or not self._prepared else self.subject.axes

    @property
    def results(self) -> tuple[Result, ...]:
        """Results of the subject; none until it is known what it has."""
        return () if self.subject is None or not self._prepared else self.subject.results

    # -- wishes

    @property
    def pending(self) -> dict[str, Label]:
        """What is wished that is not on the screen yet, by axis or ``module``; empty before there is a picture."""
        if self.shown.picture is None:
            return {}
        places = {name: self.label(name) for name in self.shown.at if self.label(name) != self.shown.label(name)}
        return places if self.module == self.shown.module else {"module": self.module, **places}

    def index(self, axis: str) -> int:
        """Index along an axis that is wished."""
        return self.view.at.get(axis, 0)

    def label(self, axis: str) -> Label:
        """Label along an axis that is wished; empty where the subject has no such axis."""
        labels = self.axes[axis].labels if axis in self.axes else ()
        return labels[min(self.index(axis), len(labels) - 1)] if labels else ""

    def look_at(self, at: At | None = None, *, picks: tuple[Pick, ...] | None = None,
                modules: tuple[int, ...] | None = None) -> None:
        """Wish other indices along some axes, other results or modules."""
        changes = {"at": {**self.view.at, **(at or {})}, "picks": picks, "modules": modules}
        self._wish(replace(self.view, **{name: value for name, value in changes.items() if value is not None}))

    def _wish(self, view: View) -> None:
        self.place.update({name: axis.labels[i] for name, axis in self.axes.items()
                           if (i := view.at.get(name, len(axis))) < len(axis)})
        if view != self.view:
            self.view = view
            if self.subject is not None:
                self.subject.look_at(view)
            self.view_changed.emit(view)

    def set_module(self, module: int) -> None:
        """Wish another module; the selected pixel goes with it as soon as the module is on the screen."""
        if module != self.module:
            self.module = module
            self._follow_module()
            self.module_changed.emit(module)

    def _follow_module(self) -> None:
        module = self._module_in(self.shown.picture)
        if module != self.shown.module:
            self.shown = replace(self.shown, module=module)
            self.pixel_changed.emit()

    def set_pixel(self, pixel: Pixel | None) -> None:
        """Select a pixel (module number, row, column) of what is on the screen, or none."""
        self.cross = None if pixel is None else pixel[1:]
        module = self.shown.module if pixel is None else pixel[0]
        self.shown = replace(self.shown, cross=self.cross, module=module)
        if module != self.module:
            self.module = module
            self.module_changed.emit(module)
        self.pixel_changed.emit()

    def set_region(self, region: RegionOfInterest | None) -> None:
        """Mark pixels that are looked at together, or none."""
        self.region = region
        self.shown = replace(self.shown, marked=region)
        self.region_changed.emit()

    def set_outlined(self, pixels: Mapping[int, Array]) -> None:
        """Outline single pixels: rows and columns (n, 2) by the number of their module."""
        if pixels or self.outlined:
            self.outlined = pixels
            self.outlined_changed.emit()

    # -- how it is shown

    def set_arrangement(self, arrangement: str) -> None:
        """Show modules assembled, stacked, or one alone."""
        self.arrangement = arrangement
        self.arrangement_changed.emit(arrangement)

    def set_overlay(self, bits: int) -> None:
        """Choose the bad-pixel flags that are drawn over the maps."""
        self.overlay = bits
        self.overlay_changed.emit(bits)

    def set_excluded(self, bits: int) -> None:
        """Choose the bad-pixel flags whose pixels are left out of statistics, levels and exports."""
        self.excluded = bits
        self.excluded_changed.emit(bits)

    def set_frozen(self, frozen: bool) -> None:
        """Keep the picture as it is, or follow the subject again."""
        if frozen != self.frozen:
            self.frozen = frozen
            self.frozen_changed.emit(frozen)
            if not frozen and self._prepared:
                self._take_newest()

    def say(self, level: str, text: str) -> None:
        """Tell the operator something: level INFO, WARN or ERROR."""
        self.message.emit(level, text)

    def tell_trouble(self, error: Exception) -> None:
        """Tell what cannot be read of the subject; many look at it, yet each sentence is said once."""
        sentence = str(error) if isinstance(error, CalibrationError) else f"Results cannot be read: {error!r}."
        if sentence not in self._troubles:
            self._troubles.add(sentence)
            self.say("WARN", sentence)

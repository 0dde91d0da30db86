"""What is open, chosen and looked at: the only state that panels share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal

from calib_core.axes import At, Axis, Label, Pick, Picture, View
from calib_core.jobs.job import Job
from calib_core.jobs.plan import Plan
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import Survey

LAYOUTS = ("assembled", "stacked", "module")


class Session(QObject):
    """Shared state of the window; every change has a signal, nothing else connects panels.

    Attributes
    ----------
    survey : Survey, optional
        What is known of the runs that were opened.
    spec : JobSpec, optional
        What the form would run.
    job : Job, optional
        The job whose maps are shown.
    view : View
        What is looked at, by indices along the axes of the shown job.
    place : dict
        The same by labels, also of axes that the shown job does not have: it outlives the job.
    module : int
        Module that is looked at.
    pixel : (module, row, column), optional
        Selected pixel.
    arrangement : str
        One of :data:`LAYOUTS`.
    overlay : int
        Bad-pixel flags that are drawn over the maps and left out of statistics.
    frozen : bool
        Whether the maps stay as they are while the job goes on.
    plan : Plan, optional
        Plan of the shown job, once its input has been surveyed.
    picture : Picture, optional
        The maps that are shown.
    """

    survey_changed = pyqtSignal(object)
    spec_changed = pyqtSignal(object)
    job_changed = pyqtSignal(object)
    view_changed = pyqtSignal(object)
    module_changed = pyqtSignal(int)
    pixel_changed = pyqtSignal(object)
    arrangement_changed = pyqtSignal(str)
    overlay_changed = pyqtSignal(object)
    frozen_changed = pyqtSignal(bool)
    plan_changed = pyqtSignal(object)
    picture_changed = pyqtSignal(object)
    open_requested = pyqtSignal(object, str, object)
    message = pyqtSignal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.survey: Survey | None = None
        self.spec: JobSpec | None = None
        self.job: Job | None = None
        self.view = View()
        self.place: dict[str, Label] = {}
        self.module = 0
        self.pixel: tuple[int, int, int] | None = None
        self.arrangement = LAYOUTS[0]
        self.overlay = 0xFFFFFFFF
        self.frozen = False
        self.plan: Plan | None = None
        self.picture: Picture | None = None
        self._newest: Picture | None = None
        self.out_folder = Path.cwd() / "constants"

    def open_runs(self, paths: Sequence[Path], detector: str = "", task: tuple[str, str] = ("", "")) -> None:
        """Ask for a survey of run folders; whoever surveys listens.

        ``detector`` names one where they hold several, ``task`` a family and its characterisation, else the first.
        """
        self.open_requested.emit(tuple(paths), detector, task)

    def start(self, spec: JobSpec) -> Job:
        """Start a job and show it."""
        job = Job(spec)
        job.start()
        self.set_job(job)
        return job

    def set_survey(self, survey: Survey | None) -> None:
        """Take the survey of newly opened runs."""
        self.survey = survey
        self.survey_changed.emit(survey)

    def set_spec(self, spec: JobSpec | None) -> None:
        """Take what the form would run."""
        self.spec = spec
        self.spec_changed.emit(spec)

    def set_job(self, job: Job | None) -> None:
        """Show another job and tell it what is looked at."""
        self.job = job
        self.plan = self.picture = self._newest = None
        if job is not None:
            job.look_at(self.view)
        self.job_changed.emit(job)
        self.plan_changed.emit(None)
        self.picture_changed.emit(None)
        self.take_plan(job)

    def take_plan(self, job: Job | None) -> None:
        """Take the plan of the shown job as soon as it has one, and look at something that it has."""
        if job is None or job is not self.job or self.plan is not None or job.plan is None:
            return
        plan = self.plan = job.plan
        self.plan_changed.emit(plan)
        self.look_at({axis.name: axis.nearest(self.place[axis.name]) if axis.name in self.place else 0
                      for axis in self.axes.values() if not axis.of_slot})
        modules = [module for module in plan.modules if module is not None]
        if modules and self.module not in modules:
            self.set_module(modules[0])
        if self.pixel is not None and not self.has_pixel(self.pixel):
            self.set_pixel(None)

    def has_pixel(self, pixel: tuple[int, int, int]) -> bool:
        """Whether the shown job's modules have this pixel."""
        if self.plan is None or self.plan.kind is None:
            return False
        module, row, column = pixel
        slow, fast = self.plan.kind.shape
        return module in self.plan.modules and 0 <= row < slow and 0 <= column < fast

    def take_picture(self, picture: Picture) -> None:
        """Show a new picture, or keep it for later where the maps are frozen."""
        self._newest = picture
        if not self.frozen and self.plan is not None:
            self.picture = picture
            self.picture_changed.emit(picture)

    @property
    def axes(self) -> Mapping[str, Axis]:
        """Axes of the shown job's results by name."""
        return {} if self.plan is None else self.plan.context.axes

    def index(self, axis: str) -> int:
        """Index along an axis that is looked at."""
        return self.view.at.get(axis, 0)

    def label(self, axis: str) -> Label:
        """Label along an axis that is looked at; empty where the shown job has no such axis."""
        labels = self.axes[axis].labels if axis in self.axes else ()
        return labels[min(self.index(axis), len(labels) - 1)] if labels else ""

    def look_at(self, at: At | None = None, *, picks: tuple[Pick, ...] | None = None,
                modules: tuple[int, ...] | None = None) -> None:
        """Change the indices along some axes, the results or the modules that are looked at."""
        changes = {"at": {**self.view.at, **(at or {})}, "picks": picks, "modules": modules}
        view = replace(self.view, **{name: value for name, value in changes.items() if value is not None})
        self.place.update({name: axis.labels[i] for name, axis in self.axes.items()
                           if (i := view.at.get(name, len(axis))) < len(axis)})
        if view != self.view:
            self.view = view
            if self.job is not None:
                self.job.look_at(view)
            self.view_changed.emit(view)

    def set_module(self, module: int) -> None:
        """Change the module that is looked at."""
        if module != self.module:
            self.module = module
            self.module_changed.emit(module)

    def set_pixel(self, pixel: tuple[int, int, int] | None) -> None:
        """Select a pixel (module number, row, column), or none."""
        self.pixel = pixel
        self.pixel_changed.emit(pixel)

    def set_arrangement(self, arrangement: str) -> None:
        """Show modules assembled, stacked, or one alone."""
        self.arrangement = arrangement
        self.arrangement_changed.emit(arrangement)

    def set_overlay(self, bits: int) -> None:
        """Choose the bad-pixel flags that are drawn over the maps and left out of statistics."""
        self.overlay = bits
        self.overlay_changed.emit(bits)

    def set_frozen(self, frozen: bool) -> None:
        """Keep the maps as they are, or follow the job again."""
        if frozen != self.frozen:
            self.frozen = frozen
            self.frozen_changed.emit(frozen)
            if not frozen and self._newest is not None and self._newest is not self.picture:
                self.take_picture(self._newest)

    def say(self, level: str, text: str) -> None:
        """Tell the operator something: level INFO, WARN or ERROR."""
        self.message.emit(level, text)

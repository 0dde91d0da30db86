"""Keeps a preview of the correction that the form shows: a frame on its way through the steps; knows no widgets."""

from __future__ import annotations

from functools import partial

from PyQt6.QtCore import QObject, pyqtSignal

from app.running.background import Background
from app.session.session import Session
from app.session.sources import Source, Sources
from calib_core.characterisation.family import named
from calib_core.characterisation.inputs import ALL_CONSTANTS, inputs_of_steps
from calib_core.characterisation.method import Method
from calib_core.errors import CalibrationError
from calib_core.jobs.plan import make_plan
from calib_core.jobs.preview import Preview
from calib_core.jobs.spec import JobSpec
from calib_core.subjects.base import Subject
from calib_core.subjects.masked import bare
from calib_core.subjects.preview import PreviewSubject

_WORK = "Preview of the correction"
#: What a preview does not depend on.
_NOT_OF_DATA = {"out_folder": None, "threads": 0, "memory_mb": 0, "parts": 1, "again": False, "all_or_nothing": False,
                "notes": ()}


class Previewer(QObject):
    """Makes the preview in the background, and again for each change of the form.

    A change of a step is looked at with the run and the constants that are open, one of constants with the run; for
    anything else the run is planned anew. The preview is shown, unless the operator looks at a job that runs.

    Signals
    -------
    busy(text)
        What is being done; empty once there is a preview or a reason why not.
    """

    busy = pyqtSignal(str)

    def __init__(
        self, session: Session, sources: Sources, background: Background, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._sources, self._background = session, sources, background
        self._source: Source | None = None
        self._of: JobSpec | None = None
        self.wanted = False
        session.spec_changed.connect(self._take_spec)
        sources.closed.connect(self._forget)

    @property
    def subject(self) -> PreviewSubject | None:
        """What is looked at, where there is a preview."""
        found = None if self._source is None else self._source.opened
        return found if isinstance(found, PreviewSubject) else None

    def set_wanted(self, wanted: bool) -> None:
        """Tell whether anybody wants a preview; none is made while nobody does."""
        self.wanted = wanted
        if wanted:
            self._take_spec(self._session.spec)

    def _take_spec(self, spec: JobSpec | None) -> None:
        self._background.drop(_WORK)  # what the form showed before is not asked for any more
        self.busy.emit("")
        if spec is None or not self.wanted or not _defaults(spec).corrects:
            return
        subject = self.subject
        if subject is not None and self._of is not None and _same_data(spec, self._of):
            if spec.parameters == subject.preview.method.changed_from(_defaults(spec)):
                return
            work = partial(subject.preview.with_parameters, dict(spec.parameters))
        elif subject is not None and self._of is not None and _same_frames(spec, self._of):
            work = partial(subject.preview.with_constants, spec)
        else:
            work = partial(_planned, spec)
        self.busy.emit("The run and its constants are looked at …")
        self._background.run(_WORK, work, partial(self._take, spec), self._fail)

    def _take(self, spec: JobSpec, preview: Preview) -> None:
        self.busy.emit("")
        before = self.subject
        if before is not None and before.show_chain(preview):
            self._of = spec
            self._present()
            return
        subject = PreviewSubject(preview)
        source = Source(subject.title, lambda: subject)
        assert source.subject is subject
        old, self._source, self._of = self._source, source, spec
        if old is not None and old in self._sources.entries:
            self._sources.exchange(old, source)
        else:
            self._sources.add(source)
        self._present()

    def _present(self) -> None:
        shown = bare(self._session.subject)
        if self._source is not None and shown is not self.subject and (shown is None or shown.ended):
            self._sources.show(self._source)

    def _fail(self, error: Exception) -> None:
        sentence = str(error) if isinstance(error, CalibrationError) else f"There is no preview: {error!r}."
        self.busy.emit(f"! {sentence}")
        if self.subject is not None:
            self._session.say("WARN", f"The preview is still that of the form before its last change: {sentence}")

    def _forget(self, subject: Subject) -> None:
        if subject is self.subject:
            self._source = self._of = None


def _planned(spec: JobSpec) -> Preview:
    return Preview.of(make_plan(spec))


def _defaults(spec: JobSpec) -> Method:
    return named(spec.family).method(spec.method)


def _same_data(one: JobSpec, other: JobSpec) -> bool:
    """Whether two jobs look at the same frames with the same constants, whatever their steps do."""
    return _data_of(one) == _data_of(other)


def _same_frames(one: JobSpec, other: JobSpec) -> bool:
    """Whether two jobs look at the same frames, whatever their constants are."""
    return _frames_of(one) == _frames_of(other)


def _frames_of(spec: JobSpec) -> JobSpec:
    family = named(spec.family)
    of_constants = {ALL_CONSTANTS, *(one.name for one in inputs_of_steps(family.method(spec.method).steps_before()))}
    inputs = {name: paths for name, paths in spec.inputs.items() if name not in of_constants}
    return _data_of(spec).model_copy(update={"inputs": inputs, "constants": {}})


def _data_of(spec: JobSpec) -> JobSpec:
    of_steps = {knob.name for knob in _defaults(spec).knobs() if knob.word}
    parameters = {name: value for name, value in spec.parameters.items() if name not in of_steps}
    return spec.model_copy(update={"parameters": parameters, **_NOT_OF_DATA})

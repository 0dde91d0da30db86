"""A job, running or ended, as something to be looked at."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from calib_core.axes import Array, At, Axis, Picture, Result, View
from calib_core.characterisation.family import named
from calib_core.constants.condition import Condition
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.explanation import PLAINLY, Asked, Explanation, Reason, RowFrames
from calib_core.io.locate import label
from calib_core.jobs.constant_files import begins
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.trial import Trial
from calib_core.ranges import format_numbers
from calib_core.remarks import Remark
from calib_core.subjects.provenance_words import input_line

#: Runs of a proposal that are named one by one, in their order.
_FEW_RUNS = 3


class JobSubject:
    """What a job has made so far; it closes the job that it stands for.

    Parameters
    ----------
    job : Job
        Started by whoever made it.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._runs = runs_text(runs_of(job.spec))
        self._trial: Trial | None = None
        self._tries = 0
        self._shown: tuple[Picture | None, Trial | None, Picture | None] = (None, None, None)

    @property
    def title(self) -> str:
        """Detector, characterisation, runs, and when this job was begun."""
        spec = self.job.spec
        begun = time.strftime("%d %b %H:%M", time.localtime(self.job.created))
        return " · ".join(filter(None, (
            self.identifier or spec.family, f"{spec.method} {self._runs}".rstrip(), begun)))

    @property
    def identifier(self) -> str:
        """Detector that is characterised; what was asked for until the runs have been looked at."""
        plan = self.job.plan
        return plan.detector.identifier if plan is not None and plan.detector is not None else self.job.spec.detector

    @property
    def kind(self) -> DetectorType | None:
        """Type as the data are understood; None until the runs have been looked at, or without a detector."""
        return None if self.job.plan is None else self.job.plan.kind

    @property
    def modules(self) -> tuple[int, ...]:
        """Modules that take part."""
        plan = self.job.plan
        return () if plan is None else tuple(module for module in plan.modules if module is not None)

    @property
    def axes(self) -> Mapping[str, Axis]:
        """Axes of the job's results."""
        return {} if self.job.plan is None else self.job.plan.context.axes

    @property
    def results(self) -> tuple[Result, ...]:
        """What the job makes."""
        return () if self.job.plan is None else self.job.plan.results

    @property
    def ended(self) -> bool:
        """Whether the job is done, failed or cancelled."""
        return self.job.board.state.ended

    @property
    def state(self) -> str:
        """State of the job in a word."""
        return self.job.board.state.value

    @property
    def when(self) -> datetime | None:
        """When the first of the runs began, or the first constant that it is made of."""
        return None if self.job.plan is None else min(begins(self.job.plan), default=None)

    @property
    def units(self) -> Mapping[int, str]:
        """Units of the modules; none until the runs have been looked at."""
        plan = self.job.plan
        detector = None if plan is None else plan.detector
        return {} if detector is None else {one.number: one.pdu for one in detector.modules}

    @property
    def about(self) -> Mapping[str, str]:
        """Characterisation and inputs; condition and parameters once the runs have been looked at."""
        spec, plan = self.job.spec, self.job.plan
        known = {"characterisation": f"{spec.family} {spec.method}"}
        if plan is None:
            given = (input_line(name, "", path) for name in spec.inputs for path in spec.paths(name))
            return {**known, "runs": "\n".join(given)}
        runs = {key: (run.label, str(run.path)) for key, run in plan.runs.items()}
        taken = (input_line(key, *runs.get(key, ("", one.path))) for key, one in plan.context.arranged.items())
        parameters = (f"{name}: {value}" for name, value in plan.method.values().items())
        return {**known, "runs": "\n".join(taken), "condition": condition_text(plan.condition),
                "parameters": "\n".join(parameters)}

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that the job has written."""
        return tuple(one.path for one in self.job.board.outputs)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the survey of the runs found, and warnings since."""
        return tuple(dict.fromkeys(message.text for message in self.job.board.messages if message.level != "INFO"))

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What is remarkable of the modules that are finished."""
        return self.job.board.remarks

    @property
    def version(self) -> int:
        """Grows with all that the job's board tells, and once the runs have been looked at."""
        return self.job.board.version + int(self.job.plan is not None) + self._tries

    @property
    def picture(self) -> Picture | None:
        """The newest picture of the job's board, with what is tried in it."""
        picture, trial = self.job.board.picture, self._trial
        if picture is None or trial is None:
            return picture
        if self._shown[0] is not picture or self._shown[1] is not trial:
            self._shown = picture, trial, trial.in_picture(picture, self.results)
        return self._shown[2]

    def look_at(self, view: View) -> None:
        """Ask the job for a picture.

        Parameters
        ----------
        view : View
        """
        self.job.look_at(view)

    def along(self, result: str, axis: str, module: int, row: int, col: int, at: At) -> Array:
        """One pixel of a result along an axis; see `Subject.along`.

        Returns
        -------
        (n,) float64
        """
        return self.job.along(result, axis, module, row, col, at)

    def plane(self, result: str, module: int, at: At) -> Array | None:
        """Image of a result at a place; see `Subject.plane`.

        Returns
        -------
        (slow_scan, fast_scan) array or None
        """
        return self.job.plane(result, module, at)

    def values(self, result: str, module: int | None = None) -> Array | None:
        """A result without pixels; see `Subject.values`.

        Returns
        -------
        array or None
        """
        return self.job.values(result, module)

    def explain(self, module: int, row: int, col: int, at: At, asked: Asked = PLAINLY) -> Explanation | None:
        """Raw samples of a pixel; see `Subject.explain`.

        Returns
        -------
        Explanation
        """
        return self.job.pixels.explain(module, row, col, at, asked)

    def try_part(self, module: int, row: int, col: int, at: At, asked: Asked) -> None:
        """Show the ASIC of a pixel with other parameters; see `Subject.try_part`."""
        trial = self.job.pixels.try_part(module, row, col, at, asked)
        if trial is not None or self._trial is not None:
            self._trial = trial
            self._tries += 1

    def reasons(self, module: int, row: int, col: int, at: At) -> tuple[Reason, ...]:
        """Why a pixel has its flags; see `Subject.reasons`.

        Returns
        -------
        tuple of Reason
        """
        return self.job.pixels.reasons(module, row, col, at)

    def frames(self, module: int, row: int, at: At) -> RowFrames | None:
        """Raw samples of a row of pixels; see `Subject.frames`.

        Returns
        -------
        RowFrames
        """
        return self.job.pixels.frames(module, row, at)

    def close(self) -> None:
        """Cancel the job where it runs, and free its space."""
        self.job.close()


def runs_of(spec: JobSpec) -> list[Path]:
    """Runs that a job reads; its constants where it reads none.

    Parameters
    ----------
    spec : JobSpec

    Returns
    -------
    list of Path
    """
    raw: set[str] = set()
    with suppress(BadParameter):  # the job tells that there is none such
        family = named(spec.family)
        raw = {one.name for one in family.method(spec.method).inputs(family.kind) if one.of == "raw"}
    return [path for name in spec.inputs if name in raw or not raw.intersection(spec.inputs)
            for path in spec.paths(name)]


def runs_text(paths: Sequence[Path]) -> str:
    """Names of runs, those of one proposal together.

    Parameters
    ----------
    paths : sequence of Path

    Returns
    -------
    str
        Such as ``p900450 r12, r13``; of more than a few, as of a scan, ``p900450 r12-19``.
    """
    names = [label(path).split(" ") for path in paths]
    proposals = dict.fromkeys(words[0] for words in names if len(words) == 2)
    together = [f"{proposal} {_in_short([words[1] for words in names if words[0] == proposal])}"
                for proposal in proposals]
    return " · ".join([*together, *(words[0] for words in names if len(words) == 1)])


def _in_short(runs: Sequence[str]) -> str:
    if len(runs) > _FEW_RUNS and all(run[1:].isdecimal() for run in runs):
        return f"r{format_numbers(int(run[1:]) for run in runs)}"
    return ", ".join(map(_short, runs))


def _short(run: str) -> str:
    return f"r{int(run[1:])}" if run[1:].isdecimal() else run


def condition_text(condition: Condition) -> str:
    """Parameters of an operating condition with their values and units.

    Parameters
    ----------
    condition : Condition

    Returns
    -------
    str
        Such as ``Sensor Bias Voltage 300 V``.
    """
    return ", ".join(f"{parameter.database_name} {' / '.join(map(str, found.values))} {parameter.unit}".rstrip()
                     for parameter in condition.parameters
                     if (found := condition.values.get(parameter.name)) is not None)

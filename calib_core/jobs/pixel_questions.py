"""What somebody asks of single pixels of a job: told from its results, or from its runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from calib_core.axes import Array, At
from calib_core.characterisation.explains import OfPixel
from calib_core.characterisation.scan_method import ScanMethod
from calib_core.errors import CalibrationError
from calib_core.explanation import PLAINLY, Asked, Explanation, Reason, RowFrames
from calib_core.io.frames import ModuleFrames
from calib_core.jobs.giving_way import GivingWay
from calib_core.jobs.plan import Plan
from calib_core.jobs.reasons import (
    Newest,
    explain_corrected,
    reasons_of,
    samples_of,
    scan_samples,
    tried_method,
)
from calib_core.jobs.results import Results
from calib_core.jobs.trial import Trial, Trials

#: Most frames, and bytes of them, behind a row of pixels over frames.
_ROW_FRAMES, _ROW_BYTES = 512, 1 << 26


class PixelQuestions:
    """Answers about pixels of a job; safe to use from the thread that watches it.

    Parameters
    ----------
    results : mapping
        Those of the modules that there are so far.
    values : callable
        Gives a result without pixels of a module, by its name.
    ended : callable
        Whether the job has: then files that were read are closed again.

    Attributes
    ----------
    plan : Plan, optional
        None until the input has been surveyed.
    giving_way : GivingWay
        By which the job's work gives way to questions.
    """

    def __init__(self, results: Mapping[int | None, Results], values: Callable[[str, int | None], Array | None],
                 ended: Callable[[], bool]) -> None:
        self.plan: Plan | None = None
        self._results, self._values, self._ended = results, values, ended
        self._samples, self._trials, self.giving_way = Newest(), Trials(), GivingWay()

    def close(self) -> None:
        """Free what was kept for further questions."""
        self._trials.close()

    def explain(self, module: int, row: int, col: int, at: At, asked: Asked = PLAINLY) -> Explanation:
        """Samples of one pixel at a place, and what the method makes of them; reads the run.

        Parameters
        ----------
        module, row, col : int
        at : mapping
            Indices along axes.
        asked : Asked
            Behind the method's steps, where it has any and has been through them; with other parameters.

        Raises
        ------
        CalibrationError
            There is no such run, or it cannot be read; a parameter is not allowed.
        """
        if (made := self._by_results(module, row, col, at, asked)) is not None:
            return made
        with self.giving_way.question(), self._frames(module, at, (row, col)) as (plan, frames, key):
            method, tried = tried_method(plan, asked)
            if isinstance(method, ScanMethod):
                samples = self._samples.get((module, key, row, col, plan.cell_at(at)),
                                            lambda: scan_samples(plan, frames, row, col, at))
                made = method.explain_scan(plan.context, key, at, samples, lambda name: self._values(name, module),
                                           asked.compared)
                return replace(made, tried=tried)
            if asked.corrected and (
                    behind := explain_corrected(plan, self._results.get(module), frames, key, row, col, at)):
                return behind
            values, right = samples_of(plan, frames, key, module, row, col, plan.cell_at(at))
        found, wrong = method.explain(values[right], plan.detector_type), int((~right).sum())
        notes = [*found.notes, *([f"{wrong} samples with other gain bits are left out."] if wrong else [])]
        if plan.context.is_prepared(module):
            steps = ", ".join(one.step.title for one in plan.context.before[module].steps)
            notes.append(f"The samples are not as they are stored, but after these steps: {steps}.")
        return replace(found, notes=tuple(notes), tried=tried)

    def _by_results(self, module: int, row: int, col: int, at: At, asked: Asked) -> Explanation | None:
        """What the method's own results say of a pixel, of methods that explain pixels so."""
        if self.plan is None or module not in self._results:
            return None
        grows = not self._ended()  # asked before: what comes meanwhile may not be in it
        (method, tried), of = tried_method(self.plan, asked), self._of(module, row, col, at)
        if not method.tries_parts:  # what there is was made with the job's own parameters
            made = self.plan.method.explain_results(self.plan.context, at, of, asked.compared)
            return None if made is None else replace(made, grows=grows)
        if tried:  # of which there are no results, but what is known of the module
            known = of.along
            of = replace(of, along=lambda result, axis: np.full_like(known(result, axis), np.nan))
        made = method.explain_results(self.plan.context, at, of, asked.compared)
        return None if made is None else replace(made, tried=tried, grows=grows)

    def _of(self, module: int, row: int, col: int, at: At) -> OfPixel:
        """What there is of a pixel."""
        results = self._results[module]
        return OfPixel(lambda result, axis: results.along(result, axis, at, row, col),
                       lambda result: self._values(result, module), results.read, module, row, col)

    def try_part(self, module: int, row: int, col: int, at: At, asked: Asked) -> Trial | None:
        """Results of the ASIC of a pixel with other parameters, where any are asked for that are not the job's.

        Else the samples that this takes are read, once the job has ended, so that they are there when it is asked.

        Parameters
        ----------
        module, row, col : int
        at : mapping
            Indices along axes.
        asked : Asked

        Raises
        ------
        CalibrationError
            The runs cannot be read, or a parameter is not allowed.
        """
        plan = self.plan
        if plan is None or module not in self._results:
            return None
        try:
            method, words = tried_method(plan, asked)
            if words:
                with self.giving_way.question():
                    return self._trials.make(plan, method, self._of(module, row, col, at), at, words)
            if self._ended():  # while it runs it needs disk and processors for itself
                self._trials.read_ahead(plan, module, row, col, at)
            return None
        finally:
            if self._ended():
                plan.close()

    def reasons(self, module: int, row: int, col: int, at: At) -> tuple[Reason, ...]:
        """Why a pixel has the flags that it has at a place; reads results, not the run.

        Returns
        -------
        tuple of Reason
            Empty before there is a plan, where nothing was made yet, and from methods that give no reasons.

        Raises
        ------
        CalibrationError
            The module takes no part, there is no such pixel, or the results cannot be read.
        """
        plan = self.plan
        if plan is None or not self._results or plan.kind is None:
            return ()
        if module not in self._results:
            raise CalibrationError(f"Module {module} takes no part in this job.")
        return reasons_of(plan, module, self._results[module], row, col, at)

    def frames(self, module: int, row: int, at: At) -> RowFrames:
        """Raw samples of a row of pixels in the first frames of a run, as many as fit into bounded memory.

        Raises
        ------
        CalibrationError
            There is no such run, or it cannot be read.
        """
        with self._frames(module, at) as (plan, frames, _):
            limit = min(_ROW_FRAMES, max(1, _ROW_BYTES // plan.detector_type.frame_bytes))
            trains, values = frames.read_row(row, plan.cell_at(at), limit)
        return RowFrames(values, trains)

    @contextmanager
    def _frames(
        self, module: int, at: At, pixel: tuple[int, int] | None = None,
    ) -> Iterator[tuple[Plan, ModuleFrames, str]]:
        """Frames of a module to be read; once the job has ended, its files are closed again."""
        plan = self.plan
        key = plan.key_at(at, pixel) if plan else ""
        if plan is None:
            raise CalibrationError("The job does not know its runs yet.")
        if (module, key) not in plan.frames:
            raise CalibrationError(f"Module {module} has no run for this place: the job takes none that is of it.")
        frames = plan.frames[module, key]
        try:
            yield plan, frames, key
        finally:
            if self._ended():
                frames.close()

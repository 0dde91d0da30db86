"""Frames of corrected files that a job has written, as something to be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calib_core.axes import Array, Result
from calib_core.characterisation.outputs import CorrectedOutput
from calib_core.errors import BadInput, BadParameter
from calib_core.io.files import HDF5_ERRORS, cause_of
from calib_core.io.libraries import h5py
from calib_core.jobs.corrected_files import places_in_file
from calib_core.jobs.file_states import THERE, WRITTEN
from calib_core.jobs.job import Job
from calib_core.jobs.plan import Plan
from calib_core.subjects.frame_subject import FrameSubject
from calib_core.subjects.job import condition_text, runs_of, runs_text


@dataclass(frozen=True)
class _Stored:
    """Where a frame of a module lies: its file, and its row and slot in the file's data sets."""

    path: Path
    source: str
    place: tuple[int, ...]


class CorrectedSubject(FrameSubject[_Stored]):
    """Corrected frames, mask and gain stages as they are in files; read where they are looked at.

    Parameters
    ----------
    job : Job
        A correction that has ended.

    Raises
    ------
    BadParameter
        It has written no corrected file.
    """

    def __init__(self, job: Job) -> None:
        plan = job.plan
        outputs = () if plan is None else plan.outputs
        output = next((one for one in outputs if isinstance(one, CorrectedOutput)), None)
        whole = {one.raw: job.spec.out_folder / one.name for one in job.board.files if one.state in (THERE, WRITTEN)}
        if plan is None or plan.detector is None or output is None or not whole:
            raise BadParameter("The job has written no corrected file that could be opened.")
        self._plan, self._runs = plan, runs_text(runs_of(job.spec))
        self._keys, results = _results_of(plan, output)
        self._places = _places_of(plan, whole)
        self.files = tuple(sorted(whole.values()))
        places = [place for own in self._places.values() for place in own]
        super().__init__(plan.detector, sorted(self._places), sorted({cell for _, cell in places}),
                         sorted({train for train, _ in places}), results)

    @property
    def title(self) -> str:
        """Detector and run."""
        return " · ".join((self.identifier, self._runs, "corrected"))

    @property
    def state(self) -> str:
        """How long the shown frame took to be read."""
        return self.state_of("in files")

    @property
    def about(self) -> Mapping[str, str]:
        """Characterisation, runs, condition and parameters."""
        plan = self._plan
        return {"characterisation": f"{plan.spec.family} {plan.spec.method}",
                "runs": "\n".join(f"{run.label} {run.path}" for run in plan.runs.values()),
                "condition": condition_text(plan.condition),
                "parameters": "\n".join(f"{name}: {value}" for name, value in plan.method.values().items())}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the plan told of runs and constants, and trouble with reading."""
        return tuple(dict.fromkeys(filter(None, (*self._plan.notes, *self.unread, self.trouble))))

    def load(self, module: int, train: int, cell: int) -> _Stored | None:
        """Where a frame lies.

        Parameters
        ----------
        module : int
        train : int
            Train id.
        cell : int
            Memory cell.

        Returns
        -------
        _Stored or None
            None where no file has it.
        """
        return self._places[module].get((train, cell))

    def value(self, result: Result, module: int, loaded: _Stored) -> Array:
        """Image of a result of a frame, as it is in the file.

        Raises
        ------
        BadInput
            The file cannot be read any more.
        """
        name = f"INSTRUMENT/{loaded.source}/{self._keys[result.name].replace('.', '/')}"
        try:
            with h5py.File(loaded.path, "r", locking=False) as file:
                image = file[name][loaded.place]
        except HDF5_ERRORS as error:
            raise BadInput(f"{loaded.path} cannot be read: {cause_of(error)}.") from error
        return np.asarray(image, result.numpy_dtype).reshape(self.kind.shape)


def _results_of(plan: Plan, output: CorrectedOutput) -> tuple[dict[str, str], tuple[Result, ...]]:
    """Keys by the names of results, and the results."""
    over, layout = ("cell", "train"), plan.detector_type.corrected_layout
    titles = {step.word: step.title for step in plan.method.steps_before()}
    *before, last = output.images
    found = {last.key: Result("corrected", "Corrected", last.unit, "f4", "Samples after all steps", over),
             layout.mask: Result("bad_pixels", "Mask", "", "u4", "Flags after all steps", over, role="flags",
                                 missing=0.0)}
    if layout.stage:
        found[layout.stage] = Result("stage", "Gain stage", "", "f4", "Gain stage of each sample, the first is 0",
                                     over)
    for one in before:
        word = one.steps[-1] if one.steps else ""
        found[one.key] = Result(f"after_{word}", f"After {titles.get(word, word).lower()}", one.unit, "f4",
                                f"Samples after the step {titles.get(word, word)}", over)
    for image in output.found:
        found[image.key] = Result(image.step, titles[image.step], "", "f4", image.help, over)
    return {result.name: key for key, result in found.items()}, tuple(found.values())


def _places_of(plan: Plan, whole: Mapping[Path, Path]) -> dict[int, dict[tuple[int, int], _Stored]]:
    """Frames of each module by train and memory cell, of those files that are whole."""
    found: dict[int, dict[tuple[int, int], _Stored]] = {}
    assert plan.detector is not None
    kind = plan.detector_type
    for (number, _), frames in plan.frames.items():
        source = kind.corrected_layout.source_of(plan.detector.module(number).source)
        for one in map(frames.of_sequence, frames.sequences):
            if one.file.path not in whole:
                continue
            path, per_row = whole[one.file.path], one.per_row if kind.raw.frames_per_entry else 0
            for train, cell, place in zip(one.train.tolist(), one.cell.tolist(), places_in_file(kind, one).tolist(),
                                          strict=True):
                where = divmod(place, per_row) if per_row else (place,)
                found.setdefault(number, {}).setdefault((train, cell), _Stored(path, source, where))
    return found

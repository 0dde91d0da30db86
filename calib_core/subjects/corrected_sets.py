"""Corrected files on disk: which belong together, what they have, and what they tell of how they were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from calib_core.axes import Result
from calib_core.characterisation.family import families
from calib_core.detector import Detector, DetectorType
from calib_core.detector.corrected_layout import ALL_STEPS
from calib_core.detector.raw_layout import CORRECTED
from calib_core.detector.registry import detector_type
from calib_core.errors import BadInput
from calib_core.io.locate import label
from calib_core.io.module_index import ModuleIndex
from calib_core.io.run import Run
from calib_core.ranges import format_numbers
from calib_core.store.corrected_frames import CorrectedFrames, ImageKey, Told, of_files, told_of
from calib_core.store.correction_record import Recorded, read_record

_OVER = ("cell", "train")


@dataclass(frozen=True)
class CorrectedSet:
    """Corrected files of one detector and run.

    Attributes
    ----------
    detector : Detector
        Its type is that of the layout of corrected files.
    run : Path
        Folder.
    title : str
        Detector and run.
    modules : mapping of int to CorrectedFrames
    keys : mapping of str to str
        Keys in the files by the names of results.
    results : tuple of Result
        Over (cell, train).
    files : tuple of Path
    about : mapping of str to str
        What files and record tell of how they were made, by headings.
    notes : tuple of str
        Sentences on what was left out, or is not told.
    began : datetime, optional
        When the run began, aware UTC.
    """

    detector: Detector
    run: Path
    title: str
    modules: Mapping[int, CorrectedFrames]
    keys: Mapping[str, str]
    results: tuple[Result, ...]
    files: tuple[Path, ...]
    about: Mapping[str, str]
    notes: tuple[str, ...] = ()
    began: datetime | None = None

    @property
    def identifier(self) -> str:
        """Of the detector."""
        return self.detector.identifier


def find_corrected(paths: Sequence[Path]) -> tuple[CorrectedSet, ...]:
    """Corrected files in folders, or single ones; reads indexes and attributes but no pixel.

    Parameters
    ----------
    paths : sequence of Path
        Folders of corrected runs, or files.

    Returns
    -------
    tuple of CorrectedSet
        One for each detector and folder, at least one.

    Raises
    ------
    BadInput
        A path is missing, there are no corrected files, none of them can be used, or they are of no known detector.
    """
    found = [one for folder, names in _by_folder(paths).items() for one in _sets_in(folder, names)]
    if not found:
        raise BadInput(f"{', '.join(map(str, paths)) or 'Nothing'} has no corrected files; name a folder with files "
                       "CORR-R….h5, or one of them.")
    return tuple(found)


def _by_folder(paths: Sequence[Path]) -> dict[Path, set[str]]:
    """Folders with the names of the files that are meant; all where there are none."""
    found: dict[Path, set[str]] = {}
    for path in paths:
        if not path.exists():
            raise BadInput(f"{path} does not exist; name a folder with corrected files or one of them.")
        if path.is_dir():
            found[path] = set()
        elif found.get(path.parent, {""}):
            found.setdefault(path.parent, set()).add(path.name)
    return found


def _sets_in(folder: Path, names: Iterable[str]) -> Iterator[CorrectedSet]:
    run = Run.open(folder, CORRECTED, tuple(names))
    try:
        if not run.detectors:
            raise BadInput(_unknown(run))
        for detector in run.detectors:
            yield _set_of(run, detector)
    finally:
        run.close()


def _unknown(run: Run) -> str:
    """Sentence on files in which no detector is known."""
    sources = sorted({source for file in run.files for source in file.access.instrument_sources})
    if not sources:
        return f"The corrected files of {run.path} have no sources{run.lost_files}."
    return (f"The corrected files of {run.path} are of no known type of detector; the first of their {len(sources)} "
            f"sources is {sources[0]}{run.lost_files}.")


def _set_of(run: Run, detector: Detector) -> CorrectedSet:
    indexes = {one.number: run.index(detector, one) for one in detector.modules}
    told, broken = _told(detector, indexes)
    usual, strange = _usual(told)
    kept = {number: of_files(index, [told.get((number, part)) in usual for part in range(len(index.parts))])
            for number, index in indexes.items()}
    modules = {number: CorrectedFrames(detector.type, index) for number, index in kept.items() if len(index.train)}
    problems = dict.fromkeys(problem.sentence() for problem in (
        *run.problems, *(problem for index in indexes.values() for problem in index.problems)))
    if not modules:
        raise BadInput(next(iter((*broken, *problems)), f"{run.path} has no corrected frames of "
                            f"{detector.identifier}."))
    images = usual[0].images
    keys, results = _results_of(detector.type, usual[0])
    record, missed = _record(run, detector)
    hidden = _hidden(detector.type, modules)
    notes = (*problems, *broken, *strange, *_not_told(images), *_skipped(told), missed, *hidden)
    files = dict.fromkeys(part.file.path for index in kept.values() for part in index.parts)
    return CorrectedSet(
        detector, run.path, " · ".join((detector.identifier, _run_text(run), "corrected")), modules, keys, results,
        tuple(sorted(files)), _about(run, detector, usual[0], record), tuple(filter(None, notes)), run.start_time)


def _run_text(run: Run) -> str:
    """Proposal and run, as the files tell them where the folder does not."""
    if run.proposal is None or run.run_number is None:
        return label(run.path)
    return f"p{run.proposal:06d} r{run.run_number}"


def _told(
    detector: Detector, indexes: Mapping[int, ModuleIndex]
) -> tuple[dict[tuple[int, int], Told], list[str]]:
    """What each file tells of each module, and sentences on those that cannot be understood."""
    told, broken = {}, []
    for number, index in indexes.items():
        for at, part in enumerate(index.parts):
            try:
                told[number, at] = told_of(detector.type, index.module, part)
            except BadInput as error:
                broken.append(f"Left out: {error}")
    return told, broken


def _usual(told: Mapping[tuple[int, int], Told]) -> tuple[list[Told], list[str]]:
    """What most files tell, and a sentence on those with other images: a map has one unit."""
    counted = Counter(one.images for one in told.values())
    if not counted:
        return [], []
    usual = max(counted, key=lambda one: (counted[one], len(one)))
    others = sorted({module for (module, _), one in told.items() if one.images != usual})
    left = [f"Left out: files of modules {format_numbers(others)}, whose images or units are others than those of "
            f"most files ({_words(usual)})."] if others else []
    return [one for one in dict.fromkeys(told.values()) if one.images == usual], left


def _words(images: Sequence[ImageKey]) -> str:
    return ", ".join(f"{one.key} [{one.unit}]" if one.unit else one.key for one in images)


def _results_of(kind: DetectorType, told: Told) -> tuple[dict[str, str], tuple[Result, ...]]:
    """Keys by the names of results, and the results."""
    layout, images = kind.corrected_layout, {one.key: one for one in told.images}
    titles = _titles(kind)
    *before, last = [key for key in dict.fromkeys(layout.images.values()) if key in images]
    found = {last: Result("corrected", "Corrected", images[last].unit, "f4", "Samples after all steps", _OVER)}
    if layout.mask in images:
        found[layout.mask] = Result("bad_pixels", "Mask", "", "u4", "Flags after all steps", _OVER, role="flags",
                                    missing=0.0)
    if layout.stage in images:
        found[layout.stage] = Result("stage", "Gain stage", "", "f4", "Gain stage of each sample, the first is 0",
                                     _OVER)
    words = {key: word for word, key in layout.images.items()}
    for key in before:
        found[key] = _after(_word(images[key], words[key]), titles, images[key].unit)
    for word, key in layout.found.items():
        if key in images:
            title, help_text = titles.get(word, (word, ""))
            found[key] = Result(word, title, "", "f4", help_text, _OVER)
    return {result.name: key for key, result in found.items()}, tuple(found.values())


def _word(image: ImageKey, usual: str) -> str:
    """Step after which an image is; that which its key usually stands for where the file does not tell."""
    return usual if image.steps is None else image.steps[-1] if image.steps else ALL_STEPS


def _after(word: str, titles: Mapping[str, tuple[str, str]], unit: str) -> Result:
    if word == ALL_STEPS:
        return Result("raw", "Raw", unit, "f4", "Samples before all steps", _OVER)
    title, _ = titles.get(word, (word, ""))
    return Result(f"after_{word}", f"After {title.lower()}", unit, "f4", f"Samples after the step {title}", _OVER)


def _titles(kind: DetectorType) -> dict[str, tuple[str, str]]:
    """Titles of the steps of a type's correction by their words, and what they find."""
    methods = (method for family in families() if family.has(kind) for method in family.methods if method.corrects)
    return {step.word: (step.title, step.found_help) for method in methods for step in method.steps_before()}


def _not_told(images: Sequence[ImageKey]) -> Iterator[str]:
    if not any(one.unit for one in images):
        yield "The files do not tell the unit of their samples."


def _skipped(told: Mapping[tuple[int, int], Told]) -> Iterator[str]:
    """A sentence on each step that was left out."""
    modules: dict[tuple[str, str], set[int]] = {}
    for (module, _), one in told.items():
        for skipped in one.skipped:
            modules.setdefault(skipped, set()).add(module)
    for (step, reason), numbers in modules.items():
        plural = "s" if len(numbers) > 1 else ""
        yield f"Step {step} was left out of module{plural} {format_numbers(numbers)}: {reason}"


def _hidden(kind: DetectorType, modules: Mapping[int, CorrectedFrames]) -> Iterator[str]:
    """A sentence on frames that have no place of their own, since their train has several of their memory cell."""
    for number, one in modules.items() if kind.raw.cells_repeat else ():
        places = np.unique(np.stack([one.train.astype(np.int64), one.cell]), axis=1).shape[1]
        if places < len(one.train):
            yield (f"Module {number}: {len(one.train) - places} of {len(one.train)} frames are of a memory cell that "
                   "their train has already; the first of each is shown.")


def _record(run: Run, detector: Detector) -> tuple[Recorded | None, str]:
    """The record beside the files, or why there is none."""
    try:
        found = read_record(run.path, detector.identifier)
    except BadInput as error:
        return None, str(error)
    return found, "" if found else ("There is no record of the correction beside the files: its constants and "
                                    "parameters are not told.")


def _about(run: Run, detector: Detector, told: Told, record: Recorded | None) -> dict[str, str]:
    """What is known of how the files were made, by headings that have something under them."""
    known = {
        "characterisation": f"{detector_type(detector.type.name).title} corrected by "
                            f"{told.program or (record.program if record else '') or 'an unknown program'}",
        "runs": "\n".join(filter(None, (f"{_run_text(run)} {run.path}", record.raw if record else ""))),
        "steps": ", ".join(_last_steps(told)),
        "constants": "\n".join(_constants(record, run)) if record else "",
        "parameters": "\n".join(f"{name}: {value}" for name, value in record.parameters.items()) if record else "",
    }
    return {heading: text for heading, text in known.items() if text}


def _last_steps(told: Told) -> tuple[str, ...]:
    return max((one.steps or () for one in told.images), key=len, default=())


def _constants(record: Recorded, run: Run) -> Iterator[str]:
    """A line for each constant that modules have from one file or time, with those modules."""
    of: dict[tuple[str, str, str], list[str]] = {}
    for module, constants in record.constants.items():
        for name, (time, path) in constants.items():
            of.setdefault((name, time, path), []).append(module)
    for (name, time, path), modules in of.items():
        later = ", later than the run" if _is_later(time, run.start_time) else ""
        yield f"{name} of {time or 'no known time'}{later}: {path} ({', '.join(modules)})"


def _is_later(time: str, start: datetime | None) -> bool:
    """Whether a constant is valid only after a run began, as far as both tell."""
    try:
        begin = datetime.fromisoformat(time)
    except ValueError:
        return False
    return start is not None and begin.tzinfo is not None and begin > start

"""What a job would do: how much is read, how large it is in memory and on the disk, how long it takes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from calib_core.characterisation.inputs import RunFacts
from calib_core.characterisation.method import Method
from calib_core.characterisation.unit import Context, Unit
from calib_core.detector import FrameSelection
from calib_core.io.budget import usable_processors
from calib_core.jobs.asked_for import cells_used
from calib_core.jobs.constant_files import writing_bytes
from calib_core.jobs.outputs import constant_bytes, scratch_bytes
from calib_core.jobs.plan import Plan, together, with_axes
from calib_core.jobs.planned_modules import cells_of_constants
from calib_core.jobs.scratch_room import with_scratch_in_memory
from calib_core.jobs.survey import Survey
from calib_core.ranges import format_numbers

#: Rates of two cores of a common machine, files in the page cache: raw frames read and summed by one thread, bytes/s;
#: constants and scratch written by all threads together, bytes/s; begin of the program, with its compiled kernels, s.
#: How long an image takes beside that, with limits, flags and fits, each method declares.
READ_RATE, WRITE_RATE, START_SECONDS = 0.6e9, 0.25e9, 3.0
#: More threads than this are bound by the disk, at what they read.
_MOST_AT_ONCE = 4
_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


@dataclass(frozen=True)
class Estimate:
    """What a job would do.

    Attributes
    ----------
    job : str
        What it is.
    modules, memory_cells : tuple of int
    frames : int
        That are read, each pass over them counted.
    bytes_read : int
    threads : int
    memory : int
        Largest working memory of all threads together, bytes; never more than ``memory_budget``.
    memory_budget : int
        Bytes that the job may work with.
    scratch, constants : int
        On the disk while it runs, and after it, bytes.
    files : int
        Constants that are written.
    entry_seconds : float
        How long a processor works at an image of results beside reading, s.
    seconds : float
        From that and the rates of this module.
    free : int, optional
        Space on the disk of the output folder, bytes.
    left_out : dict of int to str
        Modules that do not take part, and why.
    """

    job: str
    out_folder: Path
    modules: tuple[int, ...]
    memory_cells: tuple[int, ...]
    frames: int
    bytes_read: int
    threads: int
    memory: int
    memory_budget: int
    scratch: int
    constants: int
    files: int
    entry_seconds: float
    seconds: float
    free: int | None
    left_out: dict[int, str] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether memory and disk hold the job."""
        on_disk = self.scratch + self.constants
        return self.memory <= self.memory_budget and (self.free is None or on_disk <= self.free)

    def lines(self) -> Iterator[str]:
        """The same for a terminal."""
        yield f"{self.job}: module{'s' * (len(self.modules) != 1)} {format_numbers(self.modules) or 'none'}, " \
              f"{len(self.memory_cells)} memory cell{'s' * (len(self.memory_cells) != 1)}"
        yield from (f"Module {number} is left out: {why}" for number, why in sorted(self.left_out.items()))
        yield f"reads     {self.frames} frames, {_size(self.bytes_read)}, with {self.threads} " \
              f"thread{'s' * (self.threads != 1)}"
        yield f"memory    up to {_size(self.memory)} of {_size(self.memory_budget)}"
        yield f"disk      {_size(self.scratch)} of scratch and {_size(self.constants)} of constants " \
              f"({self.files} files) in {self.out_folder}{self._free()}"
        yield f"takes     about {_time(self.seconds)} ({READ_RATE / 1e9:g} GB/s read by each thread, " \
              f"{self.entry_seconds:g} s for each image, {WRITE_RATE / 1e9:g} GB/s written, " \
              f"{START_SECONDS:g} s to begin)"

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON, with the rates that the time is estimated from."""
        rates = {"read_bytes_per_second": READ_RATE, "image_seconds": self.entry_seconds,
                 "written_bytes_per_second": WRITE_RATE, "start_seconds": START_SECONDS}
        left = {str(number): why for number, why in sorted(self.left_out.items())}
        return {**asdict(self), "out_folder": str(self.out_folder), "left_out": left, "fits": self.fits,
                "rates": rates}

    def _free(self) -> str:
        if self.free is None:
            return ""
        enough = "" if self.scratch + self.constants <= self.free else ", which is not enough"
        return f", where {_size(self.free)} are free{enough}"


def estimate_of(plan: Plan) -> Estimate:
    """Estimate a job from its plan; nothing is read but the runs' indices, nothing is written."""
    spec, modules = plan.spec, tuple(module for module in plan.modules if module is not None)
    plan = with_scratch_in_memory(plan)
    frames = sum(_frames(plan))
    read = frames * (plan.kind.stored_frame_bytes if plan.kind and plan.frames else 0)
    units = sorted((plan.unit_bytes(unit) for unit in plan.units), reverse=True)[: plan.threads]
    memory = max(min(sum(units), plan.room), *units[:1], writing_bytes(plan)) + plan.in_memory
    scratch, constants = scratch_bytes(plan) - plan.in_memory, constant_bytes(plan)
    images, at_once = sum(len(unit.block) for unit in plan.units), min(plan.threads, max(len(plan.units), 1))
    seconds = _work_seconds(plan.method, read, images, at_once) + (scratch + constants) / WRITE_RATE
    return Estimate(
        f"{spec.family} {spec.method} of {plan.detector.identifier if plan.detector else 'no detector'}",
        spec.out_folder, modules, cells_used(plan.context.cells, plan.context.axes.get("cell")), frames, read,
        plan.threads, memory, plan.room + plan.in_memory, scratch, constants, len(modules) * len(plan.outputs),
        plan.method.entry_seconds, seconds, _room_at(spec.out_folder), dict(plan.left_out))


def foreseen(
    survey: Survey, method: Method, modules: Sequence[int], runs: Mapping[str, RunFacts], threads: int,
) -> str:
    """How much a job of raw runs will read and how long that takes, before it is planned: nothing is opened.

    Parameters
    ----------
    survey : Survey
    method : Method
        That of the survey, with its parameters.
    modules : sequence of int
        Their numbers; empty takes all.
    runs : mapping of str to RunFacts
        By the keys of the survey's arranged inputs.
    threads : int
        0 takes one for each processor.

    Returns
    -------
    str
        A sentence, of what it is if all frames are taken; empty where no runs are read.
    """
    arranged = {one.key: replace(one, run=runs[one.key]) for one in survey.arranged if one.key in runs}
    if survey.detector is None or not any(one.cells for one in runs.values()):
        return ""
    kind = survey.detector.type.operated_at(survey.condition.values)
    recorded = [one.run.cells for one in arranged.values() if one.run]
    context = with_axes(method, Context(kind, cells_of_constants(kind, survey.condition, recorded), arranged))
    number = len(modules or survey.detector.modules)
    units = [_unit(method, context, keys) for keys in together(method, arranged)]
    frames = number * sum(_frames_of(method, context, unit) for unit in units)
    read, images = frames * kind.stored_frame_bytes, number * sum(len(unit.block) for unit in units)
    takes = "" if method.corrects else _takes(method, read, images, threads or usable_processors())
    used = cells_used(context.cells, context.axes.get("cell"))
    of_cells = f" of {len(used)} of {len(context.cells)} memory cells" if len(used) < len(context.cells) else ""
    return f"Reads up to {_size(read)} in {frames:,} frames{of_cells}{takes}."


def _takes(method: Method, read: int, images: int, threads: int) -> str:
    """How long it takes, as the end of a sentence; how long what is made takes to the disk is not known yet."""
    seconds = _work_seconds(method, read, images, threads)
    return f", which takes about {_time(seconds)} with {threads} thread{'s' * (threads != 1)}, writing not counted"


def _unit(method: Method, context: Context, keys: tuple[str, ...]) -> Unit:
    """All memory cells, or groups of them, that some inputs have frames of, as if they were one unit of a module."""
    axis, recorded = context.axes[method.split], {cell for key in keys for cell in _run(context, key).cells}
    members = axis.members or [(int(label),) for label in axis.labels]
    block = tuple(index for index, cells in enumerate(members) if not recorded.isdisjoint(cells))
    trains = max(_trains(_run(context, key), method.frame_selection()) for key in keys)
    return Unit(0, None, keys, block, trains)


def _frames_of(method: Method, context: Context, unit: Unit) -> int:
    """Frames of a module that all passes over some inputs read, if no train was lost."""
    found, cells = 0, set(context.cells_of(unit))
    for run in (_run(context, key) for key in unit.inputs):
        trains = range(_trains(run, method.frame_selection()))
        found += len(cells.intersection(run.cells)) * sum(len(trains[one]) for one in method.passes(context, unit))
    return found


def _run(context: Context, key: str) -> RunFacts:
    found = context.arranged[key].run
    assert found is not None  # inputs without one are left out
    return found


def _trains(run: RunFacts, selection: FrameSelection) -> int:
    left = max(run.trains - selection.skip_first, 0)
    return left if selection.max_trains is None else min(left, selection.max_trains)


def _work_seconds(method: Method, read: int, images: int, threads: int) -> float:
    """Begin of the program, reading, and what the method does with what was read."""
    return START_SECONDS + read / READ_RATE / min(threads, _MOST_AT_ONCE) + images * method.entry_seconds / threads


def _frames(plan: Plan) -> Iterator[int]:
    for unit in plan.units:
        for number, which in enumerate(plan.method.passes(plan.context, unit)):
            more = plan.method.sees_more(number)
            yield from (plan.source.items(unit, key, which, more) for key in unit.inputs)


def _room_at(folder: Path) -> int | None:
    """Free space where a folder is or will be; None where that cannot be told."""
    there = next((one for one in (folder, *folder.parents) if one.is_dir()), None)
    try:
        return shutil.disk_usage(there).free if there else None
    except OSError:
        return None


def _size(number: int) -> str:
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

"""What a job would do: how much is read, how large it is in memory and on the disk, how long it takes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from calib_core.jobs.constant_files import writing_bytes
from calib_core.jobs.outputs import constant_bytes, scratch_bytes
from calib_core.jobs.plan import Plan
from calib_core.ranges import format_numbers

#: Rates of two cores of a common machine, files in the page cache: raw frames read and summed by one thread, bytes/s;
#: one image finished, with limits and flags, s; constants and scratch written by all threads together, bytes/s; begin
#: of the program, with its compiled kernels, s.
READ_RATE, IMAGE_SECONDS, WRITE_RATE, START_SECONDS = 0.6e9, 1.5e-3, 0.25e9, 3.0
#: More threads than this are bound by the disk.
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
    seconds : float
        From the rates of this module.
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
              f"{IMAGE_SECONDS * 1e3:g} ms for each image, {WRITE_RATE / 1e9:g} GB/s written, " \
              f"{START_SECONDS:g} s to begin)"

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON, with the rates that the time is estimated from."""
        rates = {"read_bytes_per_second": READ_RATE, "image_seconds": IMAGE_SECONDS,
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
    frames = sum(_frames(plan))
    read = frames * (plan.kind.stored_frame_bytes if plan.kind and plan.frames else 0)
    units = sorted((plan.unit_bytes(unit) for unit in plan.units), reverse=True)[: plan.threads]
    memory = max(min(sum(units), plan.room), *units[:1], writing_bytes(plan))
    scratch, constants = scratch_bytes(plan), constant_bytes(plan)
    at_once = min(plan.threads, _MOST_AT_ONCE, max(len(plan.units), 1))
    images = sum(len(unit.block) for unit in plan.units)
    work, on_disk = read / READ_RATE + images * IMAGE_SECONDS, scratch + constants
    seconds = START_SECONDS + work / at_once + on_disk / WRITE_RATE
    return Estimate(
        f"{spec.family} {spec.method} of {plan.detector.identifier if plan.detector else 'no detector'}",
        spec.out_folder, modules, plan.context.cells, frames, read, plan.threads, memory, plan.room, scratch,
        constants, len(modules) * len(plan.outputs), seconds, _room_at(spec.out_folder), dict(plan.left_out))


def _frames(plan: Plan) -> Iterator[int]:
    for unit in plan.units:
        for which in plan.method.passes(plan.context, unit):
            yield from (plan.source.items(unit, key, which) for key in unit.inputs)


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

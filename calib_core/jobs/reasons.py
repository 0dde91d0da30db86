"""What the method says of one pixel of a job: why it has its flags, and its samples behind the method's steps."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np

from calib_core.axes import Array, At, side_by_side
from calib_core.characterisation.by_gain_stage import code_of
from calib_core.characterisation.family import named
from calib_core.characterisation.method import Method
from calib_core.characterisation.scan_method import ScanSamples
from calib_core.errors import BadParameter
from calib_core.explanation import Asked, Explanation, Reason
from calib_core.io.frames import ALL_ZERO, ModuleFrames
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results

#: Images that are read to look at corrected samples, and how much of them at once.
_MOST_IMAGES, _CHUNK_BYTES = 256, 32 << 20


def reasons_of(plan: Plan, module: int, results: Results, row: int, col: int, at: At) -> tuple[Reason, ...]:
    """Reasons of one pixel; only images of its memory cell are read, those of all gain stages.

    Parameters
    ----------
    plan : Plan
    module : int
    results : Results
        Of the module.
    row, col : int
    at : mapping
        Indices along axes; beyond an axis its last entry is taken.

    Raises
    ------
    BadParameter
        There is no such pixel.
    OutputFailed
        The results cannot be read.
    """
    slow, fast = results.shape
    if not (0 <= row < slow and 0 <= col < fast):
        raise BadParameter(f"pixel = ({row}, {col}) is not allowed; it takes (0, 0) to ({slow - 1}, {fast - 1}).")
    method, axes = plan.method, plan.context.axes
    place = {name: min(max(at.get(name, 0), 0), len(axis) - 1) for name, axis in axes.items()}
    names = method.judged(plan.kind)
    if not all(results.has(name, place) for name in names) and _is_to_come(plan, module, place):
        return ()
    combined = (method.combines,) if method.combines else ()
    maps = {one.name: results.stack(one.name, side_by_side(one, axes) or combined, place) for one in plan.results
            if one.name in names}
    return method.reasons(plan.context, place, maps, row, col, _frames(plan, module, place))


def explain_corrected(
    plan: Plan, results: Results | None, frames: ModuleFrames, key: str, row: int, col: int, at: At
) -> Explanation | None:
    """Samples of one pixel behind the method's steps; whole images of its memory cell are read, the first ones.

    Parameters
    ----------
    plan : Plan
    results : Results, optional
        Of the module.
    frames : ModuleFrames
        Of the run.
    key : str
        Of the arranged input.
    row, col : int
    at : mapping
        Indices along axes.

    Returns
    -------
    Explanation or None
        None where the method has no steps, or its results are not there yet.

    Raises
    ------
    CalibrationError
        The run or the results cannot be read.
    """
    place = {name: min(max(at.get(name, 0), 0), len(axis) - 1) for name, axis in plan.context.axes.items()}
    names = plan.method.corrected_from()
    maps = {name: results.read(name, place) for name in names} if results is not None else {}
    known = {name: one for name, one in maps.items() if one is not None}
    if not names or len(known) < len(names):
        return None
    cell = plan.cell_at(at)
    chunks = frames.chunks([cell], _CHUNK_BYTES, slice(_MOST_IMAGES))
    found = plan.method.explain_corrected(plan.context, key, chunks, known, row, col)
    there = int(np.count_nonzero(frames.cell == cell))
    left = f"Only the first {_MOST_IMAGES} of {there} images are looked at." if there > _MOST_IMAGES else ""
    return replace(found, notes=(*found.notes, left)) if left else found


def samples_of(
    plan: Plan, frames: ModuleFrames, key: str, module: int, row: int, col: int, cell: int
) -> tuple[Array, Array]:
    """Samples of one pixel as they go into the method, and which of them have the right gain bits.

    Parameters
    ----------
    plan : Plan
    frames : ModuleFrames
        Of the run.
    key : str
        Of the arranged input.
    module, row, col, cell : int

    Returns
    -------
    values : (n,) array
        Behind the steps before the method, where there are any.
    right : (n,) bool

    Raises
    ------
    CalibrationError
        The run cannot be read.
    """
    code = code_of(plan.context, key)
    _, values, bits = frames.read_pixel(row, col, cell)
    if plan.context.is_prepared(module):
        values = plan.context.before[module].of_pixel(values, cell, row, col)
    return values, np.ones(len(values), np.bool_) if bits is None or code is None else bits == code


def scan_samples(plan: Plan, frames: ModuleFrames, row: int, col: int, at: At) -> ScanSamples:
    """Samples of one pixel in a run of a scan, in both planes.

    Parameters
    ----------
    plan : Plan
    frames : ModuleFrames
        Of the run.
    row, col : int
    at : mapping
        Indices along axes.

    Raises
    ------
    CalibrationError
        The run cannot be read.
    """
    cell, plane = plan.cell_at(at), plan.detector_type.signal_plane or 0
    train, (signal, code), _ = frames.read_pixel(row, col, cell, 0, plane)
    return ScanSamples(train, signal, code)


class Newest:
    """What was read last, so that other parameters look at the same samples again; safe to use from any thread."""

    def __init__(self) -> None:
        self._kept: tuple[tuple[Hashable, ...], ScanSamples] | None = None

    def get(self, key: tuple[Hashable, ...], read: Callable[[], ScanSamples]) -> ScanSamples:
        """What belongs to a key; read where it is another than before.

        Parameters
        ----------
        key : tuple
        read : callable
            ``read() -> ScanSamples``.
        """
        kept = self._kept
        if kept is None or kept[0] != key:
            kept = self._kept = key, read()
        return kept[1]


def tried_method(plan: Plan, asked: Asked) -> tuple[Method, str]:
    """Method with the parameters that somebody wants to try, and which they are.

    Parameters
    ----------
    plan : Plan
    asked : Asked

    Returns
    -------
    method : Method
        That of the plan where nothing else is to be tried, or parameters are of another characterisation.
    tried : str
        Such as ``margin_hg 40 (made with 20)``.

    Raises
    ------
    BadParameter
        A value is not allowed.
    """
    if asked.task != (plan.spec.family, plan.spec.method):
        return plan.method, ""
    defaults = named(plan.spec.family).method(plan.spec.method)
    method, made = defaults.with_changes(asked.parameters), defaults.with_changes(plan.spec.parameters)
    before, now = made.values(), method.values()
    tried = [f"{name} {_text(now[name])} (made with {_text(before[name])})" for name in now
             if now[name] != before[name]]
    words = " ".join(filter(None, (", ".join(tried), method.borrows)))
    return (method, words) if tried else (plan.method, "")


def _text(value: Any) -> str:
    return " to ".join(f"{one:g}" for one in value) if isinstance(value, list) else str(value)


def _is_to_come(plan: Plan, module: int, place: At) -> bool:
    """Whether a unit makes the results at a place; nobody does where a run has no frame of a memory cell."""
    key, index = plan.key_at(place), place.get(plan.method.split)
    return any(unit.module == module and key in unit.inputs and index in unit.block for unit in plan.units)


def _frames(plan: Plan, module: int, place: At) -> float:
    """Frames that a run has at a place; NaN where some were left out that nobody counted cell by cell."""
    frames = plan.frames.get((module, plan.key_at(place)))
    if frames is None or ALL_ZERO in frames.excluded:
        return nan
    return float(np.count_nonzero(frames.cell == plan.cell_at(place)))

"""Results of a job that its own constants hold: read from there at its end, so that nothing is kept twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calib_core.axes import Array, Result
from calib_core.jobs.constant_files import Layout, layouts
from calib_core.jobs.plan import Plan
from calib_core.store.constants import read_constant
from calib_core.store.images import ImageReader, Stack


@dataclass(frozen=True)
class InConstant:
    """Images of a result as a constant's file has them.

    Attributes
    ----------
    reader : ImageReader
    stack : Stack
    places : mapping
        Index in the file of each entry of the axes of the result, by the file's name of the axis, in their order.
    """

    reader: ImageReader
    stack: Stack
    places: Mapping[str, tuple[int, ...]]

    def image(self, index: tuple[int, ...]) -> Array:
        """Image (slow_scan, fast_scan), read-only, at indices along the axes of the result.

        Raises
        ------
        BadInput
            The file is gone or damaged.
        """
        return self.reader.image(self.stack, self._in_file(index))

    def curve(self, index: tuple[int, ...], axis: int, row: int, col: int) -> Array:
        """One pixel (n,) along one of these axes; ``index`` has the place along the others.

        Raises
        ------
        BadInput
            The file is gone or damaged.
        """
        name, places = list(self.places.items())[axis]
        if name not in self.stack.leading:
            return np.atleast_1d(self.image(index)[row, col])
        curve: Array = self.reader.curve(self.stack, self._in_file(index), self.stack.leading.index(name), row, col)
        return np.asarray(curve[list(places)])

    def _in_file(self, index: tuple[int, ...]) -> tuple[int, ...]:
        found = {name: places[i] for (name, places), i in zip(self.places.items(), index, strict=True)}
        return tuple(found[name] for name in self.stack.leading)


def leaving(plan: Plan) -> tuple[str, ...]:
    """Names of the results that the constants of a module hold as they are.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    tuple of str
        None of a constant that has 0 where there are no data, or another type that does not hold every value.
    """
    return tuple(dict.fromkeys(result.name for one in layouts(plan) for _, result in _held(plan, one)))


def in_constants(plan: Plan, written: Sequence[Path], reader: ImageReader) -> dict[str, InConstant]:
    """Where the results of a module lie once its constants are written.

    Parameters
    ----------
    plan : Plan
    written : sequence of Path
        Constants of the module, in the order of :func:`~calib_core.jobs.constant_files.layouts`.
    reader : ImageReader
        Of the job.

    Returns
    -------
    dict
        By the names of :func:`leaving`.

    Raises
    ------
    BadInput
        A file is gone or damaged.
    """
    found: dict[str, InConstant] = {}
    for layout, path in zip(layouts(plan), written, strict=True):
        stored = read_constant(path)
        for part, result in _held(plan, layout):
            stack = Stack(stored, part, result.numpy_dtype)
            found.setdefault(result.name, InConstant(reader, stack, _places(plan, layout, result)))
    return found


def _held(plan: Plan, layout: Layout) -> Iterator[tuple[str, Result]]:
    """Results that a constant holds without a change, each with its part of the file."""
    known = {one.name: one for one in plan.results}
    for part, dtype, name in zip(("data", "count"), (layout.output.kind.dtype, "u4"), layout.output.results,
                                 strict=False):
        if not layout.output.zeros and np.can_cast(known[name].numpy_dtype, dtype, "safe"):
            yield part, known[name]


def _places(plan: Plan, layout: Layout, result: Result) -> dict[str, tuple[int, ...]]:
    names = (layout.calibration.written_as.get(axis, axis) for axis in result.over)
    return {name: tuple(map(layout.labels[name].index, plan.context.axes[axis].labels))
            for name, axis in zip(names, result.over, strict=True)}

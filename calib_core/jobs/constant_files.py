"""Constants of a module made of its results: axes and labels as files have them, values read as they are written."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from calib_core.axes import Array, Label, Result
from calib_core.characterisation.outputs import ConstantOutput
from calib_core.constants.constant import Constant, PackedChunks
from calib_core.detector import Calibration, Module
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results

#: Slabs that are transposed on the way into a constant's file, bytes.
_WRITING_BYTES = 112 << 20
_PIXELS = ("slow_scan", "fast_scan")


@dataclass(frozen=True)
class Layout:
    """A constant as files have it.

    Attributes
    ----------
    output : ConstantOutput
    result : Result
        What it is made of.
    calibration : Calibration
    labels : mapping
        Labels of all entries of each leading axis, by the axis' name in the file.
    shape : (int, int)
        Pixels (slow_scan, fast_scan).
    split : str
        Axis of which parts are read and written: that of the units, or the memory cells of those.
    """

    output: ConstantOutput
    result: Result
    calibration: Calibration
    labels: Mapping[str, tuple[Label, ...]]
    shape: tuple[int, int]
    split: str

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of all axes, pixels last."""
        return (*self.labels, *_PIXELS)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Entries along :attr:`dims`."""
        return (*map(len, self.labels.values()), *self.shape)

    @property
    def size(self) -> int:
        """Bytes of the values in the file."""
        return int(np.prod(self.lengths)) * np.dtype(self.output.kind.dtype).itemsize


def layouts(plan: Plan) -> list[Layout]:
    """Constants that a job writes of each module."""
    return [_layout(plan, one) for one in plan.outputs if isinstance(one, ConstantOutput)]


def _layout(plan: Plan, output: ConstantOutput) -> Layout:
    kind, result = plan.detector_type, next(one for one in plan.results if one.name == output.result)
    calibration = kind.calibrations.get(output.kind.name) or Calibration(output.kind.name, (*result.over, *_PIXELS))
    labels = {calibration.written_as.get(name, name): _file_labels(plan, name) for name in result.over}
    split = plan.method.split if plan.method.split in result.over else "cell"
    return Layout(output, result, calibration, labels, kind.shape, split)


def _file_labels(plan: Plan, axis: str) -> tuple[Label, ...]:
    """Entries of an axis in files: all gain stages of the detector, also those without a run."""
    if axis == "gain":
        return tuple(stage.short for stage in plan.detector_type.stages)
    return plan.context.axes[axis].labels


def writing_bytes(plan: Plan) -> int:
    """Working memory for writing any constant of a module, bytes; 0 where none is written."""
    return max((_in_memory(one) if is_made_in_memory(plan, one) else _on_the_disk(one) for one in layouts(plan)),
               default=0)


def is_made_in_memory(plan: Plan, one: Layout) -> bool:
    """Whether a constant's file is made in memory, and not on the disk: there is room for it."""
    return _in_memory(one) <= plan.room


def _in_memory(one: Layout) -> int:
    return int(1.15 * one.size) + _on_the_disk(one)


def _on_the_disk(one: Layout) -> int:
    return _WRITING_BYTES + _whole_chunk(one)


def _whole_chunk(one: Layout) -> int:
    """Bytes of a constant that is one chunk, which is held several times more while it is written."""
    return 3 * one.size if len(one.labels.get(one.split, ())) <= 1 else 0


def constant_of(
    plan: Plan, module: Module, results: Results, layout: Layout, provenance: Mapping[str, object],
    step: Callable[[], None], packed: dict[Hashable, PackedChunks],
) -> Constant:
    """A constant of a module.

    Parameters
    ----------
    plan, module, results
        Whose it is, and what its values are read from when it is written.
    layout : Layout
    provenance : mapping
        Plain JSON.
    step : callable
        Called between readings; may raise Cancelled.
    packed : dict
        Of the module: compressed numbers of samples, by their result and how it lies in the file.
    """
    output = layout.output

    def reader(name: str) -> Callable[[slice], Array]:
        result = next(one for one in plan.results if one.name == name)

        def read(part: slice) -> Array:
            step()
            values = _with_all_entries(plan, results, result, layout.split, part)
            return _with_zeros(values) if output.zeros else values

        return read

    return Constant(
        kind=output.kind, calibration=layout.calibration.name, pdu=module.pdu, dims=layout.dims,
        shape=layout.lengths, file_dims=layout.calibration.dims, labels=layout.labels,
        condition=plan.condition.of(plan.detector_type.condition_of(layout.calibration)),
        recorded=plan.condition, begin=_begin(plan), provenance=provenance, read=reader(output.result),
        read_count=reader(output.count) if output.count else None,
        packed_count=packed.setdefault((output.count, layout.calibration.dims, layout.lengths), PackedChunks()),
        split=layout.split, beside={name: _plain(_beside(plan, results, name)) for name in output.beside},
        goes_with=dict(_identities(plan, module, output)),
    )


def _identities(plan: Plan, module: Module, output: ConstantOutput) -> Iterator[tuple[str, str]]:
    """SHA-256 of the constants that an output goes with, of those that the module has."""
    for kind in output.goes_with:
        if (file := plan.context.files.get((module.number, kind.name))) is not None:
            yield kind.name, file.identity


def _plain(values: Array) -> Any:
    """Values as plain JSON, which has no NaN: None stands for it."""
    plain = values.astype(object)
    plain[~np.isfinite(values)] = None
    return plain.tolist()


def _with_all_entries(plan: Plan, results: Results, result: Result, split: str, part: slice) -> Array:
    """Images over all axes of a result, a part of the one that is split; missing where a file's entry has none."""
    return _as_in_files(plan, result, results.stack(result.name, result.over, {}, split, part))


def _beside(plan: Plan, results: Results, name: str) -> Array:
    """A result without pixels over all entries that files have."""
    result = next(one for one in plan.results if one.name == name)
    return _as_in_files(plan, result, results.values(name))


def _as_in_files(plan: Plan, result: Result, found: Array) -> Array:
    """Values with all entries of the axes that files have, missing where nothing was made of one."""
    for place, axis in enumerate(result.over):
        have, wanted = plan.context.axes[axis].labels, _file_labels(plan, axis)
        if have != wanted:
            shape = (*found.shape[:place], len(wanted), *found.shape[place + 1 :])
            whole = np.full(shape, result.filling, found.dtype)
            whole[(slice(None),) * place + ([wanted.index(label) for label in have],)] = found
            found = whole
    return found


def _with_zeros(values: Array) -> Array:
    """Values with 0 instead of NaN, changed in place."""
    if values.dtype.kind == "f":
        values[np.isnan(values)] = 0
    return values


def _begin(plan: Plan) -> datetime:
    """Begin of validity: the operator's, the start of the earliest run or constant; now where nothing tells it."""
    if plan.spec.begin is not None:
        return plan.spec.begin.astimezone(UTC)
    return min(begins(plan), default=datetime.now(UTC))


def begins(plan: Plan) -> Iterator[datetime]:
    """When the runs of a job began, and from when on its constants hold, as far as they tell it."""
    yield from (run.start_time for run in plan.runs.values() if run.start_time is not None)
    for found in plan.source.constants.values():
        yield from (one.begin for one in found.stored.values() if one.begin is not None)

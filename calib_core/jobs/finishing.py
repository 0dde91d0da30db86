"""The end of a module: maps that need several gain stages, and its constants on disk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from calib_core.characterisation.method import MapSpec, Product
from calib_core.constants.constant import Constant
from calib_core.detector import Array, Module
from calib_core.errors import BadParameter
from calib_core.jobs.plan import Plan
from calib_core.jobs.provenance import provenance
from calib_core.jobs.spool import Spool
from calib_core.store.constants import WrittenConstant, write_constant

#: Slabs that are transposed on the way into a constant's file, bytes.
_WRITING_BYTES = 112 << 20
#: Columns of fast_scan that are read at once.
_WINDOW = 32
#: Called between steps with the share that is done; may raise Cancelled.
Step = Callable[[float], None]


def combine_stages(plan: Plan, spool: Spool, step: Step) -> None:
    """Make the maps of each memory cell that need all of its gain stages."""
    specs = [spec for spec in plan.maps if not spec.planes]
    for index in range(len(plan.cells)):
        stage_maps = {spec.name: _all_stages(spool, spec, index) for spec in specs}
        for name, values in plan.method.combine(plan.detector.type, stage_maps, plan.stages).items():
            for plane, one in enumerate(values):
                spool.write(name, plane, index, one)
        step((index + 1) / len(plan.cells))


def _all_stages(spool: Spool, spec: MapSpec, index: int) -> Array:
    return np.stack([spool.filled(spec.name, plane, index) for plane in range(spool.planes(spec.name))])


def write_module(plan: Plan, module: Module, spool: Spool, step: Step) -> list[WrittenConstant]:
    """Write all constants of a module; each file is whole or not there."""
    products = plan.method.products(plan.detector.type)
    known, written = provenance(plan, module), []
    for index, product in enumerate(products):
        constant = _constant(plan, module, spool, product, known, step, index / len(products))
        written.append(write_constant(constant, plan.spec.out_folder))
    step(1.0)
    return written


def largest_constant(plan: Plan) -> int:
    """Working memory for writing a module's largest constant, bytes."""
    kind = plan.detector.type
    columns = len(plan.cells) * kind.shape[0]
    needs = []
    for product in plan.method.products(kind):
        planes = len(product.kind.planes) or len(kind.stages)
        image = 1.15 * planes * columns * kind.shape[1] * np.dtype(product.kind.dtype).itemsize
        needs.append(int(image) + 4 * planes * columns * _WINDOW)
    return max(needs) + _WRITING_BYTES


def check_memory(plan: Plan) -> None:
    """Make sure before a job that its largest work unit and its largest constant fit into the memory budget.

    Raises
    ------
    BadParameter
        One does not; the message says how much would do.
    """
    needs = {
        f"writing a constant of {len(plan.cells)} memory cells": largest_constant(plan),
        "characterising one memory cell": max(plan.unit_bytes(unit) for unit in plan.units),
    }
    what = max(needs, key=lambda name: needs[name])
    lacking = needs[what] - plan.room
    if lacking > 0:
        # chunks grow a little with the budget
        enough = plan.spec.memory_mb + (lacking * 5 // 4 >> 20) + 1
        raise BadParameter(
            f"memory_mb = {plan.spec.memory_mb} is too small: {what} needs a budget of {enough} MiB.")


def output_bytes(plan: Plan) -> int:
    """Space that the constants and the scratch files of a job need, bytes."""
    kind = plan.detector.type
    per_pixel = sum((len(p.kind.planes) or len(kind.stages)) * np.dtype(p.kind.dtype).itemsize
                    for p in plan.method.products(kind))
    per_pixel += sum((len(s.planes) or len(kind.stages)) * np.dtype(s.dtype).itemsize for s in plan.maps)
    return per_pixel * len(plan.cells) * kind.pixels * len(plan.modules)


def _constant(plan: Plan, module: Module, spool: Spool, product: Product, known: dict[str, object],
              step: Step, share: float) -> Constant:
    kind = plan.detector.type

    def reader(name: str) -> Callable[[slice], Array]:
        columns = _Columns(spool, name)

        def read(fast: slice) -> Array:
            step(share)
            return _with_zeros(columns(fast)) if plan.method.legacy_zeros else columns(fast)

        return read

    return Constant(
        kind=product.kind, calibration=kind.calibrations[product.kind.name], pdu=module.pdu,
        shape=(spool.planes(product.map), len(plan.cells), *kind.shape), file_dims=kind.file_dims,
        condition=plan.condition, begin=_begin(plan), provenance=known, read=reader(product.map),
        read_count=reader(product.count) if product.count else None, cells=plan.cells,
    )


def _with_zeros(values: Array) -> Array:
    """Values with 0 instead of NaN, changed in place."""
    if values.dtype.kind == "f":
        values[np.isnan(values)] = 0
    return values


class _Columns:
    """Columns of a map on the spool; reads many at once, since each read goes through all planes and cells."""

    def __init__(self, spool: Spool, name: str) -> None:
        self._spool, self._name, self._start = spool, name, 0
        self._window = np.empty((0, 0, 0, 0))

    def __call__(self, fast: slice) -> Array:
        """Columns, (planes, cells, slow_scan, columns); a view that lasts until others are asked for."""
        start, stop, _ = fast.indices(self._spool.shape[1])
        if start < self._start or stop > self._start + self._window.shape[-1]:
            self._window = np.empty((0, 0, 0, 0))  # give it back before the next one is made
            self._window = self._spool.columns(self._name, slice(start, max(stop, start + _WINDOW)))
            self._start = start
        return self._window[..., start - self._start : stop - self._start]


def _begin(plan: Plan) -> datetime:
    """Begin of validity: start of the earliest run, or now where no run tells it."""
    starts = [run.start_time for run in plan.runs.values() if run.start_time is not None]
    return min(starts, default=datetime.now(UTC))

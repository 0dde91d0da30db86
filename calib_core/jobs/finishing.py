"""The end of a module: maps that need several gain stages, and its constants on disk."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from calib_core.characterisation.method import MapSpec, Product
from calib_core.constant import Constant
from calib_core.detector import Array, Module
from calib_core.jobs.plan import Plan
from calib_core.jobs.provenance import provenance
from calib_core.jobs.spool import Spool
from calib_core.store.constants import WrittenConstant, write_constant

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
    planes = [len(p.kind.planes) or len(kind.stages) for p in plan.method.products(kind)]
    values = max(n * np.dtype(p.kind.dtype).itemsize
                 for n, p in zip(planes, plan.method.products(kind), strict=True))
    return int(2.3 * values * len(plan.cells) * kind.pixels) + (128 << 20)


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

    def read(fast: slice) -> Array:
        step(share)
        return spool.columns(product.map, fast, product.kind.dtype)

    def read_count(fast: slice) -> Array:
        step(share)
        return spool.columns(product.count or "", fast, "u4")

    return Constant(
        kind=product.kind, calibration=kind.calibrations[product.kind.name], pdu=module.pdu,
        shape=(spool.planes(product.map), len(plan.cells), *kind.shape), file_dims=kind.file_dims,
        condition=plan.condition, begin=_begin(plan), provenance=known, read=read,
        read_count=read_count if product.count else None, cells=plan.cells,
    )


def _begin(plan: Plan) -> datetime:
    """Begin of validity: start of the earliest run, or now where no run tells it."""
    starts = [run.start_time for run in plan.runs.values() if run.start_time is not None]
    return min(starts, default=datetime.now(UTC))

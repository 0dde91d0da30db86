"""A detector of six pixels, a method that makes something of each sort, and constants written by h5py alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np

from calib_core.axes import At, Axis, Result
from calib_core.characterisation.family import Family
from calib_core.characterisation.inputs import Input
from calib_core.characterisation.method import Method
from calib_core.characterisation.outputs import ConstantOutput, Output, TableOutput
from calib_core.characterisation.unit import Accumulator, Context, Maps, Unit
from calib_core.constants.condition import Condition
from calib_core.constants.constant import BAD_PIXELS_DARK, OFFSET
from calib_core.detector import Detector, DetectorType, Module
from calib_core.detector.registry import detector_type
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results
from calib_core.jobs.sources import Source
from calib_core.jobs.spec import JobSpec

SHAPE = (2, 3)
KIND = replace(detector_type("AGIPD1M"), name="TINY", title="Tiny", shape=SHAPE)
PDU = "TINY_M003"
MODULE = Module(3, "", "TINY03", PDU)


class Tiny(Method):
    """Means with their samples and flags, a number of each memory cell, and a table."""

    command: ClassVar[str] = "MAKE"
    title: ClassVar[str] = "Tiny"

    def inputs(self, kind: DetectorType | None) -> tuple[Input, ...]:
        return (Input("dark", "dark constants", of="constants", kinds=(OFFSET,)),)

    def axes(self, context: Context) -> tuple[Axis, ...]:
        return (Axis("gain", "Gain stage", ("HG",)), *super().axes(context))

    def results(self, kind: DetectorType | None) -> tuple[Result, ...]:
        return (
            Result("mean", "Mean", "ADU", "f8", "Mean"),
            Result("samples", "Samples", "", "u4", "Samples", role="count"),
            Result("flags", "Flags", "", "u4", "Flags", role="flags", missing=8),
            Result("spread", "Spread", "ADU", "f8", "Spread of a cell", over=("cell",), pixels=False),
            Result("peaks", "Peaks", "", (("peak", "i8"), ("share", "f8")), "Peaks found", over=(), pixels=False),
        )

    def outputs(self, kind: DetectorType | None) -> tuple[Output, ...]:
        return (ConstantOutput(OFFSET, "mean", count="samples"), ConstantOutput(BAD_PIXELS_DARK, "flags"),
                TableOutput("spread"), TableOutput("peaks"))

    def bytes_per_item(self, kind: DetectorType | None, samples: int) -> int:
        return 1000 + samples

    def reduce(self, context: Context, unit: Unit, accumulator: Accumulator) -> Iterator[tuple[At, Maps]]:
        return iter(())


def plan_of(
    folder: Path, stages: Sequence[str] = ("HG", "LG"), cells: tuple[int, ...] = (0, 4), method: Method | None = None,
    **changes: Any,
) -> Plan:
    """Plan of a job of one module with data of some gain stages and memory cells."""
    method = method or Tiny()
    axes = {"gain": Axis("gain", "Gain stage", tuple(stages)), "cell": Axis("cell", "Memory cell", cells)}
    spec = JobSpec(family="TINY", method="MAKE", out_folder=folder / "out")
    made = Plan(
        spec, None, Detector("LAB_TINY", KIND, (MODULE,)), method, (3,), Context(KIND, cells, {}, axes),
        method.results(KIND), method.outputs(KIND), Condition(()), (), Source({}, {}, {}, 1 << 20), threads=1,
        room=1 << 30, left_out={}, notes=())
    return replace(made, **changes)


def results_of(plan: Plan, folder: Path) -> Results:
    """Results of a module of a plan, none of them written yet."""
    return Results(folder, plan.results, plan.context.axes, plan.detector_type.shape)


def put_constant(root: Path, values: Any = None, pdu: str = PDU, name: str = "Offset", number: int = 1,
                 dims: Sequence[str] | None = None, **attributes: Any) -> Path:
    """A constant file in the folder of the facility, by h5py alone; attributes that are no text or number as JSON.

    Unless axes are named, values (fast_scan, slow_scan, cell) are the same in all gain stages.
    """
    if dims is None:
        values = np.stack([np.full((3, 2, 2), 7.0) if values is None else values] * 3, axis=-1)
        dims = ("fast_scan", "slow_scan", "cell", "gain")
    path = root / "xfel" / "cal" / "agipd-type" / pdu.lower() / f"cal.{1700000000 + number}.000000000.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        group = file.create_group(f"{pdu}/{name}/0")
        group["data"] = values
        if dims:
            group["data"].attrs.create("dims", list(dims), dtype=h5py.string_dtype())
        for key, value in attributes.items():
            group.attrs[key] = json.dumps(value) if isinstance(value, Mapping) else value
    return path


FAMILY = Family("TINY", "Tiny", (KIND,), (Tiny(),))

"""Files that are made of a job's results: constants after each module, tables after the job."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from calib_core.axes import Array, Axis, Result
from calib_core.characterisation.outputs import StatisticsOutput, TableOutput
from calib_core.constants.constant import Constant, PackedChunks
from calib_core.detector import Module
from calib_core.errors import BadParameter
from calib_core.io.buffers import Buffers
from calib_core.jobs.board import Written
from calib_core.jobs.constant_files import Layout, constant_of, is_made_in_memory, layouts, writing_bytes
from calib_core.jobs.corrected_files import corrected_bytes
from calib_core.jobs.plan import Plan
from calib_core.jobs.provenance import provenance
from calib_core.jobs.results import MOST_WITHOUT_PIXELS, Results
from calib_core.jobs.statistics_files import write_statistics_files
from calib_core.remarks import Remark
from calib_core.store.table import Cell, Column, write_csv

#: Called between steps with the share that is done; may raise Cancelled.
Step = Callable[[float], None]
#: Makes and writes a constant, in the memory of whoever does it.
Piece = Callable[[Buffers], None]
#: What is said of a job that leaves no file.
NOTHING = "nothing was written"


def combine(plan: Plan, results: Results, step: Step) -> None:
    """Make what needs all entries of the method's combined axis, entry by entry of the axis of units."""
    method, names = plan.method, plan.method.combined(plan.kind)
    over = {one.name: one.over for one in plan.results}

    def leading(name: str) -> tuple[str, ...]:
        return method.combines, *(axis for axis in over[name] if axis not in (method.combines, method.split))

    length = len(plan.context.axes[method.split]) if names else 0
    for index in range(length):
        at = {method.split: index}
        stacks = {name: results.stack(name, leading(name), at) for name in names}
        results.write(at, method.combine(plan.context, at, stacks))
        step((index + 1) / length)


def one_by_one(pieces: Sequence[Piece]) -> None:
    """Do pieces of work in their order."""
    buffers = Buffers()
    for piece in pieces:
        piece(buffers)


def write_module(
    plan: Plan, module: Module, results: Results, remarks: Sequence[Remark], step: Step,
    write: Callable[[Constant, Buffers | None], object], do: Callable[[Sequence[Piece]], None] = one_by_one,
) -> None:
    """Make all constants of a module and have each written.

    Parameters
    ----------
    plan, module, results, remarks, step
    write : callable
        Takes a constant, and where its file lies while it is made: None for one that is too large for memory.
    do : callable
        Does pieces of work, each once and in any order, and returns when all are done.
    """
    wanted = layouts(plan)
    known = provenance(plan, module, remarks) if wanted else {}
    packed: dict[Hashable, PackedChunks] = {}
    written: list[Layout] = []

    def one(layout: Layout, buffers: Buffers) -> None:
        write(constant_of(plan, module, results, layout, known, lambda: step(len(written) / len(wanted)), packed),
              buffers if is_made_in_memory(plan, layout) else None)
        written.append(layout)

    do([partial(one, layout) for layout in wanted])
    step(1.0)


def write_tables(plan: Plan, results: Mapping[int | None, Results]) -> list[Written]:
    """Write the tables and statistics of a job, those of all modules in one."""
    wanted = [one.result for one in plan.outputs if isinstance(one, TableOutput)]
    tables = [_write_table(plan, results, next(r for r in plan.results if r.name == name)) for name in wanted]
    return [*tables, *(file for one in plan.outputs if isinstance(one, StatisticsOutput)
                       for file in write_statistics_files(plan, one, results))]


def _write_table(plan: Plan, results: Mapping[int | None, Results], result: Result) -> Written:
    axes = [plan.context.axes[axis] for axis in result.over]
    columns = [Column(name) for name in result.numpy_dtype.names or ()] or [
        *(Column(axis.title, axis.unit) for axis in axes), Column(result.title, result.unit)]
    of_modules = [Column("module")] if plan.kind else []
    rows = ((*([module] if of_modules else ()), *row) for module, found in results.items()
            for row in _rows(found.values(result.name), axes))
    path = plan.spec.out_folder / f"{plan.spec.family}_{plan.spec.method}_{result.name}.csv".lower()
    words = f"{plan.spec.family} {plan.spec.method}: {result.title}\n{result.help}"
    write_csv(path, [*of_modules, *columns], rows, words, overwrite=True)
    data = path.read_bytes()
    return Written(path, "table", hashlib.sha256(data).hexdigest(), len(data))


def _rows(values: Array, axes: Sequence[Axis]) -> Iterator[tuple[Cell, ...]]:
    """Rows of a table, or of numbers over axes: their labels first."""
    if values.dtype.names:
        yield from (tuple(row.tolist()) for row in values)
        return
    for index in np.ndindex(values.shape):
        yield (*(axis.labels[i] for axis, i in zip(axes, index, strict=True)), values[index].item())


def check_memory(plan: Plan) -> None:
    """Make sure before a job that its largest work unit and its largest constant fit into the memory budget.

    Raises
    ------
    BadParameter
        One does not; the message says how much would do.
    """
    _check_numbers(plan)
    needs = {"characterising one memory cell": max((plan.unit_bytes(unit) for unit in plan.units), default=0)}
    if writing := writing_bytes(plan):
        needs[f"writing a constant of {len(plan.context.cells)} memory cells"] = writing
    what = max(needs, key=lambda name: needs[name])
    lacking = needs[what] - plan.room
    if lacking > 0:
        # chunks grow a little with the budget
        enough = plan.spec.memory_mb + (lacking * 5 // 4 >> 20) + 1
        raise BadParameter(
            f"memory_mb = {plan.spec.memory_mb} is too small: {what} needs a budget of {enough} MiB.")


def _check_numbers(plan: Plan) -> None:
    """Refuse more numbers than are kept in memory; BadParameter says of which axis there is too much."""
    numbers = [one for one in plan.results if not one.pixels and not one.is_table]
    size = sum(int(np.prod(one.shape(plan.context.axes))) * one.numpy_dtype.itemsize for one in numbers)
    if size > MOST_WITHOUT_PIXELS:
        longest = max((plan.context.axes[name] for one in numbers for name in one.over), key=len)
        raise BadParameter(f"Numbers of a module would take {size / (1 << 20):.1f} MiB, and may take "
                           f"{MOST_WITHOUT_PIXELS / (1 << 20):g} MiB; take fewer than {len(longest)} entries of "
                           f"“{longest.title}”.")


def output_bytes(plan: Plan) -> int:
    """Space that all files of a job need, bytes, those on its way too."""
    return scratch_bytes(plan) + constant_bytes(plan) + corrected_bytes(plan)


def constant_bytes(plan: Plan) -> int:
    """Space that the constants of a job need, bytes."""
    return sum(layout.size for layout in layouts(plan)) * len(plan.modules)


def scratch_bytes(plan: Plan) -> int:
    """Space that the scratch files of a job need, bytes."""
    images = sum(int(np.prod(one.shape(plan.context.axes))) * one.numpy_dtype.itemsize
                 for one in plan.results if one.pixels) * (plan.kind.pixels if plan.kind else 0)
    return images * len(plan.modules)


def told(written: Sequence[Written]) -> str:
    """How many of what were written, such as ``4 constants``."""
    numbers: dict[str, int] = {}
    for one in written:
        numbers[one.what] = numbers.get(one.what, 0) + 1
    return ", ".join(f"{n} {what}{'s' if n != 1 else ''}" for what, n in numbers.items()) or "no file"

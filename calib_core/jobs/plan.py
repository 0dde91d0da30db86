"""Plan of a job: the runs as they are, and the work units that they make."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from calib_core.characterisation.family import named
from calib_core.characterisation.method import MapSpec, Method, Unit
from calib_core.constants.condition import Condition
from calib_core.correction.lut import Lut
from calib_core.detector import Detector, Frames, FrameSelection, Module
from calib_core.errors import BadInput, BadParameter
from calib_core.io.budget import cells_per_block, resident_bytes
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import Survey, assign, check_same_condition, choose_detector
from calib_core.jobs.tables import find_tables, linearised
from calib_core.store.constants import check_name

#: Frames of a chunk together, bytes: long enough to stay near the speed of memory, short enough to cancel.
_CHUNK_BYTES = 32 << 20
#: What a process needs before it works on anything: libraries and compiled kernels.
_PROCESS_BYTES = 240 << 20
#: Share of the budget that what the process holds already may take: the rest is not this job's.
_MOST_HELD = 4
#: A job that has less than this is not slower but impossible.
_LEAST_ROOM = 64 << 20
#: Frames of one memory cell in a chunk: with fewer, sums are carried to memory and back too often.
_FRAMES_AT_ONCE = 32


@dataclass(frozen=True)
class Plan:
    """What a job will do; frozen once the input has been surveyed.

    Attributes
    ----------
    modules : tuple of int
        Modules that take part.
    cells : tuple of int
        Memory cells of the constants, in the order of their axis.
    stages : tuple of int
        Gain stages that have a run.
    units : tuple of Unit
    frames : dict
        Frames by (module, role).
    room : int
        Working memory of all threads together, bytes: the budget without what the process holds already.
    left_out : dict
        Why a module does not take part, by number.
    tables : dict
        Look-up tables that samples go through first, by module number.
    """

    spec: JobSpec
    survey: Survey
    detector: Detector
    method: Method
    modules: tuple[int, ...]
    cells: tuple[int, ...]
    stages: tuple[int, ...]
    maps: tuple[MapSpec, ...]
    condition: Condition
    units: tuple[Unit, ...]
    frames: dict[tuple[int, str], ModuleFrames] = field(repr=False)
    runs: dict[str, Run] = field(repr=False)
    threads: int
    room: int
    chunk_bytes: int
    left_out: dict[int, str]
    notes: tuple[str, ...]
    tables: dict[int, Lut] = field(default_factory=dict, repr=False)

    def unit_bytes(self, unit: Unit) -> int:
        """Working memory of a unit, bytes."""
        per_cell = self.method.bytes_per_cell(unit.detector, unit.samples)
        return len(unit.cells) * per_cell + 2 * self.chunk_bytes

    def chunks(self, unit: Unit, limit: int | None) -> Iterator[Frames]:
        """Frames of a unit as its method takes them: after the module's look-up table, where it has one."""
        frames = self.frames[unit.module, unit.role].chunks(unit.cells, self.chunk_bytes, limit)
        table = self.tables.get(unit.module)
        return frames if table is None else map(table.apply, frames)

    def run_label(self, role: str) -> str:
        """Name of a role's run for the screen."""
        return self.runs[role].label

    def close(self) -> None:
        """Close the runs."""
        _close(self.runs)


def make_plan(spec: JobSpec) -> Plan:
    """Open the runs of a job and plan its work units.

    Raises
    ------
    BadInput, BadParameter
        A run, a module or a parameter cannot be used.
    """
    opened: dict[str, Run] = {}
    try:
        for role, path in spec.runs.items():
            same = (run for run in opened.values() if run.path == path)
            opened[role] = next(same, None) or Run.open(path)
        return _plan(spec, opened)
    except BaseException:
        _close(opened)
        raise


def _close(runs: dict[str, Run]) -> None:
    for run in set(runs.values()):
        run.close()


def _plan(spec: JobSpec, opened: dict[str, Run]) -> Plan:
    if not opened:
        raise BadInput("The job has no run; give at least one.")
    family = named(spec.family)
    chosen = choose_detector(list(opened.values()), family, spec.detector)
    method = family.method(spec.method).with_changes(spec.parameters)
    found = assign(chosen, family, method, opened, spec.keep_order, spec.conditions)
    check_same_condition(found, spec.conditions)
    by_path = {run.path: run for run in opened.values()}
    runs = {c.role.name: by_path[c.run.path] for c in found.roles if c.run}
    asked = _named(chosen, runs, spec)
    detector = replace(asked, type=asked.type.operated_at(found.condition.values))
    frames, left_out = _frames(detector, method, runs, found)
    modules = tuple(m.number for m in detector.modules if m.number not in left_out)
    if not modules:
        raise BadInput(_none_left(left_out))
    tables, told = find_tables(method, detector, modules)
    detector = linearised(detector, tables)
    threads = spec.threads or os.cpu_count() or 1
    room = _room(spec.memory_mb << 20)
    plan = Plan(
        spec, found, detector, method, modules, _cells(found.condition, frames),
        tuple(c.role.stage for c in found.roles if c.run), method.maps(detector.type), found.condition, (), frames,
        runs, threads, room, _chunk_bytes(room, chosen.type.frame_bytes, threads), left_out,
        (*_notes(spec, found, left_out), *told), tables,
    )
    return replace(plan, units=tuple(_units(plan)))


def _named(chosen: Detector, runs: dict[str, Run], spec: JobSpec) -> Detector:
    """The detector with all modules that any run has, restricted to those asked for, with the operator's PDUs."""
    seen = {m.number: m for run in runs.values() for d in run.detectors if d.identifier == chosen.identifier
            for m in d.modules}
    whole = replace(chosen, modules=tuple(seen[n] for n in sorted(seen)))
    wanted = [whole.module(n) for n in sorted(set(spec.modules))] if spec.modules else whole.modules
    _check_units(spec, whole)
    return replace(chosen, modules=tuple(replace(m, pdu=spec.pdus.get(m.number, m.pdu)) for m in wanted))


def _check_units(spec: JobSpec, detector: Detector) -> None:
    """Refuse physical detector units that cannot be meant before the work, not when constants are written."""
    for number, pdu in spec.pdus.items():
        detector.module(number)
        check_name(pdu)
    for pdu in spec.pdus.values():
        same = [str(number) for number, other in spec.pdus.items() if other == pdu]
        if len(same) > 1:
            raise BadParameter(f"Modules {' and '.join(same)} are both given as {pdu}; name each unit once.")


def _frames(
    detector: Detector, method: Method, runs: dict[str, Run], found: Survey
) -> tuple[dict[tuple[int, str], ModuleFrames], dict[int, str]]:
    frames: dict[tuple[int, str], ModuleFrames] = {}
    left_out: dict[int, str] = {}
    for role, run in runs.items():
        here = next(d for d in run.detectors if d.identifier == detector.identifier)
        selection = _selection(method, found, role)
        refused = _refused(run, here, selection.parts)
        for module in detector.modules:
            if module.number in left_out:
                continue
            try:
                if module.number in refused:
                    raise BadInput(refused[module.number])
                frames[module.number, role] = _module_frames(here, selection, run, module)
            except BadInput as error:
                left_out[module.number] = str(error)
    return frames, left_out


def _selection(method: Method, found: Survey, role: str) -> FrameSelection:
    """Frames of a role: all of its run, or the part of each train that is of its gain stage."""
    parts = found.stages_in_run
    stage = next(c.role.stage for c in found.roles if c.role.name == role)
    return replace(method.frame_selection(), part=stage if parts > 1 else 0, parts=parts)


def _refused(run: Run, detector: Detector, parts: int) -> dict[int, str]:
    problems = run.inventory(detector, parts=parts).problems
    return {p.module: p.sentence() for p in problems if p.severity == "refuse" and p.module is not None}


def _module_frames(detector: Detector, selection: FrameSelection, run: Run, module: Module) -> ModuleFrames:
    if all(m.number != module.number for m in detector.modules):
        raise BadInput(f"Run {run.label} has no data of module {module.number} ({module.aggregator}).")
    frames = run.frames(detector, module, selection)
    if frames.trains < selection.min_trains:
        raise BadInput(
            f"Run {run.label} has {frames.trains} trains with frames of module {module.number}; "
            f"at least {selection.min_trains} are needed (--min-trains)."
        )
    return frames


def _none_left(left_out: dict[int, str]) -> str:
    first, *others = left_out.values()
    more = f" So it is, or alike, with {len(others)} other modules; calibwb info shows each." if others else ""
    return f"No module can be characterised: {first}{more}"


def _cells(condition: Condition, frames: dict[tuple[int, str], ModuleFrames]) -> tuple[int, ...]:
    """Memory cells of the constants: all in use, also those that no frame was stored for."""
    seen = sorted({cell for one in frames.values() for cell in one.cells})
    found = condition.values.get("memory_cells")
    in_use = int(float(found.value)) if found else 0
    if in_use <= 1 and len(seen) == 1:
        return tuple(seen)
    return tuple(range(max(in_use, seen[-1] + 1)))


def _room(budget: int) -> int:
    """Working memory: the budget without what the process holds, of which only a part is held against the job."""
    held = max(_PROCESS_BYTES, min(resident_bytes(), budget // _MOST_HELD))
    return max(budget - held, _LEAST_ROOM)


def _chunk_bytes(room: int, frame_bytes: int, threads: int) -> int:
    return max(frame_bytes, min(_CHUNK_BYTES, room // (8 * threads)))


def _units(plan: Plan) -> list[Unit]:
    units = []
    for module in plan.modules:
        for role in plan.survey.roles:
            if role.run is not None:
                units += _blocks(plan, module, role.role.name, role.role.stage)
    return units


def _blocks(plan: Plan, module: int, role: str, stage: int) -> list[Unit]:
    frames = plan.frames[module, role]
    samples = max(frames.frames_per_cell.values(), default=0)
    per_cell = plan.method.bytes_per_cell(plan.detector.type, samples)
    available = plan.room // plan.threads - 2 * plan.chunk_bytes
    longest = max(1, plan.chunk_bytes // (_FRAMES_AT_ONCE * plan.detector.type.frame_bytes))
    length = min(longest, cells_per_block(per_cell, available, len(frames.cells)))
    return [
        Unit(plan.detector.type, module, role, stage, tuple(block), samples)
        for block in _split(frames.cells, length)
    ]


def _split(cells: Sequence[int], length: int) -> list[Sequence[int]]:
    return [cells[i : i + length] for i in range(0, len(cells), length)]


def _notes(spec: JobSpec, found: Survey, left_out: dict[int, str]) -> tuple[str, ...]:
    """Everything about the input that an operator should know, in the log and with the constants."""
    modules = (f"Module {number} left out: {why}" for number, why in sorted(left_out.items()))
    problems = (f"{run.label}: {problem.sentence()}" for run in found.runs for problem in run.problems
                if _concerns(spec, left_out, problem.module))
    remark = filter(None, [found.detector.type.remark])
    return tuple(dict.fromkeys((*spec.notes, *found.notes, *remark, *modules, *problems)))


def _concerns(spec: JobSpec, left_out: dict[int, str], module: int | None) -> bool:
    """Whether a problem of a module (None: of the run) is to be told: not of modules that take no part anyway."""
    return module not in left_out and (module is None or not spec.modules or module in spec.modules)

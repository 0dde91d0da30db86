"""Modules of a job: those that are asked for, with their frames, and why some take no part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from calib_core.characterisation.method import Method
from calib_core.constants.condition import Condition
from calib_core.correction.step import Step
from calib_core.detector import Detector, DetectorType, FrameSelection, Module
from calib_core.errors import BadInput, BadParameter, and_others
from calib_core.io.frames import ModuleFrames
from calib_core.io.run import Run
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.survey import Survey, cells_in_use, check_strays
from calib_core.store.constants import check_name


def named_modules(
    chosen: Detector, runs: dict[str, Run], spec: JobSpec, steps: Iterable[Step],
) -> tuple[Detector, tuple[str, ...]]:
    """The detector with those modules asked for that any run has, with the operator's PDUs, and what it has not.

    Parameters
    ----------
    chosen : Detector
    runs : dict
        By the keys of arranged inputs.
    spec : JobSpec
    steps : iterable of Step
        Whose parameters may name modules too.

    Raises
    ------
    BadParameter
        The run has none of those that are named, or a physical detector unit that is given cannot be meant.
    """
    seen = {m.number: m for run in runs.values() for d in run.detectors if d.identifier == chosen.identifier
            for m in d.modules}
    whole = replace(chosen, modules=tuple(seen[n] for n in sorted(seen)))
    wanted, absent = whole.held(spec.modules) if spec.modules else (whole.modules, "")
    of_steps = [whole.held(one.modules)[1] for one in steps if one.on]
    _check_units(spec, whole)
    named = tuple(replace(m, pdu=spec.pdus.get(m.number, m.pdu)) for m in wanted)
    return replace(chosen, modules=named), tuple(filter(None, (absent, *of_steps)))


def _check_units(spec: JobSpec, detector: Detector) -> None:
    """Refuse physical detector units that cannot be meant before the work, not when constants are written."""
    for number, pdu in spec.pdus.items():
        detector.module(number)
        check_name(pdu)
    for pdu in spec.pdus.values():
        same = [str(number) for number, other in spec.pdus.items() if other == pdu]
        if len(same) > 1:
            raise BadParameter(f"Modules {' and '.join(same)} are both given as {pdu}; name each unit once.")


def frames_of_modules(
    detector: Detector, method: Method, runs: dict[str, Run], found: Survey
) -> tuple[dict[tuple[int, str], ModuleFrames], dict[int, str]]:
    """Frames of each module in each run.

    Parameters
    ----------
    detector : Detector
    method : Method
        Says which frames are wanted.
    runs : dict
        By the keys of arranged inputs.
    found : Survey

    Returns
    -------
    frames : dict
        By module and key, of the modules that every run has.
    left_out : dict
        Why the others take no part.
    """
    frames: dict[tuple[int, str], ModuleFrames] = {}
    left_out: dict[int, str] = {}
    for one in found.taken:
        run = runs[one.key]
        here = next(d for d in run.detectors if d.identifier == detector.identifier)
        selection = replace(method.frame_selection(), part=one.part, parts=one.parts, together=one.together,
                            cells_in_use=cells_in_use(detector.type, found.condition))
        if run.being_written:  # it is only here if it is to be used in part
            selection = replace(selection, max_lost=1.0)
        refused = _refused(run, here, selection.parts)
        for module in detector.modules:
            if module.number in left_out:
                continue
            try:
                if module.number in refused:
                    raise BadInput(refused[module.number])
                frames[module.number, one.key] = _module_frames(here, selection, run, module)
            except BadInput as error:
                left_out[module.number] = str(error)
    return frames, left_out


def _refused(run: Run, detector: Detector, parts: int) -> dict[int, str]:
    """First cause by module why it cannot be used."""
    problems = run.inventory(detector, parts=parts).problems
    return {p.module: p.sentence() for p in reversed(problems) if p.severity == "refuse" and p.module is not None}


def _module_frames(detector: Detector, selection: FrameSelection, run: Run, module: Module) -> ModuleFrames:
    if all(m.number != module.number for m in detector.modules):
        raise BadInput(f"Run {run.label} has no data of module {module.number} ({module.aggregator}).")
    frames = run.frames(detector, module, selection)
    if frames.trains < selection.min_trains:
        raise BadInput(f"Run {run.label} has {frames.trains} trains with frames of module {module.number}; "
                       f"at least {selection.min_trains} are needed (--min-trains).")
    check_strays(frames, selection, detector.type)
    return frames


def none_left(left_out: dict[int, str]) -> str:
    """Why no module takes part: of the first, and how many others there are."""
    first, *others = left_out.values()
    return (f"No module can be characterised: {first.rstrip('.')}."
            + and_others(len(others), "module cannot be used either"))


def cells_of_constants(
    kind: DetectorType, condition: Condition, recorded: Iterable[Iterable[int]],
) -> tuple[int, ...]:
    """Memory cells of the constants: all in use, also those that no frame was stored for."""
    seen = sorted({cell for cells in recorded for cell in cells})
    in_use = cells_in_use(kind, condition)
    if in_use <= 1 and len(seen) == 1:
        return tuple(seen)
    return tuple(range(max(in_use, seen[-1] + 1)))

"""What is written down beside corrected files: the constants that were used, and what is not as usual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calib_core.jobs.by_hand import by_hand_words
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.plan import Plan
from calib_core.store.base import Version
from calib_core.store.correction_record import Correction, RetrievedConstant, RetrievedModule


def correction_of(plan: Plan) -> Correction:
    """What the record of a correction says.

    Parameters
    ----------
    plan : Plan
        Of a correction of one run.
    """
    assert plan.detector is not None
    [run] = plan.runs.values()
    modules = {}
    for number in plan.modules:
        assert number is not None
        module = plan.detector.module(number)
        used = {one.stored.calibration: one for kind in used_kinds(plan, number)
                if isinstance(one := plan.before.constants[number].found.get(kind), FileConstant)}
        versions = {chosen.version.path: chosen.version for chosen in plan.before.constants[number].chosen.values()
                    if chosen.version is not None}
        modules[module.aggregator] = RetrievedModule(_unit_of(module.pdu, versions.values()), {
            name: RetrievedConstant(one.stored.path, f"/{one.stored.pdu}/{name}/0",
                                    one.stored.begin or one.stored.created or _changed(one.stored.path),
                                    versions[one.stored.path].number if one.stored.path in versions else 0)
            for name, one in used.items()})
    title = f"{plan.detector_type.title} {plan.method.title}"
    return Correction(plan.detector.identifier, run.path, plan.spec.out_folder, run.run_number or 0, modules,
                      {**plan.method.values(), **_asked_for(plan), **_not_as_usual(plan)}, title)


def _asked_for(plan: Plan) -> dict[str, list[int]]:
    """Modules and sequences as the facility's record has them: -1 for all."""
    ranges = plan.method.frame_selection().sequences
    sequences = sorted({number for first, last in ranges for number in range(first, last + 1)})
    return {"modules": list(plan.spec.modules) or [-1], "sequences": sequences or [-1]}


def _unit_of(pdu: str, versions: Iterable[Version]) -> str:
    """Unit that a store knows a module's constants by; else as it is called."""
    return next((one.pdu for one in versions if one.number), pdu)


def used_kinds(plan: Plan, module: int) -> tuple[str, ...]:
    """Kinds of the constants that the steps of a module take."""
    return tuple(dict.fromkeys(kind for bound in plan.context.before[module].steps for kind in bound.given))


def _not_as_usual(plan: Plan) -> dict[str, Any]:
    """Constants by hand, those later than the run, neutral ones, which are in no file, and what is not there."""
    run, of_modules = plan.before.run, plan.before.constants
    later = {number: [name for name, file, _ in one.files() if run.is_earlier_than(file.stored)]
             for number, one in of_modules.items()}
    told = {"constants by hand": by_hand_words(plan.spec.constants),
            "constants later than the run": _used(plan, later),
            "neutral constants": _used(plan, {number: one.neutral for number, one in of_modules.items()}),
            "asked for and not there": list(plan.not_there)}
    return {name: one for name, one in told.items() if one}


def _used(plan: Plan, kinds: Mapping[int, Sequence[str]]) -> dict[str, list[str]]:
    """Those of the kinds that steps take, by aggregator."""
    assert plan.detector is not None
    used = {number: [kind for kind in some if kind in used_kinds(plan, number)] for number, some in kinds.items()}
    return {plan.detector.module(number).aggregator: some for number, some in used.items() if some}


def _changed(path: Path) -> datetime:
    """When a file that tells no time was changed."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)

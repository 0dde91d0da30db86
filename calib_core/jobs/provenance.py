"""Provenance of a job's constants: inputs, parameters, condition, versions, times, as plain JSON."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from calib_core import __version__
from calib_core.characterisation.inputs import Arranged
from calib_core.detector import Module
from calib_core.io.frames import ModuleFrames
from calib_core.jobs.choice_words import version_words
from calib_core.jobs.plan import Plan
from calib_core.remarks import Remark
from calib_core.store.manifests import name_of

_LIBRARIES = ("numpy", "numba", "h5py", "extra_data")


def provenance(plan: Plan, module: Module, remarks: Sequence[Remark]) -> dict[str, Any]:
    """Everything that decided the constants of one module; the keys that every constant file has come first.

    Parameters
    ----------
    plan, module
    remarks : sequence of Remark
        What is remarkable of the module.
    """
    inputs = [_input(plan, module.number, key, one) for key, one in plan.context.arranged.items()]
    return {
        "detector_type": plan.detector_type.database_type,
        "detector": plan.detector.identifier if plan.detector else "",
        "aggregator": module.aggregator,
        "module": module.number,
        "raw_data": inputs,
        "software": software(),
        "parameters": {"method": plan.method.command, **plan.method.values()},
        "job": plan.spec.model_dump(mode="json"),
        "started": plan.started.isoformat(),
        "set": name_of(plan.started),
        "constants": _taken(plan, module.number),
        "files": _files(plan, module.number),
        "notes": list(plan.notes),
        "remarks": [one.as_json() for one in remarks],
    }


def software() -> dict[str, str]:
    """Versions of the program and of what its numbers depend on."""
    return {"calibwb": __version__, "python": platform.python_version(),
            **_libraries()}


@cache
def _libraries() -> dict[str, str]:
    """Versions of libraries, read once: it takes longer than what else there is to a module."""
    return {name: version(name) for name in _LIBRARIES}


def _taken(plan: Plan, module: int) -> dict[str, dict[str, str]]:
    """Constants that the steps before took, by the step's word and the constant's kind."""
    steps = plan.context.before[module].steps if module in plan.context.before else ()
    return {one.step.word: {kind: constant.why for kind, constant in one.given.items()} for one in steps}


def _files(plan: Plan, module: int) -> dict[str, dict[str, str]]:
    """Files of these constants by the constant's kind, with the checksum of each, and what a store knows of it."""
    used = {kind for kinds in _taken(plan, module).values() for kind in kinds}
    chosen = plan.before.constants.get(module)
    return {kind: {"path": str(one.stored.path), "sha256": one.stored.identity,
                   **({"version": version_words(how.version)} if how.of_store else {})}
            for kind, one, how in (() if chosen is None else chosen.files()) if kind in used}


def _input(plan: Plan, module: int, key: str, arranged: Arranged) -> dict[str, Any]:
    if arranged.run is None:
        found = plan.source.constants.get((module, key))
        return {"input": key, "path": arranged.path,
                "constants": [str(one.path) for one in found.stored.values()] if found else []}
    frames, run = plan.frames[module, key], plan.runs[key]
    return {
        "input": key, "run": run.label, "proposal": run.proposal, "run_number": run.run_number,
        "path": str(run.path), "decided_by": arranged.origin, "moved": arranged.moved, "trains": frames.trains,
        "trains_of_run": frames.loss.trains, "trains_lost": frames.loss.lost,
        "frames": len(frames.cell), "excluded": dict(frames.excluded), "index_sha256": index_hash(frames),
    }


def index_hash(frames: ModuleFrames) -> str:
    """Digest of which frames were used: train id and memory cell of each, in order."""
    digest = hashlib.sha256()
    for array in (frames.train, frames.cell):
        digest.update(array.tobytes())
    return digest.hexdigest()

"""The record of a correction beside its files, as the facility's own has it and EXtra reads it.

Source: European-XFEL/EXtra, ``CalibrationData.from_correction``; records of the facility's correction of 2025.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from calib_core import __version__
from calib_core.store.files import write_atomically


@dataclass(frozen=True)
class RetrievedConstant:
    """A constant that a correction used.

    Attributes
    ----------
    path : Path
        Of its file; it is written absolute.
    dataset : str
        Group in the file, with the number of the version.
    created : datetime
        Begin of its validity, with a time zone.
    ccv_id : int
        Its number in the facility's database; 0 for one that is not from there.
    """

    path: Path
    dataset: str
    created: datetime
    ccv_id: int = 0


@dataclass(frozen=True)
class RetrievedModule:
    """Constants that a correction used for one module, by their names in the database; ``unit`` is the module's."""

    unit: str
    constants: Mapping[str, RetrievedConstant]


@dataclass(frozen=True)
class Correction:
    """What the record says of a correction.

    Attributes
    ----------
    detector : str
        Its identifier.
    raw, out : Path
        Folders of the raw and of the corrected run.
    run : int
    modules : mapping
        What was used, by aggregator; behind a slash the number of the module, where several share a file.
    parameters : mapping
        Further plain values by name; blanks and underscores become dashes.
    title, author : str
    jobs : sequence of mapping
        What a batch system says of each job: JobID, State, Start, End, Elapsed, Suspended.
    steps : mapping
        Times by step of the program: request-time, submission-time, report-compilation-time.
    report : str
        Path of the report; empty where there is none.
    """

    detector: str
    raw: Path
    out: Path
    run: int
    modules: Mapping[str, RetrievedModule]
    parameters: Mapping[str, Any]
    title: str
    author: str = ""
    jobs: Sequence[Mapping[str, Any]] = ()
    steps: Mapping[str, Any] | None = None
    report: str = ""


def write_record(correction: Correction, overwrite: bool = False) -> Path:
    """Write ``calibration_metadata_<detector>.yml`` into the folder of the corrected run.

    Parameters
    ----------
    correction : Correction
    overwrite : bool
        Replace a record of an earlier correction.

    Returns
    -------
    Path

    Raises
    ------
    OutputFailed
        It exists and may not be replaced, or the system refuses; nothing is left.
    """
    path = correction.out / f"calibration_metadata_{correction.detector}.yml"
    text = yaml.safe_dump(_record(correction), allow_unicode=True)
    write_atomically(path, text.encode(), overwrite)
    return path


def _record(correction: Correction) -> dict[str, Any]:
    return {
        "calibration-configurations": _configuration(correction),
        "concurrency": {"default": [-1], "function": "balance_sequences", "parameter": "sequences"},
        "notebook": {"author": correction.author, "title": correction.title},
        "pycalibration-version": f"calibwb {__version__}",
        "python-environment": {"path": sys.prefix, "python-version": platform.python_version()},
        "report-path": correction.report,
        "reproducible": True,
        "retrieved-constants": {name: _module(one) for name, one in correction.modules.items()},
        "runtime-summary": {"calibration-jobs": [dict(job) for job in correction.jobs],
                            "pipeline-steps": dict(correction.steps or {})},
    }


def _configuration(correction: Correction) -> dict[str, Any]:
    named = {name.replace("_", "-").replace(" ", "-"): value for name, value in correction.parameters.items()}
    return {"sequences": [-1], "modules": [-1], **named, "karabo-id": correction.detector,
            "karabo-da": list(correction.modules), "in-folder": str(correction.raw.absolute()),
            "out-folder": str(correction.out.absolute()), "run": correction.run}


def _module(module: RetrievedModule) -> dict[str, Any]:
    return {"constants": {name: _constant(one) for name, one in module.constants.items()},
            "physical-name": module.unit}


def _constant(constant: RetrievedConstant) -> dict[str, Any]:
    return {"ccv_id": constant.ccv_id, "creation-time": constant.created.isoformat(timespec="milliseconds"),
            "dataset": constant.dataset, "path": str(constant.path.absolute())}

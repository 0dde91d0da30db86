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
from calib_core.errors import BadInput
from calib_core.store.files import write_atomically

#: A record of a detector of 16 modules has some 30 kB; reading one that is far larger takes minutes.
_MOST_BYTES = 8 << 20


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
        Its number in the facility's database, or in the store that it was taken of; 0 for one of a folder or file.
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
    path = record_path(correction.out, correction.detector)
    text = yaml.safe_dump(_record(correction), allow_unicode=True)
    write_atomically(path, text.encode(), overwrite)
    return path


@dataclass(frozen=True)
class Recorded:
    """What a record on the disk says of a correction; what it does not say is empty.

    Attributes
    ----------
    path : Path
    program, raw : str
        Version of the program, and folder of the raw run.
    parameters : mapping of str to str
        All that it was configured with, by name.
    constants : mapping
        By aggregator and calibration: when the constant was made, and its file.
    """

    path: Path
    program: str
    raw: str
    parameters: Mapping[str, str]
    constants: Mapping[str, Mapping[str, tuple[str, str]]]


def read_record(folder: Path, detector: str) -> Recorded | None:
    """Read the record of a correction beside its files.

    Parameters
    ----------
    folder : Path
        Of the corrected run.
    detector : str
        Its identifier.

    Returns
    -------
    Recorded or None
        None where there is no such file.

    Raises
    ------
    BadInput
        It cannot be read or understood; the message names it.
    """
    path = record_path(folder, detector)
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{path} is larger than {_MOST_BYTES >> 20} MiB, which no record of a correction is.")
        said = yaml.safe_load(path.read_text("utf-8"))
        return _recorded(path, said)
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise BadInput(f"{path} cannot be read: {' '.join(str(error).split())[:160]}.") from error
    except (AttributeError, TypeError) as error:
        raise BadInput(f"{path} is no record of a correction: {error}.") from error


def _recorded(path: Path, said: Any) -> Recorded:
    configured = {str(name): str(value) for name, value in said["calibration-configurations"].items()} if (
        "calibration-configurations" in said) else {}
    constants = {
        str(module): {str(name): (str(one.get("creation-time", "")), str(one.get("path", "")))
                      for name, one in entry["constants"].items()}
        for module, entry in (said.get("retrieved-constants") or {}).items()
        if isinstance(entry, Mapping) and "constants" in entry}  # a summary of times stands among the modules
    return Recorded(path, str(said.get("pycalibration-version", "")), configured.get("in-folder", ""), configured,
                    constants)


def record_path(folder: Path, detector: str) -> Path:
    """Where the record of a detector's correction lies.

    Parameters
    ----------
    folder : Path
        Of the corrected run.
    detector : str
        Its identifier.
    """
    return folder / f"calibration_metadata_{detector}.yml"


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

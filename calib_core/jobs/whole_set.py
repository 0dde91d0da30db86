"""Sets of constants that are written outside of a job: complete in the end, or not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from calib_core import __version__
from calib_core.constants.constant import Constant
from calib_core.io.buffers import Buffers
from calib_core.jobs.board import Written
from calib_core.jobs.set_writer import SetWriter
from calib_core.store.constants import folder_of_type
from calib_core.store.manifests import Manifest, Member, SetOnDisk, Writer, name_of


@dataclass(frozen=True)
class AboutSet:
    """What the manifest of a set says of it.

    Attributes
    ----------
    job, detector : str
        What made it, and the detector's identifier.
    started : datetime
    said : object
        Plain JSON that decided it.
    """

    job: str
    detector: str
    started: datetime
    said: Any


def write_set(about: AboutSet, root: Path, constants: Sequence[Constant]) -> tuple[Written, ...]:
    """Write constants of one detector type as one set, which appears when all of it is there.

    Parameters
    ----------
    about : AboutSet
    root : Path
        Of a tree of constants.
    constants : sequence of Constant
        At least one.

    Returns
    -------
    tuple of Written

    Raises
    ------
    OutputFailed
        A constant cannot be written; nothing appears.
    """
    found: list[Written] = []
    writer, buffers = SetWriter(_planned(about, root, constants), root, True, found.extend), Buffers()
    try:
        for one in constants:
            writer.write(one, buffers)
        writer.complete()
    except BaseException as error:
        writer.cut_short(str(error))
        raise
    return tuple(found)


def _planned(about: AboutSet, root: Path, constants: Sequence[Constant]) -> SetOnDisk:
    """The set before anything of it is written."""
    members = tuple(Member(unit=one.pdu, calibration=one.calibration, module=int(one.provenance["module"]))
                    for one in constants)
    said = json.dumps([__version__, about.said], sort_keys=True)
    folder = root / folder_of_type(str(constants[0].provenance["detector_type"]))
    return SetOnDisk(folder, name_of(about.started), Manifest(
        key=hashlib.sha256(said.encode()).hexdigest(), job=about.job, detector=about.detector,
        started=about.started, writer=Writer.here(), members=members))

"""Where the facility's database and its files are."""

from __future__ import annotations

import os
from pathlib import Path

#: Names another address of the database, and the folder that its files are below.
ADDRESS_VARIABLE, ROOT_VARIABLE = "CALIBWB_CALCAT", "CALIBWB_CALCAT_FOLDER"
#: What answers inside of the facility without a login: European-XFEL/EXtra, ``calibration/calcat.py``.
PROXY = "http://exflcalproxy.desy.de:8080"
#: Roots of the facility's constants, online and offline: European-XFEL/EXtra, ``calibration/calcat.py``.
ROOTS = (Path("/common/cal/caldb_store"), Path("/gpfs/exfel/d/cal/caldb_store"))


def usual_address() -> str:
    """Address of the database, without ``/api``."""
    return os.environ.get(ADDRESS_VARIABLE, "") or PROXY


def root_of_files() -> Path:
    """Folder that the database's files are below: what is named, else the first of the facility's that is there."""
    said = os.environ.get(ROOT_VARIABLE, "")
    return Path(said) if said else next((root for root in ROOTS if root.is_dir()), ROOTS[-1])


def needs_login(address: str) -> bool:
    """Whether a login is needed: those that are encrypted are reached from everywhere.

    Parameters
    ----------
    address : str
    """
    return address.lower().startswith("https:")

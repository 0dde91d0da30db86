"""The store behind what an operator gives: the facility's, our own where a folder has its index, else the folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from calib_core.store.base import ConstantStore
from calib_core.store.calcat.store import CalCat
from calib_core.store.folder import Folder
from calib_core.store.local.index import is_index
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import CALCAT_WORD, STORE_VARIABLE


def usual_store() -> Path:
    """Folder of the operator's own store."""
    said = os.environ.get(STORE_VARIABLE, "")
    return Path(said) if said else platformdirs.user_data_path("calibwb") / "store"


def open_store(given: str) -> ConstantStore:
    """The store behind a path, or a word.

    Parameters
    ----------
    given : str
        Folder of a store or of constants, manifest of a set, or file; or the word for the facility's database.

    Raises
    ------
    BadInput
        A store is of a newer program, or damaged.
    """
    if given == CALCAT_WORD:
        return CalCat()
    path = Path(given)
    return LocalStore(path) if is_index(path) or path == usual_store() else Folder(path)

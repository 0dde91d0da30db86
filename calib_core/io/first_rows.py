"""First rows of a dataset of a raw file; what h5py says of it becomes one sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from calib_core.axes import Array
from calib_core.errors import BadInput
from calib_core.io.datasets import UnfitError, find, read_values
from calib_core.io.files import HDF5_ERRORS, RunFile, cause_of

log = logging.getLogger(__name__)
T = TypeVar("T")


def first_rows(file: RunFile, path: str, rows: int) -> Array | None:
    """First rows of a dataset, which is padded behind the last train; what is no data is left out and told.

    Parameters
    ----------
    file : RunFile
    path : str
        Within the file.
    rows : int

    Returns
    -------
    array or None
        Fewer rows where there are no more; None where there is no such dataset, or none with rows.

    Raises
    ------
    BadInput
        The file cannot be read; the message names it.
    """
    return readable(file, partial(_first_rows, file, path, rows))


def _first_rows(file: RunFile, path: str, rows: int) -> Array | None:
    try:
        dataset = find(file, path)
        return None if dataset is None or not dataset.shape else read_values(file, dataset, rows)
    except UnfitError as unfit:
        log.warning("%s, %s; it is not used.", file.name, unfit)
        return None


def readable(file: RunFile, call: Callable[[], T]) -> T:
    """What a call reads of a file.

    Raises
    ------
    BadInput
        It cannot be read; the message names it.
    """
    try:
        return call()
    except HDF5_ERRORS as error:
        raise BadInput(f"{file.name} cannot be read: {cause_of(error)}.") from error

"""What a corrected file takes over from its raw file: name, header and trains."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.errors import BadInput
from calib_core.io.datasets import find, read_values
from calib_core.io.entries import absurd_trains, repeated_trains, suspect_trains, train_ids, unordered_trains
from calib_core.io.files import HDF5_ERRORS, RunFile, cause_of
from calib_core.store.exdf import FileHeader, Trains

Array = npt.NDArray[Any]

#: Versions that are written; files of older ones become files of the first.
_VERSIONS = ("1.2", "1.3")
#: Headers hold numbers of 32 bits.
_LARGEST_NUMBER = 2**32 - 1
_RUN = re.compile(r"-R(\d{4})-")
_NO_TRAINS = np.empty(0, np.uint64)


@dataclass(frozen=True)
class Origin:
    """What a corrected file takes over from its raw file.

    Attributes
    ----------
    run : int
    aggregator : str
    sequence : int
    trains : Trains
        All of the raw file's that are trains of its run, also those without frames.
    header : FileHeader
    """

    run: int
    aggregator: str
    sequence: int
    trains: Trains
    header: FileHeader

    @property
    def name(self) -> str:
        """Name of the corrected file."""
        return f"CORR-R{self.run:04d}-{self.aggregator}-S{self.sequence:05d}.h5"


def origin_of(raw: RunFile, used: Array = _NO_TRAINS) -> Origin:
    """Read what a corrected file takes over.

    Parameters
    ----------
    raw : RunFile
    used : (k,) uint64
        Trains whose frames are corrected, in any order and also of other files: what was judged with the whole run
        at hand stays, whatever this file alone looks like.

    Raises
    ------
    BadInput
        The header or the index cannot be read, or there is no run number.
    """
    try:
        trains, told = _trains(raw, used), raw.access.metadata()
    except HDF5_ERRORS as error:
        raise BadInput(f"{raw.name} cannot be read: {cause_of(error)}.") from error
    numbers = {name: int(value) for name, value in told.items()
               if isinstance(value, np.integer) and 0 <= value <= _LARGEST_NUMBER}
    numbers.setdefault("sequenceNumber", raw.sequence)
    if "runNumber" not in numbers:
        numbers["runNumber"] = _run_in_name(raw.path)
    # what should be a number and is a text is known from elsewhere
    texts = {name: value for name, value in told.items() if isinstance(value, str) and name not in numbers}
    if texts.get("dataFormatVersion") not in _VERSIONS:
        texts["dataFormatVersion"] = _VERSIONS[0]
    return Origin(numbers["runNumber"], raw.aggregator, raw.sequence, trains, FileHeader(numbers, texts))


def _run_in_name(path: Path) -> int:
    found = _RUN.search(path.name)
    if found is None:
        raise BadInput(f"{path} has no run number in its name; it must be called like RAW-R0001-…-S00000.h5.")
    return int(found[1])


def _trains(raw: RunFile, used: Array) -> Trains:
    """Trains in the order of their ids, which an index must have."""
    ids = train_ids(raw)
    wrong = absurd_trains(ids) | repeated_trains(ids)
    wrong[~wrong] = unordered_trains(ids[~wrong])
    found, first = np.unique(ids, return_index=True)
    chosen = first[np.isin(found, np.union1d(ids[~wrong], used)) & (found != 0)]
    return Trains(ids[chosen], _beside(raw, "INDEX/timestamp", chosen, np.uint64),
                  ~suspect_trains(raw, ids)[chosen], _beside(raw, "INDEX/origin", chosen, np.int32))


def _beside(raw: RunFile, path: str, chosen: Array, dtype: type[np.generic]) -> Array:
    """What the file says of some of its trains; nothing where it does not say it of all of them."""
    found = find(raw, path)
    if found is None or not chosen.size or len(found) <= chosen.max():
        return np.empty(0, dtype)
    return read_values(raw, found)[chosen].astype(dtype)

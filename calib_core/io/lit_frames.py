"""Which frames of a module had light, as a device of the run tells it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from calib_core.errors import BadInput
from calib_core.io.datasets import find, read_values
from calib_core.io.entries import read_entries
from calib_core.io.files import RunFile
from calib_core.io.first_rows import readable
from calib_core.io.module_index import ModuleIndex

#: Where such devices are recorded: as sources that reduced the data, or as any other.
_SECTIONS = ("REDUCTION", "INSTRUMENT")
_GROUP, _KEY = "data", "dataFramePattern"
#: Trains and whether each memory cell was lit, (m,) and (m, cells).
_Told = tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]


def only_lit(index: ModuleIndex, run: str, files: Sequence[RunFile], usual: str, device: str) -> ModuleIndex:
    """Index of the frames that had light; the others are counted, and those of which nothing is told.

    Parameters
    ----------
    index : ModuleIndex
    run : str
        Its label.
    files : sequence of RunFile
        All of the run; what the module's own files tell is preferred.
    usual : str
        Regular expression of the names of such devices.
    device : str
        Name of the one that is asked for; empty takes the only one that there is.

    Raises
    ------
    BadInput
        The run has no such device, or several; or a file cannot be read.
    """
    own = [part.file for part in index.parts]
    source = _source(run, files, usual, device)
    told = [_told(file, source) for file in own if source in _sources(file)] or [
        _told(file, source) for file in files if source in _sources(file)]
    known, lit = np.zeros(len(index.train), bool), np.zeros(len(index.train), bool)
    for trains, pattern in told:
        place = np.searchsorted(trains, index.train)
        there = (place < len(trains)) & (index.cell < pattern.shape[1])
        there[there] = trains[place[there]] == index.train[there]
        known |= there
        lit[there] = pattern[place[there], index.cell[there]]
    index = index.left_out(~known, f"of which {source} tells nothing")
    return index.left_out(~lit[known], "without light")


def _sources(file: RunFile) -> frozenset[str]:
    return frozenset(file.access.reduction_sources) | frozenset(file.access.instrument_sources)


def _source(run: str, files: Iterable[RunFile], usual: str, device: str) -> str:
    """The one source of a device that tells lit frames."""
    rule = re.compile(rf"{re.escape(device) if device else usual}:\w+")
    found = sorted({name for file in files for name in _sources(file) if rule.fullmatch(name)})
    if not found:
        raise BadInput(f"Run {run} has no device {device or 'such as …/REDU/LITFRM'} that tells which frames had "
                       "light; leave --lit-frames out" + (", or --lit-frames-device." if device else "."))
    if len(found) > 1:
        raise BadInput(f"Run {run} has {' and '.join(found)}, which tell which frames had light; name one with "
                       "--lit-frames-device.")
    return found[0]


def _told(file: RunFile, source: str) -> _Told:
    """What a file tells of its trains."""
    return readable(file, partial(_read, file, source))


def _read(file: RunFile, source: str) -> _Told:
    stored = next((one for section in _SECTIONS
                   if (one := find(file, f"{section}/{source}/{_GROUP}/{_KEY}")) is not None), None)
    if stored is None or stored.ndim != 2:
        return np.empty(0, np.uint64), np.empty((0, 0), bool)
    pattern, entries = read_values(file, stored), read_entries(file, source, _GROUP)
    there = (entries.count == 1) & (entries.first >= 0) & (entries.first < len(pattern))
    trains, first = np.unique(entries.train[there], return_index=True)
    return trains, pattern[entries.first[there][first]] > 0

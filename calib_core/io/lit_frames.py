"""Which frames of a module had light, and how much, as devices of the run tell it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType, FrameSelection
from calib_core.errors import BadInput
from calib_core.io.datasets import find, read_values
from calib_core.io.entries import read_entries
from calib_core.io.files import RunFile
from calib_core.io.first_rows import readable
from calib_core.io.module_index import ModuleIndex
from calib_core.io.pulse_energies import OfFrames, energies_of, has_energies

#: Where such devices are recorded: as sources that reduced the data, or as any other.
_SECTIONS = ("REDUCTION", "INSTRUMENT")
_GROUP, _KEY = "data", "dataFramePattern"
_UNLIT = "without light"
_Mask = npt.NDArray[np.bool_]
_Places = npt.NDArray[np.int64]
#: Trains and whether each memory cell was lit, (m,) and (m, cells).
_Told = tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]


def by_light(
    index: ModuleIndex, kind: DetectorType, run: str, files: Sequence[RunFile], selection: FrameSelection
) -> ModuleIndex:
    """Index of the frames that had light, and enough of it; others are counted, and those of which nothing is told.

    Parameters
    ----------
    index : ModuleIndex
    kind : DetectorType
    run : str
        Its label.
    files : sequence of RunFile
        All of the run; what the module's own files tell of lit frames is preferred.
    selection : FrameSelection
        What is asked for. A monitor of energies that the run does not have is passed over.

    Raises
    ------
    BadInput
        The run has no device that tells lit frames, or several; or a file cannot be read.
    """
    energies = (energies_of(index, kind, files, selection.xgm)
                if selection.xgm and has_energies(files, selection.xgm) else None)
    stay = np.arange(len(index.train))
    for one in _asked(index, kind, run, files, selection, energies):
        index, stay = _left_out(index, stay, one, selection.whole_run)
    return index


@dataclass(frozen=True)
class _Asked:
    """What a source tells of frames: whether anything, and whether they are wanted; why others are not."""

    source: str
    known: _Mask
    wanted: _Mask
    reason: str


def _asked(
    index: ModuleIndex, kind: DetectorType, run: str, files: Sequence[RunFile], selection: FrameSelection,
    energies: OfFrames | None,
) -> Iterator[_Asked]:
    """What is asked of frames, one after the other."""
    if selection.lit == "device" or (
            selection.lit == "auto" and _devices(files, kind.lit_device, selection.lit_device)):
        source = _source(run, files, kind.lit_device, selection.lit_device)
        yield _Asked(source, *_lit(index, files, source), _UNLIT)
    elif selection.lit != "off" and energies is not None:
        yield _Asked(energies.source, energies.known, np.isfinite(energies.energy), _UNLIT)
    if selection.least_energy is not None and energies is not None:
        yield _Asked(energies.source, energies.known, energies.energy >= selection.least_energy,
                     f"below {selection.least_energy:g} µJ")
    if selection.most_energy is not None and energies is not None:
        yield _Asked(energies.source, energies.known, energies.energy <= selection.most_energy,
                     f"above {selection.most_energy:g} µJ")


def _left_out(index: ModuleIndex, stay: _Places, asked: _Asked, whole_run: bool) -> tuple[ModuleIndex, _Places]:
    """Without frames of which nothing is told, and those that are not wanted: in any train, or in their own."""
    known = asked.known[stay]
    index, stay = index.left_out(~known, f"of which {asked.source} tells nothing"), stay[known]
    wanted = asked.wanted[stay]
    if whole_run:
        wanted = np.isin(index.cell, np.unique(index.cell[wanted]))
    return index.left_out(~wanted, asked.reason), stay[wanted]


def _lit(index: ModuleIndex, files: Sequence[RunFile], source: str) -> tuple[_Mask, _Mask]:
    """Whether a device tells anything of each frame, and whether it was lit."""
    own = [part.file for part in index.parts]
    told = [_told(file, source) for file in own if source in _sources(file)] or [
        _told(file, source) for file in files if source in _sources(file)]
    known, lit = np.zeros(len(index.train), bool), np.zeros(len(index.train), bool)
    for trains, pattern in told:
        place = np.searchsorted(trains, index.train)
        there = (place < len(trains)) & (index.cell < pattern.shape[1])
        there[there] = trains[place[there]] == index.train[there]
        known |= there
        lit[there] = pattern[place[there], index.cell[there]]
    return known, lit


def _sources(file: RunFile) -> frozenset[str]:
    return frozenset(file.access.reduction_sources) | frozenset(file.access.instrument_sources)


def _devices(files: Iterable[RunFile], usual: str, device: str) -> list[str]:
    """Sources of devices that tell lit frames: of one name, or of the usual ones."""
    rule = re.compile(rf"{re.escape(device) if device else usual}:\w+")
    return sorted({name for file in files for name in _sources(file) if rule.fullmatch(name)})


def _source(run: str, files: Iterable[RunFile], usual: str, device: str) -> str:
    """The one source of a device that tells lit frames."""
    found = _devices(files, usual, device)
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

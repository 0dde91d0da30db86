"""Energies of the pulses that frames are of, as an X-ray gas monitor of the run tells them.

Source: European-XFEL/EXtra, ``extra.components.XGM``: values of a train stand one behind the other, those that are
exactly 1 are no pulse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.io.datasets import find, read_values
from calib_core.io.entries import read_entries
from calib_core.io.files import RunFile
from calib_core.io.first_rows import readable
from calib_core.io.module_index import ModuleIndex
from calib_core.io.selected import places_in_train
from calib_core.io.sequence_frames import numbers_beside

_OUTPUT, _GROUP, _KEY = ":output", "data", "intensityTD"
#: Stands behind the last pulse of a train.
_PADDING = 1.0
#: Trains and the energies of their pulses, (m,) and (m, pulses), NaN behind the last.
_Told = tuple[npt.NDArray[np.uint64], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class OfFrames:
    """What a monitor tells of frames.

    Attributes
    ----------
    source : str
        Name of the monitor's fast source.
    known : (n,) bool
        Whether it tells anything of a frame's train.
    energy : (n,) float64
        Of the frame's pulse, µJ; NaN where there was none.
    """

    source: str
    known: npt.NDArray[np.bool_]
    energy: npt.NDArray[np.float64]


def has_energies(files: Iterable[RunFile], device: str) -> bool:
    """Whether a run has a monitor's energies.

    Parameters
    ----------
    files : iterable of RunFile
        All of the run.
    device : str
        Name of the monitor.
    """
    return any(_source(device) in file.access.instrument_sources for file in files)


def energies_of(index: ModuleIndex, kind: DetectorType, files: Sequence[RunFile], device: str) -> OfFrames:
    """Energies of the pulses that frames are of.

    The n-th energy of a train is that of its n-th pulse. Pulses are counted by the pulse ids of the frames, from the
    smallest on in the smallest step that the run has, so that frames which were vetoed count too; without pulse ids
    by the places of the frames in their train. Pulses and frames of a train are taken to begin together.

    Parameters
    ----------
    index : ModuleIndex
    kind : DetectorType
    files : sequence of RunFile
        All of the run.
    device : str
        Name of a monitor that it has.

    Returns
    -------
    OfFrames

    Raises
    ------
    BadInput
        A file cannot be read.
    """
    source, number = _source(device), _pulses(index, kind)
    known, energy = np.zeros(len(index.train), bool), np.full(len(index.train), np.nan)
    for trains, values in (readable(file, partial(_read, file, source)) for file in files
                           if source in file.access.instrument_sources):
        place = np.searchsorted(trains, index.train)
        there = place < len(trains)
        there[there] = trains[place[there]] == index.train[there]
        known |= there
        pulsed = there & (number < values.shape[1])
        energy[pulsed] = values[place[pulsed], number[pulsed]]
    return OfFrames(source, known, energy)


def _source(device: str) -> str:
    return device if device.endswith(_OUTPUT) else f"{device}{_OUTPUT}"


def _pulses(index: ModuleIndex, kind: DetectorType) -> npt.NDArray[np.int64]:
    """Number of the pulse in its train that each frame is of, from 0."""
    if kind.raw.frames_per_entry:
        return index.slot
    ids = None if kind.raw.pulse is None else _pulse_ids(index, kind.raw.pulse)
    if ids is None or not len(ids):
        return places_in_train(index)
    step = max(1, int(np.diff(np.unique(ids)).min(initial=np.iinfo(np.int64).max)))
    return np.asarray((ids - ids.min()) // step)


def _pulse_ids(index: ModuleIndex, key: str) -> npt.NDArray[np.int64] | None:
    """Pulse ids of all frames; None where a file has none for each."""
    found = np.zeros(len(index.row), np.int64)
    for number, _ in enumerate(index.parts):
        mine = index.part == number
        ids = numbers_beside(index, number, key, index.row[mine], 1)
        if ids is None and mine.any():
            return None
        found[mine] = 0 if ids is None else ids
    return found


def _read(file: RunFile, source: str) -> _Told:
    stored = find(file, f"INSTRUMENT/{source}/{_GROUP}/{_KEY}")
    if stored is None or stored.ndim != 2:
        return np.empty(0, np.uint64), np.empty((0, 0))
    values, entries = read_values(file, stored).astype(np.float64), read_entries(file, source, _GROUP)
    values[np.logical_or.accumulate(values == _PADDING, axis=1)] = np.nan
    there = (entries.count == 1) & (entries.first >= 0) & (entries.first < len(values))
    trains, first = np.unique(entries.train[there], return_index=True)
    return trains, values[entries.first[there][first]]

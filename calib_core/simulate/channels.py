"""Keys that a channel of the data acquisition writes beside the pixels: ids, cells, headers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.simulate.exdf import ExdfFile, Trains
from calib_core.simulate.settings import Settings

Array = npt.NDArray[Any]

#: Slots of the pulse grid of a train per microsecond.
PULSE_GRID_MHZ = 4.5
_XTDF_SUFFIX = ":xtdf"
#: Link id of module 0.
_LINK = 0xFFFFFFFF00000000


@dataclass(frozen=True)
class ModuleTrains:
    """Trains of one file and which of them have frames of the module.

    Attributes
    ----------
    trains : Trains
    present : (n,) bool
    cells : (m,) int64
        Recorded memory cells in the order of recording, -1 where the frame is missing.
    """

    trains: Trains
    present: Array
    cells: Array

    @property
    def ids(self) -> Array:
        """Ids of the trains that have frames."""
        return self.trains.ids[self.present]


def write_companions(file: ExdfFile, settings: Settings, source: str, data: ModuleTrains) -> None:
    """Write index and all small keys of a module's source."""
    detector = settings.detector
    if detector.raw.frames_per_entry:
        file.instrument(source, detector.raw.group, data.present)
        columns = _entry_columns(detector, data)
    else:
        file.instrument(source, detector.raw.group, data.present * len(data.cells))
        columns = _frame_columns(settings, data)
    for key, values in columns:
        file.column(source, key, values)
    if source.endswith(_XTDF_SUFFIX):
        for group, keys in _xtdf_groups(source, detector, data).items():
            file.instrument(source, group, data.present)
            for key, values in {"trainId": data.ids, **keys}.items():
                file.column(source, f"{group}.{key}", values)


def _frame_columns(settings: Settings, data: ModuleTrains) -> Iterator[tuple[str, Array]]:
    raw, ids = settings.detector.raw, data.ids
    step = max(1, round(PULSE_GRID_MHZ / settings.acquisition_rate))
    n = (len(ids) * len(data.cells), 1)
    yield raw.train, np.repeat(ids, len(data.cells)).reshape(n)
    yield raw.cell, np.tile(data.cells, len(ids)).astype(np.uint16).reshape(n)
    if raw.pulse:
        yield raw.pulse, np.tile(data.cells * step, len(ids)).astype(np.uint64).reshape(n)
    yield f"{raw.group}.length", np.full(n, settings.detector.frame_bytes, np.uint32)
    yield f"{raw.group}.status", np.zeros(n, np.uint16)


def _entry_columns(detector: DetectorType, data: ModuleTrains) -> Iterator[tuple[str, Array]]:
    raw, ids = detector.raw, data.ids
    shape = (len(ids), len(data.cells))
    number = ids[:, None] * np.uint64(len(data.cells)) + np.arange(len(data.cells), dtype=np.uint64)
    seconds = data.trains.times[data.present] * 1e-9
    stored = np.where(data.cells < 0, raw.no_frame_cell or 0, data.cells).astype(np.uint8)
    yield raw.train, ids
    yield raw.cell, np.broadcast_to(stored, shape)
    yield f"{raw.group}.frameNumber", number
    yield f"{raw.group}.bunchId", np.repeat(ids, len(data.cells)).reshape(shape)
    yield f"{raw.group}.timestamp", np.repeat(seconds, len(data.cells)).reshape(shape)


def _xtdf_groups(source: str, detector: DetectorType, data: ModuleTrains) -> dict[str, dict[str, Array]]:
    n = len(data.ids)
    module = (detector.raw.match(source) or ("", 0))[1]
    return {
        "header": {
            "dataId": np.zeros(n, np.uint64),
            "linkId": np.full(n, _LINK + module, np.uint64),
            "magicNumberBegin": np.zeros((n, 8), np.int8),
            "majorTrainFormatVersion": np.full(n, 2, np.uint32),
            "minorTrainFormatVersion": np.zeros(n, np.uint32),
            "pulseCount": np.full(n, len(data.cells), np.uint64),
            "reserved": np.zeros((n, 16), np.uint8),
        },
        "detector": {"data": np.zeros((n, detector.truth["telemetry_bytes"]), np.uint8)},
        "trailer": {
            "checksum": np.zeros((n, 16), np.int8),
            "magicNumberEnd": np.zeros((n, 8), np.int8),
            "status": np.zeros(n, np.uint64),
        },
    }

"""Keys that a channel of the data acquisition writes beside the pixels: ids, cells, headers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.simulate.settings import Settings, simulated
from calib_core.store.exdf import ExdfFile, Trains

Array = npt.NDArray[Any]

#: Slots of the pulse grid of a train per microsecond.
PULSE_GRID_MHZ = 4.5
_XTDF_SUFFIX = ":xtdf"
#: Keys of the control system's image type end so.
_IMAGE_SUFFIX = "image.pixels"
#: Memory cell and pulse of frames whose own are not recorded.
_RUBBISH = 65535
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
    slots : (m,) int64
        Place of these cells in the order of recording before any is vetoed.
    kept : (trains with frames, m) bool
        Which of them a train has, the same in all gain stages; False is only possible where rows are frames.
    empty : (trains with frames,) bool
        Trains whose frames hold only zeros.
    stages : int
        Gain stages whose frames follow each other in each train.
    """

    trains: Trains
    present: Array
    cells: Array
    slots: Array
    kept: Array
    empty: Array
    stages: int = 1

    @property
    def stored(self) -> Array:
        """Which frames each train has, of all stages, (trains with frames, stages·m) bool."""
        return np.tile(self.kept, (1, self.stages))

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
        counts = np.zeros(len(data.trains), np.int64)
        counts[data.present] = data.stored.sum(axis=1)
        file.instrument(source, detector.raw.group, counts)
        columns = _frame_columns(settings, data)
    for key, values in columns:
        file.column(source, key, values)
    if source.endswith(_XTDF_SUFFIX):
        for group, keys in _xtdf_groups(source, detector, data).items():
            file.instrument(source, group, data.present)
            for key, values in {"trainId": data.ids, **keys}.items():
                file.column(source, f"{group}.{key}", values)


def _frame_columns(settings: Settings, data: ModuleTrains) -> Iterator[tuple[str, Array]]:
    raw, stored = settings.detector.raw, data.stored
    xtdf = raw.source_format.endswith(_XTDF_SUFFIX)
    shape = (int(stored.sum()), 1)[:1 + xtdf]
    yield raw.train, np.repeat(data.ids, stored.sum(axis=1)).reshape(shape)
    if raw.cell:
        yield raw.cell, _per_frame(data.cells, data).astype(np.uint16).reshape(shape)
    if raw.pulse:
        step = max(1, round(PULSE_GRID_MHZ / settings.acquisition_rate))
        yield raw.pulse, _per_frame(data.slots * step, data).astype(np.uint64).reshape(shape)
    if xtdf:
        size = settings.detector.pixels * settings.detector.planes * 2
        yield f"{raw.group}.length", np.full(shape, size, np.uint32)
        yield f"{raw.group}.status", np.zeros(shape, np.uint16)
    if raw.pixels.endswith(_IMAGE_SUFFIX):
        yield from _image_columns(settings.detector, shape[0])


def _per_frame(values: Array, data: ModuleTrains) -> Array:
    """Values of the first stage for each frame; behind them stands rubbish, as only the first stage's are valid."""
    rubbish = np.full(len(values) * (data.stages - 1), _RUBBISH)
    return np.broadcast_to(np.concatenate([values, rubbish]), data.stored.shape)[data.stored]


def _image_columns(detector: DetectorType, n: int) -> Iterator[tuple[str, Array]]:
    """What the control system's image type says beside the pixels."""
    base = detector.raw.pixels.removesuffix("pixels")
    pair = (n, 2)
    yield f"{base}dims", np.broadcast_to(np.array(detector.shape, np.uint64), pair)
    yield f"{base}dimTypes", np.zeros(pair, np.int32)
    yield f"{base}roiOffsets", np.zeros(pair, np.uint64)
    yield f"{base}binning", np.ones(pair, np.uint64)
    for name, value in (("bitsPerPixel", 16), ("encoding", 0), ("rotation", 0)):
        yield f"{base}{name}", np.full(n, value, np.int32)
    for name in ("flipX", "flipY"):
        yield f"{base}{name}", np.zeros(n, np.uint8)


def _entry_columns(detector: DetectorType, data: ModuleTrains) -> Iterator[tuple[str, Array]]:
    raw, ids = detector.raw, data.ids
    shape = (len(ids), len(data.cells))
    number = ids[:, None] * np.uint64(len(data.cells)) + np.arange(len(data.cells), dtype=np.uint64)
    seconds = data.trains.times[data.present] * 1e-9
    stored = np.where(data.cells < 0, raw.no_frame_cell or 0, data.cells).astype(np.uint8)
    yield raw.train, ids
    if raw.cell:
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
            "pulseCount": data.stored.sum(axis=1).astype(np.uint64),
            "reserved": np.zeros((n, 16), np.uint8),
        },
        "detector": {"data": np.zeros((n, simulated(detector).hardware.telemetry_bytes), np.uint8)},
        "trailer": {
            "checksum": np.zeros((n, 16), np.int8),
            "magicNumberEnd": np.zeros((n, 8), np.int8),
            "status": np.zeros(n, np.uint64),
        },
    }

"""Corrected files, one for each raw file, in the layout that EXtra-data reads.

Source of the layout: European-XFEL/EXtra-data, its components and their mock data.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from calib_core import __version__
from calib_core.axes import Array
from calib_core.io.files import HDF5_ERRORS
from calib_core.io.foreign import try_run_file
from calib_core.io.unlocked import open_unlocked
from calib_core.store.draft import Draft
from calib_core.store.exdf import ExdfFile, Trains
from calib_core.store.frame_chunks import FrameChunks, frames_per_chunk
from calib_core.store.origin import Origin

#: Attributes of the file, of a source and of a dataset.
PROGRAM, JOB_KEY, SKIPPED_STEPS, STEPS, UNIT = "program", "job_key", "skipped_steps", "steps", "unit"
CONSTANTS = "constants"


@dataclass(frozen=True)
class CorrectedKey:
    """A key of a corrected source: what it has for each frame.

    Attributes
    ----------
    name : str
        With the group, such as ``image.data``.
    dtype : numpy dtype
    frame : tuple of int
        Shape for each frame; empty for a number.
    packed : bool
        Compressed with gzip; not for numbers.
    shuffled : bool
        The bytes of the values are sorted before, which makes flags smaller.
    unit : str
        Of the values; empty where they have none.
    steps : tuple of str
        Words of the steps that made them, in their order; none where it is no image of samples.
    gathered : bool
        Kept in memory and written at the end, as numbers are: for a few bytes of each frame.
    """

    name: str
    dtype: np.dtype[np.generic]
    frame: tuple[int, ...] = ()
    packed: bool = False
    shuffled: bool = False
    unit: str = ""
    steps: tuple[str, ...] = ()
    gathered: bool = False

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame as it is in memory."""
        return math.prod(self.frame) * self.dtype.itemsize


@dataclass(frozen=True)
class CorrectedSource:
    """A source of a corrected file: a module.

    Attributes
    ----------
    name : str
        Such as ``<detector>/CORR/0CH0:output``.
    group : str
        ``image`` or ``data``.
    rows : (n,) uint64
        Rows of each train of the file, 0 for those without frames.
    keys : tuple of CorrectedKey
        Train ids are not among them: they follow from ``rows``.
    per_row : int, optional
        Frames of a row for detectors whose rows have all memory cells of a train; None where a row is a frame.
    skipped : mapping
        Steps of the correction that were left out, with the reason of each.
    constants : mapping
        Constants that the other steps took, by their kinds, as plain JSON.
    """

    name: str
    group: str
    rows: Array
    keys: tuple[CorrectedKey, ...]
    per_row: int | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Axes of rows and of frames within a row, in front of a frame's own."""
        n = int(self.rows.sum())
        return (n,) if self.per_row is None else (n, self.per_row)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return math.prod(self.shape)

    @property
    def least_bytes(self) -> int:
        """Bytes on the disk at least: of all that is not packed."""
        return self.frames * sum(key.frame_bytes for key in self.keys if not key.packed)

    @property
    def most_bytes(self) -> int:
        """Bytes on the disk at most, but for a few of each frame: of all as it is in memory."""
        return self.frames * sum(key.frame_bytes for key in self.keys)


class CorrectedFile:
    """A corrected file that is being written under a temporary name; it appears whole at :meth:`commit`.

    In a ``with`` block, what was not committed is abandoned at the end. Whoever calls may do so from several threads.

    Parameters
    ----------
    folder : Path
        It is made where it is missing.
    origin : Origin
        Of the raw file: name, header and trains.
    sources : sequence of CorrectedSource
    key : str
        Tells the job, for :func:`read_key`.
    overwrite : bool
        Replace a file of this name.

    Raises
    ------
    OutputFailed
        The file exists and may not be replaced, the system refuses, or the disk has no room for what is not packed.
    """

    def __init__(
        self, folder: Path, origin: Origin, sources: Sequence[CorrectedSource], key: str, overwrite: bool = False,
    ) -> None:
        self.path = folder / origin.name
        self._draft, self._file = Draft(self.path, overwrite), None
        try:
            with self._draft.told():
                self._file = file = ExdfFile(self._draft, origin.trains, origin.header, growing=False)
                file.note("", {PROGRAM: f"calibwb {__version__}", JOB_KEY: key})
                self._writers = {one.name: SourceWriter(file, self._draft, one, origin.trains) for one in sources}
            self._draft.reserve(sum(one.least_bytes for one in sources))
        except BaseException:
            self.abandon()
            raise

    def __enter__(self) -> Self:
        """Write the file in a ``with`` block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abandon the file, unless it was committed."""
        self.abandon()

    def writer(self, source: str) -> SourceWriter:
        """Writer of one of the sources.

        Parameters
        ----------
        source : str
            Its name.
        """
        return self._writers[source]

    def commit(self) -> Path:
        """Finish the file, bring it to the disk and give it its name.

        Returns
        -------
        Path

        Raises
        ------
        ValueError
            Frames were never written. Nothing is left of the file.
        OutputFailed
            The system refuses. Nothing is left of the file either.
        """
        assert self._file is not None
        try:
            with self._draft.told():
                for writer in self._writers.values():
                    writer.finish()
                self._file.close()
            self._draft.commit()
        except BaseException:
            self.abandon()
            raise
        return self.path

    def abandon(self) -> None:
        """Leave nothing of a file that was not committed, to which nobody may write any more."""
        with suppress(*HDF5_ERRORS):  # whatever HDF5 says of it, nobody will read it
            if self._file is not None:
                self._file.close(whole=False)
        self._draft.abandon()


class SourceWriter:
    """Takes the frames of one source of a corrected file, from any thread, in any order and any number at a time."""

    def __init__(self, file: ExdfFile, draft: Draft, source: CorrectedSource, trains: Trains) -> None:
        self.source = source
        self._file, self._draft, self._lock = file, draft, threading.Lock()
        self._keys = {key.name: key for key in source.keys}
        self._missing = {name: np.ones(source.frames, bool) for name in self._keys}
        file.instrument(source.name, source.group, source.rows)
        file.column(source.name, f"{source.group}.trainId", np.repeat(trains.ids, source.rows.astype(np.int64)))
        gathered = [key for key in source.keys if key.gathered or not key.frame]
        self._numbers = {key.name: np.empty((source.frames, *key.frame), key.dtype) for key in gathered}
        self._chunks = {key.name: self._dataset(key) for key in source.keys if key not in gathered}

    def write(self, start: int | Array, values: Mapping[str, Array]) -> None:
        """Write some frames of some keys; those of packed keys are compressed in this thread.

        Parameters
        ----------
        start : int or (n,) int64
            Number of the first frame of this source in the file, or of each; they are counted row by row.
        values : mapping
            Arrays (n, *frame) by key, of the types that were declared.

        Raises
        ------
        OutputFailed
            The system refuses, now or before.
        ValueError
            An array is not as its key was declared, or a frame is outside the file or was written before.
        """
        for name, array in values.items():
            self._check(name, array)
            places = start + np.arange(len(array)) if np.ndim(start) == 0 else np.asarray(start)
            if len(places) != len(array):
                raise ValueError(f"{name} has {len(array)} frames for {len(places)} places")
            self._claim(name, places)
            if name in self._numbers:
                self._numbers[name][places] = array
                continue
            with self._draft.told():
                self._chunks[name].put(places, array)

    def finish(self) -> None:
        """Write what was kept in memory, after all frames; ValueError where some were never written."""
        for name, missing in self._missing.items():
            if missing.any():
                raise ValueError(f"{missing.sum()} of {len(missing)} frames of {name} were not written")
        for name, numbers in self._numbers.items():
            self._file.column(self.source.name, name, numbers.reshape(*self.source.shape, *numbers.shape[1:]))
        for key in self.source.keys:
            noted = ({UNIT: key.unit} if key.unit else {}) | ({STEPS: json.dumps(key.steps)} if key.steps else {})
            if noted:
                self._file.note(f"INSTRUMENT/{self.source.name}/{key.name.replace('.', '/')}", noted)
        self._file.note(f"INSTRUMENT/{self.source.name}", {
            SKIPPED_STEPS: json.dumps(dict(self.source.skipped), ensure_ascii=False),
            CONSTANTS: json.dumps(dict(self.source.constants), ensure_ascii=False)})

    def _dataset(self, key: CorrectedKey) -> FrameChunks:
        shape = self.source.shape
        together = (frames_per_chunk(key.frame_bytes, self.source.per_row or 1),)[: len(shape) - 1]
        made = self._file.frames(self.source.name, key.name, (*shape, *key.frame), key.dtype,
                                 (1, *together, *key.frame), key.packed, key.shuffled)
        return FrameChunks(made, key.frame, self.source.per_row or 1, math.prod(together))

    def _check(self, name: str, array: Array) -> None:
        key = self._keys[name]
        if array.dtype != key.dtype or array.shape[1:] != key.frame:
            raise ValueError(f"{name} takes {key.dtype} (n, {key.frame}) and not {array.dtype} {array.shape}")

    def _claim(self, name: str, places: Array) -> None:
        """Note that frames are there; each may come once."""
        missing = self._missing[name]
        if places.size and not 0 <= places.min() <= places.max() < len(missing):
            raise ValueError(f"{name} has frames 0 to {len(missing) - 1}, and not {places.min()} to {places.max()}")
        with self._lock:
            if not missing[places].all() or len(np.unique(places)) < len(places):
                raise ValueError(f"frames of {name} come twice, between {places.min()} and {places.max()}")
            missing[places] = False


def read_key(path: Path) -> str:
    """Key of the job that wrote a corrected file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        Empty where there is no file, or one that is damaged or was not written by this program: complete files alone
        have their names.
    """
    with suppress(*HDF5_ERRORS):
        try_run_file(path)
        with open_unlocked(path) as file:
            found = file.attrs.get(JOB_KEY, "")
            return found if isinstance(found, str) else ""
    return ""

"""Control values of a run over the trains that are used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import FrameSelection, Readings
from calib_core.io.cells import frequent_cells
from calib_core.io.entries import train_ids
from calib_core.io.files import RunFile
from calib_core.io.first_rows import first_rows, readable
from calib_core.io.module_index import ModuleIndex


class RunControl:
    """What descriptors may ask of a run (see :class:`calib_core.detector.ControlReader`)."""

    def __init__(
        self, files: Sequence[RunFile], pulse_key: str | None, index: Callable[[], ModuleIndex],
        selection: FrameSelection,
    ) -> None:
        self._files = files
        self._pulse_key = pulse_key
        self._index = index
        self._selection = selection
        self._used: npt.NDArray[np.uint64] | None = None
        self._rows_of: dict[RunFile, npt.NDArray[np.int64]] = {}
        self._names = sorted({s for f in files for s in f.access.control_sources})

    def sources(self, pattern: str) -> list[str]:
        """Control sources of all files of the run.

        Parameters
        ----------
        pattern : str
            Regular expression that the whole name must match, with regard to case.

        Returns
        -------
        list of str
            Sorted; empty where none matches.
        """
        rule = re.compile(pattern)
        return [name for name in self._names if rule.fullmatch(name)]

    def told(self, source: str, key: str) -> Readings | None:
        """Values over the trains that are used, from CONTROL; the one of RUN where CONTROL has none.

        Parameters
        ----------
        source, key : str
            As EXtra-data names them, but the key without its ending ``.value``.

        Returns
        -------
        Readings or None
            Numbers as they are stored or text; of vectors the first entries. None where no file has a value.

        Raises
        ------
        BadInput
            A file that lists the source cannot be read; the message names it.
        """
        used = self._trains()
        found = list(self._values("CONTROL", source, key))
        if any(len(values) for values in found):
            joined = np.concatenate([_first_entries(values) for values in found if len(values)])
            return Readings(joined, len(used), min(len(joined), len(used)))
        start = next((_first_entries(values) for values in self._values("RUN", source, key) if len(values)), None)
        return None if start is None else Readings(start[:1], len(used), 0)

    def cells(self) -> npt.NDArray[np.int64]:
        """Distinct memory cells of the first module's frames, sorted, but for those of a few stray frames."""
        return frequent_cells(self._index().cell)

    def cell_order(self) -> npt.NDArray[np.int64]:
        """Memory cells of the first train that has frames, in the order of recording, as they are stored."""
        index = self._index()
        mine = (index.train == index.train[:1]) & (index.part == index.part[:1])
        if not mine.any():
            return np.empty(0, np.int64)
        return np.asarray(index.parts[index.part[0]].cell[np.unique(index.row[mine])].reshape(-1), np.int64)

    def pulses(self) -> npt.NDArray[Any]:
        """Pulse ids of the first train that has frames."""
        index = self._index()
        if self._pulse_key is None or not len(index.train):
            return np.empty(0, np.uint64)
        part = index.parts[index.part[0]]
        first = index.row[_first_train(index)]
        path = f"INSTRUMENT/{index.module.source}/{self._pulse_key.replace('.', '/')}"
        found = first_rows(part.file, path, int(first.max()) + 1)
        if found is None or len(found) <= first.max():
            return np.empty(0, np.uint64)
        return np.asarray(found[first.min():].reshape(-1))

    def beside(self, key: str) -> Readings | None:
        """Values of a key beside the pixels of the first module, over the trains of its files.

        Parameters
        ----------
        key : str
            Within the instrument source of the module, such as ``data.temperature``; it holds one row per train.

        Returns
        -------
        Readings or None
            All entries where a row is an array; None where there are no numbers or no files.

        Raises
        ------
        BadInput
            A file cannot be read; the message names it.
        """
        index = self._index()
        path = f"INSTRUMENT/{index.module.source}/{key.replace('.', '/')}"
        rows = (len(readable(part.file, partial(train_ids, part.file))) for part in index.parts)
        found = [first_rows(part.file, path, number) for part, number in zip(index.parts, rows, strict=True)]
        numbers = [values.ravel() for values in found if values is not None and values.size
                   and values.dtype.kind in "biuf"]
        trains = len(self._trains())
        return Readings(np.concatenate(numbers), trains, trains) if numbers else None

    def _trains(self) -> npt.NDArray[np.uint64]:
        """Trains of the first module that are used, ascending."""
        if self._used is None:
            index, chosen = self._index(), self._selection
            trains = np.unique(index.train[slice(None) if chosen.keep_suspect else ~index.suspect])
            self._used = trains[chosen.skip_first:][:chosen.max_trains]
        return self._used

    def _values(self, section: str, source: str, key: str) -> Iterator[npt.NDArray[Any]]:
        path = f"{section}/{source}/{key.replace('.', '/')}/value"
        for file in self._files:
            if source in file.access.control_sources:
                values = readable(file, partial(self._stored, file, section, path))
                if values is not None:
                    yield values

    def _stored(self, file: RunFile, section: str, path: str) -> npt.NDArray[Any] | None:
        if section == "RUN":
            return first_rows(file, path, 1)
        if file not in self._rows_of:
            ids, used = train_ids(file), self._trains()
            self._rows_of[file] = np.flatnonzero(np.isin(ids, used)) if used.size else np.arange(len(ids))
        rows = self._rows_of[file]
        values = first_rows(file, path, int(rows[-1]) + 1 if rows.size else 0)
        return None if values is None else values[rows[rows < len(values)]]


def _first_train(index: ModuleIndex) -> npt.NDArray[np.bool_]:
    """Frames of the first train; of those that hold several gain stages, the first stage's."""
    return np.asarray((index.train == index.train[:1]) & (index.part == index.part[:1]) & (index.piece == 0))


def _first_entries(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """One value per train: text as text, of vectors the first entry."""
    flat = values.reshape(len(values), -1)[:, :1].ravel()
    if flat.dtype.kind in "OS":
        return np.array([_text(value) for value in flat], dtype=object)
    return flat


def _text(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value

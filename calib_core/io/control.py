"""Control values of a run: at its start, and their largest over it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from calib_core.errors import BadInput
from calib_core.io.entries import train_ids
from calib_core.io.files import HDF5_ERRORS, RunFile, cause_of
from calib_core.io.module_index import ModuleIndex


class RunControl:
    """What descriptors may ask of a run (see :class:`calib_core.detector.ControlReader`)."""

    def __init__(self, files: Sequence[RunFile], pulse_key: str | None, index: Callable[[], ModuleIndex]) -> None:
        self._files = files
        self._pulse_key = pulse_key
        self._index = index
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

    def run_value(self, source: str, key: str) -> Any | None:
        """Value at the start of the run, from RUN, else the first one of CONTROL.

        Parameters
        ----------
        source, key : str
            As EXtra-data names them, but the key without its ending ``.value``.

        Returns
        -------
        scalar, ndarray, str or None
            In the type that is stored, an array where the key holds one per train; None where no file has a value.

        Raises
        ------
        BadInput
            A file that lists the source cannot be read; the message names it.
        """
        for section in ("RUN", "CONTROL"):
            for values in self._values(section, source, key):
                if len(values):
                    return _text(values[0])
        return None

    def largest(self, source: str, key: str) -> float | None:
        """Largest value over the run, from CONTROL, else the one of RUN.

        Parameters
        ----------
        source, key : str
            As EXtra-data names them, but the key without its ending ``.value``.

        Returns
        -------
        float or None
            Over all trains, files and entries of arrays, NaN left out; None where nothing but NaN or text is stored.

        Raises
        ------
        BadInput
            A file that lists the source cannot be read; the message names it.
        """
        for section in ("CONTROL", "RUN"):
            found = [float(np.nanmax(v)) for v in self._values(section, source, key) if _has_numbers(v)]
            if found:
                return max(found)
        return None

    def cells(self) -> npt.NDArray[np.int64]:
        """Distinct memory cells of the first module's frames, sorted."""
        return np.unique(self._index().cell)

    def cell_order(self) -> npt.NDArray[np.int64]:
        """Memory cells of the first train that has frames, in the order of recording."""
        index = self._index()
        return index.cell[_first_train(index)]

    def pulses(self) -> npt.NDArray[Any]:
        """Pulse ids of the first train that has frames."""
        index = self._index()
        if self._pulse_key is None or not len(index.train):
            return np.empty(0, np.uint64)
        part = index.parts[index.part[0]]
        first = index.row[_first_train(index)]
        path = f"INSTRUMENT/{index.module.source}/{self._pulse_key.replace('.', '/')}"
        found = _read(part.file, lambda: part.file.h5.get(path))
        if not isinstance(found, h5py.Dataset) or len(found) <= first.max():
            return np.empty(0, np.uint64)
        return np.asarray(_read(part.file, lambda: found[first.min():first.max() + 1]).reshape(-1))

    def mean_beside(self, key: str) -> float | None:
        """Mean of a key beside the pixels of the first module, over the trains of its files.

        Parameters
        ----------
        key : str
            Within the instrument source of the module, such as ``data.temperature``; it holds one row per train.

        Returns
        -------
        float or None
            Over all entries where a row is an array, NaN left out; None where there are no numbers or no files.

        Raises
        ------
        BadInput
            A file cannot be read; the message names it.
        """
        index = self._index()
        path = f"INSTRUMENT/{index.module.source}/{key.replace('.', '/')}"
        found = [_read(part.file, lambda: _rows(part.file, "INSTRUMENT", path)) for part in index.parts]  # noqa: B023
        numbers = [values.ravel() for values in found if values is not None and _has_numbers(values)]
        return float(np.nanmean(np.concatenate(numbers))) if numbers else None

    def _values(self, section: str, source: str, key: str) -> Iterator[npt.NDArray[Any]]:
        path = f"{section}/{source}/{key.replace('.', '/')}/value"
        for file in self._files:
            if source in file.access.control_sources:
                values = _read(file, lambda: _rows(file, section, path))  # noqa: B023
                if values is not None:
                    yield values


def _first_train(index: ModuleIndex) -> npt.NDArray[np.bool_]:
    """Frames of the first train; of those that hold several gain stages, the first stage's."""
    return np.asarray((index.train == index.train[:1]) & (index.part == index.part[:1]) & (index.piece == 0))


def _rows(file: RunFile, section: str, path: str) -> npt.NDArray[Any] | None:
    dataset = file.h5.get(path)
    if not isinstance(dataset, h5py.Dataset) or not dataset.shape:
        return None
    # Datasets are padded: rows behind the last train are no values.
    rows = 1 if section == "RUN" else len(train_ids(file))
    return np.asarray(dataset[:rows])


def _read(file: RunFile, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except HDF5_ERRORS as error:
        raise BadInput(f"{file.name} cannot be read: {cause_of(error)}.") from error


def _text(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _has_numbers(values: npt.NDArray[Any]) -> bool:
    return values.size > 0 and values.dtype.kind in "biuf" and not bool(np.all(np.isnan(values.astype(float))))

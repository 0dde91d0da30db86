"""One raw file in the facility's HDF5 format (EXDF), versions 1.2 and 1.3.

Source: European-XFEL/EXtra-data, documentation of the data format and its reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from calib_core.io.libraries import h5py

Array = npt.NDArray[Any]
TRAIN_PERIOD = timedelta(milliseconds=100)


@dataclass(frozen=True)
class Trains:
    """Trains of a file: ids, times and whether the time server confirmed the id.

    Attributes
    ----------
    ids : (n,) uint64
        Strictly increasing.
    times : (n,) uint64
        Nanoseconds since the epoch, UTC.
    confirmed : (n,) bool
    """

    ids: Array
    times: Array
    confirmed: Array

    def __len__(self) -> int:
        """Number of trains."""
        return len(self.ids)

    def select(self, chosen: slice | Array) -> Trains:
        """Trains by a slice or mask."""
        return Trains(self.ids[chosen], self.times[chosen], self.confirmed[chosen])


@dataclass(frozen=True)
class FileHeader:
    """What METADATA says of a file besides its sources."""

    proposal: int
    run: int
    sequence: int
    created: datetime
    version: str = "1.2"


class ExdfFile:
    """A file being written; its METADATA follow when it is closed without an error."""

    def __init__(self, path: Path, trains: Trains, header: FileHeader) -> None:
        self._h5 = h5py.File(path, "w")
        self._trains = trains
        self._header = header
        self._sources: list[str] = []
        for name, values in _index(trains).items():
            self._h5.create_dataset(f"INDEX/{name}", data=values, maxshape=(None,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write_metadata()
        self._h5.close()

    def control(self, source: str, values: Mapping[str, Any]) -> None:
        """Write a slow source with values that stay the same over the run, in CONTROL and RUN.

        Parameters
        ----------
        values : mapping
            Key (dots make groups) to a number, NumPy scalar, text or vector.
        """
        self._add_source(f"CONTROL/{source}", source, np.ones(len(self._trains), np.uint64))
        for key, value in values.items():
            row, dtype = _row(value)
            for section, times in (("CONTROL", self._trains.times), ("RUN", self._trains.times[:1])):
                leaf = self._h5.create_group(f"{section}/{source}/{key.replace('.', '/')}")
                shape = (len(times), *np.shape(row))
                leaf.create_dataset("value", shape, dtype, maxshape=(None, *shape[1:]))[:] = row
                leaf.create_dataset("timestamp", data=times, maxshape=(None,))
                self._describe(leaf, key)

    def instrument(self, source: str, group: str, counts: Array) -> None:
        """Announce a group of a fast source with its number of rows in each train."""
        self._add_source(f"INSTRUMENT/{source}/{group}", f"{source}/{group}", counts)

    def column(self, source: str, key: str, values: Array) -> None:
        """Write a small key of a fast source at once; ``key`` begins with the group."""
        self._describe(
            self._h5.create_dataset(_path(source, key), data=values, maxshape=(None, *values.shape[1:])), key
        )

    def frames(self, source: str, key: str, shape: tuple[int, ...], dtype: Any, chunk: tuple[int, ...]) -> Any:
        """Make a large key of a fast source, uncompressed in chunks of a frame; the caller fills its rows."""
        created = self._h5.create_dataset(
            _path(source, key), shape, dtype, chunks=chunk, maxshape=(None, *shape[1:])
        )
        self._describe(created, key)
        return created

    def _add_source(self, name: str, index: str, counts: Array) -> None:
        counts = np.asarray(counts, np.uint64)
        first = np.cumsum(counts, dtype=np.uint64) - counts
        for column, values in (("first", first), ("count", counts)):
            self._h5.create_dataset(f"INDEX/{index}/{column}", data=values, maxshape=(None,))
        self._sources.append(name)

    def _describe(self, node: Any, key: str) -> None:
        if self._header.version == "1.3":
            node.attrs["alias"] = np.bytes_(key)
            node.attrs["displayedName"] = np.bytes_(key.rsplit(".", 1)[-1])
            node.attrs["daqPolicy"] = np.int32(-1)

    def _write_metadata(self) -> None:
        group = self._h5.create_group("METADATA")
        for name, text in _texts(self._header, len(self._trains)).items():
            group.create_dataset(name, data=[text.encode()], dtype=_ascii())
        numbers = {"proposalNumber": self._header.proposal, "runNumber": self._header.run,
                   "sequenceNumber": self._header.sequence}
        for name, number in numbers.items():
            group.create_dataset(name, data=np.array([number], np.uint32))
        parts = [source.split("/", 1) for source in self._sources]
        lists = {"dataSourceId": self._sources, "root": [p[0] for p in parts], "deviceId": [p[1] for p in parts]}
        for name, entries in lists.items():
            encoded = [entry.encode() for entry in entries]
            group.create_dataset(f"dataSources/{name}", data=encoded, dtype=_ascii(), maxshape=(None,))


def _index(trains: Trains) -> dict[str, Array]:
    return {
        "trainId": trains.ids.astype(np.uint64),
        "timestamp": trains.times.astype(np.uint64),
        "flag": trains.confirmed.astype(np.int32),
        "origin": np.full(len(trains), -1, np.int32),
    }


def _texts(header: FileHeader, n_trains: int) -> dict[str, str]:
    updated = header.created + n_trains * TRAIN_PERIOD
    return {
        "creationDate": header.created.strftime("%Y%m%dT%H%M%SZ"),
        "updateDate": updated.strftime("%Y%m%dT%H%M%SZ"),
        "daqLibrary": "1.13.1",
        "karaboFramework": "2.19.0",
        "dataFormatVersion": header.version,
        "runType": "Test DAQ",
        "sample": "No Sample",
    }


def _ascii() -> Any:
    """Type of text, which h5py makes; not a constant, since the library would be imported for that."""
    return h5py.string_dtype("ascii")


def _row(value: Any) -> tuple[Any, Any]:
    if isinstance(value, str):
        return value.encode("ascii"), _ascii()
    array = np.asarray(value)
    return array, array.dtype


def _path(source: str, key: str) -> str:
    return f"INSTRUMENT/{source}/{key.replace('.', '/')}"

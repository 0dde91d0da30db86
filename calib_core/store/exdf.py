"""One file in the facility's HDF5 format (EXDF), versions 1.2 and 1.3.

Source: European-XFEL/EXtra-data, documentation of the data format and its reader.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from calib_core.io.libraries import h5py

Array = npt.NDArray[Any]
TRAIN_PERIOD = timedelta(milliseconds=100)
#: What INDEX says of a train whose id came from the time server.
_TIME_SERVER = -1
#: How much gzip tries where values are packed.
GZIP_LEVEL = 1
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Trains:
    """Trains of a file: ids, times and whether the time server confirmed the id.

    Attributes
    ----------
    ids : (n,) uint64
        Strictly increasing.
    times : (n,) or (0,) uint64
        Nanoseconds since the epoch, UTC; none where they are not known.
    confirmed : (n,) bool
    origin : (n,) or (0,) int32
        Where the id came from; none where it was the time server's in all trains.
    """

    ids: Array
    times: Array
    confirmed: Array
    origin: Array = field(default_factory=lambda: np.empty(0, np.int32))

    def __len__(self) -> int:
        """Number of trains."""
        return len(self.ids)

    def select(self, chosen: slice | Array) -> Trains:
        """Trains by a slice, a mask or their places."""
        parts = (self.ids, self.times, self.confirmed, self.origin)
        return Trains(*(part[chosen] if len(part) else part for part in parts))

    def counts(self, train: Array) -> Array:
        """Count the frames of each train.

        Parameters
        ----------
        train : (k,) uint64
            Train id of each frame, ascending.

        Returns
        -------
        (n,) uint64

        Raises
        ------
        ValueError
            A train is not among these, or ids descend.
        """
        ids, counts = np.unique(train, return_counts=True)
        place = np.searchsorted(self.ids, ids)
        if np.any(train[1:] < train[:-1]) or not np.isin(ids, self.ids).all():
            raise ValueError("frames are not in the order of the trains of their file")
        found = np.zeros(len(self), np.uint64)
        found[place] = counts
        return found


@dataclass(frozen=True)
class FileHeader:
    """What METADATA says of a file besides its sources: whole numbers and texts by their names."""

    numbers: Mapping[str, int]
    texts: Mapping[str, str]

    @classmethod
    def of_new(
        cls, proposal: int, run: int, sequence: int, created: datetime, n_trains: int, version: str = "1.2",
    ) -> FileHeader:
        """Header of a file that no DAQ has written, which looks like one of the DAQ's.

        Parameters
        ----------
        proposal, run, sequence : int
        created : datetime
            When its first train was recorded, UTC.
        n_trains : int
            It was finished so many trains later.
        version : str
            Of the format.
        """
        updated = created + n_trains * TRAIN_PERIOD
        return cls(
            {"proposalNumber": proposal, "runNumber": run, "sequenceNumber": sequence},
            {"creationDate": created.strftime(_TIME_FORMAT), "updateDate": updated.strftime(_TIME_FORMAT),
             "daqLibrary": "1.13.1", "karaboFramework": "2.19.0", "dataFormatVersion": version,
             "runType": "Test DAQ", "sample": "No Sample"})

    @property
    def version(self) -> str:
        """Version of the format."""
        return self.texts["dataFormatVersion"]


class ExdfFile:
    """A file being written; its METADATA follow when it is closed without an error.

    Parameters
    ----------
    target : Path or file
        Where it is written; a file is not closed.
    trains : Trains
    header : FileHeader
    growing : bool
        Whether datasets of fast sources may grow, as those that the DAQ writes.
    """

    def __init__(
        self, target: Path | io.RawIOBase, trains: Trains, header: FileHeader, growing: bool = True,
    ) -> None:
        self._h5 = h5py.File(target, "w")
        self._trains, self._growing = trains, growing
        self._header = header
        self._sources: list[str] = []
        for name, values in _index(trains).items():
            self._h5.create_dataset(f"INDEX/{name}", data=values, maxshape=(None,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(whole=kind is None)

    def close(self, whole: bool = True) -> None:
        """Write the METADATA, unless the file is given up, and let go of it.

        Parameters
        ----------
        whole : bool
            False gives it up.
        """
        try:
            if whole:
                self._write_metadata()
        finally:
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
        limit = (None, *values.shape[1:]) if self._growing else None
        self._describe(self._h5.create_dataset(_path(source, key), data=values, maxshape=limit), key)

    def frames(
        self, source: str, key: str, shape: tuple[int, ...], dtype: Any, chunk: tuple[int, ...],
        packed: bool = False, shuffled: bool = False,
    ) -> Any:
        """Make a large key of a fast source, in chunks of a frame; the caller fills its rows.

        Parameters
        ----------
        source, key : str
        shape, chunk : tuple of int
        dtype : dtype
        packed, shuffled : bool
            Compressed with gzip, and before that with the first bytes of all values in front of all second ones.
        """
        limit = (None, *shape[1:]) if self._growing else None
        # HDF5 makes no chunks of nothing, unless it may grow
        storing: dict[str, Any] = {"chunks": chunk} if shape[0] or self._growing else {}
        if packed and storing:
            storing |= {"compression": "gzip", "compression_opts": GZIP_LEVEL, "shuffle": shuffled}
        made = self._h5.create_dataset(_path(source, key), shape, dtype, maxshape=limit, **storing)
        self._describe(made, key)
        return made

    def note(self, path: str, texts: Mapping[str, str]) -> None:
        """Say something of the file, or of a part of it, in attributes.

        Parameters
        ----------
        path : str
            Of a group or dataset; empty for the whole file.
        texts : mapping
            By the names of the attributes.
        """
        for name, text in texts.items():
            self._h5[path or "/"].attrs[name] = text

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
        for name, text in self._header.texts.items():
            group.create_dataset(name, data=[text.encode("utf-8", "surrogateescape")], dtype=_ascii())
        for name, number in self._header.numbers.items():
            group.create_dataset(name, data=np.array([number], np.uint32))
        parts = [source.split("/", 1) for source in self._sources]
        lists = {"dataSourceId": self._sources, "root": [p[0] for p in parts], "deviceId": [p[1] for p in parts]}
        for name, entries in lists.items():
            encoded = [entry.encode() for entry in entries]
            group.create_dataset(f"dataSources/{name}", data=encoded, dtype=_ascii(), maxshape=(None,))


def _index(trains: Trains) -> dict[str, Array]:
    origin = trains.origin if len(trains.origin) else np.full(len(trains), _TIME_SERVER)
    times = {"timestamp": trains.times.astype(np.uint64)} if len(trains.times) else {}
    return {"trainId": trains.ids.astype(np.uint64), **times, "flag": trains.confirmed.astype(np.int32),
            "origin": origin.astype(np.int32)}


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

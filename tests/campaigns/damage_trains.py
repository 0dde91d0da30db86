"""Damage to trains: ids, indices, losses, modules that do not agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from .catalogue import kind
from .raw import Raw, own

Array = Any


def _ids(raw: Raw, change: Callable[[Array], Array]) -> tuple[str, ...]:
    """Change the train ids of INDEX in the chosen file, in place or with another length."""
    path = raw.file()
    with h5py.File(path, "r+") as file:
        ids = change(file["INDEX/trainId"][()])
        del file["INDEX/trainId"]
        file["INDEX/trainId"] = ids
    return raw.names(path)


def _with(change: Callable[[Array], None]) -> Callable[[Array], Array]:
    def changed(ids: Array) -> Array:
        change(ids)
        return ids
    return changed


@kind("train id 0 in the middle")
def _(raw: Raw) -> tuple[str, ...]:
    return _ids(raw, _with(lambda ids: ids.__setitem__(4, 0)))


@kind("train ids all 0")
def _(raw: Raw) -> tuple[str, ...]:
    return _ids(raw, lambda ids: ids * 0)


@kind("last train ids 0, as in a file that was not finished")
def _(raw: Raw) -> tuple[str, ...]:
    return _ids(raw, _with(lambda ids: ids.__setitem__(slice(6, None), 0)))


@kind("train ids without rows")
def _(raw: Raw) -> tuple[str, ...]:
    return _ids(raw, lambda ids: ids[:0])


@kind("fewer train ids than counts")
def _(raw: Raw) -> tuple[str, ...]:
    return _ids(raw, lambda ids: ids[:-3])


@kind("a train id twice")
def _(raw: Raw) -> tuple[str, ...]:
    return _ids(raw, _with(lambda ids: ids.__setitem__(5, ids[4])))


@kind("a train id backwards")
def _(raw: Raw) -> tuple[str, ...]:
    return _ids(raw, _with(lambda ids: ids.__setitem__(5, ids[2] - 1)))


@kind("a train id of 2^63")
def _(raw: Raw) -> tuple[str, ...]:
    return _ids(raw, _with(lambda ids: ids.__setitem__(5, 1 << 63)))


@kind("a train id hours ahead")
def _(raw: Raw) -> tuple[str, ...]:
    return _ids(raw, _with(lambda ids: ids.__setitem__(slice(5, None), ids[5:] + 100_000)))


@kind("train ids of two sequences overlap")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file(1)
    with h5py.File(path, "r+") as file:
        file["INDEX/trainId"][:] = file["INDEX/trainId"][()] - np.uint64(4)
    return raw.names(path)


@kind("both sequences have the same train ids")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file(1)
    with h5py.File(path, "r+") as file:
        file["INDEX/trainId"][:] = file["INDEX/trainId"][()] - np.uint64(10)
    return raw.names(path)


@kind("train ids of a module shifted", "AGIPD", "LPD", "DSSC", "JUNGFRAU")
def _(raw: Raw) -> tuple[str, ...]:
    for path in raw.files():
        with h5py.File(path, "r+") as file:
            file["INDEX/trainId"][:] = file["INDEX/trainId"][()] + np.uint64(50)
    return raw.names(path)


def _index(raw: Raw, change: Callable[[Array, Array], None]) -> tuple[str, ...]:
    """Change first rows and numbers of rows of the trains in the chosen file."""
    path = raw.file()
    with raw.opened(path) as source:
        first, count = source.index["first"][()], source.index["count"][()]
        change(first, count)
        source.index["first"][:], source.index["count"][:] = first, count
    return (*raw.names(path), *source.words)


@kind("a train without frames")
def _(raw: Raw) -> tuple[str, ...]:
    return _index(raw, lambda first, count: count.__setitem__(3, 0))


@kind("a file without frames in any train")
def _(raw: Raw) -> tuple[str, ...]:
    return _index(raw, lambda first, count: count.__setitem__(slice(None), 0))


@kind("a module without frames in any train")
def _(raw: Raw) -> tuple[str, ...]:
    for path in raw.files():
        with h5py.File(path, "r+") as file:
            file["INDEX"].visititems(lambda name, item: item.__setitem__(slice(None), 0)
                                     if name.endswith("/count") else None)
    return raw.names(path)


@kind("half of a file's trains without frames")
def _(raw: Raw) -> tuple[str, ...]:
    return _index(raw, lambda first, count: count.__setitem__(slice(5, None), 0))


@kind("index beyond the data")
def _(raw: Raw) -> tuple[str, ...]:
    return _index(raw, lambda first, count: first.__setitem__(7, 1_000_000))


@kind("more frames in the index than there are")
def _(raw: Raw) -> tuple[str, ...]:
    return _index(raw, lambda first, count: count.__setitem__(-1, count[-1] + 5))


@kind("2^63 frames in a train")
def _(raw: Raw) -> tuple[str, ...]:
    return _index(raw, lambda first, count: count.__setitem__(2, 1 << 63))


@kind("two trains with the same rows")
def _(raw: Raw) -> tuple[str, ...]:
    return _index(raw, lambda first, count: first.__setitem__(6, first[5]))


@kind("trains of the index in another order than the rows")
def _(raw: Raw) -> tuple[str, ...]:
    return _index(raw, lambda first, count: first.__setitem__(slice(None), first[::-1].copy()))


@kind("index shorter than the train ids")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        for name in ("first", "count"):
            values = source.index[name][:-4]
            del source.index[name]
            source.index[name] = values
    return (*raw.names(path), *source.words)


@kind("index as floating-point numbers with a NaN")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        values = source.index["first"][()].astype("f8")
        values[2] = np.nan
        del source.index["first"]
        source.index["first"] = values
    return (*raw.names(path), *source.words)


@kind("a train marked as doubtful")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with h5py.File(path, "r+") as file:
        file["INDEX/flag"][4] = 0
    return raw.names(path)


def drop_trains(path: Any, kept: Any) -> None:
    """Take trains out of a file as if they had never been recorded."""
    with h5py.File(path, "r+") as file:
        groups = [item.parent for item in _counts(file)]
        for group in groups:
            rows = _rows_of(group, kept)
            _keep_rows(file, group, rows)
            count = group["count"][()][kept]
            del group["count"], group["first"]
            group["count"], group["first"] = count, np.cumsum(count) - count
        for name in ("trainId", "timestamp", "flag", "origin"):
            if name in file["INDEX"]:
                values = file[f"INDEX/{name}"][()][kept]
                del file[f"INDEX/{name}"]
                file[f"INDEX/{name}"] = values


def _counts(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file["INDEX"].visititems(lambda name, item: found.append(item) if name.endswith("/count") else None)
    return found


def _rows_of(group: h5py.Group, kept: Any) -> Any:
    spans = zip(group["first"][()][kept], group["count"][()][kept], strict=True)
    return np.concatenate([np.arange(first, first + count) for first, count in spans] or [np.empty(0)]).astype(int)


def _keep_rows(file: h5py.File, index: h5py.Group, rows: Any) -> None:
    name = index.name.removeprefix("/INDEX/")
    for root in ("INSTRUMENT", "CONTROL"):
        if f"{root}/{name}" in file:
            found: list[str] = []
            file[f"{root}/{name}"].visititems(
                lambda key, item, found=found: found.append(key) if isinstance(item, h5py.Dataset) else None)
            for key in found:
                values = file[f"{root}/{name}/{key}"][()][rows]
                del file[f"{root}/{name}/{key}"]
                chunks = (1, *values.shape[1:]) if values.ndim > 2 and len(values) else None
                file.create_dataset(f"{root}/{name}/{key}", data=values, chunks=chunks)


@kind("a module that lost the last trains of a file", "AGIPD", "LPD", "DSSC", "JUNGFRAU")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    drop_trains(path, np.arange(6))
    return raw.names(path)


@kind("a module that lost trains here and there", "AGIPD", "LPD", "DSSC", "JUNGFRAU")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    drop_trains(path, np.array([0, 2, 3, 5, 6, 8]))
    return raw.names(path)


@kind("frames lost that the control data know of", "EPIX10K", "EPIX100", "AGIPD", "LPD")
def _(raw: Raw) -> tuple[str, ...]:
    detectors = [own(path) for path in raw.run.glob("*-S00001.h5") if path not in raw.controls(everywhere=False)]
    for path in detectors:
        drop_trains(path, np.arange(4))
    return (raw.part, raw.run.name)


@kind("too few trains in a run", "AGIPD", "LPD", "DSSC", "JUNGFRAU", "EPIX10K", "EPIX100")
def _(raw: Raw) -> tuple[str, ...]:
    """Of detectors with ten frames of a memory cell in a train, six trains are a short run and enough."""
    for path in list(raw.run.glob("*-S00001.h5")):
        path.unlink()
    for path in raw.run.glob("*-S00000.h5"):
        drop_trains(own(path), np.arange(6))
    return ("trains", raw.run.name)

"""Damage inside the HDF5 structure: lost, linked, claimed, flipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from .catalogue import kind
from .raw import Raw, is_pixels, sources


def _without(raw: Raw, *names: str) -> tuple[str, ...]:
    path = raw.file()
    with h5py.File(path, "r+") as file:
        for name in names:
            del file[name]
    return (*raw.names(path), *names)


@kind("no INDEX")
def _(raw: Raw) -> tuple[str, ...]:
    return _without(raw, "INDEX")


@kind("no METADATA")
def _(raw: Raw) -> tuple[str, ...]:
    return _without(raw, "METADATA")


@kind("no data sources in METADATA")
def _(raw: Raw) -> tuple[str, ...]:
    return _without(raw, "METADATA/dataSources")


@kind("no train ids")
def _(raw: Raw) -> tuple[str, ...]:
    return _without(raw, "INDEX/trainId")


@kind("no INSTRUMENT")
def _(raw: Raw) -> tuple[str, ...]:
    return _without(raw, "INSTRUMENT")


@kind("no index of the frames")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        name = source.index.name
        del source.file[name]
    return (*raw.names(path), *source.words)


@kind("no frames in the group")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        name = source.pixels.name
        del source.file[name]
    return (*raw.names(path), name)


@kind("no memory cells in the group", "AGIPD", "LPD", "DSSC", "JUNGFRAU", "GOTTHARD2")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        cells = source.cells
        assert cells is not None
        name = cells.name
        del source.file[name]
    return (*raw.names(path), name)


@kind("no gain bits in the group", "JUNGFRAU", "GOTTHARD2")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        del source.group["gain"]
    return (*raw.names(path), "gain")


def _replaced(raw: Raw, make: object) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        name = source.pixels.name.rpartition("/")[2]
        source.replace(name, lambda group, old: make(group, name, old))  # type: ignore[operator]
    return (*raw.names(path), *source.words)


@kind("frames as floating-point numbers")
def _(raw: Raw) -> tuple[str, ...]:
    return _replaced(raw, lambda group, name, old: group.create_dataset(name, data=old[()].astype("f8") + 0.5))


@kind("frames as signed numbers")
def _(raw: Raw) -> tuple[str, ...]:
    return _replaced(raw, lambda group, name, old: group.create_dataset(name, data=old[()].astype("i4") - 1))


@kind("frames of half the height or width")
def _(raw: Raw) -> tuple[str, ...]:
    return _replaced(raw, lambda group, name, old: group.create_dataset(name, data=old[..., : old.shape[-1] // 2]))


@kind("frames turned by 90 degrees", "AGIPD", "DSSC", "JUNGFRAU", "EPIX100", "EPIX10K")
def _(raw: Raw) -> tuple[str, ...]:
    return _replaced(raw, lambda group, name, old: group.create_dataset(name, data=np.swapaxes(old[()], -1, -2)))


@kind("frames of an opaque type")
def _(raw: Raw) -> tuple[str, ...]:
    return _replaced(raw, lambda group, name, old: group.create_dataset(name, data=old[()].view("V2")))


@kind("second half of the frames never written")
def _(raw: Raw) -> tuple[str, ...]:
    def make(group: h5py.Group, name: str, old: h5py.Dataset) -> None:
        new = group.create_dataset(name, old.shape, old.dtype, chunks=(1, *old.shape[1:]))
        half = len(old) // 2
        new[:half] = old[:half]

    return _replaced(raw, make)


@kind("frames behind a link to another file")
def _(raw: Raw) -> tuple[str, ...]:
    def make(group: h5py.Group, name: str, old: h5py.Dataset) -> None:
        elsewhere = raw.run.parent / "elsewhere.bin"
        with h5py.File(elsewhere, "w") as other:
            other["frames"] = old[()] + 7
        group[name] = h5py.ExternalLink(str(elsewhere), "frames")

    return _replaced(raw, make)


@kind("frames in raw storage outside the file")
def _(raw: Raw) -> tuple[str, ...]:
    def make(group: h5py.Group, name: str, old: h5py.Dataset) -> None:
        group.create_dataset(name, old.shape, old.dtype, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])

    return _replaced(raw, make)


@kind("frames in a virtual dataset without its source")
def _(raw: Raw) -> tuple[str, ...]:
    def make(group: h5py.Group, name: str, old: h5py.Dataset) -> None:
        layout = h5py.VirtualLayout(old.shape, old.dtype)
        layout[:] = h5py.VirtualSource("gone.h5", "frames", old.shape)
        group.create_virtual_dataset(name, layout)

    return _replaced(raw, make)


@kind("memory cells in a virtual dataset whose source has no such dataset", "AGIPD", "LPD", "DSSC", "JUNGFRAU")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        cells = source.cells
        assert cells is not None
        name = cells.name.rpartition("/")[2]
        layout = h5py.VirtualLayout(cells.shape, cells.dtype)
        layout[:] = h5py.VirtualSource(".", "gone", cells.shape)
        source.replace(name, lambda group, old: group.create_virtual_dataset(name, layout))
    return (*raw.names(path), name)


@kind("train ids behind a link to another file")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    elsewhere = raw.run.parent / "ids.bin"
    with h5py.File(path, "r+") as file, h5py.File(elsewhere, "w") as other:
        other["ids"] = file["INDEX/trainId"][()] + 3
        del file["INDEX/trainId"]
        file["INDEX/trainId"] = h5py.ExternalLink(str(elsewhere), "ids")
    return (*raw.names(path), "trainId")


@kind("group that is its own child")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        source.group["again"] = source.group
    return (*raw.names(path), *source.words)


@kind("frames that claim a hundred million rows")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    rows = 100_000_000
    with raw.opened(path) as source:
        for name in list(source.group):
            one = source.group[name]
            if isinstance(one, h5py.Dataset) and name != "trainId":
                source.replace(name, lambda group, old, name=name: group.create_dataset(
                    name, (rows, *old.shape[1:]), old.dtype, chunks=(1, *old.shape[1:])))
        source.index["count"][:] = rows // 10
        source.index["first"][:] = np.arange(len(source.index["first"])) * (rows // 10)
    return (*raw.names(path), *source.words)


@kind("frames compressed three times")
def _(raw: Raw) -> tuple[str, ...]:
    def make(group: h5py.Group, name: str, old: h5py.Dataset) -> None:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((1, *old.shape[1:]))
        for _ in range(3):
            plist.set_deflate(4)
        made = h5py.h5d.create(group.id, name.encode(), h5py.h5t.py_create(old.dtype),
                               h5py.h5s.create_simple(old.shape), plist)
        h5py.Dataset(made)[:] = old[()]

    return _replaced(raw, make)


@kind("two chunks at one address")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    with raw.opened(path) as source:
        name = source.pixels.name.rpartition("/")[2]
        source.replace(name, lambda group, old: group.create_dataset(
            name, data=old[()], chunks=(1, *old.shape[1:])))
        pixels = source.group[name]
        addresses = [pixels.id.get_chunk_info(i).byte_offset for i in (1, 2)]
    first, second = (address.to_bytes(8, "little") for address in addresses)
    data = path.read_bytes()
    path.write_bytes(data.replace(second, first))
    return (*raw.names(path), *source.words)


@kind("size of a string in the global heap damaged")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    data = bytearray(path.read_bytes())
    place = data.find(b"GCOL")
    data[place + 24:place + 32] = bytes.fromhex("f0ffffffffffffff")
    path.write_bytes(data)
    return raw.names(path)


def _flip(raw: Raw, bits: int, first: int, last: int) -> tuple[str, ...]:
    """Flip bits, but none of the frames: nothing in the file could tell those."""
    path = raw.file()
    data = bytearray(path.read_bytes())
    structure = _outside_frames(path, first, min(last, len(data)))
    for place in raw.random.choice(structure, bits, replace=False):
        data[place] ^= 1 << int(raw.random.integers(8))
    path.write_bytes(data)
    return raw.names(path)


def _outside_frames(path: Path, first: int, last: int) -> Any:
    free = np.ones(last, bool)
    with h5py.File(path) as file:
        for name in sources(file):
            for one in filter(is_pixels, file[f"INSTRUMENT/{name}"].values()):
                for i in range(one.id.get_num_chunks()):
                    chunk = one.id.get_chunk_info(i)
                    free[chunk.byte_offset:chunk.byte_offset + chunk.size] = False
    free[:first] = False
    return np.flatnonzero(free)


@kind("sixteen bits of the file's head flipped")
def _(raw: Raw) -> tuple[str, ...]:
    return _flip(raw, 16, 0, 2048)


@kind("bits all over the structure flipped")
def _(raw: Raw) -> tuple[str, ...]:
    return _flip(raw, 64, 96, 40_000)


@kind("noise in place of the global heap")
def _(raw: Raw) -> tuple[str, ...]:
    path = raw.file()
    data = bytearray(path.read_bytes())
    place = data.find(b"GCOL") + 16
    data[place:place + 64] = raw.random.bytes(64)
    path.write_bytes(data)
    return raw.names(path)

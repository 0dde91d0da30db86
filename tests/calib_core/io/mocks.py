"""What EXtra-data's mock runs lack of real ones."""

from __future__ import annotations

from pathlib import Path

import h5py


def write_all(path: Path, *sections: str) -> None:
    """Write what EXtra-data's mock only declares, with the values that it reads as: zeros."""
    def write(_: str, found: h5py.HLObject) -> None:
        if isinstance(found, h5py.Dataset) and found.dtype.kind in "uif":
            found[...] = found[()]

    with h5py.File(path, "r+") as file:
        for section in sections:
            if section in file:
                file[section].visititems(write)


def endless_text(path: Path, last: bool = False) -> None:
    """Damage eight bytes of a file so that reading its text (that written last) never comes to an end in HDF5 2.0."""
    whole = bytearray(path.read_bytes())
    heap = whole.rfind(b"GCOL") if last else whole.find(b"GCOL")
    assert heap > 0
    whole[heap + 24:heap + 32] = (2**64 - 16).to_bytes(8, "little")
    path.write_bytes(whole)

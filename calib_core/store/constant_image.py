"""Constants as HDF5 files, everything in them under a checksum.

Metadata have one in file format 1.10; texts have fixed lengths and lie within them, since the heaps of others have
none. Datasets have Fletcher-32, and the whole file a seal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from calib_core.axes import Array
from calib_core.constants.condition import Condition
from calib_core.constants.constant import Constant, PackedChunks, identity_name
from calib_core.io.buffers import Buffers
from calib_core.io.libraries import h5py
from calib_core.store.chunks import put_values
from calib_core.store.draft import Draft
from calib_core.store.files import prepare
from calib_core.store.memory_file import MemoryFile
from calib_core.store.placed_file import PlacedFile
from calib_core.store.seals import put_seal

#: Of a file, what is not its values: texts, and counts where they are much the same.
_BESIDE = 8 << 20
#: An attribute in an object's header is shorter; longer texts become datasets.
_LONGEST_TEXT = 60_000
#: Attributes of a group that stay in its header; HDF5 would put larger ones elsewhere without a checksum.
_MOST_ATTRIBUTES = 1000


class Prepared(NamedTuple):
    """A whole file on the disk under a temporary name, SHA-256 of it (hexadecimal), and its size in bytes."""

    temporary: Path
    sha256: str
    bytes: int


def prepare_constant(constant: Constant, path: Path, created: datetime, buffers: Buffers | None) -> Prepared:
    """Bring the file of a constant to the disk, for :func:`~calib_core.store.files.appear`.

    Parameters
    ----------
    constant : Constant
    path : Path
        Name that it will get.
    created : datetime
    buffers : Buffers, optional
        Where it lies in memory before, which is faster. Without, it is made on the disk chunk by chunk, with the same
        bytes.

    Raises
    ------
    OutputFailed
        It cannot be written; nothing is left behind.
    """
    if buffers is None:
        return _on_the_disk(constant, path, created)
    image = MemoryFile(buffers, _bytes_of(constant) + _BESIDE)
    sha256 = put_constant(image, constant, created)
    return Prepared(prepare(path, image.getbuffer()), sha256, len(image))


def _on_the_disk(constant: Constant, path: Path, created: datetime) -> Prepared:
    draft = Draft(path)
    try:
        with draft.told():
            sha256 = put_constant(draft, constant, created)
            length = len(draft)
        return Prepared(draft.finish(), sha256, length)
    except BaseException:
        draft.abandon()
        raise


def _bytes_of(constant: Constant) -> int:
    return int(np.prod(constant.shape)) * np.dtype(constant.kind.dtype).itemsize


def put_constant(image: PlacedFile, constant: Constant, created: datetime) -> str:
    """Make the whole file of a constant, with its seal.

    Parameters
    ----------
    image : PlacedFile
        Empty; HDF5's own driver of files in memory would hand out a copy.
    constant : Constant
    created : datetime

    Returns
    -------
    str
        SHA-256 of the file, hexadecimal.
    """
    with h5py.File(image, "w", libver=("v110", "v110")) as file:
        image.reserve(_bytes_of(constant))  # HDF5 takes what is there before for a file of its own
        group = _new_group(file, constant.dataset)
        for name, text in _attributes(constant, created).items():
            put_text(group, name, text)
        group.attrs["module"] = int(constant.provenance["module"])
        group.attrs["cells"] = np.asarray(constant.labels.get("cell", ()), "u2")
        for name, number in constant.numbers.items():
            group.attrs[name] = float(number)
        group.attrs["sealed"] = np.uint8(1)
        _put(group, "data", constant, constant.read, constant.kind.dtype,
             PackedChunks() if constant.kind.by_people else None)
        put_text(group["data"], "unit", constant.kind.unit)
        # the only text in a heap, which has no checksum: EXtra needs it so. The group has it too, under one
        group["data"].attrs.create("dims", list(constant.file_dims), dtype=h5py.string_dtype())
        if constant.read_count is not None:
            _put(group, "count", constant, constant.read_count, "u4", constant.packed_count)
            group["count"].attrs["dims"] = np.array(constant.file_dims, "S")
        file.flush()
        values = [span for name in ("data", "count") if name in group for span in chunks_of(group[name])]
    return put_seal(image, values)


def _new_group(file: h5py.File, path: str) -> h5py.Group:
    """A group that keeps its attributes in its header."""
    parent, _, name = path.rpartition("/")
    creation = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    creation.set_attr_phase_change(_MOST_ATTRIBUTES, 0)
    return h5py.Group(h5py.h5g.create(file.require_group(parent).id, name.encode(), gcpl=creation))


def put_text(node: h5py.HLObject, name: str, text: str) -> None:
    """Store a text under the checksum of the object's header, or of a dataset where it is too long for that.

    Parameters
    ----------
    node : Group or Dataset
    name, text : str
    """
    said = text.encode() or b"\0"
    if len(said) <= _LONGEST_TEXT:
        node.attrs.create(name, said, dtype=h5py.string_dtype("utf-8", len(said)))
    else:
        node.create_dataset(name, data=np.frombuffer(said, np.uint8), chunks=(len(said),), fletcher32=True)


def chunks_of(dataset: h5py.Dataset) -> list[tuple[int, int]]:
    """First byte in the file and end of each chunk.

    Parameters
    ----------
    dataset : Dataset
        In chunks.
    """
    found: list[tuple[int, int]] = []
    dataset.id.chunk_iter(lambda chunk: found.append((chunk.byte_offset, chunk.byte_offset + chunk.size)))
    return found


def _attributes(constant: Constant, created: datetime) -> dict[str, str]:
    """Attributes of the group as text; structured ones as JSON."""
    known = constant.provenance
    structured = {
        "dims": constant.file_dims,
        "axes": {name: list(labels) for name, labels in constant.labels.items()},
        "raw_data": known["raw_data"],
        "software": known["software"],
        "parameters": known["parameters"],
        "conditions": conditions_as_json(constant.condition),
        "recorded": conditions_as_json(_beside(constant)),
        "provenance": dict(known),
        **({"beside": dict(constant.beside)} if constant.beside else {}),
    }
    return {
        "creation_time": created.isoformat(),
        "begin_validity": constant.begin.isoformat(),
        "detector_type": str(known["detector_type"]),
        "karabo_da": str(known["aggregator"]),
        "calibration": constant.calibration,
        "kind": constant.kind.name,
        "unit": constant.kind.unit,
        **{identity_name(kind): sha256 for kind, sha256 in constant.goes_with.items()},
        **{name: json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
           for name, value in structured.items()},
    }


def _beside(constant: Constant) -> Condition:
    """What is known of the operating condition beside what the database's queries have."""
    queried = {p.name for p in constant.condition.parameters}
    return constant.recorded.of(p.name for p in constant.recorded.parameters if p.name not in queried)


def conditions_as_json(condition: Condition) -> dict[str, Any]:
    """Operating condition as plain JSON under the database's names: value, unit, tolerance, origin.

    What the database leaves out is left out; ``values`` are there where several hold, ``sure`` is where it is not.
    """
    return {
        p.database_name: {
            "value": found.value, "unit": p.unit, "tolerance": p.tolerance, "origin": found.origin,
            **({"values": list(found.values)} if found.others else {}), **({} if found.sure else {"sure": False}),
        }
        for p in condition.parameters
        if (found := condition.values.get(p.name)) is not None and set(found.values) != {p.left_out_at}
    }


def _put(group: h5py.Group, name: str, constant: Constant, read: Callable[[slice], Array], dtype: Any,
         packed: PackedChunks | None = None) -> None:
    """Store an array in the file's order of axes; axes that the file has not have one entry."""
    dims, file_dims, split = constant.dims, constant.file_dims, constant.split
    left_out = tuple(0 if dim not in file_dims else slice(None) for dim in dims)
    shape = tuple(constant.shape[dims.index(dim)] for dim in file_dims)
    put_values(
        group, name, dtype, shape, file_dims.index(split) if split in file_dims else None,
        [file_dims.index(dim) for dim in dims if dim in file_dims], lambda part: read(part)[left_out], packed,
        (file_dims.index("slow_scan"), constant.kind.rows) if constant.kind.rows else None)

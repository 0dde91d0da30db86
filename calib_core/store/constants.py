"""Constant files: one version of one constant of one module per HDF5 file, in the layout that EXtra reads.

The image of a file is built in memory and written whole, because HDF5 that meets a full disk can end the process.
Metadata carry checksums (file format 1.10) and so does every numeric dataset (Fletcher-32).
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from calib_core.condition import Condition
from calib_core.constant import INTERNAL_DIMS, Constant
from calib_core.errors import BadParameter
from calib_core.store.files import write_atomically

Array = npt.NDArray[Any]

#: Provenance that every constant carries; each becomes an attribute of its own.
REQUIRED_PROVENANCE = ("detector_type", "aggregator", "module", "raw_data", "software", "parameters")
#: More than 32 MiB, so that the C library gives each slab's memory back at once.
_SLAB_BYTES = 40 << 20
_CHUNK_BYTES = 4 << 20
_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class WrittenConstant:
    """A constant on the disk: path, SHA-256 of the whole file (hexadecimal) and size in bytes."""

    path: Path
    sha256: str
    bytes: int


def write_constant(constant: Constant, folder: Path) -> WrittenConstant:
    """Write one constant below a folder that EXtra takes as root of its constants.

    The path is ``xfel/cal/<detector type>/<PDU>/cal.<unix time>.h5`` in lower case, the dataset
    ``/<PDU>/<Calibration>/0/data`` with attribute ``dims``; the number of samples behind each value is in ``count``
    beside it. Working memory is twice the size of the file: HDF5's image and its copy.

    Parameters
    ----------
    constant : Constant
        Its provenance has at least :data:`REQUIRED_PROVENANCE`.
    folder : Path

    Raises
    ------
    BadParameter
        A name cannot be part of a path, or provenance is missing.
    OutputFailed
        The file cannot be written; nothing is left behind.
    """
    _check(constant)
    created = time.time_ns()
    image = _image(constant, datetime.fromtimestamp(created / 1e9, UTC))
    path = folder / _relative_path(constant, created)
    write_atomically(path, image)
    return WrittenConstant(path, hashlib.sha256(image).hexdigest(), len(image))


def _check(constant: Constant) -> None:
    missing = [name for name in REQUIRED_PROVENANCE if name not in constant.provenance]
    if missing:
        raise BadParameter(f"{constant.calibration} of {constant.pdu} lacks provenance: {', '.join(missing)}.")
    for name in (constant.provenance["detector_type"], constant.pdu, constant.calibration):
        if not _NAME.fullmatch(str(name)):
            raise BadParameter(f"“{name}” cannot name a constant; use letters, digits and _ . + - only.")
    if sorted(constant.file_dims) != sorted(INTERNAL_DIMS):
        raise BadParameter(f"Axes {constant.file_dims} of {constant.calibration} are not {INTERNAL_DIMS}.")


def _relative_path(constant: Constant, created: int) -> Path:
    kind = str(constant.provenance["detector_type"]).lower()
    seconds, fraction = divmod(created, 10**9)
    return Path("xfel", "cal", kind, constant.pdu.lower(), f"cal.{seconds}.{fraction:09d}.h5")


def _image(constant: Constant, created: datetime) -> bytes:
    with h5py.File("constant", "w", driver="core", backing_store=False, libver=("v110", "v110")) as file:
        group = file.create_group(constant.dataset)
        for name, text in _attributes(constant, created).items():
            group.attrs[name] = text
        group.attrs["cells"] = np.asarray(constant.cells, "u2")
        _put(group, "data", constant, constant.read, constant.kind.dtype)
        group["data"].attrs["unit"] = constant.kind.unit
        if constant.read_count is not None:
            count_type = constant.read_count(np.s_[:1]).dtype
            _put(group, "count", constant, constant.read_count, count_type, compression="gzip", compression_opts=1)
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _attributes(constant: Constant, created: datetime) -> dict[str, str]:
    """Attributes of the group as text; structured ones as JSON."""
    known = constant.provenance
    return {
        "creation_time": created.isoformat(),
        "begin_validity": constant.begin.isoformat(),
        "detector_type": str(known["detector_type"]),
        "karabo_da": str(known["aggregator"]),
        "module": str(known["module"]),
        "calibration": constant.calibration,
        "kind": constant.kind.name,
        "unit": constant.kind.unit,
        "planes": _json(constant.kind.planes),
        "raw_data": _json(known["raw_data"]),
        "software": _json(known["software"]),
        "parameters": _json(known["parameters"]),
        "conditions": _json(conditions_as_json(constant.condition)),
        "provenance": _json(known),
    }


def conditions_as_json(condition: Condition) -> dict[str, Any]:
    """Operating condition as plain JSON under the database's names: value, unit, tolerance and origin."""
    return {
        p.database_name: {
            "value": condition.values[p.name].value, "unit": p.unit, "tolerance": p.tolerance,
            "origin": condition.values[p.name].origin,
        }
        for p in condition.parameters
        if p.database_name in condition.as_database()
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _put(group: h5py.Group, name: str, constant: Constant, read: Callable[[slice], Array], dtype: Any,
         **options: Any) -> None:
    """Store an array in the file's order of axes, by slabs of fast_scan that are whole chunks."""
    order = [INTERNAL_DIMS.index(dim) for dim in constant.file_dims]
    shape = tuple(constant.shape[axis] for axis in order)
    fast = constant.file_dims.index("fast_scan")
    column = np.dtype(dtype).itemsize * int(np.prod(shape)) // shape[fast]
    step = int(np.clip(_CHUNK_BYTES // column, 1, shape[fast]))
    chunks = tuple(step if axis == fast else length for axis, length in enumerate(shape))
    dataset = group.create_dataset(name, shape, dtype, chunks=chunks, fletcher32=True, **options)
    dataset.attrs.create("dims", list(constant.file_dims), dtype=h5py.string_dtype())
    for part in _slabs(shape[fast], step * max(1, _SLAB_BYTES // (step * column))):
        target = tuple(part if axis == fast else np.s_[:] for axis in range(len(shape)))
        dataset[target] = np.ascontiguousarray(read(part).transpose(order), dtype=dtype)


def _slabs(length: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, length)) for start in range(0, length, step))

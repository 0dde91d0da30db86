"""Constant files: one version of one constant of one module per HDF5 file, in the layout that EXtra reads.

The image of a file is built in memory and written whole, because HDF5 can end the process at a full disk.
Metadata carry checksums (file format 1.10) and so does every numeric dataset (Fletcher-32).
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.constants.condition import Condition
from calib_core.constants.constant import INTERNAL_DIMS, Constant
from calib_core.errors import BadInput, BadParameter
from calib_core.io.foreign import open_hdf5
from calib_core.io.libraries import h5py
from calib_core.store.files import write_atomically

Array = npt.NDArray[Any]

#: Provenance that every constant carries; each becomes an attribute of its own.
REQUIRED_PROVENANCE = ("detector_type", "aggregator", "module", "raw_data", "software", "parameters")
#: More than 32 MiB, so that the C library gives each slab's memory back at once.
_SLAB_BYTES = 40 << 20
#: Whole images of a few cells, so that one cell can be read alone without reading many times what it needs.
_LEAST_CHUNK_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")


_JSON_ATTRIBUTES = ("axes", "raw_data", "software", "parameters", "conditions", "recorded", "provenance")
#: What HDF5 and our own decoding raise on files that are damaged or something else.
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, StopIteration, MemoryError)
#: Tree of constants below a folder, as the facility has it.
STORE = Path("xfel", "cal")
#: Brings a path and its content to the disk.
Write = Callable[[Path, memoryview], None]


@dataclass(frozen=True)
class WrittenConstant:
    """A constant on the disk: path, SHA-256 of the whole file (hexadecimal) and size in bytes."""

    path: Path
    sha256: str
    bytes: int


@dataclass(frozen=True)
class StoredConstant:
    """A constant in a file: its metadata; the values are read on demand.

    Attributes
    ----------
    path : Path
    pdu, calibration : str
        Physical detector unit and the family's database name.
    shape : tuple of int
        In the order of ``dims``, as in the file.
    dims : tuple of str
        Names of the axes, slowest first; empty in files without names.
    dtype : str
    attributes : mapping
        Attributes of the group; those that are JSON are decoded. Files of other programs may have none.
    chunks : mapping
        Shape of the chunks of ``data`` and, where there is one, of ``count``; None for what lies in one piece.
    """

    path: Path
    pdu: str
    calibration: str
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    dtype: str
    attributes: Mapping[str, Any]
    chunks: Mapping[str, tuple[int, ...] | None]

    @property
    def created(self) -> datetime | None:
        """Time at which the file was made, aware UTC, where known."""
        return _time(self.attributes.get("creation_time"))

    @property
    def begin(self) -> datetime | None:
        """Begin of validity, aware UTC, where known."""
        return _time(self.attributes.get("begin_validity"))

    def values(self, dims: Sequence[str] = INTERNAL_DIMS) -> Array:
        """All values with their axes in some order.

        Parameters
        ----------
        dims : sequence of str
            Axes of what comes back; those that the file does not have get one entry.

        Raises
        ------
        BadInput
            The data are damaged, or the file has other axes or does not name them.
        """
        return self._ordered("data", dims)

    def data(self) -> Array:
        """All values with the axes as they are in the file, named or not.

        Raises
        ------
        BadInput
            The data are damaged.
        """
        with _understood(self.path), open_hdf5(self.path) as file:
            return np.asarray(_group(file)["data"][()])

    def count(self, dims: Sequence[str] = INTERNAL_DIMS) -> Array | None:
        """Number of samples behind each value, like :meth:`values`, or None where the file has none."""
        with _understood(self.path), open_hdf5(self.path) as file:
            present = "count" in _group(file)
        return self._ordered("count", dims) if present else None

    def entries(self, indices: Sequence[int], split: str = "cell", dims: Sequence[str] = INTERNAL_DIMS) -> Array:
        """Like :meth:`values`, of some entries of one axis, ascending; all of it where the file has no such axis."""
        part = tuple(list(indices) if dim == split else slice(None) for dim in self.dims)
        return self._ordered("data", dims, part)

    def _ordered(self, name: str, dims: Sequence[str], part: tuple[Any, ...] = ()) -> Array:
        if not self.dims or not set(self.dims) <= set(dims):
            raise BadInput(f"{self.path} has the axes {self.dims or 'without names'}, not {tuple(dims)}.")
        with _understood(self.path), open_hdf5(self.path) as file:
            stored = _group(file)[name][part or ()]
        missing = [dim for dim in dims if dim not in self.dims]
        order = [*missing, *self.dims]
        whole = stored[(np.newaxis,) * len(missing)]
        return np.ascontiguousarray(whole.transpose([order.index(dim) for dim in dims]))


def write_constant(constant: Constant, folder: Path, write: Write = write_atomically) -> WrittenConstant:
    """Write one constant below a folder that EXtra takes as root of its constants.

    The path is ``xfel/cal/<detector type>/<PDU>/cal.<unix time>.h5`` in lower case, the dataset
    ``/<PDU>/<Calibration>/0/data`` with attribute ``dims``; the number of samples behind each value is in
    ``count`` beside it. Working memory is little more than the size of the file.

    Parameters
    ----------
    constant : Constant
        Its provenance has at least :data:`REQUIRED_PROVENANCE`.
    folder : Path
    write : callable
        What brings a path and its content to the disk.

    Raises
    ------
    BadParameter
        A name cannot be part of a path, or provenance is missing.
    OutputFailed
        The file cannot be written; nothing is left behind.
    """
    _check(constant)
    created = time.time_ns()
    path = folder / _relative_path(constant, created)
    with _image(constant, datetime.fromtimestamp(created / 1e9, UTC)).getbuffer() as image:
        write(path, image)
        return WrittenConstant(path, hashlib.sha256(image).hexdigest(), len(image))


def check_name(name: str) -> None:
    """Raise BadParameter where a name, such as that of a detector unit, cannot be part of a constant's path."""
    if not _NAME.fullmatch(name):
        raise BadParameter(f"“{name}” cannot name a constant; use letters, digits and _ . + - only.")


def _check(constant: Constant) -> None:
    missing = ", ".join(name for name in REQUIRED_PROVENANCE if name not in constant.provenance)
    if missing:
        raise BadParameter(f"{constant.calibration} of {constant.pdu} lacks provenance: {missing}.")
    for name in (constant.provenance["detector_type"], constant.pdu, constant.calibration):
        check_name(str(name))
    left_out = [dim for dim in constant.dims if dim not in constant.file_dims]
    longer = any(constant.shape[constant.dims.index(dim)] != 1 for dim in left_out)
    if longer or not _are_axes(constant.file_dims, constant.dims):
        raise BadParameter(f"Axes {constant.file_dims} of {constant.calibration} are not {constant.dims}.")


def _are_axes(file_dims: tuple[str, ...], dims: tuple[str, ...]) -> bool:
    """Whether names are axes of a constant, each once; ``fast_scan`` is never left out."""
    return len(set(file_dims)) == len(file_dims) and {"fast_scan"} <= set(file_dims) <= set(dims)


def _relative_path(constant: Constant, created: int) -> Path:
    seconds, fraction = divmod(created, 10**9)
    return folder_of_type(str(constant.provenance["detector_type"])) / constant.pdu.lower() / (
        f"cal.{seconds}.{fraction:09d}.h5")


def folder_of_type(database_type: str) -> Path:
    """Folder of a detector type's constants, below the one that EXtra takes as their root."""
    return STORE / database_type.lower()


def _image(constant: Constant, created: datetime) -> io.BytesIO:
    """The whole file in memory; HDF5's own memory driver would hand out a copy of its image."""
    image = io.BytesIO()
    with h5py.File(image, "w", libver=("v110", "v110")) as file:
        group = file.create_group(constant.dataset)
        for name, text in _attributes(constant, created).items():
            group.attrs[name] = text
        group.attrs["module"] = int(constant.provenance["module"])
        group.attrs["cells"] = np.asarray(constant.labels.get("cell", ()), "u2")
        _put(group, "data", constant, constant.read, constant.kind.dtype)
        group["data"].attrs["unit"] = constant.kind.unit
        if constant.read_count is not None:
            _put(group, "count", constant, constant.read_count, "u4", compression="gzip", compression_opts=1)
    return image


def _attributes(constant: Constant, created: datetime) -> dict[str, str]:
    """Attributes of the group as text; structured ones as JSON."""
    known = constant.provenance
    structured = {
        "axes": {name: list(labels) for name, labels in constant.labels.items()},
        "raw_data": known["raw_data"],
        "software": known["software"],
        "parameters": known["parameters"],
        "conditions": conditions_as_json(constant.condition),
        "recorded": conditions_as_json(_beside(constant)),
        "provenance": dict(known),
    }
    return {
        "creation_time": created.isoformat(),
        "begin_validity": constant.begin.isoformat(),
        "detector_type": str(known["detector_type"]),
        "karabo_da": str(known["aggregator"]),
        "calibration": constant.calibration,
        "kind": constant.kind.name,
        "unit": constant.kind.unit,
        **{name: json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
           for name, value in structured.items()},
    }


def _beside(constant: Constant) -> Condition:
    """What is known of the operating condition beside what the database's queries have."""
    queried = {p.name for p in constant.condition.parameters}
    return constant.recorded.of(p.name for p in constant.recorded.parameters if p.name not in queried)


def conditions_as_json(condition: Condition) -> dict[str, Any]:
    """Operating condition as plain JSON under the database's names: value, unit, tolerance, origin.

    What the database leaves out is left out; ``values`` are there where several hold.
    """
    return {
        p.database_name: {
            "value": found.value, "unit": p.unit, "tolerance": p.tolerance, "origin": found.origin,
            **({"values": list(found.values)} if found.others else {}),
        }
        for p in condition.parameters
        if (found := condition.values.get(p.name)) is not None and set(found.values) != {p.left_out_at}
    }


def _put(group: h5py.Group, name: str, constant: Constant, read: Callable[[slice], Array], dtype: Any,
         **options: Any) -> None:
    """Store an array in the file's order of axes, by slabs of the axis that is split, which are whole chunks."""
    dims, split = constant.dims, constant.split
    missing = [dims.index(dim) for dim in dims if dim not in constant.file_dims]
    order = [dims.index(dim) for dim in constant.file_dims]
    shape = tuple(constant.shape[axis] for axis in order)
    length = constant.shape[dims.index(split)] if split in dims else 1
    entry = np.dtype(dtype).itemsize * int(np.prod(shape)) // length
    step = min(-(-_LEAST_CHUNK_BYTES // entry), length)
    chunks = tuple(step if dim == split else n for dim, n in zip(constant.file_dims, shape, strict=True))
    dataset = group.create_dataset(name, shape, dtype, chunks=chunks, fletcher32=True, **options)
    dataset.attrs.create("dims", list(constant.file_dims), dtype=h5py.string_dtype())
    for part in _slabs(length, step * max(1, _SLAB_BYTES // (step * entry))):
        target = tuple(part if dim == split else np.s_[:] for dim in constant.file_dims)
        values = read(part).transpose((*missing, *order))[(0,) * len(missing)]
        dataset[target] = np.ascontiguousarray(values, dtype=dtype)


def _slabs(length: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, length)) for start in range(0, length, step))


def read_constant(path: Path, sha256: str | None = None) -> StoredConstant:
    """Read the metadata of a constant file, ours or another program's in the same layout.

    Parameters
    ----------
    sha256 : str, optional
        Checksum that the whole file must have.

    Raises
    ------
    BadInput
        The file is missing, damaged, no constant, or has another checksum.
    """
    with _understood(path):
        if not path.is_file():
            raise OSError("there is no such file")
        if sha256 is not None and _sha256(path) != sha256:
            raise ValueError("its checksum differs from the one that was recorded")
        with open_hdf5(path) as file:
            return _stored(path, _group(file))


@contextmanager
def opened(stored: StoredConstant, part: str = "data") -> Iterator[h5py.Dataset]:
    """Values of a constant, or their samples, while the file is open.

    Parameters
    ----------
    stored : StoredConstant
    part : str
        ``data`` or ``count``.

    Raises
    ------
    BadInput
        The file is gone, damaged, or another one by now.
    """
    with _understood(stored.path):
        if not stored.path.is_file():
            raise OSError("there is no such file")
        with open_hdf5(stored.path) as file:
            found = _group(file)[part]
            if found.shape != stored.shape:
                raise ValueError(f"its shape was {stored.shape} and is {found.shape} by now")
            yield found


def list_constants(folder: Path) -> tuple[StoredConstant, ...]:
    """Constants below a folder, sorted by path.

    Raises
    ------
    BadInput
        A constant file cannot be read.
    """
    return tuple(read_constant(path) for path in sorted(folder.glob("xfel/cal/*/*/cal.*.h5")))


def _stored(path: Path, group: h5py.Group) -> StoredConstant:
    data = group["data"]
    _, pdu, calibration, _ = group.name.split("/")
    dims = tuple(data.attrs["dims"].tolist()) if "dims" in data.attrs else ()
    # as a list: while its iterator lives, as in the traceback of an error, no other thread can use HDF5
    attributes = {name: _decoded(name, value) for name, value in list(group.attrs.items())}
    chunks = {part: group[part].chunks for part in ("data", "count") if part in group}
    return StoredConstant(path, pdu, calibration, data.shape, dims, data.dtype.str, attributes, chunks)


def _group(file: h5py.File) -> h5py.Group:
    """The group ``/<PDU>/<Calibration>/0``: a constant file has one."""
    pdu = next(iter(file.values()))
    return next(iter(pdu.values()))["0"]


def _decoded(name: str, value: Any) -> Any:
    if name in _JSON_ATTRIBUTES:
        return json.loads(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file causes into one sentence."""
    try:
        yield
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise BadInput(f"{path} cannot be read as a calibration constant: {reason}.") from error

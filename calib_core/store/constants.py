"""Constant files: one version of one constant of one module per HDF5 file, in the layout that EXtra reads.

A file is made in memory, or on the disk where it is too large for that, and appears whole. HDF5 writes into a file of
ours, because it can end the process at a full disk. The seal is made sure of at every load.
"""

from __future__ import annotations

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

from calib_core.constants.constant import INTERNAL_DIMS, Constant
from calib_core.errors import BadInput, BadParameter
from calib_core.io.buffers import Buffers
from calib_core.io.foreign import open_hdf5
from calib_core.io.libraries import h5py
from calib_core.store.chunks import all_values
from calib_core.store.constant_image import prepare_constant
from calib_core.store.constant_layouts import ALONE, beside_values, group_of, names_of
from calib_core.store.files import appear
from calib_core.store.seals import seals

Array = npt.NDArray[Any]

#: Provenance that every constant carries; each becomes an attribute of its own.
REQUIRED_PROVENANCE = ("detector_type", "aggregator", "module", "raw_data", "software", "parameters")
_NAME = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")
_JSON_ATTRIBUTES = ("axes", "dims", "raw_data", "software", "parameters", "conditions", "recorded", "provenance",
                    "beside")
#: What HDF5 and our own decoding raise on files that are damaged or something else.
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError, StopIteration, MemoryError)
#: Tree of constants below a folder, as the facility has it.
STORE = Path("xfel", "cal")
#: Gives a file that is whole under a temporary name its own, now or later.
Show = Callable[[Path, Path], None]


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
    dataset : str
        Group of the file that has them.
    """

    path: Path
    pdu: str
    calibration: str
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    dtype: str
    attributes: Mapping[str, Any]
    chunks: Mapping[str, tuple[int, ...] | None]
    dataset: str = ""

    @property
    def created(self) -> datetime | None:
        """Time at which the file was made, aware UTC, where known."""
        return _time(self.attributes.get("creation_time"))

    @property
    def begin(self) -> datetime | None:
        """Begin of validity, aware UTC, where known."""
        return _time(self.attributes.get("begin_validity"))

    @property
    def conditions(self) -> Mapping[str, Any]:
        """What the file tells of its operating condition by the database's names, as it stands there."""
        return {**self.attributes.get("recorded", {}), **self.attributes.get("conditions", {})}

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
        with _sealed(self.path, whole=True) as file:
            return np.asarray(group_of(file)["data"][()])

    def count(self, dims: Sequence[str] = INTERNAL_DIMS) -> Array | None:
        """Number of samples behind each value, like :meth:`values`, or None where the file has none."""
        with _sealed(self.path) as file:
            present = "count" in group_of(file)
        return self._ordered("count", dims) if present else None

    @property
    def identity(self) -> str:
        """What tells its content from any other, also in a copy: SHA-256 of the file, without its seal.

        Raises
        ------
        BadInput
            The file is gone or damaged.
        """
        with _understood(self.path):
            return seals.told(self.path) or seals.sha256(self.path)

    def entries(self, some: slice, dims: Sequence[str] = INTERNAL_DIMS, axis: str = "cell") -> Array:
        """Like :meth:`values`, of some memory cells, or entries of another axis; all where the file has it not.

        Parameters
        ----------
        some : slice
        dims : sequence of str
        axis : str

        Returns
        -------
        array
            In the file's order in memory: whoever needs another one copies it.
        """
        return self._as_stored("data", dims, tuple(some if dim == axis else slice(None) for dim in self.dims))

    def _ordered(self, name: str, dims: Sequence[str]) -> Array:
        return np.ascontiguousarray(self._as_stored(name, dims))

    def _as_stored(self, name: str, dims: Sequence[str], part: tuple[slice, ...] = ()) -> Array:
        """Values with their axes in some order, and about the file's in memory."""
        if not self.dims or not set(self.dims) <= set(dims):
            raise BadInput(f"{self.path} has the axes {self.dims or 'without names'}, not {tuple(dims)}.")
        with _sealed(self.path, whole=True) as file:
            dataset = group_of(file)[name]
            whole = all(one == slice(None) for one in part)
            stored: Array | None = all_values(dataset) if whole else None
            if stored is None:
                stored = dataset[part or ()]
        missing = [dim for dim in dims if dim not in self.dims]
        order = [*missing, *self.dims]
        return stored[(np.newaxis,) * len(missing)].transpose([order.index(dim) for dim in dims])


def write_constant(
    constant: Constant, folder: Path, show: Show = appear, buffers: Buffers | None = None
) -> WrittenConstant:
    """Write one constant below a folder that EXtra takes as root of its constants.

    The path is ``xfel/cal/<detector type>/<PDU>/cal.<unix time>.h5`` in lower case, the dataset
    ``/<PDU>/<Calibration>/0/data`` with attribute ``dims``; the number of samples behind each value is in
    ``count`` beside it.

    Parameters
    ----------
    constant : Constant
        Its provenance has at least :data:`REQUIRED_PROVENANCE`.
    folder : Path
    show : callable
        What gives the file its name.
    buffers : Buffers, optional
        Where the file lies in memory before: little more than its size. Without, it is made on the disk.

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
    made = prepare_constant(constant, path, datetime.fromtimestamp(created / 1e9, UTC), buffers)
    try:
        show(made.temporary, path)
    except BaseException:
        made.temporary.unlink(missing_ok=True)
        raise
    return WrittenConstant(path, made.sha256, made.bytes)


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
    """Folder of a detector type's constants, below the one that EXtra takes as their root.

    Parameters
    ----------
    database_type : str
        Such as ``…-Type``; the folder has it in small letters.
    """
    return STORE / database_type.lower()


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
        if sha256 is not None and seals.sha256(path) != sha256:
            raise ValueError("its checksum differs from the one that was recorded")
        with _sealed(path) as file:
            return _stored(path, group_of(file))


def named_calibration(path: Path) -> str:
    """Name in the database of the calibration that a file is of, without looking further; empty where it tells none.

    Parameters
    ----------
    path : Path
    """
    try:
        with open_hdf5(path) as file:
            return next(iter(next(iter(file.values()))), "")
    except _DAMAGE:
        return ""


@contextmanager
def opened(stored: StoredConstant, part: str = "data", whole: bool = False) -> Iterator[h5py.Dataset]:
    """Values of a constant, or their samples, while the file is open.

    Parameters
    ----------
    stored : StoredConstant
    part : str
        ``data`` or ``count``.
    whole : bool
        Make sure of the seal of the values too, which reads the file once where it has one.

    Raises
    ------
    BadInput
        The file is gone, damaged, or another one by now.
    """
    with _understood(stored.path):
        if not stored.path.is_file():
            raise OSError("there is no such file")
        with _sealed(stored.path, whole) as file:
            found = group_of(file)[part]
            if found.shape != stored.shape:
                raise ValueError(f"its shape was {stored.shape} and is {found.shape} by now")
            yield found


def list_constants(folder: Path) -> tuple[StoredConstant, ...]:
    """Constants below a folder, sorted by path.

    Parameters
    ----------
    folder : Path
        Root of a tree of constants as EXtra takes it.

    Raises
    ------
    BadInput
        A constant file cannot be read.
    """
    return tuple(read_constant(path) for path in sorted(folder.glob("xfel/cal/*/*/cal.*.h5")))


def _stored(path: Path, group: h5py.Group) -> StoredConstant:
    data = group["data"]
    if data.dtype.kind not in "biuf":
        raise ValueError(f"its values are of the type {data.dtype}, which are no real numbers")
    pdu, calibration = names_of(path, group)
    dims = tuple(data.attrs["dims"].tolist()) if "dims" in data.attrs else ()
    # as a list: while its iterator lives, as in the traceback of an error, no other thread can use HDF5
    attributes = {name: _decoded(name, value) for name, value in [*group.attrs.items(), *_long_texts(group)]}
    attributes |= dict(beside_values(group)) if group.name == ALONE else {}
    if "dims" in attributes and tuple(attributes["dims"]) != dims:
        raise ValueError(f"the names of its axes were {attributes['dims']} and are {dims} by now")
    chunks = {part: group[part].chunks for part in ("data", "count") if part in group}
    return StoredConstant(path, pdu, calibration, data.shape, dims, data.dtype.str, attributes, chunks, group.name)


def _long_texts(group: h5py.Group) -> Iterator[tuple[str, bytes]]:
    """Texts that are too long for attributes."""
    for name in _JSON_ATTRIBUTES:
        if isinstance(group.get(name), h5py.Dataset):
            yield name, group[name][()].tobytes()


def _decoded(name: str, value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.rstrip(b"\0").decode("utf-8", "backslashreplace")
    if name in _JSON_ATTRIBUTES:
        return json.loads(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@contextmanager
def _sealed(path: Path, whole: bool = False) -> Iterator[h5py.File]:
    """A constant file open for reading, after its seal was made sure of: of all of it, or of all but the values."""
    with _understood(path):
        sealed = seals.check(path, whole)
        with open_hdf5(path) as file:
            if not sealed and "sealed" in group_of(file).attrs:
                raise ValueError("its checksum (SHA-256) is gone; the end of the file was cut or changed")
            yield file


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file causes into one sentence."""
    try:
        yield
    except _DAMAGE as error:
        raise BadInput(f"{path} cannot be read as a calibration constant: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    """What the error says; an OSError has words besides its number, and a KeyError puts its own in quotes."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return said.rstrip(".") or "its contents do not fit together"

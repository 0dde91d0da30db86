"""Constants that are taken out of a store: copies of its files, and a table of them and of those that are missing.

A copy is the file as it is, in the facility's tree and under its name, or a file of its own in which a module's
constant is ``/<module>/<calibration>``. Its chunks are copied as they are packed, so that no value is made anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from calib_core.constants.condition import Value
from calib_core.errors import BadInput, OutputFailed
from calib_core.io.buffers import Buffers
from calib_core.io.files import HDF5_ERRORS
from calib_core.io.foreign import open_hdf5
from calib_core.io.libraries import h5py
from calib_core.resource_files import read_resource
from calib_core.store.base import ConstantStore, Query, Version
from calib_core.store.constant_image import chunks_of, put_text
from calib_core.store.constants import STORE, StoredConstant, opened
from calib_core.store.files import mapped, write_atomically
from calib_core.store.local.candidates import sha256_of
from calib_core.store.memory_file import MemoryFile
from calib_core.store.seals import Seals, put_seal
from calib_core.store.table import Column, write_csv

#: Copies of files in the facility's tree, or a file of each constant by modules.
LAYOUTS = ("facility", "modules")
SUMMARY = "summary.csv"
#: In a file that HDF5 makes, what is not values.
_BESIDE = 8 << 20
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Exported:
    """What became of a constant that was asked for.

    Attributes
    ----------
    unit, calibration : str
    version : Version, optional
        None where there is none.
    path : Path, optional
        The copy.
    sha256 : str
        Of the copy, hexadecimal.
    bytes : int
    fallback : bool
        Whether it is of the other operating condition.
    """

    unit: str
    calibration: str
    version: Version | None = None
    path: Path | None = None
    sha256: str = ""
    bytes: int = 0
    fallback: bool = False

    @property
    def condition(self) -> str:
        """Whether it is of the operating condition that was asked for, in words."""
        return "another: fallback" if self.fallback else "as asked"


def days_that_count() -> float:
    """How much closer in time a constant of the other condition must be to be taken, days."""
    return float(read_resource("store", "export")["days_closer"])


def with_fallback(
    found: Sequence[Version], others: Sequence[Version], at: datetime, days: float
) -> tuple[Version, ...]:
    """Of each kind and unit the version of the condition that was asked for, or that of another one.

    The other is taken where there is no exact one, or where it is more days closer to the time.

    Parameters
    ----------
    found, others : sequence of Version
        One of each kind and unit: of the condition, and of the other one.
    at : datetime
        Aware.
    days : float
    """
    best = {(one.calibration, one.pdu): one for one in others}
    for one in found:
        key = one.calibration, one.pdu
        other = best.get(key)
        if other is None or _away(one, at) <= _away(other, at) + timedelta(days=days):
            best[key] = one
    return tuple(best[key] for key in sorted(best))


def other_condition(query: Query, changes: Mapping[str, Value]) -> Query:
    """The same question of another operating condition.

    Parameters
    ----------
    query : Query
    changes : mapping
        Values by the database's names.
    """
    return replace(query, condition={**(query.condition or {}), **changes})


def _away(one: Version, at: datetime) -> timedelta:
    return abs(one.begin - at) if one.begin is not None else timedelta.max / 2


def missing(
    found: Sequence[Version], calibrations: Sequence[str], units: Sequence[str]
) -> tuple[Exported, ...]:
    """Kinds and units that were asked for and have no version.

    Parameters
    ----------
    found : sequence of Version
    calibrations, units : sequence of str
        All that was asked for by name; where none was, those that any version was found of count.
    """
    kinds = calibrations or sorted({one.calibration for one in found})
    names = units or sorted({one.pdu for one in found})
    there = {(one.calibration, one.pdu) for one in found}
    return tuple(Exported(unit, kind) for unit in names for kind in kinds if (kind, unit) not in there)


def export(
    store: ConstantStore, versions: Sequence[Version], folder: Path, layout: str, told: Told | None = None
) -> tuple[Exported, ...]:
    """Copy versions into a folder; what is there already with the same bytes is left.

    Parameters
    ----------
    store : ConstantStore
    versions : sequence of Version
    folder : Path
    layout : str
        One of :data:`LAYOUTS`.
    told : callable, optional
        Told after each version how many are done, and of how many.

    Returns
    -------
    tuple of Exported

    Raises
    ------
    BadInput
        A file is gone, damaged or changed since it was injected.
    OutputFailed
        The folder cannot be written, or another file has the name.
    """
    put = {"facility": _copy, "modules": _by_module}[layout]
    buffers, made = Buffers(), list[Exported]()
    for one in versions:
        made.append(put(one, store.read(one), folder, buffers))
        if told is not None:
            told(len(made), len(versions))
    return tuple(made)


def _copy(one: Version, stored: StoredConstant, folder: Path, buffers: Buffers) -> Exported:
    """The file as it is, below the folder where the facility has it."""
    type_, unit, name = stored.path.parts[-3:]
    path = folder / STORE / type_ / unit / name
    data = mapped(stored.path)
    digest = hashlib.sha256(data).hexdigest()
    if one.sha256 and digest != one.sha256:
        raise BadInput(f"{stored.path} has another checksum than the store has noted; it was changed since.")
    return _put(one, path, data, digest)


def _by_module(one: Version, stored: StoredConstant, folder: Path, buffers: Buffers) -> Exported:
    """A file of its own; all that the constant's group has goes along."""
    with opened(stored, whole=True) as data:
        image = MemoryFile(buffers, stored.path.stat().st_size + _BESIDE)
        with h5py.File(image, "w", libver=("v110", "v110")) as file:
            name = f"{_module_of(one)}/{one.calibration}"
            data.parent.copy(data.parent, file.require_group(str(_module_of(one))), name=one.calibration)
            group = file[name]
            for key, text in _origin(one):
                put_text(group, key, text)
            file.flush()
            spans = [span for part in ("data", "count") if part in group and group[part].chunks
                     for span in chunks_of(group[part])]
        digest = put_seal(image, spans)
        return _put(one, folder / _name(one), image.getbuffer(), digest)


def _origin(one: Version) -> Iterator[tuple[str, str]]:
    """What the store tells of a version beside what its file does."""
    yield "unit_name", one.pdu
    yield "source_sha256", one.sha256
    if one.number:
        yield "version", str(one.number)
    if one.status is not None:
        yield "status", str(one.status)


def _module_of(one: Version) -> int | str:
    return one.pdu if one.module is None else one.module


def _name(one: Version) -> str:
    """Name of a file by detector, kind, place and begin."""
    begin = f"{one.begin:%Y%m%dT%H%M%S.%f}Z" if one.begin else "no-time"
    return f"{one.detector or one.pdu}_{one.calibration}_{one.aggregator or one.pdu}_{begin}.h5"


def _put(one: Version, path: Path, data: memoryview, digest: str) -> Exported:
    if path.exists():
        there = sha256_of(path)
        if there != digest and not _is_of(one, path):  # HDF5 does not make the same bytes each time
            raise OutputFailed(f"{path} is there already and is something else; give another folder.")
        return Exported(one.pdu, one.calibration, one, path, there, path.stat().st_size)
    write_atomically(path, data)
    return Exported(one.pdu, one.calibration, one, path, digest, len(data))


def _is_of(one: Version, path: Path) -> bool:
    """Whether a file by modules is as it was made of a version."""
    try:
        if not one.sha256 or not Seals().check(path, whole=True):
            return False
        with open_hdf5(path) as file:
            told = file[f"{_module_of(one)}/{one.calibration}"].attrs["source_sha256"]
            return bool(told.decode() == one.sha256)
    except HDF5_ERRORS:
        return False


_COLUMNS = (Column("module"), Column("aggregator"), Column("unit"), Column("calibration"), Column("state"),
            Column("condition"), Column("valid from (UTC)"), Column("made (UTC)"), Column("age", "days"),
            Column("version"), Column("raw data"), Column("file"), Column("bytes"), Column("SHA-256"))


def write_summary(folder: Path, made: Sequence[Exported], at: datetime) -> Path:
    """Write the table of what was copied and what is missing; an older one is replaced.

    Parameters
    ----------
    folder : Path
    made : sequence of Exported
    at : datetime
        Ages are as of then, aware.
    """
    path = folder / SUMMARY
    ordered = sorted(made, key=lambda one: (one.unit, one.calibration))
    write_csv(path, _COLUMNS, [_row(one, folder, at) for one in ordered],
              f"Constants as of {at:%Y-%m-%d %H:%M:%S} UTC.", overwrite=True)
    return path


def _row(one: Exported, folder: Path, at: datetime) -> tuple[str | int | float | None, ...]:
    version = one.version
    if version is None or one.path is None:
        return (None, None, one.unit, one.calibration, "missing", *[None] * 9)
    age = None if version.begin is None else round((at - version.begin) / timedelta(days=1), 3)
    times = (f"{time:%Y-%m-%d %H:%M:%S}" if time else None for time in (version.begin, version.created))
    return (version.module, version.aggregator, one.unit, one.calibration, version.status or "found", one.condition,
            *times, age, version.number or None, version.raw_data, str(one.path.relative_to(folder)), one.bytes,
            one.sha256)

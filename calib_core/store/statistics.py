"""Statistics of constants in one HDF5 file: what is drawn of them can be drawn from it alone.

``/<calibration>/<module>`` has the versions of one unit, condition and shape in the order of time; further ones of a
module are ``<module>_2`` and so on. In it are ``time``, what the versions are, the numbers of groups in ``all`` and
``good``, flagged pixels, and in ``whole`` the numbers of all groups as one.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Array
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.history import Comparable
from calib_core.constants.statistics import About, PairedMap, VersionStatistics, together
from calib_core.errors import BadInput
from calib_core.io.buffers import Buffers
from calib_core.io.foreign import open_hdf5
from calib_core.io.libraries import h5py
from calib_core.numerics.flag_counts import Flagged
from calib_core.numerics.group_statistics import SETS, Cut, Numbers
from calib_core.store.files import write_atomically
from calib_core.store.memory_file import MemoryFile

FORMAT = 1
DIMS = ("version", "gain", "cell_row", "block_y", "block_x")
_NUMBERS = ("mean", "std", "median", "n")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError)


def write_statistics(path: Path, versions: Iterable[VersionStatistics], overwrite: bool = False) -> None:
    """Write statistics, whole or not at all.

    Parameters
    ----------
    path : Path
    versions : iterable of VersionStatistics
        In any order.
    overwrite : bool

    Raises
    ------
    OutputFailed
        The file cannot be written.
    """
    write_atomically(path, image_of(versions), overwrite)


def image_of(versions: Iterable[VersionStatistics]) -> memoryview:
    """The file of some statistics in memory.

    Parameters
    ----------
    versions : iterable of VersionStatistics
        In any order.
    """
    image = MemoryFile(Buffers(), 1 << 20)
    with h5py.File(image, "w", libver=("v110", "v110")) as file:
        file.attrs["format"] = FORMAT
        for comparable, some in together(versions).items():
            _put(file.create_group(_free_name(file, comparable.calibration, some[0].about.module)), some)
    return image.getbuffer()


def _free_name(file: h5py.File, calibration: str, module: int) -> str:
    """Name of a group: that of the module, numbered where it has other conditions or shapes already."""
    name, number = f"{calibration}/{module}", 2
    while name in file:
        name, number = f"{calibration}/{module}_{number}", number + 1
    return name


def _put(group: h5py.Group, versions: Sequence[VersionStatistics]) -> None:
    first = versions[0]
    about = first.about
    group.attrs["spShape"], group.attrs["nMemToShow"] = first.cut.block_shape, first.cut.cells
    group.attrs["condition"] = json.dumps(dict(about.comparable.condition), ensure_ascii=False)
    group.attrs["shape"] = json.dumps(dict(about.comparable.shape))
    group.attrs["entries"] = json.dumps(list(about.entries))
    group.attrs["axis"], group.attrs["unit"], group.attrs["pdu"] = about.axis, about.unit, about.comparable.unit
    group.attrs["module"] = about.module
    if first.cut.pixels:
        group.attrs["region"] = first.cut.pixels
    microseconds = np.array([(one.about.begin - _EPOCH) // _MICROSECOND for one in versions], np.int64)
    _dataset(group, "time", microseconds, ("version",), "µs since 1970-01-01 00:00 UTC")
    group["path"] = [one.about.path for one in versions]
    _dataset(group, "confirmed", np.array([one.about.confirmed for one in versions], np.uint8), ("version",), "")
    group["map"] = ["" if one.map is None else one.map.path for one in versions]
    _dataset(group, "map_after", np.array([np.nan if one.map is None else one.map.seconds for one in versions]),
             ("version",), "s")
    _put_flags(group, versions)
    _put_numbers(group, [one.groups for one in versions], DIMS, about.unit)
    _put_numbers(group.create_group("whole"), [one.whole for one in versions], DIMS[:2], about.unit)


def _put_numbers(group: h5py.Group, numbers: Sequence[Numbers | None], dims: Sequence[str], unit: str) -> None:
    """Numbers of all and of good values; flags have none."""
    there = [one for one in numbers if one is not None]
    if len(there) != len(numbers):
        return
    for place, some in enumerate(SETS):
        for name in _NUMBERS:
            values = np.stack([getattr(one, name)[place] for one in there])
            _dataset(group, f"{some}/{name}", values, dims, "" if name == "n" else unit)


def _put_flags(group: h5py.Group, versions: Sequence[VersionStatistics]) -> None:
    """Flagged values; −1 in versions without a map."""
    known = next((one.flags for one in versions if one.flags is not None), None)
    if known is None:
        return
    for name, dims in (("number", DIMS), ("by_flag", (*DIMS, "bit")), ("total", DIMS)):
        lacking = np.full_like(getattr(known, name), -1)
        values = np.stack([lacking if one.flags is None else getattr(one.flags, name) for one in versions])
        _dataset(group, _FLAGS[name], values, dims, "")
    group["nbad_by_flag"].attrs["flags"] = json.dumps({one.value.bit_length() - 1: one.name for one in BadPixels})


#: What counts of flags are called in the file.
_FLAGS = {"number": "nbad", "by_flag": "nbad_by_flag", "total": "ntotal"}


def _dataset(group: h5py.Group, name: str, values: Array, dims: Sequence[str], unit: str) -> None:
    """Values with names of their axes, unit and checksum."""
    made = group.create_dataset(name, data=values, chunks=tuple(max(1, length) for length in values.shape),
                                compression="gzip", compression_opts=1, shuffle=True, fletcher32=True)
    made.attrs["dims"], made.attrs["unit"] = list(dims), unit


def read_statistics(path: Path) -> tuple[VersionStatistics, ...]:
    """Read what :func:`write_statistics` wrote.

    Parameters
    ----------
    path : Path

    Raises
    ------
    BadInput
        The file is missing, damaged, no such file, or of a newer program.
    """
    with _understood(path), open_hdf5(path) as file:
        return _all(file)


def read_image(path: Path, data: bytes) -> tuple[VersionStatistics, ...]:
    """The same of a file of ours whose bytes are in memory, and are those that were written.

    Parameters
    ----------
    path : Path
        For sentences.
    data : bytes

    Raises
    ------
    BadInput
        It is no such file, or of a newer program.
    """
    with _understood(path), h5py.File(io.BytesIO(data), "r") as file:
        return _all(file)


@contextmanager
def _understood(path: Path) -> Iterator[None]:
    """Turn whatever a file that is something else causes into one sentence."""
    try:
        yield
    except _DAMAGE as error:
        said = (error.strerror if isinstance(error, OSError) else None) or str(error).strip("'\"")
        raise BadInput(f"{path} cannot be read as statistics of constants: {said.rstrip('.')}.") from error


def _all(file: h5py.File) -> tuple[VersionStatistics, ...]:
    if int(file.attrs["format"]) > FORMAT:
        raise ValueError(f"it has format {file.attrs['format']}, and this program knows {FORMAT}")
    groups = [of_module for calibration in list(file.values()) for of_module in list(calibration.values())]
    return tuple(version for group in groups for version in _versions(group))


def _versions(group: h5py.Group) -> Iterator[VersionStatistics]:
    said = {name: group.attrs[name] for name in ("spShape", "nMemToShow", "axis", "unit", "pdu", "module")}
    told = {name: json.loads(group.attrs[name]) for name in ("condition", "shape", "entries")}
    comparable = Comparable(str(said["pdu"]), group.name.split("/")[1], tuple(told["condition"].items()),
                            tuple(told["shape"].items()))
    cut = Cut((int(said["spShape"][0]), int(said["spShape"][1])), int(said["nMemToShow"]),
              str(group.attrs.get("region", "")))
    groups, whole, flags = _numbers(group), _numbers(group["whole"]), _flags(group)
    texts = {name: [text.decode() for text in group[name][()]] for name in ("path", "map")}
    after = group["map_after"][()]
    confirmed = group["confirmed"][()] if "confirmed" in group else np.zeros(len(after), np.uint8)  # older files
    for place, microseconds in enumerate(group["time"][()]):
        about = About(comparable, int(said["module"]), _EPOCH + int(microseconds) * _MICROSECOND, str(said["axis"]),
                      tuple(told["entries"]), str(said["unit"]), texts["path"][place], bool(confirmed[place]))
        paired = PairedMap(texts["map"][place], float(after[place])) if np.isfinite(after[place]) else None
        yield VersionStatistics(about, cut, _of_version(groups, place), _of_version(whole, place),
                                _flags_of(flags, place), paired)


def _numbers(group: h5py.Group) -> dict[str, Array] | None:
    """Numbers of all versions, (2, versions, ...); None of flags."""
    if SETS[0] not in group:
        return None
    return {name: np.stack([group[f"{some}/{name}"][()] for some in SETS]) for name in _NUMBERS}


def _of_version(numbers: dict[str, Array] | None, place: int) -> Numbers | None:
    return None if numbers is None else Numbers(**{name: values[:, place] for name, values in numbers.items()})


def _flags(group: h5py.Group) -> dict[str, Array] | None:
    return {name: group[stored][()] for name, stored in _FLAGS.items()} if "nbad" in group else None


def _flags_of(flags: dict[str, Any] | None, place: int) -> Flagged | None:
    """Flagged values of a version; None where it has no map."""
    if flags is None or (flags["total"][place] < 0).any():
        return None
    return Flagged(**{name: values[place] for name, values in flags.items()})

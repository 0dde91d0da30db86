"""Files of numbers beside constants: those of each version by gain stage and groups of pixels, and what was told."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from calib_core.constants.statistics import (
    LineKind,
    LineNumbers,
    VersionStatistics,
    line_numbers,
    paired,
    statistics_of,
)
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.numerics.flag_counts import Flagged, flagged
from calib_core.numerics.group_statistics import Cut
from calib_core.resource_files import read_resource
from calib_core.store.about import about_of, is_flags, is_stack
from calib_core.store.constants import StoredConstant
from calib_core.store.statistics import image_of, read_image

#: Begin of the names of files of numbers; what follows is that of the constant's file, and of their checksum.
PREFIX = "statistics."
_DIGITS = 12
#: What a constant's file tells that numbers of versions are compared by, beside its operating condition.
_TOLD = ("detector_type", "module", "karabo_da", "unit")


def usual_cut(kind: DetectorType) -> Cut:
    """How values are cut into groups unless somebody asks otherwise: by ASIC and some memory cells.

    Parameters
    ----------
    kind : DetectorType
    """
    return Cut(kind.asic_shape, int(read_resource("statistics", "groups")["memory_cells"]["value"]))


@dataclass(frozen=True)
class Made:
    """Numbers that are to be kept with a version.

    Attributes
    ----------
    told : mapping, optional
        What its file tells, as plain JSON; None for what is no stack of images.
    numbers : VersionStatistics, optional
        None for what is no stack of images, which has none.
    map_sha256 : str
        Of the file of its bad-pixel map; empty without one.
    line : LineNumbers, optional
        Numbers of its entries as a whole.
    image : bytes
        The file of all of its numbers; the constant's and its map's have their names there, without a folder.
    """

    told: Mapping[str, Any] | None = None
    numbers: VersionStatistics | None = None
    map_sha256: str = ""
    line: LineNumbers | None = None
    image: bytes = b""

    @classmethod
    def of(cls, told: Mapping[str, Any], numbers: VersionStatistics, map_sha256: str) -> Made:
        """What is kept of some numbers.

        Parameters
        ----------
        told : mapping
        numbers : VersionStatistics
        map_sha256 : str
        """
        return cls(told, numbers, map_sha256, line_numbers(numbers), _image_of(numbers))

    @cached_property
    def sha256(self) -> str:
        """Of that file, hexadecimal; empty without numbers."""
        return hashlib.sha256(self.image).hexdigest() if self.image else ""

    def beside(self, path: Path) -> dict[Path, bytes]:
        """The file of numbers beside that of a constant, by its path; nothing where there are no numbers.

        Parameters
        ----------
        path : Path
            Of the constant. Its checksum is part of the name, so that other numbers have another.
        """
        return {path.with_name(f"{_begin(path)}{self.sha256[:_DIGITS]}.h5"): self.image} if self.image else {}


def beside_of(path: Path) -> tuple[Path, ...]:
    """Files of numbers that lie beside that of a constant, sorted.

    Parameters
    ----------
    path : Path
        Of the constant.
    """
    return tuple(sorted(path.parent.glob(f"{glob.escape(_begin(path))}*.h5")))


def _begin(path: Path) -> str:
    """Begin of the names of files of numbers beside a constant's."""
    return f"{PREFIX}{path.stem.removeprefix('cal.')}."


def made_of(stored: StoredConstant, numbers: VersionStatistics | None, map_sha256: str) -> Made:
    """What is kept of the numbers of a constant.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes.
    numbers : VersionStatistics, optional
        None where it is no stack of images.
    map_sha256 : str
    """
    return Made() if numbers is None else Made.of(told_of(stored, numbers), numbers, map_sha256)


def _image_of(numbers: VersionStatistics) -> bytes:
    """The file of the numbers of a version."""
    about, map_ = numbers.about, numbers.map
    beside = replace(numbers, about=replace(about, path=Path(about.path).name),
                     map=None if map_ is None else replace(map_, path=Path(map_.path).name))
    return bytes(image_of([beside]))


def told_of(stored: StoredConstant, numbers: VersionStatistics) -> Mapping[str, Any]:
    """What is kept of what the file of a constant tells, as plain JSON.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes.
    numbers : VersionStatistics
    """
    about, provenance = numbers.about, stored.attributes.get("provenance", {})
    return {**{name: stored.attributes[name] for name in _TOLD if name in stored.attributes},
            "provenance": {"detector": str(provenance.get("detector", ""))},
            "axes": {about.axis: list(about.entries)}, "conditions": dict(stored.attributes.get("conditions", {})),
            "spShape": list(numbers.cut.block_shape), "nMemToShow": numbers.cut.cells,
            "flags": is_flags(stored), "shape": list(stored.shape), "dims": list(stored.dims)}


def numbers_of(
    stored: StoredConstant, kind: DetectorType, values: Any, map_: StoredConstant | None, flags: Any,
    count: Callable[[Any, Cut], Flagged] = flagged,
) -> VersionStatistics | None:
    """Numbers of a constant whose values are in memory; None where it is no stack of images.

    Parameters
    ----------
    stored : StoredConstant
        With names of its axes.
    kind : DetectorType
    values : (entries, cells, slow_scan, fast_scan) array
    map_ : StoredConstant, optional
        Its bad-pixel map.
    flags : (entries, cells, slow_scan, fast_scan) uint32, optional
        Of the map.
    count : callable
        Counts flags in groups.
    """
    if not is_stack(stored):
        return None
    about = about_of(stored)
    if map_ is None or is_flags(stored):
        return statistics_of(about, values, None, usual_cut(kind), count=count)
    return statistics_of(about, values, flags, usual_cut(kind), paired(about, about_of(map_)), count)


@lru_cache(1024)
def line_kind(told: str) -> LineKind:
    """What numbers of versions have in common, as an index tells it.

    Parameters
    ----------
    told : str
        JSON of :attr:`Made.told`.
    """
    said: dict[str, Any] = json.loads(told)
    [entries] = said["axes"].values()
    lengths = tuple(sorted(zip(said["dims"], said["shape"], strict=True)))
    rows, columns = said["spShape"]
    return LineKind(lengths, tuple(entries), str(said.get("unit", "")), (rows, columns), said["flags"])


def read_blocks(path: Path, sha256: str) -> VersionStatistics:
    """Numbers of a version by groups of pixels.

    Parameters
    ----------
    path : Path
    sha256 : str
        That the file must have.

    Raises
    ------
    BadInput
        It is gone, damaged or another one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}; calibwb store statistics makes it anew.") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadInput(f"{path} was changed since it was written: its checksum (SHA-256) differs; calibwb store "
                       "statistics makes it anew.")
    [one] = read_image(path, data)
    return one


def same_line(one: VersionStatistics, line: LineNumbers) -> bool:
    """Whether a line has the numbers of a file.

    Parameters
    ----------
    one : VersionStatistics
    line : LineNumbers
    """
    return line_numbers(one).numbers == line.numbers

"""Constants that are taken out of a store: copies of its files.

A copy is the file as it is, in the facility's tree and under its name, or a file of its own in which a module's
constant is ``/<module>/<calibration>``. Its chunks are copied as they are packed, so that no value is made anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from calib_core.errors import BadInput, OutputFailed, and_others
from calib_core.io.files import HDF5_ERRORS
from calib_core.io.foreign import open_hdf5
from calib_core.io.libraries import h5py
from calib_core.store.base import ConstantStore, Version
from calib_core.store.constant_image import chunks_of, put_text
from calib_core.store.constants import STORE, StoredConstant, opened
from calib_core.store.copies import copied
from calib_core.store.draft import Draft, drafted
from calib_core.store.files import appear
from calib_core.store.seals import Seals, put_seal, sha256_of

#: Exit status of a command that has copied some of what was asked for, while others are missing.
SOME_MISSING = 3
#: Copies of files in the facility's tree, or a file of each constant by modules.
LAYOUTS = ("facility", "modules")
#: Attribute of a copy: checksum of the file whose values it has, the first where it is a copy of a copy.
SOURCE = "source_sha256"
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
    why : str
        Why there is no copy of a version that there is; empty where there is one.
    """

    unit: str
    calibration: str
    version: Version | None = None
    path: Path | None = None
    sha256: str = ""
    bytes: int = 0
    fallback: bool = False
    why: str = ""

    @property
    def state(self) -> str:
        """What became of it, in a word."""
        if self.version is None:
            return "missing"
        return "damaged" if self.why else str(self.version.status or "found")

    @property
    def condition(self) -> str:
        """Whether it is of the operating condition that was asked for, in words."""
        return "another: fallback" if self.fallback else "as asked"


def export(
    store: ConstantStore, versions: Sequence[Version], folder: Path, layout: str, told: Told | None = None
) -> tuple[Exported, ...]:
    """Copy versions into a folder; what is there already with the same bytes is left.

    A file that is gone, damaged or changed since it was injected is told, and the others are copied.

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
        None of the files can be copied.
    OutputFailed
        The folder cannot be written, or another file has the name.
    """
    made, twice = list[Exported](), names_of_several(versions)
    for one in versions:
        made.append(copy_or_why(store, one, folder, layout, twice))
        if told is not None:
            told(len(made), len(versions))
    check_some(made)
    return tuple(made)


def check_some(made: Sequence[Exported]) -> None:
    """Refuse where versions were to be copied and none could be.

    Parameters
    ----------
    made : sequence of Exported

    Raises
    ------
    BadInput
        None could be.
    """
    lost = [one.why for one in made if one.why]
    if lost and len(lost) == len(made):
        raise BadInput(lost[0] + and_others(len(lost) - 1, "file cannot be copied either") + " Nothing was copied.")


def copy_or_why(
    store: ConstantStore, one: Version, folder: Path, layout: str, twice: Collection[str] = frozenset()
) -> Exported:
    """Copy a version as :func:`copy` does; where its file is gone, damaged or changed tell why there is no copy.

    Parameters
    ----------
    store : ConstantStore
    one : Version
    folder : Path
    layout : str
    twice : collection of str
    """
    try:
        return copy(store, one, folder, layout, twice)
    except BadInput as error:
        return Exported(one.pdu, one.calibration, one, why=str(error))


def lost_words(made: Sequence[Exported]) -> str:
    """How many have no copy, behind a semicolon; empty where all have one.

    Parameters
    ----------
    made : sequence of Exported
    """
    lost = Counter(one.state for one in made if one.path is None)
    said = (f"{number} {'is' if number == 1 else 'are'} {state}" for state, number in sorted(lost.items()))
    return "".join(f"; {words}" for words in said)


def names_of_several(versions: Sequence[Version]) -> frozenset[str]:
    """Names by modules that more than one of some versions would have, as those of several operating conditions.

    Parameters
    ----------
    versions : sequence of Version
    """
    return frozenset(name for name, number in Counter(map(_name, versions)).items() if number > 1)


def copy(
    store: ConstantStore, one: Version, folder: Path, layout: str, twice: Collection[str] = frozenset()
) -> Exported:
    """Copy a version into a folder, as :func:`export` does with several.

    It goes piece by piece, so that memory has a few megabytes of it, whatever its size.

    Parameters
    ----------
    store : ConstantStore
    one : Version
    folder : Path
    layout : str
    twice : collection of str
        Names by modules that need the version beside them.
    """
    stored = store.read(one)
    if layout == "facility":
        return _as_it_is(one, stored, folder / STORE / Path(*stored.path.parts[-3:]))
    name = _name(one)
    told = f"_{one.number or one.sha256[:8] or one.path.stem}" if name in twice else ""
    return _by_module(one, stored, folder / f"{name}{told}.h5")


def _as_it_is(one: Version, stored: StoredConstant, path: Path) -> Exported:
    """The file as it is, below the folder where the facility has it."""
    if path.exists():
        there = sha256_of(path)
        if there != (one.sha256 or sha256_of(stored.path)):
            raise _something_else(path)
        return _exported(one, path, there)
    temporary, digest = copied(stored.path, path)
    if one.sha256 and digest != one.sha256:
        temporary.unlink()
        raise BadInput(f"{stored.path} has another checksum than the store has noted; it was changed since.")
    appear(temporary, path)
    return _exported(one, path, digest)


def _by_module(one: Version, stored: StoredConstant, path: Path) -> Exported:
    """A file of its own; all that the constant's group has goes along."""
    origin = str(stored.attributes.get(SOURCE) or one.sha256 or sha256_of(stored.path))
    if path.exists():
        if not _is_of(one, path, origin):
            raise _something_else(path)
        return _exported(one, path, sha256_of(path))
    with opened(stored, whole=True) as data, drafted(path) as draft:
        digest = put_seal(draft, _put_group(draft, one, data.parent, origin))
    return _exported(one, path, digest)


def _put_group(draft: Draft, one: Version, group: h5py.Group, origin: str) -> list[tuple[int, int]]:
    """Write a constant's group by modules, chunks as they are packed; where its values are in the file."""
    with h5py.File(draft, "w", libver=("v110", "v110")) as file:
        draft.reserve(group["data"].id.get_storage_size())  # HDF5 takes what is there before for a file of its own
        group.copy(group, file.require_group(str(_module_of(one))), name=one.calibration)
        made = file[f"{_module_of(one)}/{one.calibration}"]
        for key, text in _origin(one, origin):
            put_text(made, key, text)
        file.flush()
        return [span for part in ("data", "count") if part in made and made[part].chunks
                for span in chunks_of(made[part])]


def _origin(one: Version, origin: str) -> Iterator[tuple[str, str]]:
    """What the store tells of a version beside what its file does."""
    yield "unit_name", one.pdu
    yield SOURCE, origin
    if one.number:
        yield "version", str(one.number)
    if one.status is not None:
        yield "status", str(one.status)


def _module_of(one: Version) -> int | str:
    return one.pdu if one.module is None else one.module


def _name(one: Version) -> str:
    """Name of a file by detector, kind, place and begin."""
    begin = f"{one.begin:%Y%m%dT%H%M%S.%f}Z" if one.begin else "no-time"
    return f"{one.detector or one.pdu}_{one.calibration}_{one.aggregator or one.pdu}_{begin}"


def _exported(one: Version, path: Path, digest: str) -> Exported:
    return Exported(one.pdu, one.calibration, one, path, digest, path.stat().st_size)


def _something_else(path: Path) -> OutputFailed:
    return OutputFailed(f"{path} is there already and is something else; give another folder.")


def _is_of(one: Version, path: Path, origin: str) -> bool:
    """Whether a file by modules is as it was made of a version; HDF5 does not make the same bytes each time."""
    try:
        if not Seals().check(path, whole=True):
            return False
        with open_hdf5(path) as file:
            told = file[f"{_module_of(one)}/{one.calibration}"].attrs[SOURCE]
            return bool(told.decode() == origin)
    except HDF5_ERRORS:
        return False

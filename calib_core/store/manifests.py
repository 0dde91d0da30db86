"""Manifests: which files a set of constants has, and whether that is all of them.

Beside the folders of a detector type's units lies one file for each set. While a job writes it is called
``set.<time>.incomplete.json`` and says what is to come; before a constant appears, its name is put in. Only when
all of them are there, ``set.<time>.json`` takes its place, with the checksum of each. What was cut short, by whatever
and at any moment, keeps the first name: whoever looks into the folder sees it.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calib_core.errors import BadInput
from calib_core.ranges import format_numbers
from calib_core.store.constants import STORE, StoredConstant
from calib_core.store.files import write_atomically
from calib_core.store.local.index import is_index

_SET, _WHOLE, _PART = "set.", ".json", ".incomplete.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Model):
    """A constant of a set; path is relative to the manifest, empty until it is about to be written."""

    unit: str
    calibration: str
    module: int
    path: str = ""
    sha256: str = ""
    bytes: int = 0


class Writer(_Model):
    """Process that writes a set: host, id, and what tells it from later processes of that id."""

    host: str
    pid: int
    since: str

    @classmethod
    def here(cls) -> Writer:
        """The process that asks."""
        return cls(host=socket.gethostname(), pid=os.getpid(), since=_since(os.getpid()))

    @property
    def lives(self) -> bool:
        """Whether the process runs on this machine."""
        return self.host == socket.gethostname() and self.since == _since(self.pid) != ""


class Manifest(_Model):
    """What a set of constants is to hold, and holds.

    Attributes
    ----------
    state : str
        ``complete`` once all of it is there.
    why : str
        Why it stayed incomplete; empty while it is written, and where the program was killed.
    key : str
        Same for jobs of the same specification, inputs and version.
    job, detector : str
        Characterisation, such as on the command line, and identifier.
    started : datetime
    writer : Writer
    left_out : dict
        Why modules took no part, by number.
    members : tuple of Member
    """

    format: Literal[1] = 1
    state: Literal["incomplete", "complete"] = "incomplete"
    why: str = ""
    key: str
    job: str
    detector: str
    started: datetime
    writer: Writer
    left_out: dict[int, str] = Field(default_factory=dict)
    members: tuple[Member, ...]


def name_of(started: datetime) -> str:
    """Name of a set by the time at which its job was started."""
    return f"{_SET}{started.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"


@dataclass(frozen=True)
class SetOnDisk:
    """A manifest in its folder, beside the files that it names.

    Attributes
    ----------
    folder : Path
    name : str
    manifest : Manifest
    """

    folder: Path
    name: str
    manifest: Manifest

    @property
    def path(self) -> Path:
        """The manifest's file."""
        return self.folder / (self.name + (_WHOLE if self.manifest.state == "complete" else _PART))

    @cached_property
    def there(self) -> tuple[Member, ...]:
        """Constants whose files are there, of their size where it is known."""
        return tuple(one for one in self.manifest.members
                     if one.path and _is_there(self.folder / one.path, one.bytes))

    @cached_property
    def being_written(self) -> bool:
        """Whether a job on this machine is still writing."""
        manifest = self.manifest
        return manifest.state == "incomplete" and not manifest.why and manifest.writer.lives

    @property
    def whole(self) -> bool:
        """Whether the set is complete and all of its files are there."""
        return self.manifest.state == "complete" and len(self.there) == len(self.manifest.members)

    @property
    def modules(self) -> tuple[tuple[int, ...], set[int], set[int]]:
        """Modules of the set, those that are there wholly, and those of which a part is there."""
        members, there = self.manifest.members, self.there
        missing = {one.module for one in members if one not in there}
        some = {one.module for one in there}
        return tuple(dict.fromkeys(one.module for one in members)), some - missing, some & missing

    def sentence(self) -> str:
        """What is to be said of a set that is not whole; empty where it is."""
        manifest = self.manifest
        what = f"{manifest.job} of {manifest.detector}, {manifest.started.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        if self.whole:
            return ""
        if self.being_written:
            return f"The set of {what} is being written by process {manifest.writer.pid}."
        if manifest.state == "complete":
            gone = len(manifest.members) - len(self.there)
            return (f"The set of {what} was complete, but {_files(gone)} of {len(manifest.members)} "
                    f"{'is' if gone == 1 else 'are'} gone or changed ({self.path}).")
        why = manifest.why or f"its program on {manifest.writer.host} was ended before it was complete"
        return (f"The set of {what} is not complete: {share(*self.modules) or 'nothing was written'} "
                f"({why.rstrip('.')}; {self.path}).")


def share(modules: Sequence[int], whole: Collection[int], begun: Collection[int]) -> str:
    """Of which modules there is everything, a part or nothing; empty where there is nothing.

    Parameters
    ----------
    modules : sequence of int
        All.
    whole, begun : collection of int
        Those that have all of their constants, and those that have some.
    """
    missing = [module for module in modules if module not in whole and module not in begun]
    parts = [f"{_named(whole)} {'was' if len(whole) == 1 else 'were'} written" if whole else "",
             f"of {_named(begun)} only a part" if begun else "",
             f"{format_numbers(missing)} not" if missing and (whole or begun) else ""]
    return ", ".join(filter(None, parts))


def put(made: SetOnDisk) -> None:
    """Write a manifest in place of the one before.

    Raises
    ------
    OutputFailed
        It cannot be written; the one before stays.
    """
    text = made.manifest.model_dump_json(indent=1) + "\n"
    write_atomically(made.path, text.encode(), overwrite=True)
    if made.manifest.state == "complete":
        remove(made)


def remove(made: SetOnDisk) -> None:
    """Take away the manifest of a set that is not complete."""
    (made.folder / (made.name + _PART)).unlink(missing_ok=True)


def list_sets(folder: Path) -> tuple[tuple[SetOnDisk, ...], tuple[str, ...]]:
    """Sets below a folder that EXtra takes as root of its constants, the oldest first.

    Returns
    -------
    sets : tuple of SetOnDisk
    trouble : tuple of str
        Sentences on manifests that cannot be read.
    """
    found, trouble = [], []
    names = {(path.parent, _name(path)) for path in folder.glob(f"{STORE}/*/set.*.json")}
    for place, name in sorted(names):
        try:
            one = read_set(place, name)
        except BadInput as error:
            trouble.append(str(error))
        else:
            found += [one] if one else []
    return tuple(sorted(found, key=lambda one: one.manifest.started)), tuple(trouble)


def read_set(folder: Path, name: str) -> SetOnDisk | None:
    """The set of a name in a folder of manifests, or None where there is none.

    Raises
    ------
    BadInput
        The manifest is damaged.
    """
    for ending in (_WHOLE, _PART):
        path = folder / (name + ending)
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
        return SetOnDisk(folder, name, _understood(path, text))
    return None


def files_of(path: Path) -> tuple[Path, ...]:
    """Files of a set that are there, by its manifest; none where that is gone or damaged."""
    try:
        found = read_set(path.parent, _name(path))
    except BadInput:
        return ()
    return () if found is None else tuple(found.folder / one.path for one in found.there)


def doubts(files: Iterable[StoredConstant]) -> tuple[str, ...]:
    """Sentences on the sets of constants of which not all is there, each once; older files tell no set.

    A store has constants by themselves, with what was decided on each, and no manifests.

    Parameters
    ----------
    files : iterable of StoredConstant
        Some of one set or of several.
    """
    named = {(one.path.absolute().parent.parent, name): None for one in files if (name := _set_of(one))}
    return tuple(filter(None, (_doubt(*one) for one in named if not _in_store(one[0]))))


def set_of(one: StoredConstant) -> SetOnDisk | None:
    """The set that a constant tells; None where it tells none, or its manifest is gone.

    Parameters
    ----------
    one : StoredConstant
    """
    folder, name = one.path.absolute().parent.parent, _set_of(one)
    try:
        return read_set(folder, name) if name and Path(name).name == name else None
    except BadInput:
        return None


def _in_store(folder: Path) -> bool:
    """Whether a folder of a type is below a store with an index."""
    return folder.parts[-3:-1] == STORE.parts and is_index(folder.parents[len(STORE.parts)])


def is_set(path: Path) -> bool:
    """Whether a path is named like a manifest."""
    return path.name.startswith(_SET) and path.name.endswith((_WHOLE, _PART))


def _set_of(one: StoredConstant) -> str:
    said = one.attributes.get("provenance")
    return str(said.get("set") or "") if isinstance(said, Mapping) else ""


def _doubt(folder: Path, name: str) -> str:
    try:
        found = read_set(folder, name) if Path(name).name == name else None
    except BadInput as error:
        return str(error)
    if found is None:
        return f"The manifest {folder / name}{_WHOLE} is missing, so that nothing tells whether the set is whole."
    return found.sentence()


def _understood(path: Path, text: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise BadInput(f"{path} is no manifest of a set of constants: {where}: {first['msg']}.") from error
    if manifest.state != ("incomplete" if path.name.endswith(_PART) else "complete"):
        raise BadInput(f"{path} calls its set {manifest.state}, which its name does not.")
    return manifest


def _name(path: Path) -> str:
    return path.name.removesuffix(_PART).removesuffix(_WHOLE)


def _is_there(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size if size else path.is_file()
    except OSError:
        return False


def _named(modules: Iterable[int]) -> str:
    numbers = sorted(modules)
    return f"module{'s' * (len(numbers) > 1)} {format_numbers(numbers)}"


def _files(number: int) -> str:
    return f"{number} file{'s' * (number != 1)}"


def _since(pid: int) -> str:
    """What tells a process from others of its id: boot of the machine, and ticks after it; empty where it is gone."""
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[19]
        return f"{_BOOT.read_text('ascii').strip()} {ticks}"
    except (OSError, IndexError, ValueError):
        return ""

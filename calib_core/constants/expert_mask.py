"""What people masked: entries with author, time and reason, of which none is ever changed or removed."""

from __future__ import annotations

import base64
import binascii
import getpass
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from calib_core.constants.badpixels import BadPixels, flags_named
from calib_core.errors import BadParameter

Array = npt.NDArray[Any]

#: Flags that people may give by themselves; masks of others keep their own.
BY_HAND = BadPixels.EXPERT_CHOICE | BadPixels.USER1 | BadPixels.USER2
_LONGEST = 500


@dataclass(frozen=True)
class MaskEntry:
    """What somebody masked in one go, or took back.

    Attributes
    ----------
    author, reason : str
    drawn : str
        How the pixels were chosen, such as ``rectangle of 1200 pixels in module 3``, or by which file.
    time, begin : datetime
        When that was done, and from when on it holds, aware UTC.
    flags : int
        Bits that the pixels get; 0 where it takes something back.
    cells : tuple of int
        Memory cells that it is about; none where all.
    stages : tuple of str
        Gain stages that it is about, by their short names; none where all.
    takes_back : str
        Name of the entry that counts no more.
    name : str
        Its own, of no other entry.
    """

    author: str
    reason: str
    drawn: str
    time: datetime
    begin: datetime
    flags: int = int(BadPixels.EXPERT_CHOICE)
    cells: tuple[int, ...] = ()
    stages: tuple[str, ...] = ()
    takes_back: str = ""
    name: str = field(default_factory=lambda: secrets.token_hex(8))

    def checked(self) -> Self:
        """The same with plain texts.

        Raises
        ------
        BadParameter
            It lacks an author, a reason or flags.
        """
        author, reason = (" ".join(text.split()) for text in (self.author, self.reason))
        for what, text in (("author", author), ("reason", reason)):
            if not text or len(text) > _LONGEST:
                raise BadParameter(f"{what} = {text[:40]!r} is not allowed; it takes 1 to {_LONGEST} characters that "
                                   "tell others who masked the pixels, or why.")
        if not self.takes_back and not self.flags:
            raise BadParameter("A mask needs a flag; choose one of "
                               f"{', '.join(flag.label for flag in BadPixels if flag & BY_HAND)}.")
        return replace(self, author=author, reason=reason)

    def holds_at(self, when: datetime | None, cell: int | None, stage: str | None) -> bool:
        """Whether it is about a time and a place; None stands for any."""
        return ((when is None or self.begin <= when) and (cell is None or not self.cells or cell in self.cells)
                and (stage is None or not self.stages or stage in self.stages))


@dataclass(frozen=True, eq=False)
class MaskedPixels:
    """An entry with its pixels of one module: (slow_scan, fast_scan) bool, none of one that takes something back."""

    entry: MaskEntry
    pixels: Array

    def as_json(self) -> dict[str, Any]:
        """Plain JSON; pixels are packed to bits, compressed and written as text."""
        one = self.entry
        packed = base64.b64encode(zlib.compress(np.packbits(self.pixels).tobytes(), 9)).decode()
        return {"name": one.name, "author": one.author, "reason": one.reason, "drawn": one.drawn,
                "time": one.time.isoformat(), "begin": one.begin.isoformat(),
                "flags": ", ".join(flag.name or "" for flag in BadPixels if flag & one.flags),
                "cells": list(one.cells), "stages": list(one.stages), "takes_back": one.takes_back,
                "pixels": int(self.pixels.sum()), "bits": packed}


def read_entry(said: Mapping[str, Any], shape: tuple[int, int]) -> MaskedPixels:
    """An entry out of plain JSON.

    Parameters
    ----------
    said : mapping
        As :meth:`MaskedPixels.as_json` gives it.
    shape : (slow_scan, fast_scan)

    Raises
    ------
    ValueError
        It cannot be understood, or its pixels are not those of such a module.
    """
    try:
        number, packed = shape[0] * shape[1], base64.b64decode(said["bits"], validate=True)
        # no more than can be: a damaged text could stand for any length
        bits = np.frombuffer(zlib.decompressobj().decompress(packed, number), np.uint8)
        pixels = np.unpackbits(bits, count=number).astype(bool).reshape(shape)
        time, begin = (datetime.fromisoformat(said[name]).astimezone(UTC) for name in ("time", "begin"))
        entry = MaskEntry(
            str(said["author"]), str(said["reason"]), str(said["drawn"]), time, begin, flags_named(said["flags"]),
            tuple(map(int, said["cells"])), tuple(map(str, said["stages"])), str(said["takes_back"]),
            str(said["name"]))
        right = int(pixels.sum()) == said["pixels"] and len(bits) == -(-number // 8)
    except (KeyError, TypeError, ValueError, zlib.error, binascii.Error, BadParameter) as error:
        raise ValueError(f"an entry of its expert mask is damaged ({error})") from error
    if not right:
        raise ValueError(f"the pixels of entry {entry.name} of its expert mask are not those of such a module")
    return MaskedPixels(entry, pixels)


@dataclass(frozen=True, eq=False)
class ModuleMask:
    """All entries of one module, in the order of their times.

    Attributes
    ----------
    shape : (slow_scan, fast_scan)
    history : tuple of MaskedPixels
    """

    shape: tuple[int, int]
    history: tuple[MaskedPixels, ...] = ()

    def with_entries(self, others: Iterable[MaskedPixels]) -> ModuleMask:
        """With more entries; those that are there already count once."""
        known = {one.entry.name: one for one in (*others, *self.history)}
        ordered = sorted(known.values(), key=lambda one: (one.entry.time, one.entry.name))
        return replace(self, history=tuple(ordered))

    @property
    def counting(self) -> tuple[MaskedPixels, ...]:
        """Entries with pixels that nobody took back."""
        back = {one.entry.takes_back for one in self.history}
        return tuple(one for one in self.history if not one.entry.takes_back and one.entry.name not in back)

    def flags(self, when: datetime | None = None, cell: int | None = None, stage: str | None = None) -> Array:
        """Flags of a module.

        Parameters
        ----------
        when : datetime, optional
            Time of the data, aware; any unless given.
        cell : int, optional
            Memory cell; any unless given.
        stage : str, optional
            Short name of the gain stage; any unless given.

        Returns
        -------
        (slow_scan, fast_scan) uint32
        """
        found = np.zeros(self.shape, np.uint32)
        for one in self.counting:
            if one.entry.holds_at(when, cell, stage):
                found[one.pixels] |= np.uint32(one.entry.flags)
        return found

    def at_pixel(self, row: int, col: int) -> Iterator[MaskEntry]:
        """Entries that count and have a pixel."""
        return (one.entry for one in self.counting if one.pixels[row, col])

    def begins(self, since: datetime) -> tuple[datetime, ...]:
        """Times from which on other flags hold, from one on."""
        later = {one.entry.begin for one in self.history if not one.entry.takes_back and one.entry.begin > since}
        return (since, *sorted(later))


@dataclass(frozen=True)
class Told:
    """An entry for a list: how many pixels of which units it has, and by which entry it was taken back, if any."""

    entry: MaskEntry
    pixels: int
    units: tuple[str, ...]
    taken_back: MaskEntry | None = None

    @property
    def counts(self) -> bool:
        """Whether nobody took it back."""
        return self.taken_back is None


@dataclass(frozen=True, eq=False)
class MaskBook:
    """Masks of modules, by the names of their units."""

    modules: Mapping[str, ModuleMask] = field(default_factory=dict)

    @property
    def told(self) -> tuple[Told, ...]:
        """All entries with pixels, the newest first."""
        found: dict[str, dict[str, MaskedPixels]] = {}
        back: dict[str, MaskEntry] = {}
        for unit, each in ((unit, each) for unit, one in self.modules.items() for each in one.history):
            if each.entry.takes_back:
                back[each.entry.takes_back] = each.entry
            else:
                found.setdefault(each.entry.name, {})[unit] = each
        told = (Told(next(iter(of.values())).entry, sum(int(each.pixels.sum()) for each in of.values()), tuple(of),
                     back.get(name)) for name, of in found.items())
        return tuple(sorted(told, key=lambda one: one.entry.time, reverse=True))

    @staticmethod
    def last(told: Sequence[Told], author: str) -> Told | None:
        """The last of some entries that somebody made and that counts; None where there is none."""
        return next((one for one in told if one.counts and one.entry.author == author), None)


def author_here() -> str:
    """Name of the user who runs the program; ``unknown`` where the system does not tell it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def taking_back(one: MaskEntry, author: str, now: datetime) -> MaskEntry:
    """Entry that takes another one back."""
    return MaskEntry(author, f"takes back: {one.reason}"[:_LONGEST], "", now, one.begin, 0, takes_back=one.name)


def labels_of_all(entries: Sequence[MaskEntry]) -> tuple[bool, bool]:
    """Whether some entries are about single memory cells, and about single gain stages."""
    return any(one.cells for one in entries), any(one.stages for one in entries)

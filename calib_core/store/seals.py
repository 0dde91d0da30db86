"""Seals of files: checksums (SHA-256) of all bytes, and of all that are no values, at the end of the file itself.

HDF5 ends where its superblock says, so whoever reads the file sees nothing of what follows. The seal goes with every
copy of the file, and stands and falls with it. That of all that are no values is quick to make sure of: what a file
tells of itself is some ten kilobytes, its values may be a gigabyte.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

from calib_core.errors import BadInput
from calib_core.store.placed_file import PlacedFile

_FOOTER = re.compile(rb"\n([0-9a-f]{8}) calibwb seal\n")
_FOOTER_BYTES = 23
_HEX = re.compile(r"[0-9a-f]{64}")
#: Read at once, bytes.
_PIECE = 8 << 20

Span = tuple[int, int]
_Version = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class _Seal:
    """Size of a file without its seal, checksums of all of it and of what are no values, and where values are."""

    size: int
    sha256: str
    rest: str
    values: tuple[Span, ...]


def put_seal(image: PlacedFile, values: Iterable[Span]) -> str:
    """Seal a file that is being made.

    Parameters
    ----------
    image : PlacedFile
        The whole file; the seal is written behind it.
    values : iterable of (int, int)
        First byte and end of its values, in any order; they do not overlap.

    Returns
    -------
    str
        SHA-256 of the file with its seal, hexadecimal.
    """
    spans, size = tuple(_joined(sorted(values))), len(image)
    digest, rest = _digest(image, [(0, size)]), _digest(image, _between(spans, size))
    told = json.dumps({"sha256": digest.hexdigest(), "rest": rest.hexdigest(), "values": spans}).encode()
    seal = told + b"\n%08x calibwb seal\n" % len(told)
    image.seek(0, os.SEEK_END)
    image.write(seal)
    digest.update(seal)
    return digest.hexdigest()


def _digest(image: PlacedFile, spans: Iterable[Span]) -> hashlib._Hash:
    digest = hashlib.sha256()
    for begin, end in spans:
        for piece in image.pieces(begin, end):
            digest.update(piece)
    return digest


class Seals:
    """Makes sure of seals, once for each version of a file."""

    def __init__(self) -> None:
        self._sure: dict[tuple[_Version, bool], bool] = {}

    def check(self, path: Path, whole: bool = False) -> bool:
        """Make sure that a file is as it was sealed.

        Parameters
        ----------
        path : Path
        whole : bool
            Whether its values too.

        Returns
        -------
        bool
            Whether it has a seal; nothing is sure of files without one.

        Raises
        ------
        ValueError
            It is not as it was sealed; the reason ends a sentence.
        OSError
            It cannot be read.
        """
        with path.open("rb") as file:
            version, size = _version(file)
            key = version, whole
            if key not in self._sure:
                self._sure[key] = _is_sure(file, size, whole)
            return self._sure[key]

    def sha256(self, path: Path) -> str:
        """SHA-256 of all bytes of a file, hexadecimal; a seal that holds is made sure of on the way.

        Parameters
        ----------
        path : Path

        Raises
        ------
        OSError
            The file cannot be read.
        """
        with path.open("rb") as file:
            version, size = _version(file)
            try:
                seal = _read(file, size)
            except ValueError:  # told when it is checked
                seal = None
            digest, end = hashlib.sha256(), size if seal is None else seal.size
            _update(digest, file, 0, end)
            if seal is not None and digest.hexdigest() == seal.sha256:
                self._sure[version, True] = True
            _update(digest, file, end, size)
        return digest.hexdigest()

    def told(self, path: Path) -> str:
        """SHA-256 of a file without its seal, as the seal tells it; empty where it has none.

        Parameters
        ----------
        path : Path

        Raises
        ------
        ValueError
            The seal is damaged.
        OSError
            The file cannot be read.
        """
        with path.open("rb") as file:
            seal = _read(file, os.fstat(file.fileno()).st_size)
        return "" if seal is None else seal.sha256


#: Those that this process has made sure of.
seals = Seals()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; a seal of it that holds need not be made sure of again.

    Parameters
    ----------
    path : Path

    Raises
    ------
    BadInput
        It cannot be read.
    """
    try:
        return seals.sha256(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error


def _version(file: IO[bytes]) -> tuple[_Version, int]:
    """What tells a file and its content from others, and its size."""
    info = os.fstat(file.fileno())
    return (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns), info.st_size


def _update(digest: hashlib._Hash, file: IO[bytes], begin: int, end: int) -> None:
    """Take a stretch of a file into a checksum, piece by piece."""
    file.seek(begin)
    for start in range(begin, end, _PIECE):
        digest.update(file.read(min(_PIECE, end - start)))


def _is_sure(file: IO[bytes], size: int, whole: bool) -> bool:
    seal = _read(file, size)
    if seal is None:
        return False
    spans: Iterable[Span] = [(0, seal.size)] if whole else _between(seal.values, seal.size)
    digest = hashlib.sha256()
    for begin, end in spans:
        _update(digest, file, begin, end)
    if digest.hexdigest() != (seal.sha256 if whole else seal.rest):
        raise ValueError("it was damaged or changed since it was written: its checksum (SHA-256) differs")
    return True


def _read(file: IO[bytes], size: int) -> _Seal | None:
    """The seal at the end of a file, None where there is none."""
    file.seek(max(0, size - _FOOTER_BYTES))
    footer = _FOOTER.fullmatch(file.read())
    if footer is None:
        return None
    length = int(footer[1], 16)
    start = size - _FOOTER_BYTES - length
    try:
        file.seek(start)
        told = json.loads(file.read(length))
        seal = _Seal(start, told["sha256"], told["rest"], tuple((int(a), int(b)) for a, b in told["values"]))
        if not (_HEX.fullmatch(seal.sha256) and _HEX.fullmatch(seal.rest) and _in_order(seal)):
            raise ValueError
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise ValueError("its checksum cannot be read; the end of the file is damaged") from error
    return seal


def _in_order(seal: _Seal) -> bool:
    edges = [0, *(edge for span in seal.values for edge in span), seal.size]
    return all(a <= b for a, b in pairwise(edges))


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Stretches, those that follow each other as one."""
    begin = end = -1
    for first, last in spans:
        if first != end:
            if end > begin:
                yield begin, end
            begin = first
        end = last
    if end > begin:
        yield begin, end


def _between(spans: Iterable[Span], size: int) -> Iterator[Span]:
    """What lies outside of stretches."""
    at = 0
    for begin, end in spans:
        yield at, begin
        at = end
    yield at, size

"""Numbers of versions that are made anew of their files: where an index keeps none, or somebody asks."""

from __future__ import annotations

from calib_core.errors import BadInput
from calib_core.store.base import Version
from calib_core.store.files import write_atomically
from calib_core.store.local.blocks import Made, beside_of
from calib_core.store.local.candidates import kind_of, sha256_of
from calib_core.store.local.lines import put_line
from calib_core.store.local.store import LocalStore
from calib_core.store.local.values import Maps, looked_at


def remade(store: LocalStore, version: Version) -> Made:
    """Make the numbers of a version of its file and of its bad-pixel map, and keep them where that can be.

    Parameters
    ----------
    store : LocalStore
        One that is read-only keeps nothing.
    version : Version

    Raises
    ------
    BadInput
        Its file is gone, damaged, or too large.
    OutputFailed
        The store cannot be written.
    """
    kind, named = kind_of(store.read(version))
    _, made, note = looked_at(named, kind, Maps((), store.maps_near, sha256_of), version.pdu)
    if made is None:
        raise BadInput(note)
    if not store.index.read_only:
        _keep(store, version, made)
    return made


def _keep(store: LocalStore, version: Version, made: Made) -> None:
    """Bring the file of numbers to its place, then its row; files of other numbers of the same constant go."""
    beside = made.beside(version.path)
    for path, image in beside.items():
        write_atomically(path, image, overwrite=True)
    with store.writing() as writing:
        put_line(writing, version.number, made, "".join(str(one.relative_to(store.folder)) for one in beside))
    for other in beside_of(version.path):
        if other not in beside:
            other.unlink(missing_ok=True)

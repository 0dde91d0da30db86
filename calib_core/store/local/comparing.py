"""How the values of a file that is to be injected differ from those of the version that is accepted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from calib_core.axes import Array
from calib_core.constants.constant import NOISE, OFFSET
from calib_core.constants.matching import Setting
from calib_core.errors import BadInput
from calib_core.store.bare_files import calibration_of, with_axes
from calib_core.store.base import Query, Version, settings_in
from calib_core.store.constants import StoredConstant
from calib_core.store.local.candidates import Candidate
from calib_core.store.local.conditions import settings_of
from calib_core.store.local.records import digest_of
from calib_core.store.local.store import LocalStore
from calib_core.store.scratch import piece_of

#: A value differs much that is further off than so many σ.
SIGMAS = 5.0
#: Values that are compared of a constant; of more an even selection.
_MOST = 1 << 22


@dataclass(frozen=True)
class Difference:
    """What a file changes in the version that is accepted.

    Attributes
    ----------
    version : Version
        The newest that is valid before the file is or at once with it, or else the first after.
    median : float
        Of the absolute differences of values, σ; NaN of flags, and where nothing can be compared.
    beyond : float
        Share of the values that are further off than :data:`SIGMAS`, or of the flags that are others.
    sigma : str
        What σ is: ``noise`` of the accepted version, or where there is none 1.4826 MAD of the differences, their
        ``scatter``; ``flags`` of those; empty where nothing can be compared.
    every : int
        Every so manieth value was compared.
    why : str
        Why nothing can be compared.
    """

    version: Version
    median: float = nan
    beyond: float = nan
    sigma: str = ""
    every: int = 1
    why: str = ""


def replaced_by(store: LocalStore, one: Candidate) -> Version | None:
    """The accepted version that a file would take the place of: of the same kind, unit, condition and begin.

    Parameters
    ----------
    store : LocalStore
    one : Candidate
        That can be taken.
    """
    assert one.record is not None
    found = _accepted(store, one.record.pdu, one.record.calibration, one)
    same = found is not None and found.begin == one.record.begin
    return found if same and found and _digest(found) == digest_of(one.record.settings) else None


def difference_of(store: LocalStore, one: Candidate) -> Difference | None:
    """How a file differs from what is accepted of its unit and operating condition; None where nothing is.

    Parameters
    ----------
    store : LocalStore
    one : Candidate
        That can be taken.

    Raises
    ------
    BadInput
        One of the files is gone or damaged.
    """
    assert one.record is not None
    assert one.looked is not None
    version = _accepted(store, one.record.pdu, one.record.calibration, one)
    if version is None:
        return None
    new, old = one.looked.stored, _file_of(store, version, one)
    if _lengths(new) != _lengths(old):
        return Difference(version, why=f"it has {_words(old)}")
    if np.dtype(new.dtype).kind in "iu":
        a, b = _values(new, new, old)
        return Difference(version, nan, float(np.mean(a != b)), "flags", _every(new))
    return _of_numbers(version, new, old, _noise_of(store, one))


def _of_numbers(
    version: Version, new: StoredConstant, old: StoredConstant, noise: StoredConstant | None
) -> Difference:
    files = (new, old) if noise is None or _lengths(noise) != _lengths(new) else (new, old, noise)
    a, b, *spread = _values(new, *files)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.asarray(a, np.float64) - b
        there = np.isfinite(apart) & (spread[0] > 0 if spread else True)
        apart = apart[there]
        if not apart.size:
            return Difference(version, why="no value is a number in both")
        sigma = spread[0][there] if spread else 1.4826 * np.median(np.abs(apart - np.median(apart)))
        far = np.where(apart == 0, 0.0, np.abs(apart) / sigma)
    return Difference(version, float(np.median(far)), float(np.mean(far > SIGMAS)),
                      "noise" if spread else "scatter", _every(new))


def _accepted(store: LocalStore, unit: str, calibration: str, one: Candidate) -> Version | None:
    """The newest accepted version that begins no later than a file, of its condition, or else the first after it."""
    settings = _settings(one, calibration)
    if one.record is None or settings is None:
        return None
    query = Query((calibration,), (unit,), condition={name: each.value for name, each in settings.items()},
                  at=one.record.begin)
    found = store.find(query) or store.find(replace(query, take="closest"))
    return found[0] if found else None


def _settings(one: Candidate, calibration: str) -> dict[str, Setting] | None:
    """Operating condition of a file as the database asks for another kind; None where the file does not tell it."""
    assert one.looked is not None
    known = calibration_of(one.looked.kind, calibration)[1]
    if known is None or set(one.looked.kind.condition_of(known)) - set(one.looked.condition.values):
        return None
    return settings_of(one.looked.kind, known, one.looked.condition)


def _noise_of(store: LocalStore, one: Candidate) -> StoredConstant | None:
    """Accepted noise of the unit, for offsets; None of other kinds and where there is none."""
    assert one.looked is not None
    assert one.record is not None
    kind = one.looked.kind
    if calibration_of(kind, one.record.calibration)[0] != OFFSET.name or NOISE.name not in kind.calibrations:
        return None
    version = _accepted(store, one.record.pdu, kind.calibrations[NOISE.name].name, one)
    return None if version is None else _file_of(store, version, one)


def _file_of(store: LocalStore, version: Version, one: Candidate) -> StoredConstant:
    assert one.looked is not None
    try:
        return with_axes(store.read(version), one.looked.kind)[0]
    except BadInput as error:
        raise BadInput(f"{one.path} cannot be compared with what is accepted: {error}") from error


def _values(like: StoredConstant, *files: StoredConstant) -> tuple[Array, ...]:
    """Values of constants at the same places, each (n,): all, or an even selection of many."""
    pieces = [list(_pieces(like, one)) for one in files]
    return tuple(np.concatenate(some) for some in pieces)


def _pieces(like: StoredConstant, one: StoredConstant) -> Iterator[Array]:
    every, first = _every(like), 0
    dims = (*like.dims, *(dim for dim in one.dims if dim not in like.dims))  # these have one entry
    axis, step = piece_of(like.shape, like.chunks["data"], np.dtype(like.dtype).itemsize, range(len(like.shape)))
    for at in range(0, like.shape[axis], step):
        values = one.entries(slice(at, at + step), dims, like.dims[axis]).reshape(-1)
        yield values[first::every].copy()
        first = (first - values.size) % every


def _every(one: StoredConstant) -> int:
    """An odd number, so that the selection does not fall into step with the axes."""
    return -(-int(np.prod(one.shape)) // _MOST) | 1


def _digest(version: Version) -> str:
    return digest_of(settings_in(version.conditions))


def _lengths(one: StoredConstant) -> dict[str, int]:
    """Lengths of axes; those of one entry may be left out."""
    return {dim: n for dim, n in zip(one.dims, one.shape, strict=True) if n > 1}


def _words(one: StoredConstant) -> str:
    return " × ".join(f"{n} {dim}" for dim, n in zip(one.dims, one.shape, strict=True))

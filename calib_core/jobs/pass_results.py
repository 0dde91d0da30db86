"""What steps have learned of all frames of a file in a job, for frames of it that are looked at afterwards."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.file_passes import Learned
from calib_core.correction.bound_constant import BoundConstant
from calib_core.correction.pipeline import BoundPipeline
from calib_core.correction.step import Bound
from calib_core.detector import FrameSelection
from calib_core.errors import OutputFailed
from calib_core.io.files import RunFile
from calib_core.store.scratch import Pile

#: What has to be the same for the same to be learned.
Key = tuple[object, ...]
#: A constant without its values, where they are, and their shape.
_Kept = tuple[BoundConstant, int, tuple[int, ...]]


class PassResults:
    """Keeps what steps have learned in a file without a name; may be used from several threads."""

    def __init__(self) -> None:
        self._lock, self._pile = threading.Lock(), Pile()
        self._kept: dict[Key, Mapping[int, Mapping[str, _Kept]]] = {}
        _open.add(self)

    def keep(self, key: Key, learned: Learned) -> bool:
        """Keep what was learned of a file; False where there is no room for it."""
        try:
            kept = {place: {name: self._put(one) for name, one in constants.items()}
                    for place, constants in learned.items()}
        except OutputFailed:
            return False
        with self._lock:
            self._kept[key] = kept
        return True

    def has(self, key: Key) -> bool:
        """Whether something was learned of a file."""
        return key in self._kept

    def find(self, key: Key) -> Learned | None:
        """What was learned of a file, or None where that is not known."""
        with self._lock:
            found = self._kept.get(key)
            return None if found is None else {
                place: {name: self._take(*one) for name, one in constants.items()}
                for place, constants in found.items()}

    def close(self) -> None:
        """Free the space."""
        _open.discard(self)
        with self._lock:
            self._kept.clear()
            self._pile.close()

    def _put(self, one: BoundConstant) -> _Kept:
        shape, dtype = one.data.shape, one.data.dtype
        return _with(one, np.empty(0, dtype)), self._pile.put(one.data), shape

    def _take(self, one: BoundConstant, place: int, shape: tuple[int, ...]) -> BoundConstant:
        return _with(one, self._pile.take(place, np.empty(shape, one.data.dtype)))


def _with(one: BoundConstant, data: Array) -> BoundConstant:
    of_any: Any = one
    found: BoundConstant = replace(of_any, data=data)
    return found


_open: weakref.WeakSet[PassResults] = weakref.WeakSet()


def is_of_job(key: Key) -> bool:
    """Whether any job that is still there has learned something of a file."""
    return any(one.has(key) for one in list(_open))


def of_jobs(key: Key) -> Learned | None:
    """What any job that is still there has learned of a file; None where none has."""
    return next((found for one in list(_open) if (found := one.find(key)) is not None), None)


def key_of(file: RunFile, module: int, steps: BoundPipeline, selection: FrameSelection) -> Key:
    """What decides what is learned of a file.

    Parameters
    ----------
    file : RunFile
    module : int
    steps : BoundPipeline
        Those up to the last that learns something count: by their parameters and the files of their constants.
    selection : FrameSelection
    """
    last = max(place for place, one in enumerate(steps.steps) if one.step.passes)
    chain = tuple((one.step.word, one.step.model_dump_json(), _files(one)) for one in steps.steps[:last + 1])
    return file.path, file.path.stat().st_mtime_ns, module, chain, repr(selection)


def _files(step: Bound) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, one.why) for name, one in step.given.items()))

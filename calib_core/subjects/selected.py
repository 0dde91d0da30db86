"""A selection that was written into a file, as something to be looked at again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Array, At, Axis, Label, Pick, Picture, Result, View, index_of, picks_of
from calib_core.composer import Composer
from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_types
from calib_core.errors import BadInput, CalibrationError
from calib_core.explanation import Explanation, Reason, RowFrames
from calib_core.io.files import HDF5_ERRORS, cause_of
from calib_core.io.foreign import open_hdf5
from calib_core.io.unlocked import open_unlocked
from calib_core.remarks import Remark
from calib_core.subjects.selection import AXES, IDENTIFIER, KIND, RESULTS, TOLD


@dataclass(frozen=True)
class SelectedSet:
    """What a file with a selection has.

    Attributes
    ----------
    path : Path
    identifier, title : str
        Of the detector, and of what it was taken from.
    kind : DetectorType
    modules : tuple of int
    axes : mapping of str to Axis
    results : tuple of Result
    about : mapping of str to str
    notes : tuple of str
    """

    path: Path
    identifier: str
    title: str
    kind: DetectorType
    modules: tuple[int, ...]
    axes: Mapping[str, Axis]
    results: tuple[Result, ...]
    about: Mapping[str, str]
    notes: tuple[str, ...] = ()


def holds_selection(path: Path) -> bool:
    """Whether a file says that it is a selection; False where it cannot be read.

    Parameters
    ----------
    path : Path
    """
    try:
        with open_hdf5(path) as file:
            return KIND in file.attrs and "axes" in file
    except HDF5_ERRORS:
        return False


def read_selection(path: Path) -> SelectedSet:
    """What a selection has; reads no image.

    Parameters
    ----------
    path : Path

    Returns
    -------
    SelectedSet

    Raises
    ------
    BadInput
        It cannot be read or understood; the message names it.
    """
    try:
        with open_hdf5(path) as file:
            kind = _kind(str(file.attrs[KIND]), path)
            modules = tuple(int(one) for one in file["axes/module"][()])
            axes = {str(name): _axis(str(name), file["axes"][name]) for name in file.attrs[AXES]}
            results = tuple(_result(str(name), file[name], axes, (len(modules), kind), path)
                            for name in file.attrs[RESULTS])
            about = json.loads(file.attrs["about"])
            notes = [note for note in str(file.attrs["notes"]).split("\n") if note]
            notes += [f"{int(one.attrs['missing_images'])} images of {one.attrs['title']} were missing when the "
                      "selection was written." for one in file.values() if one.attrs.get("missing_images", 0)]
            title = f"{file.attrs['source']} · selection"
            return SelectedSet(path, str(file.attrs[IDENTIFIER]), title, kind, modules, axes, results,
                               {str(key): str(value) for key, value in about.items()}, tuple(notes))
    except HDF5_ERRORS as error:
        raise BadInput(f"{path} cannot be understood as a selection: {cause_of(error)}.") from error


def _kind(name: str, path: Path) -> DetectorType:
    for one in detector_types():
        for kind in (one, *one.variants):
            if kind.name == name:
                return kind
    raise BadInput(f"{path} is of a type of detector that is not known: {name}.")


def _axis(name: str, labels: Any) -> Axis:
    values: tuple[Label, ...] = tuple(labels.asstr()[()]) if labels.dtype.kind == "O" else tuple(labels[()].tolist())
    return Axis(name, str(labels.attrs["title"]), values, str(labels.attrs["unit"]), bool(labels.attrs["of_slot"]))


def _result(name: str, data: Any, axes: Mapping[str, Axis], of: tuple[int, DetectorType], path: Path) -> Result:
    over = tuple(str(one) for one in data.attrs["dims"][1:-2])
    shape = (of[0], *(len(axes[one]) for one in over), *of[1].shape)
    if data.shape != shape:
        raise BadInput(f"{path}: {name} has the shape {data.shape} where its axes say {shape}.")
    told: dict[str, Any] = {key: str(data.attrs[key]) for key in TOLD} | {"centre": float(data.attrs["centre"])}
    if told["role"] not in ("value", "flags", "count"):
        raise BadInput(f"{path}: {name} is of the role {told['role']}, which is not known.")
    missing = float("nan") if data.dtype.kind == "f" else 0.0
    return Result(name, dtype=data.dtype.str[1:], over=over, missing=missing, **told)


class SelectedSubject:
    """Images of a selection, read where they are looked at; a :class:`~calib_core.subjects.base.Subject`.

    Parameters
    ----------
    found : SelectedSet
    """

    ended, state = True, "in a file"
    remarks: tuple[Remark, ...] = ()

    def __init__(self, found: SelectedSet) -> None:
        self.title, self.identifier, self.kind = found.title, found.identifier, found.kind
        self.modules, self.axes, self.results = found.modules, found.axes, found.results
        self.about, self.files = found.about, (found.path,)
        self._notes, self._trouble, self._path = found.notes, "", found.path
        self.version = 1
        self.picture: Picture | None = None
        self._lock = threading.Lock()
        self._composer = Composer(self._compose, self._show, self._tell)

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of what it was taken from, what was missing, and trouble with reading."""
        return tuple(filter(None, (*self._notes, self._trouble)))

    def look_at(self, view: View) -> None:
        """Ask for a picture of a view; returns at once, and only the newest view counts.

        Parameters
        ----------
        view : View
        """
        self._composer.look_at(view)

    def along(self, result: str, axis: str, module: int, row: int, col: int, at: At) -> Array:
        """One pixel of a result along an axis; see `Subject.along`.

        Returns
        -------
        (n,) float64

        Raises
        ------
        BadInput
            The file cannot be read any more.
        """
        one = next(one for one in self.results if one.name == result)
        index: list[Any] = list(index_of(one, at, self.axes))
        if axis in one.over:
            index[one.over.index(axis)] = slice(None)
        found = self._read(result, (self.modules.index(module), *index, row, col))
        return np.broadcast_to(np.asarray(found, np.float64), len(self.axes[axis])).copy()

    def plane(self, result: str, module: int, at: At) -> Array | None:
        """Image of a result at a place; see `Subject.plane`.

        Returns
        -------
        (slow_scan, fast_scan) array or None

        Raises
        ------
        BadInput
            The file cannot be read any more.
        """
        one = next((one for one in self.results if one.name == result), None)
        if one is None or module not in self.modules:
            return None
        return self._read(result, (self.modules.index(module), *index_of(one, at, self.axes)))

    def _read(self, result: str, index: tuple[Any, ...]) -> Array:
        try:
            with open_unlocked(self._path) as file:
                return np.asarray(file[result][index])
        except HDF5_ERRORS as error:
            raise BadInput(f"{self._path} cannot be read any more: {cause_of(error)}.") from error

    def values(self, result: str, module: int | None = None) -> Array | None:
        """None: a selection has images."""
        return None

    def explain(self, module: int, row: int, col: int, at: At, corrected: bool = False) -> Explanation | None:
        """None: there are no raw data."""
        return None

    def reasons(self, module: int, row: int, col: int, at: At) -> tuple[Reason, ...]:
        """None: what set the flags is not in the file."""
        return ()

    def frames(self, module: int, row: int, at: At) -> RowFrames | None:
        """None: there are no raw data."""
        return None

    def close(self) -> None:
        """End the thread."""
        self._composer.stop()

    def _compose(self, view: View) -> Iterator[Picture | None]:
        modules = tuple(module for module in self.modules if not view.modules or module in view.modules)
        names = {one.name for one in self.results}
        picks = [pick for pick in view.picks if pick.result in names] or [
            pick for one in self.results for pick in picks_of(one, self.axes)]
        maps = dict[Pick, Array]()
        for pick in picks:
            maps[pick] = np.stack([self._image(pick, module, view) for module in modules])
            maps[pick].setflags(write=False)
            yield None
        yield Picture(view, modules, maps, np.ones(len(modules)))

    def _image(self, pick: Pick, module: int, view: View) -> Array:
        found = self.plane(pick.result, module, {**view.at, **dict(pick.at)})
        if found is None:
            raise CalibrationError(f"{self._path} has no {pick.result} of module {module}.")
        return found

    def _show(self, picture: Picture) -> None:
        with self._lock:
            self.picture = picture
            self.version += 1

    def _tell(self, words: str) -> None:
        with self._lock:
            if words != self._trouble:
                self._trouble = words
                self.version += 1

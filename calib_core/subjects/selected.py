"""A selection that was written into a file, as something to be looked at again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Array, At, Axis, Pick, Picture, Result, View, index_of, picks_of
from calib_core.composer import Composer
from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_types
from calib_core.errors import BadInput, CalibrationError
from calib_core.explanation import PLAINLY, Asked, Explanation, Reason, RowFrames
from calib_core.io.files import HDF5_ERRORS, cause_of
from calib_core.io.foreign import open_hdf5
from calib_core.io.unlocked import open_unlocked
from calib_core.remarks import Remark
from calib_core.subjects.region import Box
from calib_core.subjects.selection import (
    AXES,
    BESIDE,
    DATA,
    IDENTIFIER,
    KIND,
    LAYOUT,
    MODULES,
    RECORDED,
    RESULTS,
    TOLD,
    UNITS,
)


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
    boxes : mapping of int to Box
        Pixels of each module that there are images of.
    about : mapping of str to str
    notes : tuple of str
    when : datetime, optional
        When what was taken was recorded.
    units : mapping of int to str
        Units of the modules.
    """

    path: Path
    identifier: str
    title: str
    kind: DetectorType
    modules: tuple[int, ...]
    axes: Mapping[str, Axis]
    results: tuple[Result, ...]
    boxes: Mapping[int, Box]
    about: Mapping[str, str]
    notes: tuple[str, ...] = ()
    when: datetime | None = None
    units: Mapping[int, str] = field(default_factory=dict)


def holds_selection(path: Path) -> bool:
    """Whether a file says that it is a selection; False where it cannot be read.

    Parameters
    ----------
    path : Path
    """
    try:
        with open_hdf5(path) as file:
            return str(file.attrs.get(LAYOUT, "")) == DATA
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
            return _Reader(path, file).found()
    except HDF5_ERRORS as error:
        raise BadInput(f"{path} cannot be understood as a selection: {cause_of(error)}.") from error


class _Reader:
    """What an open file tells."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file
        self._kind = _kind(str(file.attrs[KIND]), path)
        self._modules = tuple(int(one) for one in file.attrs[MODULES])
        self._names = [str(one) for one in file.attrs[RESULTS]]

    def found(self) -> SelectedSet:
        """All of it."""
        told = self._file.attrs
        axes = {one["name"]: self._axis(**one) for one in json.loads(told[AXES])}
        boxes = {module: self._box(module) for module in self._modules}
        results = tuple(self._result(name, axes, boxes) for name in self._names)
        about = {str(key): str(value) for key, value in json.loads(told["about"]).items()}
        notes = (*filter(None, str(told["notes"]).split("\n")), *self._missing(results), *self._left_out(boxes))
        return SelectedSet(self._path, str(told[IDENTIFIER]), f"{told['subject']} · selection", self._kind,
                           self._modules, axes, results, boxes, about, notes, *self._whose())

    def _whose(self) -> tuple[datetime | None, dict[int, str]]:
        """When it was recorded and the units of the modules, as far as the file tells them."""
        when, units = str(self._file.attrs.get(RECORDED, "")), json.loads(self._file.attrs.get(UNITS, "{}"))
        return (datetime.fromisoformat(when) if when else None), {int(one): str(unit) for one, unit in units.items()}

    def _data(self, module: int, name: str) -> Any:
        return self._file[DATA.format(module=module, result=name)]

    def _axis(self, name: str, title: str, unit: str, of_slot: bool) -> Axis:
        """An axis with the labels that the first of its results has."""
        data = (self._data(self._modules[0], one) for one in self._names)
        told = next((one.attrs for one in data if f"values of {name}" in one.attrs), None)
        if told is None:
            raise BadInput(f"{self._path} does not tell the values of its axis {name}.")
        units = told.get(f"units of {name}", np.array(()))
        return Axis(str(name), str(title), tuple(told[f"values of {name}"].tolist()), str(unit), bool(of_slot),
                    tuple(units.tolist()))

    def _box(self, module: int) -> Box:
        told = self._data(module, self._names[0]).attrs
        (top, left), (bottom, right) = (map(int, told[name]) for name in ("start", "stop"))
        slow, fast = self._kind.shape
        if not (0 <= top < bottom <= slow and 0 <= left < right <= fast):
            raise BadInput(f"{self._path}: the pixels {top}:{bottom}, {left}:{right} are not in module {module}, "
                           f"which has {slow} x {fast}.")
        return Box((top, left), (bottom, right))

    def _result(self, name: str, axes: Mapping[str, Axis], boxes: Mapping[int, Box]) -> Result:
        data = self._data(self._modules[0], name)
        over = tuple(str(one) for one in data.attrs["dims"][:-2])
        for module, box in boxes.items():
            found, shape = self._data(module, name).shape, (*(len(axes[one]) for one in over), *box.shape)
            if found != shape:
                raise BadInput(f"{self._path}: {name} of module {module} has the shape {found} where its axes say "
                               f"{shape}.")
        told: dict[str, Any] = {key: str(data.attrs[key]) for key in TOLD} | {"centre": float(data.attrs["centre"])}
        if told["role"] not in ("value", "flags", "count"):
            raise BadInput(f"{self._path}: {name} is of the role {told['role']}, which is not known.")
        paths = {key: str(data.attrs[key]) for key in BESIDE}
        beside: dict[str, Any] = {key: path.split("/")[2] if path else "" for key, path in paths.items()}
        missing = float("nan") if data.dtype.kind == "f" else 0.0
        return Result(name, dtype=data.dtype.str[1:], over=over, missing=missing, **told, **beside)

    def _missing(self, results: Sequence[Result]) -> Iterator[str]:
        for one in results:
            missing = sum(int(self._data(module, one.name).attrs["missing_images"]) for module in self._modules)
            if missing:
                yield f"{missing} images of {one.title} were missing when the selection was written."

    def _left_out(self, boxes: Mapping[int, Box]) -> Iterator[str]:
        if any(box.shape != self._kind.shape for box in boxes.values()):
            yield "Pixels that were not in the rectangle about the marked region have no value."


def _kind(name: str, path: Path) -> DetectorType:
    for one in detector_types():
        for kind in (one, *one.variants):
            if kind.name == name:
                return kind
    raise BadInput(f"{path} is of a type of detector that is not known: {name}.")


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
        self.when, self.units = found.when, found.units
        self.about, self.files, self._boxes = found.about, (found.path,), found.boxes
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
        top, left = self._boxes[module].start
        inside = self._boxes[module].has(row, col)
        found = self._read(result, module, (*index, row - top, col - left)) if inside else np.nan
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
        image = self._read(result, module, index_of(one, at, self.axes))
        assert self.kind is not None
        if image.shape == self.kind.shape:
            return image
        whole = np.full(self.kind.shape, one.blank, image.dtype)
        whole[self._boxes[module].slices] = image
        return whole

    def _read(self, result: str, module: int, index: tuple[Any, ...]) -> Array:
        try:
            with open_unlocked(self._path) as file:
                return np.asarray(file[DATA.format(module=module, result=result)][index])
        except HDF5_ERRORS as error:
            raise BadInput(f"{self._path} cannot be read any more: {cause_of(error)}.") from error

    def values(self, result: str, module: int | None = None) -> Array | None:
        """None: a selection has images."""
        return None

    def explain(self, module: int, row: int, col: int, at: At, asked: Asked = PLAINLY) -> Explanation | None:
        """None: there are no raw data."""
        return None

    def try_part(self, module: int, row: int, col: int, at: At, asked: Asked) -> None:
        """Nothing: it was made with the parameters that it has."""

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

"""Constants on disk, looked at like the results of a job: :func:`find_sets` tells what there is in folders."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from calib_core.axes import Array, At, Axis, Pick, Picture, Result, View, picks_of, side_by_side
from calib_core.characterisation.explains import OfPixel
from calib_core.characterisation.unit import Context
from calib_core.composer import Composer
from calib_core.errors import BadParameter, CalibrationError
from calib_core.explanation import PLAINLY, Asked, Explanation, Reason, RowFrames
from calib_core.store.constants import StoredConstant
from calib_core.store.images import ImageReader
from calib_core.subjects.constant_reasons import maker_of
from calib_core.subjects.constant_results import contents_of
from calib_core.subjects.constant_sets import ConstantSet, find_sets, holds_constants
from calib_core.subjects.given_files import given_files
from calib_core.subjects.provenance_words import about, remarks_of

__all__ = ["ConstantSet", "ConstantsSubject", "find_sets", "holds_constants"]

#: Longest time without a picture while modules are being read, s.
_PICTURE_INTERVAL = 0.1
#: As many sentences tell of files that cannot be read; of more there is the number.
_MOST_TROUBLE = 2


class ConstantsSubject:
    """Constants of a set, read where they are looked at; a :class:`~calib_core.subjects.base.Subject`.

    Values come as they are in the files, in the type of their result: NaN, or 0 in flags, where there are no data.

    Parameters
    ----------
    found : ConstantSet
        Kept as it is.
    memory_mb : int
        Most memory that images which have been looked at may take, MiB.
    """

    ended, state = True, "on disk"

    def __init__(self, found: ConstantSet, memory_mb: int = 512) -> None:
        self.found, contents = found, contents_of(found)
        self.title, self.identifier, self.kind = found.title, found.identifier, found.kind
        self.axes: Mapping[str, Axis] = contents.axes
        self.results: tuple[Result, ...] = contents.results
        self.when = min((one.begin for one in found.files if one.begin is not None), default=found.created)
        self.units: Mapping[int, str] = {number: unit for unit, number in found.modules.items()}
        self.modules = tuple(sorted({module for _, module in contents.held}))
        self.about: Mapping[str, str] = about(found.files)
        self.files: tuple[Path, ...] = tuple(one.path for one in found.files)
        self._maker, untold = maker_of(found)
        self.remarks = remarks_of(found.files)
        self._beside = found.beside
        said = dict.fromkeys(one.sentence for one in self.remarks)
        self._notes = tuple(filter(None, (*found.notes, *contents.notes, untold, *said)))
        self._trouble: tuple[str, ...] = ()
        self.version = 1
        self.picture: Picture | None = None
        self._held, self._reader = contents.held, ImageReader(memory_mb << 20)
        self._first: tuple[int, ...] = ()
        self._lock = threading.Lock()
        self._composer = Composer(self._compose, self._show, self._tell_trouble)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was guessed, left out or is not told, then the first trouble with reading and how much more."""
        more = len(self._trouble) - _MOST_TROUBLE
        if more <= 0:
            return (*self._notes, *self._trouble)
        return (*self._notes, *self._trouble[:_MOST_TROUBLE], f"{more} more files cannot be read any more.")

    @property
    def bytes_read(self) -> int:
        """Bytes of values that were read from the files, as they are stored."""
        return self._reader.bytes_read

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
            NaN where there is nothing.

        Raises
        ------
        CalibrationError
            A file cannot be read any more.
        """
        values = np.full(len(self.axes[axis]), np.nan)
        held = self._held.get((result, module))
        index = None if held is None else held.index(at, axis)
        if held is None or index is None:
            return values
        places = held.places.get(axis, (0,) * len(values))
        there = [i for i, place in enumerate(places) if place is not None]
        if axis in held.axes:
            curve = self._reader.curve(held.stack, index, held.axes.index(axis), row, col)
            values[there] = curve[[place for place in places if place is not None]]
        else:
            values[there] = self._reader.image(held.stack, index)[row, col]
        return values

    def plane(self, result: str, module: int, at: At) -> Array | None:
        """Image of a result at a place; see `Subject.plane`.

        Returns
        -------
        (slow_scan, fast_scan) array or None

        Raises
        ------
        CalibrationError
            A file cannot be read any more.
        """
        found = self._image(result, module, at)
        return None if found is None else found.copy()

    def values(self, result: str, module: int | None = None) -> Array | None:
        """What the files of a module have beside their images; see `Subject.values`.

        Returns
        -------
        float64 array or None
            NaN where there is no number; None where the files have nothing of the name.
        """
        found = next((one[result] for one in self._beside.get(module, ()) if result in one), None)
        return None if found is None else np.array(found, np.float64)

    def explain(self, module: int, row: int, col: int, at: At, asked: Asked = PLAINLY) -> Explanation | None:
        """What results say of a pixel where their characterisation explains pixels so; see `Subject.explain`.

        Returns
        -------
        Explanation or None
            None where it looks at raw data, which there are none of.

        Raises
        ------
        CalibrationError
            A file cannot be read any more.
        """
        if self._maker is None:
            return None
        held = {name for name, number in self._held if number == module}
        known = OfPixel(
            lambda result, axis: self.along(result, axis, module, row, col, at) if result in held else np.empty(0),
            lambda result: self.values(result, module),
            lambda result, place: self.plane(result, module, place) if result in held else None, module, row, col)
        if not held:
            return None
        context = Context(self._maker.kind, axes=self.axes, files=self._given)
        return self._maker.method.explain_results(context, at, known, asked.compared)

    @cached_property
    def _given(self) -> Mapping[tuple[int, str], StoredConstant]:
        """What they were made of, read when a pixel is asked for."""
        return given_files(self.found)

    def try_part(self, module: int, row: int, col: int, at: At, asked: Asked) -> None:
        """Nothing: it was made with the parameters that it has."""

    def reasons(self, module: int, row: int, col: int, at: At) -> tuple[Reason, ...]:
        """What the rules of the characterisation that made the constants say of a pixel; see `Subject.reasons`.

        Returns
        -------
        tuple of Reason
            None of them where provenance does not tell a characterisation that is known, or the module has nothing.
            What a rule needs and files do not have is said.

        Raises
        ------
        BadParameter
            There is no such pixel.
        CalibrationError
            A file cannot be read any more.
        """
        slow, fast = self.kind.shape
        if not (0 <= row < slow and 0 <= col < fast):
            raise BadParameter(
                f"pixel = ({row}, {col}) is not allowed; it takes (0, 0) to ({slow - 1}, {fast - 1}).")
        if self._maker is None:
            return ()
        method, context = self._maker.method, Context(self._maker.kind, axes=self.axes)
        place = {name: min(max(at.get(name, 0), 0), len(axis) - 1) for name, axis in self.axes.items()}
        judged = [one for one in self.results if one.name in method.judged(self._maker.kind)]
        combined = (method.combines,) if method.combines else ()
        maps = {one.name: self._over(one, side_by_side(one, self.axes) or combined, module, place) for one in judged
                if (one.name, module) in self._held}
        return method.reasons(context, place, maps, row, col) if maps else ()

    def frames(self, module: int, row: int, at: At) -> RowFrames | None:
        """None: there are no raw data."""
        return None

    def close(self) -> None:
        """End the thread, free memory and scratch space."""
        self._reader.stop()
        self._composer.stop()
        self._reader.close()

    def _image(self, result: str, module: int, at: At) -> Array | None:
        held = self._held.get((result, module))
        index = None if held is None else held.index(at)
        return None if held is None or index is None else self._reader.image(held.stack, index)

    def _over(self, result: Result, over: Sequence[str], module: int, at: At) -> Array:
        """Images (…, slow_scan, fast_scan) of a result over axes, the missing value where files have none."""
        shape = tuple(len(self.axes[axis]) if axis in self.axes else 1 for axis in over)
        found = np.full((*shape, *self.kind.shape), result.filling, result.numpy_dtype)
        for index in np.ndindex(*shape):
            image = self._image(result.name, module, {**at, **dict(zip(over, index, strict=True))})
            if image is not None:
                found[index] = image
        return found

    def _compose(self, view: View) -> Iterator[Picture | None]:
        """Pictures of a view, the modules looked at last first; those that take long come before they are whole."""
        self._first = view.modules or self._first
        modules = tuple(module for module in self.modules if not view.modules or module in view.modules)
        maps = {pick: np.full((len(modules), *self.kind.shape), result.blank, result.numpy_dtype)
                for pick, result in self._picked(view).items()}
        coverage, shown = np.zeros(len(modules)), time.monotonic()
        for i, module in sorted(enumerate(modules), key=lambda one: one[1] not in self._first):
            for pick, out in maps.items():
                coverage[i] = max(coverage[i], self._fill(out[i], pick, module, view))
                yield None
            if time.monotonic() - shown > _PICTURE_INTERVAL:
                yield _picture(view, modules, {pick: out.copy() for pick, out in maps.items()}, coverage.copy())
                shown = time.monotonic()
        yield _picture(view, modules, maps, coverage)

    def _picked(self, view: View) -> dict[Pick, Result]:
        """Results that the view wants, or all of them."""
        names = {one.name: one for one in self.results}
        picks = view.picks or [pick for one in self.results if not one.hidden for pick in picks_of(one, self.axes)]
        return {pick: names[pick.result] for pick in picks if pick.result in names}

    def _fill(self, out: Array, pick: Pick, module: int, view: View) -> float:
        """Put an image into the picture; returns 1 where there is one. What cannot be read is told."""
        try:
            image = self._image(pick.result, module, {**view.at, **dict(pick.at)})
        except CalibrationError as error:
            self._tell(str(error))
            return 0.0
        if image is None:
            return 0.0
        out[:] = image
        return 1.0

    def _show(self, picture: Picture) -> None:
        with self._lock:
            self.picture = picture
            self.version += 1

    def _tell_trouble(self, words: str) -> None:
        if words:
            self._tell(f"The picture could not be made: {words}")

    def _tell(self, sentence: str) -> None:
        with self._lock:
            if sentence not in self._trouble:
                self._trouble = (*self._trouble, sentence)
                self.version += 1


def _picture(view: View, modules: tuple[int, ...], maps: Mapping[Pick, Array], coverage: Array) -> Picture:
    for array in maps.values():
        array.setflags(write=False)
    return Picture(view, modules, maps, coverage)

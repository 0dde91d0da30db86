"""Frames of a run, one train and memory cell at a time, as something to be looked at."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from calib_core.axes import Array, At, Axis, Label, Pick, Picture, Result, View
from calib_core.composer import Composer
from calib_core.detector import Detector
from calib_core.errors import CalibrationError, Cancelled
from calib_core.explanation import PLAINLY, Asked, Explanation, Reason, RowFrames
from calib_core.remarks import Remark

#: Longest time without a picture while modules are looked at, s.
_PICTURE_INTERVAL = 0.1
#: Largest train id that widgets take for a number.
_LARGEST = (1 << 31) - 1

#: What there is of a module's frame.
Loaded = TypeVar("Loaded")


class FrameSubject(ABC, Generic[Loaded]):
    """Frames over memory cells and trains; a :class:`~calib_core.subjects.base.Subject`.

    Parameters
    ----------
    detector : Detector
    modules, cells, trains : sequence of int
        Ascending.
    results : tuple of Result
        All over (cell, train).
    when : datetime, optional
        When the run began, aware.
    """

    ended = True
    #: Frames before and after the shown one that are looked at besides it: more would read a run for a look.
    reach = 16
    files: tuple[Path, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def __init__(
        self, detector: Detector, modules: Sequence[int], cells: Sequence[int], trains: Sequence[int],
        results: tuple[Result, ...], when: datetime | None,
    ) -> None:
        self.when, self.units = when, {one.number: one.pdu for one in detector.modules}
        self.kind, self.identifier, self.modules = detector.type, detector.identifier, tuple(modules)
        self.axes: Mapping[str, Axis] = {
            "cell": Axis("cell", "Memory cell", tuple(cells)),
            "train": Axis("train", "Train", _labels(tuple(trains)))}
        self.results = results
        self.version = 1
        self.picture: Picture | None = None
        self.trouble = ""
        #: What of the newest picture could not be read.
        self.unread: tuple[str, ...] = ()
        self.lock = threading.Lock()
        self.busy, self.seconds_taken = True, float("nan")
        self.composer = Composer(self._compose, self._show, self._tell)

    # -- what a kind of frames makes of them

    @abstractmethod
    def load(self, module: int, train: int, cell: int) -> Loaded | None:
        """What there is of a frame.

        Parameters
        ----------
        module : int
        train : int
            Train id.
        cell : int
            Memory cell.

        Returns
        -------
        Loaded or None
            None where there is no such frame.
        """

    @abstractmethod
    def value(self, result: Result, module: int, loaded: Loaded) -> Array:
        """Image of a result of a frame.

        Parameters
        ----------
        result : Result
        module : int
        loaded : Loaded
            What :meth:`load` gave.

        Returns
        -------
        (slow_scan, fast_scan) array
            Of the result's type and unit.
        """

    def begin(self, at: tuple[int, int], modules: Sequence[int]) -> None:
        """A picture is begun.

        Parameters
        ----------
        at : (int, int)
            Train id and memory cell.
        modules : sequence of int
            That it is of.
        """

    def took(self, picture: Picture, at: tuple[int, int], loaded: Mapping[int, Loaded], whole: bool) -> None:
        """A picture of some frames comes.

        Parameters
        ----------
        picture : Picture
            That comes.
        at : (int, int)
            Train id and memory cell.
        loaded : mapping
            What :meth:`load` gave, by module.
        whole : bool
            Whether no other modules follow.
        """

    def ahead(self, at: tuple[int, int], modules: Sequence[int]) -> Iterator[None]:
        """What is done while nobody waits.

        Parameters
        ----------
        at : (int, int)
            Train id and memory cell that are shown.
        modules : sequence of int
            That are shown.

        Yields
        ------
        None
            After each piece of work: somebody may wait by then.
        """
        return iter(())

    # -- what may be asked of any subject

    def look_at(self, view: View) -> None:
        """Ask for a picture of a view; returns at once, and only the newest view counts.

        Parameters
        ----------
        view : View
        """
        self.busy = True
        self.composer.look_at(view)

    def along(self, result: str, axis: str, module: int, row: int, col: int, at: At) -> Array:
        """One pixel along an axis: of frames near the shown one; see `Subject.along`.

        Returns
        -------
        (n,) float64
            NaN of frames that are further away than :attr:`reach`, and where there is none.

        Raises
        ------
        CalibrationError
            A file cannot be read.
        """
        values = np.full(len(self.axes[axis]), np.nan)
        centre = min(max(at.get(axis, 0), 0), len(values) - 1)
        for index in range(max(0, centre - self.reach), min(len(values), centre + self.reach + 1)):
            image = self._image(result, module, {**at, axis: index})
            values[index] = np.nan if image is None else image[row, col]
        return values

    def plane(self, result: str, module: int, at: At) -> Array | None:
        """Image of a result at a place; see `Subject.plane`.

        Returns
        -------
        (slow_scan, fast_scan) array or None
            None also of frames that are further away from the shown one than :attr:`reach`.
        """
        looked = {} if self.picture is None else self.picture.view.at
        if any(abs(at.get(name, 0) - looked.get(name, 0)) > self.reach for name in self.axes):
            return None
        return self._image(result, module, at)

    def values(self, result: str, module: int | None = None) -> Array | None:
        """None: all results are images."""
        return None

    def explain(self, module: int, row: int, col: int, at: At, asked: Asked = PLAINLY) -> Explanation | None:
        """None: a frame has no samples but its own."""
        return None

    def try_part(self, module: int, row: int, col: int, at: At, asked: Asked) -> None:
        """Nothing: it was made with the parameters that it has."""

    def reasons(self, module: int, row: int, col: int, at: At) -> tuple[Reason, ...]:
        """None: flags are those of the constants."""
        return ()

    def frames(self, module: int, row: int, at: At) -> RowFrames | None:
        """None: a frame is a map here."""
        return None

    def close(self) -> None:
        """End the thread."""
        self.composer.stop()

    # -- pictures

    def place(self, at: At) -> tuple[int, int]:
        """What is at indices.

        Parameters
        ----------
        at : mapping
            Indices along ``train`` and ``cell``; those beyond an axis stand for its last entry.

        Returns
        -------
        train, cell : int
            Train id and memory cell.
        """
        train = min(max(at.get("train", 0), 0), len(self.axes["train"]) - 1)
        cell = min(max(at.get("cell", 0), 0), len(self.axes["cell"]) - 1)
        return int(self.axes["train"].labels[train]), int(self.axes["cell"].labels[cell])

    def _image(self, result: str, module: int, at: At) -> Array | None:
        loaded = self.load(module, *self.place(at))
        [declared] = (one for one in self.results if one.name == result)
        return None if loaded is None else self.value(declared, module, loaded)

    def _compose(self, view: View) -> Iterator[Picture | None]:
        """Pictures of a view, module by module; those that take long come before they are whole."""
        at, start = self.place(view.at), time.monotonic()
        modules = tuple(module for module in self.modules if not view.modules or module in view.modules)
        self.begin(at, modules)
        shown, loaded = start, dict[int, Loaded]()
        names = {one.name: one for one in self.results}
        picks = {pick: names[pick.result] for pick in view.picks if pick.result in names} or {
            Pick(one.name): one for one in self.results[:1]}
        maps = {pick: np.full((len(modules), *self.kind.shape), result.blank, result.numpy_dtype)
                for pick, result in picks.items()}
        coverage, unread = np.zeros(len(modules)), dict[str, None]()
        for i, module in enumerate(modules):
            try:
                found = self.load(module, *at)
                if found is not None:
                    for pick, result in picks.items():
                        maps[pick][i] = self.value(result, module, found)
            except Cancelled:  # what is looked at by now comes next
                return
            except CalibrationError as error:  # of the others there is a picture all the same
                unread[str(error)] = None
                for pick, result in picks.items():
                    maps[pick][i] = result.blank
                continue
            if found is not None:
                loaded[module], coverage[i] = found, 1.0
            yield None
            if time.monotonic() - shown > _PICTURE_INTERVAL and i + 1 < len(modules):
                picture = _picture(view, modules, {pick: out.copy() for pick, out in maps.items()}, coverage.copy())
                self.took(picture, at, dict(loaded), whole=False)
                yield picture
                shown = time.monotonic()
        self.seconds_taken, self.unread = time.monotonic() - start, tuple(unread)
        with self.lock:
            self.busy = False
        picture = _picture(view, modules, maps, coverage)
        self.took(picture, at, loaded, whole=True)
        yield picture
        for _ in self.ahead(at, modules):
            yield None

    def _show(self, picture: Picture) -> None:
        with self.lock:
            self.picture = picture
            self.version += 1

    def _tell(self, words: str) -> None:
        with self.lock:
            if words != self.trouble:
                self.trouble = words
                self.version += 1

    def state_of(self, word: str) -> str:
        """State in words: how long the shown frames took, or that they are on their way.

        Parameters
        ----------
        word : str
            What is shown.

        Returns
        -------
        str
        """
        if self.trouble:
            return "failed"
        if self.busy or not np.isfinite(self.seconds_taken):
            return f"{word}: on its way"
        modules = self.picture.modules if self.picture is not None else ()
        return f"{word}, {len(modules)} module{'s' if len(modules) != 1 else ''} · {self.seconds_taken * 1e3:.0f} ms"


def _picture(view: View, modules: tuple[int, ...], maps: Mapping[Pick, Array], coverage: Array) -> Picture:
    for array in maps.values():
        array.setflags(write=False)
    return Picture(view, modules, maps, coverage)


def _labels(trains: tuple[int, ...]) -> tuple[Label, ...]:
    return trains if max(trains, default=0) <= _LARGEST else tuple(map(str, trains))

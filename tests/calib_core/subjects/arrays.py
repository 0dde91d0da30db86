"""A subject of arrays in memory whose values tell where they are from."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from calib_core.axes import Array, At, Axis, Picture, Result, View
from calib_core.detector import DetectorType
from calib_core.detector.registry import detector_types
from calib_core.explanation import Explanation, Number, Reason, RowFrames
from calib_core.subjects.pair import PairSubject, pair

SHAPE = (2, 3)
KIND = replace(detector_types()[0], name="TINY", title="Tiny", shape=SHAPE)
GAINS = {"HG": 1, "MG": 2, "LG": 3}

OFFSET = Result("offset", "Offset", "ADU", "f4", "Mean", error="noise", count="samples")
NOISE = Result("noise", "Noise", "ADU", "f4", "Spread", count="samples")
SAMPLES = Result("samples", "Samples", "frames", "u4", "Samples", role="count", missing=0.0)
FLAGS = Result("bad_pixels", "Bad pixels", "", "u4", "Flags", role="flags", missing=8.0)
RAW = Result("noise_raw", "Noise before", "ADU", "f4", "Raw", scale_of="noise")
SIDE = Result("sides", "Sides", "ADU", "f4", "Side by side", over=("threshold", "cell"))
DARK = (OFFSET, NOISE, SAMPLES, FLAGS)


def told(module: int, gain: str, cell: int, shape: tuple[int, int] = SHAPE) -> Array:
    """Image whose values tell module, gain, memory cell, row and column, all exact in float32."""
    rows, cols = np.indices(shape)
    return (module * 100_000 + GAINS[gain] * 10_000 + cell * 100 + rows * 10 + cols).astype(np.float32)


class Arrays:
    """Results in memory; every entry of ``read`` is a plane that was asked for."""

    def __init__(
        self, modules: Iterable[int] = (3, 5), gains: Iterable[str] = ("HG", "MG"), cells: Iterable[int] = (0, 4, 8),
        results: tuple[Result, ...] = DARK, kind: DetectorType | None = KIND, identifier: str = "LAB_TINY",
        title: str = "runs 1-3", add: float = 0.0, ended: bool = True, axes: tuple[Axis, ...] | None = None,
    ) -> None:
        self.modules, self.results, self.kind, self.identifier = tuple(modules), results, kind, identifier
        given = (Axis("gain", "Gain stage", tuple(gains)), Axis("cell", "Memory cell", tuple(cells)))
        self.axes = {axis.name: axis for axis in (given if axes is None else axes)}
        self.title, self.ended, self.version, self.picture = title, ended, 7, None
        self.state = "on disk" if ended else "running"
        self.about: dict[str, str] = {"runs": title}
        self.files: tuple[Path, ...] = ()
        self.notes = (f"All of {title} is guessed.",)
        self.remarks, self.when = (), None
        self.units = {module: f"UNIT_{module:02d}" for module in self.modules}
        self.closed, self.looks, self.read = False, [], []
        self.trouble: Exception | None = None
        self.arrays: dict[tuple[str, int], Array] = {}
        self.nowhere: set[tuple[str, int]] = set()
        self.slow: Callable[[], object] = lambda: None
        for one in self.results:
            for module in self.modules:
                self.arrays[one.name, module] = self._filled(one, module, add)

    def _filled(self, one: Result, module: int, add: float) -> Array:
        if not one.pixels or self.kind is None or one.over != ("gain", "cell"):
            shape = self.kind.shape if self.kind else ()
            return np.zeros((*one.shape(self.axes), *shape), one.numpy_dtype)
        gains, cells = self.axes["gain"].labels, self.axes["cell"].labels
        images = [[told(module, str(g), int(c), self.kind.shape) + add for c in cells] for g in gains]
        return np.array(images).astype(one.numpy_dtype)

    def put(self, name: str, values: Any) -> None:
        """The same image everywhere."""
        for (result, _), array in self.arrays.items():
            if result == name:
                array[...] = np.asarray(values, array.dtype)

    def _index(self, name: str, at: At) -> tuple[int, ...]:
        one = next(one for one in self.results if one.name == name)
        index = tuple(at[axis] for axis in one.over)
        assert all(0 <= i < len(self.axes[axis]) for i, axis in zip(index, one.over, strict=True))
        return index

    def look_at(self, view: View) -> None:
        self.looks.append(view)

    def plane(self, result: str, module: int, at: At) -> Array | None:
        self.slow()
        if self.trouble is not None:
            raise self.trouble
        self.read.append(result)
        index = self._index(result, at)
        return None if (result, module) in self.nowhere else self.arrays[result, module][index]

    def along(self, result: str, axis: str, module: int, row: int, col: int, at: At) -> Array:
        length = len(self.axes[axis])
        if (result, module) in self.nowhere:
            return np.full(length, np.nan)
        places = (self._index(result, {**at, axis: i}) for i in range(length))
        return np.array([self.arrays[result, module][place][row, col] for place in places], np.float64)

    def values(self, result: str, module: int | None = None) -> Array | None:
        return self.arrays[result, module or 0]

    def explain(self, module: int, row: int, col: int, at: At, corrected: bool = False) -> Explanation | None:
        return Explanation(numbers=(Number(f"m{module} {row},{col} {sorted(at.items())}", 1.0),))

    def reasons(self, module: int, row: int, col: int, at: At) -> tuple[Reason, ...]:
        words = f"m{module} {row},{col} {sorted(at.items())}"
        return (Reason(1, "Told", 0.0, "", -1.0, 1.0, 0.0, 0.0, True, words),)

    def frames(self, module: int, row: int, at: At) -> RowFrames | None:
        return RowFrames(np.array([[module, row, at["gain"], at["cell"]]]), np.array([1]))

    def close(self) -> None:
        self.closed = True


def wait_for(true: Callable[[], object], what: str = "it") -> None:
    """Wait until something has become true; a failure of the test after 20 s."""
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, f"{what} did not come true"
        time.sleep(0.005)


@contextmanager
def compared(a: Any, b: Any) -> Iterator[PairSubject]:
    found = pair(a, b)
    try:
        yield found
    finally:
        found.close()


def pictured(one: PairSubject, view: View) -> Picture:
    """The picture of a view, once it has come."""
    one.look_at(view)
    wait_for(lambda: one.picture is not None and one.picture.view is view, "the picture")
    assert one.picture is not None
    return one.picture


def permuted() -> Arrays:
    """Other order of modules, gain stages and memory cells, one of each that A has not, one of each less."""
    return Arrays(modules=(9, 5, 3), gains=("LG", "MG", "HG"), cells=(8, 12, 0), title="runs 7-9", add=0.5)


def composing() -> int:
    """Threads that compose pictures."""
    return sum(one.name == "calibwb-composer" for one in threading.enumerate())

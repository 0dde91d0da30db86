"""Where each pixel of a detector is shown: the assembled, stacked and single-module layouts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from calib_core.numerics.kernels import njit

Pixel = tuple[int, int, int]


class Placement:
    """A picture's layout: for each of its places the flat index of the detector pixel shown there.

    Parameters
    ----------
    index : (rows, columns) int32
        Flat index into (modules, slow_scan, fast_scan), -1 where there is no pixel.
    shape : (modules, slow_scan, fast_scan)
    names : sequence of str, optional
        Name of each module for the screen; by default its place on the first axis.
    """

    def __init__(self, index: np.ndarray, shape: Pixel, names: Sequence[str] = ()) -> None:
        self.index = np.ascontiguousarray(index, np.int32)
        self.names = tuple(names) or tuple(f"m{module}" for module in range(shape[0]))
        self.shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        if self.index.ndim != 2:
            raise ValueError(f"a placement has rows and columns, not the shape {self.index.shape}")
        size = self.shape[0] * self.shape[1] * self.shape[2]
        if self.index.size and not -1 <= self.index.min() <= self.index.max() < size:
            raise ValueError(f"a placement for {self.shape} pixels must hold -1 to {size - 1} only")

    @classmethod
    def stacked(cls, shape: Pixel) -> Placement:
        """Place the modules one below the other."""
        modules, slow, fast = shape
        return cls(np.arange(modules * slow * fast, dtype=np.int32).reshape(modules * slow, fast), shape)

    def pixel_at(self, x: int, y: int) -> Pixel | None:
        """Return the detector pixel (module, row, column) at a place, None in gaps and outside."""
        rows, columns = self.index.shape
        if not (0 <= x < columns and 0 <= y < rows) or self.index[y, x] < 0:
            return None
        module, row, column = np.unravel_index(self.index[y, x], self.shape)
        return int(module), int(row), int(column)

    def place_of(self, pixel: Pixel) -> tuple[int, int] | None:
        """Return the place (x, y) of a detector pixel, the middle of several, None if the layout does not show it."""
        if not all(0 <= at < size for at, size in zip(pixel, self.shape, strict=True)):
            return None
        found = np.flatnonzero(self.index.reshape(-1) == np.ravel_multi_index(pixel, self.shape))
        if len(found) == 0:
            return None
        y, x = divmod(int(found[len(found) // 2]), self.index.shape[1])
        return x, y

    @cached_property
    def module_boxes(self) -> np.ndarray:
        """Box around each module: (modules, 4) int64 of left, top, right, bottom; empty where not shown."""
        boxes = np.zeros((self.shape[0], 4), np.int64)
        boxes[:, :2] = max(self.index.shape)
        _find_boxes(self.index, max(1, self.shape[1] * self.shape[2]), boxes)
        return boxes


@njit(nogil=True, cache=True)
def _find_boxes(index, module_size, boxes):
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            if index[y, x] >= 0:
                module = index[y, x] // module_size
                boxes[module, 0] = min(boxes[module, 0], x)
                boxes[module, 1] = min(boxes[module, 1], y)
                boxes[module, 2] = max(boxes[module, 2], x + 1)
                boxes[module, 3] = max(boxes[module, 3], y + 1)

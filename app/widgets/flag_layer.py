"""Flags laid over a picture, once for all linked maps that show the same."""

from __future__ import annotations

from collections import deque

import numpy as np

from app.widgets.colour import Viewport, lay_flags

_MOST = 2
Key = tuple[Viewport, int, np.ndarray, np.ndarray, np.ndarray]


class FlagLayers:
    """The layers that were made last; arrays that come back must not have been changed meanwhile."""

    def __init__(self) -> None:
        self._made: deque[tuple[Key, np.ndarray]] = deque(maxlen=_MOST)

    def layer(
        self, view: Viewport, index: np.ndarray, flags: np.ndarray, selected: int, colours: np.ndarray
    ) -> np.ndarray:
        """Colours of the selected flags over a view.

        Parameters
        ----------
        view : Viewport
        index : (rows, columns) int32
            Flat index of the pixel at each place, -1 where there is none.
        flags : (n,) uint32
        selected : int
            Mask of the flags that are drawn.
        colours : (32,) uint32
            Of each bit, 0xFFRRGGBB.

        Returns
        -------
        (height, width) uint32
            0 where nothing is laid; not to be written to.
        """
        for (of, bits, *arrays), made in self._made:
            if (of, bits) == (view, selected) and all(map(_same, arrays, (index, flags, colours))):
                return made
        made = np.empty((view.height, view.width), np.uint32)
        lay_flags(made, view, index, flags, selected, colours)
        self._made.append(((view, selected, index, flags, colours), made))
        return made


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two are the same memory, which both keep alive."""
    return one is other or (one.shape == other.shape and one.ctypes.data == other.ctypes.data)

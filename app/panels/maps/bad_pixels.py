"""From one flagged pixel to the next, and from a click to the flagged pixel beside it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QObject, pyqtSignal

from app.panels.maps.slots import flags_of
from app.session.session import Session
from calib_core.subjects.shown import Pixel

#: A click snaps to a flagged pixel that is no further away than this on the screen, device pixels.
REACH = 6.0

Flags = npt.NDArray[np.uint32]


def next_flagged(flags: Flags, wanted: int, start: Pixel | None, steps: int) -> Pixel | None:
    """The next pixel with one of some flags, in the order of modules, rows and columns, around the end.

    Parameters
    ----------
    flags : (modules, slow_scan, fast_scan) uint32
    wanted : int
        Mask of flags.
    start : (module, row, column), optional
        Where to begin, by the place of the module in ``flags``; it is never the answer unless it is alone.
    steps : int
        1 for the next, -1 for the one before.

    Returns
    -------
    (module, row, column) or None
        None where no pixel has such a flag.
    """
    found = np.flatnonzero(flags & np.uint32(wanted))
    if len(found) == 0:
        return None
    if start is None:
        at = 0 if steps > 0 else -1
    else:
        here = int(np.ravel_multi_index(start, flags.shape))
        side, shift = ("right", steps - 1) if steps > 0 else ("left", steps)
        at = int(np.searchsorted(found, here, side)) + shift
    module, row, col = np.unravel_index(found[at % len(found)], flags.shape)
    return int(module), int(row), int(col)


def nearest_flagged(
    index: npt.NDArray[np.int32], flags: Flags, wanted: int, pixel: Pixel, reach: float
) -> Pixel:
    """The flagged pixel that is nearest to another one in a picture, or that one where none is close enough.

    Parameters
    ----------
    index : (height, width) int32
        Flat index of the pixel at each place of the picture, negative where there is none.
    flags : (modules, slow_scan, fast_scan) uint32
    wanted : int
        Mask of flags.
    pixel : (module, row, column)
        By the place of the module in ``flags``.
    reach : float
        Longest distance, in pixels of the picture.
    """
    flat, radius = flags.reshape(-1), int(reach)
    place = np.argwhere(index == np.ravel_multi_index(pixel, flags.shape))
    if radius < 1 or len(place) == 0 or flags[pixel] & np.uint32(wanted):
        return pixel
    y, x = place[len(place) // 2]
    top, left = max(0, y - radius), max(0, x - radius)
    near = index[top : y + radius + 1, left : x + radius + 1]
    bad = np.argwhere((near >= 0) & ((flat[near] & np.uint32(wanted)) != 0))
    if len(bad) == 0:
        return pixel
    distance = np.hypot(bad[:, 0] + top - y, bad[:, 1] + left - x)
    if distance.min() > reach:
        return pixel
    module, row, col = np.unravel_index(near[tuple(bad[int(distance.argmin())])], flags.shape)
    return int(module), int(row), int(col)


class BadPixelWalk(QObject):
    """Selects one flagged pixel after the other.

    ``found`` tells a pixel, by the place of its module in the picture, that is to be brought into sight.
    """

    found = pyqtSignal(tuple)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session

    def step(self, steps: int) -> None:
        """Select the next (1) or previous (-1) pixel with one of the flags that are drawn."""
        shown = self._session.shown
        flags = None if shown.picture is None else flags_of(shown.picture, shown)
        if flags is None:
            return
        modules, pixel = shown.picture.modules, shown.pixel
        start = (modules.index(pixel[0]), *pixel[1:]) if pixel is not None and pixel[0] in modules else None
        at = next_flagged(flags, self._session.overlay, start, steps)
        if at is None:
            self._session.say("INFO", "No pixel has one of the flags that are drawn.")
            return
        self._session.set_pixel((modules[at[0]], *at[1:]))
        self.found.emit(at)

"""Events classified a second time, slowly, with NumPy alone; and photons shared by error functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erf

Array = Any
#: Places of the neighbours above the secondary threshold, of the 3 × 3 around the largest sample at (1, 1).
SHAPES = {
    (): 100,
    ((1, 2),): 200, ((2, 1),): 201, ((1, 0),): 202, ((0, 1),): 203,
    ((0, 1), (1, 0)): 300, ((0, 1), (1, 2)): 301, ((1, 2), (2, 1)): 302, ((1, 0), (2, 1)): 303,
    ((0, 0), (0, 1), (1, 0)): 400, ((0, 1), (0, 2), (1, 2)): 401, ((1, 2), (2, 1), (2, 2)): 402,
    ((1, 0), (2, 0), (2, 1)): 403,
}


def classified(
    frame: Array, bad: Array, primary: Array, secondary: Array, largest: float, asic: tuple[int, int],
    strict: bool = False,
) -> tuple[Array, Array]:
    """Codes and sums of a frame, event by event in Python."""
    codes, sums = np.zeros(frame.shape, int), np.zeros(frame.shape)
    padded = np.pad(np.where(bad, -np.inf, frame.astype(float)), 1, constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    order = np.arange(9).reshape(3, 3)
    for row, col in np.argwhere(~bad & (frame > primary)):
        window = windows[row, col]
        # the largest, of equal ones the first
        if order[window == window.max()].min() != 4:
            continue
        if row % asic[0] in (0, asic[0] - 1) or col % asic[1] in (0, asic[1] - 1):
            codes[row, col] = 1000
            continue
        around = np.s_[row - 1:row + 2, col - 1:col + 2]
        above = (frame[around] > secondary[around]) & ~bad[around]
        above[1, 1] = True
        total = np.float32(frame[around][above].astype(float).sum())
        others = tuple((int(y), int(x)) for y, x in np.argwhere(above) if (y, x) != (1, 1))
        code = SHAPES.get(others, 1000)
        if strict and 400 <= code < 404:
            corner = next(place for place in others if 1 not in place)
            if any(window[corner] > window[place] for place in others):
                code = 1000
        if bad[around].any():
            code = 1001
        elif total > largest:
            code = 1002
        codes[row, col] = code
        sums[row, col] = total if code < 1000 else 0
    return codes, sums


def shared(shape: tuple[int, int], photons: int, energy: float, cloud: float, rng: np.random.Generator) -> Array:
    """Charge of photons that hit anywhere in the frame; the cloud is a Gaussian, ``cloud`` in pixels."""
    charge = np.zeros(shape)
    for y, x in rng.uniform((0, 0), shape, (photons, 2)):
        rows, columns = (np.arange(n) for n in shape)
        top, left = max(int(y) - 2, 0), max(int(x) - 2, 0)
        rows, columns = rows[top:int(y) + 3], columns[left:int(x) + 3]
        part_y = (erf((rows + 1 - y) / cloud / np.sqrt(2)) - erf((rows - y) / cloud / np.sqrt(2))) / 2
        part_x = (erf((columns + 1 - x) / cloud / np.sqrt(2)) - erf((columns - x) / cloud / np.sqrt(2))) / 2
        charge[top:top + len(rows), left:left + len(columns)] += energy * np.outer(part_y, part_x)
    return charge

"""Numbers that rise, some of them several times; NumPy's own `unique` would sort or hash them first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def last_of_each(rising: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each is the last of those that are the same: with these alone each is there once.

    Parameters
    ----------
    rising : (n,) array of numbers

    Returns
    -------
    (n,) bool
    """
    return np.append(rising[1:] != rising[:-1], True)[:len(rising)]

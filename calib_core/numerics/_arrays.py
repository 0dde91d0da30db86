"""What kernels ask of the arrays that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_array(array: NDArray[Any], name: str, shape: tuple[int, ...], dtype: Any) -> None:
    """Refuse an array that a kernel would misread.

    Parameters
    ----------
    array : ndarray
        It must be C-contiguous; whether it can be written is not asked.
    name : str
        What the message calls it.
    shape : tuple of int
        All axes must agree, without broadcasting.
    dtype : dtype or what makes one
        In native byte order: the other order is another type.

    Raises
    ------
    ValueError
        Shape, type or layout is another one; the message tells both.
    """
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        raise ValueError(
            f"{name} must be a C-contiguous {np.dtype(dtype)} array of shape {shape}, "
            f"but is {array.dtype} of shape {array.shape}"
        )

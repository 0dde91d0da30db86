"""What kernels ask of the arrays that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_array(array: NDArray[Any], name: str, shape: tuple[int, ...], dtype: Any) -> None:
    """Refuse an array of another shape or type, or one that is not C-contiguous, with a ValueError that names it."""
    if array.shape != shape or array.dtype != dtype or not array.flags.c_contiguous:
        raise ValueError(
            f"{name} must be a C-contiguous {np.dtype(dtype)} array of shape {shape}, "
            f"but is {array.dtype} of shape {array.shape}"
        )

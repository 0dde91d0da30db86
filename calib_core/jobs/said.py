"""What files of constants say of themselves: memory cells, values, and whether their set is whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from calib_core.errors import BadInput, BadParameter
from calib_core.io.libraries import h5py
from calib_core.ranges import parse_numbers
from calib_core.store.constants import StoredConstant, opened
from calib_core.store.manifests import doubts
from calib_core.store.stated import understood


def cells_of(one: StoredConstant) -> tuple[int, ...]:
    """Memory cells as the file names them; counted from 0 where it does not.

    Raises
    ------
    BadInput
        It names others than it has, or what it says cannot be understood.
    """
    if "cell" not in one.dims:
        return (0,)
    number = one.shape[one.dims.index("cell")]
    with understood(one):
        cells = tuple(int(cell) for cell in np.atleast_1d(one.attributes.get("cells", np.arange(number))))
    if len(cells) != number:
        raise BadInput(f"{one.path} has {number} memory cells, but names {len(cells)}.")
    return cells


def groups_of(one: StoredConstant) -> tuple[tuple[int, ...], ...]:
    """Memory cells of each group of a constant by groups, as the file names them.

    Raises
    ------
    BadInput
        It does not name them, or others than it has.
    """
    number = one.shape[one.dims.index("group")]
    with understood(one):
        labels = [str(label) for label in one.attributes["axes"]["group"]]
        try:
            groups = tuple(map(parse_numbers, labels))
        except BadParameter as error:
            raise ValueError(str(error)) from error
    if len(groups) != number:
        raise BadInput(f"{one.path} has {number} groups of memory cells, but names {len(groups)}.")
    return groups


def names_cells(one: StoredConstant) -> bool:
    """Whether the file tells of which memory cells it is."""
    return "cell" in one.dims and "cells" in one.attributes


def zeros_in(one: StoredConstant) -> int:
    """Number of the values that were looked at, where they are all 0; 0 where they are not.

    Looked at are those that a file has together at its beginning: its first chunk, or the first entry of the first
    axis. What is there in place of a constant, so that a file is not missing, has zeros all over.
    """
    with opened(one) as data:
        some = data[tuple(slice(0, length) for length in data.chunks or (1, *data.shape[1:]))]
    return 0 if np.any(some) else int(some.size)


def stages_without_values(one: StoredConstant, stages: Sequence[str]) -> list[str]:
    """Gain stages of which a constant has no number in the first of its memory cells.

    Parameters
    ----------
    one : StoredConstant
        With names of its axes.
    stages : sequence of str
        Names of the detector's gain stages.

    Returns
    -------
    list of str
        None where it has no axis of gain stages: what it has is of all.
    """
    if "gain" not in one.dims:
        return []
    with opened(one) as data:
        return [name for index, name in enumerate(stages) if not _some_number(data, one.dims, index)]


def _some_number(data: h5py.Dataset, dims: Sequence[str], stage: int) -> bool:
    """Whether a gain stage has any number: in the middle row, else anywhere in the first memory cell."""
    rows = data.shape[dims.index("slow_scan")] if "slow_scan" in dims else 1
    for row in (slice(rows // 2, rows // 2 + 1), slice(None)):
        part = {"gain": stage, "slow_scan": row, "fast_scan": slice(None)}
        if np.isfinite(data[tuple(part.get(dim, 0) for dim in dims)]).any():
            return True
    return False


def of_sets(stored: Iterable[Mapping[str, StoredConstant]]) -> tuple[str, ...]:
    """Sentences on constants that are taken of sets of which not all is there."""
    return tuple(f"Constants are taken although their set is not whole. {text}"
                 for text in doubts(one for of_module in stored for one in of_module.values()))

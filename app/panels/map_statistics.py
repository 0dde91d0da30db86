"""Statistics of the shown maps per module and ASIC, and the table that is exported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from app.panels.slots import Choice, flags_of
from calib_core.jobs.board import Picture
from calib_core.jobs.plan import Plan
from calib_core.store.table import Cell, Column

Array = npt.NDArray[np.generic]

COLUMNS = tuple(Column(name) for name in (
    "map", "unit", "module", "asic", "pixels", "left out", "mean", "standard deviation", "median", "smallest",
    "largest",
))


def statistics_rows(
    picture: Picture, plan: Plan, choices: Sequence[Choice], overlay: int
) -> Iterator[tuple[Cell, ...]]:
    """Rows of :data:`COLUMNS`: each map that is not of flags, each module as a whole, then each of its ASICs.

    Pixels that have one of the flags ``overlay``, or no value, are left out.
    """
    flags = flags_of(picture, plan.maps)
    for choice in dict.fromkeys(choices):
        values = choice.values(picture)
        if values is None or choice.spec.flags:
            continue
        good = values.astype(np.float64)
        if flags is not None:
            good[(flags & np.uint32(overlay)) != 0] = np.nan
        for module, one in zip(picture.modules, good, strict=True):
            yield (choice.title, choice.spec.unit, module, None, *describe(one))
            for asic, block in enumerate(asic_blocks(one, plan.detector.type.asic_shape)):
                yield (choice.title, choice.spec.unit, module, asic, *describe(block))


def asic_blocks(values: Array, asic_shape: tuple[int, int]) -> Array:
    """Pixels by ASIC: (slow_scan, fast_scan) to (asics, pixels of one), in the order of the ASICs' numbers."""
    slow, fast = asic_shape
    tiles = values.reshape(values.shape[0] // slow, slow, values.shape[1] // fast, fast)
    return tiles.swapaxes(1, 2).reshape(-1, slow * fast)


def describe(values: Array) -> tuple[Cell, ...]:
    """Number of values, how many are NaN, and mean, standard deviation, median, least and largest of the rest."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return (values.size, values.size, None, None, None, None, None)
    numbers = (finite.mean(), finite.std(), np.median(finite), finite.min(), finite.max())
    return (values.size, values.size - finite.size, *map(float, numbers))

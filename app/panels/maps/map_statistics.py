"""Statistics of the shown maps per module and ASIC, and the table that is exported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from app.panels.maps.slots import Choice, flags_of
from calib_core.numerics.middle import median
from calib_core.store.table import Cell, Column
from calib_core.subjects.shown import Shown

Array = npt.NDArray[np.generic]

#: Standard deviation of a Gaussian over its median absolute deviation.
MAD_TO_SIGMA = 1.4826
COLUMNS = tuple(Column(name) for name in (
    "map", "unit", "module", "asic", "region", "pixels", "left out", "mean", "standard deviation", "median",
    "smallest", "largest",
))


def statistics_rows(shown: Shown, choices: Sequence[Choice], excluded: int) -> Iterator[tuple[Cell, ...]]:
    """Rows of :data:`COLUMNS`: each map that is not of flags, its region, each module as a whole and its ASICs.

    Pixels that have one of the flags ``excluded``, or no value, are left out.
    """
    picture, flags = shown.picture, flags_of(shown.picture, shown)
    for choice in dict.fromkeys(choices):
        values = choice.values(picture)
        if values is None or choice.is_flags:
            continue
        head = (choice.title, choice.unit)
        inside = region_values(shown, choice, excluded)
        if inside is not None:
            yield (*head, None, None, shown.region.form, *describe(inside))
        good = good_values(values, flags, excluded)[0]
        for module, one in zip(picture.modules, good, strict=True):
            yield (*head, module, None, None, *describe(one))
            for asic, block in enumerate(asic_blocks(one, shown.kind.asic_shape)):
                yield (*head, module, asic, None, *describe(block))


def region_values(shown: Shown, choice: Choice, excluded: int) -> npt.NDArray[np.float64] | None:
    """Values (n,) of a map in the region, with NaN where a pixel has one of the flags ``excluded``.

    None where there is no region in the picture, or no such map.
    """
    picture, region = shown.picture, shown.region
    values = None if picture is None else choice.values(picture)
    if region is None or values is None:
        return None
    inside = region.masks(picture.modules)
    good = good_values(values, flags_of(picture, shown), excluded)[0][inside]
    return good if good.size else None


def good_values(
    values: Array, flags: npt.NDArray[np.uint32] | None, excluded: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Values with NaN where a pixel has one of the flags ``excluded``, and where it has; same shape."""
    good = values.astype(np.float64)
    bad = np.zeros(values.shape, bool) if flags is None else (flags & np.uint32(excluded)) != 0
    good[bad] = np.nan
    return good, bad


def median_spread(finite: npt.NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Median, and 1.4826 × median absolute deviation, of finite values; None without any."""
    if finite.size == 0:
        return None, None
    middle = median(finite)
    return middle, MAD_TO_SIGMA * median(np.abs(finite - middle))


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
    numbers = (finite.mean(), finite.std(), median(finite), finite.min(), finite.max())
    return (values.size, values.size - finite.size, *map(float, numbers))

"""Pixels in which two subjects that are compared differ most."""

from __future__ import annotations

import numpy as np

from calib_core.axes import Array, At
from calib_core.subjects.pair import PairSubject
from calib_core.subjects.variants import variant_of

#: Module number, row, column, and the value that has changed most.
Change = tuple[int, int, int, float]


def most_changed(subject: PairSubject, result: str, at: At, n: int = 10) -> tuple[Change, ...]:
    """Pixels in which A and B differ most.

    Parameters
    ----------
    subject : PairSubject
    result : str
        Any variant; (A−B)/σ of it decides, or A−B where its errors are not known, or flags that are new or healed.
    at : mapping
        Indices along axes of the pair.
    n : int
        Most pixels.

    Returns
    -------
    tuple of (module, row, column, value)
        Largest first, those of the same size by module, row and column; finite values other than 0 only. Of flags,
        those with most flags that came or went first: the value is the mask of the new ones, or less the mask of the
        healed ones where none is new.
    """
    found: list[tuple[float, Change]] = []
    for module in subject.modules:
        values, sizes = _changes(subject, result, module, at)
        rows, cols = np.nonzero(np.isfinite(values) & (values != 0))
        size = sizes[rows, cols]
        for i in np.argsort(-size, kind="stable")[: max(n, 0)]:
            row, col = int(rows[i]), int(cols[i])
            found.append((float(size[i]), (module, row, col, float(values[row, col]))))
    return tuple(change for _, change in sorted(found, key=lambda one: -one[0])[: max(n, 0)])


def _changes(subject: PairSubject, result: str, module: int, at: At) -> tuple[Array, Array]:
    """Values (slow_scan, fast_scan) that tell how A and B differ, and how much they count."""
    nothing = np.full(subject.kind.shape, np.nan)
    if subject.role_of(result) != "flags":
        values = subject.plane(subject.variant(result, "pull"), module, at)
        return (nothing, nothing) if values is None else (values, np.abs(values))
    new, healed = (subject.plane(variant_of(result, key), module, at) for key in ("new", "healed"))
    if new is None or healed is None:
        return nothing, nothing
    values = np.where(new != 0, new.astype(np.float64), -healed.astype(np.float64))
    return values, np.bitwise_count(new | healed).astype(np.float64)

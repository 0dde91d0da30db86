"""Numbers of other programs beside our own, and in one sentence how far they are away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from calib_core.explanation import Number

#: Largest difference in units of the error, or of the number itself where it has no error, that is none.
_SAME = 0.05


def with_theirs(numbers: Iterable[Number], theirs: Mapping[str, tuple[float, str]]) -> tuple[Number, ...]:
    """Numbers, those that another program has found too with what it says.

    Parameters
    ----------
    numbers : iterable of Number
    theirs : mapping of str to (float, str)
        By the name of a number what is found, NaN where nothing is, and the program's name.

    Returns
    -------
    tuple of Number
    """
    return tuple(replace(one, theirs=theirs[one.name][0], by=theirs[one.name][1]) if one.name in theirs else one
                 for one in numbers)


def in_words(numbers: Iterable[Number], by: str) -> str:
    """How far another program is away at most.

    Parameters
    ----------
    numbers : iterable of Number
        With what it says.
    by : str
        Its name.

    Returns
    -------
    str
        A sentence with a sign before it, whether both are the same.
    """
    asked = [one for one in numbers if one.by == by]
    known = [one for one in asked if np.isfinite(one.theirs)]
    missing = [one.name for one in asked if not np.isfinite(one.theirs)]
    if missing or not known:
        return f"✗ {by} finds no {', '.join(missing) or 'numbers'}."
    if alone := [one.name for one in known if not np.isfinite(one.value)]:
        return f"✗ {by} alone finds {', '.join(alone)}."
    worst = max(known, key=lambda one: one.away)
    unit = "σ" if worst.error > 0 else "of the value"
    sign = "✓" if worst.away <= _SAME else "✗"
    return f"{sign} {by}: largest difference {worst.away:.2g} {unit} ({worst.name})."

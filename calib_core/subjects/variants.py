"""What a comparison makes of a result that A and B have: names that stay, and the numbers behind them.

The statistical error of a value is known where its :class:`Result` names the samples behind it (``count``), n:

- of a mean, whose ``error`` names the spread s of one sample: s / √n;
- of a noise s, which is a value that names samples but no ``error``: s / √(2 (n − 1)).

Both are NaN where n < 2; the error of a difference is √(σA² + σB²). They hold for Gaussian samples that are
independent, also between A and B: of two results of the same run, (A−B)/σ is too narrow. That of a noise is the first
order in 1/n, 1.5 % too large at n = 10, and as s is measured too, (A−B)/σ of means has the tails of Student's t. A
common mode moves the means of all pixels that share it together, so there the mean of (A−B)/σ is not 0. The
rounding of values to float32, up to 6e-8 of each, is no part of it: it is below a tenth of σ as long as an offset of
10⁴ ADU with a noise of 3 ADU has less than 2.5e5 samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from calib_core.axes import Array, Result

Role = Literal["value", "flags", "count"]
#: ``get("a" or "b", name of a result)``: its values there, None where there are none.
Get = Callable[[str, str], Array | None]


@dataclass(frozen=True)
class Variant:
    """One way of comparing.

    Attributes
    ----------
    key : str
        That asks for it, and stays.
    title : str
        For the screen.
    endings : mapping of str to str
        Of the names of results, by the roles that it is made of; only one variant of a role has none.
    """

    key: str
    title: str
    endings: Mapping[Role, str]


#: In the order of menus.
VARIANTS = (
    Variant("either", "A or B", {"flags": ""}),
    Variant("a", "A", {"value": "", "count": "", "flags": ".a"}),
    Variant("b", "B", {"value": ".b", "count": ".b", "flags": ".b"}),
    Variant("difference", "A−B", {"value": ".difference", "count": ".difference"}),
    Variant("ratio", "A/B", {"value": ".ratio"}),
    Variant("pull", "(A−B)/σ", {"value": ".pull"}),
    Variant("new", "new", {"flags": ".new"}),
    Variant("healed", "healed", {"flags": ".healed"}),
)
_ENDINGS = frozenset(ending for one in VARIANTS for ending in one.endings.values() if ending)


def base_of(name: str) -> str:
    """Name of the result that a variant of a comparison is made of.

    Parameters
    ----------
    name : str
        Of any variant.
    """
    base, dot, key = name.rpartition(".")
    return base if dot + key in _ENDINGS else name


def variant_of(name: str, key: str, role: Role = "value") -> str:
    """Name of a variant, whether a comparison has it or not.

    Parameters
    ----------
    name : str
        Of a result, or of any of its variants.
    key : str
        Of :data:`VARIANTS`.
    role : str
        Of the result; flags have the name of the result itself for A or B.

    Raises
    ------
    ValueError
        There is no such key.
    """
    found = next((one.endings for one in VARIANTS if one.key == key), None)
    if found is None:
        raise ValueError(f"{key!r} is not one of {', '.join(one.key for one in VARIANTS)}")
    return base_of(name) + found.get(role, next(iter(found.values())))


def variant_in(name: str, role: Role) -> Variant:
    """Variant that the name of a result of a comparison ends with.

    Parameters
    ----------
    name : str
    role : str
        Of the result that it is made of.
    """
    ending = name.removeprefix(base_of(name))
    return next(one for one in VARIANTS if one.endings.get(role) == ending)


def variants_of(
    one: Result, other: Result, shared: Sequence[str], *, error_known: bool
) -> Iterator[tuple[Variant, Result]]:
    """Results that a comparison makes of one that A and B have.

    Parameters
    ----------
    one, other : Result
        As A and as B have it.
    shared : sequence of str
        Names of all results that are compared; only those may be named as errors, samples or scales.
    error_known : bool
        Whether its statistical error is known.

    Yields
    ------
    variant : Variant
    result : Result
        The differences are float32.
    """
    for variant in VARIANTS:
        if one.role in variant.endings and (variant.key != "pull" or error_known):
            yield variant, _made(variant, _of_shared(one, shared), _of_shared(other, shared))


def _of_shared(one: Result, shared: Sequence[str]) -> Result:
    error, count, scale = (name if name in shared else "" for name in (one.error, one.count, one.scale_of))
    return replace(one, error=error, count=count, scale_of=scale)


def _made(variant: Variant, one: Result, other: Result) -> Result:
    """A variant as it is declared."""
    source = other if variant.key == "b" else one
    named = replace(source, name=one.name + variant.endings[one.role], title=f"{one.title} {variant.title}")
    if variant.key in ("a", "either"):
        return named
    if variant.key == "b":
        scale = "" if one.role == "flags" else one.scale_of or one.name
        return replace(named, error=_of_b(other.error), count=_of_b(other.count), scale_of=scale)
    alone = replace(named, error="", count="", scale_of="", help=f"{_HELP[variant.key]}: {one.help}")
    if one.role == "flags":
        return replace(alone, missing=0.0)
    unit, centre = {"ratio": ("", 1.0), "pull": ("σ", 0.0)}.get(variant.key, (one.unit, 0.0))
    return replace(alone, unit=unit, dtype="f4", centre=centre, missing=float("nan"))


def _of_b(name: str) -> str:
    return f"{name}.b" if name else ""


_HELP = {
    "difference": "A less B", "ratio": "A by B", "pull": "A less B in statistical errors of the difference",
    "new": "In A, not in B", "healed": "In B, not in A",
}


def is_error_known(one: Result, results: Sequence[Result]) -> bool:
    """Whether the statistical error of a result follows from other results of the same subject.

    Parameters
    ----------
    one : Result
    results : sequence of Result
        Those that are at hand.
    """
    names = {other.name for other in results}
    return one.role == "value" and one.count in names and (not one.error or one.error in names)


def standard_error(one: Result, side: str, get: Get) -> Array | None:
    """Statistical error of values whose error is known.

    Parameters
    ----------
    one : Result
    side : str
        ``a`` or ``b``.
    get : callable

    Returns
    -------
    float64 array or None
        In the unit of the values, NaN where there are less than 2 samples; None where something is not there.
    """
    spread, count = get(side, one.error or one.name), get(side, one.count)
    if spread is None or count is None:
        return None
    n = np.where(np.asarray(count) >= 2, count, np.nan).astype(np.float64)
    error: Array = np.asarray(spread, np.float64) / np.sqrt(n if one.error else 2 * (n - 1))
    return error


def values_of(variant: Variant, one: Result, get: Get) -> Array | None:
    """Numbers of a variant.

    Parameters
    ----------
    variant : Variant
    one : Result
        As A has it.
    get : callable
        Arrays of one shape; flags that are floats are NaN where they are not known.

    Returns
    -------
    array or None
        Of A or B as they are, float64 differences, uint32 flags, or float64 flags where those of A or B are floats;
        None where there is nothing. Flags of A or B are those of one where the other is not known.
    """
    if variant.key in ("a", "b"):
        return get(variant.key, one.name)
    a, b = get("a", one.name), get("b", one.name)
    if variant.key == "either" and (a is None or b is None):
        return b if a is None else a
    if a is None or b is None:
        return None
    if one.role == "flags":
        return _of_flags(variant.key, a, b)
    return _pull(one, a, b, get) if variant.key == "pull" else _of_numbers(variant.key, a, b)


def _of_numbers(key: str, a: Array, b: Array) -> Array:
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        if key == "difference":
            return np.asarray(left - right)
        return np.asarray(left / np.where(right == 0, np.nan, right))


def _pull(one: Result, a: Array, b: Array, get: Get) -> Array | None:
    """Differences by their errors, NaN where the error is 0, since no number of Gaussian samples has none."""
    of_a, of_b = standard_error(one, "a", get), standard_error(one, "b", get)
    if of_a is None or of_b is None:
        return None
    return _of_numbers("ratio", _of_numbers("difference", a, b), np.sqrt(of_a**2 + of_b**2))


def _of_flags(key: str, a: Array, b: Array) -> Array:
    left, right = _bits(a), _bits(b)
    bits: Array = {"either": left | right, "new": left & ~right, "healed": right & ~left}[key]
    if a.dtype.kind in "ui" and b.dtype.kind in "ui":
        return bits
    known = np.isfinite(a) | np.isfinite(b) if key == "either" else np.isfinite(a) & np.isfinite(b)
    return np.where(known, bits, np.nan)


def _bits(flags: Array) -> Array:
    return np.where(np.isfinite(flags), flags, 0).astype(np.uint32)

"""Windows of codes, with sums about the lower end: half of the memory, and nothing to widen row by row.

Samples inside of a window are at most `WIDTH` above its lower end, so sums over `NARROW_ROWS` rows fit in 16 bits,
and those of squares in 32. They are folded into sums of whole samples then:
Σx = Σy + n·l and Σx² = Σy² + l·(2·Σy + n·l) of x = l + y, in whole numbers.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from calib_core.numerics._vectors import I16, I32, I64, Vectors, each_patch, pair_products, pointer
from calib_core.numerics.kernels import BEGUN, EMPTY, NARROW_ROWS, REACHES

#: From the lower end of a window to the upper one, at most.
WIDTH = 0xFFFF // NARROW_ROWS

_CHOOSE = ("one", "two", "three", "low", "high", "base", "top")
_FOLD = ("base", "rows", "near", "near_squares", "outside", "total_before", "squares_before", "count_before", "total",
         "squares", "count", "marks")


def _mark(v: Vectors, p: dict[str, Any]) -> None:
    """Tell of gates that are wider than a window, and of empty ones."""
    b = v.builder
    low, high = v.load(p["low"], I16), v.load(p["high"], I16)
    wide, empty = b.icmp_unsigned(">", b.sub(high, low), v.constant(I16, WIDTH)), b.icmp_unsigned(">", low, high)
    for flag, mask in ((REACHES, wide), (EMPTY, empty)):
        one = b.select(v.some(mask), I64(flag), I64(0))
        b.store(b.or_(b.load(p["found"]), one), p["found"])


def _choose(v: Vectors, p: dict[str, Any]) -> None:
    """The gate where it is narrow enough; else the codes about the middle one of three samples, inside the gate."""
    b, most = v.builder, v.constant(I16, WIDTH)
    low, high = v.load(p["low"], I16), v.load(p["high"], I16)
    one, two, three = (v.load(p[name], I16) for name in _CHOOSE[:3])
    middle = v.larger(v.smaller(one, two), v.smaller(v.larger(one, two), three))
    half = v.constant(I16, WIDTH // 2)
    base = v.smaller(v.larger(b.sub(v.larger(middle, half), half), low), b.sub(high, most))
    width = b.sub(high, low)
    base = b.select(b.icmp_unsigned("<=", width, most), low, base)
    b.store(base, v.place(p["base"], I16), align=2)
    b.store(b.add(base, v.smaller(width, most)), v.place(p["top"], I16), align=2)


def _fold(v: Vectors, p: dict[str, Any]) -> None:
    """Add the sums of a patch to whole ones."""
    b, near, squares = v.builder, v.widen(v.load(p["near"], I16), I32), v.load(p["near_squares"], I32)
    n = b.sub(v.spread(b.trunc(p["rows"], I32)), v.widen(v.load(p["outside"], I16), I32))
    base = v.widen(v.load(p["base"], I16), I32)
    below = b.mul(n, base)
    rest = b.mul(v.widen(base, I64), v.widen(b.add(below, b.add(near, near)), I64))
    begun = b.icmp_unsigned("!=", b.and_(p["marks"], p["marks"].type(BEGUN)), p["marks"].type(0))
    for name, scalar, more in (("count", I32, n), ("total", I32, b.add(near, below)),
                               ("squares", I64, b.add(v.widen(squares, I64), rest))):
        old = b.and_(v.load(p[f"{name}_before"], scalar), v.spread(b.sext(begun, scalar)))
        b.store(b.add(old, more), v.place(p[name], scalar), align=scalar.width // 8)


def _everywhere(names: tuple[str, ...], size_of: str, patch: Any) -> Any:
    """Do something with each patch of a tile, whose size is that of an array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        p = {name: pointer(context, builder, kind, value)
             for name, kind, value in zip(names, signature.args, arguments, strict=True)}
        p["found"] = cgutils.alloca_once_value(builder, I64(0))
        at, (most, _) = names.index(size_of), pair_products(context)
        size = context.make_array(signature.args[at])(context, builder, arguments[at]).nitems
        each_patch(builder, p[size_of], size, most, lambda vectors: patch(vectors, p))
        return builder.load(p["found"])

    return generate


@intrinsic  # type: ignore[untyped-decorator]
def mark_of(typing_context: Any, low: Any, high: Any) -> Any:
    """Marks of a tile's gates, uint16: `REACHES` where some are wider than `WIDTH` or empty, `EMPTY` for the latter.

    Without them the gates are windows themselves.
    """
    return types.int64(low, high), _everywhere(("low", "high"), "low", _mark)


@intrinsic  # type: ignore[untyped-decorator]
def choose(typing_context: Any, one: Any, two: Any, three: Any, low: Any, high: Any, base: Any, top: Any) -> Any:
    """Choose the windows of a tile, both ends inside, from three rows of samples, uint16, as all that is given.

    Windows of gates of at most `WIDTH` are those gates. Others lie inside of their gates, about the middle sample.
    """
    return types.int64(one, two, three, low, high, base, top), _everywhere(_CHOOSE, "base", _choose)


@intrinsic  # type: ignore[untyped-decorator]
def fold(
    typing_context: Any, base: Any, rows: Any, near: Any, near_squares: Any, outside: Any,
    total_before: Any, squares_before: Any, count_before: Any, total: Any, squares: Any, count: Any, marks: Any,
) -> Any:
    """Add sums inside of windows of a tile to sums of whole samples.

    Slices of the tile's size: lower ends of windows, uint16; sums of distances, uint16, of their squares,
    uint32, and numbers of samples left out of so many rows, uint16; and sums of samples, uint32, uint64 and uint32,
    into which nothing was added yet unless the marks of the tile say `BEGUN`.
    """
    given = (base, rows, near, near_squares, outside, total_before, squares_before, count_before, total, squares,
             count, marks)
    return types.int64(*given), _everywhere(_FOLD, "base", _fold)

"""Windows of codes, with sums about the lower end: half of the memory, and nothing to widen row by row.

Samples inside of a window are at most `WIDTH` above its lower end, so sums over `LEAST_ROWS` rows fit in 16 bits,
over `MOST_ROWS` where all windows are as wide as `NARROW`, and those of squares in 32. They are folded into sums of
whole samples then: Σx = Σy + n·l and Σx² = Σy² + l·(2·Σy + n·l) of x = l + y, in whole numbers.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from calib_core.numerics._vectors import I1, I16, I32, I64, PATCH_LANES, Vectors, each_patch, pointer, tree
from calib_core.numerics.kernels import BEGUN

_CHOOSE = ("one", "two", "three", "low", "high", "base", "top", "width")
_FOLD = ("base", "rows", "near", "near_squares", "outside", "total_before", "squares_before", "count_before", "total",
         "squares", "count", "marks")


def _mark(v: Vectors, p: dict[str, Any]) -> None:
    """Keep the widest gate, and where some are empty."""
    b = v.builder
    low, high = v.load(p["low"], I16), v.load(p["high"], I16)
    widest, empty = p["widest"][v.lanes], p["empty"][v.lanes]
    b.store(v.larger(b.load(widest), b.sub(high, low)), widest)
    b.store(b.or_(b.load(empty), b.icmp_unsigned(">", low, high)), empty)


def _choose(v: Vectors, p: dict[str, Any]) -> None:
    """The gate where it is narrow enough; else the codes about the middle one of three samples, inside the gate."""
    b, most = v.builder, v.spread(v.builder.trunc(p["width"], I16))
    low, high = v.load(p["low"], I16), v.load(p["high"], I16)
    samples = one, two, three = [v.load(p[name], I16) for name in _CHOOSE[:3]]
    middle = v.larger(v.smaller(one, two), v.smaller(v.larger(one, two), three))
    half = b.lshr(most, v.constant(I16, 1))
    base = v.smaller(v.larger(b.sub(v.larger(middle, half), half), low), b.sub(high, most))
    width = b.sub(high, low)
    base = b.select(b.icmp_unsigned("<=", width, most), low, base)
    width = v.smaller(width, most)
    b.store(base, v.place(p["base"], I16), align=2)
    b.store(b.add(base, width), v.place(p["top"], I16), align=2)
    far = b.icmp_unsigned(">", tree(v.larger, [b.sub(x, base) for x in samples]), width)
    b.store(b.add(b.load(p["found"]), v.number(far)), p["found"])


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
        at = names.index(size_of)
        size = context.make_array(signature.args[at])(context, builder, arguments[at]).nitems
        each_patch(builder, p[size_of], size, PATCH_LANES, lambda vectors: patch(vectors, p))
        return builder.load(p["found"])

    return generate


def _generate_mark(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    p: dict[str, Any] = {"low": arguments[0], "high": arguments[1]}
    size = context.make_array(signature.args[0])(context, builder, p["low"]).nitems
    p.update((name, pointer(context, builder, signature.args[0], p[name])) for name in ("low", "high"))
    each = [Vectors(builder, lanes, size) for lanes in (PATCH_LANES, 1)]
    for name, scalar in (("widest", I16), ("empty", I1)):
        p[name] = {v.lanes: cgutils.alloca_once_value(builder, v.constant(scalar, 0)) for v in each}
    each_patch(builder, p["low"], size, each[0].lanes, lambda vectors: _mark(vectors, p))
    one, other = (v.largest(builder.load(p["widest"][v.lanes])) for v in each)
    widest = builder.select(builder.icmp_unsigned(">", one, other), one, other)
    empty = builder.or_(*(v.some(builder.load(p["empty"][v.lanes])) for v in each))
    return context.make_tuple(builder, signature.return_type, [builder.zext(x, I64) for x in (widest, empty)])


@intrinsic  # type: ignore[untyped-decorator]
def widest_of(typing_context: Any, low: Any, high: Any) -> Any:
    """The width of the widest of a tile's gates, uint16, and whether some are empty, whose widths wrap around."""
    return types.UniTuple(types.int64, 2)(low, high), _generate_mark


@intrinsic  # type: ignore[untyped-decorator]
def choose(
    typing_context: Any, one: Any, two: Any, three: Any, low: Any, high: Any, base: Any, top: Any, width: Any
) -> Any:
    """Choose the windows of a tile, both ends inside, from three rows of samples, uint16, as all but the width is.

    Windows of gates no wider than that are those gates. Others lie inside of their gates, about the middle sample.
    What comes back is of how many pixels some of the three samples are outside.
    """
    given = (one, two, three, low, high, base, top, width)
    return types.int64(*given), _everywhere(_CHOOSE, "base", _choose)


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

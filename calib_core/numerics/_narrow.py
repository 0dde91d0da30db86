"""Sums inside of narrow gates, about their lower ends: half of the memory, and nothing to widen row by row.

Samples inside of a gate are less than its width above its lower end. Where that is below `WIDTH`, sums over
`NARROW_ROWS` rows fit in 16 bits, and those of squares in 32. They are folded into the sums of whole samples then:
Σx = Σy + n·l and Σx² = Σy² + l·(2·Σy + n·l) of x = l + y, in whole numbers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from calib_core.numerics._vectors import I8, I16, I32, I64, Value, Vectors, pair_products, pointer
from calib_core.numerics.kernels import NARROW_ROWS

#: From the lower end of a narrow gate to the upper one, at most.
WIDTH = 0xFFFF // NARROW_ROWS

_ARGUMENTS = ("low", "high", "rows", "near", "near_squares", "outside", "total", "squares", "count")


def is_wide(v: Vectors, low: Value, high: Value) -> Value:
    """Tell whether any gate of a patch is not narrow; empty ones are not.

    Parameters
    ----------
    v : Vectors
    low, high : vectors
        Gates, 16 bits.

    Returns
    -------
    scalar
        One bit, fit for a branch.
    """
    wide = v.builder.icmp_unsigned(">", v.builder.sub(high, low), v.constant(I16, WIDTH))
    return v.any([v.widen(wide, I16)], v.constant(I16, 1))


def add_near(v: Vectors, p: dict[str, Any], gate: tuple[Value, Value], samples: list[Value], differ: list[Value],
             ) -> None:
    """Add rows of a patch of narrow gates to the sums about their lower ends; most have nothing to leave out.

    Parameters
    ----------
    v : Vectors
    p : dict
        Pointers by name: ``near``, ``near_squares``, ``outside``, ``wrong``; and ``product``.
    gate : pair of vectors
        Both ends, 16 bits.
    samples : list of vectors
        Of 16 bits, one for each row.
    differ : list of vectors
        Of 8 bits, 0 where gain bits are as expected; empty where they are not checked.
    """
    b, width = v.builder, v.builder.sub(gate[1], gate[0])
    away = [b.sub(x, gate[0]) for x in samples]
    furthest = away[0]
    for one in away[1:]:
        furthest = v.larger(furthest, one)
    some = v.any([v.widen(b.icmp_unsigned(">", furthest, width), I16)], v.constant(I16, 1))
    if differ:
        some = b.or_(some, v.any(differ, v.constant(I8, 0xFF)))
    places = [cgutils.alloca_once(b, v.type_of(I16)) for _ in away]
    for place, one in zip(places, away, strict=True):
        b.store(one, place)
    with b.if_then(some):
        _leave_out(v, p, width, places, differ)
    kept = [b.load(place) for place in places]
    v.add_to(p["near"], I16, v.sum(kept))
    v.add_to(p["near_squares"], I32, v.sum_squares(kept, p["product"]))


def _leave_out(v: Vectors, p: dict[str, Any], width: Value, places: list[Any], differ: list[Value]) -> None:
    """Count samples outside of the gate or with other gain bits, and set them to 0."""
    b = v.builder
    outside = [b.icmp_unsigned(">", b.load(place), width) for place in places]
    if differ:
        wrong = [b.icmp_unsigned("!=", one, v.constant(I8, 0)) for one in differ]
        v.add_to(p["wrong"], I32, v.widen(v.sum([v.widen(one, I8) for one in wrong]), I32))
        outside = [b.or_(one, other) for one, other in zip(outside, wrong, strict=True)]
    for place, one in zip(places, outside, strict=True):
        b.store(b.select(one, v.constant(I16, 0), b.load(place)), place)
    v.add_to(p["outside"], I16, v.sum([v.widen(one, I16) for one in outside]))


def _fold(v: Vectors, p: dict[str, Any]) -> None:
    """Move the sums of a patch, unless its gates are wide, and begin anew."""
    b, low, high = v.builder, v.load(p["low"], I16), v.load(p["high"], I16)
    with b.if_then(b.not_(is_wide(v, low, high)), likely=True):
        n = b.sub(v.spread(b.trunc(p["rows"], I32)), v.widen(v.load(p["outside"], I16), I32))
        near, bottom = v.widen(v.load(p["near"], I16), I32), v.widen(low, I32)
        below = b.mul(n, bottom)
        squares = v.in_order(v.load(p["near_squares"], I32), p["product"])
        rest = b.mul(v.widen(bottom, I64), v.widen(b.add(below, b.add(near, near)), I64))
        v.add_to(p["count"], I32, n)
        v.add_to(p["total"], I32, b.add(near, below))
        v.add_to(p["squares"], I64, b.add(v.widen(squares, I64), rest))
        for name, scalar in (("near", I16), ("near_squares", I32), ("outside", I16)):
            b.store(v.constant(scalar, 0), v.place(p[name], scalar), align=scalar.width // 8)


@intrinsic  # type: ignore[untyped-decorator]
def fold(
    typing_context: Any, low: Any, high: Any, rows: Any, near: Any, near_squares: Any, outside: Any, total: Any,
    squares: Any, count: Any,
) -> Any:
    """Fold sums inside of narrow gates of a tile into the sums of samples, and set them to 0.

    Slices of the tile's size: uint16 gates; sums of distances, uint16, of their squares, uint32, and numbers of
    samples left out of so many rows, uint16; and sums of samples, uint32, uint64 and uint32.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        p = {name: pointer(context, builder, kind, value)
             for name, kind, value in zip(_ARGUMENTS, signature.args, arguments, strict=True)}
        most, p["product"] = pair_products(context)
        size = context.make_array(signature.args[0])(context, builder, arguments[0]).nitems
        zero, step = (ir.Constant(size.type, value) for value in (0, most))
        whole = builder.and_(size, ir.Constant(size.type, -most))
        with cgutils.for_range_slice(builder, zero, whole, step, size.type) as (offset, _):
            _fold(Vectors(builder, most, offset), p)
        return context.get_dummy_value()

    return types.void(low, high, rows, near, near_squares, outside, total, squares, count), generate

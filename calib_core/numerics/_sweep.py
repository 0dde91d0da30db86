"""The inner loop of the moments: sixteen frames at once over a tile of pixels, in explicit vectors.

A patch is a register of pixels. Each pixel has a window of codes, narrow enough that sums of distances from its lower
end fit in 16 bits (:mod:`calib_core.numerics._window`). Nearly all samples are inside; the others are left out. Where
the gate reaches beyond the window, patches that have some are told, for :func:`add_beyond` to add to the whole sums.

Vectors begin where each row of one lies in a single cache line. What comes soon in each row is asked for meanwhile:
of so many rows, each a page or more from the next, the processor finds out too late by itself.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from calib_core.numerics._squares import in_order, pair_products, sum_squares
from calib_core.numerics._vectors import (
    I8,
    I16,
    I32,
    I64,
    PATCH_LANES,
    Value,
    Vectors,
    bytes_of,
    each_patch,
    pointer,
    tree,
)
from calib_core.numerics.kernels import LINE, REACHES

_Pointers = dict[str, Any]


#: Samples of a row that are asked for ahead: 1 KiB.
_AHEAD = 512


class _Patch:
    """Rows of a patch of pixels, and what is to become of them; arguments that are None are not there."""

    def __init__(self, vectors: Vectors, arguments: _Pointers) -> None:
        self.v, self.b, self.p = vectors, vectors.builder, arguments

    def add(self) -> None:
        """Add what is inside the windows, about their lower ends; most patches have nothing to leave out."""
        v, b = self.v, self.b
        if v.lanes > 1:
            self._ask_ahead()
        away, width, differ = self._away(), self._width(), self._differ()
        some = v.some(b.icmp_unsigned(">", tree(v.larger, away), width))
        if differ:
            some = b.or_(some, v.some(b.icmp_unsigned("!=", tree(b.or_, differ), v.constant(I8, 0))))
        places = [cgutils.alloca_once_value(b, one) for one in away]
        with b.if_then(some):
            self._leave_out(width, places, differ)
        kept, product = [b.load(place) for place in places], self.p["product"] if v.lanes > 1 else ""
        self._add_to("near", I16, v.sum(kept))
        self._add_to("near_squares", I32, in_order(v, sum_squares(v, kept, product), product))

    def _ask_ahead(self) -> None:
        """Prefetch what comes soon in each row, once a line."""
        b, offset = self.b, self.v.offset
        within = ir.Constant(offset.type, LINE // bytes_of(I16) - self.v.lanes)
        with b.if_then(b.icmp_unsigned("==", b.and_(offset, within), ir.Constant(offset.type, 0))):
            for row in self.p["rows"]:
                self.v.prefetch(row, ahead=_AHEAD)

    def add_beyond(self) -> None:
        """Add samples inside the gate but not the window, of 16 bits, with the right gain bits, to the whole sums."""
        v, b = self.v, self.b
        samples, width, (low, high) = self._samples(), self._width(), self._gate()
        kept = [b.icmp_unsigned(">", one, width) for one in self._away()]
        kept = [b.and_(k, b.icmp_unsigned(">=", x, low)) for k, x in zip(kept, samples, strict=True)]
        kept = [b.and_(k, b.icmp_unsigned("<=", x, high)) for k, x in zip(kept, samples, strict=True)]
        if differ := self._differ():
            right = [b.icmp_unsigned("==", x, v.constant(I8, 0)) for x in differ]
            kept = [b.and_(r, k) for r, k in zip(right, kept, strict=True)]
        v.add_to(self.p["count"], I32, v.widen(v.sum([v.widen(k, I16) for k in kept]), I32))
        wide = [v.widen(x, I32) for x in v.keep(kept, samples)]
        v.add_to(self.p["total"], I32, v.sum(wide))
        v.add_to(self.p["squares"], I64, v.sum([v.widen(b.mul(x, x), I64) for x in wide]))

    def _add_to(self, name: str, scalar: Any, value: Value) -> None:
        """Add to sums that are begun, else put in their place, whatever was there."""
        v, b = self.v, self.b
        before = b.and_(v.load(self.p[name], scalar), v.spread(b.trunc(self.p["begun"], scalar)))
        b.store(b.add(before, value), v.place(self.p[name], scalar), align=bytes_of(scalar))

    def _leave_out(self, width: Value, places: list[Any], differ: list[Value]) -> None:
        """Count samples outside of the window or with other gain bits, and set them to 0."""
        v, b = self.v, self.b
        outside = [b.icmp_unsigned(">", b.load(place), width) for place in places]
        if differ:
            wrong = [b.icmp_unsigned("!=", one, v.constant(I8, 0)) for one in differ]
            v.add_to(self.p["wrong"], I32, v.widen(v.sum([v.widen(one, I8) for one in wrong]), I32))
            outside = [b.or_(one, other) for one, other in zip(outside, wrong, strict=True)]
        for place, one in zip(places, outside, strict=True):
            b.store(b.select(one, v.constant(I16, 0), b.load(place)), place)
        number = v.load(self.p["outside"], I16)
        for one in outside:
            number = b.select(one, b.add(number, v.constant(I16, 1)), number)
        b.store(number, v.place(self.p["outside"], I16), align=2)
        marks = self.p["marks"]
        with b.if_then(b.icmp_unsigned("!=", b.and_(marks, marks.type(REACHES)), marks.type(0))):
            self._tell()

    def _tell(self) -> None:
        """Tell of the patch: its offset, or what is left of −1 without it where it is a single pixel."""
        b, offset = self.b, self.v.offset
        told = b.load(self.p["told"])
        place = b.gep(self.p["where"], [told], source_etype=I64)
        b.store(offset if self.v.lanes > 1 else b.not_(offset), place)
        b.store(b.add(told, I64(1)), self.p["told"])

    def _samples(self) -> list[Value]:
        return [self.v.load(row, I16) for row in self.p["rows"]]

    def _away(self) -> list[Value]:
        base = self.v.load(self.p["base"], I16)
        return [self.b.sub(x, base) for x in self._samples()]

    def _width(self) -> Value:
        return self.b.sub(self.v.load(self.p["top"], I16), self.v.load(self.p["base"], I16))

    def _gate(self) -> tuple[Value, Value]:
        return self.v.load(self.p["low"], I16), self.v.load(self.p["high"], I16)

    def _differ(self) -> list[Value]:
        """Gain bits that are not as expected."""
        v = self.v
        return [self.b.xor(v.load(row, I8), v.spread(self.p["expected"])) for row in self.p.get("bits", ())]


_GIVEN = ("block", "rows", "gain", "right", "bits", "expected", "low", "high", "base", "top")
_SWEEP = (*_GIVEN, "near", "near_squares", "outside", "begun", "wrong", "marks", "where")
_BEYOND = (*_GIVEN, "total", "squares", "count", "at")


def _row_pointers(builder: Any, samples: Value, padding: Value, offsets: list[Value], scalar: Any) -> list[Value]:
    """Addresses of rows at offsets into the samples; of the padding where the offset is negative."""
    pointers = []
    for offset in offsets:
        row = builder.gep(samples, [offset], source_etype=scalar)
        beyond = builder.icmp_signed("<", offset, ir.Constant(offset.type, 0))
        pointers.append(builder.select(beyond, padding, row))
    return pointers


def _pointers(names: tuple[str, ...], context: Any, builder: Any, signature: Any, arguments: Any) -> _Pointers:
    """Addresses by name; beyond the last frame, samples are those of the lower ends of the windows."""
    p = {
        name: pointer(context, builder, kind, value)
        for name, kind, value in zip(names, signature.args, arguments, strict=True)
        if not isinstance(kind, types.NoneType)
    }
    p["rows"] = _row_pointers(builder, p["block"], p["base"], p["rows"], I16)
    p["bits"] = _row_pointers(builder, p["gain"], p["right"], p["bits"], I8) if "gain" in p else []
    return p


def _generate_sweep(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    p = _pointers(_SWEEP, context, builder, signature, arguments)
    p["product"] = pair_products(context)
    p["told"] = cgutils.alloca_once_value(builder, I64(0))
    at = _SWEEP.index("near")
    size = context.make_array(signature.args[at])(context, builder, arguments[at]).nitems
    each_patch(builder, p["rows"][0], size, PATCH_LANES, lambda vectors: _Patch(vectors, p).add())
    return builder.load(p["told"])


@intrinsic  # type: ignore[untyped-decorator]
def sweep(
    typing_context: Any, block: Any, rows: Any, gain: Any, right: Any, bits: Any, expected: Any, low: Any, high: Any,
    base: Any, top: Any, near: Any, near_squares: Any, outside: Any, begun: Any, wrong: Any, marks: Any, where: Any,
) -> Any:
    """Add sixteen rows of a tile to the sums of their windows; tell how many patches reach beyond.

    Uint16 samples and a tuple of sixteen offsets of their rows, negative beyond the last frame; gain bits, a tile of
    right ones, sixteen offsets of their rows and the expected gain bits; slices of gates and windows, both ends; and
    slices of the sums of the windows, all of the tile's size, of which the first two need be nothing where ``begun``,
    int64, is 0 and not −1. Without a check of gain bits, ``gain`` and ``wrong`` are None. Where the marks of the tile
    say `REACHES`, places of patches for :func:`add_beyond` are written to ``where``, int64, at most one a pixel.
    """
    given = (block, rows, gain, right, bits, expected, low, high, base, top, near, near_squares, outside,
             begun, wrong, marks, where)
    return types.int64(*given), _generate_sweep


def _generate_beyond(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    p = _pointers(_BEYOND, context, builder, signature, arguments)
    with builder.if_else(builder.icmp_signed("<", p["at"], I64(0))) as (single, many):
        with single:
            _Patch(Vectors(builder, 1, builder.not_(p["at"])), p).add_beyond()
        with many:
            _Patch(Vectors(builder, PATCH_LANES, p["at"]), p).add_beyond()
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]
def add_beyond(
    typing_context: Any, block: Any, rows: Any, gain: Any, right: Any, bits: Any, expected: Any, low: Any, high: Any,
    base: Any, top: Any, total: Any, squares: Any, count: Any, at: Any,
) -> Any:
    """Add what a patch has inside of gates but not of windows to whole sums; arguments are those of :func:`sweep`."""
    given = (block, rows, gain, right, bits, expected, low, high, base, top, total, squares, count, at)
    return types.void(*given), _generate_beyond


def tile_of(array: Any, cell: Any, start: Any, stop: Any) -> Any:
    """Some pixels of a memory cell, (stop − start,); None of what is None."""
    raise NotImplementedError("for kernels alone")


@overload(tile_of)
def _tile_of(array, cell, start, stop):  # type: ignore[no-untyped-def]
    if isinstance(array, types.NoneType):
        return lambda array, cell, start, stop: None
    return lambda array, cell, start, stop: array[cell, start:stop]

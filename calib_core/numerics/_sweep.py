"""The inner loop of the moments: eight frames at once over a tile of pixels, in explicit vectors.

A patch is a register of pixels. Where their gates are narrow, nearly always once gates are known, samples are summed
about the lower ends of the gates, by :mod:`calib_core.numerics._narrow`. Else those where all samples fit in 14 bits,
no gate is empty and all gain bits are right take the short way: four samples are summed in 16 bits, eight squares in
32. The others take the long way, exact for 16 bit samples, any gate and any gain bits.

The samples of the next eight rows are prefetched meanwhile: a row of a tile is too short for the processor to have
recognised the stream before it ends.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from calib_core.numerics._narrow import add_near, is_wide
from calib_core.numerics._vectors import I8, I16, I32, I64, Value, Vectors, pair_products, pointer, tree

#: Bits that no sample of a patch may have, so that eight squares are sure to fit in 32 bits, four samples in 16.
_WIDE_BITS = 0xC000
_SIGN = 0x8000

_Pointers = dict[str, Any]


class _Patch:
    """Eight rows of a patch of pixels, and what is to become of them; arguments that are None are not there."""

    def __init__(self, vectors: Vectors, arguments: _Pointers) -> None:
        self.v, self.b, self.p = vectors, vectors.builder, arguments

    def add(self) -> None:
        """Add the patch to the accumulators."""
        v, b = self.v, self.b
        if v.lanes == 1:
            self._add_any()
            return
        for row in self.p["ahead"]:
            v.prefetch(row)
        gate = self._gate()
        with b.if_else(is_wide(v, *gate), likely=False) as (wide, narrow):
            with narrow:
                add_near(v, self.p, gate, self._samples(), self._differ())
            with wide:
                self._add_wide(*gate)

    def _add_wide(self, low: Value, high: Value) -> None:
        v, b = self.v, self.b
        kept, differ = self._samples(), self._differ()
        outside = self._outside(kept, low, high)
        kept = [b.select(m, v.constant(I16, 0), x) for m, x in zip(outside, kept, strict=True)]
        rare = [v.any([v.widen(b.icmp_unsigned(">", low, high), I16)], v.constant(I16, 1)),
                v.any(kept, v.constant(I16, _WIDE_BITS))]
        if differ:
            rare.append(v.any(differ, v.constant(I8, 0xFF)))
        with b.if_else(tree(b.or_, rare), likely=False) as (long_way, short_way):
            with short_way:
                self._add_short(kept, outside)
            with long_way:
                self._add_any()

    def _samples(self) -> list[Value]:
        return [self.v.load(row, I16) for row in self.p["rows"]]

    def _gate(self) -> tuple[Value, Value]:
        return self.v.load(self.p["low"], I16), self.v.load(self.p["high"], I16)

    def _outside(self, samples: list[Value], low: Value, high: Value) -> list[Value]:
        """Whether samples are outside a gate that is not empty: one subtraction, and one signed comparison of it."""
        b, sign = self.b, self.v.constant(I16, -_SIGN)
        bottom, width = b.xor(low, sign), b.xor(b.sub(high, low), sign)
        return [b.icmp_signed(">", b.sub(x, bottom), width) for x in samples]

    def _differ(self) -> list[Value]:
        """Gain bits that are not as expected."""
        v = self.v
        return [self.b.xor(v.load(row, I8), v.spread(self.p["expected"])) for row in self.p.get("bits", ())]

    def _add_short(self, kept: list[Value], outside: list[Value]) -> None:
        v, b, product = self.v, self.b, self.p["product"]
        inside = b.add(v.constant(I16, len(outside)), v.sum([b.sext(m, v.type_of(I16)) for m in outside]))
        v.add_to(self.p["count"], I32, v.widen(inside, I32))
        fours = [v.sum(kept[i:i + 4]) for i in range(0, len(kept), 4)]
        v.add_to(self.p["total"], I32, v.sum([v.widen(x, I32) for x in fours]))
        v.add_to(self.p["squares"], I64, v.widen(v.in_order(v.sum_squares(kept, product), product), I64))

    def _add_any(self) -> None:
        """Samples of 16 bits, any gate, any gain bits; what is wrong is counted, unless it is nothing at all."""
        v, b = self.v, self.b
        samples, (low, high) = self._samples(), self._gate()
        kept = [b.and_(b.icmp_unsigned(">=", x, low), b.icmp_unsigned("<=", x, high)) for x in samples]
        if differ := self._differ():
            right = [b.icmp_unsigned("==", x, v.constant(I8, 0)) for x in differ]
            v.add_to(self.p["wrong"], I32, v.widen(v.sum([v.widen(b.not_(r), I8) for r in right]), I32))
            kept = [b.and_(r, m) for r, m in zip(right, kept, strict=True)]
        v.add_to(self.p["count"], I32, v.widen(v.sum([v.widen(m, I16) for m in kept]), I32))
        wide = [v.widen(x, I32) for x in v.keep(kept, samples)]
        v.add_to(self.p["total"], I32, v.sum(wide))
        v.add_to(self.p["squares"], I64, v.sum([v.widen(b.mul(x, x), I64) for x in wide]))


_ARGUMENTS = (
    "block", "zeros", "rows", "ahead", "gain", "right", "bits", "expected",
    "low", "high", "near", "near_squares", "outside", "total", "squares", "count", "wrong",
)


def _row_pointers(builder: Any, samples: Value, padding: Value, offsets: list[Value], scalar: Any) -> list[Value]:
    """Addresses of rows at offsets into the samples; of the padding where the offset is negative."""
    pointers = []
    for offset in offsets:
        row = builder.gep(samples, [offset], source_etype=scalar)
        beyond = builder.icmp_signed("<", offset, ir.Constant(offset.type, 0))
        pointers.append(builder.select(beyond, padding, row))
    return pointers


def _generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    p = {
        name: pointer(context, builder, kind, value)
        for name, kind, value in zip(_ARGUMENTS, signature.args, arguments, strict=True)
        if not isinstance(kind, types.NoneType)
    }
    p["rows"] = _row_pointers(builder, p["block"], p["zeros"], p["rows"], I16)
    p["ahead"] = _row_pointers(builder, p["block"], p["zeros"], p["ahead"], I16)
    p["bits"] = _row_pointers(builder, p["gain"], p["right"], p["bits"], I8) if "gain" in p else []
    most, p["product"] = pair_products(context)
    total = _ARGUMENTS.index("total")
    size = context.make_array(signature.args[total])(context, builder, arguments[total]).nitems
    whole = builder.and_(size, ir.Constant(size.type, -most))
    for start, stop, lanes in ((ir.Constant(size.type, 0), whole, most), (whole, size, 1)):
        step = ir.Constant(size.type, lanes)
        with cgutils.for_range_slice(builder, start, stop, step, size.type) as (offset, _):
            _Patch(Vectors(builder, lanes, offset), p).add()
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]
def sweep(
    typing_context: Any, block: Any, zeros: Any, rows: Any, ahead: Any, gain: Any, right: Any, bits: Any,
    expected: Any, low: Any, high: Any, near: Any, near_squares: Any, outside: Any, total: Any, squares: Any,
    count: Any, wrong: Any,
) -> Any:
    """Add eight rows of a tile.

    Uint16 samples; a tile of zeros; tuples of eight offsets of the rows and of the eight rows that come next,
    negative beyond the last frame; gain bits, a tile of right ones and eight offsets of their rows; the expected gain
    bits; and slices of gate and accumulators, all of the tile's size. Without a check of gain bits, ``gain`` and
    ``wrong`` are None. What lies inside of narrow gates is in the sums after :func:`_narrow.fold` alone.
    """
    given = (block, zeros, rows, ahead, gain, right, bits, expected, low, high, near, near_squares, outside, total,
             squares, count, wrong)
    return types.void(*given), _generate


def tile_of(array: Any, cell: Any, start: Any, stop: Any) -> Any:
    """Some pixels of a memory cell, (stop − start,); None of what is None."""
    raise NotImplementedError("for kernels alone")


@overload(tile_of)
def _tile_of(array, cell, start, stop):  # type: ignore[no-untyped-def]
    if isinstance(array, types.NoneType):
        return lambda array, cell, start, stop: None
    return lambda array, cell, start, stop: array[cell, start:stop]

"""The inner loop of the moments: eight frames at once over a tile of pixels, in explicit vectors.

Patches of `LANES` pixels where all samples fit in 14 bits and all gain bits are right, nearly all of them, take the
short way with 32 bit squares. The others take the long way, exact for 16 bit samples and any gain bits.

The samples of the next eight rows are prefetched meanwhile: a row of a tile is too short for the processor to have
recognised the stream before it ends.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from calib_core.numerics._vectors import I8, I16, I32, I64, Value, Vectors, pointer
from calib_core.numerics.kernels import LANES

#: Bits that no sample of a patch may have, so that eight squares are sure to fit in 32 bits.
_WIDE_BITS = 0xC000

_Pointers = dict[str, Any]


def _add_patch(v: Vectors, p: _Pointers, gated: bool, checked: bool) -> None:
    """Add one patch of eight rows to the accumulators."""
    b = v.builder
    kept = [v.load(row, I16) for row in p["rows"]]
    inside: list[Value] = []
    if v.lanes == LANES:
        for row in p["ahead"]:
            v.prefetch(row)
    if gated:
        low, high = v.load(p["low"], I16), v.load(p["high"], I16)
        inside = [b.and_(b.icmp_unsigned(">=", x, low), b.icmp_unsigned("<=", x, high)) for x in kept]
        kept = v.keep(inside, kept)
    rare = v.any(kept, v.constant(I16, _WIDE_BITS))
    differ: list[Value] = []
    if checked:
        differ = [b.xor(v.load(row, I8), v.spread(p["expected"])) for row in p["bits"]]
        rare = b.or_(rare, v.any(differ, v.constant(I8, 0xFF)))
    with b.if_else(rare, likely=False) as (long_way, short_way):
        with short_way:
            _add_count(v, p, inside)
            _add_samples(v, p, kept, short=True)
        with long_way:
            if checked:
                inside, kept = _drop_wrong(v, p, differ, inside, kept)
            _add_count(v, p, inside)
            _add_samples(v, p, kept, short=False)


def _drop_wrong(
    v: Vectors, p: _Pointers, differ: list[Value], inside: list[Value], kept: list[Value],
) -> tuple[list[Value], list[Value]]:
    """Count samples with wrong gain bits, take them out of the gate and set them to zero."""
    b = v.builder
    right = [b.icmp_unsigned("==", x, v.constant(I8, 0)) for x in differ]
    wrong = v.widen(v.sum([v.widen(b.not_(r), I8) for r in right]), I32)
    v.add_to(p["wrong"], I32, wrong)
    if not inside:
        v.add_to(p["count"], I32, b.neg(wrong))
    return [b.and_(r, m) for r, m in zip(right, inside, strict=False)], v.keep(right, kept)


def _add_count(v: Vectors, p: _Pointers, inside: list[Value]) -> None:
    if inside:
        v.add_to(p["count"], I32, v.widen(v.sum([v.widen(m, I16) for m in inside]), I32))


def _add_samples(v: Vectors, p: _Pointers, kept: list[Value], short: bool) -> None:
    if short and v.lanes == LANES:
        total, squares = _sum_pairs(v, kept)
        v.add_to(p["total"], I32, total)
        v.add_to(p["squares"], I64, v.widen(squares, I64))
        return
    wide = [v.widen(x, I32) for x in kept]
    v.add_to(p["total"], I32, v.sum(wide))
    v.add_to(p["squares"], I64, v.sum([v.widen(v.builder.mul(x, x), I64) for x in wide]))


def _sum_pairs(v: Vectors, kept: list[Value]) -> tuple[Value, Value]:
    """Sum samples and squares, even and odd lanes apart: masks and shifts are cheaper than widening each row."""
    b = v.builder
    half = ir.VectorType(I32, LANES // 2)
    low, shift = (ir.Constant(half, [value] * (LANES // 2)) for value in (0xFFFF, 16))
    pairs = [b.bitcast(x, half) for x in kept]
    halves = [b.and_(x, low) for x in pairs], [b.lshr(x, shift) for x in pairs]
    order = [k // 2 + k % 2 * (LANES // 2) for k in range(LANES)]
    merge = ir.Constant(ir.VectorType(I32, LANES), order)
    total = b.shuffle_vector(*[v.sum(x) for x in halves], merge)
    squares = b.shuffle_vector(*[v.sum([b.mul(y, y) for y in x]) for x in halves], merge)
    return total, squares


_ARGUMENTS = (
    "block", "zeros", "rows", "ahead", "gain", "right", "bits", "expected",
    "low", "high", "total", "squares", "count", "wrong",
)


def _row_pointers(builder: Any, samples: Value, padding: Value, offsets: list[Value], scalar: Any) -> list[Value]:
    """Addresses of rows at offsets into the samples; of the padding where the offset is negative."""
    pointers = []
    for offset in offsets:
        row = builder.gep(samples, [offset], source_etype=scalar)
        beyond = builder.icmp_signed("<", offset, ir.Constant(offset.type, 0))
        pointers.append(builder.select(beyond, padding, row))
    return pointers


def _make_sweep(gated: bool, checked: bool) -> Any:
    """Make the inner loop with or without a gate, with or without a check of gain bits.

    It is called with the names of `_ARGUMENTS`: uint16 samples; a tile of zeros; tuples of eight offsets of the rows
    and of the eight rows that come next, negative beyond the last frame; gain bits, a tile of right ones and eight
    offsets of their rows; the expected gain bits; and slices of gate and accumulators, all of the tile's size.
    Arguments that the variant does not use may be of any size.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        p = {
            name: pointer(context, builder, kind, value)
            for name, kind, value in zip(_ARGUMENTS, signature.args, arguments, strict=True)
        }
        p["rows"] = _row_pointers(builder, p["block"], p["zeros"], p["rows"], I16)
        p["ahead"] = _row_pointers(builder, p["block"], p["zeros"], p["ahead"], I16)
        p["bits"] = _row_pointers(builder, p["gain"], p["right"], p["bits"], I8)
        total = _ARGUMENTS.index("total")
        size = context.make_array(signature.args[total])(context, builder, arguments[total]).nitems
        whole = builder.and_(size, ir.Constant(size.type, -LANES))
        for start, stop, lanes in ((ir.Constant(size.type, 0), whole, LANES), (whole, size, 1)):
            step = ir.Constant(size.type, lanes)
            with cgutils.for_range_slice(builder, start, stop, step, size.type) as (offset, _):
                _add_patch(Vectors(builder, lanes, offset), p, gated, checked)
        return context.get_dummy_value()

    def build(
        typing_context: Any, block: Any, zeros: Any, rows: Any, ahead: Any, gain: Any, right: Any, bits: Any,
        expected: Any, low: Any, high: Any, total: Any, squares: Any, count: Any, wrong: Any,
    ) -> Any:
        given = (
            block, zeros, rows, ahead, gain, right, bits, expected, low, high, total, squares, count, wrong
        )
        return types.void(*given), generate

    return intrinsic(build)


sweep = _make_sweep(gated=False, checked=False)
sweep_gated = _make_sweep(gated=True, checked=False)
sweep_bits = _make_sweep(gated=False, checked=True)
sweep_gated_bits = _make_sweep(gated=True, checked=True)

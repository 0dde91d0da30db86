"""The inner loop of the medians: bisection on the value for `LANES` pixels at once, in explicit vectors.

Everything but the samples stays in registers, and the samples of `LANES` pixels stay in the first cache. The bracket
starts between the smallest and the largest median of three consecutive frames: at least two of three samples lie
beyond any value outside it, so it holds the median unless very many samples do not count, and single outliers do
not widen it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from calib_core.numerics._vectors import I16, Value, Vectors, pointer
from calib_core.numerics.kernels import LANES

_ALL = 0xFFFF


class _Column:
    """Samples of `LANES` pixels over all frames, one vector per frame, and code that walks them."""

    def __init__(self, builder: Any, work: Value, frames: Value) -> None:
        self.builder = builder
        self.work = work
        self.frames = frames
        self.vector = Vectors(builder, LANES, ir.Constant(frames.type, 0))

    def at(self, frame: Value) -> Vectors:
        offset = self.builder.mul(frame, ir.Constant(frame.type, LANES))
        return Vectors(self.builder, LANES, offset)

    def sample(self, frame: Value) -> Value:
        return self.at(frame).load(self.work, I16)

    @contextmanager
    def each(self, step: int = 1) -> Iterator[Value]:
        """Loop over frames, or over whole groups of them."""
        size = ir.Constant(self.frames.type, step)
        stop = self.builder.mul(self.builder.udiv(self.frames, size), size)
        zero = ir.Constant(self.frames.type, 0)
        with cgutils.for_range_slice(self.builder, zero, stop, size, self.frames.type) as (frame, _):
            yield frame

    def variable(self, start: Value) -> Any:
        place = cgutils.alloca_once(self.builder, start.type)
        self.builder.store(start, place)
        return place

    def ones(self, mask: Value) -> Value:
        return self.vector.widen(mask, I16)

    def update(self, place: Any, value: Value) -> None:
        self.builder.store(value, place)


def _fill(column: _Column, source: Value, stride: Value, lowest: Value, highest: Value, middle: Any) -> Value:
    """Copy samples that count, or their distances from the middle, others as the largest value; count them."""
    b, v = column.builder, column.vector
    count = column.variable(v.constant(I16, 0))
    with column.each() as frame:
        sample = Vectors(b, LANES, b.mul(frame, stride)).load(source, I16)
        counts = b.and_(b.icmp_unsigned(">=", sample, lowest), b.icmp_unsigned("<=", sample, highest))
        if middle is not None:
            lower, upper = middle
            above = b.icmp_unsigned(">", sample, lower)
            sample = b.select(above, b.sub(sample, upper), b.sub(lower, sample))
        kept = b.select(counts, sample, v.constant(I16, _ALL))
        b.store(kept, column.at(frame).place(column.work, I16), align=2)
        column.update(count, b.add(b.load(count), column.ones(counts)))
    return b.load(count)


def _bracket(column: _Column, rank: Value) -> tuple[Value, Value]:
    """Values between which the sample of the rank lies."""
    b, v = column.builder, column.vector
    low = column.variable(v.constant(I16, _ALL))
    high = column.variable(v.constant(I16, 0))
    with column.each(3) as frame:
        one, two, three = (column.sample(b.add(frame, ir.Constant(frame.type, k))) for k in range(3))
        middle = v.larger(v.smaller(one, two), v.smaller(v.larger(one, two), three))
        column.update(low, v.smaller(b.load(low), middle))
        column.update(high, v.larger(b.load(high), middle))
    three = ir.Constant(column.frames.type, 3)
    sure = b.mul(b.udiv(column.frames, three), ir.Constant(three.type, 2))
    most = v.spread(b.trunc(sure, I16))
    rest = v.spread(b.trunc(b.sub(column.frames, sure), I16))
    holds = b.and_(b.icmp_unsigned(">", rank, rest), b.icmp_unsigned("<=", rank, most))
    none = b.icmp_unsigned("==", rank, v.constant(I16, 0))
    widest = b.select(none, v.constant(I16, 0), v.constant(I16, _ALL))
    return b.select(holds, b.load(low), v.constant(I16, 0)), b.select(holds, b.load(high), widest)


def _bisect(column: _Column, rank: Value) -> Value:
    """The sample of the rank: the smallest value that at least that many samples do not exceed."""
    b, v = column.builder, column.vector
    low, high = (column.variable(limit) for limit in _bracket(column, rank))
    count = column.variable(v.constant(I16, 0))
    again, done = b.append_basic_block("bisect"), b.append_basic_block("found")
    b.branch(again)
    b.position_at_end(again)
    bottom, top = b.load(low), b.load(high)
    half = b.lshr(b.xor(bottom, top), v.constant(I16, 1))
    threshold = b.add(b.and_(bottom, top), half)
    column.update(count, v.constant(I16, 0))
    with column.each() as frame:
        below = b.icmp_unsigned("<=", column.sample(frame), threshold)
        column.update(count, b.add(b.load(count), column.ones(below)))
    enough = b.icmp_unsigned(">=", b.load(count), rank)
    bottom = b.select(b.icmp_unsigned("==", bottom, top), bottom, b.add(threshold, v.constant(I16, 1)))
    column.update(low, b.select(enough, b.load(low), bottom))
    column.update(high, b.select(enough, threshold, top))
    b.cbranch(v.any([b.xor(b.load(low), b.load(high))], v.constant(I16, _ALL)), again, done)
    b.position_at_end(done)
    return b.load(low)


def _middle_pair(column: _Column, count: Value) -> tuple[Value, Value]:
    """The one or two samples in the middle of the sorted ones."""
    b, v = column.builder, column.vector
    one = v.constant(I16, 1)
    odd = b.and_(count, one)
    rank = b.add(b.lshr(count, one), odd)
    lower = _bisect(column, rank)
    below = column.variable(v.constant(I16, 0))
    above = column.variable(v.constant(I16, _ALL))
    with column.each() as frame:
        sample = column.sample(frame)
        beyond = b.icmp_unsigned(">", sample, lower)
        column.update(below, b.add(b.load(below), column.ones(b.not_(beyond))))
        column.update(above, b.select(beyond, v.smaller(b.load(above), sample), b.load(above)))
    single = b.or_(b.icmp_unsigned("==", odd, one), b.icmp_unsigned(">", b.load(below), rank))
    return lower, b.select(single, lower, b.load(above))


_ARGUMENTS = ("samples", "frames", "stride", "lowest", "highest", "work", "lower", "upper", "near", "far", "count")


def _make_bisection(spread: bool) -> Any:
    """Make the inner loop with or without the median of distances.

    It is called with the names of `_ARGUMENTS`: uint16 samples whose frames are `stride` apart, their number, int64,
    the range of samples that count, `work` for frames × `LANES` values, and slices of `LANES` uint16 results.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        p = {
            name: pointer(context, builder, kind, value)
            for name, kind, value in zip(_ARGUMENTS, signature.args, arguments, strict=True)
        }
        column = _Column(builder, p["work"], p["frames"])
        v = column.vector
        source = (p["samples"], p["stride"], v.spread(p["lowest"]), v.spread(p["highest"]))
        count = _fill(column, *source, None)
        lower, upper = _middle_pair(column, count)
        results = {"lower": lower, "upper": upper, "count": count}
        if spread:
            # Whole distances: of a middle between two integers, one half less than the distance.
            one, differ = v.constant(I16, 1), builder.xor(lower, upper)
            middle = builder.add(builder.and_(lower, upper), builder.lshr(differ, one))
            _fill(column, *source, (middle, builder.add(middle, builder.and_(differ, one))))
            results["near"], results["far"] = _middle_pair(column, count)
        for name, value in results.items():
            builder.store(value, v.place(p[name], I16), align=2)
        return context.get_dummy_value()

    def build(
        typing_context: Any, samples: Any, frames: Any, stride: Any, lowest: Any, highest: Any, work: Any,
        lower: Any, upper: Any, near: Any, far: Any, count: Any,
    ) -> Any:
        given = (samples, frames, stride, lowest, highest, work, lower, upper, near, far, count)
        return types.void(*given), generate

    return intrinsic(build)


bisect = _make_bisection(spread=False)
bisect_spread = _make_bisection(spread=True)

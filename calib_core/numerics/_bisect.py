"""The inner loops of the medians: bisection on the value for a vector of pixels at once.

Everything but the samples stays in registers, and the samples of these pixels stay in the first cache. The bracket
starts between the smallest and the largest median of three consecutive frames: at least two of three samples lie
beyond any value outside it, so it holds the median unless very many samples do not count, and single outliers do
not widen it.

The samples of a dark pixel differ by far less than 256, so 8 bits hold them once a value near their median is moved
to the middle, and a vector takes twice as many of them. Samples further away are clipped to the ends, which keeps the
rank of all between them: a median inside is exact, and so is the one of distances that are shorter than the way to
either end. Whether that is so is checked afterwards; where it is not, the samples are bisected in 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from calib_core.numerics._vectors import I1, I8, I16, I64, Value, Vectors, has, pointer, tree
from calib_core.numerics.kernels import LANES, NARROW_STEP

#: From the smallest value of 8 bits to the middle.
_HALF = 128


def lanes_of(context: Any) -> int:
    """Pixels of 8 bits that the bisection takes at once: as many as fill a register of the processor."""
    return 64 if has(context, "avx512bw") else LANES


@intrinsic  # type: ignore[untyped-decorator]
def packed_lanes(typing_context: Any) -> Any:
    """Pixels that :func:`bisect_packed` takes at once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(I64, lanes_of(context))

    return types.int64(), generate


class _Column:
    """Samples of some pixels over all frames, one vector per frame, and code that walks them.

    Samples of 8 bits are compared as signed numbers, which processors can in one instruction; those of 16 bits are
    as they were written, without a sign. The number of frames is a multiple of `step`.
    """

    def __init__(
        self, builder: Any, work: Value, frames: Value, stride: Value, scalar: Any, step: int, lanes: int
    ) -> None:
        self.builder, self.frames, self.scalar, self.step = builder, frames, scalar, step
        self.vector = Vectors(builder, lanes, ir.Constant(frames.type, 0))
        self._work, self._stride, self._signed = work, stride, scalar is I8
        self.lowest, self.highest = (self.constant(x) for x in ((-_HALF, _HALF - 1) if self._signed else (0, 0xFFFF)))
        self.number = self.vector.spread(builder.trunc(frames, scalar))

    def constant(self, value: int) -> Value:
        return self.vector.constant(self.scalar, value)

    def at(self, frame: Value) -> Vectors:
        return Vectors(self.builder, self.vector.lanes, self.builder.mul(frame, self._stride))

    def sample(self, frame: Value, ahead: int = 0) -> Value:
        return self.at(self.builder.add(frame, ir.Constant(frame.type, ahead))).load(self._work, self.scalar)

    def put(self, frame: Value, value: Value) -> None:
        self.builder.store(value, self.at(frame).place(self._work, self.scalar), align=self.scalar.width // 8)

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

    def count(self, place: Any, mask: Value) -> None:
        """Count up where the mask is set."""
        ones = self.builder.sext(mask, self.vector.type_of(self.scalar))
        self.builder.store(self.builder.sub(self.builder.load(place), ones), place)

    def update(self, place: Any, value: Value) -> None:
        self.builder.store(value, place)

    def number_above(self, threshold: Value) -> Value:
        """How many samples are larger; several sums, so that none waits for the one before."""
        places = [self.variable(self.constant(0)) for _ in range(self.step)]
        with self.each(self.step) as frame:
            for ahead, place in enumerate(places):
                self.count(place, self.compare(">", self.sample(frame, ahead), threshold))
        return tree(self.builder.add, [self.builder.load(place) for place in places])

    def compare(self, how: str, left: Value, right: Value) -> Value:
        return (self.builder.icmp_signed if self._signed else self.builder.icmp_unsigned)(how, left, right)

    def smaller(self, left: Value, right: Value) -> Value:
        return self.builder.select(self.compare("<", left, right), left, right)

    def larger(self, left: Value, right: Value) -> Value:
        return self.builder.select(self.compare("<", right, left), left, right)

    def halfway(self, low: Value, high: Value) -> Value:
        """The whole number halfway between two values, or next below it; nothing overflows."""
        b, one = self.builder, self.constant(1)
        differ = b.xor(low, high)
        return b.add(b.and_(low, high), b.ashr(differ, one) if self._signed else b.lshr(differ, one))

    def bracket(self) -> tuple[Value, Value]:
        """Smallest and largest median of three consecutive frames."""
        low, high = self.variable(self.highest), self.variable(self.lowest)
        with self.each(3) as frame:
            one, two, three = (self.sample(frame, ahead) for ahead in range(3))
            middle = self.larger(self.smaller(one, two), self.smaller(self.larger(one, two), three))
            self.update(low, self.smaller(self.builder.load(low), middle))
            self.update(high, self.larger(self.builder.load(high), middle))
        return self.builder.load(low), self.builder.load(high)


class _Source:
    """Samples as they were written, frames a stride apart, of which only some values count."""

    def __init__(self, column: _Column, p: dict[str, Any]) -> None:
        self._builder, self._samples, self._stride = column.builder, p["samples"], p["stride"]
        self._lowest = column.vector.spread(p["lowest"])
        self._span = column.vector.spread(column.builder.sub(p["highest"], p["lowest"]))

    def sample(self, frame: Value) -> Value:
        b = self._builder
        return Vectors(b, LANES, b.mul(frame, self._stride)).load(self._samples, I16)

    def counts(self, sample: Value) -> Value:
        b = self._builder
        return b.icmp_unsigned("<=", b.sub(sample, self._lowest), self._span)


def _fill(column: _Column, source: _Source, change: Any) -> Value:
    """Take over samples that count, changed, and others as the largest value; count them."""
    b = column.builder
    count = column.variable(column.constant(0))
    with column.each() as frame:
        sample = source.sample(frame)
        counts = source.counts(sample)
        column.put(frame, b.select(counts, change(sample), column.highest))
        column.count(count, counts)
    return b.load(count)


def _sure(column: _Column, rank: Value, low: Value, high: Value) -> tuple[Value, Value]:
    """The bracket where it is sure to hold the sample of the rank, else one that always does."""
    b, v = column.builder, column.vector
    three = ir.Constant(column.frames.type, 3)
    sure = b.mul(b.udiv(column.frames, three), ir.Constant(three.type, 2))
    most = v.spread(b.trunc(sure, column.scalar))
    rest = v.spread(b.trunc(b.sub(column.frames, sure), column.scalar))
    holds = b.and_(b.icmp_unsigned(">", rank, rest), b.icmp_unsigned("<=", rank, most))
    none = b.icmp_unsigned("==", rank, column.constant(0))
    widest = b.select(none, column.lowest, column.highest)
    return b.select(holds, low, column.lowest), b.select(holds, high, widest)


def _bisect(column: _Column, rank: Value, low: Value, high: Value) -> Value:
    """The sample of the rank: the smallest value that at least that many samples do not exceed."""
    b = column.builder
    low, high = column.variable(low), column.variable(high)
    again, done = b.append_basic_block("bisect"), b.append_basic_block("found")
    b.branch(again)
    b.position_at_end(again)
    bottom, top = b.load(low), b.load(high)
    threshold = column.halfway(bottom, top)
    enough = b.icmp_unsigned(">=", b.sub(column.number, column.number_above(threshold)), rank)
    bottom = b.select(b.icmp_unsigned("==", bottom, top), bottom, b.add(threshold, column.constant(1)))
    column.update(low, b.select(enough, b.load(low), bottom))
    column.update(high, b.select(enough, threshold, top))
    everything = column.vector.constant(column.scalar, -1)
    b.cbranch(column.vector.any([b.xor(b.load(low), b.load(high))], everything), again, done)
    b.position_at_end(done)
    return b.load(low)


def _middle_pair(column: _Column, count: Value) -> tuple[Value, Value]:
    """The one or two samples in the middle of the sorted ones."""
    b, one = column.builder, column.constant(1)
    rank = b.add(b.lshr(count, one), b.and_(count, one))
    lower = _bisect(column, rank, *_sure(column, rank, *column.bracket()))
    beyond, next_one = column.variable(column.constant(0)), column.variable(column.highest)
    with column.each() as frame:
        sample = column.sample(frame)
        above = column.compare(">", sample, lower)
        column.count(beyond, above)
        column.update(next_one, b.select(above, column.smaller(b.load(next_one), sample), b.load(next_one)))
    upto = b.sub(column.number, b.load(beyond))
    single = b.or_(b.trunc(count, column.vector.type_of(I1)), b.icmp_unsigned(">", upto, rank))
    return lower, b.select(single, lower, b.load(next_one))


def _distances(builder: Any, lower: Value, upper: Value, sample: Value) -> Value:
    """Whole distances of samples of 16 bits: of a middle between two integers, one half less than the distance."""
    above = builder.icmp_unsigned(">", sample, lower)
    return builder.select(above, builder.sub(sample, upper), builder.sub(lower, sample))


def _middles(column: _Column, lower: Value, upper: Value) -> tuple[Value, Value]:
    """The whole number at or next below the middle of two values, and the one at or next above it."""
    b = column.builder
    middle = column.halfway(lower, upper)
    return middle, b.add(middle, b.and_(b.xor(lower, upper), column.constant(1)))


def _in_16_bits(builder: Any, p: dict[str, Any]) -> Value:
    """Any samples of up to 65535 frames; it always succeeds."""
    lanes = ir.Constant(p["frames"].type, LANES)
    column = _Column(builder, p["work"], p["frames"], lanes, I16, step=1, lanes=LANES)
    source = _Source(column, p)
    count = _fill(column, source, lambda sample: sample)
    lower, upper = _middle_pair(column, count)
    _store(builder, p, lower=lower, upper=upper, count=count)
    with builder.if_then(p["spread"]):
        ends = _middles(column, lower, upper)
        _fill(column, source, lambda sample: _distances(builder, *ends, sample))
        near, far = _middle_pair(column, count)
        _store(builder, p, near=near, far=far)
    return I1(1)


def _in_8_bits(builder: Any, p: dict[str, Any], lanes: int) -> Value:
    """Packed samples; whether all that was stored is exact."""
    b = builder
    column = _Column(b, p["packed"], p["frames"], p["stride"], I8, step=NARROW_STEP, lanes=lanes)
    v = column.vector
    base, count = v.load(p["base"], I16), v.load(p["valid"], I8)

    def widen(value: Value) -> Value:
        return b.add(v.widen(b.xor(value, column.lowest), I16), base)

    lower, upper = _middle_pair(column, count)
    # samples below the base were clipped; where the base is 0 there are none
    clipped = b.icmp_unsigned("!=", base, v.constant(I16, 0))
    inside = b.and_(b.not_(b.and_(clipped, b.icmp_unsigned("==", lower, column.lowest))),
                    b.icmp_unsigned("!=", upper, column.highest))
    exact = column.variable(inside)
    _store(b, p, lower=widen(lower), upper=widen(upper), count=v.widen(count, I16))
    with b.if_then(p["spread"]):
        near, far, reached = _distances_in_8_bits(column, count, lower, upper, clipped)
        column.update(exact, b.and_(inside, reached))
        _store(b, p, near=near, far=far)
    # a pixel of which nothing counts has no median, whatever was found
    none = b.icmp_unsigned("==", count, column.constant(0))
    bits = b.bitcast(b.or_(b.load(exact), none), ir.IntType(lanes))
    return b.icmp_unsigned("==", bits, ir.Constant(bits.type, -1))


def _distances_in_8_bits(
    column: _Column, count: Value, lower: Value, upper: Value, clipped: Value,
) -> tuple[Value, Value, Value]:
    """The middle pair of whole distances, 16 bits, and where it is exact: shorter than the way to a clipped end."""
    b, v = column.builder, column.vector
    ends = _middles(column, lower, upper)
    with column.each() as frame:
        sample = column.sample(frame)
        # no sign: from 0 to 255, where the largest is what does not count
        away = b.select(column.compare(">", sample, ends[0]), b.sub(sample, ends[1]), b.sub(ends[0], sample))
        lost = b.icmp_unsigned("==", sample, column.highest)
        column.put(frame, b.select(lost, column.highest, b.xor(away, column.lowest)))
    near, far = _middle_pair(column, count)
    down = b.select(clipped, b.sub(ends[0], column.lowest), column.constant(-1))
    reach = v.smaller(down, b.sub(column.highest, ends[1]))
    near, far = (b.xor(one, column.lowest) for one in (near, far))
    return v.widen(near, I16), v.widen(far, I16), b.icmp_unsigned("<", far, reach)


def _store(builder: Any, p: dict[str, Any], **results: Value) -> None:
    for name, value in results.items():
        first = Vectors(builder, value.type.count, ir.Constant(p["frames"].type, 0))
        builder.store(value, first.place(p[name], I16), align=2)


def _pack_patch(v: Vectors, p: dict[str, Any]) -> None:
    """Move samples to 8 bits about the base, from -128; what does not count becomes the largest value."""
    b = v.builder
    v.prefetch(p["ahead"])
    sample, base = v.load(p["row"], I16), v.load(p["base"], I16)
    counts = b.icmp_unsigned("<=", b.sub(sample, v.spread(p["lowest"])), v.spread(b.sub(p["highest"], p["lowest"])))
    moved = v.smaller(b.sub(v.larger(sample, base), base), v.constant(I16, 2 * _HALF - 1))
    packed = b.xor(b.trunc(moved, v.type_of(I8)), v.constant(I8, -_HALF))
    b.store(b.select(counts, packed, v.constant(I8, _HALF - 1)), v.place(p["packed"], I8), align=1)
    v.add_to(p["valid"], I8, v.widen(counts, I8))


def _pointers(context: Any, builder: Any, signature: Any, arguments: Any, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: pointer(context, builder, kind, value)
            for name, kind, value in zip(names, signature.args, arguments, strict=True)}


@intrinsic  # type: ignore[untyped-decorator]
def pack(
    typing_context: Any, row: Any, ahead: Any, lowest: Any, highest: Any, base: Any, packed: Any, valid: Any,
) -> Any:
    """Pack a row of samples: uint16 row, the range of samples that count, uint16 base, uint8 results; counts them.

    All slices are of the row's size, a multiple of `LANES`; but of the row ahead, which is prefetched since rows lie
    far apart, only the start matters.
    """
    names = ("row", "ahead", "lowest", "highest", "base", "packed", "valid")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        p = _pointers(context, builder, signature, arguments, names)
        size = context.make_array(signature.args[0])(context, builder, arguments[0]).nitems
        zero, step = (ir.Constant(size.type, value) for value in (0, LANES))
        with cgutils.for_range_slice(builder, zero, size, step, size.type) as (offset, _):
            _pack_patch(Vectors(builder, LANES, offset), p)
        return context.get_dummy_value()

    return types.void(row, ahead, lowest, highest, base, packed, valid), generate


@intrinsic  # type: ignore[untyped-decorator]
def bisect_packed(
    typing_context: Any, packed: Any, frames: Any, stride: Any, spread: Any, base: Any, valid: Any, lower: Any,
    upper: Any, near: Any, far: Any, count: Any,
) -> Any:
    """Find the medians of packed samples, which are changed; tells whether the results are exact.

    Frames are `stride` apart and their number, int64, is a multiple of `NARROW_STEP`, those at the end of what does
    not count; `spread` tells whether the median of distances is wanted too; the rest are slices of as many pixels as
    :func:`packed_lanes` tells.
    """
    given = (packed, frames, stride, spread, base, valid, lower, upper, near, far, count)
    names = ("packed", "frames", "stride", "spread", "base", "valid", "lower", "upper", "near", "far", "count")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _in_8_bits(builder, _pointers(context, builder, signature, arguments, names), lanes_of(context))

    return types.boolean(*given), generate


@intrinsic  # type: ignore[untyped-decorator]
def bisect(
    typing_context: Any, samples: Any, frames: Any, stride: Any, lowest: Any, highest: Any, spread: Any, work: Any,
    lower: Any, upper: Any, near: Any, far: Any, count: Any,
) -> Any:
    """Find the medians of any samples: uint16, `stride` apart, of which those from lowest to highest count.

    `work` is for frames × `LANES` values; `spread` tells whether the median of distances is wanted too; the rest are
    slices of `LANES` uint16 results.
    """
    given = (samples, frames, stride, lowest, highest, spread, work, lower, upper, near, far, count)
    names = ("samples", "frames", "stride", "lowest", "highest", "spread", "work", "lower", "upper", "near", "far",
             "count")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _in_16_bits(builder, _pointers(context, builder, signature, arguments, names))

    return types.boolean(*given), generate

"""Integer vector instructions for kernels that the compiler does not vectorise by itself.

A loop written in vectors of `LANES` pixels is split by the compiler into whatever the processor has. numba widens
every product and sum of small integers to 64 bit and gives up on loops over more arrays than it is willing to check
for overlap; either costs a factor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

I1, I8, I16, I32, I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
F32 = ir.FloatType()

Value = Any

#: Lanes of 16 bits of a patch of frames. Twice as many, where the processor has them, gain nothing: memory is slower.
PATCH_LANES = 16


def has(context: Any, feature: str) -> bool:
    """Tell whether the processor that code is made for has a feature.

    Parameters
    ----------
    context
        As numba hands it to an intrinsic.
    feature : str
        As LLVM calls it.
    """
    return f"+{feature}" in context.codegen().magic_tuple()[2].split(",")


def bytes_of(scalar: Any) -> int:
    """Size of a scalar type."""
    return 4 if scalar == F32 else scalar.width // 8


class Vectors:
    """Vector instructions on arrays at one pixel offset."""

    def __init__(self, builder: Any, lanes: int, offset: Value) -> None:
        self.builder = builder
        self.lanes = lanes
        self.offset = offset

    def type_of(self, scalar: Any) -> Any:
        """Name the vector of a scalar type.

        Parameters
        ----------
        scalar : ir.IntType
            Of one lane, such as `I16`.

        Returns
        -------
        ir.VectorType
            Of as many lanes as this object works on.
        """
        return ir.VectorType(scalar, self.lanes)

    def constant(self, scalar: Any, value: float) -> Value:
        """Make a constant vector.

        Parameters
        ----------
        scalar : ir.IntType
            Of one lane.
        value : int
            The same in each lane; it must fit in the lane.
        """
        return ir.Constant(self.type_of(scalar), [value] * self.lanes)

    def spread(self, value: Value) -> Value:
        """Copy a scalar into all lanes.

        Parameters
        ----------
        value : scalar
            Known only when the kernel runs; for others see `constant`.

        Returns
        -------
        vector
            Of the type of the value in each lane.
        """
        kind = self.type_of(value.type)
        first = self.builder.insert_element(ir.Constant(kind, ir.Undefined), value, I32(0))
        return self.builder.shuffle_vector(first, first, self.constant(I32, 0))

    def load(self, pointer: Value, scalar: Any) -> Value:
        """Load the vector at the offset.

        Parameters
        ----------
        pointer : pointer to ``scalar``
            Start of the array; the offset counts its elements, and need be no multiple of the lanes.
        scalar : ir.IntType
            Of one element.
        """
        place = self.place(pointer, scalar)
        return self.builder.load(place, align=bytes_of(scalar), typ=self.type_of(scalar))

    def add_to(self, pointer: Value, scalar: Any, value: Value) -> None:
        """Add to the vector at the offset in memory.

        Parameters
        ----------
        pointer : pointer to ``scalar``
            Start of the array.
        scalar : ir.IntType
            Of one element.
        value : vector
            Of that type; sums beyond it wrap around.
        """
        total = self.builder.add(self.load(pointer, scalar), value)
        self.builder.store(total, self.place(pointer, scalar), align=bytes_of(scalar))

    def stream(self, pointer: Value, scalar: Any, value: Value) -> None:
        """Store the vector at the offset past the caches, which neither read what was there nor keep what is.

        Parameters
        ----------
        pointer : pointer to ``scalar``
            Start of the array; the place at the offset must be aligned like the whole vector.
        scalar : ir.IntType
            Of one element.
        value : vector
            Of that type.
        """
        place = self.place(pointer, scalar)
        stored = self.builder.store(value, place, align=self.lanes * bytes_of(scalar))
        stored.set_metadata("nontemporal", self.builder.module.add_metadata([I32(1)]))

    def place(self, pointer: Value, scalar: Any) -> Value:
        """Point at the vector at the offset.

        Parameters
        ----------
        pointer : pointer to ``scalar``
            Start of the array.
        scalar : ir.IntType
            Of one element.

        Returns
        -------
        pointer to a vector
            Aligned like one element only, which loads and stores must be told.
        """
        place = self.builder.gep(pointer, [self.offset], source_etype=scalar)
        return self.builder.bitcast(place, self.type_of(scalar).as_pointer())

    def widen(self, value: Value, scalar: Any) -> Value:
        """Extend unsigned values.

        Parameters
        ----------
        value : vector
            Of unsigned integers, or of the bits of a comparison, which become 0 and 1.
        scalar : ir.IntType
            Of one lane afterwards, wider than before.
        """
        return self.builder.zext(value, self.type_of(scalar))

    def sum(self, values: list[Value]) -> Value:
        """Add vectors.

        Parameters
        ----------
        values : list of vectors
            At least one, all of one type; sums beyond it wrap around.
        """
        return tree(self.builder.add, values)

    def shuffled(self, left: Value, right: Value, order: list[int]) -> Value:
        """Lanes of two vectors, one after the other.

        Parameters
        ----------
        left, right : vectors
            Of one type.
        order : list of int
            Of the lanes of both, those that the result has.
        """
        return self.builder.shuffle_vector(left, right, ir.Constant(ir.VectorType(I32, len(order)), order))

    def any(self, values: list[Value], bits: Value) -> Value:
        """Tell whether any lane of any value has one of the bits.

        Parameters
        ----------
        values : list of vectors
            At least one, all of one type.
        bits : vector
            Of the same type; each lane may ask for other bits.

        Returns
        -------
        scalar
            One bit, fit for a branch.
        """
        met = self.builder.and_(tree(self.builder.or_, values), bits)
        lanes = self.builder.icmp_unsigned("!=", met, ir.Constant(met.type, [0] * self.lanes))
        return self.some(lanes)

    def number(self, mask: Value) -> Value:
        """Count the lanes in which a comparison holds.

        Parameters
        ----------
        mask : vector
            Of one bit per lane.

        Returns
        -------
        scalar
            Of 64 bits.
        """
        packed = self.builder.bitcast(mask, ir.IntType(self.lanes))
        wide = self.builder.zext(packed, I64)
        kind = ir.FunctionType(I64, [I64])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, "llvm.ctpop.i64"), [wide])

    def some(self, mask: Value) -> Value:
        """Tell whether a comparison holds in any lane.

        Parameters
        ----------
        mask : vector
            Of one bit per lane.

        Returns
        -------
        scalar
            One bit, fit for a branch.
        """
        packed = self.builder.bitcast(mask, ir.IntType(self.lanes))
        return self.builder.icmp_unsigned("!=", packed, ir.Constant(packed.type, 0))

    def largest(self, value: Value) -> Value:
        """Take the largest lane.

        Parameters
        ----------
        value : vector
            Of unsigned integers.

        Returns
        -------
        scalar
            Of the type of a lane.
        """
        scalar = value.type.element
        kind = ir.FunctionType(scalar, [value.type])
        name = f"llvm.vector.reduce.umax.v{self.lanes}{scalar}"
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), [value])

    def keep(self, masks: list[Value], values: list[Value]) -> list[Value]:
        """Set the lanes outside the masks to zero.

        Parameters
        ----------
        masks : list of vectors
            Of one bit per lane, as comparisons give them, one for each value.
        values : list of vectors
            At least one, all of one type.

        Raises
        ------
        ValueError
            There are not as many masks as values.
        """
        zero = ir.Constant(values[0].type, [0] * self.lanes)
        return [self.builder.select(m, v, zero) for m, v in zip(masks, values, strict=True)]

    def prefetch(self, pointer: Value, scalar: Any = I16, ahead: int = 0) -> None:
        """Ask for a cache line; never fails, wherever the pointer leads.

        Parameters
        ----------
        pointer : pointer to ``scalar``
            Start of the array; the line that holds the element at the offset is fetched for reading, into the second
            level.
        scalar : ir.IntType
            Of one element; samples unless given.
        ahead : int
            Elements from there.
        """
        at = self.builder.add(self.offset, ir.Constant(self.offset.type, ahead))
        place = self.builder.bitcast(self.builder.gep(pointer, [at], source_etype=scalar), I8.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, I32, I32, I32])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        read, second_level, data = I32(0), I32(2), I32(1)
        self.builder.call(function, [place, read, second_level, data])

    def smaller(self, left: Value, right: Value) -> Value:
        """Take the smaller of two unsigned values in each lane.

        Parameters
        ----------
        left, right : vectors
            Of one integer type; the highest bit is no sign.
        """
        return self.builder.select(self.builder.icmp_unsigned("<", left, right), left, right)

    def larger(self, left: Value, right: Value) -> Value:
        """Take the larger of two unsigned values in each lane.

        Parameters
        ----------
        left, right : vectors
            Of one integer type; the highest bit is no sign.
        """
        return self.builder.select(self.builder.icmp_unsigned(">", left, right), left, right)


def tree(combine: Callable[[Value, Value], Value], values: list[Value]) -> Value:
    """Combine values in pairs of pairs, so that few of them wait for each other.

    Parameters
    ----------
    combine : callable
        Emits the instruction for two values. It must be associative: the values keep their order, not their brackets.
    values : list
        At least one; a single one comes back as it is.
    """
    while len(values) > 1:
        pairs = [combine(*values[i:i + 2]) for i in range(0, len(values) - 1, 2)]
        values = pairs + values[2 * len(pairs):]
    return values[0]


def each_patch(builder: Any, place: Value, size: Value, lanes: int, patch: Callable[[Vectors], None]) -> None:
    """Do something with whole vectors of pixels, and with each of those before and after them.

    Parameters
    ----------
    builder
        As numba hands it to an intrinsic.
    place : pointer
        To the first of the samples, of 16 bits, that whole vectors are aligned to.
    size : scalar
        Pixels.
    lanes : int
        Of a vector, a power of two.
    patch : callable
        Emits the instructions; single pixels are vectors of one lane.
    """
    item, zero = I16.width // 8, ir.Constant(size.type, 0)
    apart = builder.and_(builder.neg(builder.ptrtoint(place, size.type)), ir.Constant(size.type, lanes * item - 1))
    first = builder.lshr(apart, ir.Constant(size.type, 1))
    first = builder.select(builder.icmp_unsigned("<", first, size), first, size)
    inside = builder.and_(builder.sub(size, first), ir.Constant(size.type, -lanes))
    step, last = ir.Constant(size.type, lanes), builder.add(first, inside)
    with cgutils.for_range_slice(builder, first, last, step, size.type) as (offset, _):
        patch(Vectors(builder, lanes, offset))
    with cgutils.for_range_slice(builder, zero, builder.sub(size, inside), step.type(1), size.type) as (number, _):
        before = builder.icmp_unsigned("<", number, first)
        patch(Vectors(builder, 1, builder.select(before, number, builder.add(number, inside))))


def pointer(context: Any, builder: Any, kind: Any, value: Value) -> Any:
    """Address of an array's data, or of each array's data of a tuple.

    Parameters
    ----------
    context, builder
        As numba hands them to an intrinsic.
    kind : numba type
        Of the argument.
    value : LLVM value
        The argument.

    Returns
    -------
    LLVM value, or list of them
        A pointer to the first element for an array, a list for a tuple of arrays; the value itself for anything else.
    """
    if isinstance(kind, types.UniTuple):
        items = [builder.extract_value(value, i) for i in range(kind.count)]
        return [pointer(context, builder, kind.dtype, item) for item in items]
    if isinstance(kind, types.Array):
        return context.make_array(kind)(context, builder, value).data
    return value

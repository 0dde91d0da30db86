"""The inner loop of corrections: a patch of samples goes through all operations in registers.

Operations are named tuples (:mod:`calib_core.numerics.operations`), which stand in the type of a call: the loop of a
chain is made for this chain. Nearly all patches hold samples of the first gain stage alone, so what the others need
is loaded for patches that have some.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from calib_core.numerics._vectors import F32, I8, I16, I32, I64, Value, Vectors, bytes_of, each_patch
from calib_core.numerics.kernels import PATCH, ROOM

_SCALARS = {types.float32: F32, types.uint32: I32, types.uint16: I16, types.uint8: I8, types.boolean: I8}
_LINE = 64


class _Samples:
    """A patch of samples between two operations."""

    def __init__(self, vectors: Vectors, given: SimpleNamespace) -> None:
        self.v, self.b, self.given = vectors, vectors.builder, given
        self.first = False
        self.value = self._begin(given.samples)
        self.mask, self.use = vectors.constant(I32, 0), self._same(True)
        if given.kept is not None:
            _, mask, use = given.kept
            self.mask, self.use = vectors.load(mask, I32), self._some(vectors.load(use, I8))
        self.stage = getattr(self, f"_stage_{given.stages.name}")(given.stages)

    def _begin(self, samples: Value) -> Value:
        """Signals: codes as they are stored, or what steps before have made of them."""
        if samples.type.pointee == F32:
            return self.v.load(samples, F32)
        return self._number(self.v.load(samples, I16))

    def _number(self, codes: Value) -> Value:
        return self.b.sitofp(self.v.widen(codes, I32), self.v.type_of(F32))

    def _same(self, value: bool) -> Value:
        return self.v.constant(ir.IntType(1), int(value))

    def _some(self, value: Value) -> Value:
        return self.b.icmp_unsigned("!=", value, ir.Constant(value.type, [0] * self.v.lanes))

    def _stage_kept(self, stages: SimpleNamespace) -> Value:
        return self.v.load(self.given.kept[0], I8)

    def _stage_fixed(self, stages: SimpleNamespace) -> Value:
        return self.v.spread(stages.stage)

    def _stage_of_bits(self, stages: SimpleNamespace) -> Value:
        """Stages of gain bits; those of none are flagged and taken out of use."""
        v, b = self.v, self.b
        bits, stage, right = v.load(self.given.bits, I8), v.constant(I8, 0), self._same(False)
        for number, code in enumerate(stages.codes):
            mine = b.icmp_unsigned("==", bits, v.spread(code))
            stage, right = b.select(mine, v.constant(I8, number), stage), b.or_(right, mine)
        self._refuse(b.not_(right), stages.wrong)
        return stage

    def _stage_of_signal(self, stages: SimpleNamespace) -> Value:
        """Stages of a gain signal; full ones, and those without a threshold, are flagged and taken out of use."""
        v, b = self.v, self.b
        codes = v.load(self.given.signal, I16)
        signal, stage = self._number(codes), v.constant(I8, 0)
        above, unknown = self._same(True), self._same(False)
        for image in stages.thresholds:
            threshold = v.load(image, F32)
            unknown = b.or_(unknown, b.and_(above, b.fcmp_unordered("uno", threshold, threshold)))
            above = b.and_(above, b.fcmp_ordered(">", signal, threshold))
            stage = b.add(stage, v.widen(above, I8))
        self._refuse(b.icmp_unsigned(">=", codes, v.spread(stages.full)), stages.wrong)
        self._refuse(unknown, stages.unknown)
        return stage

    def _is(self, number: int) -> Value:
        """Which samples are of a stage."""
        return self.b.icmp_unsigned("==", self.stage, self.v.constant(I8, number))

    def _beyond(self, number: int) -> Value:
        """Which samples are of a stage after one."""
        return self.b.icmp_unsigned(">", self.stage, self.v.constant(I8, number))

    def _flag(self, which: Value, flag: Value) -> None:
        some = self.b.select(which, self.v.spread(flag), self.v.constant(I32, 0))
        self.mask = self.b.or_(self.mask, some)

    def _refuse(self, which: Value, flag: Value) -> None:
        self._flag(which, flag)
        self.use = self.b.and_(self.use, self.b.not_(which))

    def _of_stage(self, entries: list[Any], make: Callable[[Any], Value]) -> Value:
        """What goes with each sample's own stage; that of the first stage where a stage has none."""
        found = make(entries[0])
        for number, one in enumerate(entries[1:] if not self.first else [], 1):
            found = self.b.select(self._is(number), make(one), found)
        return found

    def _of(self, images: list[Value]) -> Value:
        return self._of_stage(images, lambda image: self.v.load(image, image.type.pointee))

    def _infinite_or_none(self) -> Value:
        """Which samples are no finite number: all bits of their exponents are set."""
        v, b = self.v, self.b
        bits = b.and_(b.bitcast(self.value, v.type_of(I32)), v.constant(I32, 0x7FFFFFFF))
        return b.icmp_unsigned(">=", bits, v.constant(I32, 0x7F800000))

    def subtract(self, given: SimpleNamespace) -> None:
        """Take an image off."""
        self.value = self.b.fsub(self.value, self._of(given.images))

    def multiply(self, given: SimpleNamespace) -> None:
        """Multiply by an image."""
        self.value = self.b.fmul(self.value, self._of(given.images))

    def divide(self, given: SimpleNamespace) -> None:
        """Divide by an image."""
        self.value = self.b.fdiv(self.value, self._of(given.images))

    def divide_known(self, given: SimpleNamespace) -> None:
        """Divide by an image in which 0 is no number."""
        by, zero = self._of(given.images), self.v.constant(F32, 0)
        by = self.b.select(self.b.fcmp_ordered("==", by, zero), self.v.constant(F32, float("nan")), by)
        self.value = self.b.fdiv(self.value, by)

    def divide_stages(self, given: SimpleNamespace) -> None:
        """Divide by a number of each stage."""
        self.value = self.b.fdiv(self.value, self._of_stage(given.numbers, self.v.spread))

    def onto_scale(self, given: SimpleNamespace) -> None:
        """Bring other stages onto the scale of the first."""
        if self.first:
            return
        v, b = self.v, self.b
        guessed, value = v.load(given.guessed[0], I8), self.value
        for number, (factor, shift) in enumerate(zip(given.factors, given.shifts, strict=True), 1):
            scaled = b.fadd(b.fmul(self.value, v.load(factor, F32)), v.load(shift, F32))
            value = b.select(self._is(number), scaled, value)
        self.value = value
        for number, flag in enumerate((given.flag, given.flag_low)):
            mine = self._some(b.and_(guessed, v.constant(I8, 1 << number)))
            self._flag(b.and_(mine, self._beyond(number)), flag)

    def give_up_others(self, given: SimpleNamespace) -> None:
        """Samples of other stages than the first are no numbers, and flagged."""
        if not self.first:
            other = self._beyond(0)
            self.value = self.b.select(other, self.v.constant(F32, float("nan")), self.value)
            self._flag(other, given.flag)

    def give_up(self, given: SimpleNamespace) -> None:
        """Samples are no numbers, and flagged."""
        self.value = self.v.constant(F32, float("nan"))
        self._flag(self._same(True), given.flag)

    def round(self, given: SimpleNamespace) -> None:
        """Divide, add, and take the whole part of what is above 0; what is no number stays."""
        v, b = self.v, self.b
        value = b.fadd(b.fdiv(self.value, v.spread(given.by)), v.spread(given.up))
        kind = ir.FunctionType(value.type, [value.type])
        floor = cgutils.get_or_insert_function(b.module, kind, f"llvm.floor.v{v.lanes}f32")
        whole, zero = b.call(floor, [value]), v.constant(F32, 0)
        self.value = b.select(b.fcmp_ordered("<=", whole, zero), zero, whole)

    def give_up_flagged(self, given: SimpleNamespace) -> None:
        """Samples with one of the flags are no numbers."""
        flagged = self._some(self.b.and_(self.mask, self.v.spread(given.flag)))
        self.value = self.b.select(flagged, self.v.constant(F32, float("nan")), self.value)

    def leave_out(self, given: SimpleNamespace) -> None:
        """Flags that no sample has any more."""
        self.mask = self.b.and_(self.mask, self.v.spread(self.b.not_(given.flag)))

    def add_flags(self, given: SimpleNamespace) -> None:
        """Flags of an image."""
        self.mask = self.b.or_(self.mask, self._of(given.images))

    def flag_from(self, given: SimpleNamespace) -> None:
        """Flag samples from a value on."""
        self._flag(self.b.fcmp_ordered(">=", self.value, self.v.spread(given.value)), given.flag)

    def refuse_from(self, given: SimpleNamespace) -> None:
        """Flag samples from a value on, and take them out of use."""
        self._refuse(self.b.fcmp_ordered(">=", self.value, self.v.spread(given.value)), given.flag)

    def flag_not_finite(self, given: SimpleNamespace) -> None:
        """Flag samples that are no finite number."""
        self._flag(self._infinite_or_none(), given.flag)

    def zero_not_finite(self, given: SimpleNamespace) -> None:
        """Flag samples that are no finite number, and make them 0."""
        self._zero(self._infinite_or_none(), given.flag)

    def zero_outside(self, given: SimpleNamespace) -> None:
        """Flag samples outside limits, and make them 0."""
        low, high = self.v.spread(given.low), self.v.spread(given.high)
        out = self.b.or_(self.b.fcmp_ordered("<", self.value, low), self.b.fcmp_ordered(">", self.value, high))
        self._zero(out, given.flag)

    def _zero(self, which: Value, flag: Value) -> None:
        self.value = self.b.select(which, self.v.constant(F32, 0), self.value)
        self._flag(which, flag)

    def keep(self) -> None:
        """Write them down."""
        v, b = self.v, self.b
        values, stage, mask, use = self.given.own
        for place, scalar, value in ((values, F32, self.value), (stage, I8, self.stage), (mask, I32, self.mask),
                                     (use, I8, v.widen(self.use, I8))):
            b.store(value, v.place(place, scalar), align=1)


def _correct(vectors: Vectors, given: SimpleNamespace) -> None:
    """One patch: the operations are there twice, where all samples are of the first stage and where they are not."""
    samples, builder = _Samples(vectors, given), vectors.builder
    if vectors.lanes == 1:
        _go_through(samples)
        return
    for one in samples.given.coming:
        vectors.prefetch(one, one.type.pointee)
    begun = samples.value, samples.mask, samples.use
    with builder.if_else(vectors.some(samples._beyond(0)), likely=False) as (mixed, same):
        with mixed:
            _go_through(samples)
        with same:
            (samples.value, samples.mask, samples.use), samples.first = begun, True
            _go_through(samples)


def _go_through(samples: _Samples) -> None:
    for one in samples.given.operations:
        getattr(samples, one.name)(one)
    samples.keep()


def _spelled(name: str) -> str:
    """Method of an operation: AddFlags is done by add_flags."""
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name).lstrip("_")


class _Reader:
    """Arguments of a call: named tuples by their fields, arrays as addresses of their data."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.builder = context, builder
        self.row: Callable[[SimpleNamespace], list[Value]] = lambda constant: []

    def read(self, kind: Any, value: Value) -> Any:
        """An argument, or a field of one."""
        if isinstance(kind, types.NoneType):
            return None
        if isinstance(kind, types.BaseTuple):
            parts = [self.read(one, self.builder.extract_value(value, i)) for i, one in enumerate(kind)]
            return self._named(kind, parts) if isinstance(kind, types.BaseNamedTuple) else parts
        return self._address(kind, value) if isinstance(kind, types.Array) else value

    def _named(self, kind: Any, parts: list[Any]) -> Any:
        fields = dict(zip(kind.fields, parts, strict=True))
        found = SimpleNamespace(name=_spelled(kind.instance_class.__name__), **fields)
        return self.row(found) if found.name == "constant" else found

    def _address(self, kind: Any, value: Value) -> Value:
        data = self.array(kind, value).data
        return self.builder.bitcast(data, _SCALARS[kind.dtype].as_pointer()) if kind.dtype in _SCALARS else data

    def array(self, kind: Any, value: Value) -> Any:
        """An array with all that is known of it."""
        return self.context.make_array(kind)(self.context, self.builder, value)


class _Rows:
    """Makes of a constant the addresses of a tile in its images; of what is missing where it lacks the memory cell.

    Copies of them lie one after the other in ``room``.
    """

    def __init__(self, builder: Any, at: list[Value], pixels: Value, room: Value) -> None:
        _, _, self.cell, self.start, _ = at
        self.builder, self.pixels, self.room, self.number = builder, pixels, room, 0

    def own(self, constant: SimpleNamespace) -> list[Value]:
        """Where they are."""
        b = self.builder
        known = b.select(b.icmp_signed(">", self.cell, constant.last), constant.last, self.cell)
        place = b.load(b.gep(constant.table, [known], source_etype=I64))
        offset = b.add(b.mul(place, self.pixels), self.start)
        there = b.icmp_signed(">=", place, place.type(0))
        return [b.select(there, b.gep(one, [offset], source_etype=one.type.pointee), constant.missing)
                for one in constant.images]

    def copies(self, constant: SimpleNamespace) -> list[Value]:
        """Where their copies are."""
        return [self.builder.bitcast(self._copy(), one.type) for one in constant.images]

    def _copy(self) -> Value:
        self.number += 1
        return self.builder.gep(self.room, [I64((self.number - 1) * ROOM)], source_etype=I8)

    def used(self, copied: Value) -> Callable[[SimpleNamespace], list[Value]]:
        """Those that a kernel takes."""
        return lambda constant: [self.builder.select(copied, copy, own) for copy, own in zip(
            self.copies(constant), self.own(constant), strict=True)]


_ARGUMENTS = ("samples", "plane", "bits", "kept", "at", "stages", "operations", "room", "copied", "own")
_OF_TILE = ("pixels", "at", "stages", "operations", "room")


def _generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    kinds, values = (dict(zip(_ARGUMENTS, one, strict=True)) for one in (signature.args, arguments))
    reader = _Reader(context, builder)
    shape = reader.array(kinds["samples"], values["samples"]).shape
    planes, pixels = (builder.extract_value(shape, i) for i in (1, 2))
    at, room = (reader.read(kinds[name], values[name]) for name in ("at", "room"))
    reader.row = _Rows(builder, at, pixels, room).used(values["copied"])
    given = SimpleNamespace(**{name: reader.read(kinds[name], values[name]) for name in _ARGUMENTS})
    frame, ahead, _, start, size = at
    row = builder.add(builder.mul(frame, pixels), start)
    first = builder.add(builder.mul(builder.mul(frame, planes), pixels), start)
    second = builder.add(first, builder.mul(given.plane, pixels))
    rows = builder.mul(builder.sub(ahead, frame), pixels)
    apart = builder.mul(rows, planes)

    def beyond(place: Value, offset: Value) -> Value:
        return builder.gep(place, [offset], source_etype=place.type.pointee)

    given.samples, given.signal = beyond(given.samples, first), beyond(given.samples, second)
    given.coming = [beyond(given.samples, apart)]
    if given.stages.name == "of_signal":
        given.coming.append(beyond(given.signal, apart))
    if given.bits is not None:
        given.bits = beyond(given.bits, row)
        given.coming.append(beyond(given.bits, rows))
    given.kept = None if given.kept is None else [beyond(one, row) for one in given.kept]
    each_patch(builder, given.samples, size, PATCH, lambda vectors: _correct(vectors, given))
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]
def correct_tile(
    typing_context: Any, samples: Any, plane: Any, bits: Any, kept: Any, at: Any, stages: Any, operations: Any,
    room: Any, copied: Any, own: Any,
) -> Any:
    """Take a tile of a frame through operations.

    Samples (n, planes, pixels) uint16, or float32 with what is kept of them so far: stages, masks, use, (n, pixels).
    The place is the frame, the one that comes next, the memory cell, the first pixel and their number. Values,
    stages, mask and use go to ``own``.
    """
    return types.void(samples, plane, bits, kept, at, stages, operations, room, copied, own), _generate


def _copy(builder: Any, to: Value, of: Value, lanes: int, first: Value, last: Value) -> None:
    scalar = of.type.pointee
    with cgutils.for_range_slice(builder, first, last, I64(lanes), I64) as (at, _):
        v = Vectors(builder, lanes, at)
        builder.store(v.load(of, scalar), v.place(to, scalar), align=1)


def _generate_copy(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    kinds, values = (dict(zip(_OF_TILE, one, strict=True)) for one in (signature.args, arguments))
    reader = _Reader(context, builder)
    at, room = (reader.read(kinds[name], values[name]) for name in ("at", "room"))
    rows, size = _Rows(builder, at, values["pixels"], room), at[-1]
    pairs: list[tuple[Value, Value]] = []

    def copies(constant: SimpleNamespace) -> list[Value]:
        found = rows.copies(constant)
        pairs.extend(zip(found, rows.own(constant), strict=True))
        return found

    reader.row = copies
    for name in ("stages", "operations"):
        reader.read(kinds[name], values[name])
    for copy, own in pairs:
        lanes = _LINE // bytes_of(own.type.pointee)
        whole = builder.and_(size, I64(-lanes))
        _copy(builder, copy, own, lanes, I64(0), whole)
        _copy(builder, copy, own, 1, whole, size)
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]
def copy_tile(
    typing_context: Any, pixels: Any, at: Any, stages: Any, operations: Any, room: Any
) -> Any:
    """Copy a tile of all images together: rows of which each is as far from the next share few places in the cache.

    The place is that of :func:`correct_tile`.
    """
    return types.void(pixels, at, stages, operations, room), _generate_copy

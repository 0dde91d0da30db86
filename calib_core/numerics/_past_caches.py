"""Copies past the caches, into memory that is read much later."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from calib_core.numerics._vectors import I8, I64, Vectors

#: Bytes of a line of the caches.
_LINE = 64


def _generate_write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    target, offset, source, size = arguments
    to, of = (builder.bitcast(context.make_array(kind)(context, builder, one).data, I8.as_pointer())
              for kind, one in ((signature.args[0], target), (signature.args[2], source)))
    item = I64(context.get_abi_sizeof(context.get_data_type(signature.args[0].dtype)))
    to = builder.gep(to, [builder.mul(offset, item)], source_etype=I8)
    size = builder.mul(size, item)
    apart = builder.and_(builder.ptrtoint(to, I64), I64(_LINE - 1))
    lines = builder.and_(size, I64(-_LINE))
    lines = builder.select(builder.icmp_unsigned("==", apart, I64(0)), lines, I64(0))
    with cgutils.for_range_slice(builder, I64(0), lines, I64(_LINE), I64) as (at, _):
        vectors = Vectors(builder, _LINE, at)
        vectors.stream(to, I8, vectors.load(of, I8))
    rest = builder.sub(size, lines)
    cgutils.raw_memcpy(builder, builder.gep(to, [lines], source_etype=I8),
                       builder.gep(of, [lines], source_etype=I8), rest, 1)
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]
def write_past(typing_context: Any, target: Any, offset: Any, source: Any, size: Any) -> Any:
    """Copy the first values of an array to a place in another, past the caches where that begins with a line."""
    return types.void(target, offset, source, size), _generate_write

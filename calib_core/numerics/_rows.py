"""The inner loop that keeps a row of samples: written past the caches, into memory that is read much later."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from calib_core.numerics._vectors import I1, I8, I16, Value, Vectors, each_patch, pointer
from calib_core.numerics.kernels import LANES

_ARGUMENTS = ("row", "gain", "expected", "out")
_ITEM = 2


def _keep_patch(v: Vectors, p: dict[str, Any], differ: Value) -> None:
    """Keep some samples; 0 where the gain bits are others, which is remembered."""
    b = v.builder
    sample = v.load(p["row"], I16)
    if "gain" in p:
        wrong = b.icmp_unsigned("!=", v.load(p["gain"], I8), v.spread(p["expected"]))
        sample = b.select(wrong, v.constant(I16, 0), sample)
        some = v.some(wrong)
        b.store(b.or_(b.load(differ), some), differ)
    if v.lanes > 1:
        v.stream(p["out"], I16, sample)
    else:
        b.store(sample, v.place(p["out"], I16), align=_ITEM)


def _generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    p = {
        name: pointer(context, builder, kind, value)
        for name, kind, value in zip(_ARGUMENTS, signature.args, arguments, strict=True)
        if not isinstance(kind, types.NoneType)
    }
    size = context.make_array(signature.args[0])(context, builder, arguments[0]).nitems
    differ = cgutils.alloca_once_value(builder, I1(0))
    each_patch(builder, p["out"], size, LANES, lambda vectors: _keep_patch(vectors, p, differ))
    return builder.load(differ)


@intrinsic  # type: ignore[untyped-decorator]
def keep_row(typing_context: Any, row: Any, gain: Any, expected: Any, out: Any) -> Any:
    """Keep a row of samples, uint16, as 0 where the gain bits, uint8, are not as expected; tells whether any are.

    All slices are of the row's size; without gain bits ``gain`` and ``expected`` are None. Others see what was kept
    after :func:`order_stores`.
    """
    return types.boolean(row, gain, expected, out), _generate


@intrinsic  # type: ignore[untyped-decorator]
def order_stores(typing_context: Any) -> Any:
    """Have all that was kept in memory before anything that is written later: no other instruction sees to that."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate

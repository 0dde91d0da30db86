"""Integer operations that keep their width inside numba kernels.

numba widens every product and sum of 8, 16 and 32 bit integers to 64 bit, which leaves a loop a quarter or less
of the vector lanes. These wrappers emit the one instruction at the width of their arguments and wrap around
as unsigned integers do in C.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_Emit = Callable[[Any, Any, Any], Any]


def _same_width(emit: _Emit) -> Any:
    """Make an intrinsic of two equal integer types whose result has that type."""

    def build(typing_context: Any, left: Any, right: Any) -> Any:
        if left != right or not isinstance(left, types.Integer):
            return None

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return emit(builder, *arguments)

        return left(left, right), generate

    return intrinsic(build)


def _choose(predicate: str) -> _Emit:
    def emit(builder: Any, left: Any, right: Any) -> Any:
        return builder.select(builder.icmp_unsigned(predicate, left, right), left, right)

    return emit


def _compare(predicate: str) -> _Emit:
    def emit(builder: Any, left: Any, right: Any) -> Any:
        return builder.zext(builder.icmp_unsigned(predicate, left, right), left.type)

    return emit


add = _same_width(lambda builder, left, right: builder.add(left, right))
sub = _same_width(lambda builder, left, right: builder.sub(left, right))
mul = _same_width(lambda builder, left, right: builder.mul(left, right))
smaller = _same_width(_choose("<"))
larger = _same_width(_choose(">"))
#: 1 where ``left <= right``, else 0, at the width of the arguments.
at_most = _same_width(_compare("<="))


@intrinsic
def wide(typing_context: Any, value: Any) -> Any:
    """Widen a uint16 to uint32."""
    if value != types.uint16:
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(arguments[0], ir.IntType(32))

    return types.uint32(types.uint16), generate

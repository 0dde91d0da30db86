"""Sums of squares by the instruction that multiplies lanes of 16 bits and adds the products in pairs."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from calib_core.numerics._vectors import I16, I32, Value, Vectors, has

#: Lanes of 16 bits within which shuffling is cheap, whatever the length of a vector.
_QUARTER = 8


def pair_products(context: Any) -> str:
    """Name the instruction that multiplies `PATCH_LANES` of 16 bits and adds the products in pairs.

    Parameters
    ----------
    context
        As numba hands it to an intrinsic.

    Returns
    -------
    str
        Empty where the processor has none.
    """
    return "llvm.x86.avx2.pmadd.wd" if has(context, "avx2") else ""


def sum_squares(v: Vectors, rows: list[Value], product: str) -> Value:
    """Add the squares of rows, pixel by pixel, in an order that :func:`in_order` puts right.

    Parameters
    ----------
    v : Vectors
        Of as many lanes as the rows have.
    rows : list of vectors
        An even number, of 16 bits below 2¹⁴ in each lane.
    product : str
        As of :func:`pair_products`; without it each square is taken by itself.

    Returns
    -------
    vector
        Of 32 bits in each lane.
    """
    if not product:
        wide = [v.widen(x, I32) for x in rows]
        return v.sum([v.builder.mul(x, x) for x in wide])
    kind = ir.FunctionType(ir.VectorType(I32, v.lanes // 2), [v.type_of(I16)] * 2)
    square = cgutils.get_or_insert_function(v.builder.module, kind, product)
    # a quarter holds the first, or the last, half of its pixels of two rows in turn
    first = [k // _QUARTER * _QUARTER + k % _QUARTER // 2 + k % 2 * v.lanes for k in range(v.lanes)]
    sums = []
    for order in (first, [k + _QUARTER // 2 for k in first]):
        pairs = [v.shuffled(one, two, order) for one, two in zip(rows[::2], rows[1::2], strict=True)]
        sums.append(v.sum([v.builder.call(square, [x, x]) for x in pairs]))
    return v.shuffled(sums[0], sums[1], list(range(v.lanes)))


def in_order(v: Vectors, sums: Value, product: str) -> Value:
    """Put sums of squares in the order of the pixels.

    Parameters
    ----------
    v : Vectors
        As there.
    sums : vector
        From :func:`sum_squares`, or a sum of several.
    product : str
        As there.
    """
    if not product:
        return sums
    half = _QUARTER // 2
    order = [k // _QUARTER * half + k % half + k // half % 2 * (v.lanes // 2) for k in range(v.lanes)]
    return v.shuffled(sums, sums, order)

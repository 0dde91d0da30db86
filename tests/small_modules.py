"""Detector types of small modules: whole ones take minutes where each pixel is fitted, or any family tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from calib_core.characterisation.family import declare, named


@contextmanager
def small_modules(name: str, *shape: int) -> Iterator[None]:
    """Modules of a family have few ASICs, or small ones; without a shape all stay whole."""
    if not shape:
        yield
        return
    family = named(name)
    declare(replace(family, types=tuple(replace(kind, shape=shape, asic_shape=_within(kind.asic_shape, shape))
                                        for kind in family.types)))
    try:
        yield
    finally:
        declare(family)


@contextmanager
def few_columns() -> Iterator[None]:
    """Large cameras have a quarter of their columns, where one of any family is tried; their darks are of all."""
    with small_modules("FASTCCD", 1934, 240), small_modules("PNCCD", 1024, 256):
        yield


def _within(asic: tuple[int, int], shape: tuple[int, ...]) -> tuple[int, int]:
    return min(asic[0], shape[0]), min(asic[1], shape[1])

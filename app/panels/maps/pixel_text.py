"""A pixel in words: where it is, its values, and why it is not to be trusted."""

from __future__ import annotations

from collections.abc import Iterable

from app.panels.maps.slots import Choice
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType

Pixel = tuple[int, int, int]


def asic_number(kind: DetectorType, row: int, column: int) -> int:
    """Number of a pixel's ASIC within the module, counted from 0 along fast_scan, then along slow_scan."""
    return asic_number_of(kind.shape, kind.asic_shape, row, column)


def asic_number_of(shape: tuple[int, int], asic_shape: tuple[int, int], row: int, column: int) -> int:
    """The same by the shapes (slow_scan, fast_scan) of module and ASIC."""
    high, wide = asic_shape
    return row // high * (shape[1] // wide) + column // wide


def place_text(kind: DetectorType, pixel: Pixel) -> str:
    """Module, ASIC, row and column; the strip where a module has but one row."""
    module, row, column = pixel
    place = f"row {row} · column {column}" if kind.shape[0] > 1 else f"strip {column}"
    return f"module {module} · ASIC {asic_number(kind, row, column)} · {place}"


def values_text(values: Iterable[tuple[Choice, float]]) -> str:
    """Value of each map with its unit, flags by their names."""
    return "   ".join(
        f"{_flags_title(choice)} {flag_names(int(value))}" if choice.is_flags
        else f"{choice.title} {choice.value_text(value)}"
        for choice, value in values
    )


def _flags_title(choice: Choice) -> str:
    return f"flags {choice.entry}".rstrip()


def flag_names(bits: int) -> str:
    """Names of the flags that are set, a dash where there are none."""
    return ", ".join(flag.label for flag in BadPixels if bits & flag) or "–"


def flags_text(mask: int, every: str = "every flag") -> str:
    """Names of the flags of a mask; ``every`` stands for all."""
    if mask & 0xFFFFFFFF == 0xFFFFFFFF:
        return every
    return flag_names(mask) if mask else "no flag"


def left_out_text(excluded: int) -> str:
    """What the numbers under a heading are without."""
    return f"left out: pixels with {flags_text(excluded, 'any flag')}" if excluded else "no pixel is left out"

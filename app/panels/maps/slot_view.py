"""What a slot of the maps can do, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from app.panels.maps.pixel_text import Pixel

#: Ways to show a map by their titles: an image of pixels, curves over strips, an image of strips and memory cells.
FORMS = {"image": "Image", "curves": "Curves over strips", "cells": "Image of strips × memory cells or trains"}


class SlotView(Protocol):
    """What the presenter asks of a slot; maps and curves both have it."""

    def set_placement(self, index: np.ndarray, shape: Pixel, names: Sequence[str] = ()) -> None: ...  # noqa: D102
    def set_map(  # noqa: D102
        self, values: np.ndarray, unit: str = "", title: str = "", counted: str = "") -> None: ...
    def set_errors(self, errors: np.ndarray | None) -> None: ...  # noqa: D102
    def set_level_values(self, values: Sequence[np.ndarray]) -> None: ...  # noqa: D102
    def set_flags(self, flags: np.ndarray | None) -> None: ...  # noqa: D102
    def set_coverage(self, coverage: np.ndarray | None) -> None: ...  # noqa: D102
    def set_overlay(self, selected_bits: int, visible: bool = True) -> None: ...  # noqa: D102
    def set_excluded(self, bits: int) -> None: ...  # noqa: D102
    def set_levels(self, low: float, high: float) -> None: ...  # noqa: D102
    def set_percentiles(self, low: float, high: float, middle: float | None = None) -> None: ...  # noqa: D102
    def set_colour_map(self, name: str) -> None: ...  # noqa: D102
    def set_crosshair(self, module: int | None, row: int | None = None, col: int | None = None) -> None: ...  # noqa: D102
    def set_region(self, region: np.ndarray | None) -> None: ...  # noqa: D102
    def set_outlined(self, pixels: np.ndarray | None) -> None: ...  # noqa: D102
    def set_tool(self, form: str) -> None: ...  # noqa: D102
    def clear(self) -> None: ...  # noqa: D102


def show_pixels(view: SlotView, shape: tuple[int, ...]) -> None:
    """Show where pixels are, (modules, slow_scan, fast_scan), of what has no map, so that one can be clicked."""
    view.set_map(np.full(shape, np.nan, np.float32), title="no maps here; click a pixel")

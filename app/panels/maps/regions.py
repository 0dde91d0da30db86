"""Regions: marked by the mouse in any map, drawn in all of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PyQt6.QtCore import QObject, pyqtSignal

from app.panels.maps.maps_presenter import MapsPresenter
from app.panels.maps.slots import Choice
from app.panels.maps.strips import rows_of
from app.session.session import Session
from calib_core.detector import DetectorType
from calib_core.geometry import Placement
from calib_core.subjects.region import Outline, Point, RegionOfInterest, outlined, region_of

Tool = Literal["rectangle", "ring", "lasso", "asic"]

#: Ways to mark a region by the mouse, their titles, and how it is done.
FORMS: dict[Tool, str] = {
    "rectangle": "Drag from corner to corner.",
    "ring": "Drag from the middle to one circle, then click at the other.",
    "lasso": "Drag around the pixels.",
    "asic": "Click into the ASIC.",
}
TITLES: dict[Tool, str] = {"rectangle": "Rectangle", "ring": "Ring", "lasso": "Lasso", "asic": "ASIC"}
#: Sides of a threshold.
SIDES = ("above", "below")


class Regions(QObject):
    """Takes what was marked in a map, and gives what is marked to all maps.

    Signals
    -------
    tool_changed(form)
        The next drag marks a region of this form; empty where it moves the map as ever.
    """

    tool_changed = pyqtSignal(str)

    def __init__(self, session: Session, maps: MapsPresenter, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.tool: Tool | Literal[""] = ""
        self._session, self._maps = session, maps
        self._made: tuple[RegionOfInterest | None, tuple[int, ...], int, np.ndarray | None] = (None, (), 0, None)
        maps.drawn.connect(self._draw)
        session.region_changed.connect(self._draw)

    def set_tool(self, form: Tool | Literal[""]) -> None:
        """Mark a region of a form by the next drag; empty lets it move the map again."""
        self.tool = form
        for view in self._maps.views:
            view.set_tool(form)
        self.tool_changed.emit(form)

    def take(self, form: Tool, points: tuple[Point, ...]) -> None:
        """Mark what was outlined in the picture of the maps, or the ASIC that was clicked."""
        placement, kind = self._maps.placement, self._session.shown.kind
        self.set_tool("")
        if placement is None or kind is None:
            return
        if form == "asic":
            self._take_asic(placement, kind, points[0])
            return
        modules, deep = placement.modules, self._depth
        found = outlined(Outline(form, points), placement.index, modules, (deep or kind.shape[0], kind.shape[1]))
        if found is not None and deep:  # strips over all memory cells
            found = region_of(found.form, found.masks(modules).any(axis=1, keepdims=True), modules)
        self._session.set_region(found)

    def _take_asic(self, placement: Placement, kind: DetectorType, point: Point) -> None:
        """Mark the ASIC at a place of the picture; where there is no pixel nothing is marked."""
        x, y = (int(np.floor(one)) for one in point)
        height, width = placement.index.shape
        flat = int(placement.index[y, x]) if 0 <= y < height and 0 <= x < width else -1
        if flat < 0:
            self._session.set_region(None)
            return
        (slow, fast), (high, wide) = kind.shape, kind.asic_shape
        module, row, col = flat // ((self._depth or slow) * fast), flat // fast % (self._depth or slow), flat % fast
        top, left = (0 if self._depth else row // high * high), col // wide * wide
        masks = np.zeros((len(placement.modules), slow, fast), bool)
        masks[module, top : top + high, left : left + wide] = True
        self._session.set_region(region_of("asic", masks, placement.modules))

    def take_threshold(self, choice: Choice, side: str, limit: float) -> None:
        """Mark pixels whose value in a shown map is above or below a limit; those without a value are none."""
        shown = self._session.shown
        values = None if shown.picture is None else choice.values(shown.picture)
        if values is None:
            return
        with np.errstate(invalid="ignore"):
            masks = values > limit if side == "above" else values < limit
        rule = f"{choice.title} {side} {limit:g} {choice.unit}".rstrip()
        found = region_of("threshold", masks, shown.picture.modules, f"{rule} at {shown.place_text}")
        self._session.set_region(found)
        if found is None:
            self._session.say("INFO", f"No pixel has {rule}.")

    def take_strips(self, first: int, last: int) -> None:
        """Mark strips of all modules that are shown."""
        placement, kind = self._maps.placement, self._session.shown.kind
        self.set_tool("")
        if placement is not None and kind is not None:
            masks = np.zeros((len(placement.modules), *kind.shape), bool)
            masks[_places(placement, kind.pixels), :, first : last + 1] = True
            self._session.set_region(region_of("rectangle", masks, placement.modules))

    def remove(self) -> None:
        """Mark nothing."""
        self.set_tool("")
        self._session.set_region(None)

    @property
    def _depth(self) -> int:
        """Rows of a picture of strips, memory cells or trains, else 0."""
        return len(self._session.axes[rows_of(self._session.axes)]) if self._maps.form == "cells" else 0

    def _draw(self) -> None:
        placement, region = self._maps.placement, self._session.shown.region
        if placement is None:
            return
        key = (region, placement.modules, self._depth)
        if key != self._made[:3]:
            masks = None if region is None else region.masks(placement.modules)
            if masks is not None and self._depth:
                masks = masks.repeat(self._depth, axis=1)
            self._made = (*key, masks)
        for view in self._maps.views:
            view.set_region(self._made[3])


def _places(placement: Placement, pixels: int) -> np.ndarray:
    """Which of a placement's modules it shows."""
    return np.unique(placement.index[placement.index >= 0] // pixels)

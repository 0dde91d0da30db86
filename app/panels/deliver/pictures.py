"""Pictures of the shown maps with what they say of themselves, all taken at one moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QWidget

from app.panels.deliver.naming import caption, heading, place_words
from app.panels.maps.maps import MapsPanel
from app.panels.maps.pixel_text import flags_text
from app.panels.maps.slots import Choice
from app.panels.maps.strips import rows_of
from app.session.session import Session
from app.widgets.curve_view import CurveView
from app.widgets.map_picture import map_image, side_by_side, with_caption, with_words
from app.widgets.map_view import MapView
from calib_core.constants.badpixels import BadPixels
from calib_core.subjects.shown import Shown

FLAG_NAMES = {flag.bit_length() - 1: flag.label for flag in BadPixels}


@dataclass(frozen=True)
class Tile:
    """Picture of one map, without the words that all maps have in common; it is drawn in any thread."""

    choice: Choice
    draw: Callable[[], QImage]


@dataclass(frozen=True)
class Moment:
    """What is on the screen when somebody asks for a file: later changes do not reach it.

    Attributes
    ----------
    shown : Shown
    module : int, optional
        The one that maps show; None where they show all.
    but : str
        Axis that is in the picture as a whole; empty for none.
    tiles : tuple of Tile
    """

    shown: Shown
    module: int | None
    but: str
    tiles: tuple[Tile, ...] = ()

    @property
    def place(self) -> str:
        """Place of the pictures in words."""
        return place_words(self.shown, self.module, self.but)

    def whole(self) -> QImage:
        """One picture of all maps."""
        return self._finished(side_by_side([tile.draw() for tile in self.tiles]), "Maps")

    def single(self, tile: Tile) -> QImage:
        """Picture of one map."""
        return self._finished(tile.draw(), tile.choice.heading)

    def _finished(self, image: QImage, title: str) -> QImage:
        head, *lines = caption(self.shown, self.place)
        words = {"Title": title, "Source": head, "Place": self.place, "Description": heading(self.shown)}
        return with_words(with_caption(image, head, lines, margin=0), words)


def module_alone(session: Session, maps: MapsPanel) -> int | None:
    """The module that the maps show, None where they show all that there are."""
    placement, shown = maps.presenter.placement, session.shown
    if placement is None or shown.kind is None or shown.subject is None or len(shown.subject.modules) < 2:
        return None
    slow, fast = shown.kind.shape
    size = fast * (len(shown.axes[rows_of(shown.axes)]) if maps.presenter.form == "cells" else slow)
    places = np.unique(placement.index[placement.index >= 0] // size)
    return placement.modules[places[0]] if len(places) == 1 else None


def moment(session: Session, maps: MapsPanel, draw: bool = False) -> Moment:
    """What is on the screen now; with pictures of the maps if they are wanted."""
    but = rows_of(session.shown.axes) if maps.presenter.form == "cells" else ""
    tiles = _tiles(session, maps) if draw else ()
    return Moment(session.shown, module_alone(session, maps), but, tiles)


def _tiles(session: Session, maps: MapsPanel) -> tuple[Tile, ...]:
    made = ((choice, _drawing(session, maps, choice, view)) for choice, view in maps.shown_views())
    return tuple(Tile(choice, draw) for choice, draw in made if draw is not None)


def _drawing(session: Session, maps: MapsPanel, choice: Choice, view: QWidget) -> Callable[[], QImage] | None:
    drawn = session.overlay if choice.is_flags or maps.presenter.flags_visible else 0
    lines = [f"flags drawn: {flags_text(drawn)}"]
    if isinstance(view, MapView):
        painted = view.painted_map()
        if not choice.is_flags:
            lines.append(_levels(view, session.excluded))
        return None if painted is None else partial(map_image, painted, choice.heading, lines, FLAG_NAMES)
    if isinstance(view, CurveView):
        picture = view.paper_image()
        size = 0.8 * picture.width() / max(1, view.width())  # texts as large as those of the plot
        return partial(with_caption, picture, choice.heading, lines, size=size)
    return partial(with_caption, view.grab().toImage(), choice.heading, [])


def _levels(view: MapView, excluded: int) -> str:
    if view.percentiles is None:
        return "colour levels: set by hand"
    low, high = view.percentiles
    return f"colour levels: {low:g} % to {high:g} %, left out: pixels with {flags_text(excluded, 'any flag')}"

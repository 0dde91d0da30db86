"""What each slot shows, without the widgets that show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import zip_longest

import numpy as np
from PyQt6.QtCore import QObject, pyqtSignal

from app.panels.maps.bad_pixels import REACH, nearest_flagged
from app.panels.maps.pixel_text import Pixel
from app.panels.maps.slot_view import SlotView, show_pixels
from app.panels.maps.slots import (
    Choice,
    centre_of,
    choices,
    counted,
    fill,
    flags_of,
    level_values,
    picks_behind,
    result_of,
    scale_owner,
)
from app.panels.maps.strips import CellImages, rows_of, strip_rows
from app.running.background import Background
from app.session.session import Session
from calib_core.axes import Axis, Pick, Picture, Result
from calib_core.detector import DetectorType
from calib_core.geometry import Placement, assembled, single, stacked
from calib_core.subjects.pair import PairSubject
from calib_core.subjects.variants import base_of

#: Colour maps of the first, second, … map that is not of flags, so that neighbours do not look alike.
_COLOUR_MAPS = ("viridis", "cividis", "magma", "CET-CBL1")
_DIVERGING = "diverging"
_ASSEMBLING = "Assembling the picture"


class MapsPresenter(QObject):
    """Decides what each slot shows; holds no widget but the slots that it was given.

    Signals
    -------
    hovered(pixel)
        The pixel (module number, row, column) under the cursor, or None.
    clicked()
        The operator has selected a pixel in a map.
    slots_changed()
        Other maps are shown.
    drawn()
        The slots have their maps, in the arrangement that is shown.
    form_changed(name)
        Maps are shown in another way, one of `FORMS`; whoever owns the slots gives others.
    """

    hovered = pyqtSignal(object)
    clicked = pyqtSignal()
    slots_changed = pyqtSignal()
    drawn = pyqtSignal()
    form_changed = pyqtSignal(str)

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.flags_visible = True
        self.percentiles = (1.0, 99.0)
        self.wanted: tuple[str, ...] = ()
        self.form = "image"
        #: Device pixels per pixel of the picture, as whoever draws it has them.
        self.scale_of_screen: Callable[[], float] = lambda: 1.0
        self._session, self._background = session, background
        self._cells = CellImages(session, background, self)
        self._views: Sequence[SlotView] = ()
        self._centres: dict[SlotView, float | None] = {}
        #: Keys of what the slots showed last, also while it is not known what another subject has.
        self._last: tuple[str, ...] = ()
        self._shown: list[Placement | None] = []
        self._offered: tuple[Choice, ...] = ()
        self._offered_of: tuple[Sequence[Result], Mapping[str, Axis]] = (), {}
        self._placements: dict[tuple[str, tuple[int, ...], int], Placement] = {}
        self._assembling: tuple[object, tuple[int, ...]] | None = None
        session.subject_changed.connect(self._take_subject)
        session.picture_changed.connect(self._take_picture)
        session.arrangement_changed.connect(self._rearrange)
        session.module_changed.connect(self._rearrange)
        session.overlay_changed.connect(self._overlay)
        session.excluded_changed.connect(self._overlay)
        session.pixel_changed.connect(self._mark)
        self._cells.ready.connect(self._draw)

    @property
    def offered(self) -> tuple[Choice, ...]:
        """Maps that the subject offers; made anew where it offers others."""
        of = self._session.results, dict(self._session.axes)
        if of != self._offered_of:
            self._offered_of, self._offered = of, choices(*of)
        return self._offered

    @property
    def chosen(self) -> tuple[Choice, ...]:
        """Map of each slot; those after them have none, as there are no more maps."""
        known = {choice.key: choice for choice in self.offered}
        return tuple(known[key] for key in fill(self.wanted, self.offered, len(self._views)))

    @property
    def forms(self) -> tuple[str, ...]:
        """Ways in which the subject's maps can be shown, the usual one first: strips have no image."""
        kind = self._kind
        return ("image",) if kind is None or not kind.is_strips else ("curves", "cells")

    @property
    def placement(self) -> Placement | None:
        """Arrangement that is shown."""
        return self._shown[0] if self._shown else None

    @property
    def views(self) -> list[SlotView]:
        """Slots that show maps of pixels."""
        return [view for view, placement in zip(self._views, self._shown, strict=True) if placement is not None]

    def set_views(self, views: Sequence[SlotView]) -> None:
        """Use other slots."""
        self._views = views
        self._shown = [None] * len(views)
        self.set_percentiles(*self.percentiles)
        self._overlay()
        self._dress()
        self._draw()

    def set_form(self, form: str) -> None:
        """Show maps in another way, one of :attr:`forms`."""
        if form not in self.forms:
            raise ValueError(f"these maps are shown as {', '.join(self.forms)}, not as {form}")
        if form != self.form:
            self.form = form
            self._placements.clear()
            self.form_changed.emit(form)
            self._take_picture()

    def want(self, keys: Sequence[str]) -> None:
        """Show maps by their keys, in the slots that are left those that come first."""
        self.wanted = tuple(keys)
        self._dress()
        self._take_picture()

    def assign(self, slot: int, key: str) -> None:
        """Put a map into a slot, or into the first that has none."""
        keys = [choice.key for choice in self.chosen]
        keys[slot:slot + 1] = [key]
        self.want(keys)

    def show_variant(self, pair: PairSubject, way: str) -> None:
        """Show another variant of a comparison in all slots, the nearest that there is of each map."""
        self._want([(pair.variant(result_of(key), way), key) for key in self._last])

    @property
    def last(self) -> tuple[str, ...]:
        """Keys of the maps in the slots, or of those that were there last."""
        return self._last

    def show_beside(self, pair: PairSubject, ways: Sequence[str]) -> None:
        """Show the map of the first slot in several ways of a comparison, side by side."""
        self._want([(pair.variant(result_of(key), way), key) for key in self._last[:1] for way in ways])

    def show_bases(self) -> None:
        """Show what was compared instead of comparisons of it."""
        self._want([(base_of(result_of(key)), key) for key in self._last])

    def _want(self, named: Sequence[tuple[str, str]]) -> None:
        """Put results into the slots, each with the entries that the key before had, and once though it stands for
        several: a way that there is not stands for the difference."""
        self.want(list(dict.fromkeys("/".join((name, *key.split("/")[1:])) for name, key in named)))

    def set_percentiles(self, low: float, high: float) -> None:
        """Let the colours of all slots follow these percentiles."""
        self.percentiles = (low, high)
        for view, choice in zip_longest(self._views, self.chosen[: len(self._views)]):
            view.set_percentiles(low, high, centre_of(choice))

    def share_levels(self, slot: int, low: float, high: float) -> None:
        """Give levels that the operator has set in one slot to all that share its scale."""
        for view in self._sharing(slot):
            view.set_levels(low, high)

    def share_percentiles(self, slot: int) -> None:
        """Let the levels of a slot, and of all that share its scale, follow percentiles again."""
        for view in self._sharing(slot):
            view.set_percentiles(*self.percentiles, centre_of(self.chosen[slot]))

    def set_flags_visible(self, visible: bool) -> None:
        """Draw bad-pixel flags over the maps, or not."""
        self.flags_visible = visible
        self._overlay()

    def hover(self, pixel: Pixel | None) -> None:
        """Take the pixel under the cursor; its first number counts the picture's modules."""
        self.hovered.emit(self._numbered(pixel) if pixel is not None else None)

    def click(self, *pixel: int) -> None:
        """Select a pixel; its first number counts the picture's modules."""
        chosen = self._numbered(self._snapped(pixel))
        if chosen is not None:
            if self.form == "cells":
                self._session.look_at({self._rows.name: pixel[1]})
            self._session.set_pixel(chosen)
            self.clicked.emit()

    def _snapped(self, pixel: Sequence[int]) -> Sequence[int]:
        """The flagged pixel close to one that was clicked, where pixels are too small to be hit."""
        picture, placement, scale = self._session.shown.picture, self.placement, self.scale_of_screen()
        if picture is None or placement is None or self.form != "image" or not self.flags_visible:
            return pixel
        flags = flags_of(picture, self._session.shown)
        if flags is None:
            return pixel
        return nearest_flagged(placement.index, flags, self._session.overlay, tuple(pixel), REACH / scale)

    def values_at(self, pixel: Pixel) -> list[tuple[Choice, float]]:
        """Value of each slot's map at a pixel."""
        shown = self._session.shown
        picture = shown.picture
        if picture is None or pixel[0] not in picture.modules or not shown.has_pixel(pixel):
            return []
        at = (picture.modules.index(pixel[0]), *pixel[1:])
        found = [(choice, choice.values(picture)) for choice in dict.fromkeys(self.chosen)]
        return [(choice, float(values[at])) for choice, values in found if values is not None]

    def _sharing(self, slot: int) -> list[SlotView]:
        owners = [scale_owner(choice, self.offered) for choice in self.chosen]
        return [view for view, owner in zip(self._views, owners, strict=False) if owner == owners[slot]]

    def _numbered(self, pixel: Sequence[int]) -> Pixel | None:
        placement = self.placement
        if placement is None or pixel[0] >= len(placement.modules):
            return None
        return placement.modules[pixel[0]], 0 if self.form == "cells" else pixel[1], pixel[2]

    def _take_subject(self) -> None:
        self._placements.clear()
        self._assembling = None
        self._cells.forget()
        if self._kind is not None and self.form not in self.forms:
            self.form = self.forms[0]
            self.form_changed.emit(self.form)
        self._dress()
        if self._kind is not None and self._arrangement == "assembled":
            self._assemble(self._kind, self._session.subject.modules)

    @property
    def _kind(self) -> DetectorType | None:
        return self._session.shown.kind

    @property
    def _rows(self) -> Axis:
        """Axis downwards in images of strips."""
        return self._session.axes[rows_of(self._session.axes)]

    def _take_picture(self) -> None:
        if self.form == "cells":
            self._cells.read(self.chosen)
        self._draw()

    @property
    def _arrangement(self) -> str:
        """The session's; strips are never assembled, since they have no image."""
        wanted = self._session.arrangement
        return "stacked" if wanted == "assembled" and self.form != "image" else wanted

    @property
    def _drawn(self) -> Picture | None:
        return self._cells.picture if self.form == "cells" else self._session.shown.picture

    def _dress(self) -> None:
        """Tell session and slots which maps are wanted and in which colours."""
        self._last = tuple(choice.key for choice in self.chosen) or self._last or self.wanted
        valued = [choice for choice in self.offered if not choice.is_flags and not choice.result.scale_of]
        for view, choice in zip(self._views, self.chosen, strict=False):
            owner = scale_owner(choice, self.offered)
            if centre_of(owner) is not None:
                view.set_colour_map(_DIVERGING)
            elif owner in valued:
                view.set_colour_map(_COLOUR_MAPS[valued.index(owner) % len(_COLOUR_MAPS)])
            if self._centres.get(view) != centre_of(choice):  # levels that the operator has set stay else
                self._centres[view] = centre_of(choice)
                view.set_percentiles(*self.percentiles, centre_of(choice))
        if self._session.results:
            picks = picks_behind(self.chosen, self._session.results, errors=self.form == "curves")
            self._session.look_at(picks=picks)
            self._rearrange()
        self.slots_changed.emit()

    def _rearrange(self) -> None:
        alone = self._session.arrangement == "module"
        self._session.look_at(modules=(self._session.module,) if alone else ())
        self._draw()

    def _draw(self) -> None:
        picture = self._drawn
        if picture is None or self._kind is None or not picture.modules:
            self._clear(0)
            return
        placement = self._place(picture)
        for i, choice in enumerate(self.chosen):
            if choice.result.pixels:
                self._place_slot(i, placement)
                self._fill(self._views[i], choice, picture)
        if not self.chosen and self._views:
            self._place_slot(0, placement)
            show_pixels(self._views[0], (len(picture.modules), *self._kind.shape))
        self._clear(len(self.chosen) or 1)
        self._mark()
        self.drawn.emit()

    def _clear(self, first: int) -> None:
        """Leave the slots from one on without a map."""
        self._shown[first:] = [None] * (len(self._views) - first)
        for view in self._views[first:]:
            view.clear()

    def _place_slot(self, slot: int, placement: Placement) -> None:
        if self._shown[slot] is not placement:
            self._shown[slot] = placement
            shape = self._kind.shape
            if self.form == "cells":
                shape = (len(self._rows), shape[1])
            names = [f"m{module}" for module in placement.modules]
            self._views[slot].set_placement(placement.index, (len(placement.modules), *shape), names)

    def _fill(self, view: SlotView, choice: Choice, picture: Picture) -> None:
        if (values := choice.values(picture)) is None:
            view.clear()
            return
        if not choice.is_flags:
            values = np.asarray(values, np.float32)
            view.set_flags(flags_of(picture, self._session.shown))
            view.set_level_values(level_values(choice, self.chosen, self.offered, picture))
            view.set_errors(picture.maps.get(Pick(choice.result.error)))
        title = choice.title if picture.tried is None else f"{choice.title} · part tried"
        view.set_map(values, choice.unit, title, counted(picture))
        view.set_coverage(None if picture.coverage.min(initial=1.0) >= 1 else picture.coverage)

    def _place(self, picture: Picture) -> Placement:
        """Arrangement for a picture; modules are stacked until they have been assembled."""
        kind, modules, alone = self._kind, picture.modules, self._arrangement == "module"
        module = self._session.shown.module
        shown = (module if module in modules else modules[0]) if alone else 0
        if self.form == "cells":
            only, title = shown if alone else None, f"{self._rows.title.lower()}s"
            make = partial(strip_rows, modules, len(self._rows), kind.shape[1], only, title)
            return self._keep((self._arrangement, modules, shown), make)
        if alone:
            return self._keep(("module", modules, shown), partial(single, kind, modules, shown))
        if self._arrangement == "assembled":
            found = self._placements.get(("assembled", modules, 0))
            if found is not None:
                return found
            self._assemble(kind, modules)
        return self._keep(("stacked", modules, 0), partial(stacked, kind, modules))

    def _keep(self, key: tuple[str, tuple[int, ...], int], make: Callable[[], Placement]) -> Placement:
        if key not in self._placements:
            self._placements[key] = make()
        return self._placements[key]

    def _assemble(self, kind: DetectorType, modules: tuple[int, ...]) -> None:
        """Assemble in the background, since reading the geometry takes its time."""
        if self._assembling == (kind, modules):
            return
        self._assembling = (kind, modules)
        self._background.run(
            _ASSEMBLING, lambda: (kind, assembled(kind, modules)), self._take_assembled, self._fail)

    def _fail(self, error: Exception) -> None:
        self._session.say("WARN", f"The modules cannot be assembled, they stay stacked: {error}")

    def _take_assembled(self, found: tuple[object, Placement]) -> None:
        kind, placement = found
        self._assembling = None
        if self._kind is kind:
            self._placements["assembled", placement.modules, 0] = placement
            if placement.title != "Assembled":
                self._session.say("INFO", f"No geometry of {kind.title} is known; its modules stay in rows.")
            self._draw()

    def _overlay(self) -> None:
        for view in self._views:
            view.set_overlay(self._session.overlay, self.flags_visible)
            view.set_excluded(self._session.excluded)

    def _mark(self) -> None:
        placement, pixel = self.placement, self._session.shown.pixel
        hidden = placement is None or pixel is None or pixel[0] not in placement.modules
        at = (None,) if hidden else (placement.modules.index(pixel[0]), self._row(pixel), pixel[2])
        for view in self._views:
            view.set_crosshair(*at)

    def _row(self, pixel: Pixel) -> int:
        return pixel[1] if self.form != "cells" else self._session.shown.at.get(self._rows.name, 0)

"""The maps: slots that share one camera and one cursor, in one of three arrangements."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from PyQt6.QtCore import QEvent, QObject, QPoint, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QActionGroup, QImage, QMouseEvent
from PyQt6.QtWidgets import QGridLayout, QLabel, QMenu, QSizePolicy, QWidget

from app.background import Background
from app.panels.slots import SLOT_COUNTS, Choice, choices, fill, flags_of
from app.session import Session
from app.widgets.camera import CameraModel
from app.widgets.colour import COLOUR_MAPS, SCALES
from app.widgets.map_view import MapView
from calib_core.geometry import Placement, assembled, single, stacked
from calib_core.jobs.board import Picture

#: Colour maps of the first, second, … map that is not of flags, so that neighbours do not look alike.
_COLOUR_MAPS = ("viridis", "cividis", "magma", "CET-CBL1")
_ASSEMBLING = "Assembling the picture"


class SlotView(Protocol):
    """What the presenter asks of a slot; :class:`MapView` has it."""

    def set_placement(self, index: np.ndarray, shape: tuple[int, int, int]) -> None: ...  # noqa: D102
    def set_map(self, values: np.ndarray, unit: str = "", title: str = "") -> None: ...  # noqa: D102
    def set_flags(self, flags: np.ndarray | None) -> None: ...  # noqa: D102
    def set_coverage(self, coverage: np.ndarray | None) -> None: ...  # noqa: D102
    def set_overlay(self, selected_bits: int, visible: bool = True) -> None: ...  # noqa: D102
    def set_percentiles(self, low: float, high: float) -> None: ...  # noqa: D102
    def set_colour_map(self, name: str) -> None: ...  # noqa: D102
    def set_crosshair(self, module: int | None, row: int | None = None, col: int | None = None) -> None: ...  # noqa: D102
    def clear(self) -> None: ...  # noqa: D102


class MapsPresenter(QObject):
    """Decides what each slot shows; holds no widget but the slots that it was given.

    ``hovered`` tells the pixel (module number, row, column) under the cursor, or None.
    """

    hovered = pyqtSignal(object)
    slots_changed = pyqtSignal()

    def __init__(self, session: Session, background: Background, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.flags_visible = True
        self.percentiles = (1.0, 99.0)
        self.wanted: tuple[str, ...] = ()
        self._session, self._background = session, background
        self._views: Sequence[SlotView] = ()
        self._shown: list[Placement | None] = []
        self._placements: dict[tuple[str, tuple[int, ...], int], Placement] = {}
        self._assembling: tuple[object, tuple[int, ...]] | None = None
        session.plan_changed.connect(self._take_plan)
        session.picture_changed.connect(self._draw)
        session.arrangement_changed.connect(self._rearrange)
        session.module_changed.connect(self._rearrange)
        session.overlay_changed.connect(self._overlay)
        session.pixel_changed.connect(self._mark)

    @property
    def offered(self) -> tuple[Choice, ...]:
        """Maps that the shown job offers."""
        return choices(self._session.plan.maps) if self._session.plan else ()

    @property
    def chosen(self) -> tuple[Choice, ...]:
        """Map of each slot."""
        known = {choice.key: choice for choice in self.offered}
        return tuple(known[key] for key in fill(self.wanted, self.offered, len(self._views)))

    @property
    def placement(self) -> Placement | None:
        """Arrangement that is shown."""
        return self._shown[0] if self._shown else None

    def set_views(self, views: Sequence[SlotView]) -> None:
        """Use other slots."""
        self._views = views
        self._shown = [None] * len(views)
        self.set_percentiles(*self.percentiles)
        self._overlay()
        self._dress()
        self._draw()

    def assign(self, slot: int, key: str) -> None:
        """Put a map into a slot."""
        keys = [choice.key for choice in self.chosen]
        keys[slot] = key
        self.wanted = tuple(keys)
        self._dress()
        self._draw()

    def set_percentiles(self, low: float, high: float) -> None:
        """Let the colours of all slots follow these percentiles."""
        self.percentiles = (low, high)
        for view in self._views:
            view.set_percentiles(low, high)

    def set_flags_visible(self, visible: bool) -> None:
        """Draw bad-pixel flags over the maps, or not."""
        self.flags_visible = visible
        self._overlay()

    def hover(self, pixel: tuple[int, int, int] | None) -> None:
        """Take the pixel under the cursor; its first number counts the picture's modules."""
        self.hovered.emit(self._numbered(pixel) if pixel is not None else None)

    def click(self, *pixel: int) -> None:
        """Select a pixel; its first number counts the picture's modules."""
        chosen = self._numbered(pixel)
        if chosen is not None:
            self._session.set_module(chosen[0])
            self._session.set_pixel(chosen)

    def values_at(self, pixel: tuple[int, int, int]) -> list[tuple[Choice, float]]:
        """Value of each slot's map at a pixel."""
        picture = self._session.picture
        if picture is None or pixel[0] not in picture.modules:
            return []
        at = (picture.modules.index(pixel[0]), *pixel[1:])
        found = [(choice, choice.values(picture)) for choice in dict.fromkeys(self.chosen)]
        return [(choice, float(values[at])) for choice, values in found if values is not None]

    def _numbered(self, pixel: Sequence[int]) -> tuple[int, int, int] | None:
        placement = self.placement
        if placement is None or pixel[0] >= len(placement.modules):
            return None
        return placement.modules[pixel[0]], pixel[1], pixel[2]

    def _take_plan(self) -> None:
        self._placements.clear()
        self._assembling = None
        self._dress()
        if self._session.plan is not None and self._session.arrangement == "assembled":
            self._assemble(self._session.plan.modules)

    def _dress(self) -> None:
        """Tell session and slots which maps are wanted and in which colours."""
        valued = [choice for choice in self.offered if not choice.spec.flags]
        for view, choice in zip(self._views, self.chosen, strict=False):
            if choice in valued:
                view.set_colour_map(_COLOUR_MAPS[valued.index(choice) % len(_COLOUR_MAPS)])
        if self._session.plan is not None:
            flags = [spec.name for spec in self._session.plan.maps if spec.flags]
            self._session.look_at(maps=tuple(sorted({c.spec.name for c in self.chosen} | set(flags))))
            self._rearrange()
        self.slots_changed.emit()

    def _rearrange(self) -> None:
        alone = self._session.arrangement == "module"
        self._session.look_at(modules=(self._session.module,) if alone else ())
        self._draw()

    def _draw(self) -> None:
        picture, plan = self._session.picture, self._session.plan
        if picture is None or plan is None:
            self._shown = [None] * len(self._views)
            for view in self._views:
                view.clear()
            return
        placement = self._place(picture)
        for i, choice in enumerate(self.chosen):
            self._place_slot(i, placement)
            self._fill(self._views[i], choice, picture)
        self._mark()

    def _place_slot(self, slot: int, placement: Placement) -> None:
        if self._shown[slot] is not placement:
            self._shown[slot] = placement
            shape = self._session.plan.detector.type.shape
            self._views[slot].set_placement(placement.index, (len(placement.modules), *shape))

    def _fill(self, view: SlotView, choice: Choice, picture: Picture) -> None:
        values = choice.values(picture)
        if values is None:
            view.clear()
            return
        if not choice.spec.flags:
            values = np.asarray(values, np.float32)
            view.set_flags(flags_of(picture, self._session.plan.maps))
        view.set_map(values, choice.spec.unit, choice.title)
        view.set_coverage(None if picture.coverage.min(initial=1.0) >= 1 else picture.coverage)

    def _place(self, picture: Picture) -> Placement:
        """Arrangement for a picture; modules are stacked until they have been assembled."""
        kind, modules, module = self._session.plan.detector.type, picture.modules, self._session.module
        arrangement = self._session.arrangement
        if arrangement == "module":
            shown = module if module in modules else modules[0]
            return self._keep((arrangement, modules, shown), partial(single, kind, modules, shown))
        if arrangement == "assembled":
            found = self._placements.get((arrangement, modules, 0))
            if found is not None:
                return found
            self._assemble(modules)
        return self._keep(("stacked", modules, 0), partial(stacked, kind, modules))

    def _keep(self, key: tuple[str, tuple[int, ...], int], make: partial[Placement]) -> Placement:
        if key not in self._placements:
            self._placements[key] = make()
        return self._placements[key]

    def _assemble(self, modules: tuple[int, ...]) -> None:
        """Assemble in the background, since reading the geometry takes its time."""
        kind = self._session.plan.detector.type
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
        if self._session.plan is not None and self._session.plan.detector.type is kind:
            self._placements["assembled", placement.modules, 0] = placement
            self._draw()

    def _overlay(self) -> None:
        for view in self._views:
            view.set_overlay(self._session.overlay, self.flags_visible)

    def _mark(self) -> None:
        placement, pixel = self.placement, self._session.pixel
        hidden = placement is None or pixel is None or pixel[0] not in placement.modules
        for view in self._views:
            if hidden:
                view.set_crosshair(None)
            else:
                view.set_crosshair(placement.modules.index(pixel[0]), *pixel[1:])


class MapsPanel(QWidget):
    """Slots in a grid, each with a menu on its title and its picture."""

    def __init__(self, session: Session, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("maps")
        # a click on a map takes the keyboard back from editors
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.camera = CameraModel(self)
        self.presenter = MapsPresenter(session, background, self)
        self.views: list[MapView] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(4, 2, 4, 2)
        self._grid.setSpacing(6)
        self.set_slots(4)

    def set_slots(self, count: int) -> None:
        """Show this many maps, one of :data:`SLOT_COUNTS`."""
        if count not in SLOT_COUNTS:
            raise ValueError(f"there are {SLOT_COUNTS} slots, not {count}")
        while len(self.views) < count:
            self.views.append(self._make_slot(len(self.views)))
        columns = {1: 1, 2: 2, 4: 2, 6: 3}[count]
        for i, view in enumerate(self.views):
            self._grid.removeWidget(view)
            view.setVisible(i < count)
            if i < count:
                self._grid.addWidget(view, i // columns, i % columns)
        self.presenter.set_views(self.views[:count])
        self.fit()

    @property
    def slots(self) -> int:
        """Number of maps that are shown."""
        return sum(not view.isHidden() for view in self.views)

    def fit(self) -> None:
        """Show everything."""
        self.views[0].canvas.fit()

    def image(self) -> QImage:
        """Picture of all slots."""
        return self.grab().toImage()

    def slot_images(self) -> list[tuple[str, QImage]]:
        """Title and picture of each slot."""
        shown = zip(self.presenter.chosen, self.views, strict=False)
        return [(choice.title, view.image()) for choice, view in shown]

    def _make_slot(self, slot: int) -> MapView:
        view = MapView(self)
        view.setObjectName(f"slot_{slot}")
        view.set_camera(self.camera)
        view.pixel_hovered.connect(self.presenter.hover)
        view.pixel_clicked.connect(self.presenter.click)
        view.menu_requested.connect(partial(self._show_menu, slot))
        title = view.findChild(QLabel, "map_title")
        # a long title must not widen the window
        title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        title.setCursor(Qt.CursorShape.PointingHandCursor)
        title.setToolTip("Click to put another map here")
        title.setProperty("slot", slot)
        title.installEventFilter(self)
        return view

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Open the menu by a click on a title."""
        if event.type() == QEvent.Type.MouseButtonPress and isinstance(event, QMouseEvent):
            self._show_menu(watched.property("slot"), event.globalPosition().toPoint())
            return True
        return super().eventFilter(watched, event)

    def _show_menu(self, slot: int, position: QPoint) -> None:
        self.slot_menu(slot).popup(position)

    def slot_menu(self, slot: int) -> QMenu:
        """Menu of a slot: its map, colours, scale and levels."""
        view, menu = self.views[slot], QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        current = self.presenter.chosen[slot] if self.presenter.chosen else None
        group = QActionGroup(menu)
        for choice in self.presenter.offered:
            action = QAction(choice.heading, menu, checkable=True, checked=choice == current)
            action.triggered.connect(partial(self._assign, slot, choice.key))
            menu.addAction(group.addAction(action))
        menu.addSeparator()
        _submenu(menu, "Colours", COLOUR_MAPS, view.set_colour_map)
        _submenu(menu, "Scale", SCALES, view.set_scale)
        menu.addAction("Levels from what is in sight", view.fit_levels_to_view)
        menu.addAction("Levels from percentiles", lambda: view.set_percentiles(*self.presenter.percentiles))
        menu.addSeparator()
        menu.addAction("Show everything", self.fit)
        return menu

    def _assign(self, slot: int, key: str) -> None:
        self.presenter.assign(slot, key)


def _submenu(menu: QMenu, title: str, names: object, chosen: object) -> None:
    under = menu.addMenu(title)
    for name in names:
        under.addAction(name, partial(chosen, name))


def save_image(image: QImage, path: Path) -> None:
    """Write a picture; its format follows from the suffix.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    if not image.save(str(path)):
        raise OSError(f"The picture {path} cannot be written; choose another folder and .png as suffix.")

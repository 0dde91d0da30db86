"""The maps: slots that share one camera and one cursor, in one of three arrangements."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QEvent, QObject, QPoint, Qt
from PyQt6.QtGui import QAction, QActionGroup, QImage, QMouseEvent
from PyQt6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.panels.maps.age import AgeLabel
from app.panels.maps.bad_pixels import BadPixelWalk
from app.panels.maps.maps_presenter import MapsPresenter
from app.panels.maps.outlines import Outlines
from app.panels.maps.regions import Regions
from app.panels.maps.slot_view import FORMS
from app.panels.maps.slots import SLOT_COUNTS, Choice, offered_in_menu
from app.panels.maps.source_line import SourceLine
from app.panels.maps.values import ValuesPresenter
from app.running.background import Background
from app.session.session import Session
from app.session.standings import Standings
from app.widgets.camera import CameraModel
from app.widgets.colour import COLOUR_MAPS, SCALES
from app.widgets.curve_view import CurveView
from app.widgets.even_grid import EvenGrid
from app.widgets.map_view import MapView
from app.widgets.values_view import ValuesView
from calib_core.subjects.pair import PairSubject

#: Columns of so many maps that are shown.
_COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}


class _Slot(QStackedWidget):
    """Room for one map, as an image or as curves; curves are made when they are wanted first."""

    def __init__(self, number: int, panel: MapsPanel) -> None:
        super().__init__(panel)
        self.number, self._panel = number, panel
        self.image = panel.wired(MapView(self), number)
        self.curves: CurveView | None = None
        self.values: ValuesView | None = None
        self.addWidget(self.image)

    def show_form(self, form: str) -> MapView | CurveView:
        """Show the view for a way of showing maps, and return it."""
        if form != "curves":
            self.setCurrentWidget(self.image)
            return self.image
        if self.curves is None:
            self.curves = self._panel.wired(CurveView(self), self.number)
            self.addWidget(self.curves)
        self.setCurrentWidget(self.curves)
        return self.curves


    def show_values(self) -> ValuesView:
        """Show the view of results without pixels, and return it."""
        if self.values is None:
            self.values = self._panel.titled(ValuesView(self), self.number)
            self.addWidget(self.values)
        self.setCurrentWidget(self.values)
        return self.values


class MapsPanel(QWidget):
    """Slots in a grid, each with a menu on its title and its picture."""

    def __init__(
        self, session: Session, background: Background, standings: Standings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("maps")
        # a click on a map takes the keyboard back from editors
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.camera = CameraModel(self)
        self._session, self.presenter = session, MapsPresenter(session, background, self)
        self.regions = Regions(session, self.presenter, self)
        self.outlines = Outlines(session, self.presenter, self)
        self.source = SourceLine(session, standings, self)
        self._slots: list[_Slot] = []
        self._count, self._placed, self._alone, self._covered = 0, 0, False, 0
        self._grid = EvenGrid()
        self._take_margins()
        self._grid.setSpacing(6)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        self._ways = QHBoxLayout()
        self._ways.setSpacing(2)
        self._ways.addWidget(self.source, 1)
        self.age = AgeLabel(session, self)
        self._ways.addWidget(self.age)
        whole.addLayout(self._ways)
        whole.addLayout(self._grid, 1)
        self._values = ValuesPresenter(session, self._of_values, self)
        self.set_slots(4)
        self.presenter.slots_changed.connect(self._choose_views)
        self.presenter.form_changed.connect(self._change_form)
        self.walk = BadPixelWalk(session, self)
        self.walk.found.connect(self._bring_into_sight)
        self.presenter.scale_of_screen = lambda: self.camera.scale
        session.is_drawing = lambda: self.camera.turns.is_busy

    def offer(self, actions: Sequence[QAction]) -> None:
        """Put buttons beside the line that says whose maps these are; each is there while its action is."""
        for action in actions:
            button = QToolButton(self, objectName=action.objectName())
            action.setIconText(action.text())  # Qt takes the dots away from what is asked further
            button.setDefaultAction(action)
            button.setAutoRaise(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setVisible(action.isVisible())
            action.visibleChanged.connect(lambda button=button, action=action: button.setVisible(action.isVisible()))
            self._ways.addWidget(button)

    def set_slots(self, count: int) -> None:
        """Show this many maps, one of :data:`SLOT_COUNTS`."""
        if count not in SLOT_COUNTS:
            raise ValueError(f"there are {SLOT_COUNTS} slots, not {count}")
        while len(self._slots) < count:
            self._slots.append(_Slot(len(self._slots), self))
        self._count = self._placed = count
        self._place_slots()
        self._change_form(self.presenter.form)
        self.fit()

    def keep_clear(self, height: int) -> None:
        """Let a table that is all there is begin below what lies over the top: its first rows are all it may have."""
        self._covered = height
        self._take_margins()

    def _take_margins(self) -> None:
        self._grid.setContentsMargins(4, 2 + (self._covered if self._alone else 0), 4, 2)

    def _place_slots(self) -> None:
        """Show as many slots as there are to be, as far as there are maps for them."""
        self._take_margins()
        count = self._placed
        columns = _COLUMNS[count]
        self._grid.set_cells(-(-count // columns), columns)
        for i, slot in enumerate(self._slots):
            self._grid.removeWidget(slot)
            slot.setVisible(i < count)
            if i < count:
                self._grid.addWidget(slot, i // columns, i % columns)

    def _change_form(self, form: str) -> None:
        views = [slot.show_form(form) for slot in self._slots]
        if form == "curves":
            for view in views[1:]:
                view.link(views[0])
        self.presenter.set_views(views[:self.slots])
        self._choose_views()

    def _choose_views(self) -> None:
        """Give each slot the view that its result needs; one table that is all there is has all the room."""
        chosen = self.presenter.chosen
        alone = len(chosen) == 1 and chosen[0].result.is_table
        placed = len(chosen) or self._count
        if (alone, placed) != (self._alone, self._placed):
            self._alone, self._placed = alone, placed
            self._place_slots()
        for slot, choice in zip(self._slots, self.presenter.chosen, strict=False):
            if not choice.result.pixels:
                slot.show_values()
            elif slot.currentWidget() is slot.values:
                slot.show_form(self.presenter.form)
        self._values.refresh()

    def _of_values(self) -> list[tuple[ValuesView, Choice]]:
        shown = zip(self._slots, self.presenter.chosen, strict=False)
        return [(slot.values, choice) for slot, choice in shown
                if slot.values is not None and not choice.result.pixels]

    @property
    def slots(self) -> int:
        """Number of maps that are shown where there are so many."""
        return self._count

    @property
    def views(self) -> list[MapView | CurveView]:
        """View of each slot, hidden slots too."""
        return [slot.currentWidget() for slot in self._slots]

    def fit(self) -> None:
        """Show everything."""
        if self.presenter.form != "curves":
            self._slots[0].image.canvas.fit()
            return
        for slot in self._slots:
            if slot.curves is not None:
                slot.curves.fit()

    def _bring_into_sight(self, pixel: tuple[int, int, int]) -> None:
        """Move the maps where a pixel is outside of them; a picture that shows everything stays."""
        if self.presenter.form == "image" and not self.camera.follows_size:
            self._slots[0].image.canvas.centre_on(pixel)

    def shown_views(self) -> list[tuple[Choice, QWidget]]:
        """What each slot shows, and its view."""
        return list(zip(self.presenter.chosen, self.views, strict=False))

    def wired(self, view: MapView | CurveView, slot: int) -> MapView | CurveView:
        """Connect a slot's new view to the presenter, and return it."""
        view.pixel_hovered.connect(self.presenter.hover)
        view.pixel_clicked.connect(self.presenter.click)
        if isinstance(view, MapView):
            view.set_camera(self.camera)
            view.region_marked.connect(self.regions.take)
            view.level_changed.connect(partial(self.presenter.share_levels, slot))
            view.levels_reset.connect(partial(self.presenter.share_percentiles, slot))
        else:
            view.strips_marked.connect(self.regions.take_strips)
        return self.titled(view, slot)

    def titled(self, view: MapView | CurveView | ValuesView, slot: int) -> MapView | CurveView | ValuesView:
        """Let a slot's new view open the slot's menu, by its title too, and return it."""
        view.setObjectName(f"slot_{slot}")
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
        """Menu of a slot: its map, how maps are shown, colours, scale and levels."""
        view, menu = self.views[slot], QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for entries in self._offered(slot):
            current = self.presenter.chosen[slot].key
            _one_of(menu, entries, current, partial(self._assign, slot))
            menu.addSeparator()
        if len(self.presenter.forms) > 1:
            _one_of(menu, {form: FORMS[form] for form in self.presenter.forms}, self.presenter.form,
                    self.presenter.set_form)
            menu.addSeparator()
        if isinstance(view, MapView):
            _submenu(menu, "Colours", COLOUR_MAPS, view.set_colour_map)
            _submenu(menu, "Scale", SCALES, view.set_scale)
            menu.addAction("Levels from what is in sight", view.fit_levels_to_view)
        menu.addAction("Levels from percentiles", partial(self.presenter.share_percentiles, slot))
        menu.addSeparator()
        menu.addAction("Show everything", self.fit)
        return menu

    def _offered(self, slot: int) -> Sequence[Mapping[str, str]]:
        """Headings of what a slot can show by their keys, of a comparison in two groups."""
        subject, offered = self._session.shown.subject, self.presenter.offered
        if not offered:
            return ()
        if isinstance(subject, PairSubject):
            return offered_in_menu(subject, offered, self.presenter.chosen[slot])
        return ({choice.key: choice.heading for choice in offered},)

    def _assign(self, slot: int, key: str) -> None:
        self.presenter.assign(slot, key)


def _one_of(menu: QMenu, titles: Mapping[str, str], current: str, chosen: Callable[[str], None]) -> None:
    """Add entries of which one is marked; choosing one calls ``chosen`` with its name."""
    group = QActionGroup(menu)
    for name, title in titles.items():
        action = QAction(title, menu, checkable=True, checked=name == current)
        action.triggered.connect(lambda _checked, name=name: chosen(name))
        menu.addAction(group.addAction(action))


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

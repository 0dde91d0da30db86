from collections import Counter
from typing import ClassVar

import numpy as np
import pytest
from PyQt6.QtCore import QEvent, QObject
from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QApplication, QWidget

from app.forms.tone_label import ToneLabel, colour_text
from app.widgets import colour, icons, map_view
from app.widgets.map_view import MapView
from app.window import theme


@pytest.fixture
def looks(qapp):
    before, style = qapp.palette(), qapp.style().objectName()
    yield qapp
    qapp.setStyle(style)
    qapp.setPalette(before)


def luminance(colour):
    def linear(part):
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(part) for part in (colour.redF(), colour.greenF(), colour.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first, second):
    """Contrast ratio of WCAG 2.1."""
    dark, light = sorted((luminance(QColor(first)), luminance(QColor(second))))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", theme.THEMES)
@pytest.mark.parametrize("tone", ["text", "muted", "accent", "ok", "info", "warning", "error", "pending"])
@pytest.mark.parametrize("ground", ["base", "window"])
def test_texts_and_states_are_readable(name, tone, ground):
    tones = theme.THEMES[name]
    assert contrast(getattr(tones, tone), getattr(tones, ground)) >= 4.5


@pytest.mark.parametrize("name", theme.THEMES)
def test_theme_reaches_new_and_old_widgets(looks, qtbot, name):
    view = MapView()
    qtbot.addWidget(view)
    view.show()
    theme.apply(view, name)
    looks.processEvents()
    assert theme.current() == name
    assert view.palette().color(QPalette.ColorRole.Base) == QColor(theme.THEMES[name].base)


def test_unknown_theme_is_named(looks):
    with pytest.raises(ValueError, match=r"'neon'.*dark"):
        theme.apply(QWidget(), "neon")


def test_no_widget_is_told_again_and_again_that_its_style_has_changed(window):
    """A style sheet of the program, not of the window, tells each widget as often as it has parents."""
    class Counting(QObject):
        seen: ClassVar = Counter()

        def eventFilter(self, watched, event):
            self.seen[watched] += event.type() == QEvent.Type.StyleChange
            return False

    window.set_theme("light")
    counting = Counting()
    QApplication.instance().installEventFilter(counting)
    window.set_theme("dark")
    QApplication.instance().removeEventFilter(counting)
    assert len(counting.seen) > 500
    assert max(counting.seen.values()) <= 2


def test_a_theme_that_comes_back_draws_no_icon_again(window, monkeypatch):
    for name in ("light", "dark", "light"):
        window.set_theme(name)
    drawn = []
    monkeypatch.setattr(icons, "_drawn", lambda *what: drawn.append(what))
    window.set_theme("dark")
    assert drawn == []


def colour_of_text(widget):
    return widget.palette().color(QPalette.ColorRole.WindowText)


def test_texts_have_the_colour_of_their_tone_in_every_theme(looks, qtbot):
    label = ToneLabel("x", "muted")
    qtbot.addWidget(label)
    label.show()
    for name in ("dark", "light", "dark"):
        theme.apply(label, name)
        label.set_tone("muted")
        assert colour_of_text(label) == QColor(theme.THEMES[name].muted)
        label.set_tone("error")
        assert colour_of_text(label) == QColor(theme.THEMES[name].error)
    colour_text(label, None)
    assert colour_of_text(label) == QColor(theme.DARK.text)


@pytest.mark.parametrize(("name", "middle_is_dark"), [("dark", True), ("light", False)])
def test_no_difference_is_of_the_colour_of_the_ground(window, qtbot, name, middle_is_dark):
    """Dark in the middle in the dark theme and bright in the light one; low is blue in both."""
    view = next(view for _, view in window.maps.shown_views())
    view.set_colour_map("diverging")
    window.set_theme("light" if name == "dark" else "dark")
    qtbot.waitUntil(lambda: view.image().width() > 0 and not view._histogram_tick.isActive())
    window.set_theme(name)
    table = view.painted_map().paint.table
    low, middle, high = (QColor(int(table[i])) for i in (len(table) // 5, len(table) // 2, -len(table) // 5))
    assert (middle.lightness() < 80, middle.lightness() > 180) == (middle_is_dark, not middle_is_dark)
    assert low.blue() > low.red()
    assert high.red() > high.blue()
    assert (view.bar._table == table).all()


def test_another_theme_changes_the_ground_of_maps_and_computes_nothing(window, qtbot, monkeypatch):
    window.set_theme("dark")
    views = [view for _, view in window.maps.shown_views()]
    view = views[0]
    qtbot.waitUntil(lambda: view.image().width() > 0 and not any(
        one._histogram_tick.isActive() or one._levels_stale for one in views))
    levels = view.levels
    sampled = []
    monkeypatch.setattr(map_view, "good_sample", lambda *what: sampled.append(what))
    window.set_theme("light")
    assert view.painted_map().paint.ground == colour.LIGHT_GROUND
    qtbot.wait(100)
    assert sampled == []
    assert view.levels == levels


def test_another_theme_puts_no_scale_in_place_of_words(looks, qtbot):
    """Beside a map of flags is how many there are, beside one of one value that value."""
    view = MapView()
    qtbot.addWidget(view)
    view.show()
    view.set_placement(np.arange(64, dtype=np.int32).reshape(8, 8), (2, 4, 8))
    for values, words in ((np.zeros((2, 4, 8), "u4"), "flagged"), (np.zeros((2, 4, 8), "f4"), "all")):
        view.set_map(values, "", "Map")
        qtbot.waitUntil(lambda words=words: words in view.bar._message)
        for name in ("light", "dark"):
            theme.apply(view, name)
            looks.processEvents()
            assert not view.bar.has_scale
            assert words in view.bar._message

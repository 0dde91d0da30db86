"""Line icons, drawn from paths, in the colours of the theme."""

from __future__ import annotations

from functools import lru_cache

from PyQt6.QtCore import QByteArray, QRectF, Qt
from PyQt6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PyQt6.QtSvg import QSvgRenderer

#: SVG elements on a grid of 24 × 24; strokes and fills take the colour of the text.
SHAPES = {
    "approve": '<path d="M4 13l5 5L20 6"/>',
    "assembled": '<path d="M3 4h8v4H3zM3 10h8v4H3zM14 6h7v4h-7zM14 12h7v4h-7zM14 18h7v3h-7zM3 16h8v4H3z"/>',
    "blink": '<path d="M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12z"/><circle cx="12" cy="12" r="3"/>',
    "chart": '<path d="M4 3v17h17M7 15l4-5 4 3 5-7"/>',
    "close": '<path d="M6 6l12 12M18 6L6 18"/>',
    "copy": '<path d="M8 8h12v12H8zM16 8V4H4v12h4"/>',
    "difference": '<path d="M4 7h10M9 2v10M4 20h16"/>',
    "error": '<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8zM12 7v6M12 16v1.5"/>',
    "export": '<path d="M12 15V3M7 8l5-5 5 5M4 14v6h16v-6"/>',
    "fit": '<path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5"/>',
    "flags": '<path d="M6 21V3M6 4h12l-3 4 3 4H6"/>',
    "info": '<circle cx="12" cy="12" r="9"/><path d="M12 11v6M12 7v1.5"/>',
    "layout": '<path d="M3 4h18v16H3zM3 10h18M12 10v10"/>',
    "module": '<path d="M3 8h18v8H3zM9 8v8M15 8v8"/>',
    "open": '<path d="M3 19V5h6l2 3h9v3M3 19l3-8h16l-3 8z"/>',
    "pause": '<path d="M8 5v14M16 5v14" stroke-width="3"/>',
    "play": '<path d="M7 4l13 8-13 8z" fill="currentColor"/>',
    "redo": '<path d="M20 5v6h-6M20 11a8 8 0 1 0-2 6"/>',
    "reject": '<circle cx="12" cy="12" r="9"/><path d="M6 6l12 12"/>',
    "report": '<path d="M5 3h10l4 4v14H5zM15 3v4h4M8 12h8M8 16h8"/>',
    "search": '<circle cx="10" cy="10" r="6"/><path d="M15 15l6 6"/>',
    "stacked": '<path d="M5 3h14v4H5zM5 10h14v4H5zM5 17h14v4H5z"/>',
    "stop": '<path d="M6 6h12v12H6z" fill="currentColor"/>',
    "theme": '<circle cx="12" cy="12" r="9"/><path d="M12 3a9 9 0 0 1 0 18z" fill="currentColor"/>',
    "undo": '<path d="M4 5v6h6M4 11a8 8 0 1 1 2 6"/>',
    "warning": '<path d="M12 3l10 18H2zM12 9v6M12 17v1.5"/>',
}
_FRAME = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{colour}" '
    'stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round">{shape}</svg>'
)
_SIZES = (16, 24, 32, 48)


def icon(name: str, colour: QColor | None = None) -> QIcon:
    """Return an icon by its name in ``SHAPES``; its colour is by default that of button texts."""
    if name not in SHAPES:
        raise ValueError(f"there is no icon {name!r}; use one of {', '.join(SHAPES)}")
    palette, role = QGuiApplication.palette(), QPalette.ColorRole.ButtonText
    faint = palette.color(QPalette.ColorGroup.Disabled, role)
    return _made(name, (colour or palette.color(role)).name(), faint.name())


@lru_cache(maxsize=256)
def _made(name: str, colour: str, faint: str) -> QIcon:
    """Return an icon that is drawn once: a theme that changes asks for hundreds."""
    made = QIcon()
    for size in _SIZES:
        made.addPixmap(_drawn(name, colour, size))
        made.addPixmap(_drawn(name, faint, size), QIcon.Mode.Disabled)
    return made


def _drawn(name: str, colour: str, size: int) -> QPixmap:
    text = _FRAME.format(colour=colour, shape=SHAPES[name].replace("currentColor", colour))
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(text.encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap

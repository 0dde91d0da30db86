"""The dark and the light look of the window."""

from __future__ import annotations

from dataclasses import fields

from PyQt6.QtGui import QColor, QPalette
from PyQt6.QtWidgets import QApplication, QWidget

from app.widgets.tones import DARK, LIGHT, Tones, is_dark

THEMES = {"dark": DARK, "light": LIGHT}
_STYLE = "fusion"


def apply(window: QWidget, theme: str = "dark") -> None:
    """Give a window, and all that open from it, one of the ``THEMES``; widgets that exist follow at once.

    The palette is the program's, the style sheet the window's: one of the program tells each widget as often as it
    has parents that its style has changed, which takes four times as long.
    """
    if theme not in THEMES:
        raise ValueError(f"there is no theme {theme!r}; use one of {', '.join(THEMES)}")
    tones = THEMES[theme]
    if QApplication.style().objectName() != _STYLE:
        QApplication.setStyle(_STYLE)
    # in this order: widgets take their palette from the program when the style sheet polishes them
    QApplication.setPalette(palette(tones))
    window.setStyleSheet(style_sheet(tones))


def current() -> str:
    """Return the name of the theme in use."""
    return "dark" if is_dark(QApplication.palette()) else "light"


def palette(tones: Tones) -> QPalette:
    """Return a palette for Fusion made of a theme's tones."""
    role = QPalette.ColorRole
    colours = {
        role.Window: tones.window,
        role.WindowText: tones.text,
        role.Base: tones.base,
        role.AlternateBase: tones.raised,
        role.Text: tones.text,
        role.PlaceholderText: tones.muted,
        role.Button: tones.raised,
        role.ButtonText: tones.text,
        role.BrightText: tones.error,
        role.ToolTipBase: tones.raised,
        role.ToolTipText: tones.text,
        role.Highlight: tones.accent,
        role.HighlightedText: tones.base,
        role.Link: tones.accent,
        role.Accent: tones.accent,
        role.Mid: tones.border,
    }
    made = QPalette()
    for name, colour in colours.items():
        made.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, name, _between(tones.muted, tones.window))
    return made


def _between(first: str, second: str) -> QColor:
    a, b = QColor(first), QColor(second)
    return QColor(*((x + y) // 2 for x, y in zip(a.getRgb(), b.getRgb(), strict=True)))


def style_sheet(tones: Tones) -> str:
    """Return what a palette cannot say: quiet docks, flat bars and tables, and texts in the colour of a tone."""
    coloured = "\n".join(f'*[tone="{one.name}"] {{ color: {getattr(tones, one.name)}; }}' for one in fields(tones))
    return f"""
QToolTip {{ color: {tones.text}; background: {tones.raised}; border: 1px solid {tones.border}; padding: 3px; }}
QToolBar {{ background: {tones.window}; border: none; border-bottom: 1px solid {tones.border}; padding: 3px;
    spacing: 3px; }}
QToolBar::separator {{ background: {tones.border}; width: 1px; margin: 4px 3px; }}
QToolButton {{ border: 1px solid transparent; border-radius: 4px; padding: 4px 7px; }}
QToolBar[close="true"] QToolButton {{ padding: 4px 2px; }}
QToolButton:hover {{ background: {tones.raised}; border-color: {tones.border}; }}
QToolButton:checked {{ background: {tones.raised}; border-color: {tones.accent}; }}
QToolButton:focus {{ border-color: {tones.accent}; }}
QDockWidget::title {{ background: {tones.window}; padding: 5px 8px; }}
QTabBar {{ qproperty-drawBase: 0; }}
QTabBar::tab {{ color: {tones.muted}; background: {tones.window}; border: none; border-bottom: 2px solid transparent;
    padding: 4px 8px; }}
QTabBar::tab:selected {{ color: {tones.text}; border-bottom-color: {tones.accent}; }}
QTabBar::tab:hover {{ color: {tones.text}; }}
QMainWindow::separator {{ background: {tones.window}; width: 5px; height: 5px; }}
QMainWindow::separator:hover {{ background: {tones.accent}; }}
QHeaderView::section {{ background: {tones.window}; color: {tones.muted}; border: none;
    border-bottom: 1px solid {tones.border}; padding: 4px 6px; }}
QTableView, QTreeView, QListView, QPlainTextEdit {{ border: 1px solid {tones.border}; }}
QLineEdit, QComboBox {{ padding: 2px 4px; min-height: 18px; }}
QAbstractSpinBox {{ min-height: 18px; max-height: 18px; }}
QAbstractSpinBox QLineEdit {{ padding: 0 2px; min-height: 0; }}
QStatusBar {{ border-top: 1px solid {tones.border}; }}
QLabel#map_title {{ font-weight: 600; padding: 3px; }}
QToolButton#small {{ padding: 1px; }}
QToolButton#fold_heading {{ border: none; border-bottom: 1px solid {tones.border}; border-radius: 0; padding: 3px 0;
    background: transparent; text-align: left; font-weight: 600; }}
QToolButton#fold_heading:hover, QToolButton#fold_heading:focus {{ border-color: {tones.accent}; }}
QTextEdit#banner_text {{ background: transparent; border: none; }}
{coloured}
"""

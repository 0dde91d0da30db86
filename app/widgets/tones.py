"""Colours of states and of pens, chosen for contrast in the dark and in the light theme."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtGui import QColor, QPalette


@dataclass(frozen=True)
class Tones:
    """Colour names of one theme; every state colour has a contrast of at least 4.5 on ``base``."""

    window: str
    base: str
    raised: str
    border: str
    text: str
    muted: str
    accent: str
    ok: str
    info: str
    warning: str
    error: str
    pending: str

    def of_level(self, level: str) -> QColor:
        """Colour of a message level: ``ok``, ``info``, ``warning`` or ``error``."""
        return QColor(getattr(self, level))


DARK = Tones(
    window="#26292f",
    base="#1a1c20",
    raised="#31353c",
    border="#43474f",
    text="#e4e6ea",
    muted="#a3a9b3",
    accent="#4aa3df",
    ok="#5fc38b",
    info="#6cb8ee",
    warning="#f0b429",
    error="#ff7b6b",
    pending="#ff9f43",
)
LIGHT = Tones(
    window="#eceef1",
    base="#ffffff",
    raised="#f7f8fa",
    border="#bfc4cc",
    text="#1b1e23",
    muted="#5a616b",
    accent="#0b65a8",
    ok="#1a7340",
    info="#0b65a8",
    warning="#8a5a00",
    error="#b3261e",
    pending="#a34a00",
)


def is_dark(palette: QPalette) -> bool:
    """Whether a palette has light text on a dark ground."""
    return palette.color(QPalette.ColorRole.Base).lightness() < 128


def tones_of(palette: QPalette) -> Tones:
    """Return the tones that fit a widget's palette."""
    return DARK if is_dark(palette) else LIGHT

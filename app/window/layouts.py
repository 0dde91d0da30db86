"""Named arrangements of the panels, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from PyQt6.QtCore import Qt

LEFT = Qt.DockWidgetArea.LeftDockWidgetArea
RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea
#: Windows that are narrower have one column of tabs at the left in place of two columns.
NARROW = 1400
#: Windows that are narrower have a tool bar of signs, in which the names of layouts are the only texts.
WITH_TEXTS = 1500
#: What the maps keep of the width at least.
MAPS_SHARE = 0.55
#: Width of the handles between the columns and the maps.
_HANDLES = 12
#: Width of a side column: its share of the window, least, most.
_COLUMNS = {LEFT: (0.18, 285, 300), RIGHT: (0.23, 325, 480), None: (0.27, 330, 380)}


@dataclass(frozen=True)
class Place:
    """Where the dock of a panel is.

    ``share`` is its part of the height in per cent: of its column at a side, of the window at the bottom. ``beside``
    is the panel at a side that it is a tab with.
    """

    title: str
    area: Qt.DockWidgetArea
    share: int
    beside: str = ""


@dataclass(frozen=True)
class Layout:
    """One arrangement of the panels.

    Parameters
    ----------
    name, title, key : str
        What it is called in the kept session and on the screen, and the key that brings it.
    places : mapping
        Place of each panel by its name; panels that are not named are hidden.
    slots : int
        Number of maps of a fresh window.
    work : str
        What methods are good for that the form offers, where the family has one; empty leaves the form as it is.
    samples : str
        Title of the inspector's samples where they are what the layout is about: each click reads them.
    previews : bool
        Whether what the form shows is looked at before it runs.
    begins_with : str
        Way in which a comparison begins.
    decides_on : str
        Letter of what is judged and decided on where two are compared.
    wide_bottom : bool
        Whether the bottom has the whole width of the window, below the side columns too.
    columns : mapping
        Share of the window, least and most width of a side column; None is the only column of a narrow window.
    """

    name: str
    title: str
    key: str
    places: Mapping[str, Place]
    slots: int = 4
    work: str = ""
    samples: str = ""
    previews: bool = False
    begins_with: str = "difference"
    decides_on: str = "A"
    wide_bottom: bool = False
    columns: Mapping[Qt.DockWidgetArea | None, tuple[float, int, int]] = field(default_factory=lambda: _COLUMNS)

    def width(self, area: Qt.DockWidgetArea | None, window: int) -> int:
        """Width of a side column, or of the only one (None), in a window of this width."""
        share, least, most = self.columns[area]
        width = min(max(round(share * window), least), most)
        if area != RIGHT:
            return width
        return min(width, int((1 - MAPS_SHARE) * window) - self.width(LEFT, window) - _HANDLES)


DARKS = Layout("darks", "Darks", "F5", {
    "runs": Place("Runs", LEFT, 20),
    "job": Place("Job", LEFT, 54),
    "sources": Place("Sources", LEFT, 26),
    "navigation": Place("Navigator", RIGHT, 36),
    "inspector": Place("Inspector", RIGHT, 64),
    "verdict": Place("Verdict", RIGHT, 64, "inspector"),
    "log": Place("Log", BOTTOM, 18),
    "asics": Place("ASICs", BOTTOM, 30),
    "stages": Place("Gain stages", BOTTOM, 30),
    "changes": Place("Changes", BOTTOM, 30),
    "frames": Place("Frames", BOTTOM, 30),
    "export": Place("Export", BOTTOM, 30),
}, columns={**_COLUMNS, RIGHT: (0.26, 325, 480)})
CORRECT = Layout("correct", "Correct", "F6", {
    "runs": Place("Runs", LEFT, 16),
    "job": Place("Job", LEFT, 58),
    "sources": Place("Sources", LEFT, 26),
    "navigation": Place("Navigator", RIGHT, 28),
    "steps": Place("Steps", RIGHT, 72),
    "inspector": Place("Inspector", RIGHT, 72, "steps"),
    "files": Place("Files", BOTTOM, 18),
    "courses": Place("Over cells", BOTTOM, 30),
    "spectrum": Place("Spectrum", BOTTOM, 34),
    "log": Place("Log", BOTTOM, 18),
    "export": Place("Export", BOTTOM, 30),
}, work="correction", previews=True, columns={**_COLUMNS, None: (0.34, 350, 380)})
GAIN = Layout("gain", "Gain", "F7", {
    "runs": Place("Runs", LEFT, 16),
    "job": Place("Job", LEFT, 58),
    "sources": Place("Sources", LEFT, 26),
    "navigation": Place("Navigator", RIGHT, 14),
    "inspector": Place("Fit", RIGHT, 86),
    "verdict": Place("Verdict", RIGHT, 86, "inspector"),
    "similar": Place("Failing alike", BOTTOM, 28),
    "log": Place("Log", BOTTOM, 18),
    "courses": Place("Over cells", BOTTOM, 30),
    "asics": Place("ASICs", BOTTOM, 30),
    "export": Place("Export", BOTTOM, 30),
}, work="gain", samples="Fit", columns={**_COLUMNS, RIGHT: (0.27, 340, 480), None: (0.38, 360, 520)})
TIMELINE = Layout("timeline", "Timeline", "F8", {
    "constants": Place("Constants", LEFT, 40),
    "sources": Place("Sources", LEFT, 20),
    "navigation": Place("Navigator", RIGHT, 20),
    "inspector": Place("Inspector", RIGHT, 40),
    "verdict": Place("Verdict", RIGHT, 40, "inspector"),
    "timeline": Place("Timeline", BOTTOM, 40),
    "log": Place("Log", BOTTOM, 18),
    "asics": Place("ASICs", BOTTOM, 30),
    "changes": Place("Changes", BOTTOM, 30),
    "export": Place("Export", BOTTOM, 30),
}, begins_with="beside", decides_on="B", wide_bottom=True)
LAYOUTS = (DARKS, CORRECT, GAIN, TIMELINE)
#: Where a panel comes that a layout does not name, once somebody wants it.
ELSEWHERE = Place("", BOTTOM, 30)

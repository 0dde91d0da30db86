"""A subject whose values tell where they are, and whose pictures come when a test delivers them."""

from __future__ import annotations

from threading import Event

import numpy as np

from calib_core.axes import Axis, Picture, Result, picks_of
from calib_core.detector.registry import detector_type
from calib_core.explanation import PLAINLY, Reason

#: Each result tells one coordinate, the last all but row and column; flags lie on other pixels in each memory cell.
RESULTS = (
    *(Result(name, f"Where {name}", "", "f4", "A coordinate", error="") for name in (
        "module", "gain", "cell", "row", "column", "place")),
    Result("bad_pixels", "Bad pixels", "", "u4", "Flags", role="flags"),
)


class TruthSubject:
    """Looks are queued; ``deliver`` publishes the picture of any of them, and ``place_of`` tells what it is of.

    Whoever reads in the background waits while ``gate`` is not set.
    """

    ended, state, notes, files, about = False, "running", (), (), {"runs": "none"}
    results = RESULTS

    def __init__(self, title="Truth", modules=(1, 2, 4, 7), gains=("HG", "MG", "LG"), cells=tuple(range(0, 16, 2)),
                 kind="AGIPD1M", number=1):
        self.title = self.identifier = title
        self.kind, self.number = detector_type(kind), number
        self.modules = modules
        self.remarks, self.when, self.units = (), None, {}
        self.axes = {axis.name: axis for axis in (
            Axis("gain", "Gain stage", gains), Axis("cell", "Memory cell", cells))}
        self.version, self.picture, self.queue, self._places = 1, None, [], []
        self.gate = Event()
        self.gate.set()

    def look_at(self, view):
        self.queue.append(view)

    def deliver(self, number=-1):
        """Publish the picture of a view of the queue, which stays in it."""
        view = self.queue[number]
        modules = tuple(m for m in self.modules if not view.modules or m in view.modules)
        picks = view.picks or [pick for one in RESULTS for pick in picks_of(one, self.axes)]
        maps = {pick: self._images(pick.result, modules, view.at) for pick in picks}
        self.picture = Picture(view, modules, maps, np.ones(len(modules)))
        self._places.append((self.picture, self.at(view.at)))
        self.version += 1

    def place_of(self, picture):
        """Index of the gain stage and number of the memory cell of a picture that was delivered."""
        return next(place for one, place in self._places if one is picture)

    def at(self, at):
        """Index of the gain stage, and number of the memory cell."""
        gain, cell = (min(max(at.get(name, 0), 0), len(self.axes[name]) - 1) for name in ("gain", "cell"))
        return gain, self.axes["cell"].labels[cell]

    def plane(self, result, module, at):
        self.gate.wait(20)
        return self._image(result, module, at)

    def _images(self, result, modules, at):
        dtype = np.uint32 if result == "bad_pixels" else np.float32
        return np.array([self._image(result, m, at) for m in modules], dtype).reshape(-1, *self.kind.shape)

    def _image(self, result, module, at):
        gain, cell = self.at(at)
        rows, columns = np.indices(self.kind.shape)
        if result == "bad_pixels":
            return np.where((rows + columns + cell) % 97 == 0, 1, 0).astype(np.uint32)
        flat = {"module": module, "gain": gain, "cell": cell}
        whole = 10000 * self.number + 1000 * module + 100 * gain + cell
        known = {"row": rows, "column": columns, "place": whole + (rows + columns) % 2 / 2}
        return (known[result] if result in known else np.full(self.kind.shape, flat[result])).astype(np.float32)

    def along(self, result, axis, module, row, col, at):
        self.gate.wait(20)
        places = range(len(self.axes[axis]))
        return np.array([float(self._image(result, module, {**at, axis: i})[row, col]) for i in places])

    def reasons(self, module, row, col, at):
        self.gate.wait(20)
        gain, cell = self.at(at)
        return (Reason(1, "Place", float(cell), "", 0.0, 1.0, float(gain), float(module), True,
                       f"module {module} gain {gain} cell {cell} row {row} column {col}"),)

    def values(self, result, module=None):
        return None

    def explain(self, module, row, col, at, asked=PLAINLY):
        return None

    def frames(self, module, row, at):
        return None

    def close(self):
        pass

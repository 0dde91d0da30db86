"""The side file with the truth of a simulated set of runs.

Layout (HDF5), arrays per module with the axes (stage, cell, slow_scan, fast_scan); an axis of length 1 holds for
all stages or cells::

    /settings                           text, JSON of the settings
    /cells                              int64, memory cells in the order of the cell axis
    /recorded                           bool, whether a cell is recorded at all
    /module/<number>/offset             float32, ADU
    /module/<number>/noise              float32, ADU, of the digitised values: sqrt(sigma² + 1/12)
    /module/<number>/gain_signal        float32, ADU, where the detector has an analogue gain signal
    /module/<number>/gain_signal_noise  float32, ADU, likewise
    /module/<number>/bad                uint32, bits of BadKind

Thresholds between the gain stages are the middles between their mean gain signals; they are not stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.errors import BadInput
from calib_core.io.libraries import h5py
from calib_core.simulate.scene import Scene
from calib_core.simulate.scenes import scenes
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth
from calib_core.store.draft import Draft

Array = npt.NDArray[Any]
_ALL = slice(None)


@dataclass(frozen=True)
class Truth:
    """What a simulated set of runs is made of, read from its file module by module.

    Attributes
    ----------
    path : Path
    settings : Settings
    scene : Scene
        What the runs show.
    modules : tuple of int
    cells : (cells,) int64
        Memory cells in the order of the cell axis, ascending.
    recorded : (cells,) bool
        False for vetoed cells.
    """

    path: Path
    settings: Settings
    scene: Scene
    modules: tuple[int, ...]
    cells: Array
    recorded: Array

    def offset(self, module: int, cells: slice = _ALL) -> Array:
        """Mean signal (stage, cell, slow_scan, fast_scan) float32, ADU; of a part of the axis of cells if asked."""
        return self._full(module, "offset", cells)

    def noise(self, module: int, cells: slice = _ALL) -> Array:
        """Standard deviation of the digitised signal, as :meth:`offset`."""
        return self._full(module, "noise", cells)

    def gain_signal(self, module: int, cells: slice = _ALL) -> Array:
        """Mean gain signal, as :meth:`offset`."""
        return self._full(module, "gain_signal", cells)

    def gain_signal_noise(self, module: int) -> Array:
        """Standard deviation of the digitised gain signal (stage, cell, slow_scan, fast_scan) float32, ADU."""
        return self._full(module, "gain_signal_noise")

    def thresholds(self, module: int, cells: slice = _ALL) -> Array:
        """Middles between the gain signals of neighbouring stages (stages - 1, cell, slow_scan, fast_scan)."""
        signal = self.gain_signal(module, cells)
        return (signal[1:] + signal[:-1]) / 2

    def gain(self, module: int, cells: slice = _ALL) -> Array:
        """Conversion, ADU per keV, as :meth:`offset`."""
        return self._full(module, "gain", cells)

    def above_line(self, module: int, cells: slice = _ALL) -> Array:
        """How far offsets lie above the beginnings of lines over charge, as :meth:`offset`."""
        return self._full(module, "above_line", cells)

    def switch(self, module: int) -> Array:
        """Signal above the offset at which pixels take the next stage (stages - 1, slow_scan, fast_scan), ADU."""
        return self._stored(module, "switch")

    def bad(self, module: int) -> Array:
        """Kinds of bad pixels (slow_scan, fast_scan) uint32, bits of :class:`BadKind`."""
        return np.asarray(self._stored(module, "bad")[0, 0])

    def _full(self, module: int, name: str, cells: slice = _ALL) -> Array:
        detector = self.settings.detector
        shape = (len(detector.stages), len(self.cells[cells]), *detector.shape)
        return np.broadcast_to(self._stored(module, name, cells), shape)

    def _stored(self, module: int, name: str, cells: slice = _ALL) -> Array:
        """A map with all stages, its cells where it has them, else one entry for all."""
        with h5py.File(self.path, locking=False) as file:
            found = file.get(f"module/{module}/{name}")
            if found is None:
                raise BadInput(f"Truth file {self.path} has no {name} of module {module}.")
            return np.asarray(found[:, cells] if found.shape[1] == len(self.cells) else found)


def read_truth(path: Path) -> Truth:
    """Open a truth file.

    Raises
    ------
    BadInput
        The file cannot be read or is no truth file.
    """
    try:
        with h5py.File(path, locking=False) as file:
            settings = Settings.model_validate_json(file["settings"].asstr()[()])
            scene = scenes()[file["kind"].asstr()[()]].model_validate_json(file["scene"].asstr()[()])
            modules = tuple(sorted(int(name) for name in file["module"]))
            return Truth(path, settings, scene, modules, file["cells"][:], file["recorded"][:])
    except (OSError, KeyError) as error:
        raise BadInput(f"Truth file {path} cannot be read: {error}.") from error


class TruthWriter:
    """Writes a truth file; modules may come from several threads and in any order."""

    def __init__(self, draft: Draft, settings: Settings, scene: Scene, cells: Array, recorded: Array) -> None:
        self._file = h5py.File(draft, "w")
        self._cells = cells
        self._stages = range(len(settings.detector.stages))
        self._file["settings"] = settings.model_dump_json()
        self._file["kind"] = scene.word
        self._file["scene"] = scene.model_dump_json()
        self._file["cells"] = cells
        self._file["recorded"] = recorded

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(self, truth: ModuleTruth) -> None:
        """Write all maps of a module."""
        group = self._file.create_group(f"module/{truth.module}")
        group["bad"] = truth.bad[None, None]
        group["noise"] = self._per_stage(truth.noise)
        self._per_cell(group, "offset", truth.offset)
        if truth.detector.signal_plane is not None:
            group["gain_signal_noise"] = self._per_stage(truth.gain_signal_noise)
            self._per_cell(group, "gain_signal", truth.gain_signal)
        if truth.levels.gain:
            self._add_conversion(group, truth)

    def _add_conversion(self, group: Any, truth: ModuleTruth) -> None:
        """What charge becomes; once for all memory cells where those do not differ."""
        if truth.levels.gain_of_cells:
            self._per_cell(group, "gain", truth.gain)
        else:
            group["gain"] = self._per_stage(partial(truth.gain, cell=int(self._cells[0])))
        if truth.levels.above_line:
            group["above_line"] = self._per_stage(truth.above_line)
        if len(self._stages) > 1:
            group["switch"] = np.stack([truth.switch(stage) for stage in self._stages[:-1]])

    def _per_stage(self, make: Any) -> Array:
        return np.stack([make(stage)[None] for stage in self._stages]).astype(np.float32)

    def _per_cell(self, group: Any, name: str, make: Any) -> None:
        first = make(0, int(self._cells[0]))
        shape = (len(self._stages), len(self._cells), *first.shape)
        stored = group.create_dataset(name, shape, np.float32)
        for stage in self._stages:
            for index, cell in enumerate(self._cells):
                stored[stage, index] = make(stage, int(cell))

"""The truth: what each pixel, memory cell and gain stage of a simulated module is really like.

Levels are those of the detector type; see :class:`Level` for their structure.
"""

from __future__ import annotations

from enum import IntFlag
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import Level
from calib_core.errors import BadParameter
from calib_core.simulate.noise import key_of, normals, uniforms
from calib_core.simulate.settings import Settings, simulated

Array = npt.NDArray[Any]

#: Variance that digitisation adds to that of the signal, ADU².
DIGITISATION_VARIANCE = 1 / 12
#: Rows of the analogue memory, in cells.
CELLS_PER_ROW = 32
_NOISY_FACTOR = 4
#: A high offset lies this many standard deviations of its ASIC above the ASIC's mean.
_HIGH_OFFSET = (14.0, 18.0)
#: Distinguish the random fields of a module.
_OFFSET, _NOISE, _SIGNAL, _SIGNAL_NOISE, _BAD, _HIGH, _GAIN, _RATIO, _SWITCH, _LINE = range(10)


class BadKind(IntFlag):
    """Kinds of bad pixels that the simulator makes."""

    DEAD = 1
    NOISY = 2
    HIGH_OFFSET = 4
    DEAD_BLOCK = 8
    WRONG_GAIN = 16
    BLINKING = 32
    ODD_ASIC = 64


class ModuleTruth:
    """Truth of one module; arrays are (slow_scan, fast_scan) float32, ADU, and depend on the settings only."""

    def __init__(self, settings: Settings, module: int) -> None:
        self.module = module
        self.settings = settings
        self.detector = settings.detector
        self._hardware, self.levels = simulated(self.detector).hardware, settings.levels
        levels = self.levels
        self._levels = {_OFFSET: levels.offset, _NOISE: levels.noise, _SIGNAL: levels.gain_signal,
                        _SIGNAL_NOISE: levels.gain_signal_noise, _GAIN: levels.gain, _RATIO: levels.gain_ratio,
                        _SWITCH: levels.switch, _LINE: levels.above_line}
        self._key = (settings.seed, module)
        self._shape = self.detector.shape
        self._pixel_maps: dict[tuple[int, int], Array] = {}

    @cached_property
    def bad(self) -> npt.NDArray[np.uint32]:
        """Kinds of bad pixels, (slow_scan, fast_scan) bits of :class:`BadKind`; the same in all cells and stages."""
        if self.settings.dead_module == self.module:
            return np.full(self._shape, BadKind.DEAD, np.uint32)
        shares = self._bad_shares()
        edges = np.cumsum(list(shares.values()))
        drawn = uniforms(key_of(*self._key, _BAD), self.detector.pixels).reshape(self._shape)
        kinds = np.array([*shares, 0], np.uint32)
        bad = kinds[np.searchsorted(edges, drawn, side="right")]
        if self.settings.dead_block_module == self.module:
            bad[self._dead_block()] = BadKind.DEAD_BLOCK
        bad[self.odd_asic] |= np.uint32(BadKind.ODD_ASIC)
        return bad

    @property
    def odd_asic(self) -> tuple[slice, slice]:
        """Pixels of the ASIC that differs; none where this module has none.

        Raises
        ------
        BadParameter
            The module has no such ASIC.
        """
        if self.settings.odd_asic_module != self.module:
            return slice(0, 0), slice(0, 0)
        (high, wide), (slow, fast) = self.detector.asic_shape, self._shape
        row, column = divmod(self.settings.odd_asic, fast // wide)
        if row * high >= slow:
            raise BadParameter(f"odd_asic = {self.settings.odd_asic} is not allowed; a module of "
                               f"{self.detector.title} has the ASICs 0 to {slow // high * (fast // wide) - 1}.")
        return slice(row * high, (row + 1) * high), slice(column * wide, (column + 1) * wide)

    @property
    def dead(self) -> npt.NDArray[np.bool_]:
        """True where a pixel always gives 0."""
        return (self.bad & (BadKind.DEAD | BadKind.DEAD_BLOCK)) > 0

    def offset(self, stage: int, cell: int) -> Array:
        """Mean signal, 0 where the pixel is dead."""
        values = self._value(_OFFSET, stage, cell)
        values[self.odd_asic] += np.float32(self.settings.odd_asic_offset)
        return np.where(self.dead, np.float32(0), values)

    def sigma(self, stage: int) -> Array:
        """Noise before digitisation, the same in all memory cells."""
        values = self._pixel_map(_NOISE, stage).copy()
        values[self.odd_asic] *= np.float32(self.settings.odd_asic_noise)
        return np.where(self.bad & BadKind.NOISY, values * np.float32(_NOISY_FACTOR), values)

    def noise(self, stage: int) -> Array:
        """Noise of the digitised values, sqrt(sigma² + 1/12), 0 where the pixel is dead.

        For few-bit converters: this and the offset hold within 0.2 % and 0.0003 ADU for sigma from 0.6 ADU.
        At 0.5 ADU they depend on the offset's fraction by up to 1.2 % and 0.003 ADU, at 0.3 ADU by a quarter and
        0.06 ADU.
        Codes cut at 0 or at the top change them as well.
        """
        return self._digitised(self.sigma(stage))

    def gain_signal(self, stage: int, cell: int) -> Array:
        """Mean gain signal of detectors that have one; the levels of the stages are steps from the one before."""
        total = np.zeros(self._shape, np.float32)
        for index in range(stage + 1):
            total += self._value(_SIGNAL, index, cell)
        return np.where(self.dead, np.float32(0), total)

    def gain_signal_sigma(self, stage: int) -> Array:
        """Noise of the gain signal before digitisation."""
        return self._pixel_map(_SIGNAL_NOISE, stage)

    def gain_signal_noise(self, stage: int) -> Array:
        """Noise of the digitised gain signal, 0 where the pixel is dead."""
        return self._digitised(self.gain_signal_sigma(stage))

    def gain(self, stage: int, cell: int) -> Array:
        """Conversion, ADU per keV, of types that have one.

        Parameters
        ----------
        stage, cell : int

        Returns
        -------
        (slow_scan, fast_scan) float32
            Also of pixels that are dead.
        """
        own = len(self.levels.gain)
        if stage < own:
            return self._value(_GAIN, stage, cell)
        return np.asarray(self.gain(stage - 1, cell) / self._value(_RATIO, stage - own, cell))

    def above_line(self, stage: int) -> Array:
        """How far the offset lies above the beginning of the stage's line over charge, the same in all cells."""
        own = stage < len(self.levels.above_line)
        return self._pixel_map(_LINE, stage) if own else np.zeros(self._shape, np.float32)

    def baseline(self, stage: int, cell: int) -> Array:
        """Signal of light without any charge: in stages after the first not what a dark gives that forces them.

        Parameters
        ----------
        stage, cell : int

        Returns
        -------
        (slow_scan, fast_scan) float32
            Where the stage's line is at the charge at which that of the first stage is at its offset.
        """
        offset = self.offset(stage, cell)
        if not 0 < stage < len(self.levels.above_line):
            return offset
        ahead = self.above_line(0) * (self.gain(stage, cell) / self.gain(0, cell))
        return np.where(self.dead, np.float32(0), offset - self.above_line(stage) + ahead)

    def switch(self, stage: int) -> Array:
        """Signal above the offset at which a pixel takes the next stage, the same in all memory cells.

        Parameters
        ----------
        stage : int
            Any but the last.
        """
        return self._pixel_map(_SWITCH, stage)

    def switch_charge(self, stage: int, cell: int) -> Array:
        """Charge above which a pixel takes the stage after ``stage``, keV."""
        return np.asarray(self.switch(stage) / self.gain(stage, cell))

    def _value(self, field: int, index: int, cell: int) -> Array:
        level = self._levels[field][index]
        return np.asarray(self._pixel_map(field, index) + self._cell_part(level, field, index, cell))

    def _digitised(self, sigma: Array) -> Array:
        digitised = np.sqrt(sigma**2 + np.float32(DIGITISATION_VARIANCE))
        return np.where(self.dead, np.float32(0), digitised)

    def _pixel_map(self, field: int, stage: int) -> Array:
        if (field, stage) not in self._pixel_maps:
            level = self._levels[field][stage]
            values = self._pixel_part(level, field, stage)
            self._pixel_maps[field, stage] = self._raised(values, level, stage) if field == _OFFSET else values
        return self._pixel_maps[field, stage]

    def _raised(self, values: Array, level: Level, stage: int) -> Array:
        low, high = _HIGH_OFFSET
        drawn = uniforms(key_of(*self._key, _HIGH, stage), self.detector.pixels).reshape(self._shape)
        raised = self._asic_part(level, _OFFSET, stage) + (low + (high - low) * drawn) * level.within_asic
        return np.where(self.bad & BadKind.HIGH_OFFSET, raised.astype(np.float32), values)

    def _pixel_part(self, level: Level, field: int, stage: int) -> Array:
        slow, fast = self._shape
        rows = slow // self.detector.asic_shape[0]
        columns = normals(key_of(*self._key, field, stage, 1), rows, fast) * np.float32(level.column)
        pixels = normals(key_of(*self._key, field, stage, 2), slow, fast) * np.float32(level.pixel)
        spread = pixels + np.repeat(columns, self.detector.asic_shape[0], axis=0)
        return np.asarray(self._asic_part(level, field, stage) + spread)

    def _asic_part(self, level: Level, field: int, stage: int) -> Array:
        high, wide = self.detector.asic_shape
        slow, fast = self._shape
        drawn = normals(key_of(*self._key, field, stage, 3), slow // high, fast // wide)
        values = np.float32(level.mean) + _cut(drawn) * np.float32(level.asic)
        return np.asarray(np.repeat(np.repeat(values, high, axis=0), wide, axis=1))

    def _cell_part(self, level: Level, field: int, stage: int, cell: int) -> Array:
        row = _cut(normals(key_of(*self._key, field, stage, 4, cell // CELLS_PER_ROW), 1)) * level.cell_row
        single = _cut(normals(key_of(*self._key, field, stage, 5, cell), 1)) * level.cell
        common = (row + single).astype(np.float32)
        if not level.cell_pixel:
            return common
        pixels = normals(key_of(*self._key, field, stage, 6, cell), *self._shape)
        return np.asarray(pixels * np.float32(level.cell_pixel) + common)

    def _bad_shares(self) -> dict[BadKind, float]:
        settings = self.settings
        wrong = settings.wrong_gain_share if self.detector.has_gain_bits else 0.0
        return {BadKind.DEAD: settings.dead_share, BadKind.NOISY: settings.noisy_share,
                BadKind.HIGH_OFFSET: settings.high_offset_share, BadKind.WRONG_GAIN: wrong,
                BadKind.BLINKING: settings.blinking_share}

    def _dead_block(self) -> tuple[slice, slice]:
        shape = self._hardware.converter_block
        drawn = uniforms(key_of(*self._key, _BAD, 1), 2)
        starts = [int(u * (n // b)) * b for u, n, b in zip(drawn, self._shape, shape, strict=True)]
        return slice(starts[0], starts[0] + shape[0]), slice(starts[1], starts[1] + shape[1])


def _cut(values: Array) -> Array:
    return np.asarray(np.clip(values, np.float32(-2), np.float32(2)))

"""What halves of the kept samples of a dark are compared by: pulls of some pixels of a few memory cells.

Some thousand pulls have a width that is known to a per cent, so pixels and memory cells are taken evenly, not all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from calib_core.axes import Array, Axis, Result
from calib_core.characterisation.accumulators import Sampling
from calib_core.characterisation.dark_asics import spread_pixels, with_statistics
from calib_core.characterisation.dark_rules import region_flags
from calib_core.characterisation.unit import Context, Maps, Unit
from calib_core.detector import DetectorType
from calib_core.numerics import closure
from calib_core.numerics.first_samples import Extract

#: Most memory cells that are looked at, pixels of a module in all of them, and fewest of a bank in each.
CELLS, PIXELS, _OF_BANK = 8, 4096, 16
#: Pulls, by what they are of and the split: shift and width over the expected width are kept of each.
PULLS = tuple((what, split) for split in closure.SPLITS for what in ("offset", "noise"))
#: Powers of f by which pulls are narrower.
POWERS = {"offset": 2, "noise": 4}
NUMBERS = ("pixels", "samples", "common", *(f"{one} of {what}, {split}" for what, split in PULLS
                                              for one in ("shift", "width")))
CLOSURE = Result("closure", "Closure", "", "f4", "How halves of the samples that the gate is taken from agree",
                 over=("gain", "cell", "closure"), pixels=False, hidden=True)
AXIS = Axis("closure", "Closure", NUMBERS, of_slot=True)


@dataclass(frozen=True, eq=False)
class Places:
    """Pixels that are looked at, and what has a common mode.

    Attributes
    ----------
    pixel : (n,) int64
        Flat indices.
    bank : (n,) int64
        Number of each pixel's bank, or ASIC where there are no banks.
    """

    pixel: Array
    bank: Array


def places(kind: DetectorType, cells: int) -> Places:
    """Pixels of a module that are looked at in each memory cell.

    Parameters
    ----------
    kind : DetectorType
    cells : int
        Memory cells in use; of many, fewer pixels of each will do.
    """
    return _places(kind.shape, kind.bank_shape or kind.asic_shape, PIXELS // min(CELLS, cells))


@cache
def _places(shape: tuple[int, int], bank: tuple[int, int], pixels: int) -> Places:
    banks = (shape[0] // bank[0]) * (shape[1] // bank[1])
    index = spread_pixels(shape, bank, max(_OF_BANK, pixels // banks))
    number = np.broadcast_to(np.arange(len(index))[:, None], index.shape)
    return Places(np.ascontiguousarray(index.ravel()), np.ascontiguousarray(number.ravel()))


def looked_at(context: Context, unit: Unit) -> dict[int, int]:
    """Slots of the memory cells of a unit that are looked at, and their numbers from 0.

    They are spread over all memory cells of the detector, whatever the units.
    """
    cells = len(context.axes["cell"])
    chosen = {round(i * (cells - 1) / max(1, CELLS - 1)) for i in range(CELLS)} if cells > CELLS else range(cells)
    slots = [slot for slot, index in enumerate(unit.block) if index in chosen]
    return {slot: number for number, slot in enumerate(slots)}


def quarters(bank: Array, samples: Array, train: Array, low: Array, high: Array) -> closure.Quarters:
    """Sums of the quarters of the samples of a memory cell.

    Parameters
    ----------
    bank : (pixels,) int64
    samples : (n, pixels) array, ADU
        Of the pixels that are looked at, in the order of their frames; NaN is none.
    train : (n,) uint64
    low, high : (pixels,) array, ADU
        Gate, both ends inside.
    """
    return closure.quarters(
        np.ascontiguousarray(samples, np.float32), closure.quarter_of(train),
        np.ascontiguousarray(low, np.float32), np.ascontiguousarray(high, np.float32), bank)


class Kept:
    """Samples of the pixels that are looked at after a pass's steps: the first ones of each memory cell."""

    def __init__(self, context: Context, unit: Unit, trials: int, depth: int) -> None:
        self._number, self._at = looked_at(context, unit), places(context.detector, len(context.axes["cell"]))
        self.values = np.full((trials, len(self._number), depth, len(self._at.pixel)), np.nan, np.float32)
        self.train = np.zeros((len(self._number), depth), np.uint64)
        self.filled = np.zeros(len(self._number), np.int64)

    def put(self, trial: int, slot: int, values: Array, use: Array) -> None:
        """Keep frames of a slot while there is room.

        Parameters
        ----------
        trial, slot : int
        values, use : (n, pixels) arrays
            Of all pixels: values, ADU, and which of them are samples.
        """
        if (n := self._room(slot, len(values))) > 0:
            number, at = self._number[slot], self._at.pixel
            start = int(self.filled[number])
            self.values[trial, number, start : start + n] = np.where(
                use[:n, at], values[:n, at], np.float32(np.nan))

    def took(self, slot: int, train: Array) -> None:
        """Count the frames that each trial has put, by their trains."""
        if (n := self._room(slot, len(train))) > 0:
            number = self._number[slot]
            start = int(self.filled[number])
            self.train[number, start : start + n] = train[:n]
            self.filled[number] += n

    def _room(self, slot: int, wanted: int) -> int:
        if slot not in self._number:
            return 0
        return min(wanted, self.train.shape[1] - int(self.filled[self._number[slot]]))

    def merge(self, other: Kept) -> None:
        """Append what the other kept, of frames that come after these, while there is room."""
        for number, n in enumerate(other.filled.tolist()):
            start = int(self.filled[number])
            take = min(n, self.train.shape[1] - start)
            self.values[:, number, start : start + take] = other.values[:, number, :take]
            self.train[number, start : start + take] = other.train[number, :take]
            self.filled[number] += take

    def keep(self, trial: int) -> None:
        """Drop what is of other trials."""
        self.values = self.values[trial : trial + 1]

    def quarters(self, slot: int, width: Array) -> closure.Quarters | None:
        """Sums of the quarters of a slot's samples; None where it is not looked at.

        Parameters
        ----------
        slot : int
        width : (pixels,) float32, ADU
            Half of the gate, which is about 0.
        """
        if slot not in self._number or not self.train.shape[1]:
            return None
        number, half = self._number[slot], width[self._at.pixel]
        n = int(self.filled[number])
        return quarters(self._at.bank, self.values[0, number, :n], self.train[number, :n], -half, half)


def bytes_of(kind: DetectorType, samples: int, trials: int = 0) -> int:
    """Memory for one memory cell that is looked at.

    Parameters
    ----------
    kind : DetectorType
    samples : int
        That are kept.
    trials : int
        Of which samples are kept beside those of the gate.
    """
    return len(places(kind, 1).pixel) * (8 * 3 * closure.QUARTERS + 4 * samples * (1 + trials)) + 8 * samples


def extract(context: Context, unit: Unit, depth: int) -> Extract:
    """Place for the raw samples of the pixels that are looked at, of the memory cells that are.

    Parameters
    ----------
    context, unit
    depth : int
        Samples of each.
    """
    cells, at = looked_at(context, unit), places(context.detector, len(context.axes["cell"])).pixel
    number = np.full(len(unit.block), -1, np.int64)
    number[list(cells)] = list(cells.values())
    return Extract(at, number, context.buffers.array((len(cells), depth, len(at)), np.float32))


def of_samples(context: Context, sampling: Sampling, samples: Array, train: Array, low: Array, high: Array,
               ) -> closure.Quarters:
    """Sums of the quarters of raw samples.

    Parameters
    ----------
    context : Context
    sampling : Sampling
        Codes outside of it are no measurement.
    samples : (n, k) float32, ADU
        Of the pixels that are looked at.
    train : (n,) uint64
    low, high : (pixels,) uint16, ADU
        Gate of all pixels, both ends inside.
    """
    found = places(context.detector, len(context.axes["cell"]))
    low, high = low[found.pixel], high[found.pixel]
    return quarters(found.bank, samples, train, np.maximum(low, sampling.lowest), high)


def with_numbers(context: Context, maps: Maps, found: closure.Quarters | None) -> Maps:
    """Maps of a memory cell with what ASICs are compared by and, where samples were kept, how their halves agree.

    Returns
    -------
    dict
        The maps, (asic,) float32 of :func:`with_statistics`, and ``closure`` (number,) float32, :data:`NUMBERS`.
    """
    maps = with_statistics(context.detector, maps)
    return maps if found is None else {**maps, CLOSURE.name: _numbers(context, found, maps["bad_pixels"])}


def _numbers(context: Context, found: closure.Quarters, flags: Array) -> Array:
    at = places(context.detector, len(context.axes["cell"]))
    good = (flags | region_flags(context.detector)).take(at.pixel) == 0
    numbers, pixels, samples = [], [], []
    for split in closure.SPLITS:
        for power, one in zip(POWERS.values(), closure.pulls(found, split, good, at.bank), strict=True):
            width = closure.expected_width(one.samples, found.common, power) if one.pixels else np.nan
            numbers += [one.shift, one.width / width if width > 0 else np.nan]
            pixels.append(one.pixels)
            samples.append(one.samples)
    return np.array([max(pixels), np.fmax.reduce(samples), found.common, *numbers], np.float32)

"""One memory cell of constants that are combined: gains, shifts, thresholds and flags of all gain stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.unit import Maps
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.constant import (
    BAD_PIXELS_CS,
    BAD_PIXELS_DARK,
    BAD_PIXELS_FF,
    BAD_PIXELS_PC,
    CS_FIT,
    CS_PARAMETERS,
    FF_FIT,
    FITS_CS,
    FITS_FF,
    FITS_PC,
    FLAGGED_BY,
    GAIN_FIELDS,
    OFFSET,
    PC_FIT,
    PC_PARAMETERS,
    SLOPES_CS,
    SLOPES_FF,
    SLOPES_PC,
    THRESHOLDS_DARK,
)
from calib_core.numerics.combined_gain import (
    Chosen,
    Origin,
    own_or_scaled,
    own_or_usual,
    relative_error,
    shift_of_low,
    shift_of_medium,
)
from calib_core.params import Limits

#: Entries that are read, by the names of the kinds, ascending.
USED = {
    SLOPES_PC.name: ("slope HG", "intercept HG", "slope MG", "intercept MG", "threshold"),
    FITS_PC.name: ("ratio error",),
    FITS_FF.name: ("gain", "gain error"),
    SLOPES_CS.name: tuple(name for name in CS_PARAMETERS if name in ("intercept MG", "intercept LG", "ratio")),
    FITS_CS.name: ("ratio error", "threshold LG"),
}
PLACES = {name: tuple(of.index(one) for one in USED[name]) for name, of in (
    (SLOPES_PC.name, PC_PARAMETERS), (FITS_PC.name, PC_FIT), (FITS_FF.name, FF_FIT), (SLOPES_CS.name, CS_PARAMETERS),
    (FITS_CS.name, CS_FIT))}
#: Values whose origin is told, in the order of their fields.
VALUES = ("ratio HG/MG", "ratio MG/LG", "gain", "shift MG", "shift LG", "threshold HG-MG", "threshold MG-LG")
_DARK, _CAPACITOR, _FLAT, _CURRENT, _COMBINING = (1 << place for place in range(len(FLAGGED_BY)))
_STAGES = 3
#: Relative difference from which on a gain is not that of a fit but for its unit; files have single precision.
_OTHER_FIT = 1e-5


@dataclass(frozen=True)
class Limiting:
    """What values must be within, and what stands for those that are not.

    Attributes
    ----------
    ff_range, hm_range, ml_range : (float, float)
        Of gains in units of their median, and of both ratios.
    hm_error : float
        Largest relative error of a pixel's own ratio of high to medium gain.
    fallback_hm, fallback_ml : float
    unit : str
        Of gains: ``relative``, ``ADU/keV`` or ``keV/ADU``.
    of_scans : bool
        Whether thresholds of scans go before those of darks.
    """

    ff_range: Limits
    hm_range: Limits
    hm_error: float
    ml_range: Limits
    fallback_hm: float
    fallback_ml: float
    unit: str
    of_scans: bool


@dataclass(frozen=True)
class Cell:
    """A memory cell and what is made of it.

    Attributes
    ----------
    given : mapping of (entries, slow_scan, fast_scan) arrays
        By the names of the kinds; those that are used of scans.
    wanted : tuple of str
        Kinds whose input takes part: one that is not in ``given`` has nothing for this memory cell.
    stand_in : bool
        Whether another memory cell stands for this one in any of them.
    shape : (int, int)
    limits : Limiting
    """

    given: Mapping[str, Array]
    wanted: tuple[str, ...]
    stand_in: bool
    shape: tuple[int, int]
    limits: Limiting

    def maps(self) -> Maps:
        """All results of the memory cell.

        Returns
        -------
        dict of arrays
            ``relative_gain`` and ``gain`` (3, slow_scan, fast_scan) float32, ``shift`` and ``thresholds`` (2, …)
            float32 ADU, ``bad_pixels`` (3, …) uint32, ``fields`` (fields, …) float32, and ``origins`` (values,
            origins) int64, pixels.
        """
        flags, flagged = self._flags()
        found = {
            "relative_gain": self.factors, "shift": np.stack([self.of_medium.values, self.of_low.values]),
            "thresholds": np.stack([one for one, *_ in self._thresholds]), "bad_pixels": flags,
            "fields": self._fields(flagged), "origins": self._origins(),
        }
        if SLOPES_FF.name in self.wanted:
            found["gain"] = self._gains
        return {name: np.asarray(one, np.float32) if one.dtype.kind == "f" else one for name, one in found.items()}

    @cached_property
    def high_medium(self) -> Chosen:
        """Ratio of the slopes of high and medium gain."""
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = self._line("slope HG") / self._line("slope MG")
            unsure = self._entry(FITS_PC.name, "ratio error") / ratio > self.limits.hm_error
        measured = np.where(self._line("slope HG") > 0, ratio, np.nan)
        return own_or_usual(measured, *self.limits.hm_range, self.limits.fallback_hm, unsure)

    @cached_property
    def medium_low(self) -> Chosen:
        """Ratio of the slopes of medium and low gain."""
        return own_or_usual(self._current("ratio"), *self.limits.ml_range, self.limits.fallback_ml)

    @cached_property
    def gain(self) -> Chosen:
        """Gain of high gain, in the unit of flat fields."""
        return own_or_scaled(self._of(SLOPES_FF.name, 1)[0], *self.limits.ff_range)

    @cached_property
    def factors(self) -> Array:
        """Factors (3, slow_scan, fast_scan) that bring each stage onto the scale of high gain."""
        medium = self.high_medium.values
        return np.stack([np.ones(self.shape), medium, medium * self.medium_low.values])

    @cached_property
    def offsets(self) -> Array:
        """Offsets of all stages, (3, slow_scan, fast_scan), ADU."""
        return self._of(OFFSET.name, _STAGES)

    @cached_property
    def of_medium(self) -> Chosen:
        """Shift of medium gain."""
        return shift_of_medium(self.high_medium, self.offsets,
                               np.stack([self._line("intercept HG"), self._line("intercept MG")]))

    @cached_property
    def of_low(self) -> Chosen:
        """Shift of low gain."""
        return shift_of_low(self.of_medium, self.high_medium, self.medium_low, self.offsets,
                            np.stack([self._current("intercept MG"), self._current("intercept LG")]))

    @property
    def _gains(self) -> Array:
        relative = self.gain.values / self.factors
        if self.limits.unit == "keV/ADU":
            return np.asarray(1 / relative)
        return np.asarray(relative / np.median(self.gain.values)) if self.limits.unit == "relative" else relative

    @cached_property
    def _thresholds(self) -> tuple[tuple[Array, Array, Array], ...]:
        """Both thresholds, ADU, each with its origins, and by how much that of the scan is above that of the dark."""
        of_scans = self._line("threshold"), self._entry(FITS_CS.name, "threshold LG")
        wrong = np.uint32(BadPixels.GAIN_THRESHOLDING_ERROR)
        unsure = ((self._mask(kind)[stage] & wrong) > 0 for kind, stage in (
            (BAD_PIXELS_PC.name, 1), (BAD_PIXELS_CS.name, 2)))
        return tuple(self._threshold(*one) for one in zip(
            of_scans, self._of(THRESHOLDS_DARK.name, 2), unsure, strict=True))

    def _threshold(self, of_scan: Array, dark: Array, unsure: Array) -> tuple[Array, Array, Array]:
        taken = np.isfinite(of_scan) & (of_scan > 0) & ~unsure & self.limits.of_scans
        origin = np.where(taken, Origin.OWN, np.where(np.isfinite(dark), Origin.DARK, Origin.NONE))
        return np.where(taken, of_scan, dark), origin, of_scan - dark

    def _flags(self) -> tuple[Array, Array]:
        """Flags (3, slow_scan, fast_scan) uint32, and which came from where, as sums of powers of two."""
        flags, flagged = np.zeros((_STAGES, *self.shape), np.uint32), np.zeros((_STAGES, *self.shape), np.uint8)

        def add(which: Array | bool, flag: Array | int, by: int, *stages: int) -> None:
            some = np.broadcast_to(np.where(which, np.asarray(flag, np.uint32), np.uint32(0)), self.shape)
            for stage in stages or range(_STAGES):
                flags[stage] |= some
                flagged[stage] |= np.where(some > 0, by, 0).astype(np.uint8)

        dark, flat = self._mask(BAD_PIXELS_DARK.name), self._mask(BAD_PIXELS_FF.name)
        capacitor, current = self._mask(BAD_PIXELS_PC.name), self._mask(BAD_PIXELS_CS.name)
        for stage in range(_STAGES):
            add(True, dark[stage], _DARK, stage)
        add(OFFSET.name not in self.given, int(BadPixels.NO_DARK_DATA), _DARK)
        add(True, np.bitwise_or.reduce(flat), _FLAT)
        for stage in (0, 1):
            add(True, capacitor[stage], _CAPACITOR, stage)
        add(True, current[2], _CURRENT, 2)
        self._add_own(add)
        add(self.stand_in, int(BadPixels.INTERPOLATED), _COMBINING)
        return flags, flagged

    def _add_own(self, add: Any) -> None:
        """Flags of what is no number, or outside of its range."""
        out, error = int(BadPixels.CI_GAIN_OF_OF_THRESHOLD), int(BadPixels.CI_EVAL_ERROR)
        if SLOPES_PC.name in self.wanted:
            no_line = self.high_medium.missing | (self.of_medium.missing & self.high_medium.own)
            add(no_line, error, _COMBINING)
            add(self.high_medium.outside, out, _COMBINING)
        else:
            add(True, int(BadPixels.INTERPOLATED), _COMBINING, 1, 2)
        if SLOPES_CS.name in self.wanted:
            add(self.medium_low.missing, int(BadPixels.CI2_EVAL_ERROR), _COMBINING, 2)
            add(self.medium_low.outside, out, _COMBINING, 2)
        add(self.of_low.missing, int(BadPixels.INTERPOLATED), _COMBINING, 2)
        if SLOPES_FF.name in self.wanted:
            none = not np.isfinite(self.gain.values).any()
            flag = BadPixels.FF_NO_ENTRIES if none else BadPixels.FF_GAIN_EVAL_ERROR
            add(self.gain.missing, int(flag), _COMBINING)
            add(self.gain.outside, int(BadPixels.FF_GAIN_DEVIATION), _COMBINING)
        for stage, (values, *_) in enumerate(self._thresholds):
            add(~np.isfinite(values), int(BadPixels.GAIN_THRESHOLDING_ERROR), _COMBINING, stage, stage + 1)

    def _fields(self, flagged: Array) -> Array:
        """Beginnings, errors and origins in the order of their names."""
        medium, low = self.high_medium, self.medium_low
        of_ratio = np.where(medium.own, self._entry(FITS_PC.name, "ratio error"), np.nan)
        of_low = np.where(low.own, self._entry(FITS_CS.name, "ratio error"), np.nan)
        both = relative_error((medium.values, of_ratio), (low.values, of_low))
        gains = self._gains if SLOPES_FF.name in self.wanted else np.full((_STAGES, *self.shape), np.nan)
        relative = self._gain_error()
        errors = (gains[0] * relative, gains[1] * np.hypot(relative, of_ratio / medium.values),
                  gains[2] * np.hypot(relative, both))
        begins = (self._line("intercept HG"), self._line("intercept MG"), self._current("intercept MG"),
                  self._current("intercept LG"))
        fields = (*begins, medium.values, of_ratio, low.values, of_low, self.factors[2] * both, *errors,
                  *self._origin_maps(), *(apart for *_, apart in self._thresholds), *flagged)
        assert len(fields) == len(GAIN_FIELDS)
        return np.stack([np.asarray(one, np.float32) for one in fields])

    def _gain_error(self) -> Array:
        """Relative error of the pixels' own gains; NaN where no fit tells that it is the one that they come from."""
        fit, error = self._entry(FITS_FF.name, "gain"), self._entry(FITS_FF.name, "gain error")
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = fit / self._of(SLOPES_FF.name, 1)[0]  # 1, or the median in whose units slopes are
            known = ratio[np.isfinite(ratio)]
            same = np.abs(ratio / np.median(known) - 1) < _OTHER_FIT if known.size else np.zeros(self.shape, bool)
            return np.where(same & self.gain.own & (error > 0), error / fit, np.nan)

    def _origin_maps(self) -> tuple[Array, ...]:
        gain = self.gain.origin if SLOPES_FF.name in self.wanted else np.full(self.shape, Origin.NONE, np.uint8)
        return (self.high_medium.origin, self.medium_low.origin, gain, self.of_medium.origin, self.of_low.origin,
                *(origin for _, origin, _ in self._thresholds))

    def _origins(self) -> Array:
        """Pixels of each value that came from each origin."""
        counts = [np.bincount(one.ravel(), minlength=len(Origin)) for one in self._origin_maps()]
        return np.stack(counts).astype(np.int64)

    def _line(self, name: str) -> Array:
        return self._entry(SLOPES_PC.name, name)

    def _current(self, name: str) -> Array:
        return self._entry(SLOPES_CS.name, name)

    def _entry(self, kind: str, name: str) -> Array:
        names = USED[kind]
        return np.asarray(self._of(kind, len(names))[names.index(name)])

    def _of(self, kind: str, entries: int) -> Array:
        """Values of a kind, NaN where there are none."""
        found = self.given.get(kind)
        return np.full((entries, *self.shape), np.nan) if found is None else np.asarray(found)

    def _mask(self, kind: str) -> Array:
        """Flags of each gain stage; none where a kind is not there."""
        found = self.given.get(kind)
        none = np.zeros((_STAGES, *self.shape), np.uint32)
        return none if found is None else np.asarray(np.broadcast_to(found, none.shape))

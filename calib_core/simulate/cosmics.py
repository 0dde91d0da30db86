"""Cosmic rays in simulated frames: straight tracks of charge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType
from calib_core.simulate.noise import key_of, uniforms
from calib_core.simulate.settings import Settings, simulated

Array = npt.NDArray[Any]

#: Fewest and most pixels of a track; where the module is narrower, tracks across it are shorter.
TRACK_PIXELS = (2, 40)
#: How far the charge in a pixel may be from its mean.
CHARGE_SPREAD = 0.3
#: Distinguishes these random numbers from the others of a frame.
_COSMICS = 15
_MOST_TRACKS = 1000


@dataclass(frozen=True)
class Track:
    """A straight track.

    Attributes
    ----------
    rows, columns : (n,) int64
        Its pixels, each next to the one before.
    charge : (n,) float64
        What it adds to them, ADU.
    """

    rows: Array
    columns: Array
    charge: Array


def cosmics_of(
    settings: Settings, module: int, stage: int, train: int, cell: int, repeat: int = 0,
) -> tuple[Track, ...]:
    """Tracks of a frame, however many of their pixels are dead or saturated.

    ``repeat`` counts the frames of one memory cell within a train from 0.
    """
    source = settings.seed, module, stage
    return tracks_of(settings.detector, settings.cosmic_rate, source, (train, cell, repeat))


def tracks_of(
    detector: DetectorType, rate: float, source: tuple[int, ...], frame: tuple[int, int, int],
) -> tuple[Track, ...]:
    """Tracks of a frame; ``source`` is (seed, module, gain stage), ``frame`` (train, memory cell, repeat)."""
    if not rate:
        return ()
    key = (*source, _COSMICS, *frame)
    number = _poisson(float(uniforms(key_of(*key), 1)[0]), rate)
    charge = simulated(detector).hardware.cosmic_adu_per_pixel
    return tuple(_track(detector.shape, charge, key_of(*key, index + 1)) for index in range(number))


def add_tracks(frame: Array, tracks: tuple[Track, ...], top: int) -> None:
    """Add tracks to a frame (slow_scan, fast_scan) uint16, up to the code ``top``; 0 stays 0."""
    for track in tracks:
        place = track.rows, track.columns
        raised = np.minimum(frame[place] + np.floor(track.charge + 0.5), top)
        frame[place] = np.where(frame[place] > 0, raised, 0).astype(frame.dtype)


def _poisson(uniform: float, mean: float) -> int:
    """Poisson number by inversion."""
    number, term = 0, float(np.exp(-mean))
    total = term
    while uniform >= total and number < _MOST_TRACKS:
        number += 1
        term *= mean / number
        total += term
    return number


def _track(shape: tuple[int, int], charge: float, key: int) -> Track:
    low, high = TRACK_PIXELS
    drawn = uniforms(key, 4 + high)
    steps = low - 1 + int(drawn[0] * (high - low + 1))
    angle = 2 * np.pi * drawn[1] if shape[0] > 1 else 0.0
    reach = np.array([np.sin(angle), np.cos(angle)])
    reach = np.rint(reach / np.abs(reach).max() * steps).astype(np.int64)
    limit = np.array(shape) - 1
    reach = np.clip(reach, -limit, limit)
    n = int(np.abs(reach).max()) + 1
    start = [_start(u, size, int(r)) for u, size, r in zip(drawn[2:4], shape, reach, strict=True)]
    rows, columns = (s + np.rint(np.linspace(0, r, n)).astype(np.int64) for s, r in zip(start, reach, strict=True))
    return Track(rows, columns, charge * (1 + CHARGE_SPREAD * (2 * drawn[4:4 + n] - 1)))


def _start(uniform: float, size: int, reach: int) -> int:
    """First index of a track that stays within ``size`` pixels."""
    return int(uniform * (size - abs(reach))) + max(0, -reach)

"""Where a family's raw data are in a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from calib_core.detector.frames import Frames

Array = npt.NDArray[Any]
#: How the names of a run's files begin: raw ones, and those that a correction has written.
RAW, CORRECTED = "RAW", "CORR"


@dataclass(frozen=True)
class RawLayout:
    """Where a family's raw data are in a run.

    Attributes
    ----------
    source : str
        Regular expression of the instrument source with groups ``detector`` and ``module``.
    source_format : str
        Source name from ``detector`` and ``module`` for the simulator.
    module_words : tuple of str
        What stands for ``module`` in sources without numbers, in the order of the modules.
    aggregator : str
        Format of the usual aggregator from ``module``, such as ``X{module:02d}``; modules in one file have the file's
        and, behind a slash, their number.
    group : str
        Index group of the pixel data (``image``, ``data``).
    pixels : str
        Key of the pixel data, uint16 or int16 (below 0 reads as 0); its trailing axes are (planes…, slow_scan,
        fast_scan).
    gain_bits : str, optional
        Key of gain bits with the same leading axes as ``pixels``.
    cell, pulse, train : str
        Keys with one value per frame (train: per frame or per entry). No ``cell``: all frames are memory cell 0,
        which ``decode`` finds under the key ``cell``.
    adc_mask : int
        Bits of a raw word that are the sample.
    gain_shift : int, optional
        Where the two gain bits stand in the same word, for detectors that have them there; the reader splits words
        and hands the bits to ``decode`` under the key ``gain_bits``.
    strips : bool
        True where a frame has one axis; it is read as (1, strips).
    frames_per_entry : bool
        True where one row of the dataset holds several frames (trains, cells, …); False where a row is a frame.
    first_module : int
        Number of the first module.
    no_frame_cell : int, optional
        Cell number that marks a missing frame within an entry.
    cells_repeat : bool
        Whether a train may hold several frames of one memory cell.
    copied : tuple of str
        Further keys with one number per frame, which corrected files take over.
    category : str
        Of the files that have it, :data:`RAW` or :data:`CORRECTED`.
    """

    source: str
    source_format: str
    aggregator: str
    group: str
    pixels: str
    cell: str | None
    train: str
    gain_bits: str | None = None
    adc_mask: int = 0xFFFF
    gain_shift: int | None = None
    strips: bool = False
    module_words: tuple[str, ...] = ()
    pulse: str | None = None
    frames_per_entry: bool = False
    first_module: int = 0
    no_frame_cell: int | None = None
    cells_repeat: bool = False
    copied: tuple[str, ...] = ()
    category: str = RAW

    @property
    def is_corrected(self) -> bool:
        """Whether samples are what a correction made of them, and no codes."""
        return self.category == CORRECTED

    def match(self, source: str) -> tuple[str, int] | None:
        """Detector name and module number of a source, or None where it is not this family's."""
        found = re.fullmatch(self.source, source)
        if found is None:
            return None
        words, word = self.module_words, found["module"]
        return found["detector"], self.first_module + words.index(word) if words else int(word)

    def usual(self, module: int) -> tuple[str, str]:
        """Usual aggregator of a module: what file names have, and what follows where modules share it."""
        name, slash, rest = self.aggregator.format(module=module).partition("/")
        return name, slash + rest

    def frames(self, arrays: Mapping[str, Array], signal_plane: int | None = None) -> Frames:
        """Frames of arrays by key that need no more than to be named."""
        has_bits = self.gain_bits is not None or self.gain_shift is not None
        return Frames(
            block=arrays[self.pixels], cell=arrays[self.cell or "cell"], train=arrays[self.train],
            gain=arrays[self.gain_bits or "gain_bits"] if has_bits else None, signal_plane=signal_plane,
        )

    def source_name(self, detector: str, module: int) -> str:
        """Source of a module; the inverse of :meth:`match`."""
        word = self.module_words[module - self.first_module] if self.module_words else module
        return self.source_format.format(detector=detector, module=word)

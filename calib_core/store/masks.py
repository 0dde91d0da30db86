"""Bad-pixel masks that people made: arrays in HDF5 files, read as flags."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.constants.badpixels import BadPixels
from calib_core.constants.expert_mask import MaskEntry
from calib_core.detector import Detector, DetectorType
from calib_core.errors import BadInput
from calib_core.io.foreign import open_hdf5
from calib_core.io.libraries import h5py

Array = npt.NDArray[Any]


def read_mask(
    path: Path, detector: DetectorType, dataset: str = "bad_pixels", flag: BadPixels = BadPixels.EXPERT_CHOICE
) -> npt.NDArray[np.uint32]:
    """Read a mask of all modules of a detector.

    Parameters
    ----------
    path : Path
        HDF5 file.
    detector : DetectorType
        Says which shape the mask must have.
    dataset : str
        Path of a (modules, slow_scan, fast_scan) or, for one module, (slow_scan, fast_scan) array: bool, where True
        is a bad pixel, or uint32 flags, which are kept.
    flag : BadPixels
        Flag of the pixels that are True.

    Returns
    -------
    (modules, slow_scan, fast_scan) uint32
        Bits of :class:`~calib_core.constants.badpixels.BadPixels`; the first entry is the detector's first module.

    Raises
    ------
    BadInput
        The file cannot be read, or the array is no mask of such a detector.
    """
    try:
        with open_hdf5(path) as file:
            found = file.get(dataset)
            if not isinstance(found, h5py.Dataset):
                have = ", ".join(name for name, node in file.items() if isinstance(node, h5py.Dataset)) or "none"
                raise BadInput(f"{path} has no array {dataset}; its arrays are {have}.")
            values = _checked(path, found, detector)
    except (OSError, RuntimeError) as error:
        raise _unreadable(path, error) from error
    flags = values * np.uint32(flag) if values.dtype == bool else values
    return np.asarray(flags, np.uint32).reshape(-1, *detector.shape)


def entries_of_mask(path: Path, detector: Detector, entry: MaskEntry) -> list[tuple[MaskEntry, dict[int, Array]]]:
    """What others masked, as entries of an expert mask: one for each flag.

    Parameters
    ----------
    path : Path
        As :func:`read_mask` takes it; its first module is the detector's first.
    detector : Detector
        With the modules of which it is taken.
    entry : MaskEntry
        Author, reason and time; where the file tells no flags, its pixels get those of the entry.

    Returns
    -------
    list of (MaskEntry, dict)
        Pixels by the number of the module.

    Raises
    ------
    BadInput
        The file cannot be read, is no mask of such a detector, or masks no pixel of its modules.
    """
    dataset, source = "bad_pixels", _source(path)
    found = read_mask(path, detector.type, dataset, BadPixels(entry.flags))
    first = detector.type.raw.first_module
    numbers = [one.number for one in detector.modules if one.number - first < len(found)]
    planes = {number: found[number - first] for number in numbers}
    flags = [flag for flag in BadPixels if any((plane & np.uint32(flag)).any() for plane in planes.values())]
    if not flags:
        raise BadInput(f"{path} masks no pixel of the modules that are shown; nothing is taken.")
    return [(replace(entry, flags=int(flag), name=f"{entry.name}-{int(flag).bit_length() - 1}",
                     drawn=f"{flag.label} of {dataset} in {path.name}{source}"),
             {number: (plane & np.uint32(flag)) != 0 for number, plane in planes.items()}) for flag in flags]


def _source(path: Path) -> str:
    """Whom a file names as its source, in words."""
    try:
        with open_hdf5(path) as file:
            said = file.attrs.get("source", "")
    except (OSError, RuntimeError) as error:
        raise _unreadable(path, error) from error
    return f", by {said}" if isinstance(said, str) and said else ""


def _unreadable(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path} cannot be read as a mask: {getattr(error, 'strerror', None) or error}.")


def _checked(path: Path, found: h5py.Dataset, detector: DetectorType) -> npt.NDArray[Any]:
    """Values of a dataset that can be a mask, checked before anything large is read."""
    shape, most = found.shape, detector.max_modules
    fits = shape == detector.shape or (shape[1:] == detector.shape and 1 <= shape[0] <= most)
    if not fits or found.dtype not in (np.dtype(bool), np.dtype(np.uint32)):
        slow, fast = detector.shape
        raise BadInput(f"{found.name} of {path} is {shape} {found.dtype}; a mask of {detector.title} has up to "
                       f"{most} modules of {slow} × {fast} pixels, bool or uint32.")
    return np.asarray(found[()])

"""Some of what a subject has, as one HDF5 file that says whose it is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from calib_core import __version__
from calib_core.axes import Axis, Result
from calib_core.constants.badpixels import BadPixels
from calib_core.errors import BadParameter, OutputFailed
from calib_core.io.libraries import h5py
from calib_core.store.files import TEMPORARY_PREFIX
from calib_core.subjects.base import Subject
from calib_core.subjects.region import RegionOfInterest

#: Attributes of a file: identifier of the detector, its type, and names of results and axes in their order.
IDENTIFIER, KIND, RESULTS, AXES = "identifier", "detector_type", "results", "order_of_axes"
#: What is told of a result among the attributes of its dataset.
TOLD = ("title", "unit", "help", "role", "error", "count", "scale_of", "centre")

#: Called before each image with the share that is done; may raise Cancelled.
Step = Callable[[float], None]


@dataclass(frozen=True)
class Selection:
    """What is taken of a subject.

    Attributes
    ----------
    results : tuple of Result
        With pixels.
    modules : tuple of int
    at : mapping of str to tuple of int
        Indices along each axis that the results are over; axes that are not named are taken whole.
    excluded : int
        Mask of the flags that make a pixel bad: the file has a mask of them too; 0 for none.
    words : mapping of str to str
        More attributes, such as the place on the screen.
    region : RegionOfInterest, optional
        Marked pixels, kept beside the results.
    """

    results: tuple[Result, ...]
    modules: tuple[int, ...]
    at: Mapping[str, tuple[int, ...]]
    excluded: int = 0
    words: Mapping[str, str] | None = None
    region: RegionOfInterest | None = None


def write_selection(path: Path, subject: Subject, selection: Selection, step: Step) -> int:
    """Write images of a subject into one file, image by image, whole or not at all.

    Each result is a dataset over ``module``, its axes and the pixels, with the attributes ``dims`` and :data:`TOLD`,
    of which ``error`` and ``count`` are names of other datasets; labels of the axes are datasets in ``axes``, with
    ``title`` and ``unit``. Missing images are NaN, or 0 in whole numbers; their number is the attribute
    ``missing_images``. Beside flags there is a bool dataset ``…_mask`` of the excluded ones, with their
    ``flag_names``; pixels of missing images are in it, as not known to be good. A region is the bool dataset
    ``region`` over module and pixels. :mod:`~calib_core.subjects.selected` opens such files again.

    Parameters
    ----------
    path : Path
        It must not exist.
    subject : Subject
    selection : Selection
    step : callable

    Returns
    -------
    int
        Number of images that are missing.

    Raises
    ------
    BadParameter
        Nothing is selected.
    OutputFailed
        The file exists or cannot be written; nothing is left behind.
    CalibrationError
        The subject cannot be read.
    """
    if not selection.results or not selection.modules:
        raise BadParameter("Nothing is selected; choose at least one map and one module.")
    if path.exists():
        raise OutputFailed(f"{path} exists already; choose another name.")
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{os.getpid()}-{path.name}")
    try:
        with h5py.File(temporary, "x", libver=("v110", "v110")) as file:
            _write(file, subject, selection, step)
            missing = sum(int(file[one.name].attrs["missing_images"]) for one in selection.results)
        os.rename(temporary, path)
    except OSError as error:
        raise OutputFailed(f"{path} could not be written: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return missing


def _write(file: h5py.File, subject: Subject, selection: Selection, step: Step) -> None:
    assert subject.kind is not None  # only modules have images
    told = {"program": f"calibwb {__version__}", IDENTIFIER: subject.identifier, KIND: subject.kind.name,
            "source": subject.title, "about": json.dumps(dict(subject.about), ensure_ascii=False),
            "notes": "\n".join(subject.notes), **(selection.words or {})}
    for name, text in told.items():
        file.attrs[name] = text
    # HDF5 gives names in the order of letters
    file.attrs[RESULTS] = [one.name for one in selection.results]
    file.attrs[AXES] = [one.name for one in _axes(subject, selection.results)]
    file["axes/module"] = np.asarray(selection.modules)
    for axis in _axes(subject, selection.results):
        labels = [axis.labels[i] for i in _indices(axis, selection)]
        file[f"axes/{axis.name}"] = labels if not isinstance(labels[0], str) else np.array(labels, object)
        file[f"axes/{axis.name}"].attrs.update({"title": axis.title, "unit": axis.unit, "of_slot": axis.of_slot})
    if selection.region is not None:
        file.create_dataset("region", data=selection.region.masks(selection.modules), compression=1)
        file["region"].attrs["dims"] = ["module", "slow_scan", "fast_scan"]
        file["region"].attrs["title"] = selection.region.words
    for number, result in enumerate(selection.results):
        for share in _write_result(file, subject, selection, result):
            step((number + share) / len(selection.results))


def _axes(subject: Subject, results: Sequence[Result]) -> list[Axis]:
    return [subject.axes[name] for name in dict.fromkeys(name for one in results for name in one.over)]


def _indices(axis: Axis, selection: Selection) -> tuple[int, ...]:
    return selection.at.get(axis.name, tuple(range(len(axis))))


def _write_result(file: h5py.File, subject: Subject, selection: Selection, result: Result) -> Iterator[float]:
    """Write a result image by image, and tell before each the share that is done."""
    assert subject.kind is not None  # only modules have images
    axes = [subject.axes[name] for name in result.over]
    along = [_indices(axis, selection) for axis in axes]
    shape = (len(selection.modules), *map(len, along), *subject.kind.shape)
    chunk = (*((1,) * (len(shape) - 2)), *subject.kind.shape)
    data = file.create_dataset(result.name, shape, result.numpy_dtype, chunks=chunk, fillvalue=result.blank)
    mask = None
    if result.role == "flags" and selection.excluded:
        mask = file.create_dataset(f"{result.name}_mask", shape, np.bool_, chunks=chunk, fillvalue=True)
        mask.attrs["flags"] = np.uint32(selection.excluded)
        mask.attrs["flag_names"] = [flag.label for flag in BadPixels if selection.excluded & flag]
    for one in (data, mask) if mask is not None else (data,):
        one.attrs["dims"] = ["module", *result.over, "slow_scan", "fast_scan"]
    data.attrs.update({name: getattr(result, name) for name in TOLD})
    missing = 0
    data.attrs.update({f"units of {axis.name}": list(axis.value_units) for axis in axes if axis.value_units})
    for share, place, module, at in _places(selection.modules, axes, along):
        yield share
        plane = subject.plane(result.name, module, at)
        missing += plane is None
        if plane is not None:
            data[place] = plane
            if mask is not None:
                mask[place] = (plane & np.uint32(selection.excluded)) != 0
    data.attrs["missing_images"] = missing


def _places(
    modules: Sequence[int], axes: Sequence[Axis], along: Sequence[Sequence[int]]
) -> Iterator[tuple[float, tuple[int, ...], int, dict[str, int]]]:
    """Share that is done, place in the dataset, module and indices of each image."""
    places = list(product(range(len(modules)), *(range(len(one)) for one in along)))
    for number, (first, *rest) in enumerate(places):
        at = {axis.name: indices[i] for axis, indices, i in zip(axes, along, rest, strict=True)}
        yield number / len(places), (first, *rest), modules[first], at

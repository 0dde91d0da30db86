"""Some of what a subject has, as one HDF5 file that says whose it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from calib_core import __version__
from calib_core.axes import Array, Axis, Result
from calib_core.constants.badpixels import BadPixels
from calib_core.errors import BadParameter, OutputFailed
from calib_core.io.libraries import h5py
from calib_core.store.draft import drafted
from calib_core.subjects.base import Subject
from calib_core.subjects.pixel_file import ExplainedPixel, write_pixel
from calib_core.subjects.region import Box, RegionOfInterest

#: Attributes of a file: that it is a selection, identifier of the detector, its type; axes with their titles, names
#: of results, and modules, each in its order.
LAYOUT, IDENTIFIER, KIND, AXES, RESULTS, MODULES = (
    "layout", "identifier", "detector_type", "axes", "results", "modules")
#: When what was taken was recorded, and the units of the modules.
RECORDED, UNITS = "recorded", "units"
#: Where a map of a module is, and of the pixels of a region.
DATA, REGION = "/{module}/{result}/data", "/{module}/region_of_interest/data"
#: What is told of a result among the attributes of its dataset as it is.
TOLD = ("title", "unit", "help", "role", "scale_of", "centre")
#: Results that belong to one, whose dataset is named where the file has it.
BESIDE = ("error", "count")

_PIXELS = ("slow_scan", "fast_scan")

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
    cropped : bool
        Whether only modules that have a part of the region are taken, and of each image the least rectangle about it.
    pixel : ExplainedPixel, optional
        The pixel that is looked at, with its samples and what is made of them, as the group ``/pixel``.
    """

    results: tuple[Result, ...]
    modules: tuple[int, ...]
    at: Mapping[str, tuple[int, ...]]
    excluded: int = 0
    words: Mapping[str, str] | None = None
    region: RegionOfInterest | None = None
    cropped: bool = False
    pixel: ExplainedPixel | None = None

    def boxes(self, shape: tuple[int, int]) -> dict[int, Box]:
        """Rectangle that is taken of each module's images.

        Parameters
        ----------
        shape : (slow_scan, fast_scan)

        Returns
        -------
        dict of int to Box
            In the order of the modules.
        """
        if self.region is None or not self.cropped:
            return dict.fromkeys(self.modules, Box((0, 0), shape))
        marked = self.region.modules
        return {module: self.region.box(module) for module in self.modules if module in marked}


def write_selection(path: Path, subject: Subject, selection: Selection, step: Step) -> int:
    """Write images of a subject into one file, image by image, whole or not at all.

    Each result of a module is a dataset ``/<module>/<result>/data`` over the result's axes and the pixels. Its
    attributes are ``dims``; ``values of <axis>`` with the labels of each axis; ``start`` and ``stop``, the pixels
    (slow_scan, fast_scan) that it is of; ``subject``, ``inputs``, ``condition`` and ``program``; :data:`TOLD`, and as
    ``error`` and ``count`` the datasets with the result's error and its samples, where the file has them. Missing
    images are NaN, or 0 in whole numbers; their number is the attribute ``missing_images``. Flags are u4 and have
    ``bits`` and ``bit_names``; beside them ``mask`` has those bits of them that make a pixel bad, all of these where
    the image is missing, as not known to be good. A region is a bool dataset ``/<module>/region_of_interest/data``
    with ``start`` and ``stop``. :mod:`~calib_core.subjects.selected` opens such files again.

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
        Nothing is selected, or no module has a part of the region that is to be taken.
    OutputFailed
        The file exists or cannot be written; nothing is left behind.
    CalibrationError
        The subject cannot be read.
    """
    if not selection.results or not selection.modules:
        raise BadParameter("Nothing is selected; choose at least one map and one module.")
    if selection.cropped and not (selection.region and selection.region.within(selection.modules)):
        raise BadParameter("No pixel of the chosen modules is marked; mark a region, or choose other modules.")
    if path.exists():
        raise OutputFailed(f"{path} exists already; choose another name.")
    if not path.parent.is_dir():
        raise OutputFailed(f"{path} could not be written: there is no folder {path.parent}.")
    with drafted(path) as draft, h5py.File(draft, "w", libver=("v110", "v110")) as file:
        return sum(_write(file, subject, selection, step))


def _write(file: h5py.File, subject: Subject, selection: Selection, step: Step) -> Iterator[int]:
    """Write all results of all modules, and tell how many images of each are missing."""
    assert subject.kind is not None  # only modules have images
    boxes = selection.boxes(subject.kind.shape)
    _describe(file, subject, selection, tuple(boxes))
    whole = len(boxes) * len(selection.results)
    for number, (module, result) in enumerate(product(boxes, selection.results)):
        image = _Images(file, subject, selection, module, boxes[module], result)
        for share in image.write():
            step((number + share) / whole)
        yield image.missing
    for module, box in boxes.items():
        _write_region(file, selection.region, module, box if selection.cropped else None)
    if selection.pixel is not None:
        write_pixel(file, selection.pixel)


def _describe(file: h5py.File, subject: Subject, selection: Selection, modules: tuple[int, ...]) -> None:
    """What is known of the whole, as attributes of the file."""
    assert subject.kind is not None
    axes = [{"name": one.name, "title": one.title, "unit": one.unit, "of_slot": one.of_slot}
            for one in _axes(subject, selection.results)]
    told = {LAYOUT: DATA, IDENTIFIER: subject.identifier, KIND: subject.kind.name, AXES: json.dumps(axes),
            RESULTS: [one.name for one in selection.results], MODULES: list(modules), "subject": subject.title,
            RECORDED: "" if subject.when is None else subject.when.isoformat(),
            UNITS: json.dumps(dict(subject.units)),
            "about": json.dumps(dict(subject.about), ensure_ascii=False), "notes": "\n".join(subject.notes),
            **(selection.words or {})}
    for name, one in told.items():
        file.attrs[name] = one


def _axes(subject: Subject, results: Sequence[Result]) -> list[Axis]:
    return [subject.axes[name] for name in dict.fromkeys(name for one in results for name in one.over)]


def _write_region(file: h5py.File, region: RegionOfInterest | None, module: int, box: Box | None) -> None:
    """Write which pixels of a module are in a region, where it has any."""
    if region is None or module not in region.modules:
        return
    [mask] = region.masks([module])
    of = box or region.box(module)
    data = file.create_dataset(REGION.format(module=module), data=mask[of.slices], compression=1)
    data.attrs.update({"dims": list(_PIXELS), "start": of.start, "stop": of.stop, "title": region.words})


class _Images:
    """Images of a result of one module on their way into a file."""

    def __init__(
        self, file: h5py.File, subject: Subject, selection: Selection, module: int, box: Box, result: Result
    ) -> None:
        self._subject, self._module, self._result, self._box = subject, module, result, box
        self._axes = [subject.axes[name] for name in result.over]
        self._along = [selection.at.get(axis.name, tuple(range(len(axis)))) for axis in self._axes]
        self._excluded = selection.excluded if result.role == "flags" else 0
        self.missing = 0
        self._data = self._dataset(file, "data", result.numpy_dtype, result.blank)
        self._mask = self._dataset(file, "mask", np.dtype("u4"), self._excluded) if self._excluded else None
        self._data.attrs.update(self._told(selection.results))
        if result.role == "flags":
            _name_bits(self._data, 0xFFFFFFFF)

    def _dataset(self, file: h5py.File, name: str, dtype: np.dtype[Any], blank: float) -> h5py.Dataset:
        """A dataset of one chunk an image, with what tells where in the module and of what it is."""
        path = DATA.format(module=self._module, result=self._result.name).removesuffix("data") + name
        size = self._box.shape
        made = file.create_dataset(path, (*map(len, self._along), *size), dtype, fillvalue=blank,
                                   chunks=(*(1 for _ in self._along), *size))
        made.attrs.update({"dims": [*self._result.over, *_PIXELS], "start": self._box.start, "stop": self._box.stop})
        for axis, indices in zip(self._axes, self._along, strict=True):
            labels = [axis.labels[i] for i in indices]
            made.attrs[f"values of {axis.name}"] = labels
            if axis.value_units:
                made.attrs[f"units of {axis.name}"] = [axis.value_units[i] for i in indices]
        if name == "mask":
            _name_bits(made, self._excluded)
        return made

    def _told(self, taken: Sequence[Result]) -> dict[str, Any]:
        """What is told of the result, and of where it comes from."""
        names, about = {one.name for one in taken}, self._subject.about
        beside = {role: DATA.format(module=self._module, result=name) if name in names else ""
                  for role in BESIDE for name in [getattr(self._result, role)]}
        return {**{name: getattr(self._result, name) for name in TOLD}, **beside, "subject": self._subject.title,
                "inputs": under(about, "runs"), "condition": under(about, "condition"),
                "program": f"calibwb {__version__}"}

    def write(self) -> Iterator[float]:
        """Write image by image, and tell before each the share that is done."""
        places = list(product(*(range(len(one)) for one in self._along)))
        for number, place in enumerate(places):
            yield number / len(places)
            at = {axis.name: along[i] for axis, along, i in zip(self._axes, self._along, place, strict=True)}
            self._put(place, self._subject.plane(self._result.name, self._module, at))
        self._data.attrs["missing_images"] = self.missing

    def _put(self, place: tuple[int, ...], plane: Array | None) -> None:
        if plane is None:
            self.missing += 1
            return
        image = plane[self._box.slices]
        self._data[place] = image
        if self._mask is not None:
            self._mask[place] = image & np.uint32(self._excluded)


def _name_bits(data: h5py.Dataset, bits: int) -> None:
    """Names of bits beside flags."""
    named = [flag for flag in BadPixels if bits & flag]
    data.attrs["bits"] = np.array([int(flag) for flag in named], "u4")
    data.attrs["bit_names"] = [flag.label for flag in named]


def under(about: Mapping[str, str], heading: str) -> str:
    """What is told under a heading; of both subjects of a pair, with the letter of each before it."""
    return "\n".join(f"{name.removesuffix(heading)}{text}" for name, text in about.items()
                     if name == heading or name.endswith(f": {heading}"))

"""Frames of corrected files: what the files tell of their images, and the images where somebody looks at them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from calib_core.axes import Array
from calib_core.detector import DetectorType, Module
from calib_core.errors import BadInput
from calib_core.io.datasets import find
from calib_core.io.files import HDF5_ERRORS, RunFile, cause_of
from calib_core.io.handles import StoredDataset
from calib_core.io.layout import Part
from calib_core.io.module_index import ModuleIndex
from calib_core.io.storage import FrameStore, open_store
from calib_core.store.corrected import PROGRAM, SKIPPED_STEPS, STEPS, UNIT


@dataclass(frozen=True)
class ImageKey:
    """An image that files have of each frame.

    Attributes
    ----------
    key : str
    unit : str
        Of the values; empty where the file does not tell.
    steps : tuple of str, optional
        Words of the steps that made it; None where the file does not tell.
    """

    key: str
    unit: str = ""
    steps: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Told:
    """What a corrected file tells of one of its modules.

    Attributes
    ----------
    images : tuple of ImageKey
        Those of the detector type's layout that are there, in its order.
    program : str
        That wrote it; empty where it does not tell.
    skipped : tuple of (str, str)
        Steps that were left out, with the reason of each.
    """

    images: tuple[ImageKey, ...]
    program: str = ""
    skipped: tuple[tuple[str, str], ...] = ()


def told_of(kind: DetectorType, module: Module, part: Part) -> Told:
    """What a file tells of a module.

    Parameters
    ----------
    kind : DetectorType
        With the layout of corrected files.
    module : Module
    part : Part
        The module's in the file.

    Returns
    -------
    Told

    Raises
    ------
    BadInput
        Something beside the samples cannot be read, or does not belong to them; the message names file and dataset.
    """
    base = f"INSTRUMENT/{module.source}"
    try:
        images = tuple(_image(part, base, key) for key in _keys(kind) if _find(part, base, key) is not None)
        program = _text(part.file.h5.attrs, PROGRAM)
        skipped = _json(part.file.h5[base].attrs, SKIPPED_STEPS)
    except HDF5_ERRORS as error:
        raise BadInput(f"{part.file.name}, {base}: it cannot be understood: {cause_of(error)}.") from error
    return Told(images, program, tuple(sorted(skipped.items())) if isinstance(skipped, Mapping) else ())


def _keys(kind: DetectorType) -> tuple[str, ...]:
    layout = kind.corrected_layout
    return tuple(dict.fromkeys(filter(None, (*layout.images.values(), layout.mask, layout.stage,
                                             *layout.found.values()))))


def _path(base: str, key: str) -> str:
    return f"{base}/{key.replace('.', '/')}"


def _find(part: Part, base: str, key: str) -> Any:
    """Data set of an image, None where there is none; what has another shape than the samples is no image of them."""
    found = find(part.file, _path(base, key))
    if found is not None and (found.shape != part.pixels.shape or found.dtype.kind not in "uif"):
        raise BadInput(f"{part.file.name}, {_path(base, key)}: it holds {found.dtype} {found.shape} beside samples "
                       f"of {part.pixels.shape}.")
    return found


def _image(part: Part, base: str, key: str) -> ImageKey:
    noted = part.file.h5[_path(base, key)].attrs
    steps = _json(noted, STEPS)
    return ImageKey(key, _text(noted, UNIT), tuple(map(str, steps)) if isinstance(steps, list) else None)


def _text(attributes: Mapping[str, Any], name: str) -> str:
    found = attributes.get(name, "")
    return found if isinstance(found, str) else ""


def _json(attributes: Mapping[str, Any], name: str) -> Any:
    said = _text(attributes, name)
    return json.loads(said) if said else None


class CorrectedFrames:
    """Frames of one module in corrected files; may be used from several threads.

    Parameters
    ----------
    kind : DetectorType
        With the layout of corrected files.
    index : ModuleIndex

    Attributes
    ----------
    train : (n,) uint64
        Of each frame, ascending.
    cell : (n,) int64
    """

    def __init__(self, kind: DetectorType, index: ModuleIndex) -> None:
        self._kind, self._index = kind, index.kept(np.argsort(index.train, kind="stable"))
        self.train: Array = self._index.train
        self.cell: Array = self._index.cell
        self._stores: dict[tuple[int, str], FrameStore] = {}
        self._types: dict[tuple[int, str], np.dtype[Any]] = {}
        self._lock = threading.Lock()

    def number(self, train: int, cell: int) -> int | None:
        """Number of a frame.

        Parameters
        ----------
        train : int
            Train id.
        cell : int
            Memory cell.

        Returns
        -------
        int or None
            Of the first, where a train has the memory cell several times; None where there is none.
        """
        first, last = np.searchsorted(self.train, np.array([train, train + 1], np.uint64))
        found = np.flatnonzero(self.cell[first:last] == cell)
        return int(first + found[0]) if found.size else None

    def images(self, key: str, numbers: Sequence[int]) -> Array:
        """Images of some frames, as they are in the files.

        Parameters
        ----------
        key : str
            One of those that the files have.
        numbers : sequence of int
            Of the frames, those of one file together.

        Returns
        -------
        (n, slow_scan, fast_scan) array

        Raises
        ------
        BadInput
            A file cannot be read any more, was changed, or never had the frame; the message names it.
        """
        found = []
        for part, store, row, slot in self._by_file(key, numbers):
            out = np.empty((len(row), *self._kind.shape), self._types[part, key])
            store.read(row, slot, out)
            found.append(out)
        return np.concatenate(found)

    def pixel(self, key: str, numbers: Sequence[int], row: int, col: int) -> Array:
        """Samples of a pixel in some frames; raises as :meth:`images`.

        Parameters
        ----------
        key : str
        numbers : sequence of int
            Of the frames, those of one file together.
        row, col : int

        Returns
        -------
        (n,) array
        """
        found = (store.read_points(rows, slots, (0, row, col))
                 for _, store, rows, slots in self._by_file(key, numbers))
        return np.concatenate([np.empty(0, np.float32), *found])

    def _by_file(
        self, key: str, numbers: Sequence[int]
    ) -> Iterator[tuple[int, FrameStore, Array, Array]]:
        """Files that have some frames: number of the file, what reads it, rows and slots."""
        chosen = np.asarray(numbers, np.int64)
        for part in dict.fromkeys(self._index.part[chosen].tolist()):
            mine = chosen[self._index.part[chosen] == part]
            row, slot = self._index.row[mine], self._index.slot[mine]
            store = self._store(part, key)
            if not store.present(row, slot).all():
                raise BadInput(f"{self._file(part).name}, {key}: a frame of it was never written.")
            yield part, store, row, slot

    def _file(self, part: int) -> RunFile:
        return self._index.parts[part].file

    def _store(self, part: int, key: str) -> FrameStore:
        with self._lock:
            if (part, key) not in self._stores:
                file, of_entries = self._file(part), self._kind.raw.frames_per_entry
                try:
                    found = StoredDataset(file, file.h5[_path(f"INSTRUMENT/{self._index.module.source}", key)])
                except HDF5_ERRORS as error:
                    raise BadInput(f"{file.path} cannot be read: {cause_of(error)}.") from error
                self._types[part, key] = found.dtype.newbyteorder("=")
                self._stores[part, key] = open_store(file, found, of_entries)
            return self._stores[part, key]

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            for store in self._stores.values():
                store.close()
            self._stores.clear()


def of_files(index: ModuleIndex, wanted: Sequence[bool]) -> ModuleIndex:
    """Frames of some of a module's files.

    Parameters
    ----------
    index : ModuleIndex
    wanted : sequence of bool
        One for each of its parts.
    """
    return replace(index, problems=()).kept(np.asarray(wanted, bool)[index.part])

"""Values into the chunks of a dataset, as HDF5 stores them: in the file's order, maybe compressed, with a checksum.

HDF5 would do the same, several times slower: it gathers each chunk number by number and sums its checksum byte by
byte. It makes sure of the checksums at every reading.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.io.libraries import h5py
from calib_core.numerics.checksums import fletcher32

Array = npt.NDArray[Any]

#: Chunks hold whole entries of the axis that is split, as few as make so many bytes, so that one memory cell can be
#: read alone without reading many times what it needs.
LEAST_BYTES = 1 << 20
_CHECKSUM = 4
#: How much gzip tries.
_LEVEL = 1


def put_values(
    group: h5py.Group, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], place: int | None,
    order: Sequence[int], read: Callable[[slice], Array], compress: bool = False,
) -> None:
    """Make a dataset with Fletcher-32, and compressed if asked for, chunk by chunk.

    Parameters
    ----------
    group : h5py.Group
    name : str
    dtype : dtype
        Of the file.
    shape : tuple of int
        In the file's order of axes.
    place : int, optional
        The axis of the file that is split; None where the dataset is one chunk.
    order : sequence of int
        Axes of the file in the order of those that are read.
    read : callable
        Values of a part of the axis that is split.
    compress : bool
        With gzip.

    Raises
    ------
    ValueError
        What is read has another shape.
    """
    length = 1 if place is None else shape[place]
    entry = np.dtype(dtype).itemsize * int(np.prod(shape)) // length
    step = min(-(-LEAST_BYTES // entry), length)
    chunks = tuple(step if axis == place else n for axis, n in enumerate(shape))
    options = {"compression": "gzip", "compression_opts": _LEVEL} if compress else {}
    dataset = group.create_dataset(name, shape, dtype, chunks=chunks, fletcher32=True, **options)
    stored = np.zeros(step * entry + _CHECKSUM, np.uint8)
    values = stored[:-_CHECKSUM].view(dtype).reshape(chunks)
    for start in range(0, length, step):
        stop = min(start + step, length)
        if stop - start < step and place is not None:  # a last chunk is as long as the others
            values[_along(place, slice(stop - start, None), len(shape))] = 0
        target = values[_along(place, slice(stop - start), len(shape))].transpose(order)
        found = read(slice(start, stop))
        if found.shape != target.shape:  # NumPy would repeat what is too short
            raise ValueError(f"values of {name} have the shape {found.shape} and not {target.shape}")
        np.copyto(target, found, casting="unsafe")
        chunk = _packed(stored) if compress else stored
        chunk[-_CHECKSUM:] = np.frombuffer(fletcher32(chunk[:-_CHECKSUM]).to_bytes(_CHECKSUM, "little"), np.uint8)
        dataset.id.write_direct_chunk(tuple(start if axis == place else 0 for axis in range(len(shape))), chunk)


def _along(place: int | None, part: slice, axes: int) -> tuple[slice, ...]:
    """A part of one axis, all of the others."""
    return tuple(part if axis == place else slice(None) for axis in range(axes))


def _packed(stored: Array) -> Array:
    """A chunk after gzip, with room for its checksum."""
    packed = zlib.compress(stored[:-_CHECKSUM].data, _LEVEL)
    return np.frombuffer(packed + bytes(_CHECKSUM), np.uint8).copy()

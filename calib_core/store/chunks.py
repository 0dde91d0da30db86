"""Values into the chunks of a dataset, as HDF5 stores them: in the file's order, maybe compressed, with a checksum.

HDF5 would do the same, several times slower: it gathers each chunk number by number and sums its checksum byte by
byte. It makes sure of the checksums at every reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.io.libraries import h5py, isal_zlib
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
    order: Sequence[int], read: Callable[[slice], Array], packed: dict[int, Array] | None = None,
    rows: tuple[int, int] | None = None,
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
    packed : dict, optional
        To compress them with gzip, and where chunks are kept, by where they begin, for another dataset of the same
        values; those that are there already are neither read nor compressed again.
    rows : (int, int), optional
        Another axis of the file that is cut, and how many of its entries a chunk has then, of one entry of the axis
        that is split. Not with ``packed``.

    Raises
    ------
    ValueError
        What is read has another shape.
    """
    if rows is not None and place is not None:
        _put_in_rows(group, name, dtype, shape, (place, *rows), order, read)
        return
    length = 1 if place is None else shape[place]
    entry = np.dtype(dtype).itemsize * int(np.prod(shape)) // length
    step = min(-(-LEAST_BYTES // entry), length)
    chunks = tuple(step if axis == place else n for axis, n in enumerate(shape))
    options = {} if packed is None else {"compression": "gzip", "compression_opts": _LEVEL}
    dataset = group.create_dataset(name, shape, dtype, chunks=chunks, fletcher32=True, **options)
    stored = np.zeros(step * entry + _CHECKSUM, np.uint8)
    values = stored[:-_CHECKSUM].view(dtype).reshape(chunks)
    for start in range(0, length, step):
        chunk = None if packed is None else packed.get(start)
        if chunk is None:
            stop = min(start + step, length)
            _fill(values, name, None if place is None else (place, stop - start), order, read(slice(start, stop)))
            chunk = _checked(stored if packed is None else _compressed(stored))
        if packed is not None:
            packed[start] = chunk
        dataset.id.write_direct_chunk(tuple(start if axis == place else 0 for axis in range(len(shape))), chunk)


def _put_in_rows(
    group: h5py.Group, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], cut: tuple[int, int, int],
    order: Sequence[int], read: Callable[[slice], Array],
) -> None:
    """Chunks of one entry of the axis that is split and some entries of another, which is ``cut`` too."""
    place, rows, step = cut
    chunks = tuple({place: 1, rows: min(step, n)}.get(axis, n) for axis, n in enumerate(shape))
    dataset = group.create_dataset(name, shape, dtype, chunks=chunks, fletcher32=True)
    stored = np.zeros(np.dtype(dtype).itemsize * int(np.prod(chunks)) + _CHECKSUM, np.uint8)
    values = stored[:-_CHECKSUM].view(dtype).reshape(chunks)
    for entry in range(shape[place]):
        found, own = read(slice(entry, entry + 1)), order.index(rows)
        for start in range(0, shape[rows], chunks[rows]):
            stop = min(start + chunks[rows], shape[rows])
            some = found[_along(own, slice(start, stop), found.ndim)]
            _fill(values, name, (rows, stop - start), order, some)
            at = tuple({place: entry, rows: start}.get(axis, 0) for axis in range(len(shape)))
            dataset.id.write_direct_chunk(at, _checked(stored))


def _fill(values: Array, name: str, there: tuple[int, int] | None, order: Sequence[int], found: Array) -> None:
    """Put what was read into a chunk; ``there`` is the axis that is split, and how many of its entries there are."""
    if there is not None and there[1] < values.shape[there[0]]:  # a last chunk is as long as the others
        values[_along(there[0], slice(there[1], None), values.ndim)] = 0
    target = values if there is None else values[_along(there[0], slice(there[1]), values.ndim)]
    target = target.transpose(order)
    if found.shape != target.shape:  # NumPy would repeat what is too short
        raise ValueError(f"values of {name} have the shape {found.shape} and not {target.shape}")
    np.copyto(target, found, casting="unsafe")


def _checked(chunk: Array) -> Array:
    """A chunk with its checksum at the end, where there is room for it."""
    chunk[-_CHECKSUM:] = np.frombuffer(fletcher32(chunk[:-_CHECKSUM]).to_bytes(_CHECKSUM, "little"), np.uint8)
    return chunk


def _along(place: int, part: slice, axes: int) -> tuple[slice, ...]:
    """A part of one axis, all of the others."""
    return tuple(part if axis == place else slice(None) for axis in range(axes))


def _compressed(stored: Array) -> Array:
    """A chunk after gzip, with room for its checksum."""
    packed = isal_zlib.compress(stored[:-_CHECKSUM].data, _LEVEL)
    return np.frombuffer(bytearray(packed + bytes(_CHECKSUM)), np.uint8)

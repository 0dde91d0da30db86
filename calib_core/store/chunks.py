"""Values into the chunks of a dataset and out of them, as HDF5 stores them: in the file's order, maybe compressed,
with a checksum.

HDF5 would do the same, several times slower: it gathers each chunk number by number, sums its checksum byte by byte,
and holds Python's lock meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from calib_core.constants.constant import PackedChunks
from calib_core.io.libraries import h5py, isal_zlib
from calib_core.numerics.checksums import fletcher32

Array = npt.NDArray[Any]

#: Chunks hold whole entries of the axis that is split, as few as make so many bytes, so that one memory cell can be
#: read alone without reading many times what it needs.
LEAST_BYTES = 1 << 20
_CHECKSUM = 4
#: Neighbouring values that are so few that to copy them is less than to begin with it.
_FEW = 16
#: How much gzip tries.
_LEVEL = 1


def put_values(
    group: h5py.Group, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], place: int | None,
    order: Sequence[int], read: Callable[[slice], Array], packed: PackedChunks | None = None,
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
    packed : PackedChunks, optional
        To compress them with gzip, and where chunks are kept for another dataset of the same values; those that are
        there already are neither read nor compressed again.
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

    def whole(start: int) -> Array:
        """The chunk that begins there."""
        stop = min(start + step, length)
        _fill(values, name, None if place is None else (place, stop - start), order, read(slice(start, stop)))
        return _checked(stored if packed is None else _compressed(stored))

    for start in range(0, length, step):
        chunk = whole(start) if packed is None else packed.chunk(start, whole)
        dataset.id.write_direct_chunk(tuple(start if axis == place else 0 for axis in range(len(shape))), chunk)


def all_values(dataset: h5py.Dataset) -> Array | None:
    """All values of a dataset whose chunks split one axis at most and are not compressed.

    Parameters
    ----------
    dataset : h5py.Dataset

    Returns
    -------
    array or None
        Axes as in the file; in memory that which is split is the slowest. None where values are stored otherwise, are
        not all there, or have another checksum: HDF5 reads them, and says what is wrong.
    """
    chunks, shape = dataset.chunks, dataset.shape
    split = [axis for axis, n in enumerate(shape) if chunks is not None and chunks[axis] != n]
    if chunks is None or len(split) > 1 or not dataset.size or dataset.dtype.kind not in "fiu":
        return None
    checks = _are_plain(dataset)
    if checks is None:
        return None
    place = split[0] if split else 0
    found = np.empty((shape[place], int(np.prod(shape[:place])), int(np.prod(shape[place + 1:]))), dataset.dtype)
    stored = np.empty(dataset.dtype.itemsize * int(np.prod(chunks)) + _CHECKSUM * checks, np.uint8)
    for start in range(0, shape[place], chunks[place]):
        some = _chunk(dataset, tuple(start if axis == place else 0 for axis in range(len(shape))), stored, checks)
        if some is None:
            return None
        part = found[start : start + chunks[place]]
        _turn(some.view(dataset.dtype).reshape(found.shape[1], chunks[place], -1), part)
    return np.moveaxis(found.reshape(shape[place], *shape[:place], *shape[place + 1:]), 0, place)


def _turn(chunk: Array, found: Array) -> None:
    """Copy (before, step, after) values to (step, before, after); the last chunk may have more of them.

    Few values that lie side by side would cost NumPy a loop each; so it goes the long way.
    """
    turned = chunk.transpose(1, 0, 2)[: len(found)]
    if len(found) == 1 or chunk.shape[2] > _FEW:
        np.copyto(found, turned)
        return
    for at in range(chunk.shape[2]):
        np.copyto(found[..., at], turned[..., at])


def _are_plain(dataset: h5py.Dataset) -> bool | None:
    """Whether chunks have a checksum; None where they are compressed, lacking, or of another machine."""
    made = dataset.id.get_create_plist()
    filters = [made.get_filter(at)[0] for at in range(made.get_nfilters())]
    number = int(np.prod([-(-n // step) for n, step in zip(dataset.shape, dataset.chunks, strict=True)]))
    if filters not in ([], [h5py.h5z.FILTER_FLETCHER32]) or dataset.id.get_num_chunks() != number:
        return None
    return bool(filters) if dataset.dtype.isnative else None


def _chunk(dataset: h5py.Dataset, at: tuple[int, ...], stored: Array, checks: bool) -> Array | None:
    """Bytes of a chunk's values, brought to where there is room; None where they are not as its checksum says."""
    size = dataset.id.get_chunk_info_by_coord(at).size
    if size != stored.size:
        return None
    left_out, _ = dataset.id.read_direct_chunk(at, out=stored)
    values = stored[: -_CHECKSUM] if checks else stored
    same = not checks or fletcher32(values) == int.from_bytes(stored[-_CHECKSUM:].tobytes(), "little")
    return values if same and not left_out else None


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

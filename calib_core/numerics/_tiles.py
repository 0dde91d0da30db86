"""The kernels of the moments: blocks of frames, walked in tiles of pixels, sixteen frames at a time.

Arrays come as they stand in :class:`calib_core.numerics.moments.Sums`: ``gate`` both ends; ``near`` both ends of
windows, sums, sums of squares and numbers of samples outside; ``whole`` sums, their squares' and numbers.
"""

from __future__ import annotations

import numpy as np

from calib_core.numerics.kernels import (
    BEGUN,
    EMPTY,
    HELD,
    LINE,
    MARKS,
    MOST_ROWS,
    NARROW,
    REACHES,
    ROOM_FOR,
    ROWS,
    WIDTH,
    inner_loops,
    njit,
)

#: Pixels of a tile: rows of 32 KiB, long enough to be recognised as streams, with sums that stay in the core's cache.
TILE = 16384

sweep, add_beyond, tile_of = inner_loops("calib_core.numerics._sweep", "sweep", "add_beyond", "tile_of")
widest_of, choose, fold = inner_loops("calib_core.numerics._window", "widest_of", "choose", "fold")


@njit(nogil=True, cache=True)
def add_block(block, plane, grouped, gain, expected, wrong, gate, near, whole, state):  # type: ignore[no-untyped-def]
    """Add a block to sums; without a check of gain bits, ``gain``, ``expected`` and ``wrong`` are None."""
    order, cells, first = grouped
    pixels, work = block.shape[2], work_of(expected)
    for run in range(cells.size):
        cell, part = cells[run], (first[run], first[run + 1])
        for start in range(0, pixels, TILE):
            stop = min(start + TILE, pixels)
            add_tile(
                block, plane, order, part, start, gain, expected, tile_of(wrong, cell, start, stop),
                (gate[0][cell, start:stop], gate[1][cell, start:stop]), near_of(near, cell, start, stop),
                whole_of(whole, cell, start, stop), state[cell, start // TILE], work)


@njit(nogil=True, cache=True, error_model="numpy")
def means_of_block(block, plane, grouped, gate, ddof, mean, std, count):  # type: ignore[no-untyped-def]
    """Mean and deviation of memory cells of which a block has all frames, tile by tile; their sums are not kept."""
    order, cells, first = grouped
    pixels, work, own = block.shape[2], work_of(None), (np.empty(TILE, np.uint32), np.empty(TILE, np.uint64))
    (near, whole), state = _sums_of_tile(), np.empty(3, np.int64)
    for run in range(cells.size):
        cell, part = cells[run], (first[run], first[run + 1])
        for start in range(0, pixels, TILE):
            stop, state[HELD], state[MARKS] = min(start + TILE, pixels), -1, 0
            size, ends = stop - start, (gate[0][cell, start:stop], gate[1][cell, start:stop])
            sums = near[0][:size], near[1][:size], near[2][:size], near[3][:size], near[4][:size]
            full = whole[0][:size], whole[1][:size], whole[2][:size]
            add_tile(block, plane, order, part, start, None, None, None, ends, sums, full, state, work)
            _finish_tile(ends, sums, full, own, state, ddof,
                         mean[cell, start:stop], std[cell, start:stop], count[cell, start:stop])


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def work_of(expected):  # type: ignore[no-untyped-def]
    """Room for places of patches, and a tile of right gain bits."""
    return np.empty(TILE, np.int64), np.full(TILE, 0 if expected is None else expected, np.uint8)


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def near_of(near, cell, start, stop):  # type: ignore[no-untyped-def]
    """Windows and their sums of some pixels of a memory cell."""
    return (near[0][cell, start:stop], near[1][cell, start:stop], near[2][cell, start:stop],
            near[3][cell, start:stop], near[4][cell, start:stop])


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def whole_of(whole, cell, start, stop):  # type: ignore[no-untyped-def]
    """Whole sums of some pixels of a memory cell."""
    return whole[0][cell, start:stop], whole[1][cell, start:stop], whole[2][cell, start:stop]


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _sums_of_tile():  # type: ignore[no-untyped-def]
    """Windows with their sums, and whole sums, of any tile; each begins with a line of the cache."""
    room = np.empty(28 * TILE + LINE, np.uint8)
    room = room[-room.ctypes.data % LINE:]
    near = (room[:2 * TILE].view(np.uint16), room[2 * TILE:4 * TILE].view(np.uint16),
            room[4 * TILE:6 * TILE].view(np.uint16), room[8 * TILE:12 * TILE].view(np.uint32),
            room[6 * TILE:8 * TILE].view(np.uint16))
    return near, (room[12 * TILE:16 * TILE].view(np.uint32), room[16 * TILE:24 * TILE].view(np.uint64),
                  room[24 * TILE:28 * TILE].view(np.uint32))


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def add_tile(  # type: ignore[no-untyped-def]
    block, plane, order, part, start, gain, expected, wrong, gate, near, whole, state, work
):
    """Add frames of a memory cell to a tile, whose pixels begin there.

    The part of the order is where its frames begin, and where they end.
    """
    begin, end = part
    if state[HELD] < 0:
        stop = start + near[0].size
        one, two, three = order[begin], order[min(begin + 1, end - 1)], order[min(begin + 2, end - 1)]
        _begin(state, block[one, plane, start:stop], block[two, plane, start:stop], block[three, plane, start:stop],
               gate, near)
    _add(block, plane, order, begin, end, start, gain, expected, wrong, gate, near, whole, state, work)


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _begin(state, one, two, three, gate, near):  # type: ignore[no-untyped-def]
    """What the gates of a tile are like; where some are too wide for it, windows inside of them.

    Windows are narrow where next to no pixel's first three samples are further apart than that.
    """
    widest, empty = widest_of(*gate)
    reaches = widest > WIDTH
    if reaches:
        for width in (NARROW, WIDTH):
            widest = width
            if choose(one, two, three, *gate, near[0], near[1], width) <= one.size // 256:
                break
    state[HELD], state[ROOM_FOR] = 0, min(0xFFFF // max(widest, 1), MOST_ROWS)
    state[MARKS] = state[MARKS] & BEGUN | (REACHES if reaches else 0) | (EMPTY if empty else 0)


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _window(gate, near, marks):  # type: ignore[no-untyped-def]
    """Both ends of windows: the gates, unless some are too wide."""
    return (near[0], near[1]) if marks & REACHES else gate


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _add(  # type: ignore[no-untyped-def]
    block, plane, order, begin, end, start, gain, expected, wrong, gate, near, whole, state, work
):
    """Add frames of a memory cell to a tile."""
    (low, high), (_, _, sums, squares, outside), (where, right) = gate, near, work
    base, top = _window(gate, near, state[MARKS])
    pixels, rows = block.shape[2], state[HELD]
    stride, place = block.shape[1] * pixels, plane * pixels + start
    for frame in range(begin, end, ROWS):
        more = min(ROWS, end - frame)
        if rows + more > state[ROOM_FOR]:
            _fold(state[MARKS], gate, rows, near, whole, whole)
            state[MARKS] |= BEGUN
            rows = 0
        if rows == 0:
            _clear(outside)
        offsets, bits = _rows(order, frame, end, stride, place), _rows(order, frame, end, pixels, start)
        told = sweep(block, offsets, gain, right, bits, expected, low, high, base, top, sums, squares,
                     outside, -1 if rows else 0, wrong, state[MARKS], where)
        if told and not state[MARKS] & BEGUN:
            _clear(whole[0])
            _clear(whole[1])
            _clear(whole[2])
            state[MARKS] |= BEGUN
        for k in range(told):
            add_beyond(block, offsets, gain, right, bits, expected, low, high, base, top, *whole, where[k])
        rows += more
    state[HELD] = rows


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _row(order, frame, end, stride, start):  # type: ignore[no-untyped-def]
    """Offset of a frame's row; negative beyond the last frame."""
    return order[frame] * stride + start if frame < end else -1


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _rows(order, frame, end, stride, start):  # type: ignore[no-untyped-def]
    """Offsets of the rows of sixteen frames."""
    return _eight(order, frame, end, stride, start) + _eight(order, frame + 8, end, stride, start)


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _eight(order, frame, end, stride, start):  # type: ignore[no-untyped-def]
    """Offsets of the rows of eight frames."""
    return (
        _row(order, frame, end, stride, start), _row(order, frame + 1, end, stride, start),
        _row(order, frame + 2, end, stride, start), _row(order, frame + 3, end, stride, start),
        _row(order, frame + 4, end, stride, start), _row(order, frame + 5, end, stride, start),
        _row(order, frame + 6, end, stride, start), _row(order, frame + 7, end, stride, start),
    )


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _fold(marks, gate, rows, near, before, whole):  # type: ignore[no-untyped-def]
    """Add what is inside of windows to whole sums before; nothing where gates are empty."""
    (base, _), (_, _, sums, squares, outside) = _window(gate, near, marks), near
    if marks & EMPTY:
        for i in range(base.size):
            if gate[0][i] > gate[1][i]:
                sums[i], squares[i], outside[i] = 0, 0, rows
    fold(base, rows, sums, squares, outside, *before, *whole, marks)


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _clear(sums):  # type: ignore[no-untyped-def]
    for i in range(sums.size):
        sums[i] = 0


@njit(nogil=True, cache=True, error_model="numpy")
def finish(gate, near, whole, state, ddof, mean, std, count):  # type: ignore[no-untyped-def]
    """Mean and deviation of each tile; its sums stay."""
    own, pixels = (np.empty(TILE, np.uint32), np.empty(TILE, np.uint64)), mean.shape[1]
    for cell in range(mean.shape[0]):
        for start in range(0, pixels, TILE):
            stop = min(start + TILE, pixels)
            _finish_tile((gate[0][cell, start:stop], gate[1][cell, start:stop]), near_of(near, cell, start, stop),
                         whole_of(whole, cell, start, stop), own, state[cell, start // TILE], ddof,
                         mean[cell, start:stop], std[cell, start:stop], count[cell, start:stop])


@njit(nogil=True, cache=True, error_model="numpy", no_cpython_wrapper=True)
def _finish_tile(gate, near, whole, own, state, ddof, mean, std, count):  # type: ignore[no-untyped-def]
    """Mean and deviation of a tile; what is known of it stays, and so do its sums but where gates are empty."""
    rows, marks = state[HELD], state[MARKS]
    if not marks & (BEGUN | EMPTY) and rows > 0:
        _finish_near(_window(gate, near, marks)[0], rows, near[2], near[3], near[4], ddof, mean, std, count)
        return
    full = own[0][:count.size], own[1][:count.size], count
    if rows > 0:
        _fold(marks, gate, rows, near, whole, full)
    elif marks & BEGUN:
        _copy(*whole, *full)
    else:
        _clear(full[0])
        _clear(full[1])
        _clear(full[2])
    _finish_row(*full, ddof, mean, std)


@njit(nogil=True, cache=True, error_model="numpy", no_cpython_wrapper=True)
def _finish_near(base, rows, near, squares, outside, ddof, mean, std, count):  # type: ignore[no-untyped-def]
    """The same of sums inside of windows, of so few frames that all numbers fit in 32 bits."""
    for i in range(count.size):
        count[i] = np.uint32(rows) - np.uint32(outside[i])
    for i in range(count.size):
        total = np.uint32(np.uint32(near[i]) + np.uint32(count[i] * np.uint32(base[i])))
        mean[i] = np.float32(total) / np.float32(count[i])  # both below 2**24, so exact: rounded once
    for i in range(count.size):
        n, s = count[i], np.uint32(near[i])
        over = np.float32(np.uint32(np.uint32(n * squares[i]) - np.uint32(s * s)))
        few = np.float32(n)
        root = np.sqrt(over / (few * (few - np.float32(ddof))))
        std[i] = root if few > np.float32(ddof) else np.float32(np.nan)


@njit(nogil=True, cache=True, no_cpython_wrapper=True)
def _copy(total, squares, count, t, q, c):  # type: ignore[no-untyped-def]
    """Copy sums: numba's assignment of slices takes several times as long."""
    for i in range(total.size):
        t[i] = total[i]
    for i in range(squares.size):
        q[i] = squares[i]
    for i in range(count.size):
        c[i] = count[i]


@njit(nogil=True, cache=True, error_model="numpy", no_cpython_wrapper=True)
def _finish_row(total, squares, count, ddof, mean, std):  # type: ignore[no-untyped-def]
    for i in range(total.size):
        mean[i] = np.float32(np.float64(total[i]) / np.float64(count[i]))
    for i in range(total.size):
        n, s = np.uint64(count[i]), np.uint64(total[i])
        over = np.float32(np.float64(n * squares[i] - s * s))
        degrees = np.float32(np.float64(n) * (np.float64(n) - ddof))
        root = np.sqrt(over / degrees)
        std[i] = root if np.float64(n) > ddof else np.float32(np.nan)

"""Shares of a job's memory budget: for the index of its frames, its units, and its chunks of frames."""

from __future__ import annotations

from calib_core.errors import BadParameter
from calib_core.io.budget import resident_bytes
from calib_core.jobs.spec import JobSpec

#: Frames of a chunk together, bytes: long enough to stay near the speed of memory, short enough to cancel.
_CHUNK_BYTES = 32 << 20
#: Frames of one memory cell in a chunk: with fewer, sums are carried to memory and back too often. Neighbouring cells
#: lie side by side in the file, so with more, a unit has fewer cells and reads shorter stretches.
FRAMES_AT_ONCE = 8
#: Neighbouring memory cells of a correction whose constants are in memory together, where not all are: a row of the
#: analogue memory, or a stretch of 8 MiB in a file.
CELLS_AT_ONCE = 32
#: Bytes of a chunk that stay in the cache from when they are read until they are summed.
_CACHED_BYTES = 8 << 20
#: What a process needs before it works on anything: libraries and compiled kernels.
_PROCESS_BYTES = 240 << 20
#: Share of the budget that what the process holds already may take: the rest is not this job's.
_MOST_HELD = 4
#: Share of the budget that the index of a job's frames may take.
_INDEX_SHARE = 2
#: Share of the budget, without what a process needs, that a unit of several memory cells may take.
_UNIT_SHARE = 8
#: A job that has less than this is not slower but impossible.
_LEAST_ROOM = 64 << 20


def room_of(budget: int, index_bytes: int = 0) -> int:
    """Working memory: the budget without what the process holds, of which only a part is held against the job.

    The index of the job's frames is the job's own, and all of it counts.
    """
    held = max(_PROCESS_BYTES + index_bytes, min(resident_bytes(), budget // _MOST_HELD))
    return max(budget - held, _LEAST_ROOM)


def check_index(memory_mb: int, index_bytes: int) -> None:
    """Refuse a job whose index would leave too little of the budget for the work.

    Raises
    ------
    BadParameter
        The message says how much would do.
    """
    if index_bytes * _INDEX_SHARE > memory_mb << 20:
        enough = (index_bytes * _INDEX_SHARE >> 20) + 1
        raise BadParameter(
            f"memory_mb = {memory_mb} is too small: to know where the frames are takes {index_bytes / (1 << 20):.1f} "
            f"MiB, which may be half of it at most; it needs a budget of {enough} MiB, or fewer modules or trains.")


def share_of(spec: JobSpec) -> int:
    """Working memory that a unit of several memory cells may take, bytes; asks nothing of this machine."""
    return max((spec.memory_mb << 20) - _PROCESS_BYTES, _LEAST_ROOM) // _UNIT_SHARE


def thread_share_of(spec: JobSpec, index_bytes: int) -> int:
    """Working memory of a unit, all of it, where the specification has fewer threads than there are shares, bytes.

    Half of what there is beside the index of the frames at most. Nothing where it does not say how many threads, and
    in parts, of which three are held.
    """
    if not spec.threads or spec.parts > 1:
        return 0
    return ((spec.memory_mb << 20) - _PROCESS_BYTES - index_bytes) // max(spec.threads, 2)


def chunk_bytes_of(spec: JobSpec, frame_bytes: int) -> int:
    """Length of a chunk of frames, bytes: one frame at least."""
    return max(frame_bytes, min(_CHUNK_BYTES, share_of(spec) // 4))


def chunk_of(chunk_bytes: int, cells: int, frame_bytes: int) -> int:
    """Length of a chunk of a unit of so many memory cells, bytes: at most what chunks may have."""
    return min(chunk_bytes, max(_CACHED_BYTES, FRAMES_AT_ONCE * cells * frame_bytes))


def cells_of(chunk_bytes: int, frame_bytes: int) -> int:
    """Memory cells of which a chunk has :data:`FRAMES_AT_ONCE` frames each; one at least."""
    return max(1, chunk_bytes // (FRAMES_AT_ONCE * frame_bytes))

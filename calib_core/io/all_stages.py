"""Frames of runs whose trains hold all gain stages one after the other, those of all stages together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from calib_core.detector import DetectorType, Frames, FrameSelection
from calib_core.io.frames import Indices, ModuleFrames
from calib_core.io.loss import Loss
from calib_core.io.module_index import ModuleIndex

#: Reasons for which frames are left out.
WITHOUT_OTHERS, LAST_OF_STAGE = "without all gain stages", "last of their gain stage"


class FramesOfAllStages(ModuleFrames):
    """Frames of the first gain stage, each with the frames of the others beside it.

    Frames that lack one of the others are left out and counted. All that is told of single frames, such as samples of
    a pixel, is of the first stage.

    Parameters
    ----------
    run, detector, selection, loss
        As of :class:`~calib_core.io.frames.ModuleFrames`.
    index : ModuleIndex
        Of the frames of the first stage that are wanted, as :func:`first_stage` gives it.
    every : ModuleIndex
        Of the frames of all stages.
    """

    def __init__(
        self, run: str, detector: DetectorType, index: ModuleIndex, every: ModuleIndex, selection: FrameSelection,
        loss: Loss,
    ) -> None:
        super().__init__(run, detector, index, replace(selection, part=0), loss)
        self._others = [ModuleFrames(run, detector, every, replace(selection, part=part, min_trains=0), loss)
                        for part in range(1, selection.parts)]
        places = [_places(self, one) for one in self._others]
        lacking = np.any([place < 0 for place in places], axis=0)
        self._leave_out(lacking, WITHOUT_OTHERS)
        self._places = [place[~lacking] for place in places]
        self._check_enough(max(1, selection.min_trains))

    @property
    def bytes_of_frame(self) -> int:
        """Bytes of a frame in memory, all gain stages."""
        return super().bytes_of_frame * (1 + len(self._others))

    @property
    def index_bytes(self) -> int:
        """Memory of where the frames are, bytes."""
        return super().index_bytes + sum(one.index_bytes for one in self._others)

    def close(self) -> None:
        """Close the files that frames are read from until they are read again."""
        for one in self._others:
            one.close()
        super().close()

    def _reader(self, n: int) -> Callable[[Indices], Frames]:
        own, buffers = super()._reader(n), [one._buffers(n) for one in self._others]

        def read(chosen: Indices) -> Frames:
            frames = own(chosen)
            chosen = chosen[~self._zero[chosen]]
            others = [one._read(place[chosen], buffer)
                      for one, place, buffer in zip(self._others, self._places, buffers, strict=True)]
            empty = np.any([one._zero[place[chosen]]
                            for one, place in zip(self._others, self._places, strict=True)], axis=0)
            if empty.any():  # a frame without one of its stages is none
                self._zero[chosen[empty]] = True
                frames = frames.part(np.flatnonzero(~empty))
                others = [_without(one, empty, one_._zero[place[chosen]]) for one, one_, place in zip(
                    others, self._others, self._places, strict=True)]
            return replace(frames, others=tuple(others))

        return read


def _without(frames: Frames, empty: npt.NDArray[np.bool_], gone: npt.NDArray[np.bool_]) -> Frames:
    """Frames without those that are empty in any stage; those that are in this one are gone already."""
    return frames.part(np.flatnonzero(~empty[~gone]))


def _places(first: ModuleFrames, other: ModuleFrames) -> Indices:
    """Where the frames of another stage are that go with those of the first, -1 where there is none."""
    trains, cells = np.union1d(first.train, other.train), first.detector.max_cells
    wanted, there = (np.searchsorted(trains, one.train) * cells + one.cell for one in (first, other))
    order = np.argsort(there, kind="stable")
    place = np.searchsorted(there[order], wanted)
    found = np.append(there[order], -1)[place] == wanted
    return np.where(found, np.append(order, -1)[place], -1)


def first_stage(index: ModuleIndex, drop_last: int) -> ModuleIndex:
    """Frames of the first gain stage, of which each stands for those of all.

    Parameters
    ----------
    index : ModuleIndex
        Of the frames of all stages.
    drop_last : int
        Frames at the end of the stage in each train that are left out, as they are stored.
    """
    index = index.kept(index.piece == 0)
    if not drop_last or not len(index.train):
        return index
    train = index.train  # the frames of a train follow each other
    first = np.flatnonzero(np.diff(train, prepend=train[:1] - np.uint64(1)))
    counts = np.diff(first, append=len(train))
    left = np.repeat(counts, counts) - (np.arange(len(train)) - np.repeat(first, counts))
    return index.left_out(left <= drop_last, LAST_OF_STAGE)

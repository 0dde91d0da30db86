"""A frame of a run on its way through the steps of a correction, as something to be looked at."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from calib_core.axes import Array, Picture, Result
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import Frames
from calib_core.jobs.constant_files import begins
from calib_core.jobs.making_ready import MakingReady
from calib_core.jobs.preview import Link, Passed, Preview
from calib_core.subjects.frame_subject import FrameSubject
from calib_core.subjects.job import condition_text, runs_text
from calib_core.subjects.preview_results import results_of, value_of

#: Constants of a memory cell that take longer, s, are not read before somebody looks at it.
_QUICK = 2.0


@dataclass(frozen=True)
class Passage:
    """What one step made of a sample.

    Attributes
    ----------
    word : str
        Of the step.
    before, after : float
        NaN where it is no number.
    unit_before, unit : str
        Of the values before and after it.
    stage : str
        Gain stage of the sample after it.
    flags : tuple of str
        That the step has set.
    """

    word: str
    before: float
    after: float
    unit_before: str
    unit: str
    stage: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class _Frame:
    """A frame of a module as it is stored, and after the steps of one version of the chain."""

    preview: Preview
    frames: Frames
    passed: Passed


@dataclass(frozen=True)
class _Looked:
    """Frames of modules at a train and memory cell."""

    at: tuple[int, int]
    preview: Preview
    frames: Mapping[int, _Frame]


class PreviewSubject(FrameSubject[_Frame]):
    """Frames of a run before and after the steps of a correction.

    Parameters
    ----------
    preview : Preview
        Its results have the units of this chain; another one of the same units may take its place.
    """

    def __init__(self, preview: Preview) -> None:
        plan = preview.plan
        assert plan.detector is not None
        self.preview = self._used = preview
        self._looked: _Looked | None = None
        #: What is behind pictures that somebody still has.
        self._behind: list[tuple[weakref.ref[Picture], _Looked]] = []
        self._slowest, self._is_new_cell = 0.0, True
        self._selected: int | None = None
        self._error: tuple[_Frame, tuple[int, int], float] | None = None
        super().__init__(plan.detector, sorted(module for module in plan.modules if module is not None),
                         preview.cells, preview.trains, results_of(preview), min(begins(plan), default=None))
        self._making = MakingReady(self.composer.renew)
        preview.around.check = self.composer.check

    # -- what it is

    @property
    def title(self) -> str:
        """Detector and run."""
        return " · ".join((self.identifier, runs_text(sorted({run.path for run in self.preview.plan.runs.values()})),
                           "preview"))

    @property
    def state(self) -> str:
        """How long the shown frame took; that it is on its way while the chain or the place is another."""
        waiting = self._making.words
        return f"preview: {waiting}" if waiting and not self.trouble else self.state_of("preview")

    @property
    def about(self) -> Mapping[str, str]:
        """Runs, condition, parameters and constants."""
        plan, preview = self.preview.plan, self.preview
        used = dict.fromkeys(str(one.why) for link in preview.links if link.done for one in link.constants)
        return {"characterisation": f"{plan.spec.family} {plan.spec.method} (preview)",
                "runs": "\n".join(f"{run.label} {run.path}" for run in plan.runs.values()),
                "condition": condition_text(plan.condition),
                "parameters": "\n".join(f"{name}: {value}" for name, value in preview.method.values().items()),
                "constants": "\n".join(used)}

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of runs and constants, steps that are left out, trouble."""
        links = self.links
        left = [one.why_not for one in links if one.why_not]
        left += [f"{one.step.title} is shown with what it has learned {one.said}." for one in links if one.said]
        return tuple(dict.fromkeys(filter(None, (
            *self.preview.plan.notes, *left, *self._making.trouble, *self.unread, self.trouble))))

    # -- the chain

    def show_chain(self, preview: Preview) -> bool:
        """Take another chain, and make the picture again.

        Parameters
        ----------
        preview : Preview
            Of the same frames.

        Returns
        -------
        bool
            False where its results are not those of this subject; nothing changes then.
        """
        if preview.plan.source is not self.preview.plan.source or results_of(preview) != self.results:
            return False
        with self.lock:
            self.preview, self.busy, self.trouble = preview, True, ""
            preview.around.check = self.composer.check
            self.version += 1
        self.composer.renew()
        return True

    @property
    def links(self) -> tuple[Link, ...]:
        """All steps in their order, with what they say of the frames of the newest picture."""
        looked = self._looked
        said: dict[str, dict[str, None]] = {}
        for one in () if looked is None or looked.preview is not self.preview else looked.frames.values():
            for word, text in one.passed.said.items():
                said.setdefault(word, {})[text] = None
        return tuple(replace(link, said="; ".join(said.get(link.step.word, ()))) for link in self.preview.links)

    def is_of_chain(self, picture: Picture | None) -> bool:
        """Whether a picture is of the chain as it is now; a frozen one need not be."""
        looked = self._of(picture)
        return looked is not None and looked.preview is self.preview

    def seconds(self, picture: Picture | None) -> Mapping[str, float]:
        """What each step took on all modules of a picture.

        Parameters
        ----------
        picture : Picture, optional
            Of this subject.

        Returns
        -------
        dict of str to float
            By the words of the steps, s; nothing without a picture.
        """
        looked = self._of(picture)
        total: dict[str, float] = {}
        for one in () if looked is None else looked.frames.values():
            for word, seconds in one.passed.seconds.items():
                total[word] = total.get(word, 0.0) + seconds
        return total

    def passages(self, picture: Picture | None, module: int, row: int, col: int) -> tuple[Passage, ...]:
        """What each step made of the sample of a pixel in the frame of a picture.

        Parameters
        ----------
        picture : Picture, optional
            Of this subject.
        module, row, col : int

        Returns
        -------
        tuple of Passage
            Of the steps that were done, in their order; none where the module has no frame.
        """
        looked, self._selected = self._of(picture), module
        if looked is None or module not in looked.frames:
            return ()
        passed = looked.frames[module].passed
        found, before, unit = [], passed.raw, "ADU"
        units = {link.step.word: link.step.unit_after for link in looked.preview.links}
        for word, after in passed.after.items():
            unit_before, unit = unit, units[word] or unit
            new = int(after.mask[0, row, col]) & ~int(before.mask[0, row, col])
            stage = self.kind.stages[int(after.stage[0, row, col])].short
            found.append(Passage(word, float(before.values[0, row, col]), float(after.values[0, row, col]),
                                 unit_before, unit, stage, _names(new)))
            before = after
        return tuple(found)

    def error(self, picture: Picture | None, module: int, row: int, col: int) -> float:
        """Standard deviation that the corrected sample of a pixel is expected to have in the frame of a picture.

        Parameters
        ----------
        picture : Picture, optional
            Of this subject.
        module, row, col : int

        Returns
        -------
        float
            In the unit of the corrected frame; NaN where it is not known.
        """
        looked = self._of(picture)
        if looked is None or module not in looked.frames:
            return float("nan")
        one = looked.frames[module]
        if self._error is None or self._error[0] is not one or self._error[1] != (row, col):
            self._error = one, (row, col), one.preview.error(module, one.frames, one.passed, row, col)
        return self._error[2]

    def _of(self, picture: Picture | None) -> _Looked | None:
        """What is behind a picture."""
        if picture is None:
            return None
        own = picture.made_of or picture
        with self.lock:
            return next((looked for known, looked in self._behind if known() is own), None)

    # -- frames

    def begin(self, at: tuple[int, int], modules: Sequence[int]) -> None:
        """Take the chain as it is now for a picture, and have constants made ready that take long."""
        self._is_new_cell = self._looked is None or self._looked.at[1] != at[1]
        with self.lock:
            self._used, self.busy = self.preview, True
        selected = [module for module in modules if module == self._selected]
        self._making.ask(self._used.needed(), at[1], (*selected, *modules))

    def load(self, module: int, train: int, cell: int) -> _Frame | None:
        """A frame before and after the steps; what was read for the picture before is not read again.

        Parameters
        ----------
        module : int
        train : int
            Train id.
        cell : int
            Memory cell.

        Returns
        -------
        _Frame or None
            None where there is no such frame, and as long as its constants are being made ready.
        """
        if not self._making.is_ready(module):
            return None
        preview, looked = self._used, self._looked
        known = looked.frames.get(module) if looked is not None and looked.at == (train, cell) else None
        frames = preview.frame(module, train, cell) if known is None else known.frames
        return None if frames is None else _Frame(preview, frames, preview.passed(module, frames))

    def value(self, result: Result, module: int, loaded: _Frame) -> Array:
        """Image of a result of a frame.

        Parameters
        ----------
        result : Result
        module : int
        loaded : _Frame

        Returns
        -------
        (slow_scan, fast_scan) array
        """
        return value_of(result, loaded.preview, module, loaded.frames, loaded.passed)

    def took(self, picture: Picture, at: tuple[int, int], loaded: Mapping[int, _Frame], whole: bool) -> None:
        """Keep the frames of the picture, for the pixel that is selected and for another chain."""
        if whole and self._is_new_cell:
            self._slowest = max(self._slowest, self.seconds_taken)
        self._looked = looked = _Looked(at, self._used, loaded)
        with self.lock:
            self._behind = [(weakref.ref(picture), looked), *(one for one in self._behind if one[0]() is not None)]
            self.busy = not whole or self.preview is not self._used

    def ahead(self, at: tuple[int, int], modules: Sequence[int]) -> Iterator[None]:
        """Read the constants of the memory cells that the arrow keys lead to, unless that takes long."""
        if self._slowest > _QUICK or self._making.words:
            return
        cells = [int(label) for label in self.axes["cell"].labels]
        place = cells.index(at[1])
        for cell in (*cells[place + 1 : place + 2], *cells[max(0, place - 1) : place]):
            for module in modules:
                self._used.read_ahead(module, cell)
                yield

    def close(self) -> None:
        """End the threads, close the runs, and free the space of constants."""
        self._making.stop()
        super().close()
        self._making.close()
        self.preview.plan.close()


def _names(flags: int) -> tuple[str, ...]:
    return tuple(one.label for one in BadPixels if int(one) & flags)

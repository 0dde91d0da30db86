"""A frame of a run on its way through the steps of a correction, as something to be looked at."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from calib_core.axes import Array, At, Axis, Label, Pick, Picture, Result, View
from calib_core.composer import Composer
from calib_core.constants.badpixels import BadPixels
from calib_core.detector import DetectorType, Frames
from calib_core.explanation import Explanation, Reason, RowFrames
from calib_core.jobs.preview import Link, Passed, Preview
from calib_core.remarks import Remark
from calib_core.subjects.job import condition_text, runs_text
from calib_core.subjects.preview_results import results_of, value_of

#: Longest time without a picture while modules go through the steps, s.
_PICTURE_INTERVAL = 0.1
#: Frames before and after the shown one of which a pixel is looked at.
_REACH = 16
#: Largest train id that widgets take for a number.
_LARGEST = (1 << 31) - 1


@dataclass(frozen=True)
class Passage:
    """What one step made of a sample.

    Attributes
    ----------
    word : str
        Of the step.
    before, after : float
        NaN where it is no number.
    unit : str
        Of the value after it; empty of a step that changes no values.
    stage : str
        Gain stage of the sample after it.
    flags : tuple of str
        That the step has set.
    """

    word: str
    before: float
    after: float
    unit: str
    stage: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class _Looked:
    """Frames of modules after the steps of one version of the chain."""

    at: tuple[int, int]
    preview: Preview
    frames: Mapping[int, Frames]
    passed: Mapping[int, Passed]


class PreviewSubject:
    """Frames of a run before and after the steps of a correction; a :class:`~calib_core.subjects.base.Subject`.

    Parameters
    ----------
    preview : Preview
        Its results have the units of this chain; another one of the same units may take its place.
    """

    ended, files = True, ()
    remarks: tuple[Remark, ...] = ()

    def __init__(self, preview: Preview) -> None:
        plan = preview.plan
        assert plan.detector is not None
        self.preview = preview
        self.kind: DetectorType = plan.detector.type
        self.identifier = plan.detector.identifier
        self.modules = tuple(sorted(module for module in plan.modules if module is not None))
        self.axes: Mapping[str, Axis] = {
            "cell": Axis("cell", "Memory cell", preview.cells),
            "train": Axis("train", "Train", _labels(preview.trains))}
        self.results = results_of(preview)
        self.version = 1
        self.picture: Picture | None = None
        self._trouble = ""
        self._looked: _Looked | None = None
        self._seconds = float("nan")
        self._busy = True
        self._lock = threading.Lock()
        self._composer = Composer(self._compose, self._show, self._tell)

    # -- what it is

    @property
    def title(self) -> str:
        """Detector and run."""
        return " · ".join((self.identifier, runs_text(sorted({run.path for run in self.preview.plan.runs.values()})),
                           "preview"))

    @property
    def state(self) -> str:
        """How long the shown frame took; that it is on its way while the chain or the place is another."""
        if self._trouble:
            return "failed"
        if self._busy or not np.isfinite(self._seconds):
            return "preview: on its way"
        modules = self.picture.modules if self.picture is not None else ()
        return f"preview, {len(modules)} module{'s' if len(modules) != 1 else ''} · {self._seconds * 1e3:.0f} ms"

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
        left = [one.why_not for one in self.preview.links if one.why_not]
        return tuple(dict.fromkeys(filter(None, (*self.preview.plan.notes, *left, self._trouble))))

    # -- the chain

    def show_chain(self, preview: Preview) -> bool:
        """Take another chain, and make the picture again.

        Parameters
        ----------
        preview : Preview
            Of the same plan.

        Returns
        -------
        bool
            False where its results are not those of this subject; nothing changes then.
        """
        if preview.plan is not self.preview.plan or results_of(preview) != self.results:
            return False
        with self._lock:
            self.preview, self._busy, self._trouble = preview, True, ""
            self.version += 1
        self._composer.renew()
        return True

    @property
    def links(self) -> tuple[Link, ...]:
        """All steps in their order."""
        return self.preview.links

    @property
    def seconds(self) -> Mapping[str, float]:
        """What each step took on all modules that are shown, s; none before there is a picture."""
        looked = self._looked
        total: dict[str, float] = {}
        for passed in () if looked is None else looked.passed.values():
            for word, seconds in passed.seconds.items():
                total[word] = total.get(word, 0.0) + seconds
        return total

    def passages(self, module: int, row: int, col: int) -> tuple[Passage, ...]:
        """What each step made of the sample of a pixel in the frame that is shown.

        Parameters
        ----------
        module, row, col : int

        Returns
        -------
        tuple of Passage
            Of the steps that were done, in their order; none where the module has no frame.
        """
        looked = self._looked
        passed = None if looked is None else looked.passed.get(module)
        if passed is None or looked is None:
            return ()
        found, before, unit = [], passed.raw, "ADU"
        units = {link.step.word: link.step.unit_after for link in looked.preview.links}
        for word, after in passed.after.items():
            unit = units[word] or unit
            new = int(after.mask[0, row, col]) & ~int(before.mask[0, row, col])
            found.append(Passage(word, float(before.values[0, row, col]), float(after.values[0, row, col]), unit,
                                 self.kind.stages[int(after.stage[0, row, col])].short, _names(new)))
            before = after
        return tuple(found)

    # -- what may be asked of any subject

    def look_at(self, view: View) -> None:
        """Ask for a picture of a view; returns at once, and only the newest view counts.

        Parameters
        ----------
        view : View
        """
        self._busy = True
        self._composer.look_at(view)

    def along(self, result: str, axis: str, module: int, row: int, col: int, at: At) -> Array:
        """One pixel along an axis: of frames near the shown one; see `Subject.along`.

        Returns
        -------
        (n,) float64
            NaN of frames that are further away than :data:`_REACH`, and where there is none.

        Raises
        ------
        CalibrationError
            A file cannot be read.
        """
        values = np.full(len(self.axes[axis]), np.nan)
        [declared] = (one for one in self.results if one.name == result)
        centre = min(max(at.get(axis, 0), 0), len(values) - 1)
        for index in range(max(0, centre - _REACH), min(len(values), centre + _REACH + 1)):
            image = self._image(self.preview, declared, module, {**at, axis: index})
            values[index] = np.nan if image is None else image[row, col]
        return values

    def plane(self, result: str, module: int, at: At) -> Array | None:
        """Image of a result at a place; see `Subject.plane`.

        Returns
        -------
        (slow_scan, fast_scan) array or None
            None also of frames that are further away from the shown one than :data:`_REACH`.
        """
        looked = {} if self.picture is None else self.picture.view.at
        if any(abs(at.get(name, 0) - looked.get(name, 0)) > _REACH for name in self.axes):
            return None
        [declared] = (one for one in self.results if one.name == result)
        return self._image(self.preview, declared, module, at)

    def values(self, result: str, module: int | None = None) -> Array | None:
        """None: all results are images."""
        return None

    def explain(self, module: int, row: int, col: int, at: At, corrected: bool = False) -> Explanation | None:
        """None: the steps tell what becomes of a sample."""
        return None

    def reasons(self, module: int, row: int, col: int, at: At) -> tuple[Reason, ...]:
        """None: flags are those of the constants."""
        return ()

    def frames(self, module: int, row: int, at: At) -> RowFrames | None:
        """None: a frame is a map here."""
        return None

    def close(self) -> None:
        """End the thread and close the runs."""
        self._composer.stop()
        self.preview.plan.close()

    # -- pictures

    def _place(self, at: At) -> tuple[int, int]:
        """Train id and memory cell at indices."""
        train = min(max(at.get("train", 0), 0), len(self.axes["train"]) - 1)
        cell = min(max(at.get("cell", 0), 0), len(self.axes["cell"]) - 1)
        return int(self.axes["train"].labels[train]), int(self.axes["cell"].labels[cell])

    def _image(self, preview: Preview, result: Result, module: int, at: At) -> Array | None:
        frames = preview.frame(module, *self._place(at))
        if frames is None:
            return None
        return value_of(result, preview, module, frames, preview.passed(module, frames))

    def _compose(self, view: View) -> Iterator[Picture | None]:
        """Pictures of a view: all modules through the steps, those looked at first."""
        with self._lock:
            preview = self.preview
            self._busy = True
        start = shown = time.monotonic()
        modules = tuple(module for module in self.modules if not view.modules or module in view.modules)
        names = {one.name: one for one in self.results}
        picks = {pick: names[pick.result] for pick in view.picks if pick.result in names} or {
            Pick(one.name): one for one in self.results[:1]}
        maps = {pick: np.full((len(modules), *self.kind.shape), result.blank, result.numpy_dtype)
                for pick, result in picks.items()}
        coverage, frames, passed = np.zeros(len(modules)), dict[int, Frames](), dict[int, Passed]()
        at = self._place(view.at)
        for i, module in enumerate(modules):
            found = self._kept_frame(at, module) or preview.frame(module, *at)
            if found is not None:
                frames[module], passed[module] = found, preview.passed(module, found)
                for pick, result in picks.items():
                    maps[pick][i] = value_of(result, preview, module, found, passed[module])
                coverage[i] = 1.0
            yield None
            if time.monotonic() - shown > _PICTURE_INTERVAL and i + 1 < len(modules):
                self._looked = _Looked(at, preview, dict(frames), dict(passed))
                yield _picture(view, modules, {pick: out.copy() for pick, out in maps.items()}, coverage.copy())
                shown = time.monotonic()
        self._looked = _Looked(at, preview, frames, passed)
        self._seconds = time.monotonic() - start
        with self._lock:
            self._busy = self.preview is not preview
        yield _picture(view, modules, maps, coverage)
        for cell in self._neighbours(at[1]):  # those that the arrow keys lead to
            for module in modules:
                preview.read_ahead(module, cell)
                yield None

    def _neighbours(self, cell: int) -> list[int]:
        cells = [int(label) for label in self.axes["cell"].labels]
        place = cells.index(cell)
        return [*cells[place + 1 : place + 2], *cells[max(0, place - 1) : place]]

    def _kept_frame(self, at: tuple[int, int], module: int) -> Frames | None:
        """The frame that was shown last, where only the chain is another."""
        looked = self._looked
        return looked.frames.get(module) if looked is not None and looked.at == at else None

    def _show(self, picture: Picture) -> None:
        with self._lock:
            self.picture = picture
            self.version += 1

    def _tell(self, words: str) -> None:
        with self._lock:
            if words != self._trouble:
                self._trouble = words
                self.version += 1


def _picture(view: View, modules: tuple[int, ...], maps: Mapping[Pick, Array], coverage: Array) -> Picture:
    for array in maps.values():
        array.setflags(write=False)
    return Picture(view, modules, maps, coverage)


def _names(flags: int) -> tuple[str, ...]:
    return tuple(one.label for one in BadPixels if int(one) & flags)


def _labels(trains: tuple[int, ...]) -> tuple[Label, ...]:
    return trains if max(trains, default=0) <= _LARGEST else tuple(map(str, trains))

"""Corrected files of a job: each takes the frames of one file that is read, and appears when it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.outputs import CorrectedOutput
from calib_core.characterisation.unit import Sink, Unit
from calib_core.constants.badpixels import BadPixels
from calib_core.correction.of_frames import OfFrames
from calib_core.correction.step import Images
from calib_core.detector import DetectorType, Module
from calib_core.io.sequence_frames import SequenceFrames
from calib_core.jobs.board import Written
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.plan import Plan
from calib_core.jobs.set_writer import key_of
from calib_core.store.corrected import CorrectedFile, CorrectedKey, CorrectedSource, SourceWriter, read_key
from calib_core.store.correction_record import Correction, RetrievedConstant, RetrievedModule, write_record
from calib_core.store.origin import Origin, origin_of

#: Compressed keys take this part of their size, by experience with masks and stages of gain.
_PACKED_TO = 0.1
_WHAT = "corrected file"
#: What steps find of each frame, by their words.
Finds = Mapping[str, OfFrames]


class CorrectedFiles:
    """Writes the corrected files of a job; may be used from several threads, of different modules.

    Parameters
    ----------
    plan : Plan
    wrote : callable
        Told of each file as soon as it is there.
    say : callable
        Told in a sentence what was there already.
    """

    def __init__(
        self, plan: Plan, wrote: Callable[[list[Written]], None], say: Callable[[str], None]
    ) -> None:
        self._plan, self._wrote, self._say = plan, wrote, say
        self._outputs = [one for one in plan.outputs if isinstance(one, CorrectedOutput)]
        self._key = key_of(plan) if self._outputs else ""

    @contextmanager
    def sink(self, unit: Unit) -> Iterator[Sink | None]:
        """Where a unit's frames go; the file of its last sequence appears at the end, if nothing goes wrong.

        Raises
        ------
        OutputFailed
            A file of another job is there, or one cannot be written; nothing half-written stays.
        """
        if not self._outputs or unit.module is None:
            yield None
            return
        sink = _ModuleSink(self, self._plan, unit, self._outputs[0].unit)
        try:
            yield sink
            sink.commit()
        finally:
            sink.abandon()

    def open(self, origin: Origin, source: CorrectedSource) -> CorrectedFile | None:
        """A file to write; None where the same job has written it already."""
        folder, again = self._plan.spec.out_folder, self._plan.spec.again
        if not again and read_key(folder / origin.name) == self._key:
            self._say(f"{folder / origin.name} is there already, whole and of the same job; it stays.")
            return None
        return CorrectedFile(folder, origin, [source], self._key, overwrite=again)

    def done(self, path: Path) -> None:
        """Tell of a file that has appeared."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self._wrote([Written(path, _WHAT, digest, path.stat().st_size)])

    def record(self) -> None:
        """Write down beside the files what they were made with, once all are there."""
        if not self._outputs or self._plan.detector is None:
            return
        path = write_record(_correction(self._plan), overwrite=True)
        data = path.read_bytes()
        self._wrote([Written(path, "record", hashlib.sha256(data).hexdigest(), len(data))])


class _ModuleSink:
    """Takes the corrected frames of a module, sequence by sequence."""

    def __init__(self, files: CorrectedFiles, plan: Plan, unit: Unit, physical: str) -> None:
        assert plan.detector is not None
        assert unit.module is not None
        self._files, self._unit, self._physical = files, unit, physical
        self._kind, self._module = plan.detector_type, plan.detector.module(unit.module)
        [key] = unit.inputs
        self._frames = plan.frames[unit.module, key]
        steps = plan.context.before[unit.module]
        self._skipped = {one.step: one.reason for one in steps.skipped}
        self._finds = {one.step.word: one.step.finds for one in steps.steps if one.step.finds is not None}
        self._open: _OpenFile | None = None
        self._sequence: int | None = None

    def take(self, unit: Unit, images: Images) -> None:
        """Write frames; those of another sequence than before finish the file before."""
        sequence = unit.sequences[0] if unit.sequences else self._frames.sequences[0]
        if sequence != self._sequence:
            self.commit()
            self._begin(sequence)
        if self._open is not None:
            self._open.put(images)

    def commit(self) -> None:
        """Finish the open file, if there is one."""
        if self._open is not None:
            self._files.done(self._open.commit())
            self._open = None

    def abandon(self) -> None:
        """Leave nothing of a file that is not whole."""
        if self._open is not None:
            self._open.file.abandon()
            self._open = None

    def _begin(self, sequence: int) -> None:
        frames = self._frames.of_sequence(sequence)
        origin = origin_of(frames.file, np.unique(frames.train))
        source = _source(self._kind, self._module, frames, origin, self._physical, self._skipped, self._finds)
        self._sequence, file = sequence, self._files.open(origin, source)
        self._open = None if file is None else _OpenFile(
            file, file.writer(source.name), self._kind, frames, origin, self._finds)


class _OpenFile:
    """A file whose frames come one after the other; those that never come are no measurement."""

    def __init__(
        self, file: CorrectedFile, writer: SourceWriter, kind: DetectorType, frames: SequenceFrames, origin: Origin,
        finds: Finds,
    ) -> None:
        self.file, self._writer, self._kind, self._finds = file, writer, kind, finds
        per_row = frames.per_row if kind.raw.frames_per_entry else 1
        row = np.searchsorted(np.unique(frames.train), frames.train)
        place = row * per_row + frames.slot if kind.raw.frames_per_entry else np.arange(len(frames.train))
        # a train may have a memory cell several times: frames come in the order of the index
        self._places, self._pulse = _Places(frames.train, frames.cell, place), frames.pulse
        self._missing = np.ones(writer.source.frames, bool)

    def put(self, images: Images) -> None:
        """Write frames at their places."""
        places = self._places.of(images.train, images.cell)
        self._write(places, images.values, images.mask, images.stage, images.cell, images.found)
        self._missing[places] = False

    def commit(self) -> Path:
        """Fill what is missing, frame by frame, and let the file appear."""
        shape = self._kind.shape
        nothing = np.full((1, *shape), np.nan, np.float32)
        flags = np.full((1, *shape), int(BadPixels.VALUE_IS_NAN | BadPixels.NO_DARK_DATA), np.uint32)
        none = np.full(1, self._kind.raw.no_frame_cell or 0)
        found = {word: np.full((1, *one.shape(self._kind)), np.nan, np.float32) for word, one in self._finds.items()}
        for place in np.flatnonzero(self._missing):
            self._write(np.array([place]), nothing, flags, np.zeros((1, *shape), np.uint8), none, found)
        return self.file.commit()

    def _write(
        self, places: Array, values: Array, mask: Array, stage: Array, cell: Array, found: Mapping[str, Array],
    ) -> None:
        names = _Names(self._kind)
        arrays = {names.values: values, names.mask: mask, names.stage: stage}
        arrays |= {names.of(one): found[word] for word, one in self._finds.items()}
        if names.cell:
            arrays[names.cell] = cell.astype(np.uint16)
        if names.pulse and self._pulse is not None:  # an entry of several frames has none
            arrays[names.pulse] = self._pulse[places]
        self._writer.write(places, arrays)


class _Places:
    """Where frames lie in a file, by train and memory cell; frames of the same come in their order."""

    def __init__(self, train: Array, cell: Array, place: Array) -> None:
        self._of: dict[tuple[int, int], list[int]] = {}
        for one, number, at in zip(train.tolist(), cell.tolist(), place.tolist(), strict=True):
            self._of.setdefault((one, number), []).append(at)

    def of(self, train: Array, cell: Array) -> Array:
        """Places of frames, each of which comes once."""
        return np.array([self._of[one].pop(0) for one in zip(train.tolist(), cell.tolist(), strict=True)], np.int64)


class _Names:
    """Names of the keys of a corrected source."""

    def __init__(self, kind: DetectorType) -> None:
        raw = kind.raw
        self.values, self.cell, self.pulse = raw.pixels, raw.cell, raw.pulse
        self.mask, self.stage = f"{raw.group}.mask", f"{raw.group}.gain"
        self._group = raw.group

    def of(self, found: OfFrames) -> str:
        """Name of what a step finds of each frame."""
        return f"{self._group}.{found.key}"


def _source(
    kind: DetectorType, module: Module, frames: SequenceFrames, origin: Origin, unit: str, skipped: dict[str, str],
    finds: Finds,
) -> CorrectedSource:
    names, shape = _Names(kind), kind.shape
    keys = (
        CorrectedKey(names.values, np.dtype("f4"), shape, unit=unit),
        CorrectedKey(names.mask, np.dtype("u4"), shape, packed=True, shuffled=True),
        CorrectedKey(names.stage, np.dtype("u1"), shape, packed=True),
        *((CorrectedKey(names.cell, np.dtype("u2")),) if names.cell else ()),
        *((CorrectedKey(names.pulse, np.dtype("u8")),) if names.pulse and frames.pulse is not None else ()),
        *(CorrectedKey(names.of(one), np.dtype("f4"), one.shape(kind), unit=one.unit, gathered=True)
          for one in finds.values()),
    )
    entry = kind.raw.frames_per_entry
    trains, counts = np.unique(frames.train, return_counts=True)
    rows = np.zeros(len(origin.trains), np.uint64)
    rows[np.searchsorted(origin.trains.ids, trains)] = 1 if entry else counts
    name = module.source.replace("/DET/", "/CORR/").replace(":xtdf", ":output")
    return CorrectedSource(name, kind.raw.group, rows, keys, frames.per_row if entry else None, skipped)


def corrected_bytes(plan: Plan) -> int:
    """Space that the corrected files of a job need, bytes."""
    if not any(isinstance(one, CorrectedOutput) for one in plan.outputs) or plan.kind is None:
        return 0
    frames = sum(len(one) for one in plan.frames.values())
    return int(frames * plan.kind.pixels * (4 + _PACKED_TO * 5))


def _correction(plan: Plan) -> Correction:
    assert plan.detector is not None
    [run] = plan.runs.values()
    modules = {}
    for number in plan.modules:
        assert number is not None
        module = plan.detector.module(number)
        used = {one.stored.calibration: one for bound in plan.context.before[number].steps
                for one in bound.given.values() if isinstance(one, FileConstant)}
        modules[module.aggregator] = RetrievedModule(module.pdu, {
            name: RetrievedConstant(one.stored.path, f"/{one.stored.pdu}/{name}/0",
                                    one.stored.begin or one.stored.created or _changed(one.stored.path))
            for name, one in used.items()})
    title = f"{plan.detector_type.title} {plan.method.title}"
    return Correction(plan.detector.identifier, run.path, plan.spec.out_folder, run.run_number or 0, modules,
                      plan.method.values(), title)


def _changed(path: Path) -> datetime:
    """When a file that tells no time was changed."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)

"""Corrected files of a job: each takes the frames of one file that is read, and appears when it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.driver import Together, one_by_one
from calib_core.characterisation.file_passes import Learned
from calib_core.characterisation.outputs import CorrectedOutput
from calib_core.characterisation.sink import Sink
from calib_core.characterisation.unit import Unit
from calib_core.constants.badpixels import BadPixels
from calib_core.correction.images import Images
from calib_core.detector import DetectorType, Module
from calib_core.errors import OutputFailed
from calib_core.io.buffers import Buffers
from calib_core.io.files import RunFile
from calib_core.io.sequence_frames import SequenceFrames
from calib_core.jobs.board import FileProgress, Written
from calib_core.jobs.choice_words import as_json
from calib_core.jobs.correction_of_plan import correction_of, used_kinds
from calib_core.jobs.file_states import FileStates
from calib_core.jobs.pass_results import PassResults, key_of
from calib_core.jobs.plan import Plan
from calib_core.jobs.set_writer import key_of as key_of_job
from calib_core.jobs.shared_files import SharedFiles
from calib_core.jobs.virtual_file import write_virtual
from calib_core.store.corrected import CorrectedFile, CorrectedKey, CorrectedSource, SourceWriter, read_key
from calib_core.store.correction_record import write_record
from calib_core.store.origin import Origin, origin_of

#: Compressed keys take this part of their size, by experience with masks and stages of gain.
_PACKED_TO = 0.1
_WHAT = "corrected file"
#: Frames that are packed and written in one piece of work.
_TOGETHER = 8


class CorrectedFiles:
    """Writes the corrected files of a job; may be used from several threads.

    Parameters
    ----------
    plan : Plan
    wrote : callable
        Told of each file as soon as it is there.
    say : callable
        Told in a sentence what was there already.
    results : PassResults
        Keeps what steps learn of the frames of each file.
    """

    def __init__(
        self, plan: Plan, wrote: Callable[[list[Written]], None], say: Callable[[str], None], results: PassResults,
    ) -> None:
        self._results = results
        self._plan, self._wrote, self._say = plan, wrote, say
        self._outputs = [one for one in plan.outputs if isinstance(one, CorrectedOutput)]
        self._key = key_of_job(plan) if self._outputs else ""
        self._shared = SharedFiles()
        self._states = FileStates(plan) if self._outputs else None

    @contextmanager
    def sink(self, unit: Unit, together: Together) -> Iterator[Sink | None]:
        """Where a unit's frames go; each file appears with the last of its frames, if nothing goes wrong.

        Parameters
        ----------
        unit : Unit
        together : callable
            Does pieces of work, maybe at the same time: those in which the frames of a chunk are packed and written.

        Raises
        ------
        OutputFailed
            A file of another job is there, or one cannot be written; nothing half-written stays.
        """
        if not self._outputs or unit.module is None:
            yield None
            return
        sink = _ModuleSink(self, self._plan, unit, self._outputs[0], together)
        try:
            yield sink
            sink.finish()
        finally:
            sink.abandon()

    @property
    def progress(self) -> tuple[FileProgress, ...]:
        """How far the files are."""
        return () if self._states is None else self._states.all

    def learned(self, module: int, file: RunFile, what: Learned) -> None:
        """Keep what steps have learned of a file, for whoever looks at its frames."""
        steps, selection = self._plan.context.before[module], self._plan.method.frame_selection()
        self._results.keep(key_of(file, module, steps, selection), what)

    def add(self, raw: Path, frames: int) -> None:
        """Frames of a raw file went to its corrected file."""
        if self._states is not None:
            self._states.add(raw, frames)

    def join(self, raw: Path, origin: Origin, sources: Sequence[CorrectedSource]) -> CorrectedFile | None:
        """A file to write, together with the other modules in it; None where the same job has written it already."""
        path, again = self._plan.spec.out_folder / origin.name, self._plan.spec.again

        def make() -> CorrectedFile | None:
            if not again and read_key(path) == self._key:
                self._say(f"{path} is there already, whole and of the same job; it stays.")
                return None
            if not again and path.exists():
                raise OutputFailed(f"{path} exists, and is not of the same job; choose another folder, or let it "
                                   "be written again (--again).")
            return CorrectedFile(path.parent, origin, sources, self._key, overwrite=again)

        file = self._shared.join(path, [one.name for one in sources], make)
        if self._states is not None:
            self._states.begin(raw, origin.name, file is None)
        return file

    def leave(self, file: CorrectedFile, source: str, whole: bool) -> None:
        """End to write a source of a file, and tell of the file if it has appeared."""
        if (path := self._shared.leave(file.path, source, whole)) is not None:
            self._done(path)

    def close(self) -> None:
        """Tell of files that do not appear, because modules of theirs failed or never came."""
        if self._states is not None:
            self._states.close()
        for path in self._shared.close():
            self._say(f"{path} is not written, since not all modules are whole whose frames it would have.")

    def _done(self, path: Path) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if self._states is not None:
            self._states.written(path.name)
        self._wrote([Written(path, _WHAT, digest, path.stat().st_size)])

    def record(self) -> None:
        """Write down beside the files what they were made with, once all are there."""
        if not self._outputs or self._plan.detector is None:
            return
        made = [(write_record(correction_of(self._plan), overwrite=True), "record")]
        if self._outputs[0].virtual:
            folder = self._plan.spec.out_folder
            made.append((write_virtual(self._plan, [folder / one.name for one in self.progress]), "virtual file"))
        for path, what in made:
            data = path.read_bytes()
            self._wrote([Written(path, what, hashlib.sha256(data).hexdigest(), len(data))])


class _ModuleSink:
    """Takes the corrected frames of a module, of several sequences at the same time."""

    def __init__(
        self, files: CorrectedFiles, plan: Plan, unit: Unit, output: CorrectedOutput, together: Together
    ) -> None:
        assert plan.detector is not None
        assert unit.module is not None
        self._files, self._plan, self._unit, self._output, self._together = files, plan, unit, output, together
        self._kind, self._module = plan.detector_type, plan.detector.module(unit.module)
        [self._key] = unit.inputs
        self._frames = plan.frames[unit.module, self._key]
        #: Files by their sequences; None of those that are there already, or are finished.
        self._open: dict[int, _OpenFile | None] = {}

    def take(self, unit: Unit, images: Images) -> None:
        """Write frames."""
        one = self._file(self._sequence_of(unit))
        if one is not None:
            one.put(images, self._together)
            self._files.add(one.raw, len(images.cell))

    def learned(self, unit: Unit, what: Learned) -> None:
        """Keep what steps have learned of a file."""
        self._files.learned(self._module.number, self._frames.file_of(self._sequence_of(unit)), what)

    def whole(self, unit: Unit) -> None:
        """Finish a file; also one of which no frame came, since all of them are empty."""
        self._finish(self._sequence_of(unit))

    def finish(self) -> None:
        """Finish all files that are not."""
        for sequence in self._frames.sequences:
            self._finish(sequence)

    def abandon(self) -> None:
        """Leave nothing of files that are not whole."""
        for sequence, failed in self._open.items():
            if failed is not None:
                self._open[sequence] = None
                self._files.leave(failed.file, failed.source, whole=False)

    def _finish(self, sequence: int) -> None:
        done = self._file(sequence)
        if done is not None:
            done.fill()
            self._open[sequence] = None
            self._files.leave(done.file, done.source, whole=True)

    def _sequence_of(self, unit: Unit) -> int:
        return unit.sequences[0] if unit.sequences else self._frames.sequences[0]

    def _file(self, sequence: int) -> _OpenFile | None:
        """File of a sequence, at which one worker is at a time."""
        if sequence not in self._open:
            self._open[sequence] = self._begin(sequence)
        return self._open[sequence]

    def _begin(self, sequence: int) -> _OpenFile | None:
        together = {number: self._plan.frames[number, self._key].of_sequence(sequence)
                    for number in self._in_file(sequence)}
        frames = together[self._module.number]
        origin = origin_of(frames.file, np.unique(np.concatenate([one.train for one in together.values()])))
        sources = {number: self._source(number, one, origin) for number, one in together.items()}
        file = self._files.join(frames.file.path, origin, list(sources.values()))
        name = sources[self._module.number].name
        output = self._output.of_module(self._module.number)
        return None if file is None else _OpenFile(file, file.writer(name), self._kind, frames, output)

    def _in_file(self, sequence: int) -> list[int]:
        """Modules of the job whose frames are in the file of this one's."""
        path = self._frames.file_of(sequence).path
        others = {number: self._plan.frames[number, self._key] for number in self._plan.modules if number is not None}
        return [number for number, one in others.items()
                if sequence in one.sequences and one.file_of(sequence).path == path]

    def _source(self, number: int, frames: SequenceFrames, origin: Origin) -> CorrectedSource:
        assert self._plan.detector is not None
        skipped = {one.step: one.reason for one in self._plan.context.before[number].skipped}
        output = self._output.of_module(number)
        found = _source(self._kind, self._plan.detector.module(number), frames, origin, output)
        before, kinds = self._plan.before, used_kinds(self._plan, number)
        constants = as_json(before.constants[number], kinds, before.run)
        return replace(found, skipped=skipped, constants=constants)


class _OpenFile:
    """A file whose frames come one after the other; those that never come are no measurement."""

    def __init__(
        self, file: CorrectedFile, writer: SourceWriter, kind: DetectorType, frames: SequenceFrames,
        output: CorrectedOutput,
    ) -> None:
        self.file, self.source, self._writer = file, writer.source.name, writer
        self._kind, self._output, self.raw = kind, output, frames.file.path
        place = places_in_file(kind, frames)
        # a train may have a memory cell several times: frames come in the order of the index
        self._places, self._frames = _Places(frames.train, frames.cell, place), frames
        self._missing = np.ones(writer.source.frames, bool)

    def put(self, images: Images, together: Together) -> None:
        """Write frames at their places, some of them in each piece of work."""
        places = self._places.of(images.train, images.cell)
        self._write(places, images, together)
        self._missing[places] = False

    def fill(self) -> None:
        """Fill what is missing, frame by frame."""
        shape = (1, *self._kind.shape)
        nothing, none = np.full(shape, np.nan, np.float32), np.full(1, self._kind.raw.no_frame_cell or 0)
        flags = np.full(shape, int(BadPixels.VALUE_IS_NAN | BadPixels.NO_DARK_DATA), np.uint32)
        missing = Images(nothing, np.zeros(shape, np.uint8), flags, np.zeros(shape, bool), none, none,
                         found={one.step: np.zeros(shape, one.dtype) for one in self._output.found} | {
                             one.found: np.full((1, *one.of.shape(self._kind)), np.nan, np.float32)
                             for one in self._output.of_frames},
                         kept=dict.fromkeys(self._output.kept, nothing))
        for place in np.flatnonzero(self._missing):
            self._write(np.array([place]), missing, one_by_one)

    def _write(self, places: Array, images: Images, together: Together) -> None:
        layout, raw, output = self._kind.corrected_layout, self._kind.raw, self._output
        pixels = {one.key: images.kept[one.steps[-1]] for one in output.images[:-1]}
        pixels |= {output.images[-1].key: images.values, layout.mask: images.mask}
        pixels |= {one.key: images.found[one.step] for one in output.found}
        numbers = {one.key: images.found[one.found] for one in output.of_frames}
        if layout.stage:
            pixels[layout.stage] = images.stage
        flat = (len(places), *_frame(self._kind))
        arrays = {**{name: one.reshape(flat) for name, one in pixels.items()}, **numbers}
        if layout.dims:
            arrays[layout.dims] = np.broadcast_to(np.array(self._kind.shape, np.uint64), (len(places), 2))
        if raw.cell:
            arrays[raw.cell] = images.cell.astype(self._frames.cell_type)
        if raw.pulse and self._frames.pulse is not None:  # an entry of several frames has none
            arrays[raw.pulse] = self._frames.pulse[places]
        arrays |= {name: numbers[places] for name, numbers in self._frames.copied.items()}
        parts = (slice(first, first + _TOGETHER) for first in range(0, len(places), _TOGETHER))
        together([partial(self._put, places[part], {name: one[part] for name, one in arrays.items()})
                  for part in parts])

    def _put(self, places: Array, arrays: Mapping[str, Array], buffers: Buffers) -> None:
        """A piece of work, which needs no buffers: what is packed is a frame."""
        self._writer.write(places, arrays)


def places_in_file(kind: DetectorType, frames: SequenceFrames) -> Array:
    """Where the frames of a raw file lie in the corrected one.

    Parameters
    ----------
    kind : DetectorType
    frames : SequenceFrames

    Returns
    -------
    (n,) int64
        Numbers of frames; where a row has several, those of one row follow each other.
    """
    if not kind.raw.frames_per_entry:
        return np.arange(len(frames.train))
    return np.asarray(np.searchsorted(np.unique(frames.train), frames.train) * frames.per_row + frames.slot)


class _Places:
    """Where frames lie in a file, by train and memory cell; frames of the same come in their order."""

    def __init__(self, train: Array, cell: Array, place: Array) -> None:
        self._of: dict[tuple[int, int], list[int]] = {}
        for one, number, at in zip(train.tolist(), cell.tolist(), place.tolist(), strict=True):
            self._of.setdefault((one, number), []).append(at)

    def of(self, train: Array, cell: Array) -> Array:
        """Places of frames, each of which comes once."""
        return np.array([self._of[one].pop(0) for one in zip(train.tolist(), cell.tolist(), strict=True)], np.int64)


def _frame(kind: DetectorType) -> tuple[int, ...]:
    """Shape of a frame in files: that of strips has one axis."""
    return kind.shape[1:] if kind.raw.strips else kind.shape


def _source(
    kind: DetectorType, module: Module, frames: SequenceFrames, origin: Origin, output: CorrectedOutput,
) -> CorrectedSource:
    layout, raw, shape = kind.corrected_layout, kind.raw, _frame(kind)
    keys = (
        *(CorrectedKey(one.key, np.dtype("f4"), shape, unit=one.unit, steps=one.steps) for one in output.images),
        CorrectedKey(layout.mask, np.dtype("u4"), shape, packed=True, shuffled=True),
        *(CorrectedKey(one.key, np.dtype(one.dtype), shape, packed=True, shuffled=True) for one in output.found),
        *(CorrectedKey(one.key, np.dtype("f4"), one.of.shape(kind), unit=one.of.unit, gathered=True)
          for one in output.of_frames),
        *((CorrectedKey(layout.stage, np.dtype("u1"), shape, packed=True),) if layout.stage else ()),
        *((CorrectedKey(layout.dims, np.dtype("u8"), (len(kind.shape),)),) if layout.dims else ()),
        *((CorrectedKey(raw.cell, frames.cell_type),) if raw.cell else ()),
        *((CorrectedKey(raw.pulse, np.dtype("u8")),) if raw.pulse and frames.pulse is not None else ()),
        *(CorrectedKey(name, numbers.dtype) for name, numbers in frames.copied.items()),
    )
    entry = raw.frames_per_entry
    trains, counts = np.unique(frames.train, return_counts=True)
    rows = np.zeros(len(origin.trains), np.uint64)
    rows[np.searchsorted(origin.trains.ids, trains)] = 1 if entry else counts
    return CorrectedSource(
        layout.source_of(module.source), raw.group, rows, keys, frames.per_row if entry else None)


def corrected_bytes(plan: Plan) -> int:
    """Space that the corrected files of a job need, bytes."""
    output = next((one for one in plan.outputs if isinstance(one, CorrectedOutput)), None)
    if output is None or plan.kind is None:
        return 0
    packed = 5 + sum(np.dtype(one.dtype).itemsize for one in output.found)
    frames = sum(len(one) for one in plan.frames.values())
    return int(frames * plan.kind.pixels * (4 * len(output.images) + _PACKED_TO * packed))

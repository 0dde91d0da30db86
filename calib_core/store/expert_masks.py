"""Expert masks on the disk: constants ``BadPixelsManual`` of each unit, each with all entries that led to it.

A constant is never changed. Whoever masks pixels, or takes that back, writes further ones, with one entry more: one
for each time from which on other flags hold, and the newest of a time counts. Writers wait for each other; whoever
reads takes no lock.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from calib_core import __version__
from calib_core.constants.condition import Condition
from calib_core.constants.constant import BAD_PIXELS_MANUAL, INTERNAL_DIMS, Constant
from calib_core.constants.expert_mask import (
    Array,
    MaskBook,
    MaskedPixels,
    MaskEntry,
    ModuleMask,
    labels_of_all,
    read_entry,
)
from calib_core.detector import Detector, DetectorType, Module
from calib_core.errors import BadInput, BadParameter
from calib_core.io.buffers import Buffers
from calib_core.store.alone import alone
from calib_core.store.constants import (
    StoredConstant,
    WrittenConstant,
    check_name,
    folder_of_type,
    named_calibration,
    read_constant,
    write_constant,
)
from calib_core.store.local.by_operator import ByOperator
from calib_core.store.local.candidates import candidates_of
from calib_core.store.local.index import is_index
from calib_core.store.local.injecting import inject
from calib_core.store.local.store import LocalStore
from calib_core.store.statuses import Status
from calib_core.store.withheld import Withheld

_LOCK = ".calibwb-expert-masks.lock"
#: Where the entries are in what stands beside the values.
_ENTRIES = "entries"


@dataclass
class MaskFiles:
    """Expert masks below a folder that EXtra takes as root of its constants.

    Files are opened once: constants never change.

    Attributes
    ----------
    root : Path
    detector : Detector
        With the units of its modules.
    trouble : tuple of str
        Sentences on files that cannot be read, of the last reading.
    """

    root: Path
    detector: Detector
    trouble: tuple[str, ...] = ()
    _known: dict[Path, tuple[MaskedPixels, ...]] = field(default_factory=dict, repr=False)

    def read(self) -> MaskBook:
        """Masks of all modules, with the entries of all of their files."""
        trouble: list[str] = []
        modules = {one.pdu: self._of_unit(one.pdu, trouble) for one in self.detector.modules}
        self.trouble = tuple(trouble)
        return MaskBook({unit: one for unit, one in modules.items() if one.history})

    def add(self, entries: Sequence[tuple[MaskEntry, Mapping[int, Array]]]) -> tuple[WrittenConstant, ...]:
        """Write entries with their pixels; all of them, or none.

        Parameters
        ----------
        entries : sequence of (MaskEntry, mapping)
            Pixels (slow_scan, fast_scan) bool by the number of the module; of an entry that takes another one back
            they are not asked for.

        Returns
        -------
        tuple of WrittenConstant
            In the order of the modules.

        Raises
        ------
        BadParameter
            An entry lacks something, is about what the detector has not, or takes back what is not there.
        BadInput
            What is there already cannot be read.
        OutputFailed
            The system refuses; nothing is left behind.
        """
        folder = self.root / folder_of_type(self.detector.type.database_type)
        for one in self.detector.modules:
            check_name(one.pdu)
        with alone(folder / _LOCK):
            book, withheld = self.read(), Withheld()
            if self.trouble:
                raise BadInput(f"{self.trouble[0]} Nothing was masked, since entries in it could be lost; put the "
                               "file aside first.")
            try:
                written = [made for number, added in self._by_module(entries, book).items()
                           for made in self._write(self.detector.module(number), book, added, withheld)]
                withheld.release()
            finally:
                withheld.drop()
            if is_index(self.root):
                self._accept(written, entries[0][0])
        return tuple(written)

    def _accept(self, written: Sequence[WrittenConstant], entry: MaskEntry) -> None:
        """Take files into the index of the store that they lie in; who masks has decided already."""
        with closing(LocalStore(self.root)) as store:
            # the names of the units are those of the constants that are masked
            found = candidates_of(store, [one.path for one in written], ByOperator(confirmed=True))
            made = inject(store, found, entry.author, entry.reason)
            numbers = [one.number for one in made.versions]
            store.decide(numbers, Status.ACCEPTED, entry.author, entry.reason)

    def _of_unit(self, unit: str, trouble: list[str]) -> ModuleMask:
        kind, mask = self.detector.type, ModuleMask(self.detector.type.shape)
        folder = self.root / folder_of_type(kind.database_type) / unit.lower()
        for path in sorted(folder.glob("cal.*.h5")):
            try:
                mask = mask.with_entries(self._entries(path))
            except BadInput as error:
                trouble.append(str(error))
        return mask

    def _entries(self, path: Path) -> tuple[MaskedPixels, ...]:
        """Entries that a file has; none where it is another constant."""
        if path not in self._known:
            own = self.detector.type.calibrations[BAD_PIXELS_MANUAL.name].name
            is_mask = named_calibration(path) in (own, "")
            self._known[path] = tuple(entries_of(read_constant(path), self.detector.type)) if is_mask else ()
        return self._known[path]

    def _by_module(
        self, entries: Sequence[tuple[MaskEntry, Mapping[int, Array]]], book: MaskBook
    ) -> dict[int, list[MaskedPixels]]:
        """New entries of each module that they are about."""
        found: dict[int, list[MaskedPixels]] = {}
        for entry, pixels in entries:
            checked = checked_for(entry, self.detector.type)
            of = self._taken_back(checked, book) if checked.takes_back else {
                number: one for number, one in pixels.items() if one.any()}
            if not of:
                raise BadParameter("No pixel is marked; mark a region in a map first.")
            for number, one in of.items():
                found.setdefault(self.detector.module(number).number, []).append(MaskedPixels(checked, one))
        return dict(sorted(found.items()))

    def _taken_back(self, entry: MaskEntry, book: MaskBook) -> dict[int, Array]:
        """Modules that have an entry, with no pixels."""
        numbers = [module.number for module in self.detector.modules if module.pdu in book.modules and any(
            one.entry.name == entry.takes_back for one in book.modules[module.pdu].counting)]
        if not numbers:
            raise BadParameter("The entry of the expert mask was taken back already, or is not there; nothing is "
                               "changed.")
        return dict.fromkeys(numbers, np.zeros(self.detector.type.shape, bool))

    def _write(
        self, module: Module, book: MaskBook, added: Sequence[MaskedPixels], withheld: Withheld
    ) -> Iterator[WrittenConstant]:
        before = book.modules.get(module.pdu, ModuleMask(self.detector.type.shape))
        mask = before.with_entries(added)
        for begin in mask.begins(min(one.entry.begin for one in added)):
            constant = _constant(self.detector, module, mask, begin)
            yield write_constant(constant, self.root, withheld.hold, Buffers())


def entries_of(stored: StoredConstant, kind: DetectorType) -> Iterator[MaskedPixels]:
    """Entries that a constant of a mask has.

    Parameters
    ----------
    stored : StoredConstant
    kind : DetectorType

    Raises
    ------
    BadInput
        They cannot be understood.
    """
    try:
        for said in stored.attributes["beside"][_ENTRIES]:
            yield read_entry(said, kind.shape)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise BadInput(f"{stored.path} is no expert mask of {kind.title}: {reason}.") from error


def checked_for(entry: MaskEntry, kind: DetectorType) -> MaskEntry:
    """An entry that a detector can have.

    Parameters
    ----------
    entry : MaskEntry
    kind : DetectorType

    Returns
    -------
    MaskEntry
        With plain texts; memory cells and gain stages are left out where they are all that there are.

    Raises
    ------
    BadParameter
    """
    stages, cells = tuple(one.short for one in kind.stages), range(kind.max_cells)
    for what, some, known in (("cells", entry.cells, cells), ("stages", entry.stages, stages)):
        if wrong := [one for one in some if one not in known]:
            have = ", ".join(stages) if what == "stages" else f"0 to {kind.max_cells - 1}"
            raise BadParameter(f"{what} = {wrong[0]!r} is not allowed; {kind.title} has {have}.")
    return replace(entry.checked(), cells=() if set(entry.cells) == set(cells) else tuple(sorted(set(entry.cells))),
                   stages=() if set(entry.stages) == set(stages) else tuple(one for one in stages
                                                                           if one in entry.stages))


def _constant(detector: Detector, module: Module, mask: ModuleMask, begin: datetime) -> Constant:
    """The mask of a module as it holds from a time on."""
    kind = detector.type
    own = kind.calibrations[BAD_PIXELS_MANUAL.name]
    by_cell, by_stage = labels_of_all([one.entry for one in mask.counting if one.entry.begin <= begin])
    labels: dict[str, tuple[Any, ...]] = {
        **({"gain": tuple(one.short for one in kind.stages)} if by_stage else {}),
        **({"cell": tuple(range(kind.max_cells))} if by_cell else {})}
    dims = (*labels, *INTERNAL_DIMS[2:])

    def read(part: slice) -> Array:
        cells = labels["cell"][part] if by_cell else (None,)
        planes = [mask.flags(begin, cell, stage) for stage in labels.get("gain", (None,)) for cell in cells]
        return np.array(planes).reshape(*([len(kind.stages)] if by_stage else []),
                                        *([len(cells)] if by_cell else []), *kind.shape)

    return Constant(
        BAD_PIXELS_MANUAL, own.name, module.pdu, dims, (*map(len, labels.values()), *kind.shape),
        tuple(one for one in own.dims if one in dims), labels, Condition(()), begin,
        _provenance(detector, module, mask), read, beside={_ENTRIES: [one.as_json() for one in mask.history]})


def _provenance(detector: Detector, module: Module, mask: ModuleMask) -> dict[str, Any]:
    """What it was made of: what people drew, as far as it counts."""
    drawn = [{"input": "masked", "path": one.entry.drawn} for one in mask.counting]
    return {"detector_type": detector.type.database_type, "detector": detector.identifier,
            "aggregator": module.aggregator, "module": module.number,
            "raw_data": drawn or [{"input": "masked", "path": "nothing"}],
            "parameters": {"entries": len(mask.history), "counting": len(mask.counting)},
            "software": {"calibwb": __version__, "python": platform.python_version()}}

"""Expert masks that lie where constants were made, and not in the store that has taken these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from calib_core.constants.constant import BAD_PIXELS_MANUAL
from calib_core.detector import Detector
from calib_core.jobs.choice import ModuleConstants
from calib_core.jobs.file_constant import FileConstant
from calib_core.jobs.resolution import OfRun
from calib_core.ranges import format_numbers
from calib_core.store.constants import StoredConstant
from calib_core.store.expert_masks import MaskFiles, entries_of
from calib_core.store.local.index import is_index
from calib_core.store.stated import understood


def masks_elsewhere(
    constants: Mapping[int, ModuleConstants], detector: Detector, run: OfRun
) -> tuple[str, ...]:
    """Sentences on entries that hold for a run and are not applied, since the store does not have them.

    Parameters
    ----------
    constants : mapping
        Those that were chosen for each module.
    detector : Detector
    run : OfRun

    Returns
    -------
    tuple of str
        One for each folder; none where the constants are of no store.
    """
    of_folders: dict[Path, dict[int, str]] = {}
    for number, one in constants.items():
        for folder, unit in _made_in(one):
            of_folders.setdefault(folder, {})[number] = unit
    return tuple(text for folder, units in sorted(of_folders.items())
                 for text in _of_folder(folder, units, constants, detector, run))


def _made_in(constants: ModuleConstants) -> Iterator[tuple[Path, str]]:
    """Folders that jobs wrote a module's constants to before a store took them, and what its unit is called there."""
    for _, one, chosen in constants.files():
        folder = _folder_of(one.stored) if chosen.of_store else None
        if folder is not None and folder.is_dir() and not is_index(folder):
            yield folder, one.stored.pdu


def _folder_of(stored: StoredConstant) -> Path | None:
    with understood(stored):
        told = stored.attributes.get("provenance", {}).get("job", {}).get("out_folder", "")
    return Path(told) if told else None


def _of_folder(
    folder: Path, units: Mapping[int, str], constants: Mapping[int, ModuleConstants], detector: Detector, run: OfRun
) -> Iterator[str]:
    own = replace(detector, modules=tuple(replace(detector.module(n), pdu=unit) for n, unit in units.items()))
    book = MaskFiles(folder, own).read()
    lacking = {}
    for number, unit in units.items():
        known = _applied(constants[number], detector)
        counting = book.modules[unit].counting if unit in book.modules else ()
        lacking[number] = sum(one.entry.name not in known and (run.start is None or one.entry.begin <= run.start)
                              for one in counting)
    modules = [number for number, some in lacking.items() if some]
    if modules:
        total = sum(lacking.values())
        entries, are = ("entry", "is") if total == 1 else ("entries", "are")
        of = f"module{'s' * (len(modules) > 1)} {format_numbers(modules)}"
        yield (f"{total} {entries} of the expert mask of {of} in {folder}, where the constants were made, {are} not "
               f"in the store and not applied; calibwb store inject {folder} and calibwb store accept take them.")


def _applied(constants: ModuleConstants, detector: Detector) -> set[str]:
    """Names of the entries that the mask has which is taken."""
    taken = constants.get(BAD_PIXELS_MANUAL)
    return {one.entry.name for one in entries_of(taken.stored, detector.type)} if isinstance(
        taken, FileConstant) else set()

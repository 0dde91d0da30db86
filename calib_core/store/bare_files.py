"""Constant files that say nothing of themselves: their detector type, axes and modules, by folders and lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path

from calib_core.detector import Calibration, DetectorType
from calib_core.detector.registry import detector_types, unit_name
from calib_core.errors import BadInput
from calib_core.store.constants import StoredConstant
from calib_core.store.images import PIXELS


def types_of(path: Path, asked: str, said: str = "") -> tuple[DetectorType, ...]:
    """Detector types, with their variants, that a file can be of.

    Parameters
    ----------
    path : Path
        Its folders decide if one of them is the database's name of a type, the nearest first.
    asked : str
        Name of a type, ours or the database's; it decides where the folders do not, or which of several.
    said : str
        The database's name of a type that the file itself tells; it comes before its folders.

    Returns
    -------
    tuple of DetectorType
        At least one.

    Raises
    ------
    BadInput
        Nothing tells the type.
    """
    known = [one for kind in detector_types() for one in (kind, *kind.variants)]
    names = (name.lower() for name in (said, *reversed(path.absolute().parent.parts)))
    named = next((name for name in names if any(name == one.database_type.lower() for one in known)), "")
    fitting = [one for one in known if one.database_type.lower() == named]
    wanted = [one for one in fitting or known if asked and asked.lower() in (
        one.name.lower(), one.database_type.lower())]
    if not fitting and not wanted:
        raise BadInput(f"{path} does not tell its detector type, neither by its attributes nor by its folder; name "
                       f"the type (detector_type), which is one of "
                       f"{', '.join(sorted({one.database_type for one in known}))}.")
    return tuple(wanted or fitting)


def calibration_of(kind: DetectorType, name: str) -> tuple[str, Calibration | None]:
    """Kind of a constant by its name in the database, and how it is stored; the name itself where nobody knows it."""
    found = ((one, stored) for one, stored in kind.calibrations.items() if stored.name.lower() == name.lower())
    return next(found, (name, None))


def with_axes(stored: StoredConstant, kind: DetectorType, cells: int = 0) -> tuple[StoredConstant, str]:
    """A constant with names of its axes, and a sentence where they were found by their lengths.

    Names in the file count. Else it is the order that the detector type declares; and where lengths contradict it,
    the order nearest to it that they allow.

    Parameters
    ----------
    stored : StoredConstant
    kind : DetectorType
    cells : int
        Memory cells of other constants beside it; 0 where there are none.

    Returns
    -------
    stored : StoredConstant
    sentence : str
        Empty where the file names its axes.

    Raises
    ------
    BadInput
        No order of axes fits the detector type.
    """
    if stored.dims:
        if not _fits(stored, stored.dims, kind):
            raise BadInput(f"{stored.path} has the axes {', '.join(stored.dims)} with the lengths {stored.shape}, "
                           f"which are no images of {kind.title} {kind.shape}.")
        return stored, ""
    declared = (calibration_of(kind, stored.calibration)[1] or next(iter(kind.calibrations.values()))).dims
    dims = min((one for one in _orders(declared, len(stored.shape)) if _fits(stored, one, kind)),
               key=lambda one: _strangeness(stored, one, declared, kind, cells), default=None)
    if dims is None:
        raise BadInput(f"{stored.path} has an array of {stored.shape}, which is no stack of images of {kind.title} "
                       f"{kind.shape}.")
    return replace(stored, dims=dims), (f"The files of {stored.calibration} do not name their axes; by their lengths "
                                        f"they are taken as {', '.join(dims)}.")


#: Entries that constants over parameters have, in files of the facility and in ours.
_PARAMETERS = (10, 11)


def _orders(declared: Sequence[str], number: int) -> Iterator[tuple[str, ...]]:
    """All orders of the usual axes; those that a file does not have are left out."""
    names = dict.fromkeys((*declared, "slow_scan", "fast_scan", "cell", "gain"))
    for some in combinations(names, min(number, len(names))):
        yield from permutations(some)


def _fits(stored: StoredConstant, dims: Sequence[str], kind: DetectorType) -> bool:
    """Whether axes have the lengths of a module's pixels and no more memory cells than there are."""
    if len(dims) != len(stored.shape) or "fast_scan" not in dims or len(set(dims)) != len(dims):
        return False
    length = dict(zip(dims, stored.shape, strict=True))
    return (tuple(length.get(dim, 1) for dim in PIXELS) == kind.shape
            and (bool(stored.attributes) or length.get("cell", 1) <= kind.max_cells))


def _strangeness(
    stored: StoredConstant, dims: Sequence[str], declared: Sequence[str], kind: DetectorType, cells: int
) -> tuple[bool, bool, bool, int, list[int]]:
    """What speaks against an order of axes, the worst first.

    A constant of all gain stages without an image of each, or of other parameters than there are; another number of
    memory cells than beside it; more gains than cells; another order than declared.
    """
    length = dict(zip(dims, stored.shape, strict=True))
    known = calibration_of(kind, stored.calibration)[1]
    stages = len(kind.stages) if "gain" in declared else 1
    of_stages = known is not None and "gain" not in known.written_as.values()
    places = [declared.index(dim) if dim in declared else len(declared) for dim in dims]
    swapped = sum(a > b for i, a in enumerate(places) for b in places[i:])
    other = "parameter" in declared and length.get("parameter") not in _PARAMETERS
    return (other or (of_stages and length.get("gain", 1) != stages), cells not in (0, length.get("cell", 1)),
            length.get("gain", 0) > length.get("cell", 1 << 30), swapped, places)


def numbers_of(kind: DetectorType, pdus: Sequence[str]) -> tuple[dict[str, int], str]:
    """Module numbers of units, and a sentence on how they were found.

    Parameters
    ----------
    kind : DetectorType
    pdus : sequence of str
        Names that end with the names of aggregators tell the modules; else the modules are in the order of names.

    Returns
    -------
    numbers : dict
        By unit; units beyond the most modules that the type has are left out.
    sentence : str
    """
    every = range(kind.raw.first_module, kind.raw.first_module + kind.max_modules)
    ends = {n: unit_name("", "".join(kind.raw.usual(n))) for n in every}
    told = {pdu: n for pdu in sorted(pdus) for n in every if pdu.endswith(ends[n])}
    if len(told) == len(pdus) == len(set(told.values())):
        return told, "The modules are those that the ends of the units' names tell."
    found = dict(zip(sorted(pdus), every, strict=False))
    left_out = (f"; only the first {len(found)} of {len(pdus)} are shown, name the folders of one detector's units "
                "to see the others") if len(found) < len(pdus) else ""
    return found, f"The files do not tell the modules, so they are in the order of the units' names{left_out}."

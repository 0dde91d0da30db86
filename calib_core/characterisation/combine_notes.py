"""Sentences on what combined constants lack, from the files that are given."""

from __future__ import annotations

from collections.abc import Iterator

from calib_core.characterisation.unit import Files
from calib_core.constants.constant import FITS_FF, FITS_PC, SLOPES_FF, SLOPES_PC
from calib_core.ranges import format_numbers
from calib_core.store.constants import StoredConstant


def without_errors(files: Files) -> Iterator[str]:
    """Sentences on modules whose gains or ratios have no error, as no fits are there or these are of other slopes.

    Parameters
    ----------
    files : mapping of (int or None, str) to StoredConstant

    Yields
    ------
    str
    """
    gains, fits = _of(files, SLOPES_FF.name), _of(files, FITS_FF.name)
    others = {module for module in gains.keys() & fits.keys() if _medians(fits[module]) != _medians(gains[module])}
    yield from _told("Gains", gains, set(gains) - set(fits), f"there are no {FITS_FF.title} beside the slopes")
    yield from _told("Gains", gains, others, f"{FITS_FF.title} are not those that the slopes come from")
    lines = _of(files, SLOPES_PC.name)
    yield from _told("Ratios of high to medium gain", lines, set(lines) - set(_of(files, FITS_PC.name)),
                     f"there are no {FITS_PC.title} beside the slopes, and none is refused for its error")


def _of(files: Files, kind: str) -> dict[int, StoredConstant]:
    return {module: one for (module, name), one in files.items() if name == kind}


def _told(
    what: str, slopes: dict[int, StoredConstant], modules: set[int], why: str,
) -> Iterator[str]:
    if modules:
        yield (f"{what} of {len(modules)} of {len(slopes)} modules ({format_numbers(modules)}) have no error: "
               f"{why} ({slopes[min(modules)].path}).")


def _medians(one: StoredConstant) -> str:
    """What tells fits from others: the medians of their gains, in words since some may be none."""
    return str(one.attributes.get("beside", {}).get("module_median"))

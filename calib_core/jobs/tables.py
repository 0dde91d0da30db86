"""Look-up tables of a job: one for each module, from constant files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from calib_core.characterisation.method import Method
from calib_core.constants.constant import LUT
from calib_core.correction.lut import Lut
from calib_core.detector import Detector, DetectorType
from calib_core.errors import BadInput
from calib_core.store.constants import StoredConstant, list_constants, read_constant


def find_tables(
    method: Method, detector: Detector, modules: Sequence[int]
) -> tuple[dict[int, Lut], tuple[str, ...]]:
    """Look-up tables by module number, and sentences for the log.

    Raises
    ------
    BadInput
        A file cannot be read, is no look-up table, or there is none for a module.
    """
    given = method.table_path()
    if given is None:
        return {}, ()
    if not given:
        return {}, (f"No look-up table was given (--lut-file): offset and noise are codes 0 to "
                    f"{detector.type.saturation} of the converter, which is not linear.",)
    stored = _stored(Path(given), detector.type)
    tables = {number: _table(stored, given, detector, number, alone=len(modules) == 1) for number in modules}
    return tables, tuple(_told(tables))


def linearised(detector: Detector, tables: Mapping[int, Lut]) -> Detector:
    """The detector with the range of codes that comes out of its tables."""
    if not tables:
        return detector
    highest = max(table.saturation for table in tables.values())
    return replace(detector, type=replace(detector.type, saturation=highest))


def _stored(path: Path, kind: DetectorType) -> list[StoredConstant]:
    """Look-up tables of a file or folder, the newest last."""
    name = kind.calibrations[LUT.name].name
    found = list_constants(path) if path.is_dir() else (read_constant(path),)
    fitting = [one for one in found if one.calibration == name]
    if not fitting:
        raise BadInput(f"{path} has no look-up table {name}; it has "
                       f"{', '.join(sorted({one.calibration for one in found})) or 'no constants'}.")
    return fitting


def _table(stored: Sequence[StoredConstant], given: str, detector: Detector, number: int, alone: bool) -> Lut:
    pdu = detector.module(number).pdu
    mine = [one for one in stored if one.pdu == pdu] or (list(stored) if alone and len(stored) == 1 else [])
    if not mine:
        raise BadInput(f"{given} has no look-up table of module {number} ({pdu}); it has those of "
                       f"{', '.join(sorted({one.pdu for one in stored}))}.")
    return Lut.of(mine[-1].data(), mine[-1].dims, detector.type, str(mine[-1].path))


def _told(tables: Mapping[int, Lut]) -> list[str]:
    falling = {number: table.falling for number, table in tables.items()}
    return [f"The look-up table of module {number} falls somewhere in {count} strips, counted over memory cells."
            for number, count in falling.items() if count]

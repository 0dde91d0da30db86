"""Constants that a set of constants was made of, as its provenance names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from calib_core.store.constants import StoredConstant, read_constant
from calib_core.subjects.constant_sets import ConstantSet


def given_files(found: ConstantSet) -> dict[tuple[int, str], StoredConstant]:
    """What each module of a set was made of, as far as it is where it was.

    Parameters
    ----------
    found : ConstantSet

    Returns
    -------
    dict of StoredConstant
        By module and kind; those of a module of another unit are not among them.

    Raises
    ------
    CalibrationError
        One of them is there and cannot be read.
    """
    paths = dict.fromkeys(path for one in found.files for path in _paths(one.attributes.get("raw_data")))
    stored = [read_constant(path) for path in paths if path.is_file()]
    return {(found.modules[one.pdu], str(one.attributes.get("kind", one.calibration))): one
            for one in stored if one.pdu in found.modules}


def _paths(raw_data: Any) -> Iterator[Path]:
    for one in raw_data if isinstance(raw_data, list) else ():
        if isinstance(one, Mapping):
            yield from map(Path, one.get("constants", ()))

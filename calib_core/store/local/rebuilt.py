"""Files of single constants in the facility's layout, so that whoever reads a store finds their axes by name."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

from calib_core.axes import Array
from calib_core.constants.condition import Condition
from calib_core.constants.constant import KINDS, Constant, ConstantKind
from calib_core.detector import DetectorType
from calib_core.errors import BadInput
from calib_core.store.bare_files import calibration_of
from calib_core.store.constant_image import prepare_constant
from calib_core.store.constants import StoredConstant, read_constant
from calib_core.store.files import appear
from calib_core.store.images import PIXELS
from calib_core.store.local.records import Record

#: Where the checksum of the file that it was made of is in the provenance of a constant.
MADE_OF = "made_of"


def write_rebuilt(
    stored: StoredConstant, kind: DetectorType, condition: Condition, record: Record, target: Path
) -> Record:
    """Write the values of a file in the facility's layout with what is known of them; what the index keeps.

    Parameters
    ----------
    stored : StoredConstant
        Completed, with names of its axes.
    kind : DetectorType
    condition : Condition
        Whole.
    record : Record
    target : Path

    Raises
    ------
    OutputFailed
        There is a file of this name, or it cannot be written.
    """
    constant = _constant(stored, kind, condition, record)
    made = prepare_constant(constant, target, record.created, None)
    appear(made.temporary, target)
    return replace(record, sha256=made.sha256, bytes=made.bytes, dataset=constant.dataset)


def rebuilt_before(path: Path, record: Record) -> Record | None:
    """What the index keeps of a file that an injection has made of the same file before it was cut short.

    Parameters
    ----------
    path : Path
        That is there.
    record : Record
        Of the file that it may have been made of.

    Returns
    -------
    Record or None
        None where it is another file, or was made with other words of the operator.
    """
    try:
        stored = read_constant(path)
    except BadInput:
        return None
    told = {name: one.get("value") for name, one in stored.attributes.get("conditions", {}).items()}
    same = (stored.attributes.get("provenance", {}).get(MADE_OF) == record.sha256
            and (stored.pdu, stored.begin) == (record.pdu, record.begin)
            and told == {name: one.value for name, one in record.settings.items()})
    if not same:
        return None
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return replace(record, sha256=digest, identity=stored.identity, bytes=path.stat().st_size, dataset=stored.dataset)


def _constant(stored: StoredConstant, kind: DetectorType, condition: Condition, record: Record) -> Constant:
    name, calibration = calibration_of(kind, stored.calibration)
    assert calibration is not None  # it was looked at
    number = stored.attributes.get("module")
    if number is None:
        raise BadInput(f"{stored.path} does not tell the number of its module; say it with calibwb store install.")
    usual = KINDS.get(name) or ConstantKind(name, calibration.unit or "", "f8", "")
    dims = (*(dim for dim in stored.dims if dim not in PIXELS), *(dim for dim in PIXELS if dim in stored.dims))
    length = dict(zip(stored.dims, stored.shape, strict=True))
    split = "cell" if "cell" in dims else dims[0]
    labels = {dim: tuple(range(length[dim])) for dim in dims if dim not in PIXELS}
    queried = kind.condition_of(calibration)
    return Constant(
        kind=replace(usual, dtype=stored.dtype, rows=0), calibration=stored.calibration, pdu=record.pdu, dims=dims,
        shape=tuple(length[dim] for dim in dims), file_dims=stored.dims, labels=labels,
        condition=condition.of(queried), recorded=condition, begin=record.begin, split=split,
        provenance={**stored.attributes["provenance"], "module": number, MADE_OF: record.provenance[MADE_OF]},
        read=partial(_part, stored, dims, split))


def _part(stored: StoredConstant, dims: tuple[str, ...], split: str, some: slice) -> Array:
    return stored.entries(some, dims, split)

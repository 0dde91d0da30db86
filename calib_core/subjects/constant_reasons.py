"""Why pixels of constants on disk have their flags: by the characterisation that their provenance names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calib_core.characterisation.family import families
from calib_core.characterisation.method import Method
from calib_core.constants.condition import Found
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.store.constants import StoredConstant
from calib_core.subjects.constant_sets import ConstantSet


@dataclass(frozen=True)
class Maker:
    """What made a set of constants.

    Attributes
    ----------
    method : Method
        With its parameters.
    kind : DetectorType
        As the data were understood at the operating condition.
    """

    method: Method
    kind: DetectorType


def named_method(stored: StoredConstant) -> Method | None:
    """Characterisation that the provenance of a constant names, with its family's defaults.

    Parameters
    ----------
    stored : StoredConstant

    Returns
    -------
    Method or None
        None where there is no provenance, or nobody knows the characterisation.
    """
    job = _mapping(_mapping(stored.attributes.get("provenance")).get("job"))
    wanted = (job.get("family"), job.get("method"))
    return next((method for family in families() for method in family.methods
                 if (family.name, method.command) == wanted), None)


def maker_of(found: ConstantSet) -> tuple[Maker | None, str]:
    """What made a set of constants, as the provenance of its first file tells.

    Parameters
    ----------
    found : ConstantSet

    Returns
    -------
    maker : Maker or None
        None where it is not known.
    sentence : str
        Why a known characterisation cannot be asked; else empty.
    """
    stored = found.files[0]
    method = named_method(stored)
    if method is None:
        return None, ""
    said = _mapping(_mapping(stored.attributes.get("provenance")).get("parameters"))
    try:
        method = method.with_changes({name: value for name, value in said.items() if name != "method"})
    except BadParameter as error:
        return None, (f"Why pixels are flagged is not told, since the parameters in the files are not those that "
                      f"{method.title} has here: {error}")
    return Maker(method, found.kind.operated_at(_condition(stored, found.kind))), ""


def _condition(stored: StoredConstant, kind: DetectorType) -> dict[str, Found]:
    """Operating condition by our names; what the database leaves out is left out here too."""
    said = {**_mapping(stored.attributes.get("recorded")), **_mapping(stored.attributes.get("conditions"))}
    values = {one.name: _mapping(said.get(one.database_name)) for one in kind.condition}
    return {name: Found(one["value"], str(one.get("origin", ""))) for name, one in values.items()
            if isinstance(one.get("value"), str | int | float)}


def _mapping(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}

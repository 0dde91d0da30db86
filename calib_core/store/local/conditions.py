"""Operating conditions as an index keeps them: whole, of what files tell and operators give, with deviations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from calib_core.constants.condition import Condition, ConditionParameter, Value
from calib_core.constants.matching import Setting
from calib_core.detector import Calibration, DetectorType
from calib_core.errors import BadInput
from calib_core.resource_files import read_resource
from calib_core.store.constants import StoredConstant
from calib_core.store.stated import condition_of


def whole_condition(
    kind: DetectorType, calibration: Calibration, stored: StoredConstant, given: Mapping[str, Value]
) -> Condition:
    """Operating condition of a constant, with what the operator gave.

    Parameters
    ----------
    kind : DetectorType
    calibration : Calibration
    stored : StoredConstant
    given : mapping
        Values that the operator gave, by the database's names, where the file tells none.

    Raises
    ------
    BadInput
        The file does not tell all of it, or tells what the detector cannot have.
    """
    parameters = _parameters(kind, calibration)
    told = condition_of(kind, stored)
    _check_given(kind, stored, told, given)
    condition = told.overridden({one.name: given[one.database_name] for one in parameters
                                 if one.database_name in given and one.name not in told.values})
    lacking = [one.database_name for one in parameters if one.name not in condition.values]
    if lacking:
        raise BadInput(f"{stored.path} does not tell {', '.join(lacking)} of its operating condition, so that nobody "
                       "would find it again; give what is missing with --condition.")
    for one in parameters:
        for value in condition.values[one.name].values:
            if not one.allows(value):
                raise BadInput(f"{stored.path} tells {one.database_name} {one.shown(value)}, which {kind.title} "
                               f"cannot have; it takes {one.takes}.")
    return condition


def settings_of(kind: DetectorType, calibration: Calibration, condition: Condition) -> dict[str, Setting]:
    """Operating condition of a constant as the index keeps it, with the deviations that are usual.

    Parameters
    ----------
    kind : DetectorType
    calibration : Calibration
    condition : Condition
        Whole.

    Returns
    -------
    dict of str to Setting
        By the database's names; without what it leaves out.
    """
    return dict(_settings(kind, _parameters(kind, calibration), condition))


def _parameters(kind: DetectorType, calibration: Calibration) -> list[ConditionParameter]:
    names = kind.condition_of(calibration)
    return [one for one in kind.condition if one.name in names]


def _check_given(kind: DetectorType, stored: StoredConstant, told: Condition, given: Mapping[str, Value]) -> None:
    """Refuse values of parameters that there are not, and of such as the file tells otherwise."""
    known = {one.database_name: one for one in kind.condition}
    for name, value in given.items():
        if name not in known:
            raise BadInput(f"{stored.path} is of {kind.title}, which has no “{name}”; it has {', '.join(known)}.")
        found = told.values.get(known[name].name)
        if found is not None and value not in found.values:
            raise BadInput(f"{stored.path} tells {name} {known[name].shown(found.value)} itself, and not "
                           f"{known[name].shown(value)}; leave it out.")


def _settings(
    kind: DetectorType, parameters: Sequence[ConditionParameter], condition: Condition
) -> Iterator[tuple[str, Setting]]:
    usual = read_resource("store", "injection")["deviations"]
    deviations = {**usual[""], **usual.get(kind.database_type, {})}
    for one in parameters:
        found = condition.values[one.name]
        if set(found.values) == {one.left_out_at}:
            continue
        lower, upper = deviations.get(one.database_name, (0, 0))
        automatic = (one.automatic,) if one.automatic is not None and found.others else ()
        yield one.database_name, Setting(found.value, lower, upper, (*found.values[1:], *automatic),
                                         one.left_out_at in found.values, one.unit)

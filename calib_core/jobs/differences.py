"""In what constants are of another operating condition than a run, and which may stand in all the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from calib_core.constants import matching
from calib_core.constants.condition import Condition, ConditionParameter, Found, Value
from calib_core.constants.matching import Compared, Setting
from calib_core.detector import DetectorType
from calib_core.store.base import Version
from calib_core.store.stated import Stated, condition_of


def compare(one: Stated, kind: DetectorType, condition: Condition) -> Iterator[Compared]:
    """Compare what a constant tells of its operating condition with that of a run, parameter by parameter.

    Parameters
    ----------
    one : StoredConstant or Version
        Deviations that it does not tell are those that the detector type declares.
    kind : DetectorType
    condition : Condition
        Of the run.

    Yields
    ------
    Compared
        What both know; of a version whose condition is whole, also parameters that one side alone has.
    """
    theirs, own = condition_of(kind, one), _own(one, kind)
    shared = {name for name in own if name in theirs.values and name in condition.values}
    whole = isinstance(one, Version) and one.whole
    told = {name for name in own if name in kind.clues or name in condition.values}  # others no run can tell
    parameters = [p for p in kind.condition if p.name in (told if whole else shared)]
    held = {p.database_name: _setting(p, theirs.values[p.name], one) for p in parameters if p.name in theirs.values}
    asked = {p.database_name: _asked(p, condition.values[p.name], theirs.values.get(p.name))
             for p in parameters if p.name in condition.values}
    return matching.compare(held, asked)


def difference(one: Stated, kind: DetectorType, condition: Condition) -> str:
    """First difference between what a constant tells of its operating condition and that of a run.

    Parameters
    ----------
    one : StoredConstant or Version
    kind : DetectorType
    condition : Condition
        Of the run.

    Returns
    -------
    str
        Empty where nothing that :func:`compare` looks at speaks against it.
    """
    return next((found.against for found in compare(one, kind, condition) if found.against), "")


def _setting(parameter: ConditionParameter, found: Found, one: Stated) -> Setting:
    """A value that a constant tells; what was made of several stages goes with the stage that follows the signal."""
    told = one.conditions.get(parameter.database_name, {})
    automatic = (parameter.automatic,) if parameter.automatic is not None and found.others else ()
    return Setting(found.value, told.get("lower", parameter.tolerance), told.get("upper", parameter.tolerance),
                   (*found.others, *automatic), parameter.left_out_at in found.values, parameter.unit)


def _asked(parameter: ConditionParameter, found: Found, theirs: Found | None) -> tuple[Value, ...]:
    """Values of a run; those of several stages go with what was made where the stage follows the signal."""
    automatic = parameter.automatic
    if automatic is None or not found.others or theirs is None or automatic not in theirs.values:
        return found.values
    return (*found.values, automatic)


def _own(one: Stated, kind: DetectorType) -> tuple[str, ...]:
    """Parameters that the database's queries of a constant have, by our names."""
    own = next(calibration for calibration in kind.calibrations.values() if calibration.name == one.calibration)
    return kind.condition_of(own)


def stands_in(one: Stated, kind: DetectorType, condition: Condition) -> bool:
    """Whether a constant that is of another operating condition than a run may stand in for one of the same.

    Parameters
    ----------
    one : StoredConstant or Version
    kind : DetectorType
    condition : Condition
        Of the run.
    """
    usual = {parameter.name: parameter.stand_in for parameter in kind.condition
             if parameter.stand_in is not None and parameter.name in condition.values}
    return bool(usual) and not difference(one, kind, condition.overridden(usual))


def begin_of(one: Stated) -> datetime | None:
    """Begin of validity, else the time at which it was made; None where a file tells neither."""
    return one.begin or one.created

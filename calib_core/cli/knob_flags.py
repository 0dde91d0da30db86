"""Declared parameters as command-line flags: one flag per parameter, with help, unit, range and default."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from calib_core.cli.words import number, whole
from calib_core.params import Kind, Knob, Knobs

_PREFIX = "knob_"
#: Meaning of a value in the usage line, and how its text is read; the range is checked by the model.
_PLAIN: dict[Kind, tuple[str, Callable[[str], Any]]] = {
    "int": ("N", whole), "float": ("X", number), "text": ("TEXT", str),
}


def add_knob_arguments(
    parser: argparse.ArgumentParser, baseline: Knobs, stage_names: Sequence[str] = (),
    leave_out: Sequence[str] = (), title: str = "parameters",
) -> None:
    """Add a flag for each parameter of a baseline.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    baseline : Knobs
        Its values are shown as the defaults; a flag that is not given changes nothing.
    stage_names : sequence of str
        Short names of the gain stages; limits per stage get one flag per stage, ``--limits-hg LOW HIGH``,
        and without names one flag for all stages.
    leave_out : sequence of str
        Parameters without a flag.
    title : str
        Of the group of flags.
    """
    for group, expert in ((parser.add_argument_group(title), False),
                          (parser.add_argument_group(f"{title} for experts"), True)):
        for knob in baseline.knobs():
            if knob.expert == expert and knob.name not in leave_out:
                _add(group, knob, knob.default, stage_names)


def changes_from(
    namespace: argparse.Namespace, baseline: Knobs, stage_names: Sequence[str] = (),
    preset: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Parameters that flags gave and that differ from the baseline, as plain JSON values.

    Parameters
    ----------
    namespace : argparse.Namespace
    baseline : Knobs
    stage_names : sequence of str
        As for :func:`add_knob_arguments`.
    preset : mapping, optional
        Parameters that hold where there is no flag.

    Returns
    -------
    dict

    Raises
    ------
    BadParameter
        A value is not allowed.
    """
    given: dict[str, Any] = dict(preset or {})
    for knob in baseline.with_changes(given).knobs():
        value = _given(namespace, knob, knob.default, stage_names)
        if value is not None:
            given[knob.name] = value
    return baseline.with_changes(given).changed_from(baseline)


def as_words(baseline: Knobs, values: Mapping[str, Any], stage_names: Sequence[str] = ()) -> list[str]:
    """Flags that stand for parameters, such as ``--no-rel-gain`` and ``--cm-n-itr 4``.

    Parameters
    ----------
    baseline : Knobs
    values : mapping
        Parameters by their flat names.
    stage_names : sequence of str
        As for :func:`add_knob_arguments`.

    Returns
    -------
    list of str
        Each flag with its value, in the order of the parameters.
    """
    return [words for knob in baseline.knobs() if knob.name in values
            for words in _words(knob, values[knob.name], stage_names)]


def _words(knob: Knob, value: Any, stage_names: Sequence[str]) -> list[str]:
    if knob.kind == "bool":
        return [knob.flag if value else f"--no-{knob.flag[2:]}"]
    if knob.kind == "limits_per_stage":
        return [f"{flag} {low:g} {high:g}" for (flag, _), (low, high) in zip(
            _stage_flags(knob, stage_names), value, strict=False)]
    return [f"{knob.flag} {' '.join(map(_shown, value)) if knob.kind == 'limits' else _shown(value)}"]


def _add(group: Any, knob: Knob, default: Any, stage_names: Sequence[str]) -> None:
    if knob.kind == "limits_per_stage":
        for index, (flag, name) in enumerate(_stage_flags(knob, stage_names)):
            _add_pair(group, flag, knob, _of_stage(default, index), f" ({name})" if name else "")
    elif knob.kind == "limits":
        _add_pair(group, knob.flag, knob, default, "")
    elif knob.kind == "bool":
        group.add_argument(knob.flag, dest=_dest(knob.flag), action=argparse.BooleanOptionalAction, default=None,
                           help=_help(knob, "yes" if default else "no"))
    else:
        group.add_argument(knob.flag, dest=_dest(knob.flag), default=None, help=_help(knob, _shown(default)),
                           **_reading(knob))


def _reading(knob: Knob) -> dict[str, Any]:
    if knob.kind == "choice":
        return {"choices": knob.choices}
    metavar, read = _PLAIN[knob.kind]
    return {"metavar": metavar, "type": read}


def _add_pair(group: Any, flag: str, knob: Knob, default: Any, which: str) -> None:
    shown = "none" if default is None else f"{default[0]:g} {default[1]:g}"
    group.add_argument(flag, dest=_dest(flag), nargs=2, type=number, metavar=("LOW", "HIGH"), default=None,
                       help=_help(knob, shown, which))


def _help(knob: Knob, default: str, which: str = "") -> str:
    text = knob.help + which
    allowed = "" if knob.choices else knob.range_text or knob.unit
    details = [part for part in (allowed, f"default {default}" if default else "") if part]
    return (f"{text} [{'; '.join(details)}]" if details else text).replace("%", "%%")


def _shown(default: Any) -> str:
    if default is None:
        return "none"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _given(namespace: argparse.Namespace, knob: Knob, default: Any, stage_names: Sequence[str]) -> Any:
    if knob.kind != "limits_per_stage":
        value = getattr(namespace, _dest(knob.flag), None)
        return tuple(value) if knob.kind == "limits" and value is not None else value
    pairs = [getattr(namespace, _dest(flag), None) for flag, _ in _stage_flags(knob, stage_names)]
    if not any(pairs):
        return None
    return tuple(tuple(pair) if pair else _of_stage(default, index) for index, pair in enumerate(pairs))


def _stage_flags(knob: Knob, stage_names: Sequence[str]) -> list[tuple[str, str]]:
    return [(f"{knob.flag}-{name.lower()}", name) for name in stage_names] or [(knob.flag, "")]


def _of_stage(limits: Any, index: int) -> Any:
    return limits[min(index, len(limits) - 1)]


def _dest(flag: str) -> str:
    return _PREFIX + flag.lstrip("-").replace("-", "_")

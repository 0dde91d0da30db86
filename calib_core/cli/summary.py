"""The closing table: what jobs came to, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from calib_core.jobs.found import Median, ModuleFound, StageFound
from calib_core.jobs.outputs import told
from calib_core.jobs.summary import Summary
from calib_core.plain_text import shown
from calib_core.remarks import Remark

_NONE = "–"
_BAD, _REMARKS, _FLAGS = "Bad pixels", "Remarkable", "by flag"
#: Columns of words; the others are of numbers and stand to the right.
_WORDS = ("Module", "Gain", _REMARKS, _FLAGS)


def closing_table(summary: Summary) -> str:
    """Lines on a job: a row for each gain stage of each module, what is missing, files, time, warnings.

    Parameters
    ----------
    summary : Summary

    Returns
    -------
    str
        Without a table where no module was finished.
    """
    rows = [row for module in summary.modules for row in _rows(module, summary.remarks)]
    return "\n".join([*map(shown, (*_table(rows), *_remarks(summary))), closing(summary)])


def closing(summary: Summary) -> str:
    """Last lines on a job: its state, folder, files and time, and its warnings once more, so that none is lost."""
    spec, number = summary.spec, len(summary.warnings)
    why = f" ({summary.error})" if summary.error else ""
    line = (f"{spec.family} {spec.method} of {summary.detector or 'no detector'}: {summary.state.value}{why} after "
            f"{summary.seconds:.1f} s, {told(summary.outputs)} written to {spec.out_folder}")
    head = f"{line}, with {number} warning{'s' if number > 1 else ''}:" if number else f"{line}."
    return "\n".join(map(shown, [head, *(f"  {text}" for text in summary.warnings)]))


def _rows(module: ModuleFound, remarks: Sequence[Remark]) -> Iterator[dict[str, str]]:
    for stage in module.stages:
        row = {"Module": str(module.module), "Gain": stage.stage or _NONE,
               "Frames": _NONE if stage.frames is None else str(stage.frames)}
        for one in stage.medians:
            name = f"{one.title} [{one.unit}]" if one.unit else one.title
            row[f"{name} (median)" if name in _WORDS else name] = _number(one)
        here = [one for one in remarks if one.module == module.module and one.stage in ("", stage.stage)]
        yield {**row, _BAD: _share(stage.bad), _REMARKS: _in_short(here), _FLAGS: _by_flag(stage.flags)}


def _number(one: Median) -> str:
    return _NONE if one.value is None else f"{one.value:.2f}"


def _share(share: float | None) -> str:
    if share is None:
        return _NONE
    return f"{share:.2%}" if share == 0 or share >= 5e-5 else "< 0.01%"


def _in_short(remarks: Sequence[Remark]) -> str:
    """Names of remarks with their numbers; sentences follow below the table."""
    return ", ".join(one.kind if one.unit in one.kind else f"{one.kind} {one.value:.3g} {one.unit}"
                     for one in remarks) or _NONE


def _by_flag(flags: Mapping[str, float]) -> str:
    return ", ".join(f"{label} {_share(share)}" for label, share in flags.items()) or _NONE


def _table(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = sorted(names, key=(_BAD, _REMARKS, _FLAGS).__contains__)
    lines = [columns, *([row.get(name, _NONE) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines if columns else ():
        cells = zip(columns, line, widths, strict=True)
        yield "  ".join(text.ljust(width) if name in _WORDS else text.rjust(width)
                        for name, text, width in cells).rstrip()


def _remarks(summary: Summary) -> Iterator[str]:
    """What the numbers of the table do not say themselves."""
    for title, stages in _low(summary).items():
        yield f"{title} comes out low since there are few frames, and is left so: {stages}."
    for module, why in summary.not_done.items():
        yield f"Module {module} is not done: {why}"
    if summary.same_as is not None:
        yield "To write them once more, give --again."
    elif summary.left:
        yield f"Of the constants, {summary.left}."


def _low(summary: Summary) -> dict[str, str]:
    """By how much each result is low, by the frames that it rests on."""
    found: dict[str, dict[int, float]] = {}
    for stage in _stages(summary):
        for one in stage.medians:
            if one.low_by:
                found.setdefault(one.title, {})[stage.frames or 0] = one.low_by
    return {title: ", ".join(f"by {low:.2%} with {frames} frames" for frames, low in sorted(by.items()))
            for title, by in found.items()}


def _stages(summary: Summary) -> Iterator[StageFound]:
    return (stage for module in summary.modules for stage in module.stages)

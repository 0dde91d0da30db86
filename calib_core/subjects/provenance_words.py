"""What constant files tell of where they come from, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from calib_core.ranges import format_numbers
from calib_core.remarks import Remark, read_remarks
from calib_core.store.constants import StoredConstant


def time_text(time: datetime, now: datetime) -> str:
    """A time as operators say it, such as ``25 Nov 07:25``, local; with the year where it is not that of now."""
    local = time.astimezone()
    year = f" {local.year}" if local.year != now.astimezone().year else ""
    return f"{local.day} {local:%b}{year} {local:%H:%M}"


def runs_text(raw_data: Any) -> str:
    """Runs of constants, such as ``p900100 r1-3``, or the inputs where they are no runs."""
    by_proposal: dict[int, list[int]] = {}
    others = []
    for one in _inputs(raw_data):
        proposal, number = one.get("proposal"), one.get("run_number")
        if isinstance(proposal, int) and isinstance(number, int):
            by_proposal.setdefault(proposal, []).append(number)
        else:
            others.append(str(one.get("run") or one.get("path") or one.get("input", "")))
    runs = (f"p{proposal:06d} r{format_numbers(numbers)}" for proposal, numbers in by_proposal.items())
    return ", ".join(dict.fromkeys(filter(None, (*runs, *others))))


def made_text(said: Mapping[str, Any]) -> str:
    """Characterisation and runs of constants, such as ``DARK p900100 r1-3``, as far as a file tells them.

    Parameters
    ----------
    said : mapping
        Attributes of the file.
    """
    parameters = said.get("parameters")
    method = parameters.get("method") if isinstance(parameters, Mapping) else None
    return " ".join(filter(None, (str(method or ""), runs_text(said.get("raw_data")))))


def _inputs(raw_data: Any) -> list[Mapping[str, Any]]:
    entries = raw_data if isinstance(raw_data, list) else []
    return [one if isinstance(one, Mapping) else {"path": str(one)} for one in entries]


def remarks_of(files: Sequence[StoredConstant]) -> tuple[Remark, ...]:
    """What the files say was remarkable of their modules, each once."""
    said = (one.attributes.get("provenance") for one in files)
    return tuple(dict.fromkeys(
        one for known in said if isinstance(known, Mapping) for one in read_remarks(known.get("remarks"))))


def about(files: Sequence[StoredConstant]) -> dict[str, str]:
    """What is known of where constants come from, by headings; the first file's word counts for all.

    Parameters
    ----------
    files : sequence of StoredConstant
        At least one.

    Returns
    -------
    dict of str
        Only headings that there is something to say under; several lines each.
    """
    said = files[0].attributes
    parameters = said.get("parameters")
    return {heading: text for heading, lines in (
        ("runs", _runs(said)),
        ("condition", [*_condition(said.get("conditions")), *_condition(said.get("recorded"))]),
        ("parameters", _pairs(parameters)),
        ("versions", _pairs(said.get("software"))),
        ("times", _times(files)),
        ("files", [str(one.path) for one in files]),
    ) if (text := "\n".join(lines))}


def input_line(name: Any, run: Any, path: Any, more: str = "") -> str:
    """Line on an input: its name, what its run is called, where it is; what is not known is left out."""
    return " ".join(str(word) for word in (f"{name or ''}:", run, path, more) if word not in (None, "", ":"))


def _runs(said: Mapping[str, Any]) -> Iterator[str]:
    for one in _inputs(said.get("raw_data")):
        frames = f"({one['trains']} trains, {one['frames']} frames)" if {"trains", "frames"} <= set(one) else ""
        yield input_line(one.get("input"), one.get("run"), one.get("path"), frames)


def _condition(conditions: Any) -> Iterator[str]:
    for name, entry in _items(conditions):
        found = entry if isinstance(entry, Mapping) else {"value": entry}
        values = found.get("values") or [found.get("value")]
        value = f"{name}: {', '.join(map(_plain, values))} {found.get('unit', '')}".rstrip()
        yield f"{value} ({found['origin']})" if found.get("origin") else value


def _pairs(values: Any) -> Iterator[str]:
    return (f"{name}: {_plain(value)}" for name, value in _items(values))


def _items(values: Any) -> list[tuple[str, Any]]:
    return list(values.items()) if isinstance(values, Mapping) else []


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _times(files: Sequence[StoredConstant]) -> Iterator[str]:
    created = sorted(one.created for one in files if one.created)
    begins = sorted(one.begin for one in files if one.begin)
    if created:
        yield f"written: {created[0].isoformat(' ', 'seconds')} to {created[-1].isoformat(' ', 'seconds')}"
    if begins:
        yield f"valid from: {begins[0].isoformat(' ', 'seconds')}"

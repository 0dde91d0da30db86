"""Report on a set of constants: one HTML file with verdict, condition, maps, histograms and bad pixels in it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import numpy as np

from calib_core import __version__
from calib_core.axes import Array, Axis, Result
from calib_core.constants.badpixels import BadPixels
from calib_core.constants.tested import MARKS, OF_TYPE, Test, count, worst
from calib_core.geometry import assembled
from calib_core.ranges import format_numbers
from calib_core.store.files import write_atomically
from calib_core.subjects.constant_sets import ConstantSet
from calib_core.subjects.constants import ConstantsSubject
from calib_core.subjects.judging import judge
from calib_core.subjects.report_pictures import COLOURS, flags_png, histogram_png, levels, map_png
from calib_core.subjects.sign_off import SignOff, Standing

#: Largest side of a map, pixels, and most memory for images while a report is made, MiB.
_MOST, _MEMORY = 460, 128
#: Histograms that lie on one axis only if that is at most so many times longer than the longest of them.
_APART = 4.0
_SIGNS = {"ok": "✓", "amber": "!", "red": "✗", "told": "·"}
_WORDS = {"ok": "within", "amber": "look", "red": "beyond", "told": "told"}
_STYLE = """body{font:14px sans-serif;color:#1b1e23;max-width:1040px;margin:24px auto;padding:0 16px}
h1{font-size:20px}h2{font-size:16px;margin-top:28px}table{border-collapse:collapse}
td,th{padding:2px 8px;text-align:right;border-bottom:1px solid #dde}td{white-space:nowrap}
td.t,th.t{text-align:left}
.ok{color:#1a7340}.amber{color:#8a5a00;font-weight:bold}.red{color:#b3261e;font-weight:bold}.told{color:#5a616b}
div.f{display:inline-block;margin:6px 14px 6px 0;vertical-align:top}div.f span{font-size:12px}
img{image-rendering:pixelated}"""


@dataclass(frozen=True)
class Written:
    """A report: the file, the HTML in it, and the tests that it tells."""

    path: Path
    html: str
    tests: tuple[Test, ...] = ()


def write_report(
    found: ConstantSet, accepted: ConstantSet | None, standing: Standing, folder: Path | None = None,
    step: Callable[[int], None] = lambda module: None,
) -> Written:
    """Judge a set of constants and write all that is known of it into one file; an older report is replaced.

    Parameters
    ----------
    found, accepted : ConstantSet
        New constants, and those that they are compared with; None where there are none.
    standing : Standing
        What was decided on them.
    folder : Path, optional
        Where it is written to; beside the constants unless given.
    step : callable
        Called with the module before each memory cell; may raise Cancelled.

    Returns
    -------
    Written

    Raises
    ------
    BadInput
        A file cannot be read.
    OutputFailed
        The report cannot be written; one that was there stays.
    """
    tests = judge(found, accepted, step=step)
    html = "".join(_page(found, accepted, standing, tests))
    path = (folder or folder_of(found)) / name_of(found)
    write_atomically(path, html.encode(), overwrite=True)
    return Written(path, html, tests)


def keep_written(found: ConstantSet, sign_off: SignOff) -> Path | None:
    """Take the report that lies beside a set's constants into the store that has some of them.

    Parameters
    ----------
    found : ConstantSet
    sign_off : SignOff

    Returns
    -------
    Path or None
        Where it is kept; None where there is no report, or the store has none of the constants.

    Raises
    ------
    BadInput, OutputFailed
        The store cannot be read, or not written.
    """
    path = folder_of(found) / name_of(found)
    return sign_off.keep_report(found, path.name, path.read_bytes()) if path.is_file() else None


def folder_of(found: ConstantSet) -> Path:
    """Folder that a job wrote a set of constants to: above the facility's tree, where they lie in one.

    Parameters
    ----------
    found : ConstantSet
    """
    path = found.files[0].path
    return path.parents[4] if path.parts[-5:-3] == ("xfel", "cal") else path.parent


def name_of(found: ConstantSet) -> str:
    """Name of a set's report: detector, and when the first of its constants was made.

    Parameters
    ----------
    found : ConstantSet
    """
    first = min((one.created for one in found.files if one.created is not None), default=found.created)
    return f"report-{found.identifier or found.kind.name}-{first.astimezone(UTC):%Y%m%dT%H%M%S}.html"


def _page(
    found: ConstantSet, accepted: ConstantSet | None, standing: Standing, tests: Sequence[Test]
) -> Iterator[str]:
    subject = ConstantsSubject(found, _MEMORY)
    try:
        title = escape(found.title)
        yield f"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        yield f"</head><body><h1>{title}</h1><p>{escape(standing.sentence)}</p>"
        yield from _verdict(tests, accepted)
        yield from _maps(subject)
        yield from _bad_pixels(subject)
        yield from _about(subject)
        yield from _list("Notes", subject.notes)
        yield "<h2>All tests</h2>" + _tests(sorted(tests, key=lambda one: (MARKS.index(one.mark), one.module)))
        yield (f"<p class=told>calibwb {escape(__version__)}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC</p>"
               "</body></html>\n")
    finally:
        subject.close()


# -- verdict


def _verdict(tests: Sequence[Test], accepted: ConstantSet | None) -> Iterator[str]:
    counts = count(tests)
    yield f"<h2>Verdict {' '.join(f'{counts[mark]} {_SIGNS[mark]}' for mark in ('ok', 'amber', 'red'))}</h2>"
    yield f"<p>{escape(f'Compared with {accepted.title}.' if accepted else 'Nothing was accepted before.')}</p>"
    yield _tests(worst(tests))
    yield from _list("Limits", list(dict.fromkeys(map(_limits, worst(tests)))))


def _limits(test: Test) -> str:
    """Limits of a rule, whose they are and where they are from."""
    amber, red = test.bounds
    of = f" of {test.limits.of} ({OF_TYPE})" if test.limits.of else ""
    return f"{test.title}{of}: amber {amber}, red {red}{f' ({test.limits.source})' if test.limits.source else ''}"


def _tests(tests: Sequence[Test]) -> str:
    head = _row(("", "Test", "Module", "Stage", "ASIC", "Number", "Amber", "Red"), "th")
    rows = "".join(_row((f"{_SIGNS[one.mark]} {_WORDS[one.mark]}", one.title, one.module, one.stage,
                         "–" if one.asic is None else one.asic, one.number, *one.marked_bounds), "td",
                        f" class={one.mark} title='{escape(one.sentence)}'") for one in tests)
    return f"<table>{head}{rows}</table>"


# -- pictures


def _maps(subject: ConstantsSubject) -> Iterator[str]:
    """Each value at each entry of its first axis, in the memory cell in the middle."""
    placement = assembled(subject.kind, subject.modules)
    cell = len(subject.axes["cell"]) // 2 if "cell" in subject.axes else 0
    where = f" in memory cell {subject.axes['cell'].labels[cell]}" if "cell" in subject.axes else ""
    yield f"<h2>Maps{where}</h2><p>Flagged pixels are orange, pixels without data grey.</p>"
    bad = _flags_result(subject)
    for one in (one for one in subject.results if one.role == "value" and not one.hidden):
        histograms, unit = {}, f" [{one.unit}]" if one.unit else ""
        for entry, label in enumerate(_first(subject, one).labels):
            values = _stack(subject, one, entry, cell)
            if not np.isfinite(values).any():
                continue
            flags = _stack(subject, bad, entry, cell) if bad else np.zeros(values.shape, np.uint32)
            histograms[str(label)] = values[(flags == 0) & np.isfinite(values)]
            low, high = levels(values, flags == 0)
            yield _figure(map_png(values, flags, placement, _MOST),
                          f"{one.title} {label}{unit}: {low:.5g} (dark) to {high:.5g} (light), 1–99 %")
        yield from _histograms(one, unit, histograms)


def _histograms(one: Result, unit: str, found: dict[str, Array]) -> Iterator[str]:
    """Histograms of all entries together where they lie on one scale, else each between its own ends."""
    ends = {label: levels(values, np.ones(values.shape, bool)) for label, values in found.items()}
    if not ends:
        return
    low, high = min(end[0] for end in ends.values()), max(end[1] for end in ends.values())
    if high - low > _APART * max(end[1] - end[0] for end in ends.values()):
        for label, values in found.items():
            yield _histogram(one, unit, {label: values}, *ends[label])
    else:
        yield _histogram(one, unit, found, low, high)


def _histogram(one: Result, unit: str, found: dict[str, Array], low: float, high: float) -> str:
    room = 0.3 * (high - low)
    low, high = (max(low - room, 0.0) if low >= 0 else low - room), high + room
    names = ", ".join(f"<span style='color:rgb{COLOURS[i % len(COLOURS)]}'>{escape(label)}</span>"
                      for i, label in enumerate(found))
    return _figure(histogram_png(found, (low, high)), f"{one.title}{unit} of good pixels, {low:.5g} to {high:.5g}, "
                                                      "logarithmic heights", f": {names}")


def _bad_pixels(subject: ConstantsSubject) -> Iterator[str]:
    """Bad pixels of each module, by flag over all memory cells, and where they are."""
    bad = _flags_result(subject)
    if bad is None:
        return
    placement = assembled(subject.kind, subject.modules)
    yield "<h2>Bad pixels</h2>"
    for entry, label in enumerate(_first(subject, bad).labels):
        counts, shares, anywhere = _flag_counts(subject, bad, entry)
        yield _figure(flags_png(anywhere, placement, _MOST), f"{label}: flagged in any memory cell")
        yield _flag_table(subject.modules, str(label), counts, shares)


def _flag_counts(subject: ConstantsSubject, bad: Result, entry: int) -> tuple[Array, Array, Array]:
    """Values with each flag (module, 32), share that has any (module,), and flags of all memory cells together."""
    counts, shares, anywhere = np.zeros((len(subject.modules), 32), np.int64), [], []
    cells = range(len(subject.axes["cell"]) if "cell" in subject.axes else 1)
    for m, module in enumerate(subject.modules):
        together, any_of, seen = np.zeros(subject.kind.shape, np.uint32), 0, 0
        for cell in cells:
            flags = _plane(subject, bad, module, entry, cell).astype(np.uint32)
            counts[m] += [int(np.count_nonzero(flags >> np.uint32(bit) & 1)) for bit in range(32)]
            together |= flags
            any_of, seen = any_of + int(np.count_nonzero(flags)), seen + flags.size
        shares.append(any_of / max(seen, 1))
        anywhere.append(together)
    return counts, np.array(shares), np.array(anywhere)


def _flag_table(modules: Sequence[int], label: str, counts: Array, shares: Array) -> str:
    known = [(flag, (flag.bit_length() - 1)) for flag in BadPixels if counts[:, flag.bit_length() - 1].any()]
    head = _row((f"{label} · module", "bad", *(flag.label for flag, _ in known)), "th")
    rows = "".join(_row((module, f"{shares[m]:.3%}", *(f"{counts[m, bit]:,}" for _, bit in known)), "td")
                   for m, module in enumerate(modules))
    return f"<table>{head}{rows}</table>"


def _flags_result(subject: ConstantsSubject) -> Result | None:
    return next((one for one in subject.results if one.role == "flags" and not one.hidden), None)


def _first(subject: ConstantsSubject, one: Result) -> Axis:
    """The first axis of a result that is not of memory cells; one entry without a name where there is none."""
    name = next((axis for axis in one.over if axis != "cell"), "")
    return subject.axes[name] if name else Axis("", "", ("",))


def _stack(subject: ConstantsSubject, one: Result, entry: int, cell: int) -> Array:
    """Images (module, slow_scan, fast_scan) at a place."""
    return np.array([_plane(subject, one, module, entry, cell) for module in subject.modules])


def _plane(subject: ConstantsSubject, one: Result, module: int, entry: int, cell: int) -> Array:
    at = {axis: cell if axis == "cell" else entry for axis in one.over}
    found = subject.plane(one.name, module, at)
    return np.full(subject.kind.shape, one.filling, one.numpy_dtype) if found is None else found


# -- words


def _about(subject: ConstantsSubject) -> Iterator[str]:
    """What the files tell of themselves: modules, runs, condition, parameters, versions, times, files."""
    yield f"<p>Modules {format_numbers(subject.modules)}</p>"
    for heading, text in subject.about.items():
        yield from _list(heading.capitalize(), text.splitlines())


def _list(heading: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"<h2>{escape(heading)}</h2><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _row(cells: Sequence[object], tag: str, attributes: str = "") -> str:
    inside = "".join(f"<{tag}{' class=t' if i < 2 else ''}>{escape(str(one))}</{tag}>"
                     for i, one in enumerate(cells))
    return f"<tr{attributes}>{inside}</tr>"


def _figure(picture: bytes, caption: str, more: str = "") -> str:
    data = base64.b64encode(picture).decode()
    return (f"<div class=f><img alt='{escape(caption)}' src='data:image/png;base64,{data}'><br>"
            f"<span class=told>{escape(caption)}{more}</span></div>")

"""Where the combined numbers of one pixel came from, its ratios among those of its memory cell, flags by source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from calib_core.axes import Array, At
from calib_core.characterisation.combine_cell import VALUES
from calib_core.characterisation.unit import Context
from calib_core.constants.constant import (
    FITS_CS,
    FLAGGED_BY,
    GAIN_FIELDS,
    OFFSET,
    SLOPES_CS,
    SLOPES_FF,
    SLOPES_PC,
    THRESHOLDS_DARK,
)
from calib_core.explanation import Bars, Explanation, Mark, Number, Plot
from calib_core.numerics.combined_gain import Origin

_BINS = 100
#: Kinds of files that a value is made of where it is the pixel's own, or the median of its memory cell.
FILES = {
    "ratio HG/MG": (SLOPES_PC,), "ratio MG/LG": (SLOPES_CS,), "gain": (SLOPES_FF,), "shift MG": (SLOPES_PC, OFFSET),
    "shift LG": (SLOPES_CS, SLOPES_PC, OFFSET), "threshold HG-MG": (SLOPES_PC,), "threshold MG-LG": (FITS_CS,),
}
_RATIOS = ("ratio HG/MG", "ratio MG/LG")


def explanation_of(
    context: Context, module: int, at: At, maps: Mapping[str, Array], row: int, col: int, unit: str
) -> Explanation:
    """Plots, numbers and origins of a pixel.

    Parameters
    ----------
    context : Context
        With the files that the constants were made of.
    module : int
    at : mapping
        Indices along axes.
    maps : mapping of (entries, slow_scan, fast_scan) arrays
        Results of the memory cell.
    row, col : int
    unit : str
        Of the gain.
    """
    fields = dict(zip(GAIN_FIELDS, maps["fields"], strict=True))
    stages = context.axes["gain"].labels
    stage = str(stages[min(at.get("gain", 0), len(stages) - 1)])
    own = [name for name in _RATIOS if (fields[f"origin of {name}"] == Origin.OWN).any()]
    plots = (*(_ratios(name, fields, row, col) for name in own), _flagged(stage, fields[f"flagged by {stage}"]))
    numbers = tuple(_numbers(stages, maps, fields, row, col, unit))
    by = int(fields[f"flagged by {stage}"][row, col])
    sources = [name for place, name in enumerate(FLAGGED_BY) if by >> place & 1]
    flagged = f"Flags of {stage} come from: {', '.join(sources) or 'nowhere, it has none'}."
    return Explanation(plots, numbers, (*_origins(context, module, fields, row, col), flagged))


def _ratios(name: str, fields: Mapping[str, Array], row: int, col: int) -> Plot:
    """Histogram of a ratio over the pixels of the memory cell that have one of their own."""
    values, origin = fields[name], fields[f"origin of {name}"]
    own = values[np.isfinite(values) & (origin == Origin.OWN)]
    low, high = np.percentile(own, (0.1, 99.9))
    counts, edges = np.histogram(own, _BINS, (low, max(high, low + 1e-6)))
    title = f"{_begun(name)}, {own.size} of {values.size} pixels with their own"
    return Plot(title, "ratio", "pixels", items=(Bars("pixels", edges, counts),
                                                 Mark("this pixel", float(values[row, col]))))


def _begun(name: str) -> str:
    """A name at the begin of a sentence."""
    return name[:1].upper() + name[1:]


def _flagged(stage: str, by: Array) -> Plot:
    """Pixels of the memory cell that are flagged by each source."""
    masks = by.astype(np.int64)
    bars = (Bars(name, np.array([place + 0.6, place + 1.4]), np.array([np.count_nonzero(masks >> place & 1)]))
            for place, name in enumerate(FLAGGED_BY))
    return Plot(f"Flagged pixels of {stage} by source", "source", "pixels", items=tuple(bars))


def _numbers(
    stages: Sequence[object], maps: Mapping[str, Array], fields: Mapping[str, Array], row: int, col: int, unit: str
) -> Iterator[Number]:
    at = row, col
    for name in _RATIOS:
        yield Number(name, float(fields[name][at]), "", float(fields[f"{name} error"][at]))
    for index, stage in enumerate(stages):
        error = {1: "ratio HG/MG error", 2: "relative gain LG error"}.get(index)
        yield Number(f"relative gain {stage}", float(maps["relative_gain"][index][at]), "",
                     float(fields[error][at]) if error else float("nan"))
    for index, stage in enumerate(stages if "gain" in maps else ()):
        yield Number(f"gain {stage}", float(maps["gain"][index][at]), "" if unit == "relative" else unit,
                     float(fields[f"gain {stage} error"][at]))
    for index, stage in enumerate(stages[1:]):
        yield Number(f"shift {stage}", float(maps["shift"][index][at]), "ADU")
    for name, value in zip(VALUES[-2:], maps["thresholds"], strict=True):
        yield Number(name, float(value[at]), "ADU")
    yield from (Number(name, float(fields[name][at]), "ADU") for name in GAIN_FIELDS[:4])


def _origins(
    context: Context, module: int, fields: Mapping[str, Array], row: int, col: int
) -> Iterator[str]:
    """A sentence on each value: where it came from, and of which files."""
    for value in VALUES:
        origin = Origin(int(fields[f"origin of {value}"][row, col]))
        kinds = FILES[value] if origin in (Origin.OWN, Origin.MEDIAN) else (
            (THRESHOLDS_DARK,) if origin is Origin.DARK else ())
        files = "; ".join(text for kind in kinds if (text := _file(context, module, kind.name)))
        yield f"{_begun(value)}: {origin.label}{f', {files}' if files else ''}."


def _file(context: Context, module: int, kind: str) -> str:
    """A file with its runs and its time."""
    found = context.files.get((module, kind))
    if found is None:
        return ""
    said = found.attributes.get("raw_data", ())
    runs = [str(one["run"]) for one in said if isinstance(one, Mapping) and one.get("run")]
    begin = f"{found.begin:%Y-%m-%d %H:%M}" if found.begin else "no time"
    return f"{kind} of {', '.join((*dict.fromkeys(runs), begin))} ({found.path.name})"

"""Where the combined numbers of one pixel came from, its ratios among those of its memory cell, flags by source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from calib_core.axes import Array, At
from calib_core.characterisation.combine_cell import VALUES
from calib_core.characterisation.explains import OfPixel
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
from calib_core.store.constants import StoredConstant

_BINS = 100
#: Kinds of files that a value is made of where it is the pixel's own, or the median of its memory cell.
FILES = {
    "ratio HG/MG": (SLOPES_PC,), "ratio MG/LG": (SLOPES_CS,), "gain": (SLOPES_FF,), "shift MG": (SLOPES_PC, OFFSET),
    "shift LG": (SLOPES_CS, SLOPES_PC, OFFSET), "threshold HG-MG": (SLOPES_PC,), "threshold MG-LG": (FITS_CS,),
}
#: Runs of a file that are named one by one.
_MOST_RUNS = 3
#: Sources of flags in as few letters as an axis has room for.
_SOURCES = ("dark", "PC", "FF", "CS", "combining")
_RATIOS = ("ratio HG/MG", "ratio MG/LG")


def explanation_of(context: Context, at: At, pixel: OfPixel, unit: str | None) -> Explanation | None:
    """Plots, numbers and origins of a pixel.

    Parameters
    ----------
    context : Context
        With axes; with the files that the constants were made of, where they are known.
    at : mapping
        Indices along axes.
    pixel : OfPixel
    unit : str, optional
        Of the gain; None where there is none.

    Returns
    -------
    Explanation or None
        A sentence where nothing is made of the pixel yet; None where there are no fields.
    """
    if "field" not in context.axes:
        return None
    fields = dict(zip(GAIN_FIELDS, pixel.along("fields", "field"), strict=False))
    if len(fields) < len(GAIN_FIELDS) or np.isnan(fields["origin of ratio HG/MG"]):
        return Explanation(notes=("Nothing is made of this pixel yet, or its fields are not there.",))
    stages = [str(stage) for stage in context.axes["gain"].labels]
    stage = stages[min(at.get("gain", 0), len(stages) - 1)]
    found = (*(_ratios(name, at, pixel, fields) for name in _RATIOS), _flagged(stage, at, pixel))
    by = int(fields[f"flagged by {stage}"])
    sources = [name for place, name in enumerate(FLAGGED_BY) if by >> place & 1]
    flagged = f"Flags of {stage} come from: {', '.join(sources) or 'nowhere, it has none'}."
    return Explanation(tuple(one for one in found if one is not None), tuple(_numbers(context, pixel, fields, unit)),
                       (*_origins(context, pixel, fields), flagged))


def _field(name: str, at: At, pixel: OfPixel) -> Array | None:
    """Image of a field in the memory cell."""
    return pixel.plane("fields", {**at, "field": GAIN_FIELDS.index(name)})


def _ratios(name: str, at: At, pixel: OfPixel, fields: Mapping[str, float]) -> Plot | None:
    """Histogram of a ratio over the pixels of the memory cell that have one of their own; None where none has."""
    values, origin = _field(name, at, pixel), _field(f"origin of {name}", at, pixel)
    if values is None or origin is None:
        return None
    own = values[np.isfinite(values) & (origin == Origin.OWN)]
    if not own.size:
        return None
    low, high = np.percentile(own, (0.1, 99.9))
    counts, edges = np.histogram(own, _BINS, (low, max(high, low + 1e-6)))
    title = f"{_begun(name)}, {own.size} of {values.size} own"
    return Plot(title, name, "pixels", items=(Bars("pixels", edges, counts), Mark("pixel", float(fields[name]))))


def _flagged(stage: str, at: At, pixel: OfPixel) -> Plot | None:
    """Pixels of the memory cell that are flagged by each source."""
    by = _field(f"flagged by {stage}", at, pixel)
    if by is None:
        return None
    masks = np.nan_to_num(by).astype(np.int64)
    places = range(len(FLAGGED_BY))
    edges = np.array([place + end for place in places for end in (0.6, 1.4)])
    counts = np.zeros(len(edges) - 1, np.int64)  # nothing between two of them
    counts[::2] = [np.count_nonzero(masks >> place & 1) for place in places]
    return Plot(f"Flagged pixels of {stage} by source", ", ".join(_SOURCES), "pixels",
                items=(Bars("pixels", edges, counts),))


def _begun(name: str) -> str:
    """A name at the begin of a sentence."""
    return name[:1].upper() + name[1:]


def _numbers(
    context: Context, pixel: OfPixel, fields: Mapping[str, float], unit: str | None
) -> Iterator[Number]:
    def along(result: str, axis: str) -> Iterator[tuple[str, float]]:
        """Labels and values along an axis, where there is such."""
        if axis in context.axes:
            yield from zip(map(str, context.axes[axis].labels), map(float, pixel.along(result, axis)), strict=False)

    for name in _RATIOS:
        yield Number(name, fields[name], "", fields[f"{name} error"])
    errors = (math.nan, fields["ratio HG/MG error"], fields["relative gain LG error"])
    for (stage, value), error in zip(along("relative_gain", "gain"), errors, strict=False):
        yield Number(f"relative gain {stage}", value, "", error)
    for stage, value in along("gain", "gain") if unit is not None else ():
        yield Number(f"gain {stage}", value, unit or "", fields[f"gain {stage} error"])
    yield from (Number(f"shift {stage}", value, "ADU") for stage, value in along("shift", "shift"))
    yield from (Number(f"threshold {name}", value, "ADU") for name, value in along("thresholds", "threshold"))
    yield from (Number(name, fields[name], "ADU") for name in GAIN_FIELDS[:4])


def _origins(context: Context, pixel: OfPixel, fields: Mapping[str, float]) -> Iterator[str]:
    """A sentence on each value: where it came from; then one on each of the files."""
    used: dict[str, None] = {}
    for value in VALUES:
        origin = Origin(int(fields[f"origin of {value}"]))
        kinds = FILES[value] if origin in (Origin.OWN, Origin.MEDIAN) else (
            (THRESHOLDS_DARK,) if origin is Origin.DARK else ())
        files = [kind.name for kind in kinds if (pixel.module, kind.name) in context.files]
        yield f"{_begun(value)}: {origin.label}{f', {_and(files)}' if files else ''}."
        used.update(dict.fromkeys(files))
    yield from (_file(context.files[pixel.module, kind]) for kind in used)


def _file(found: StoredConstant) -> str:
    """A file with its runs and its time; of many runs the first and the last."""
    said = found.attributes.get("raw_data", ())
    runs = list(dict.fromkeys(str(one["run"]) for one in said if isinstance(one, Mapping) and one.get("run")))
    told = [f"{runs[0]} to {runs[-1].split()[-1]}"] if len(runs) > _MOST_RUNS else runs
    begin = f"{found.begin:%Y-%m-%d %H:%M}" if found.begin else "no time"
    kind = found.attributes.get("kind", found.calibration)
    return f"{kind}: {', '.join((*told, begin))}, {found.path.name}"


def _and(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))

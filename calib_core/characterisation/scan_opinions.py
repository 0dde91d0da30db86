"""A pixel of a scan as other programs have it, beside our own numbers."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from calib_core.characterisation.others import in_words, with_theirs
from calib_core.characterisation.scan_plots import Fitted
from calib_core.explanation import Explanation, Number, Plot, Points, Span
from calib_core.numerics.scan_fits import DECAY_AT_END, HOOK, LINE, WEAK
from calib_core.numerics.scan_regions import HIGH, MEDIUM, OK, TRANSITION

#: Programs that are asked.
OTHERS = "iminuit and scikit-learn"
_FITS, _CLUSTERS = "iminuit", "scikit-learn"


def compared(
    shown: Explanation, found: Fitted, clusters: np.ndarray[Any, Any], spans: tuple[Span, ...],
    lengths: tuple[float, float],
) -> Explanation:
    """An explanation with what other programs say, and in one sentence how far they are away.

    Parameters
    ----------
    shown : Explanation
    found : Fitted
        What it was made of.
    clusters : (s,) uint8
        Cluster of each sample before their order was enforced.
    spans : tuple of Span
        Steps that lines were fitted to, of high and of medium gain.
    lengths : (float, float)
        Limits of the length of the hook.
    """
    if int(found.regions.status[0]) != OK or not spans:
        return replace(shown, notes=(*shown.notes, "Other programs are not asked, since there are no regions."))
    theirs, (middles, own) = _fits(found, spans, lengths), _clusters(found, clusters)
    theirs |= {"inertia": (own["inertia"][1], _CLUSTERS), **{
        name: (value, _CLUSTERS) for name, (_, value) in own.items() if name != "inertia"}}
    numbers = [one for one in shown.numbers if one.name not in own]
    numbers += [Number(name, ours) for name, (ours, _) in own.items()]
    beside = with_theirs(numbers, theirs)
    ring = Points(_CLUSTERS, middles[:, 0], middles[:, 1], number=4, large=True)
    plots = tuple(_with(one, ring) if one.title == "Clusters" else one for one in shown.plots)
    notes = (*shown.notes, *(in_words(beside, by) for by in (_FITS, _CLUSTERS)))
    return replace(shown, plots=plots, numbers=beside, notes=notes)


def _fits(found: Fitted, spans: tuple[Span, ...], lengths: tuple[float, float]) -> dict[str, tuple[float, str]]:
    """What iminuit makes of the same samples with the same curves."""
    opinions = import_module("calib_core.numerics.opinions")
    made: dict[str, float] = {}
    high, medium = (_samples(found, region, span) for region, span in zip((HIGH, MEDIUM), spans, strict=True))
    if int(found.high.status[0]) == LINE:
        made |= {f"{name} HG": value for name, value in opinions.line(*high).items()}
    status = int(found.medium.status[0])
    if status in (HOOK, WEAK, DECAY_AT_END):
        fit = opinions.hook_line(*medium, lengths)
        made |= {"slope MG": fit["slope"], "intercept MG": fit["intercept"], "hook": fit["hook"],
                 "hook length": fit["length"]}
    elif status == LINE:
        made |= {f"{name} MG": value for name, value in opinions.line(*medium).items()}
    if {"slope HG", "slope MG"} <= made.keys():
        made["ratio"] = made["slope HG"] / made["slope MG"]
    return {name: (float(value), _FITS) for name, value in made.items()}


def _samples(found: Fitted, region: int, span: Span) -> tuple[Any, Any]:
    """Steps and signal of the samples that a line was fitted to, float64."""
    mine = (found.regions.label[0] == region) & (found.signal[0] > 0) & (found.x >= span.low) & (found.x <= span.high)
    return found.x[mine].astype(float), found.signal[0][mine].astype(float)


def _clusters(found: Fitted, label: Any) -> tuple[Any, dict[str, tuple[float, float]]]:
    """Middles of scikit-learn's clusters; samples and inertia of both programs, by name."""
    there = np.isfinite(found.features).all(axis=1) & np.isin(label, (HIGH, TRANSITION, MEDIUM))
    features, mine = found.features[there], label[there]
    theirs = import_module("calib_core.numerics.opinions").clusters(features)
    inertia, numbers = 0.0, {}
    for place, (name, one) in enumerate(zip(("HG", "transition", "MG"), (HIGH, TRANSITION, MEDIUM), strict=True)):
        inside = features[mine == one]
        inertia += float(((inside - inside.mean(axis=0)) ** 2).sum()) if len(inside) else 0.0
        numbers[f"cluster {name}"] = float(len(inside)), float(theirs.counts[place])
    return theirs.middles, {**numbers, "inertia": (inertia, theirs.inertia)}


def _with(plot: Plot, item: Points) -> Plot:
    return replace(plot, items=(*plot.items, item))

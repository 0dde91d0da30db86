"""Checks of combined constants: values that are not the pixels' own, thresholds of scans beside those of darks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from calib_core.axes import Array
from calib_core.characterisation.checks import Check
from calib_core.characterisation.combine_plots import FILES
from calib_core.characterisation.finished import Finished
from calib_core.characterisation.unit import Context
from calib_core.numerics.combined_gain import Origin
from calib_core.remarks import CheckText, Remark

#: Share of the pixels and memory cells whose values may be stand-ins without a word.
_FEW = 0.001
#: Distance of thresholds that is told, ADU; they lie some 700 from the gain signals that they are between.
_APART = 100.0


class StandIns(Check):
    """Values of pixels are their own."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "stand-ins", "share of the pixels and memory cells whose value is not their own measurement, of each "
            "value and by where it came from", f"> {_FEW:.1%}", "none: it counts what is there",
            "such values have no error, and their pixels a flag")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence for each value with its stand-ins by origin.

        Yields
        ------
        Remark
            In per cent.
        """
        counts = finished.values("origins").sum(axis=2)
        for value, of_value in zip(context.axes["value"].labels, counts, strict=True):
            if not _is_measured(context, module, str(value)):
                continue
            total, own = int(of_value.sum()), int(of_value[Origin.OWN])
            others = {one: int(of_value[one]) for one in Origin if one != Origin.OWN and of_value[one]}
            if total - own > _FEW * total:
                told = ", ".join(f"{one.label} {n / total:.1%} ({n})" for one, n in others.items())
                yield Remark(self.text.kind, module, "", 100 * (total - own) / total, 100 * _FEW, "%",
                             f"Module {module}: {value} of {(total - own) / total:.1%} of pixels and memory cells is "
                             f"not their own: {told}.")


def _is_measured(context: Context, module: int, value: str) -> bool:
    """Whether stand-ins are told of a value: thresholds are of darks too, and what inputs are not there is told."""
    return not value.startswith("threshold") and all(
        (module, kind.name) in context.files for kind in FILES[value])


class Thresholds(Check):
    """Thresholds of scans lie where those of darks do."""

    @property
    def text(self) -> CheckText:
        """The check in words."""
        return CheckText(
            "thresholds", "median distance of the thresholds of scans from those of darks", f"> {_APART:g} ADU",
            "none: medians of all pixels are free of noise", "gain signals of dark and scan differ, by temperature "
            "or setting, and one of them tells gain stages wrongly")

    def remarks(self, context: Context, module: int, finished: Finished) -> Iterator[Remark]:
        """A sentence on each threshold whose medians lie apart.

        Yields
        ------
        Remark
            In ADU.
        """
        fields = context.axes["field"]
        for name in context.axes["threshold"].labels:
            index = fields.index(f"threshold {name} less dark")
            apart = _median(median_of(finished.filled("fields", {"field": index, "cell": cell}))
                            for cell in range(len(context.axes["cell"])))
            if abs(apart) > _APART:
                yield Remark(self.text.kind, module, "", apart, _APART, "ADU",
                             f"Module {module}: thresholds {name} of scans lie {apart:+.0f} ADU from those of darks "
                             "in the median.")


def median_of(values: Array) -> float:
    """Median of the numbers among values, NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _median(values: Iterable[float]) -> float:
    return median_of(np.array(list(values)))

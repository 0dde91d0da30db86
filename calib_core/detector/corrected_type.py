"""A detector type as its corrected files have it: where their samples are, in place of the raw ones."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from calib_core.detector.detector_type import DetectorType
from calib_core.detector.raw_layout import CORRECTED, RawLayout


@cache
def as_corrected(kind: DetectorType) -> DetectorType:
    """The type whose layout is that of corrected files; the same object for the same type.

    Parameters
    ----------
    kind : DetectorType

    Returns
    -------
    DetectorType
        Its sources are those of corrected data, and those of raw data that older corrected files kept. Gain stages
        and flags lie beside the samples, so it has neither gain bits nor a second plane.
    """
    variants = tuple(map(as_corrected, kind.variants))
    return replace(kind, raw=_layout(kind), planes=1, signal_plane=None, variants=variants,
                   corrected=kind.corrected_layout, fixed_stage=None, operated=None, stages_in_run=None)


def _layout(kind: DetectorType) -> RawLayout:
    layout, source = kind.corrected_layout, kind.raw.source
    for part, other in layout.source:
        source = source.replace(part, f"(?:{re.escape(other)}|{re.escape(part)})")
    return replace(kind.raw, source=source, source_format=layout.source_of(kind.raw.source_format),
                   pixels=next(iter(layout.images.values())), gain_bits=None, gain_shift=None, adc_mask=0xFFFF,
                   category=CORRECTED)

"""What detectors share that see single photons: names in corrected files."""

from __future__ import annotations

from calib_core.detector import CorrectedLayout


def corrected(group: str, stage: str = "", dims: str = "",
              source: tuple[tuple[str, str], ...] = CorrectedLayout.source) -> CorrectedLayout:
    """Names in corrected files.

    Parameters
    ----------
    group : str
        Beginning of the names of all images.
    stage, dims : str
        Words of the gain stages and of the lengths of axes, where there are any.
    source : tuple of (str, str)
        As :class:`CorrectedLayout` has it.
    """
    words = {"offset": "pixels", "common_mode": "pixels_cm", "gain_map": "pixels_rg",
             "split_events": "pixels_classified"}
    return CorrectedLayout(
        {step: f"{group}.{word}" for step, word in words.items()}, f"{group}.mask", stage and f"{group}.{stage}",
        {"split_events": f"{group}.patterns"}, dims and f"{group}.{dims}", source)

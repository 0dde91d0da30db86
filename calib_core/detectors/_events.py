"""What detectors share that see single photons: steps of their correction, constants, names in corrected files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calib_core.characterisation.correct import Correct
from calib_core.constants.condition import ConditionParameter
from calib_core.correction.absolute_gain import AbsoluteGain
from calib_core.correction.common_mode import CommonMode
from calib_core.correction.gain_map import GainMap
from calib_core.correction.mask import MaskOfDark
from calib_core.correction.offset import Offset
from calib_core.correction.saturated import Saturated
from calib_core.correction.split_events import SplitEvents
from calib_core.correction.step import Step
from calib_core.detector import Calibration, CorrectedLayout
from calib_core.detector.condition_parts import SOURCE_ENERGY


def correct(
    *before: Step, common_mode: CommonMode | None = None, in_adu: Sequence[Step] = (),
    on_one_scale: Sequence[Step] = (),
) -> Correct:
    """Correction with all steps up to energies of single photons.

    Parameters
    ----------
    *before : Step
        What is done first.
    common_mode : CommonMode, optional
        The usual one unless given.
    in_adu, on_one_scale : sequence of Step
        What is done before and after the gain map.
    """
    return Correct(steps=(*before, Saturated(), Offset(), common_mode or CommonMode(), *in_adu, GainMap(),
                          *on_one_scale, MaskOfDark(), SplitEvents(), AbsoluteGain()))


def calibrations(
    ending: str, dims: tuple[str, ...], condition: Sequence[ConditionParameter],
) -> Mapping[str, Calibration]:
    """Constants of darks, and the gain map, which knows the energy of its light.

    Parameters
    ----------
    ending : str
        Of their names in the database.
    dims : tuple of str
        Order of the axes in the file, slowest first.
    condition : sequence of ConditionParameter
    """
    of_darks = tuple(one.name for one in condition if one != SOURCE_ENERGY)
    darks = {name: Calibration(f"{name}{ending}", dims, parameters=of_darks)
             for name in ("Offset", "Noise", "BadPixelsDark")}
    return {**darks, "GainMap": Calibration(f"RelativeGain{ending}", dims)}


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

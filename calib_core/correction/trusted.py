"""Trusted flags: what flags of constants keep out of baselines and common modes, and what not."""

from __future__ import annotations

from typing import ClassVar

from calib_core.constants.badpixels import flags_named
from calib_core.correction.bound_constant import Given
from calib_core.correction.images import Images
from calib_core.correction.step import Step
from calib_core.detector import DetectorType
from calib_core.params import knob


class TrustedFlags(Step):
    """Let samples have a say in what is taken off frames although their pixels have some of the flags."""

    word: ClassVar[str] = "trusted"
    title: ClassVar[str] = "Trusted flags"
    unit_in: ClassVar[str] = ""
    unit_out: ClassVar[str] = ""
    use_when: ClassVar[str] = "Flags of most pixels say what does no harm to a baseline, such as an unsure gain."
    caution: ClassVar[str] = "Pixels that are bad in another way, too, stay out; the mask of the files is as ever."

    flags: str = knob("FF_GAIN_EVAL_ERROR, FF_GAIN_DEVIATION, FF_NO_ENTRIES", unit="names of flags",
                      help="Flags that keep no sample out of baselines and common modes of ASICs")

    def check(self) -> None:
        """Refuse names that are no flags, with BadParameter."""
        flags_named(self.flags, f"{self.word}_flags")

    def apply(self, images: Images, given: Given, kind: DetectorType) -> None:
        """Tell the steps behind; nothing is found on the way.

        Parameters
        ----------
        images : Images
            Their values and flags stay.
        given : mapping
            Not asked.
        kind : DetectorType
            Not asked.
        """
        images.trusted |= flags_named(self.flags)

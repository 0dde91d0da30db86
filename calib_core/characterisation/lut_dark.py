"""Darks of detectors whose converters are not linear: codes are looked up in a table before anything else."""

from __future__ import annotations

from typing import ClassVar

from calib_core.characterisation.dark import Dark
from calib_core.params import knob


class LutDark(Dark):
    """Offset, noise and bad pixels of linear codes."""

    title: ClassVar[str] = "Darks"
    use_when: ClassVar[str] = "Daily, and after each change of the operating condition."
    caution: ClassVar[str] = "Constants with and without look-up table are in different codes; never mix them."

    lut_file: str = knob("", help="Constant file with the look-up table, or a folder of constants in which it is "
                         "looked for by physical detector unit; empty takes the codes of the converter as they are")

    def table_path(self) -> str | None:
        """File or folder that the operator gave."""
        return self.lut_file

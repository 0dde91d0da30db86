"""Characterisations whose frames go through the steps of a correction, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import field_validator

from calib_core.characterisation.frame_choice import FrameChoice
from calib_core.characterisation.method import Method
from calib_core.characterisation.unit import Context, Unit
from calib_core.correction.pipeline import Pipeline
from calib_core.correction.step import Step
from calib_core.detector import FrameSelection
from calib_core.params import knob


class ThroughSteps(FrameChoice, Method):
    """A characterisation that takes frames through :attr:`steps` itself; runs may have lost any of their trains."""

    max_trains: int = knob(65536, ge=1, le=65536, unit="trains", help="Most trains used of each run")
    min_trains: int = knob(1, ge=1, le=65536, unit="trains", help="Least trains a run must have")
    max_lost: float = knob(100.0, ge=0, le=100, unit="%", help="Most of a run's trains that a module may have lost")
    other_conditions: bool = knob(False, help="Take constants of another operating condition than the run's")

    steps: tuple[Step, ...] = ()

    @field_validator("steps")
    @classmethod
    def _go_together(cls, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """Each step takes the unit that the one before gives."""
        Pipeline(steps)
        return steps

    @property
    def takes_other_conditions(self) -> bool:
        """Whether constants may be of another operating condition than the run."""
        return self.other_conditions

    @property
    def by_sequence(self) -> bool:
        """Whether a step looks at all frames of a file before it can be done."""
        return self._passes_of_steps > 0

    @property
    def _passes_of_steps(self) -> int:
        return sum(one.passes for one in self.steps if one.on)

    def passes(self, context: Context, unit: Unit) -> tuple[slice, ...]:
        """One over all frames, behind those that a step needs before it can be done.

        Returns
        -------
        tuple of slice
        """
        return (slice(None),) * (1 + self._passes_of_steps)

    def sees_more(self, number: int | None = None) -> bool:
        """Whether a pass is of a common mode that sees one selection of frames for the whole run.

        Returns
        -------
        bool
        """
        of_passes = [one.of_common_mode for one in self.steps if one.on for _ in range(one.passes)]
        return self.super_selection == "cm" and any(of_passes if number is None else of_passes[number:number + 1])

    def frame_selection(self) -> FrameSelection:
        """Trains and pulses that are used, and what a common mode would see of the others, also while it is off.

        Returns
        -------
        FrameSelection
        """
        seen = self.super_selection == "cm" and any(one.of_common_mode for one in self.steps)
        return replace(super().frame_selection(), seen_whole_run=seen)

    def said_of_light(self) -> Iterator[str]:
        """Say that one selection for the whole run has no effect, where it has none.

        Yields
        ------
        str
        """
        selection = self.frame_selection()
        if self.super_selection == "off":
            return
        if not selection.by_light:
            yield f"--super-selection {self.super_selection} has no effect: no frame is left out for its light."
        elif self.super_selection == "cm" and not self.sees_more():
            yield ("--super-selection cm has no effect: no common mode of memory cells is taken off; --cm with "
                   "--cm-cells does it.")

    def steps_before(self) -> tuple[Step, ...]:
        """All steps: each frame goes through them."""
        return self.steps

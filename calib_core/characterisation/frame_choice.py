"""Which frames of its runs a method takes, as its parameters: some trains, some pulses, those with light."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import field_validator

from calib_core.characterisation.train_selection import TrainSelection
from calib_core.detector import DetectorType, FrameSelection
from calib_core.errors import BadParameter
from calib_core.params import knob
from calib_core.ranges import parse_numbers, parse_ranges, parse_steps


class FrameChoice(TrainSelection):
    """Parameters of methods that take some frames of each train."""

    train_ids: str = knob("", help="Trains that are used, such as 1600000010-1600000050,1600000061; all unless given")
    sequences: str = knob("", expert=True, help="Files of each module that are used, by their sequence "
                                                "numbers such as 0-2,5; all unless given")
    pulses: str = knob("", help="Frames of each train that are used, counted from 0: first:last:step, the last left "
                                "out; all unless given")
    lit_frames: Literal["off", "device", "offline", "auto"] = knob("off", help="Frames of each train that are used "
        "by their light. off: all. device: those of which a device of the run tells that they had light. offline: "
        "those that had a pulse by the X-ray gas monitor. auto: by the device where the run has one, else offline")
    lit_frames_device: str = knob("", expert=True, help="Device that tells which frames had light, where the run has "
                                                        "several")

    xgm_device: str = knob("", help="X-ray gas monitor that tells the energies of pulses, such as "
                                    "SA1_XTD2_XGM/DOOCS/MAIN")
    energy_threshold: float | None = knob(None, ge=0, le=1e6, unit="µJ", help="Lowest energy of the pulse of a frame "
                                          "that is used, by the X-ray gas monitor; all unless given")
    highest_energy: float | None = knob(None, ge=0, le=1e6, unit="µJ", help="Highest energy of the pulse of a frame "
                                        "that is used, by the X-ray gas monitor; all unless given")
    super_selection: Literal["off", "cm", "final"] = knob("off", expert=True, help="Which memory cells are used. "
        "off: in each train those with light, or enough of it. cm: the same, but the common mode of memory cells "
        "looks at those that have it in any train, in all trains. final: those that have it in any train, in all "
        "trains")

    @field_validator("train_ids")
    @classmethod
    def _are_trains(cls, text: str) -> str:
        parse_ranges(text)
        return text

    @field_validator("sequences")
    @classmethod
    def _are_numbers(cls, text: str) -> str:
        parse_numbers(text)  # each of them stands in the record of a correction
        return text

    @field_validator("pulses")
    @classmethod
    def _are_pulses(cls, text: str) -> str:
        parse_steps(text)
        return text

    def frame_selection(self) -> FrameSelection:
        """Trains and pulses that are used."""
        return replace(super().frame_selection(), trains=parse_ranges(self.train_ids),
                       sequences=parse_ranges(self.sequences), pulses=parse_steps(self.pulses),
                       lit=self.lit_frames, lit_device=self.lit_frames_device,
                       xgm=self.xgm_device, least_energy=self.energy_threshold,
                       most_energy=self.highest_energy, whole_run=self.super_selection == "final")

    def check_light(self, kind: DetectorType) -> None:
        """Refuse lit frames of a type of which nothing tells them, with BadParameter.

        Parameters
        ----------
        kind : DetectorType
        """
        asked = [name for name in ("energy_threshold", "highest_energy") if getattr(self, name) is not None]
        asked += ["lit_frames"] if self.lit_frames == "offline" else []
        if not self.xgm_device and asked:
            name = asked[0]
            raise BadParameter(f"{name} = {getattr(self, name)!r} is not allowed without a monitor that tells "
                               "energies; name it with xgm_device.")
        if self.lit_frames == "device" and not kind.lit_device:
            raise BadParameter(f"lit_frames = {self.lit_frames!r} is not allowed; no device tells which frames of "
                               f"{kind.title} had light.")

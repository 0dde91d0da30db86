"""What a simulated set of runs shows: a scene says which runs there are and makes their frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from calib_core.params import Knobs
from calib_core.simulate.frames import FrameSource
from calib_core.simulate.settings import Settings
from calib_core.simulate.truth import ModuleTruth

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SceneRun:
    """A run of a scene.

    Attributes
    ----------
    role : str
        Its name: of a dark run, the role of its gain stage, of its first where it holds several.
    parts : tuple of int
        What frames follow each other in each train, as :meth:`Scene.source` takes it: of a dark run, gain stages.
    key : int
        Distinguishes its random choices from those of the other runs.
    stage : int or None
        Gain stage that the control system is set to; None where it follows the signal.
    control : mapping
        What the control system is set to beside the settings, by name.
    """

    role: str
    parts: tuple[int, ...]
    key: int
    stage: int | None
    control: Mapping[str, float] = field(default_factory=dict)


class Scene(Knobs):
    """A kind of simulated runs with its parameters; frozen, and each frame depends on what it is only."""

    word: ClassVar[str]
    title: ClassVar[str]

    def check(self, settings: Settings) -> None:
        """Raise BadParameter where the scene cannot be made with some settings.

        Parameters
        ----------
        settings : Settings
        """

    @abstractmethod
    def runs(self, settings: Settings) -> tuple[SceneRun, ...]:
        """Runs in the order in which they are recorded.

        Parameters
        ----------
        settings : Settings
        """

    def devices(
        self, settings: Settings, trains: npt.NDArray[np.uint64], slots: npt.NDArray[np.int64],
    ) -> Mapping[str, Mapping[str, Array]]:
        """What other devices record beside the detector, a row in each train.

        Parameters
        ----------
        settings : Settings
        trains : (n,) uint64
            Their ids.
        slots : (pulses,) int64
            Numbers of the pulses in a train that the detector may have a frame of.

        Returns
        -------
        mapping
            By fast source, arrays (n, …) by key; nothing unless a scene has any.
        """
        return {}

    @abstractmethod
    def source(
        self, settings: Settings, truth: ModuleTruth, part: int, cells: npt.NDArray[np.int64],
    ) -> FrameSource:
        """What makes the frames of a module.

        Parameters
        ----------
        settings : Settings
        truth : ModuleTruth
        part : int
            Of :attr:`SceneRun.parts`.
        cells : (n,) int64
            Memory cells that are recorded.
        """

"""Where corrected frames go, as a method knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from calib_core.correction.bound_constant import BoundConstant
from calib_core.correction.images import Images

if TYPE_CHECKING:
    from calib_core.characterisation.unit import Unit


class Sink(Protocol):
    """Where corrected frames go."""

    def take(self, unit: Unit, images: Images) -> None:
        """Take frames, which are not looked at any more afterwards.

        Parameters
        ----------
        unit : Unit
            Says which module and which sequences of files.
        images : Images
            In train order, behind all frames of the same sequence that came before; others may come at the same
            time.
        """

    def whole(self, unit: Unit) -> None:
        """Hear that all frames of a sequence have come.

        Parameters
        ----------
        unit : Unit
            Says which module and which sequence.
        """

    def learned(self, unit: Unit, what: Mapping[int, Mapping[str, BoundConstant]]) -> None:
        """Hear what steps have learned of all frames of a file, before the first is taken.

        Parameters
        ----------
        unit : Unit
            Says which module and which sequence.
        what : mapping
            By the place of a step in the chain, what it takes beside its constants.
        """

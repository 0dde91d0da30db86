"""Named sets of parameters of a characterisation, from ``resources/presets``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calib_core.resource_files import read_resource


@dataclass(frozen=True)
class Preset:
    """Parameters that go together.

    Attributes
    ----------
    name, help, source : str
        For the command line and the screen; where its values come from.
    values : mapping
        Parameters by their flat names; those that it does not name have their defaults.
    """

    name: str
    help: str
    source: str
    values: Mapping[str, Any]


def presets(name: str) -> dict[str, tuple[Preset, ...]]:
    """Presets of a family.

    Parameters
    ----------
    name : str
        File in ``resources/presets`` without ending.

    Returns
    -------
    dict
        By the command of the characterisation, such as ``DARK``, in the order of the file.
    """
    return {command.upper(): tuple(Preset(word, **one) for word, one in of.items())
            for command, of in read_resource("presets", name).items()}

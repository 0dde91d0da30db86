"""Families' default parameters from ``resources/defaults``, where each has its source."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml


def defaults(name: str, section: str) -> dict[str, Any]:
    """Default values of one characterisation of a family.

    Parameters
    ----------
    name : str
        File in ``resources/defaults`` without ending.
    section : str
        Characterisation, such as ``dark``.
    """
    text = (files("resources") / "defaults" / f"{name}.yaml").read_text("utf-8")
    return {key: entry["value"] for key, entry in yaml.safe_load(text)[section].items()}

"""Families' default parameters from ``resources/defaults``, where each has its source."""

from __future__ import annotations

from typing import Any

from calib_core.resource_files import RESOURCES, read_resource


def defaults(name: str, section: str) -> dict[str, Any]:
    """Default values of one characterisation of a family.

    Parameters
    ----------
    name : str
        File in ``resources/defaults`` without ending.
    section : str
        Characterisation, such as ``dark``.
    """
    return {key: entry["value"] for key, entry in read_resource("defaults", name)[section].items()}


def sources(name: str, section: str) -> dict[str, str]:
    """Where the default values of one characterisation come from, in words; empty where a family has none."""
    path = RESOURCES / "defaults" / f"{name}.yaml"
    entries = read_resource("defaults", name).get(section, {}) if path.is_file() else {}
    return {key: entry["source"] for key, entry in entries.items()}

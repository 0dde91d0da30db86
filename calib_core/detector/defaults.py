"""Families' default parameters from ``resources/defaults``, where each has its source."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

#: By its place beside this package: a package of the same name elsewhere is somebody else's.
RESOURCES = Path(__file__).resolve().parents[2] / "resources"
#: libyaml, where PyYAML was built with it: every start of the program reads these files.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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


@cache
def read_resource(folder: str, name: str) -> dict[str, Any]:
    """Contents of ``resources/<folder>/<name>.yaml``, plain values; read once and not to be changed.

    Parameters
    ----------
    folder, name : str
    """
    text = (RESOURCES / folder / f"{name}.yaml").read_text("utf-8")
    found: dict[str, Any] = yaml.load(text, Loader=_LOADER)
    return found

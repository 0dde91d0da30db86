"""Plain values of ``resources``: what is believed of detectors and of the facility's files, each with its source."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

#: By its place beside this package: a package of the same name elsewhere is somebody else's.
RESOURCES = Path(__file__).resolve().parents[1] / "resources"
#: libyaml, where PyYAML was built with it: every start of the program reads these files.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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

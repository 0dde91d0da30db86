"""Geometries that EXtra-geom knows by heart."""

from __future__ import annotations

from typing import Any


def known_geometry(name: str, arrangement: str, n_modules: int) -> Any:
    """Geometry by the name of its class in EXtra-geom and of the method that makes it with default positions."""
    import extra_geom

    return getattr(getattr(extra_geom, name), arrangement)()

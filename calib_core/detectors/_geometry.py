"""Geometries that EXtra-geom knows by heart."""

from __future__ import annotations

from typing import Any


def known_geometry(name: str, arrangement: str, n_modules: int) -> Any:
    """Geometry of a class of EXtra-geom by the name of the method that makes it; what there is to know, it knows."""
    import extra_geom

    return getattr(getattr(extra_geom, name), arrangement)()

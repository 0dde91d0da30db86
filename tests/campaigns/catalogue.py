"""The catalogue of damage: small functions that damage runs and say in which words that can be named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from .raw import Raw

Damage = Callable[[Raw], tuple[str, ...]]


@dataclass(frozen=True)
class Kind:
    """A kind of damage.

    Attributes
    ----------
    name : str
    damage : callable
        Damages runs; returns words one of which names what was damaged.
    families : tuple of str
        Families that it can happen to; empty for all.
    """

    name: str
    damage: Damage
    families: tuple[str, ...] = ()


_KINDS: dict[str, Kind] = {}


def kind(name: str, *families: str) -> Callable[[Damage], Damage]:
    """Add a function to the catalogue."""
    def add(damage: Damage) -> Damage:
        assert name not in _KINDS, name
        _KINDS[name] = Kind(name, damage, families)
        return damage
    return add


def kinds() -> dict[str, Kind]:
    """All kinds by name."""
    for module in ("files", "structure", "trains", "frames", "control"):
        import_module(f".damage_{module}", __package__)
    return dict(_KINDS)

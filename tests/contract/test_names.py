"""A family's name is written in its descriptor only, and every parameter says what it is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import calib_core
from calib_core.characterisation.family import families
from calib_core.detector.registry import detector_types
from calib_core.params import Knobs, Part

ROOT = Path(__file__).resolve().parents[2]
HOME_OF_NAMES = ROOT / "calib_core" / "detectors"
#: Families without types are of no detector, and their names are plain words.
NAMES = sorted({kind.name for kind in detector_types()} | {family.name for family in families() if family.types})
MENTIONED = re.compile(rf"(?<![a-z])({'|'.join(map(re.escape, NAMES))})", re.IGNORECASE)


def program_files() -> list[Path]:
    found = [path for folder in ("app", "calib_core") for path in (ROOT / folder).rglob("*")]
    return [path for path in found if path.suffix in (".py", ".toml", ".yaml") and HOME_OF_NAMES not in path.parents]


def every_set_of_parameters() -> list[type[Knobs]]:
    for module in pkgutil.walk_packages(calib_core.__path__, "calib_core."):
        importlib.import_module(module.name)
    found, waiting = [], [Knobs]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        waiting += subclasses
        found += [c for c in subclasses if c.__module__.startswith("calib_core.")]
    return sorted(set(found), key=lambda c: c.__qualname__)


def test_families_are_named_by_their_descriptors_only():
    assert all(MENTIONED.search(f"x = the_{name.lower()}_offset") for name in NAMES)
    lines = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in program_files()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if MENTIONED.search(line)
    ]
    assert lines == []


@pytest.mark.parametrize("parameters", every_set_of_parameters(), ids=lambda c: c.__qualname__)
def test_every_parameter_has_help_and_a_known_kind(parameters):
    assert parameters.__doc__
    if not inspect.isabstract(parameters) and parameters is not Part:
        assert [knob.name for knob in parameters().knobs() if not knob.help.strip()] == []


@pytest.mark.parametrize("kind", detector_types(), ids=lambda kind: kind.name)
def test_every_parameter_of_a_condition_has_help(kind):
    assert [parameter.name for parameter in kind.condition if not parameter.help] == []


def test_descriptors_are_short():
    """What several families share is not written again; the numbers of the simulator are resources."""
    lengths = {path.name: len(path.read_text("utf-8").splitlines())
               for path in HOME_OF_NAMES.glob("*.py") if path.name != "__init__.py"}
    descriptors = [length for name, length in lengths.items() if not name.startswith("_")]
    assert len(descriptors) >= len(families())
    assert sum(descriptors) / len(descriptors) <= 150
    assert {name: length for name, length in lengths.items() if length > 200} == {}

"""What the simulator knows of each type: levels for all gain stages, settings that it takes, and sources."""

from __future__ import annotations

from dataclasses import fields

import pytest
import yaml

from calib_core.detector import Level
from calib_core.detector.registry import detector_types
from calib_core.detector.simulated import Electronics, read_simulated

KINDS = [kind for kind in detector_types() if kind.simulated is not None]
HARDWARE = Electronics((1, 1), "DA01")


def all_sections(config: pytest.Config) -> dict[str, dict]:
    """Sections of all files by the name of their type."""
    found = {}
    for path in sorted((config.rootpath / "resources" / "simulated").glob("*.yaml")):
        found.update(yaml.safe_load(path.read_text("utf-8")))
    return found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_gain_stage_has_its_levels(kind):
    stages, levels = len(kind.stages), kind.simulated.levels
    assert (len(levels.offset), len(levels.noise)) == (stages, stages)
    signal = 0 if kind.signal_plane is None else stages
    assert (len(levels.gain_signal), len(levels.gain_signal_noise)) == (signal, signal)
    light = stages if levels.gain else 0
    assert (len(levels.gain) + len(levels.gain_ratio), len(levels.switch)) == (light, max(0, light - 1))
    assert all(isinstance(level, Level) for one in fields(levels) for level in getattr(levels, one.name))


def test_every_group_has_its_source_and_every_section_its_type(request):
    found = all_sections(request.config)
    assert sorted(found) == sorted(kind.name for kind in KINDS)
    groups = {(name, group): values for name, section in found.items() for group, values in section.items()}
    assert {group for _, group in groups} == {"levels", "level_sets", "settings", "demo"}
    assert [place for place, values in groups.items() if not str(values.get("source", "")).strip()] == []


def test_a_type_takes_what_another_has_and_gives_its_own():
    one, other = (read_simulated("gotthard2", name, HARDWARE) for name in ("GOTTHARD2", "GOTTHARD2_25UM"))
    assert other.levels == one.levels
    assert other.settings == {**one.settings, "identifier": "SA1_XTD9_HIREX", "instrument": "SA1"}
    assert other.demo == {**one.demo, "proposal": 900105, "trains": 2}


def test_a_type_without_a_demo_has_none():
    assert read_simulated("agipd", "AGIPD500K", HARDWARE).demo is None


def test_a_set_of_levels_differs_in_what_it_names_and_nowhere_else():
    found = read_simulated("agipd", "AGIPD500K", HARDWARE)
    other = found.level_sets["separate"]
    assert [level.mean for level in other.offset] == [4950, 8000, 8000]
    same = [one.name for one in fields(other) if getattr(other, one.name) == getattr(found.levels, one.name)]
    assert same == [one.name for one in fields(other) if one.name != "offset"]

"""What a form's editors hold, judged by the declaration."""

from __future__ import annotations

from typing import Any

import pytest

from app.forms.knob_draft import draft
from calib_core.characterisation.family import named

METHOD = named("AGIPD").method("CORRECT")
NEEDED = "Rounding to photons needs the energy of a photon; give --round-photons-energy in keV."


@pytest.mark.parametrize("order", [1, -1])
def test_a_step_that_needs_a_value_is_switched_on_beside_it(order: int) -> None:
    given: list[tuple[str, Any]] = [("round_photons", True), ("round_photons_energy", 9.2)]
    typed = dict(given[::order])
    found = draft(METHOD, typed)
    assert found.errors == {}
    assert found.changes == typed


def test_without_it_the_switch_is_told_and_others_stand() -> None:
    found = draft(METHOD, {"round_photons": True, "max_trains": 7})
    assert found.errors == {"round_photons": NEEDED}
    assert found.changes == {"max_trains": 7}
    found = draft(METHOD, {"round_photons": True, "round_photons_energy": -1, "max_trains": 0})
    assert list(found.errors) == ["round_photons", "round_photons_energy", "max_trains"]
    assert found.changes == {}


def test_only_what_is_not_as_it_was_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine of ten values are as they were, whatever is typed: judging all took a third of a second for each edit."""
    judged: list[dict[str, Any]] = []
    monkeypatch.setattr(type(METHOD), "with_changes", lambda _, changes: judged.append(changes) or METHOD)
    usual = {one.name: one.default for one in METHOD.knobs()}
    draft(METHOD, usual)
    assert judged == []
    draft(METHOD, {**usual, "max_trains": 7, "round_photons": 0})
    assert judged == [{"max_trains": 7}, {"round_photons": 0}]

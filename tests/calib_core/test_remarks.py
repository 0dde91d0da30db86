"""Remarks: where they hold, and their way through JSON."""

from __future__ import annotations

import json

from calib_core.remarks import Remark, read_remarks

DRIFT = Remark("drift", 3, "HG", 12.5, 9.0, "ADU", "Module 3 drifts.")
ASIC = Remark("ASIC", 3, "", 30.0, 13.5, "ADU", "ASIC 1 differs.", (1,), ((0, 64, 64, 128),), (2, 5))


def test_a_remark_holds_at_its_gain_stage_and_in_its_memory_cells() -> None:
    assert DRIFT.holds({"gain": "HG", "cell": 7})
    assert not DRIFT.holds({"gain": "MG", "cell": 7})
    assert ASIC.holds({"gain": "LG", "cell": 5})
    assert not ASIC.holds({"gain": "LG", "cell": 4})
    assert ASIC.holds({})


def test_remarks_come_back_from_json_and_what_is_none_is_left_out() -> None:
    text = json.dumps([DRIFT.as_json(), {"kind": "drift"}, "words", None, ASIC.as_json()])
    assert read_remarks(json.loads(text)) == (DRIFT, ASIC)
    assert read_remarks(None) == read_remarks({"kind": 1}) == ()

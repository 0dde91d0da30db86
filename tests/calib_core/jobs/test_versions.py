"""Versions of a constant that could be taken: of what was given and of further folders, the nearest first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from calib_core.jobs.constant_rows import NONE, rows_of
from calib_core.jobs.neutral import NEUTRAL
from calib_core.jobs.plan import Plan
from calib_core.jobs.spec import JobSpec
from calib_core.jobs.versions import versions_of

from .test_choice import OTHER_BIAS, at, chosen
from .test_step_constants import TINY, Mask, Offset, put
from .tiny import FAMILY, KIND, plan_of, put_constant


def planned(folder: Path, given: Path, **by_hand: str) -> Plan:
    before = chosen(given, {3: dict(by_hand)}, modules=(3, 5), steps=(Offset(), Mask()))
    spec = JobSpec(family="TINY", method="MAKE", out_folder=folder, inputs={"constants": (str(given),)},
                   constants={3: dict(by_hand)})
    return replace(plan_of(folder), spec=spec, detector=TINY, before=before)


def test_versions_are_of_the_unit_and_kind_and_the_nearest_comes_first(tmp_path: Path) -> None:
    given, other = tmp_path / "given", tmp_path / "other"
    first, last = put(given, number=1, begin_validity=at(-3)), put(given, number=2, begin_validity=at(-300))
    put(given, pdu="TINY_M005")
    later = put(other, number=1, begin_validity=at(30), conditions=OTHER_BIAS)
    put(other, pdu="TINY_M005")
    put_constant(other, name="Noise", number=2)
    own = tmp_path / "own.h5"
    own.write_bytes(put(tmp_path / "x", begin_validity=at(-100)).read_bytes())
    (last.parent / "cal.1.h5").write_bytes(b"nothing")
    found = versions_of(planned(tmp_path, other, Offset=str(own)), 3, "Offset", [given, given, tmp_path / "gone"])
    assert [(one.path, one.age, one.differs) for one in found.found] == [
        (first, "3 h before the run", ""),
        (later, "later than the run by 30 h", "Sensor Bias Voltage differs: 90.0 V and 200.0 V"),
        (own, "4 d before the run", ""), (last, "12 d before the run", "")]
    [told] = found.unread
    assert told.startswith(f"{last.parent / 'cal.1.h5'} cannot be read as a calibration constant")


def test_rows_are_in_the_order_of_steps_and_modules(tmp_path: Path) -> None:
    wanted = put(tmp_path, number=1, begin_validity=at(-3))
    missed = put(tmp_path, number=2, begin_validity=at(-30))
    put(tmp_path, pdu="TINY_M005", begin_validity=at(3))
    before = chosen(tmp_path, {3: {"BadPixelsFF": NEUTRAL}}, modules=(3, 5), steps=(Offset(), Mask()))
    rows = rows_of(before, [Offset(), Mask()], KIND, FAMILY)
    assert [(row.word, row.kind, row.module, row.age, row.usual) for row in rows] == [
        ("offset", "Offset", 3, "3 h before the run", True),
        ("offset", "Offset", 5, "later than the run by 3 h", False),
        ("mask", "BadPixelsDark", 3, NONE, True), ("mask", "BadPixelsDark", 5, NONE, True),
        ("mask", "BadPixelsFF", 3, NEUTRAL, False), ("mask", "BadPixelsFF", 5, NONE, True)]
    assert rows[0].missed == "30 h before the run (another goes before it)"
    assert rows[0].about == (
        str(wanted), "3 h before the run, valid from 2025-06-01 09:00:00 UTC", "compared: Sensor Bias Voltage 200 V",
        "chosen by condition and time", f"just missed: 30 h before the run (another goes before it), {missed}")

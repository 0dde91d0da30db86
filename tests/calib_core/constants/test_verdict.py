"""Numbers of the verdict against NumPy and against what was drawn; equal constants are green."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from calib_core.constants.condition import Condition, ConditionParameter, Found
from calib_core.constants.tested import MARKS, Limits, Test, count, limits_of, worst
from calib_core.constants.verdict import Halves, Stated, compare
from calib_core.detector.registry import detector_types
from calib_core.resource_files import read_resource

from .made import ASIC, FRAMES, NOISE, SHAPE, SPREAD, Drawn, blocks

LIMITS = limits_of("")
BEGIN = datetime(2026, 11, 25, 7, 25, tzinfo=UTC)


def of(tests: tuple[Test, ...], rule: str, stage: str = "HG", module: int = 3) -> Test:
    found = [one for one in tests if (one.rule, one.stage, one.module) == (rule, stage, module)]
    assert len(found) == 1, found
    return found[0]


def spoiled() -> tuple[Drawn, Drawn]:
    """New constants that differ from the accepted ones by what is known, in module 5 alone."""
    a, b = Drawn(1, (3, 5)), Drawn(2, (3, 5))
    a.offset[1, 0, :, :32, 32:] += 0.8 * NOISE
    a.noise[1, 1] *= 1.07
    b.flags[:, :, :, 0, :7] = 1
    a.flags[1, 0, 1, 40:50, 40:50] = 2
    return a, b


def test_limits_of_a_type_are_its_own_and_all_have_a_source() -> None:
    """What a type has not of its own is that of all; the sentence names the type."""
    usual, own = LIMITS, limits_of("ePix100-Type")
    assert set(own) == set(usual)
    assert (usual["shift"].amber, own["shift"].amber, own["shift"].of) == (0.5, 1.5, "ePix100-Type")
    assert own["ratio"] == usual["ratio"]
    types = read_resource("verdict", "limits")["types"]
    known = {one.database_type for one in detector_types()}
    assert set(types) <= known
    for name in ("", *types):
        assert all(one.source and one.amber < one.red for one in limits_of(name).values())
    a, b = spoiled()
    found = of(compare(a, b, own), "shift", module=5)
    assert found.mark == "ok"
    assert found.sentence.endswith("; limits ±1.5, ±4 of ePix100-Type.")
    assert found.marked_bounds == ("±1.5*", "±4*")
    plain = of(compare(a, b, usual), "shift", module=5)
    assert plain.mark == "amber"
    assert plain.sentence.endswith("; limits ±0.5, ±2.")


def test_numbers_are_those_of_numpy() -> None:
    """The worst ASIC by medians over its good pixels, then over memory cells, written here once more."""
    a, b = spoiled()
    tests = compare(a, b, LIMITS)
    bad = (a.flags != 0) | (b.flags != 0)
    shift = np.where(bad, np.nan, (a.offset - b.offset) / b.noise).astype(np.float32)
    ratio = np.where(bad, np.nan, a.noise / b.noise).astype(np.float32)
    explained = np.where(bad, np.nan, (a.noise**2 + b.noise**2) / FRAMES / b.noise**2).astype(np.float32)
    for m, module in enumerate((3, 5)):
        for g, stage in enumerate(("HG", "MG")):
            d, r, e = (blocks(one[m, g]).astype(float) for one in (shift, ratio, explained))
            centre = np.nanmedian(d, axis=2)
            by_asic = np.nanmedian(centre, axis=0)
            worst_asic = int(np.abs(by_asic).argmax())
            found = of(tests, "shift", stage, module)
            assert found.asic == worst_asic
            assert found.value == pytest.approx(by_asic[worst_asic], rel=1e-6)
            spread = 1.4826 * np.nanmedian(np.abs(d - centre[:, :, None]), axis=2)
            beyond = np.nanmedian(spread**2 - np.nanmedian(e, axis=2), axis=0) + centre.var(axis=0)
            assert of(tests, "scatter", stage, module).value == pytest.approx(
                np.sqrt(beyond.clip(0)).max(), rel=1e-4)
            ratios = np.nanmedian(np.nanmedian(r, axis=2), axis=0)
            assert of(tests, "ratio", stage, module).value == pytest.approx(
                ratios[np.abs(ratios - 1).argmax()], rel=1e-6)
            new = 100 * ((a.flags[m, g] != 0) & (b.flags[m, g] == 0)).mean()
            healed = 100 * ((a.flags[m, g] == 0) & (b.flags[m, g] != 0)).mean()
            assert of(tests, "new", stage, module).value == pytest.approx(new)
            assert of(tests, "healed", stage, module).value == pytest.approx(healed)


def test_what_was_drawn_is_found_where_it_is() -> None:
    """Within five statistical errors of the median of an ASIC's pixels in three memory cells, or of one of them."""
    tests = compare(*spoiled(), LIMITS)
    shift, ratio, new = of(tests, "shift", module=5), of(tests, "ratio", "MG", 5), of(tests, "new", module=5)
    pixels = ASIC[0] * ASIC[1]
    assert shift.value == pytest.approx(0.8, abs=5 * 1.2533 * np.sqrt(2 / FRAMES / pixels))
    assert shift.mark == "amber"
    assert shift.asic == 1
    assert ratio.value == pytest.approx(1.07, abs=5 * 1.2533 * np.sqrt(1 / FRAMES / pixels))
    assert ratio.mark == "amber"
    assert new.value == pytest.approx(100 * 100 / (3 * SHAPE[0] * SHAPE[1]))
    assert (new.mark, new.asic) == ("amber", 3)
    assert "by flag: noise out of threshold 100;" in new.sentence
    assert "by flag: offset out of threshold 21;" in of(tests, "healed", module=5).sentence.replace(".", ";")
    assert {one.mark for one in tests if one.module == 3} <= {"ok", "told"}
    assert "ASIC 1" in shift.sentence
    assert "limits ±0.5, ±2" in shift.sentence


def test_shift_of_some_memory_cells_is_scatter() -> None:
    """One of 16 memory cells lies 4 σ away: no median sees it, its variance over memory cells does."""
    a, b = Drawn(1, cells=range(16)), Drawn(2, cells=range(16))
    a.offset[0, 0, 11, 32:, :32] += 4 * NOISE
    tests = compare(a, b, LIMITS)
    assert of(tests, "shift").mark == "ok"
    found = of(tests, "scatter")
    assert found.value == pytest.approx(4 * np.sqrt(15) / 16, rel=0.05)
    assert (found.mark, found.asic, found.cell) == ("amber", 2, 11)


def test_samples_explain_scatter_and_few_of_them_raise_nothing() -> None:
    """Ten samples alone scatter by √(2/10) = 0.45 σ."""
    tests = compare(Drawn(1, frames=10), Drawn(2, frames=10), LIMITS)
    assert of(tests, "scatter").value < 0.2
    assert {one.mark for one in tests} <= {"ok", "told"}


def test_equal_constants_are_green_in_99_of_100() -> None:
    green = 0
    for seed in range(200):
        cells, frames = ((0, 1), 60) if seed % 2 else ((0,), 20)
        a, b = (Drawn(1000 + 2 * seed + i, cells=cells, frames=frames) for i in (0, 1))
        green += {one.mark for one in compare(a, b, LIMITS)} <= {"ok", "told"}
    assert green >= 198


def test_missing_samples_memory_cells_and_modules() -> None:
    a, b = Drawn(1, (3, 5), (0, 1, 2, 3)), Drawn(2, (3, 4, 5), (0, 1, 2, 3, 4))
    a.count[1, 0] = 80
    a.offset[0, 1, 2] = np.nan
    tests = compare(a, b, LIMITS)
    # memory cell 4 is accepted and not there: one of five is missing everywhere
    assert of(tests, "coverage").value == pytest.approx(20.0)
    assert of(tests, "coverage").mark == "amber"
    assert of(tests, "coverage", "MG").value == pytest.approx(40.0)
    assert of(tests, "coverage", "MG").mark == "red"
    low = of(tests, "coverage", "HG", 5)
    assert "20.0 % of the samples and 20.0 % of the memory cells" in low.sentence
    lost = of(tests, "coverage", "", 4)
    assert (lost.mark, lost.sentence) == ("red", "Module 4 is accepted and has no new constants.")
    assert not [one for one in compare(a, b, LIMITS, (3,)) if one.module != 3]


def test_gain_stage_without_a_run_is_told() -> None:
    """Where nobody has it; where it was accepted it is missing."""
    a, b = Drawn(1), Drawn(2)
    a.offset[0, 1] = a.noise[0, 1] = np.nan
    assert of(compare(a, b, LIMITS), "coverage", "MG").mark == "red"
    b.offset[0, 1] = b.noise[0, 1] = np.nan
    tests = compare(a, b, LIMITS)
    assert of(tests, "coverage", "MG").mark == "told"
    assert not [one for one in tests if one.stage == "MG" and one.rule in ("shift", "ratio")]


def test_pixels_that_are_all_bad_are_not_passed_over() -> None:
    a, b = Drawn(1), Drawn(2)
    b.flags[0, 0] = 1
    found = of(compare(a, b, LIMITS), "shift")
    assert found.mark == "amber"
    assert found.number == "not tested"


def test_without_accepted_ones_there_is_nothing_to_compare() -> None:
    a = Drawn(1)
    a.halves = {"HG": [Halves("offset", 0.01, 1.0, 0.01, 4000.0, 0.0)]}
    tests = compare(a, None, LIMITS)
    assert {one.rule for one in tests} == {"coverage", "closure", "condition", "accepted"}
    assert of(tests, "accepted", "").title == "Nothing to compare"
    other = Drawn(2, (9,))
    told = [one for one in compare(a, other, LIMITS, (3,)) if one.rule == "accepted"]
    assert told[0].sentence == "Nothing is accepted of module 3: nothing to compare."


@pytest.mark.parametrize(("mean", "width", "common", "mark"), [
    (0.02, 1.0, 0.0, "ok"), (0.1, 1.0, 0.0, "amber"), (-0.2, 1.0, 0.0, "red"), (0.2, 1.0, 0.3, "ok"),
    (0.0, 1.07, 0.0, "amber"), (0.0, 0.85, 0.0, "red"), (0.06, 1.2, 0.0, "red"),
])
def test_closure_by_mean_and_width(mean: float, width: float, common: float, mark: str) -> None:
    """What pixels share moves all pulls together, so there a mean says less."""
    a = Drawn(1)
    a.halves = {"HG": [Halves("offset", mean, width, 0.01, 4000.0, common)]}
    found = of(compare(a, Drawn(2), LIMITS), "closure")
    assert found.mark == mark
    assert f"{width:.3f}" in found.number


def test_condition_and_age() -> None:
    parameter = ConditionParameter("bias_voltage", "Sensor Bias Voltage", "V", 1.0)

    def at(volts: float, begin: datetime, sure: bool = True) -> Stated:
        condition = Condition((parameter,), {"bias_voltage": Found(volts, "x", sure)})
        return Stated(condition, () if sure else ("Sensor Bias Voltage",), begin)

    a, b = Drawn(1), Drawn(2)
    for mine, theirs, marks in (
        (at(300, BEGIN), at(300.5, BEGIN - timedelta(days=1)), ("ok", "ok")),
        (at(300, BEGIN, False), at(300, BEGIN - timedelta(days=29)), ("amber", "ok")),
        (at(300, BEGIN), at(200, BEGIN - timedelta(days=31)), ("red", "amber")),
    ):
        a.said, b.said = mine, theirs
        tests = compare(a, b, LIMITS)
        assert (of(tests, "condition", "").mark, of(tests, "age", "").mark) == marks
    assert "Sensor Bias Voltage differs: 200 V and 300 V" in of(tests, "condition", "").sentence
    assert "31.0 days older" in of(tests, "age", "").sentence


def test_exchanged_modules_are_told() -> None:
    """Each has a pattern of its own; those of two are exchanged."""
    a, b = Drawn(1, (3, 4, 5)), Drawn(2, (3, 4, 5))
    own = np.random.default_rng(5).normal(0, 40, (3, 1, 1, *SHAPE))
    a.offset += own[[1, 0, 2]]
    b.offset += own
    marks = {one.module: (one.mark, one.number) for one in compare(a, b, LIMITS) if one.rule == "exchange"}
    assert marks == {3: ("red", "like m4"), 4: ("red", "like m3"), 5: ("ok", "none")}


def test_worst_of_each_kind_comes_and_is_counted() -> None:
    tests = compare(*spoiled(), LIMITS)
    rows = worst(tests)
    assert len(rows) == len({(one.rule, one.title) for one in tests})
    by_rule = {one.rule: one for one in rows}
    assert (by_rule["shift"].module, by_rule["shift"].stage, by_rule["ratio"].stage) == (5, "HG", "MG")
    counts = count(tests)
    assert sum(counts.values()) == len(rows)
    assert counts["amber"] == 3
    assert counts["red"] == 0


def test_each_image_is_read_once_and_reading_can_be_left() -> None:
    a, b = spoiled()
    compare(a, b, LIMITS)
    assert len(set(a.looked)) == len(a.looked) == 2 * 2 * 3 * 3

    def leave(module: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(a, b, LIMITS, step=leave)


def test_gains_by_their_relative_change() -> None:
    """4 % of one entry; a change within its errors is none, though it is beyond the limit."""
    gain = replace(SPREAD, name="noise", title="PC", rule="change", entries=("slope HG", "slope MG"))
    a, b = Drawn(1, frames=2000), Drawn(2, frames=2000)
    a.quantities = b.quantities = (gain,)
    a.noise[0, 1] *= 1.04
    found = of(compare(a, b, LIMITS), "change", "slope MG")
    assert found.value == pytest.approx(4, abs=0.2)
    assert found.mark == "red"
    assert of(compare(a, b, LIMITS), "change", "slope HG").mark == "ok"
    assert Limits(1.0, 3.0, 3.0).mark(2.0, 0.8) == "ok"
    assert Limits(1.0, 3.0, 3.0).mark(2.0, 0.5) == "amber"


def test_every_limit_has_its_source_and_marks_have_an_order() -> None:
    from calib_core.resource_files import read_resource

    entries = read_resource("verdict", "limits")
    for one in (*entries["usual"].values(), *(two for each in entries["types"].values() for two in each.values())):
        assert one["source"]
        assert one["amber"] <= one["red"]
    assert MARKS[0] == "red"

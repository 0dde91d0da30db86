"""Tables of a job, what needs several units at once, and whether memory and disk will do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from calib_core.axes import Array, At
from calib_core.characterisation.unit import Context, Maps, Unit
from calib_core.detector import DetectorType
from calib_core.errors import BadParameter
from calib_core.jobs.board import Written
from calib_core.jobs.outputs import check_memory, combine, output_bytes, told, write_tables
from calib_core.jobs.plan import Plan
from calib_core.jobs.results import Results

from .tiny import Tiny, plan_of, results_of


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path)


@pytest.fixture
def results(plan: Plan, tmp_path: Path) -> Iterator[dict[int | None, Results]]:
    """Of two modules; the second has a memory cell less."""
    found: dict[int | None, Results] = {3: results_of(plan, tmp_path), 5: results_of(plan, tmp_path)}
    found[3].write({}, {"spread": np.array([1.5, 2.25]), "peaks": [(4, 0.5), (9, 0.25)]})
    found[5].write({"cell": 1}, {"spread": -3.0})
    yield found
    for one in found.values():
        one.close()


def test_tables_hold_the_rows_of_all_modules(plan: Plan, results: dict[int | None, Results]) -> None:
    written = write_tables(plan, results)
    folder = plan.spec.out_folder
    assert [one.path for one in written] == [folder / "tiny_make_spread.csv", folder / "tiny_make_peaks.csv"]
    assert written[0].path.read_text("utf-8").splitlines() == [
        "# TINY MAKE: Spread", "# Spread of a cell", "module,Memory cell,Spread [ADU]",
        "3,0,1.5", "3,4,2.25", "5,0,nan", "5,4,-3.0"]
    assert written[1].path.read_text("utf-8").splitlines() == [
        "# TINY MAKE: Peaks", "# Peaks found", "module,peak,share", "3,4,0.5", "3,9,0.25"]
    for one in written:
        data = one.path.read_bytes()
        assert (one.what, one.bytes, one.sha256) == ("table", len(data), hashlib.sha256(data).hexdigest())


def test_a_table_is_written_again_in_its_place(plan: Plan, results: dict[int | None, Results]) -> None:
    write_tables(plan, results)
    results[5].write({"cell": 0}, {"spread": 8.0})
    write_tables(plan, results)
    assert "5,0,8.0" in (plan.spec.out_folder / "tiny_make_spread.csv").read_text("utf-8").splitlines()
    assert len(list(plan.spec.out_folder.iterdir())) == 2


def test_a_job_without_a_detector_has_no_column_of_modules(plan: Plan, results: dict[int | None, Results]) -> None:
    alone = replace(plan, context=Context(None, (), {}, plan.context.axes), outputs=plan.outputs[2:3])
    [written] = write_tables(alone, {None: results[3]})
    assert written.path.read_text("utf-8").splitlines()[2:] == ["Memory cell,Spread [ADU]", "0,1.5", "4,2.25"]


class Differences(Tiny):
    """Less the first gain stage."""

    combines: ClassVar[str] = "gain"

    def combined(self, kind: DetectorType | None) -> tuple[str, ...]:
        return ("mean",)

    def combine(self, context: Context, at: At, results: Mapping[str, Array]) -> Maps:
        return {"mean": results["mean"] - results["mean"][0] + at["cell"]}


def test_what_needs_all_gain_stages_is_made_of_each_memory_cell(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, method=Differences())
    shares: list[float] = []
    results = results_of(plan, tmp_path)
    truth = np.arange(24.0).reshape(2, 2, 2, 3) ** 2
    results.write({}, {"mean": truth})
    combine(plan, results, shares.append)
    found = results.stack("mean", ("gain", "cell"), {})
    results.close()
    np.testing.assert_array_equal(found, truth - truth[0] + np.arange(2.0)[:, None, None])
    assert shares == [0.5, 1.0]


def test_a_method_that_combines_nothing_leaves_its_results_alone(
    plan: Plan, results: dict[int | None, Results]
) -> None:
    shares: list[float] = []
    combine(plan, results[3], shares.append)
    assert shares == []
    assert not results[3].has("mean", {"gain": 0, "cell": 0})


@pytest.mark.parametrize(("parts", "needed"), [(1, 3 * 1040 + (2 << 20)), (4, 9 * 1040 + (2 << 20))])
def test_a_unit_that_does_not_fit_is_refused_with_a_budget_that_would_do(
    parts: int, needed: int, plan: Plan
) -> None:
    spec = plan.spec.model_copy(update={"parts": parts, "memory_mb": 400})
    unit = Unit(0, 3, (), (0, 1, 2), 40)
    fitting = replace(plan, spec=spec, outputs=(), units=(unit,), room=needed)
    check_memory(fitting)
    with pytest.raises(BadParameter, match=r"^memory_mb = 400 is too small: characterising one memory cell needs a "
                                           r"budget of 401 MiB\.$"):
        check_memory(replace(fitting, room=needed - 1))


def test_where_not_even_a_part_of_a_constant_fits_it_is_refused(plan: Plan) -> None:
    with pytest.raises(BadParameter, match=r"writing a constant of 2 memory cells needs a budget of \d+ MiB\.$"):
        check_memory(replace(plan, room=(112 << 20) - 1))
    check_memory(replace(plan, room=112 << 20))


@pytest.mark.parametrize(("modules", "outputs", "size"), [
    ((3,), slice(0, 2), 192 + 96 + 96 + 288 + 144), ((3, 5), slice(0, 1), 2 * (192 + 96 + 96 + 288)),
    ((3,), slice(2, 4), 192 + 96 + 96), ((), slice(0, 2), 0),
])
def test_the_disk_needs_room_for_all_images_twice(
    modules: tuple[int, ...], outputs: slice, size: int, plan: Plan
) -> None:
    """Scratch images of the gain stages that there are, and constants of all three."""
    assert output_bytes(replace(plan, modules=modules, outputs=plan.outputs[outputs])) == size


@pytest.mark.parametrize(("what", "words"), [
    ((), "no file"), (("constant",), "1 constant"), (("constant", "table", "constant"), "2 constants, 1 table"),
    (("table",) * 3, "3 tables"),
])
def test_what_was_written_is_told_in_numbers(what: tuple[str, ...], words: str) -> None:
    assert told([Written(Path("a"), one, "", 1) for one in what]) == words

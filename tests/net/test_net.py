"""Constants, maps and sentences of small darks are what they were before the program changed its shape."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest

from calib_core import detectors
from calib_core.characterisation.family import named
from calib_core.cli.command_line import command_line
from calib_core.cli.main import main
from calib_core.errors import BadParameter
from calib_core.jobs.outputs import check_memory
from calib_core.jobs.plan import make_plan
from calib_core.jobs.spec import JobSpec
from calib_core.simulate.run import Simulated

from ..small_modules import small_modules
from .cases import CASES, ESTIMATORS, FAMILIES, SMALL, Case, raw_runs
from .digests import of_constants, of_run
from .running import recorded, run, spec_of

RECORDED = recorded()
BY_NAME = {case.name: case for case in CASES}
#: Cases in which threads, budgets, ways of starting and parts could make a difference: several cells, two passes,
#: two modules, refined passes, a table, parts of a train.
SPLIT = ("agipd two passes", "epix100 auto", "gotthard2 25 um table", "lpd parallel gain")
Make = Callable[[Case], Simulated]
THREADS, BUDGETS = (1, 2, 8), (512, 2048)
#: Threads and budget of each family with each estimator, so that any two of the four meet, and all of the last three.
#: What threads and budgets could spoil belongs to a family, which is how its frames are read and its steps done, or
#: to an estimator, which is what it keeps of them; steps ask of the estimator only whether it has a gate. All were
#: recorded with 2 threads, as many as there were processors, and 2048 MiB.
STARTED = {
    f"small {kind.lower()} {estimator}": (THREADS[(number + turn) % 3], BUDGETS[(number // 3 + turn) % 2])
    for number, kind in enumerate(FAMILIES) for turn, estimator in enumerate(ESTIMATORS)}


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Raw runs of a case; cases of the same data share them."""
    made: dict[str, Simulated] = {}
    root = tmp_path_factory.mktemp("net")  # here, since it goes with who makes it

    def make(case: Case) -> Simulated:
        if case.data not in made:
            made[case.data] = raw_runs(case, root / str(len(made)))
            digests = [of_run(path) for path in made[case.data].runs.values()]
            assert digests == RECORDED["runs"][case.data], "the simulator, not the dark, has changed"
        return made[case.data]

    return make


def constants(case: Case) -> Any:
    return RECORDED["cases"][case.name]["constants"]


def assert_same(case: Case, spec: JobSpec) -> None:
    expected = RECORDED["cases"][case.name]
    found = run(spec, expected["maps"])
    assert found["said"] == expected["said"]
    assert found == expected


@pytest.mark.parametrize("case", [case for case in CASES if case not in SMALL], ids=lambda case: case.name)
def test_results_and_sentences(case: Case, simulated: Make, tmp_path: Path) -> None:
    assert_same(case, spec_of(case, simulated(case), tmp_path))


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_each_family_with_each_estimator(case: Case, simulated: Make, tmp_path: Path) -> None:
    """Started with some threads and some budget of :data:`STARTED`."""
    threads, memory_mb = STARTED[case.name]
    with small_modules(case.kind, *case.shape):
        assert_same(case, spec_of(case, simulated(case), tmp_path, threads=threads, memory_mb=memory_mb))


def test_families_estimators_threads_and_budgets_meet() -> None:
    """Each two of them, and all three of the last; families are all that come with the program and have pixels."""
    modules = [one.name for one in iter_modules(detectors.__path__) if not one.name.startswith("_")]
    kinds = {kind.name for kind in (named(one).kind for one in modules) if kind}
    assert kinds == set(FAMILIES)
    met = [(case.kind, case.parameters["estimator"], *STARTED[case.name]) for case in SMALL]
    choices = (kinds, ESTIMATORS, THREADS, BUDGETS)
    for one, other in combinations(range(4), 2):
        assert {(each[one], each[other]) for each in met} == set(product(choices[one], choices[other]))
    assert {each[1:] for each in met} == set(product(*choices[1:]))


@pytest.mark.parametrize("kind", ["AGIPD1M", "DSSC1M", "JUNGFRAU", "LPD1M"])
def test_budgets_cut_memory_cells_into_other_blocks(kind: str, simulated: Make, tmp_path: Path) -> None:
    """Also for the estimator that needs least memory. The others have as many units with any budget: their memory
    cells are a block each, and one of them needs less than the smaller budget where columns are few."""
    [case] = (one for one in SMALL if one.kind == kind and one.parameters["estimator"] == "plain")
    found = set()
    with small_modules(kind, *case.shape):
        for memory_mb in BUDGETS:
            plan = make_plan(spec_of(case, simulated(case), tmp_path, memory_mb=memory_mb))
            found.add(len(plan.units))
            plan.close()
    assert len(found) == len(BUDGETS)


@pytest.mark.parametrize("name", ["pnccd", "fastccd"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_whole_large_cameras_are_refused_the_smaller_budget(
    estimator: str, name: str, simulated: Make, tmp_path: Path
) -> None:
    """So theirs is tried with few columns above; all other families have it whole."""
    case = replace(BY_NAME[name], parameters={"estimator": estimator})
    plan = make_plan(spec_of(case, simulated(case), tmp_path, memory_mb=512))
    with pytest.raises(BadParameter, match=r"^memory_mb = 512 is too small: characterising one memory cell needs a "
                                           r"budget of \d+ MiB\.$"):
        check_memory(plan)
    plan.close()


@pytest.mark.parametrize(("threads", "memory_mb"), [(8, 448), (1, 2048)])
@pytest.mark.parametrize("name", SPLIT)
def test_any_threads_and_budget(name: str, threads: int, memory_mb: int, simulated: Make, tmp_path: Path) -> None:
    case = BY_NAME[name]
    spec = spec_of(case, simulated(case), tmp_path, threads=threads, memory_mb=memory_mb)
    assert_same(case, spec)


@pytest.mark.parametrize("name", SPLIT)
def test_the_command_line_and_a_job_file(name: str, simulated: Make, tmp_path: Path) -> None:
    case = BY_NAME[name]
    spec = spec_of(case, simulated(case), tmp_path)
    typed = command_line(spec.model_copy(update={"out_folder": tmp_path / "typed"})).split()
    assert main(typed[1:]) == 0
    assert of_constants(tmp_path / "typed") == constants(case)
    job = tmp_path / "job.json"
    job.write_text(spec.model_copy(update={"out_folder": tmp_path / "file"}).model_dump_json())
    assert main(["run", str(job)]) == 0
    assert of_constants(tmp_path / "file") == constants(case)


def test_units_are_the_same_whatever_the_machine(simulated: Make, tmp_path: Path) -> None:
    """Planned in a fresh process that sees one processor, and in one that sees eight and holds 300 MiB more."""
    jobs = [tmp_path / f"{name}.json" for name in SPLIT]
    for job in jobs:
        case = BY_NAME[job.stem]
        job.write_text(spec_of(case, simulated(case), tmp_path / job.stem, memory_mb=640).model_dump_json())
    script = Path(__file__).with_name("units.py")
    found = {
        subprocess.run([sys.executable, script, processors, held, *jobs], capture_output=True, text=True, check=True,
                       cwd=script.parents[2]).stdout
        for processors, held in (("1", "0"), ("8", "300"))
    }
    [units] = found
    assert [bool(json.loads(one)) for one in units.splitlines()] == [True] * len(SPLIT)


#: All estimators, refined passes, tracks of cosmic rays, gain bits, a table, a run with trains that modules lost.
IN_PARTS = (*SPLIT, "agipd plain", "agipd median", "pnccd cosmics", "jungfrau", "agipd normality")


@pytest.mark.parametrize(("name", "parts"), [*((name, 3) for name in IN_PARTS), ("agipd two passes", 2)])
def test_parts_that_are_merged_give_the_same_bits(name: str, parts: int, simulated: Make, tmp_path: Path) -> None:
    """The same frames in several sequences of files, of which each part of a unit reads some."""
    whole = BY_NAME[name]
    trains = whole.settings["trains"]
    case = replace(whole, settings={**whole.settings, "trains_per_sequence": max(1, -(-trains // 5))})
    made = raw_runs(case, tmp_path / "data")
    spec = spec_of(case, made, tmp_path, parts=parts)
    expected = RECORDED["cases"][name]
    found = run(spec, expected["maps"])
    assert found["constants"] == expected["constants"]
    assert found["maps"] == expected["maps"]
    assert not [text for text in found["said"] if " of 2 parts" in text or " of 3 parts" in text]


def test_fewer_sequences_than_parts_are_told(simulated: Make, tmp_path: Path) -> None:
    case = BY_NAME["dssc"]
    found = run(spec_of(case, simulated(case), tmp_path, parts=4))
    assert "WARN p900000 r0001 is done in 1 of 4 parts, since it has no more sequences of files." in found["said"]
    assert found["constants"] == constants(case)

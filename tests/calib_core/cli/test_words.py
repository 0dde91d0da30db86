"""What people type on the command line is taken as they mean it, or refused with one sentence."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from calib_core.cli.main import main
from calib_core.jobs.spec import JobSpec
from calib_core.simulate import default_settings, simulate
from calib_core.store.constants import list_constants

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw folder of three dark runs of one module, below a data root."""
    settings = default_settings("JUNGFRAU").with_changes({"modules": "2", "trains": 12, "proposal": 900808})
    return simulate(settings, tmp_path_factory.mktemp("root")).runs["high"].parent


@pytest.fixture
def spec(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Job file that some words make."""
    monkeypatch.setenv("EXTRA_DATA_DATA_ROOT", str(raw.parents[3]))

    def make(*words: str) -> JobSpec:
        job = tmp_path / "job.json"
        job.unlink(missing_ok=True)
        status = main(["JUNGFRAU", "DARK", "--out-folder", str(tmp_path / "out"), "--write-job", str(job), *words])
        assert status == 0
        return JobSpec.read(job)

    return make


@pytest.mark.parametrize("words", [
    ("--in-folder={raw}", "--run-high", "1"), ("--in-folder={raw}", "--run-high", "R1"),
    ("--in-folder={raw}", "--run-high", "r0001"), ("--proposal", "p900808", "--run-high", "R1"),
    ("--proposal", "P900808", "--run-high", "1"), ("--proposal", "900808", "--run-high", "r1"),
    ("--run-high", "p900808 r1"), ("--run-high", "p900808\u00a0R1"), ("--run-high", "{raw}/r0001"),
])
def test_runs_and_proposals_are_written_in_many_ways(words: tuple[str, ...], raw: Path, spec: Any) -> None:
    assert spec(*(word.format(raw=raw) for word in words)).inputs == {"high": (str(raw / "r0001"),)}


@pytest.mark.parametrize("words", [
    ("--run-high", "p900808 r1-3"), ("--in-folder={raw}", "--run-high", "1-3"),
    ("--in-folder={raw}", "--run-high", "1,2"), ("--proposal", "900808", "--run-high", "1–2"),
])
def test_several_runs_for_one_stage_are_refused(
    words: tuple[str, ...], raw: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXTRA_DATA_DATA_ROOT", str(raw.parents[3]))
    typed = [word.format(raw=raw) for word in words]
    assert main(["JUNGFRAU", "DARK", *typed, "--out-folder", str(tmp_path)]) == 2
    assert "runs, and one is asked for" in capsys.readouterr().err


@pytest.mark.parametrize("run", ["²", "1.5", "r", "one"])
def test_what_is_no_run_is_refused(run: str, raw: Path, tmp_path: Path) -> None:
    assert main(["JUNGFRAU", "DARK", "--in-folder", str(raw), "--run-high", run, "--out-folder", str(tmp_path)]) == 2


@pytest.mark.parametrize(("words", "parameters"), [
    (("--gate-sigma", "5,5"), {"gate_sigma": 5.5}), (("--gate-sigma=5.5",), {"gate_sigma": 5.5}),
    (("--max-trains", "2e3"), {"max_trains": 2000}),
    (("--thresholds-offset-hard-g0", "-1e3", "5e3"), {"thresholds_offset_hard": (-1000.0, 5000.0)}),
    (("--thresholds-offset-hard-g0", "−1,5", "5e3"), {"thresholds_offset_hard": (-1.5, 5000.0)}),
])
def test_numbers_of_parameters(words: tuple[str, ...], parameters: dict[str, Any], raw: Path, spec: Any) -> None:
    found = spec("--in-folder", str(raw), "--run-high", "1", *words).parameters
    [(name, value)] = parameters.items()
    assert tuple(found[name][0]) == value if name.endswith("hard") else found[name] == value


@pytest.mark.parametrize(("words", "conditions"), [
    (("--integration-time", "12,5"), {"integration_time": 12.5}), (("--bias-voltage=1e2",), {"bias_voltage": 100.0}),
])
def test_numbers_of_conditions(words: tuple[str, ...], conditions: dict[str, float], raw: Path, spec: Any) -> None:
    assert spec("--in-folder", str(raw), "--run-high", "1", *words).conditions == conditions


def test_blanks_around_a_detector_do_not_matter(raw: Path, spec: Any) -> None:
    words = ("--in-folder", str(raw), "--run-high", "1", "--karabo-id", " SPB_IRDA_JF4M\u00a0")
    assert spec(*words).detector == "SPB_IRDA_JF4M"


def test_home_is_known_behind_an_equals_sign(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: Any
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    found = spec("--in-folder", str(raw), "--run-high", "1")
    assert found.out_folder == tmp_path / "out"
    job = tmp_path / "home" / "job.json"
    job.parent.mkdir()
    words = ["JUNGFRAU", "DARK", f"--in-folder={raw}", "--run-high=1", "--out-folder=~/c", "--write-job=~/job.json"]
    assert main(words) == 0
    assert JobSpec.read(job).out_folder == tmp_path / "home" / "c"


@pytest.mark.parametrize("words", [
    ("--pdu", "2=A", "--pdu", "2=B"), ("--bias-voltage", "90", "--bias-voltage", "120"),
    ("--modules", "1", "--modules", "2"), ("--max-trains", "5", "--max-trains", "5"),
])
def test_one_thing_said_twice_is_refused(words: tuple[str, ...], raw: Path, tmp_path: Path, capsys: Capture) -> None:
    typed = ["JUNGFRAU", "DARK", "--in-folder", str(raw), "--run-high", "1", "--out-folder", str(tmp_path), *words]
    try:
        status = main(typed)
    except SystemExit as end:
        status = int(str(end.code))
    assert status == 2
    assert "twice" in capsys.readouterr().err


def test_modules_that_are_not_there_are_told_and_the_others_done(raw: Path, tmp_path: Path, capsys: Capture) -> None:
    words = ["JUNGFRAU", "DARK", "--in-folder", str(raw), "--run-high", "1", "--out-folder", str(tmp_path)]
    assert main([*words, "--modules", "1–8"]) == 0
    told = capsys.readouterr()
    assert "has no modules 1,3-8 in this run; it has 2." in told.out
    assert {one.attributes["module"] for one in list_constants(tmp_path)} == {2}
    assert main([*words, "--modules", "5"]) == 1
    assert "has no module 5 in this run; it has 2." in capsys.readouterr().err


def test_words_that_the_shell_separated_stay_so(
    raw: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(raw)
    assert main(["info", "r0001", "r0002"]) == 0
    assert capsys.readouterr().out.count("  started ") == 2
    for name in ("my runs", "o'brien", "a, b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "r0001").symlink_to(raw / "r0001")
        (folder / "r0003").symlink_to(raw / "r0003")
        assert main(["info", str(folder / "r0001"), str(folder / "r0003")]) == 0
        assert capsys.readouterr().out.count("  started ") == 2


def test_a_begin_of_validity_may_be_given_with_its_offset(raw: Path, tmp_path: Path, spec: Any) -> None:
    words = ["JUNGFRAU", "DARK", "--in-folder", str(raw), "--run-high", "1", "--out-folder", str(tmp_path)]
    assert main([*words, "--begin", "2026-05-01T09:00:00+02:00"]) == 0
    begins = {one.begin.isoformat() for one in list_constants(tmp_path)}
    assert begins == {"2026-05-01T07:00:00+00:00"}
    found = spec("--in-folder", str(raw), "--run-high", "1", "--begin", "2026-05-01T09:00")
    assert found.begin.isoformat() == "2026-05-01T09:00:00+00:00"
    assert main([*words, "--begin", "soon"]) == 2


@pytest.mark.parametrize("words", [("--bias-voltage", "-5"), ("--memory-cells", "9999"), ("--gain-mode=0,5",)])
def test_conditions_that_the_detector_cannot_have_are_refused(
    words: tuple[str, ...], raw: Path, tmp_path: Path, capsys: Capture
) -> None:
    typed = ["JUNGFRAU", "DARK", "--in-folder", str(raw), "--run-high", "1", "--out-folder", str(tmp_path), *words]
    assert main(typed) == 2
    assert "is not allowed; it takes" in capsys.readouterr().err


@pytest.mark.parametrize("words", [
    ("--in-folder", "{raw}", "--run-high", "1", "--run-med", ""), ("--in-folder", "", "--run-high", "1"),
    ("--in-folder", "{raw}", "--run-high", "1", "--begin", ""), ("--run-high", "{raw}/r0001", "--write-job", " "),
    ("--run-high", "{raw}/r0001", "--log-file", ""),
], ids=lambda words: [word for word in words if word.startswith("--")][-1])
def test_a_value_that_is_empty_is_refused_by_its_flag(
    words: tuple[str, ...], raw: Path, tmp_path: Path, capsys: Capture
) -> None:
    """As a variable of the shell that is not set: left out it would be the working folder, or a stage without run."""
    flag = words[[not word.strip() for word in words].index(True) - 1]
    with pytest.raises(SystemExit, match="2"):
        main(["JUNGFRAU", "DARK", *(word.format(raw=raw) for word in words), "--out-folder", str(tmp_path / "out")])
    assert f"argument {flag}: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_empty_output_folder_is_not_the_working_folder(raw: Path, tmp_path: Path, capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["JUNGFRAU", "DARK", "--run-high", str(raw / "r0001"), "--out-folder", ""])
    assert "argument --out-folder: A path is empty; give a folder or a file" in capsys.readouterr().err


def test_a_run_in_a_folder_whose_name_is_no_text_is_refused_before_its_dark(
    raw: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Its constants note where they are from, which failed only when all was computed."""
    (tmp_path / "caf\udce9").symlink_to(raw)
    words = ["--run-high", "1", "--in-folder", str(tmp_path / "caf\udce9"), "--out-folder", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match="2"):
        main(["JUNGFRAU", "DARK", *words])
    assert "a path of other bytes than UTF-8 cannot be noted" in capsys.readouterr().err


def test_links_that_lead_in_a_loop_are_named(raw: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert main(["JUNGFRAU", "DARK", "--run-high", str(raw / "r0001"), "--out-folder", str(tmp_path / "loop")]) == 1
    printed = capsys.readouterr().err
    assert "Unexpected error" not in printed
    assert f"ERROR {tmp_path}/loop could not be written: " in printed


def test_the_command_for_a_job_file_can_be_pasted(raw: Path, tmp_path: Path, capsys: Capture) -> None:
    job = tmp_path / "Anna's jobs" / "one.json"
    assert main(["JUNGFRAU", "DARK", "--run-high", str(raw / "r0001"), "--out-folder", "out",
                 "--write-job", str(job)]) == 0
    command = capsys.readouterr().out.partition("run it with: ")[2]
    assert shlex.split(command) == ["calibwb", "run", str(job)]

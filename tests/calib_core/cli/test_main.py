"""The command line: help that is complete, job files, a look at runs, and commands that give back their job."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import pytest

from calib_core import __version__
from calib_core.characterisation.family import families, named
from calib_core.characterisation.method import Method
from calib_core.cli import info
from calib_core.cli.command_line import command_line
from calib_core.cli.main import main
from calib_core.detector import DetectorType
from calib_core.io.locate import parse_runs
from calib_core.jobs.spec import JobSpec
from calib_core.params import Knob
from calib_core.simulate import default_settings, simulate

Capture = pytest.CaptureFixture[str]

METHODS = [(family.name, method.command) for family in families() for method in family.methods]


def kind_and_method(name: str, command: str) -> tuple[DetectorType | None, Method]:
    """The type is none for families of no detector."""
    return named(name).kind, named(name).method(command)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small dark runs of one module."""
    settings = default_settings("AGIPD1M").with_changes({"modules": "3", "memory_cells": 1, "trains": 10})
    return simulate(settings, tmp_path_factory.mktemp("runs")).runs


def help_of(capsys: Capture, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """Help text with its wraps undone."""
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit) as stop:
        main([*words, "--help"])
    assert stop.value.code == 0
    return re.sub(r"\s+", " ", capsys.readouterr().out)


def flags_of(kind: DetectorType | None, one: Knob) -> list[str]:
    if one.kind == "limits_per_stage":
        return [f"{one.flag}-{stage.short.lower()}" for stage in kind.stages]
    return [one.flag]


@pytest.mark.parametrize(("name", "command"), METHODS)
def test_help_of_a_characterisation_tells_every_parameter(
    name: str, command: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = help_of(capsys, monkeypatch, name, command).split("names of the original notebooks:")[0]
    kind, method = kind_and_method(name, command)
    for one in method.knobs():
        for flag in flags_of(kind, one):
            [told] = re.findall(rf"(?<= ){flag}[ ,].*?(?= --[a-z]|$)", text.split("parameters:", 1)[1])
            if one.kind == "bool":
                told = text[text.index(flag):]
            assert re.sub(r"\s+", " ", one.help) in told, flag
            assert one.unit in told, flag
            allowed = "{" + ",".join(one.choices) + "}" if one.choices else one.range_text
            assert allowed in told, flag
    asked = next(one for one in families() if one.name == name).conditions_of(method)
    # slopes of the pulse capacitor have no gain mode, those of the current source no integration time either
    more = {"PC": ["gain_mode"], "CS": ["gain_mode", "integration_time"]}
    left = {"source_energy", "category", *more.get(command, [])}
    assert {one.name for one in named(name).conditions} - {one.name for one in asked} <= left
    for parameter in asked:
        assert f"--{parameter.name.replace('_', '-')} VALUE {parameter.help}" in text
    for one in method.inputs(kind):
        run = "RUN [RUN ...], --runs RUN [RUN ...], --run RUN [RUN ...]" if one.many else "RUN"
        paths = "PATH [PATH ...]" if one.many else "PATH"
        what = f"{run} {one.help or f'run of {one.label}'}" if one.of == "raw" else f"{paths} {one.help}"
        assert f"{one.flag} {what}" in text
    for sentence in (method.use_when, method.caution):
        assert sentence in text


@pytest.mark.parametrize(("words", "told"), [
    ((), ("AGIPD", "JUNGFRAU", "run a job file", "simulate", "demo", "info", "window")),
    (("AGIPD",), ("DARK", "Darks")),
    (("run",), ("job file (JSON)", "--out-folder")),
    (("info",), ("runs or constants", "p900450 r12-14", "--json")),
    (("demo",), ("--folder", "--headless")),
    (("simulate",), ("AGIPD1M", "AGIPD500K", "JUNGFRAU")),
    (("simulate", "JUNGFRAU"), ("--trains", "--drift", "[-1000 to 1000 ADU; default 0]", "--out")),
    (("agipd", "dark"), ("--gate-sigma", "Light on the detector")),
])
def test_help_of_the_other_commands(
    words: tuple[str, ...], told: tuple[str, ...], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = help_of(capsys, monkeypatch, *words)
    for part in told:
        assert part in text


def test_version_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "calib_core.cli.main", "--version"], capture_output=True, text=True,
                          timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, f"calibwb {__version__}\n")


def test_no_command_is_refused(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_info_as_text_and_json(runs: dict[str, Path], capsys: Capture) -> None:
    assert main(["info", str(runs["high"]), str(runs["low"])]) == 0
    text = capsys.readouterr().out
    assert text.count("SPB_DET_AGIPD1M-1 (AGIPD 1M), 1 module\n") == 2
    assert "modules 3: 10 trains, 10 frames, memory cells 0" in text
    assert re.search(r"Sensor Bias Voltage +300.0 V +\(SPB_IRU_AGIPD1M/PSC/HV", text)
    assert main(["info", str(runs["high"]), "--json"]) == 0
    [report] = json.loads(capsys.readouterr().out)
    assert report["path"] == str(runs["high"])
    [detector] = report["detectors"]
    assert detector["condition"]["bias_voltage"]["value"] == 300.0
    assert [(m["number"], m["trains"], m["frames"]) for m in detector["inventory"]["modules"]] == [(3, 10, 10)]


def test_info_of_several_runs_tells_all_that_can_be_read(
    runs: dict[str, Path], tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "r0009").mkdir()
    assert main(["info", str(tmp_path / "r0009"), str(runs["high"])]) == 2
    printed = capsys.readouterr()
    assert f"Run {tmp_path / 'r0009'} cannot be used" in printed.err
    assert "SPB_DET_AGIPD1M-1" in printed.out


def test_info_of_nothing_is_refused(tmp_path: Path, capsys: Capture) -> None:
    assert main(["info", str(tmp_path / "r0001")]) == 2
    assert capsys.readouterr().err == f"calibwb: {tmp_path / 'r0001'} does not exist.\n"


def test_a_job_is_written_and_run(runs: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    job, out = tmp_path / "new" / "job.json", tmp_path / "out"
    given = [word for role, path in runs.items() for word in (f"--run-{role}", path.name.lstrip("r0"))]
    folder = next(iter(runs.values())).parent
    words = ["AGIPD", "DARK", "--in-folder", str(folder), *given, "--out-folder", str(out), "--gate-sigma", "6",
             "--bias-voltage", "290", "--pdu", "3=UNIT_M305", "--write-job", str(job)]
    assert main(words) == 0
    assert f"calibwb run {job}" in capsys.readouterr().out
    assert not out.exists()
    spec = JobSpec.read(job)
    inputs = {role: (str(path),) for role, path in runs.items()}
    assert spec == JobSpec(family="AGIPD", method="DARK", inputs=inputs, out_folder=out,
                           parameters={"gate_sigma": 6.0}, conditions={"bias_voltage": 290.0}, pdus={3: "UNIT_M305"})
    assert main(["run", str(job)]) == 0
    assert {path.parent.name for path in out.rglob("*.h5")} == {"unit_m305"}


def test_a_job_file_that_cannot_be_written_is_said(runs: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "file").write_text("in the way")
    words = ["AGIPD", "DARK", "--run-high", str(runs["high"]), "--out-folder", str(tmp_path), "--write-job",
             str(tmp_path / "file" / "job.json")]
    assert main(words) == 2
    assert re.fullmatch(r"calibwb: \S+job.json could not be written: .*\.\n", capsys.readouterr().err)


def test_an_interrupt_anywhere_ends_with_130(
    runs: dict[str, Path], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(info, "look", interrupted)
    assert main(["info", str(runs["high"])]) == 130
    assert capsys.readouterr().err == "calibwb: interrupted\n"


#: Allowed values of parameters that take not any text.
TEXTS = {"pulses": "3:90:2", "train_ids": "1600000010-1600000050,7", "sequences": "0-2,5",
         "trusted_flags": "NOISY_ADC, USER1",
         "known_stage_regions": "3,0,256,0,512", "rois_regions": "3,0,512,100,300,-1",
         "mask_no_value": "NO_DARK_DATA", "mask_left_out": "noisy adc, user2"}
#: Switches that another one which is not at its default forbids.
APART = ("round_photons",)


def other_value(kind: DetectorType | None, one: Knob, default: Any) -> Any:
    """An allowed value that is not the default, with digits that a short text would lose."""
    if one.kind == "bool":
        return not default
    if one.kind == "choice":
        return next(choice for choice in one.choices if choice != default)
    if one.kind == "limits_per_stage":
        return [[-1.5 * (i + 1), 1234.0625678 + i] for i in range(len(kind.stages))]
    if one.kind == "limits":
        return [-1.5, 1234.0625678]
    if one.kind == "text":
        return TEXTS.get(one.name, "a folder/of another text.h5")
    low, high = one.lower or 0, one.upper or 1
    middle = low + (high - low) * 0.123456789
    value = round(middle) if one.kind == "int" else middle
    return value if value != default else value + 1


CHANGES: dict[str, dict[str, Any]] = {
    "detector": {"detector": "SPB_DET_AGIPD1M-1"},
    "modules": {"modules": (0, 1, 2, 5)},
    "conditions": {"conditions": {"bias_voltage": 291.23456789, "memory_cells": 1.0}},
    "PDUs": {"pdus": {0: "UNIT_M305", 12: "Q1 M2"}},
    "order": {"keep_order": True},
    "memory and threads": {"memory_mb": 4096, "threads": 3},
}


def parsed(line: str, tmp_path: Path) -> JobSpec:
    words = shlex.split(line)
    assert words[0] == "calibwb"
    (tmp_path / "job.json").unlink(missing_ok=True)
    assert main([*words[1:], "--write-job", str(tmp_path / "job.json")]) == 0
    return JobSpec.read(tmp_path / "job.json")


def example(name: str, command: str, tmp_path: Path, **changes: Any) -> JobSpec:
    """A job whose folders have blanks in their names; the runs hold nothing, for nobody looks at them."""
    kind, method = kind_and_method(name, command)
    folders = {one.name: tmp_path / "a folder" / f"r{i:04d}" for i, one in enumerate(method.inputs(kind))}
    for folder in folders.values():
        folder.mkdir(parents=True)
    inputs = {name: (str(folder),) for name, folder in folders.items()}
    return JobSpec(family=name, method=command, inputs=inputs, out_folder=tmp_path / "the out", **changes)


@pytest.mark.parametrize(("name", "command"), METHODS)
def test_a_command_gives_back_every_parameter(name: str, command: str, tmp_path: Path) -> None:
    kind, method = kind_and_method(name, command)
    values = {one.name: other_value(kind, one, one.default) for one in method.knobs() if one.name not in APART}
    spec = example(name, command, tmp_path, parameters=values)
    assert parsed(command_line(spec), tmp_path) == spec
    assert method.with_changes(values).changed_from(method).keys() == values.keys()


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize(("name", "command"), METHODS)
def test_a_command_gives_back_everything_else(name: str, command: str, what: str, tmp_path: Path) -> None:
    kind, method = kind_and_method(name, command)
    known = {parameter.name for parameter in named(name).conditions}
    changes = dict(CHANGES[what])
    if kind is None:
        changes.pop("pdus", None)  # units of constants have their names
    if all(one.of != "raw" for one in method.inputs(kind)):
        changes.pop("keep_order", None)  # runs alone have an order
    if "conditions" in changes:
        changes["conditions"] = {one: value for one, value in changes["conditions"].items() if one in known}
    spec = example(name, command, tmp_path, **changes)
    assert parsed(command_line(spec), tmp_path) == spec


def test_the_demo_shows_the_types_that_are_named():
    from calib_core.cli import demo
    from calib_core.errors import BadParameter

    assert demo.names([]) == ("AGIPD1M", "JUNGFRAU")
    of_name = {kind.name: family.name for family in families() for kind in family.types}
    assert {of_name[name] for name in demo.names(["all"])} == {
        "AGIPD", "DSSC", "EPIX100", "EPIX10K", "FASTCCD", "GOTTHARD2", "JUNGFRAU", "LPD", "PNCCD"}
    assert demo.names(["lpd1m"]) == ("LPD1M",)
    with pytest.raises(BadParameter, match="no demo of “toaster”"):
        demo.names(["toaster"])


def test_the_demo_may_lie_in_a_folder_with_blanks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from calib_core.cli import demo

    folder, opened = tmp_path / "my “demo's” (ü)", []
    runs = [folder / "data" / name for name in ("r0001", "r0002")]
    for run in runs:
        run.mkdir(parents=True)
    (folder / "data" / "JUNGFRAU.txt").write_text("".join(f"{run}\n" for run in runs), "utf-8")
    monkeypatch.setattr(demo, "warm_up", lambda: None)
    monkeypatch.setattr(demo, "open_window", lambda words: opened.extend(words) or 0)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert demo.run(["JUNGFRAU"], folder, headless=True) == 0
    assert parse_runs(opened[opened.index("--runs") + 1]) == runs


@pytest.mark.parametrize(("words", "told"), [
    (("AGIPD", "DARK", "--nonsense"), "calibwb AGIPD DARK: there is no --nonsense."),
    (("LPD", "DARK", "--out-foldr=x"), "calibwb LPD DARK: there is no --out-foldr; did you mean --out-folder?"),
    (("PNCCD", "DARK", "--estimator", "robast"),
     "calibwb PNCCD DARK: argument --estimator: there is no 'robast'; did you mean robust?"),
    (("EPIX100", "DARK", "--max-trains", "few"),
     "calibwb EPIX100 DARK: argument --max-trains: 'few' is not a number."),
    (("LPD", "DARK", "--bias-voltage", "1e999"),
     "calibwb LPD DARK: argument --bias-voltage: '1e999' is not a number."),
    (("simulate", "AGIPD", "--out", "x", "y"), "calibwb simulate AGIPD: 'y' is one word too many."),
    (("AGPID", "DARK"), "calibwb: argument COMMAND: there is no 'AGPID'; did you mean AGIPD?"),
    (("info",), "calibwb info: the following arguments are required: runs."),
])
def test_words_that_are_not_known_get_one_sentence(words: tuple[str, ...], told: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    assert stop.value.code == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == told
    assert second.endswith("--help shows what it takes.")


def test_families_are_in_the_order_of_the_alphabet(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = re.findall(r"characterise (\w+) detectors", help_of(capsys, monkeypatch))
    assert listed == sorted(family.name for family in families())


def test_a_job_file_that_exists_is_not_overwritten(runs: dict[str, Path], tmp_path: Path, capsys: Capture) -> None:
    job = tmp_path / "job.json"
    job.write_text("precious")
    words = ["AGIPD", "DARK", "--run-high", str(runs["high"]), "--out-folder", str(tmp_path), "--write-job", str(job)]
    assert main(words) == 2
    assert f"{job} could not be written: it exists already" in capsys.readouterr().err
    assert job.read_text() == "precious"


@pytest.mark.parametrize("umask", [0o000, 0o077])  # what lies between forbids, or allows, less
def test_only_the_owner_may_write_what_is_written(runs: dict[str, Path], tmp_path: Path, umask: int) -> None:
    out, program = tmp_path / "out", [sys.executable, "-m", "calib_core"]
    job = ["AGIPD", "DARK", "--run-high", str(runs["high"]), "--out-folder", str(out / "constants")]
    for words in ([*job, "--log-file", str(tmp_path / "log")], [*job, "--write-job", str(out / "job" / "a.json")],
                  ["docs", str(out / "docs")]):
        done = subprocess.run([*program, *words], umask=umask, capture_output=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr
    left = [tmp_path / "log", out, *out.rglob("*")]
    wrong = {path: oct(mode) for path in left
             if (mode := path.stat().st_mode & 0o777) & ~(0o755 if path.is_dir() else 0o644) or mode & umask}
    assert wrong == {}


@pytest.mark.parametrize("after", [0.0, 0.1, 0.3, 0.7, 1.2, 2.0])
def test_an_interrupt_at_any_time_ends_with_130(runs: dict[str, Path], tmp_path: Path, after: float) -> None:
    """Also while the program is loaded; counted from when it begins with that."""
    code = """
import sys
from calib_core.cli.start import main

class Told:
    def find_spec(name, path, target=None):
        if name == "calib_core.cli.main":
            print(flush=True)

sys.meta_path.insert(0, Told)
sys.exit(main())
"""
    words = [word for role, path in runs.items() for word in (f"--run-{role}", str(path))]
    with subprocess.Popen([sys.executable, "-c", code, "AGIPD", "DARK", *words, "--out-folder", str(tmp_path)],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(after)
        process.send_signal(signal.SIGINT)
        printed, told = process.communicate(timeout=100)
    assert "Traceback" not in told
    ended = after > 1 and process.returncode == 0 and "done after" in printed  # a quick machine was done by then
    assert process.returncode == 130 or ended


@pytest.mark.parametrize("chunk", [1, 3])
def test_an_interrupt_while_chunks_are_written_leaves_whole_constants_alone(
    runs: dict[str, Path], tmp_path: Path, chunk: int
) -> None:
    code = f"""
import signal, sys
from calib_core.cli.main import main
from calib_core.store import chunks

before, left = chunks._checked, list(range({chunk}))

def checked(values):
    if left and not left.pop():
        signal.raise_signal(signal.SIGINT)
    return before(values)

chunks._checked = checked
status = main(sys.argv[1:])
sys.exit(status if not left else "so many chunks were not written")
"""
    words = [word for role, path in runs.items() for word in (f"--run-{role}", str(path))]
    done = subprocess.run([sys.executable, "-c", code, "AGIPD", "DARK", *words, "--out-folder", str(tmp_path),
                           "--threads", "1"], capture_output=True, text=True, timeout=200, check=False)
    assert "Traceback" not in done.stderr
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in left if "tmp" in path.name]
    whole = [path for path in left if path.suffix == ".h5"]
    assert done.returncode == 130 or (done.returncode, len(whole)) == (0, 4)  # it was done by then
    for path in whole:
        with h5py.File(path) as file:
            file.visititems(lambda name, one: one[()] if isinstance(one, h5py.Dataset) else None)

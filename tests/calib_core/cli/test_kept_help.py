"""Help that is kept is the help that would be made now, or it is made anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from calib_core import detectors
from calib_core.cli import kept_help
from calib_core.numerics import kept_code

WORDS = ("AGIPD", "DARK", "--help")
#: A start as by the command, which tells at its end what it has loaded.
START = ("import sys\nfrom calib_core.cli.start import main\ntry:\n    main()\nexcept SystemExit as end:\n"
         "    print(end.code, file=sys.stderr)\nprint(*sys.modules, file=sys.stderr)")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Folder of what is kept; empty."""
    monkeypatch.setenv(kept_code.FOLDER_VARIABLE, str(tmp_path))
    kept_code.own_folder.cache_clear()
    yield tmp_path / "calibwb" / "kernels"
    kept_code.own_folder.cache_clear()


def started(*words: str, **environment: str) -> tuple[str, set[str]]:
    """What a start prints, and the modules that it has loaded."""
    done = subprocess.run([sys.executable, "-c", START, *words], capture_output=True, text=True, timeout=60,
                          env=os.environ | environment)
    return done.stdout, set(done.stderr.split())


def keep(words: tuple[str, ...]) -> None:
    """A command that was started with these words prints a help."""
    kept_help.expect(words)
    kept_help.keep("help\n")


@pytest.mark.parametrize("words", [("--help",), ("AGIPD", "-h"), WORDS, ("info", "--help")])
def test_the_second_time_is_as_the_first_and_loads_nothing(folder: Path, words: tuple[str, ...]) -> None:
    made, first = started(*words)
    again, second = started(*words)
    assert made.startswith("usage: calibwb")
    assert again == made
    assert {"argparse"} <= first
    assert not {"argparse", "numpy", "pydantic", "yaml"} & second


def test_a_text_is_of_its_words_and_of_the_width_of_the_terminal(folder: Path) -> None:
    cases = [(words, width) for words in (WORDS, ("LPD", "DARK", "--help")) for width in ("60", "119")]
    assert len({started(*words, COLUMNS=width)[0] for words, width in cases * 2}) == len(cases)


@pytest.mark.parametrize(("columns", "width"), [(60, 60), (80, 80), (99, 80), (119, 100), (160, 160), (300, 300)])
def test_few_widths_serve_most_terminals(columns: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert kept_help.width() == width


def test_a_warm_up_keeps_every_help(folder: Path) -> None:
    """Of families, methods, commands and their parts, for terminals of any usual width."""
    subprocess.run([sys.executable, "-c", "from calib_core.cli.warmup import _keep_help\n_keep_help()"], check=True,
                   timeout=60)
    kept = len(list(folder.glob("*.text")))
    assert kept > 4 * 60
    for words, columns in ((WORDS, "131"), (("--help",), "80"), (("store", "inject", "-h"), "160")):
        assert "argparse" not in started(*words, COLUMNS=columns)[1], words
    assert len(list(folder.glob("*.text"))) == kept


@pytest.mark.parametrize("words", [
    ("AGIPD", "DARK", "--gate-sigma", "4", "--help"), ("window", "--help"), ("info", "x"), ()])
def test_nothing_else_is_kept(folder: Path, words: tuple[str, ...]) -> None:
    keep(words)
    assert not kept_help.show(words)


def test_what_is_refused_is_not_kept(folder: Path) -> None:
    assert started("AGIPD", "NOTHING", "--help")[0] == ""
    assert not list(folder.glob("*.text"))


def test_other_characters_and_a_reader_that_goes_away_are_no_errors(folder: Path) -> None:
    plain = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    for _ in range(2):
        for tail in ("", " | head -1"):
            done = subprocess.run(f"{sys.executable} -m calib_core AGIPD DARK --help{tail}", shell=True, timeout=60,
                                  capture_output=True, text=True, env=plain)
            assert done.stdout.startswith("usage: calibwb AGIPD DARK")
            assert done.stderr == ""


def test_families_of_other_packages_are_asked_each_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "elsewhere", lambda: ("a family",))
    keep(WORDS)
    assert not kept_help.show(WORDS)


def test_a_damaged_text_is_not_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep(WORDS)
    assert kept_help.show(WORDS)
    assert capsys.readouterr().out == "help\n"
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert not kept_help.show(WORDS)


def test_without_a_folder_help_is_made_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(kept_code, "_candidates", list)
    keep(WORDS)
    assert not kept_help.show(WORDS)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("change", ["source", "size", "resource", "new file", "package", "memory", "language"])
def test_all_that_help_is_made_of_makes_it_anew(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                change: str) -> None:
    source, resource, packages = tmp_path / "program/deep/one.py", tmp_path / "resources/one.yaml", tmp_path / "site"
    for path in (source, resource, packages / "one-1.dist-info"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr(kept_help, "_FOLDERS", (tmp_path / "program", resource.parent))
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
    keep(WORDS)
    assert kept_help.show(WORDS)
    {"source": lambda: os.utime(source, (1, 1)), "size": lambda: source.write_text("x"),
     "resource": lambda: os.utime(resource, (1, 1)), "new file": (source.parent / "two.py").touch,
     "package": (packages / "two-1.dist-info").touch,
     "memory": lambda: monkeypatch.setattr(kept_help, "default_memory_mb", lambda threads: 77),
     # not the process's own: the C library would tell errors in that language from then on
     "language": lambda: monkeypatch.setattr(os, "environ", {**os.environ, "LANGUAGE": "de"})}[change]()
    assert not kept_help.show(WORDS)

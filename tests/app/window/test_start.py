"""Starting where there is no display, and with the words of the command line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from app.running import display


@pytest.fixture
def bare(monkeypatch):
    """An environment that names no display."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_without_a_display_there_is_one_sentence(bare):
    assert display.lacking_display().startswith("There is no display here; ")
    bare.setenv("QT_QPA_PLATFORM", "offscreen")
    assert display.lacking_display() == ""


@pytest.mark.parametrize("name", [":9431", "localhost:9432.0", "unix:9433"])
def test_a_display_that_is_not_there_is_named(bare, name):
    bare.setenv("DISPLAY", name)
    assert f"The display {name} does not answer" in display.lacking_display()


def test_displays_that_answer_are_used(bare, tmp_path):
    with socket.socket() as server:
        server.bind(("localhost", 0))
        port = server.getsockname()[1]
        server.listen()
        bare.setenv("DISPLAY", f"localhost:{port - 6000}")
        assert display.lacking_display() == ""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-1"))
        server.listen()
        bare.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        bare.setenv("WAYLAND_DISPLAY", "wayland-1")
        assert display.lacking_display() == ""


def call(*words, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run([sys.executable, *words], env={**kept, **environment}, capture_output=True, timeout=60,
                          check=False)


@pytest.mark.parametrize("words", [["-m", "calib_core", "window", "--help"], ["-m", "app", "--help"]])
def test_the_window_has_its_own_help(words):
    done = call(*words, QT_QPA_PLATFORM="offscreen")
    assert done.returncode == 0
    assert b"--theme" in done.stdout


def test_the_command_ends_with_a_small_status_where_nothing_can_be_shown():
    done = call("-m", "calib_core", "window", QT_QPA_PLATFORM="")
    assert done.returncode == 2
    assert done.stderr.startswith(b"calibwb window: There is no display here; ")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_help_is_shown_in_any_encoding(encoding):
    done = call("-m", "calib_core", "AGIPD", "DARK", "--help", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode("utf-8" if encoding == "utf-8" else "ascii")
    assert ("σ" in text) == (encoding == "utf-8")


def test_packages_of_the_same_names_elsewhere_are_not_ours(tmp_path):
    """Beside a notebook, or on a path that another program has set."""
    for name in ("app", "resources"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not this one')\n")
    for words in (["AGIPD", "DARK", "--help"], ["window", "--help"]):
        code = f"import sys; from calib_core.cli.main import main; sys.exit(main({words!r}))"
        own = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
        done = call("-c", code, PYTHONPATH=own, QT_QPA_PLATFORM="offscreen")
        assert done.returncode == 0, done.stderr.decode()


def test_nobody_reading_is_no_error():
    words = f"{sys.executable} -m calib_core AGIPD DARK --help | (exec <&-; sleep 1)"
    done = subprocess.run(words, shell=True, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.stderr == b""


def test_a_window_with_nothing_to_show_takes_its_pictures_and_ends(tmp_path):
    done = call("-m", "calib_core", "window", "--theme", "light", "--pictures", str(tmp_path / "pictures"),
                QT_QPA_PLATFORM="offscreen", CALIBWB_STATE_DIR=str(tmp_path / "state"))
    assert done.returncode == 0, done.stderr.decode()

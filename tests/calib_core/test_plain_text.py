"""Foreign text acts on no screen and in no log, wherever it is shown."""

from __future__ import annotations

import json
import logging
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calib_core.cli.main import main
from calib_core.errors import BadInput, BadParameter
from calib_core.io.inventory import Problem
from calib_core.io.locate import label
from calib_core.jobs.job import Job
from calib_core.jobs.spec import JobSpec
from calib_core.plain_text import PlainFormatter, block, shown
from calib_core.simulate import default_settings, simulate

Capture = pytest.CaptureFixture[str]
#: A name that clears the screen, forges a line, turns the writing round, and is a picture in HTML.
HOSTILE = "r\x1b[2J\nERROR forged\x9b31m\u202e\x07<img src=x>"


@pytest.mark.parametrize(("text", "wanted"), [
    ("p900450 r0012, 25 µm", "p900450 r0012, 25 µm"), ("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\nb\r", "a\\nb\\r"),
    ("\u202e\u2028", "\\u202e\\u2028"), ("caf\udce9", "caf\\xe9"), ("\ud800", "\\ud800"), ("a\u00a0b", "a\u00a0b"),
    ("\x9b31m", "\\x9b31m"), ("“Größe” – π", "“Größe” – π"),
])
def test_what_would_act_is_visible_and_all_else_stays(text: str, wanted: str) -> None:
    assert shown(text) == wanted


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_that_acts_is_left(text: str) -> None:
    found = shown(text)
    assert not {unicodedata.category(one) for one in found} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert shown(found) == found
    found.encode()


def test_further_lines_of_a_block_look_like_no_line_of_their_own() -> None:
    assert block("Traceback\nERROR a\x1b\n") == "Traceback\n  | ERROR a\\x1b"


def test_sentences_of_errors_problems_and_runs_are_one_line() -> None:
    for error in (BadInput(HOSTILE), BadParameter(f"no {HOSTILE}")):
        assert str(error).isprintable()
    assert Problem("warn", "R01", HOSTILE, HOSTILE, HOSTILE).sentence().isprintable()
    assert label(Path("/data") / HOSTILE.replace("/", "")).isprintable()


def test_messages_of_a_job_are_one_line(tmp_path: Path) -> None:
    job = Job(JobSpec(family="AGIPD", method="DARK", out_folder=tmp_path))
    job.say("WARN", HOSTILE)
    job.say("ERROR", f"Traceback\n  {HOSTILE}")
    warning, error = (message.text for message in job.board.messages)
    assert warning.isprintable()
    assert all(line.isprintable() for line in error.split("\n"))
    assert all(line.startswith("  | ") for line in error.split("\n")[1:])


def test_lines_of_a_log_cannot_be_forged() -> None:
    record = logging.LogRecord("calibwb", logging.WARNING, "", 0, "%s is not used", (HOSTILE,), None)
    first, *others = PlainFormatter("%(levelname)s %(message)s").format(record).split("\n")
    assert first.startswith("WARNING r\\x1b[2J")
    assert [line.startswith("  | ") for line in others] == [True]


def hostile_run(tmp_path: Path, kind: str) -> Path:
    """Dark run in a folder of a hostile name, with a file of such a name that is no HDF5."""
    made = simulate(default_settings(kind).with_changes({"trains": 12}), tmp_path / "root").runs
    folder = next(iter(made.values()))
    folder = folder.rename(folder.parent / HOSTILE)
    (folder / f"RAW-{HOSTILE}.h5").write_bytes(b"nothing")
    return folder


@pytest.mark.parametrize("kind", ["EPIX100", "GOTTHARD2"])
def test_names_of_files_act_neither_on_terminal_nor_in_log(kind: str, tmp_path: Path, capsys: Capture) -> None:
    run, log = hostile_run(tmp_path, kind), tmp_path / "job.log"
    assert main(["info", str(run)]) in (0, 2)
    flag = {"EPIX100": "--run-dark", "GOTTHARD2": "--run-high"}[kind]
    words = [kind, "DARK", flag, str(run), "--out-folder", str(tmp_path / "out")]
    job = JobSpec(family=kind, method="DARK", inputs={flag[6:]: (str(run),)}, out_folder=tmp_path / "out")
    file = tmp_path / "job.json"
    file.write_text(job.model_dump_json())
    assert main(words) == 2  # no text of runs has line ends
    assert main(["run", str(file), "--dry-run"]) == 0
    assert main(["run", str(file), "-v", "--log-file", str(log)]) == 0
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, log.read_text("utf-8")):
        assert all(line.isprintable() for line in text.split("\n"))
        assert not any(line.startswith("ERROR forged") for line in text.split("\n"))
        assert "forged" in text
    assert main(["run", str(file), "--json", "--again"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "done"


def test_words_that_are_refused_do_not_act(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main(["AGIPD", "DARK", "--\x1b[2J"])
    assert all(line.isprintable() for line in capsys.readouterr().err.split("\n"))

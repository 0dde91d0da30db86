"""The command line as tests run it: its words, and what it said and left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calib_core.cli.main import main
from calib_core.constants.constant import INTERNAL_DIMS
from calib_core.store.constants import read_constant

Array = Any
Capture = pytest.CaptureFixture[str]
Runs = dict[str, Path]

#: Constants of a module with an analogue gain signal.
KINDS = {"Offset", "Noise", "BadPixelsDark", "ThresholdsDark"}


def words(runs: Runs, out: Path, family: str = "AGIPD") -> list[str]:
    given = [word for role, path in runs.items() for word in (f"--run-{role}", str(path))]
    return [family, "DARK", *given, "--out-folder", str(out)]


class Result:
    """Exit status of the command line, its sentences about what is wrong, and the constants that it left."""

    def __init__(self, argv: list[str], out: Path, capsys: Capture) -> None:
        capsys.readouterr()
        try:
            self.status = main(argv)
        except SystemExit as stop:  # argparse refuses
            self.status = int(stop.code or 0)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        lines = printed.err.splitlines()
        self.said = [line[6:] for line in lines if line.startswith(("INFO", "WARN"))]
        self.warnings = [line[6:] for line in lines if line.startswith("WARN")]
        self.errors = [line.partition(" ")[2] for line in lines if line.startswith(("ERROR", "calibwb"))]
        self.constants = constants_in(out)


def constants_in(out: Path) -> dict[int, dict[str, Array]]:
    """Values of all constants below a folder by module and kind; every file there must be one and whole."""
    found: dict[int, dict[str, Array]] = {}
    for path in out.rglob("*") if out.is_dir() else ():
        if path.is_file():
            if path.name.startswith(("set.", "CORR-", "calibration_metadata_")) or path.suffix in (".csv", ".cxi"):
                continue
            assert path.suffix == ".h5", f"{path} is left over"
            constant = read_constant(path)
            usual = set(constant.dims) <= set(INTERNAL_DIMS)
            values = constant.values() if usual else constant.data()  # others keep the axes of the file
            found.setdefault(constant.attributes["module"], {})[constant.attributes["kind"]] = values
    return found


def refused(argv: list[str], out: Path, capsys: Capture, *told: str) -> None:
    """The command line refuses with one sentence that holds all of ``told``, and leaves no constant."""
    result = Result(argv, out, capsys)
    assert result.status in (1, 2)
    assert result.constants == {}
    assert len(result.errors) == 1, result.errors
    for text in told:
        assert text in result.errors[0]

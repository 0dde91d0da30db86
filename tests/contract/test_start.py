"""The program starts at once: heavy libraries are imported by what uses them, through the doors of their rooms."""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import calib_core
from calib_core.characterisation.family import families
from calib_core.cli.main import _COMMANDS
from calib_core.detectors import names

HEAVY = ("numba", "llvmlite", "h5py", "extra_data", "scipy", "pandas", "PyQt6", "sklearn", "iminuit")
#: Where each library may be imported; the modules of inner loops are loaded by kernels that are called.
DOORS = {"numba": {"kept_kernel.py", "_vectors.py", "_bisect.py", "_operations.py", "_past_caches.py", "_rows.py",
                   "_squares.py", "_sweep.py", "_system.py", "_window.py"},
         "h5py": {"libraries.py", "taster.py"}, "extra_data": {"libraries.py"}, "scipy": set(), "pandas": set(),
         "sklearn": {"opinions.py"}, "iminuit": {"opinions.py"}}


#: As where the program is installed: Python keeps what it compiles.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def modules(*words: str) -> set[str]:
    """Modules that a command has loaded when it ends."""
    code = ("import sys\nfrom calib_core.cli.main import main\n"
            f"try:\n    main({list(words)!r})\nexcept SystemExit:\n    pass\n"
            "print('loaded', *sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


def loaded(*words: str) -> list[str]:
    """Heavy libraries that a command has loaded when it ends."""
    return sorted({name.partition(".")[0] for name in modules(*words)} & set(HEAVY))


def test_nothing_heavy_is_loaded_for_words_alone(tmp_path: Path) -> None:
    """Help of every family and command, one after the other in one process, of which none is kept yet."""
    words = [["--version"], ["--help"], *([name, "DARK", "--help"] for name in names()),
             *([name, "--help"] for name in _COMMANDS), ["simulate", "LPD1M", "--help"],
             ["lpd", "dark", "--nonsense"]]
    code = ("import sys\nfrom calib_core.cli.main import main\n"
            f"for words in {words!r}:\n    try:\n        main(words)\n    except SystemExit:\n        pass\n"
            f"    print('loaded', words, sorted({set(HEAVY)!r} & set(sys.modules)), file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True,
                          env=ENVIRONMENT | {"NUMBA_CACHE_DIR": str(tmp_path)})
    told = [line for line in done.stderr.splitlines() if line.startswith("loaded")]
    assert told == [f"loaded {one} []" for one in words]


def test_what_is_used_is_loaded(tmp_path: Path) -> None:
    """So that the test above can fail."""
    assert "h5py" in loaded("simulate", "JUNGFRAU", "--trains", "1", "--modules", "1", "--out", str(tmp_path))


def test_one_family_loads_no_other() -> None:
    families_loaded = {name for name in modules("LPD", "DARK", "--help") if name.startswith("calib_core.detectors.")}
    assert {name.rpartition(".")[2] for name in families_loaded if "._" not in name} == {"lpd"}


def cost(*words: str) -> float:
    """Processor time of a start of Python, s."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, timeout=60, check=True, env=ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def times_numpy(*words: str) -> float:
    """Least processor time of several starts of the program, in units of that of Python with NumPy, both in turns."""
    found = [(cost("-m", "calib_core", *words), cost("-c", "import numpy")) for _ in range(6)]
    ours, numpys = zip(*found, strict=True)
    return min(ours) / min(numpys)


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("AGIPD", "DARK", "--help")])
def test_words_cost_little_more_than_numpy(words: tuple[str, ...]) -> None:
    """At the second time, from when on help is kept."""
    assert times_numpy(*words) < 1.5


def test_help_that_is_not_kept_costs_no_more_than_its_declarations() -> None:
    """Some thousand classes, of NumPy and pydantic: 2.1 to 5.1, by machines; with numba it would be three more."""
    assert times_numpy("AGIPD", "DARK", "--modules", "1", "--help") < 7


def imports(tree: ast.Module) -> set[str]:
    """Libraries that a module imports anywhere."""
    nodes = list(ast.walk(tree))
    whole = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return {name.partition(".")[0] for name in whole | {
        str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}}


def test_each_library_has_one_door() -> None:
    used = [(path.name, imports(ast.parse(path.read_text("utf-8"))))
            for path in Path(calib_core.__file__).parent.rglob("*.py")]
    assert {name: {path for path, libraries in used if name in libraries} for name in DOORS} == DOORS


def test_the_names_of_files_are_those_of_families() -> None:
    assert list(names()) == sorted(family.name for family in families())

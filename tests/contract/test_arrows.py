"""Imports point one way, the core runs without a window, and one place loops over raw data."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: Explanations are arrays with names, made for whoever draws them; the maps' kernels are compiled as all others.
WIDGETS_MAY_IMPORT = {"numpy", "numba", "PyQt6", "pyqtgraph", "app.widgets", "calib_core.explanation",
                      "calib_core.typed", "calib_core.numerics", *sys.stdlib_module_names}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Absolute names of everything that a file imports, at any depth."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names.add(node.module)
    return names


def loops_over(path: Path, name: str) -> bool:
    """Whether a file has a loop over a call of ``name``."""
    tree = ast.walk(ast.parse(path.read_text("utf-8")))
    iterated = [node.iter for node in tree if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)]
    calls = [node.func for iterable in iterated for node in ast.walk(iterable) if isinstance(node, ast.Call)]
    return any(getattr(func, "id", getattr(func, "attr", "")) == name for func in calls)


def test_import_contracts_are_kept():
    command = [Path(sys.executable).parent / "lint-imports"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_core_runs_without_qt():
    script = (
        "import pkgutil, sys, importlib, calib_core\n"
        "for module in pkgutil.walk_packages(calib_core.__path__, 'calib_core.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(*[name for name in sys.modules if name.split('.')[0] in ('PyQt6', 'pyqtgraph', 'app')])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("path", sources("app/widgets"), ids=lambda path: path.name)
def test_widgets_know_arrays_only(path):
    beginnings = {name: {name.split(".")[0], ".".join(name.split(".")[:2])} for name in imported(path)}
    assert [name for name, parts in beginnings.items() if not parts & WIDGETS_MAY_IMPORT] == []


def test_one_place_loops_over_raw_data():
    looping = [path for path in sources("calib_core", "app") if loops_over(path, "chunks")]
    assert looping == [ROOT / "calib_core" / "characterisation" / "driver.py"]


def test_no_kernel_starts_threads_of_its_own():
    """Threads are the jobs' business; kernels only let them run by giving up the lock."""
    decorators = [
        (path.name, node.lineno, {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords})
        for path in sources("calib_core", "app")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "njit"
    ]
    assert decorators
    assert [d for d in decorators if d[2].get("parallel") or not d[2].get("nogil")] == []

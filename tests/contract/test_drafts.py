"""HDF5 writes into memory and drafts alone: where it cannot write to a disk itself, it ends the process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What a file in memory, a draft, and either of them is called where HDF5 gets it.
FILES = {"image", "draft", "target"}


def writing(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of ``h5py.File`` with another mode than reading."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "h5py.File":
            modes = [*node.args[1:2], *(one.value for one in node.keywords if one.arg == "mode")]
            if any(ast.unparse(mode) != "'r'" for mode in modes):
                yield node


def test_hdf5_gets_no_path_to_write_to() -> None:
    found = [(path, call) for folder in ("calib_core", "app") for path in sorted((ROOT / folder).rglob("*.py"))
             for call in writing(ast.parse(path.read_text("utf-8")))]
    assert len(found) >= 6
    assert [f"{path}:{call.lineno}" for path, call in found if ast.unparse(call.args[0]) not in FILES] == []


def test_a_path_would_be_found() -> None:
    lines = ("h5py.File(path)", "h5py.File(path, 'r')", "h5py.File(path, 'x')", "h5py.File(path, mode='a')")
    calls = writing(ast.parse("\n".join(lines)))
    assert [call.lineno for call in calls] == [3, 4]

"""What the core offers to others is documented in numpydoc sections, which name only what is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("numerics", "correction", "characterisation", "constants", "io", "store", "subjects")
SECTION = re.compile(r"^(?:Parameters|Returns|Yields)\n-{3,}$", re.MULTILINE)
PARAMETERS = re.compile(r"^Parameters\n-{3,}\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", re.MULTILINE | re.DOTALL)

Named = Iterator[tuple[str, ast.FunctionDef]]


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(path for room in ROOMS for path in (ROOT / "calib_core" / room).rglob("*.py")):
        yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def public(body: list[ast.stmt], prefix: str) -> Named:
    """Public functions, and methods of public classes."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield f"{prefix}{node.name}", node


def arguments(function: ast.FunctionDef) -> set[str]:
    args = function.args
    found = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    return {one.arg for one in found if one} - {"self", "cls"}


def documented(function: ast.FunctionDef) -> set[str]:
    """What the section Parameters names; empty where there is none."""
    section = PARAMETERS.search(ast.get_docstring(function) or "")
    entries = [line for line in section[1].splitlines() if line and not line[0].isspace()] if section else []
    return {name.strip().lstrip("*") for line in entries for name in line.split(" : ")[0].split(",")}


def test_public_functions_have_sections():
    """Four of five: the others are those of which one sentence says all."""
    found = [one for name, tree in trees() for one in public(tree.body, f"{name}: ") if arguments(one[1])]
    without = [name for name, function in found if not SECTION.search(ast.get_docstring(function) or "")]
    share = 1 - len(without) / len(found)
    assert share >= 0.8, "\n".join([f"{share:.0%} have sections; without:", *without])


def test_sections_name_only_parameters_that_are_there():
    functions = [
        (f"{name}: {node.name}", node)
        for name, tree in trees() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    ]
    assert any(documented(function) for _, function in functions)
    wrong = {name: documented(function) - arguments(function) for name, function in functions}
    assert {name: sorted(names) for name, names in wrong.items() if names} == {}

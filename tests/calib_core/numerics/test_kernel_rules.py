"""Rules that every kernel of the core obeys, read from the source; and the warm-up that reaches them all."""

from __future__ import annotations

import ast
import inspect
import threading
from pathlib import Path

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

import app
import calib_core
from calib_core.numerics import (
    closure,
    common_mode,
    first_samples,
    limits,
    moments,
    residuals,
    robust,
    split_events,
    tracks,
)
from calib_core.numerics.warmup import warm_up

SOURCES = sorted(path for package in (calib_core, app) for path in Path(package.__file__).parent.rglob("*.py"))
#: They hand the options on to numba.
DOOR = ("kernels.py", "kept_kernel.py")


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def broken_rules(tree: ast.AST) -> list[str]:
    """Jitted functions without nogil and cache, and any parallel=True."""
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    broken = []
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "parallel" and getattr(node.value, "value", None):
            broken.append("parallel=True")
        if name_of(node) in ("njit", "jit") and isinstance(node, ast.Name | ast.Attribute):
            call = called.get(id(node))
            options = {k.arg: getattr(k.value, "value", None) for k in call.keywords} if call else {}
            broken += [f"line {node.lineno}: no {rule}=True" for rule in ("nogil", "cache") if not options.get(rule)]
    return broken


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name not in DOOR], ids=lambda path: path.name)
def test_kernels_release_the_lock_are_cached_and_single_threaded(path):
    assert broken_rules(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("source", [
    "@njit\ndef f(): pass", "@njit(cache=True)\ndef f(): pass", "@numba.njit(nogil=True)\ndef f(): pass",
    "@njit(nogil=True, cache=True, parallel=True)\ndef f(): pass",
])
def test_the_rules_find_what_they_forbid(source):
    assert broken_rules(ast.parse(source))


def kernels():
    """Kernels that Python code calls; those that only kernels call are compiled into them."""
    found = {}
    for module in (closure, first_samples, moments, robust, limits, common_mode, residuals, split_events, tracks):
        functions = [n for n in ast.parse(inspect.getsource(module)).body if isinstance(n, ast.FunctionDef)]
        plain = [node for function in functions if not function.decorator_list for node in ast.walk(function)]
        for name in {name_of(node.func) for node in plain if isinstance(node, ast.Call)}:
            if isinstance(getattr(module, name, None), Dispatcher):
                found[name] = getattr(module, name)
    return list(found.values())


def test_warm_up_reaches_every_kernel_and_reports_progress():
    steps: list[tuple[int, int]] = []
    thread = threading.Thread(target=warm_up, args=(lambda done, all_: steps.append((done, all_)),))
    thread.start()
    thread.join()
    count = steps[0][1]
    assert steps == [(done, count) for done in range(count + 1)]
    assert len(kernels()) >= 5
    assert [kernel.__name__ for kernel in kernels() if not kernel.signatures] == []


def test_warmed_kernels_are_not_compiled_again():
    """The types that the warm-up uses are those that the public functions use, read-only arrays too."""
    warm_up()
    before = {kernel.__name__: len(kernel.signatures) for kernel in kernels()}
    block, slot = np.ones((3, 2, 40), np.uint16), np.zeros(3, np.int64)
    block.flags.writeable = slot.flags.writeable = False
    low, high, count = np.zeros((1, 40), np.uint16), np.ones((1, 40), np.uint16), np.zeros((1, 40), np.uint32)
    low.flags.writeable = False
    sums = moments.Sums(low, high)
    sums.add(block, 1, slot)
    sums.finish(ddof=0, cells=slice(0, 1))
    sums.whole()
    sums.finish()
    moments.whole(block, 1, slot, 1, 0, (low, high))
    gain, first = np.zeros((3, 40), np.uint8), np.zeros((2, 1, 2, 40), np.uint16)
    gain.flags.writeable = False
    sums.add(block, 1, slot, (gain, 0, count))
    for bits in (None, (gain, 0, count)):
        first_samples.keep(block, (0, 1), slot, np.zeros(1, np.int64), first, bits)
    middle = robust.median(block[:, 0], 0, 10)
    robust.median_mad(block[:, 1], 0, 10)
    values = middle.reshape(4, 10)
    soft = limits.group_limits(values, (2, 5), 5, robust=False, floor=1)
    limits.outside(values, *soft, (2, 5), 0, 10)
    images, use = np.ones((2, 4, 10), np.float32), np.ones((2, 4, 10), np.bool_)
    reach = np.ones((4, 10), np.float32)
    for axis in ("block", "row", "column"):
        common_mode.subtract_medians(images, common_mode.near(images, use, reach), (2, 5), axis, 0.25, 10)
    tracks.take_out(images, use, reach, reach, 1)
    split_events.classify(images, use, images, images, 1.0, np.zeros(256, np.int32), (2, 5))
    images.flags.writeable = use.flags.writeable = reach.flags.writeable = False
    residuals.add(images.reshape(4, 20), use.reshape(4, 20), reach.reshape(2, 20)[0],
                  np.zeros(20, np.int64), np.zeros(20, np.int64), np.zeros(20, np.uint32))
    found = closure.quarters(images.reshape(2, 40), slot[:2], reach.ravel(), reach.ravel(), np.zeros(40, np.int64))
    closure.pulls(found, "even and odd trains", np.ones(40, np.bool_), np.zeros(40, np.int64))
    assert {kernel.__name__: len(kernel.signatures) for kernel in kernels()} == before

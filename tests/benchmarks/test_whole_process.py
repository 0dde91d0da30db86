"""Whole processes as a user starts them, against a whole script; and the start of a small dark alone."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import h5py
import numpy as np
import pytest

from calib_core.simulate import Simulated, default_settings, simulate
from calib_core.store.constants import list_constants

MODULE = 2
#: The least memory that a job may be given, and what it takes else, MiB.
LEAST, USUAL = 384, 2048
#: Trains and memory cells of jobs that tell how time and memory grow: as many from the first to the second as on.
TRAINS, CELLS = (60, 240, 420), (32, 64, 96)
#: What a line through the first two says of the third, of what it takes: 1 where time is linear, but for its scatter.
GROWTH_GOAL = 0.95
#: What a user has else: mean or median and deviation of both planes, thresholds, bad pixels, a file.
SCRIPT = """
import sys
import h5py
import numpy as np
from extra_data import RunDirectory

*runs, source, estimator, out = sys.argv[1:]
centre = getattr(np, estimator)
offset, noise = [], []
for path in runs:
    run = RunDirectory(path)
    data, cell = run[source, "image.data"].ndarray(), run[source, "image.cellId"].ndarray().ravel()
    cells = [data[cell == one].astype(np.float32) for one in range(cell.max() + 1)]
    offset.append([centre(one, axis=0) for one in cells])
    noise.append([one.std(axis=0) for one in cells])
offset, noise = np.array(offset), np.array(noise)
thresholds = (offset[:-1, :, 1] + offset[1:, :, 1]) / 2
away = np.abs(offset[:, :, 0] - np.median(offset[:, :, 0], axis=(2, 3), keepdims=True))
bad = away > 5 * offset[:, :, 0].std(axis=(2, 3), keepdims=True)
with h5py.File(out, "w") as file:
    for name, values in {"Offset": offset[:, :, 0], "Noise": noise[:, :, 0], "ThresholdsDark": thresholds,
                         "BadPixelsDark": bad.astype("u4")}.items():
        file[name] = values.transpose(3, 2, 1, 0).astype("f8" if name != "BadPixelsDark" else "u4")
"""
#: A window until all of its empty maps are painted, and no less than an empty window of the same libraries.
WINDOW = """
import os
import sys
from pathlib import Path
from PyQt6.QtWidgets import QApplication
from app.widgets.histogram_bar import HistogramBar
from app.window.main_window import MainWindow

app, painted, really = QApplication([]), set(), HistogramBar.paintEvent
HistogramBar.paintEvent = lambda self, event: (painted.add(self), really(self, event))[1]
window = MainWindow(Path(sys.argv[1]))
window.show()
while len(painted) < 4:
    app.processEvents()
os._exit(0)
"""
EMPTY_WINDOW = """
import os
import h5py, numpy, pydantic, pyqtgraph
from PyQt6.QtWidgets import QApplication, QMainWindow

app = QApplication([])
window = QMainWindow()
window.setCentralWidget(pyqtgraph.PlotWidget())
window.show()
app.processEvents()
os._exit(0)
"""
#: What a whole job cannot do without: its files read, and what it wrote hashed.
BARE = """
import hashlib
import sys
from pathlib import Path
import h5py
import numpy as np

name, out, *runs = sys.argv[1:]
buffer = np.empty((32, 2, 512, 128), np.uint16)
for path in (path for run in runs for path in sorted(Path(run).glob("RAW-*-AGIPD0*.h5"))):
    with h5py.File(path) as file:
        data = file[name]
        for row in range(0, len(data), 32):
            n = min(32, len(data) - row)
            data.read_direct(buffer, np.s_[row : row + n], np.s_[:n])
for path in Path(out).rglob("cal.*.h5"):
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
"""
#: The program, which tells at its end how much memory it held.
PEAK = """
import re
import sys
from pathlib import Path
from calib_core.cli.main import main

status = main(sys.argv[1:])
print(int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
sys.exit(status)
"""
#: The least that a process with a kernel needs.
KERNEL = """
import h5py
import numpy as np
from numba import njit

@njit(cache=True)
def total(values):
    found = 0.0
    for one in values:
        found += one
    return found

total(np.ones(3))
"""


#: Fixed kernels that the kernels of a first dark may take as long to compile as: 0.6 of what it was, 1.1.
COLD_GOAL = 0.66
#: Something of fixed size to compile.
SORTING = """
import numpy as np
from numba import njit

@njit(cache=True)
def middles(values, parts):
    order = np.argsort(values)
    return np.sort(values)[0] + np.median(values[order]) + np.percentile(values, parts).sum()

middles(np.arange(9.0), np.array([5.0, 95.0]))
"""


#: As where the program is installed: Python keeps what it compiles.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def processor_time(words: list[str], **variables: str) -> float:
    """Seconds of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, capture_output=True, env={**ENVIRONMENT, **variables})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def peak_of(words: list[str]) -> float:
    """Most memory of the program, MiB; what the system tells of a child begins with that of who started it."""
    done = subprocess.run([sys.executable, "-c", PEAK, *words[words.index("calib_core") + 1:]], check=True,
                          capture_output=True, text=True, env=ENVIRONMENT)
    return float(done.stdout.split()[-1])


def compare(bars, name: str, ours: Callable[[], list[str]], other: list[str], goal: float, rounds: int = 5) -> float:
    """Report the other process's time over ours, and both; returns ours."""
    times: list[tuple[float, float]] = []
    for turn in range(rounds + 1):
        found = processor_time(ours()), processor_time(other)
        times += [found] if turn else []  # the first fills caches
    ours_took, other_took = (median(one) for one in zip(*times, strict=True))
    bars.ratio(name, [b / a for a, b in times], goal, f"ours={ours_took:.2f} s other={other_took:.2f} s ")
    return ours_took


def tell_two_threads(bars, name: str, words: list[str], one_thread: float) -> None:
    """What the clock says of two threads beside the processor's time of one, which judges the machine too."""
    begin = perf_counter()
    processor_time(words)
    clock = perf_counter() - begin
    bars.line(f"{name}_two_threads {clock:.2f} s of the clock, one thread {one_thread:.2f} s of a processor, "
              f"ratio={one_thread / clock:.2f}")


def simulated(folder: Path, cells: int, trains: int) -> Simulated:
    return simulate(default_settings("AGIPD1M").with_changes(
        {"modules": str(MODULE), "memory_cells": cells, "trains": trains}), folder)


def dark(made: Simulated, out: Path, *words: str, threads: int = 1) -> list[str]:
    """The command line of a dark; what it wrote before is removed."""
    shutil.rmtree(out, ignore_errors=True)
    runs = [word for role, path in made.runs.items() for word in (f"--run-{role}", str(path))]
    return [sys.executable, "-m", "calib_core", "AGIPD", "DARK", *runs, "--out-folder", str(out),
            "--threads", str(threads), "-q", *words]


@pytest.mark.parametrize(("cells", "trains", "estimator", "as_script", "goal"), [
    (16, 60, "plain", "mean", 1.0), (16, 60, "robust", "median", 4.5),
    (64, 40, "plain", "mean", 1.3), (64, 40, "robust", "median", 5.0),
])
def test_a_dark_against_a_script(cells, trains, estimator, as_script, goal, tmp_path, bars) -> None:
    made, out, file = simulated(tmp_path / "raw", cells, trains), tmp_path / "constants", tmp_path / "script.h5"
    (tmp_path / "script.py").write_text(SCRIPT)
    script = [sys.executable, str(tmp_path / "script.py"), *map(str, made.runs.values()),
              f"SPB_DET_AGIPD1M-1/DET/{MODULE}CH0:xtdf", as_script, str(file)]
    subprocess.run(script, check=True)
    subprocess.run(dark(made, out, "--estimator", estimator), check=True)
    [offset] = [one.data() for one in list_constants(out) if one.calibration == "Offset"]
    known = ~np.isnan(offset)  # the script calls nothing without data
    assert known.mean() > 0.99
    with h5py.File(file) as by_script:
        far = np.abs(offset - by_script["Offset"][()])[known]
    if estimator == "plain":
        assert far.max() < 0.01  # the script sums in float32
    else:  # a median is good to 1.25 / √trains of its samples' noise of 11 ADU
        assert np.median(far) < 1.8 * np.sqrt(60 / trains)
    name = f"whole_process_{estimator}" + ("" if cells == 16 else f"_{cells}_cells")
    ours = compare(bars, name, lambda: dark(made, out, "--estimator", estimator), script, goal,
                   3 if (cells, estimator) == (64, "robust") else 5)
    tell_two_threads(bars, name, dark(made, out, "--estimator", estimator, threads=2), ours)
    bars.line(f"{name}_memory one thread holds {peak_of(dark(made, out, '--estimator', estimator)):.0f} MiB")


def test_start_of_a_small_dark(tmp_path, bars) -> None:
    """Against the start of Python with h5py, numba and one kernel, at most 1.4 of which it is to take."""
    made = simulated(tmp_path / "raw", 1, 10)
    (tmp_path / "kernel.py").write_text(KERNEL)
    compare(bars, "start_of_a_small_dark", lambda: dark(made, tmp_path / "constants"),
            [sys.executable, str(tmp_path / "kernel.py")], 1 / 1.4)


def test_a_window_until_it_is_painted(tmp_path, bars) -> None:
    """Against one that shows a plot and nothing else."""
    compare(bars, "window_painted", lambda: [sys.executable, "-c", WINDOW, str(tmp_path)],
            [sys.executable, "-c", EMPTY_WINDOW], 1 / 4)


@pytest.mark.parametrize(("name", "words"), [
    ("version", ("--version",)), ("help", ("--help",)), ("help_of_a_family", ("AGIPD", "--help")),
    ("help_of_a_method", ("AGIPD", "DARK", "--help"))])
def test_words_alone(name, words, bars) -> None:
    """Against the import of NumPy, at most 1.5 of which they are to take; help is kept when kernels are compiled."""
    compare(bars, name, lambda: [sys.executable, "-m", "calib_core", *words],
            [sys.executable, "-c", "import numpy"], 1 / 1.5, 9)


def test_help_that_is_made(bars) -> None:
    """Help is not kept for words with a value: what its declarations take."""
    compare(bars, "help_beside_other_words",
            lambda: [sys.executable, "-m", "calib_core", "AGIPD", "DARK", "--modules", "1", "--help"],
            [sys.executable, "-c", "import numpy"], 1 / 1.5, 9)


def test_kernels_that_nobody_has_compiled(tmp_path, bars) -> None:
    """What a first dark costs more than a second one, against what one fixed kernel does."""
    made = simulated(tmp_path / "raw", 1, 10)
    (tmp_path / "kernel.py").write_text(SORTING)
    words = dark(made, tmp_path / "constants"), [sys.executable, str(tmp_path / "kernel.py")]

    def starts(command: list[str], turn: int) -> tuple[float, float]:
        """Seconds of the first start with an empty folder of kernels, and of the second one."""
        shutil.rmtree(tmp_path / "constants", ignore_errors=True)
        empty = str(tmp_path / f"kernels_{turn}")
        cold = processor_time(command, NUMBA_CACHE_DIR=empty)
        shutil.rmtree(tmp_path / "constants", ignore_errors=True)
        return cold, processor_time(command, NUMBA_CACHE_DIR=empty)

    found = np.array([[starts(words[0], 2 * turn), starts(words[1], 2 * turn + 1)] for turn in range(5)])
    (cold, warm), more = np.median(found[:, 0], axis=0), found[..., 0] - found[..., 1]
    ours, fixed = np.median(more, axis=0)
    bars.ratio("cold_kernels_of_a_dark", [float(b / a) for a, b in more], 1 / COLD_GOAL,
               f"ours={ours:.2f} s (cold {cold:.2f} s, warm {warm:.2f} s) fixed kernel={fixed:.2f} s ")


def test_a_share_of_a_busy_machine(tmp_path, bars, busy) -> None:
    """A job beside two processes of others gets its part of the processors."""
    made = simulated(tmp_path / "raw", 64, 40)
    found = []
    with busy(2):
        for _ in range(3):
            words = dark(made, tmp_path / "constants")
            begin = perf_counter()
            used = processor_time(words)
            found.append(used / (perf_counter() - begin))
    bars.ratio("share_beside_two_processes", found, 0.3, wall=True)


def test_a_whole_job_against_reading_and_hashing(tmp_path, bars) -> None:
    """A robust dark of all memory cells of a module: 8.3 GB are read and 1.7 GB written."""
    made, out = simulated(tmp_path / "raw", 352, 30), tmp_path / "constants"
    (tmp_path / "bare.py").write_text(BARE)
    source = f"INSTRUMENT/SPB_DET_AGIPD1M-1/DET/{MODULE}CH0:xtdf/image/data"
    ours = compare(bars, "whole_job_352_cells", lambda: dark(made, out), [
        sys.executable, str(tmp_path / "bare.py"), source, str(out), *map(str, made.runs.values())], 1 / 6, 3)
    tell_two_threads(bars, "whole_job_352_cells", dark(made, out, threads=2), ours)
    for memory in (USUAL, LEAST):
        most = peak_of(dark(made, out, "--memory-mb", str(memory)))
        bars.ratio(f"whole_job_352_cells_memory_{memory}", [1.1 * memory / most], 1, f"{most:.0f} MiB ")
        assert most <= 1.1 * memory  # times have some more room, since others use the machine too


def test_one_more_train_against_a_script(tmp_path, bars) -> None:
    """What 60 more trains of 16 memory cells cost a whole process, and the script of means."""
    (tmp_path / "script.py").write_text(SCRIPT)
    both = {trains: simulated(tmp_path / str(trains), 16, trains) for trains in (60, 120)}

    def times(trains: int) -> tuple[float, float]:
        runs = map(str, both[trains].runs.values())
        script = [sys.executable, str(tmp_path / "script.py"), *runs, f"SPB_DET_AGIPD1M-1/DET/{MODULE}CH0:xtdf",
                  "mean", str(tmp_path / "script.h5")]
        return processor_time(dark(both[trains], tmp_path / "out", "--estimator", "plain")), processor_time(script)

    found = [[times(trains) for trains in (60, 120)] for _ in range(6)][1:]  # the first fills caches
    more = [np.subtract(long, short) for short, long in found]
    bars.ratio("one_more_train", [float(script / max(ours, 1e-3)) for ours, script in more], 8,
               f"ours={median(one[0] for one in more) / 60 * 1e3:.1f} ms ")


def tell_growth(bars, name: str, sizes: tuple[int, int, int], words: Callable[[int], list[str]]) -> list[float]:
    """Report the time of the last of three sizes as a line through the others has it, over what it takes.

    Returns the most memory of each size, MiB.
    """
    rounds = [[processor_time(words(size)) for size in sizes] for _ in range(6)]
    times, most = np.array(rounds[1:]), [peak_of(words(size)) for size in sizes]  # the first fills caches
    typical = np.median(times, axis=0)
    told = ", ".join(f"{size}: {time:.2f} s {held:.0f} MiB"
                     for size, time, held in zip(sizes, typical, most, strict=True))
    bars.ratio(name, [float((2 * second - first) / third) for first, second, third in times], GROWTH_GOAL,
               f"{told}; {1e3 * (typical[2] - typical[0]) / (sizes[2] - sizes[0]):.2f} ms each ")
    return most


@pytest.mark.parametrize("estimator", ["plain", "robust"])
def test_growth_with_trains(estimator, tmp_path, bars) -> None:
    """Time is linear in them; robust samples of more than 128 are only summed. Memory stays as it is."""
    made, out = simulated(tmp_path / "raw", 16, TRAINS[-1]), tmp_path / "constants"
    name = f"growth_in_trains_{estimator}"
    _, fewer, most = tell_growth(bars, name, TRAINS, lambda trains: dark(
        made, out, "--estimator", estimator, "--max-trains", str(trains)))
    bars.ratio(f"{name}_memory", [1.1 * fewer / most], 1, f"{fewer:.0f} to {most:.0f} MiB ")


def test_growth_with_memory_cells(tmp_path, bars) -> None:
    """Time is linear in them. What a constant's file takes grows until the budget, and all together stays within."""
    made = {cells: simulated(tmp_path / str(cells), cells, 30) for cells in CELLS}
    *_, most = tell_growth(bars, "growth_in_cells", CELLS, lambda cells: dark(made[cells], tmp_path / "constants"))
    bars.ratio("growth_in_cells_memory", [1.1 * USUAL / most], 1, f"{most:.0f} of {USUAL} MiB ")
